/*
 * Clocks that count CPU time.
 *
 * Besides the two fixed numbers there is a clock for every process and thread: the number is
 * ~pid << 3, plus 4 for a thread, plus what it counts (0 user and system, 1 user, 2 all).
 */
#include <kernel/time/time_impl.h>
#include <kernel/rcu/rcu.h>
#include <kernel/sched/sched.h>
#include <kernel/task/task.h>
#include <kern/errno.h>

#define CPU_CLOCK_THREAD 4u
#define CPU_CLOCK_WHAT 3u

enum cpu_clock_what { CPU_PROF, CPU_VIRT, CPU_SCHED, CPU_FD };

static u64 cpu_clock_of_task(struct task *t, enum cpu_clock_what what)
{
	u64 user, system;

	if (what == CPU_SCHED)
		return sched_task_runtime_ns(t);
	sched_task_times(t, &user, &system);
	return what == CPU_VIRT ? user : user + system;
}

u64 cpu_clock_of_process(struct process *p, unsigned int what)
{
	u64 ns = what == CPU_VIRT   ? p->utime_ns
		 : what == CPU_PROF ? p->utime_ns + p->stime_ns
				    : p->sum_exec_ns;
	struct task *t;

	rcu_read_lock();
	list_for_each_entry_rcu(t, &p->threads, thread_link) ns += cpu_clock_of_task(t, what);
	rcu_read_unlock();
	return ns;
}

static int cpu_clock_by_id(int clockid, bool read, u64 *out_ns)
{
	enum cpu_clock_what what = (unsigned int)clockid & CPU_CLOCK_WHAT;
	int pid = ~(clockid >> 3), err = 0;
	struct task *t;

	if (clockid >= 0 || what == CPU_FD)
		return -EINVAL;
	if ((unsigned int)clockid & CPU_CLOCK_THREAD) {
		t = pid ? task_find(pid) : task_get(current);
		if (!t || t->process != current->process)
			err = -EINVAL;
		else if (read)
			*out_ns = cpu_clock_of_task(t, what);
		task_put(t);
	} else {
		struct process *p = pid ? process_find(pid) : process_get(current->process);

		if (!p)
			return -EINVAL;
		if (read)
			*out_ns = cpu_clock_of_process(p, what);
		process_put(p);
	}
	return err;
}

int cpu_clock_read(int clockid, u64 *out_ns)
{
	switch (clockid) {
	case CLOCK_PROCESS_CPUTIME_ID:
		*out_ns = cpu_clock_of_process(current->process, CPU_SCHED);
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*out_ns = sched_task_runtime_ns(current);
		return 0;
	default:
		return cpu_clock_by_id(clockid, true, out_ns);
	}
}

int cpu_clock_check(int clockid)
{
	if (clockid == CLOCK_PROCESS_CPUTIME_ID || clockid == CLOCK_THREAD_CPUTIME_ID)
		return 0;
	return cpu_clock_by_id(clockid, false, NULL);
}
