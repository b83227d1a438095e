/*
 * membarrier(2): orders memory for threads that do not order it themselves.
 *
 * An interrupt and its return order memory and serialise the core, so the kinds differ only in whom
 * they interrupt: the CPUs that run a thread of the same memory, or of any memory that registered
 * (which copies inherit and exec ends).
 * A CPU that switches to such a thread at this moment has passed the full barrier of the run
 * queue's lock. The command for restartable sequences also has those of the threads abort.
 */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kernel/rcu/rcu.h>
#include <kernel/syscall/syscall.h>
#include <asm/smp.h>
#include <linux/membarrier.h>

#define MEMBARRIER_KNOWN                                                                          \
	(MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |                                \
	 MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED |            \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |                                    \
	 MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)

static void barrier_here(void *arg)
{
	(void)arg;
	smp_mb();
}

/* The interrupted thread starts its sequence over on its way to user mode. */
static void restart_sequence(void *arg)
{
	struct task *t = current;

	(void)arg;
	smp_mb();
	if (t->rseq)
		__atomic_fetch_or(&t->work, WORK_RSEQ, __ATOMIC_RELAXED);
}

static bool is_wanted(struct task *t, const struct mm *mm)
{
	if (mm)
		return READ_ONCE(t->mm) == mm;
	/* It may exec or end meanwhile. */
	spin_lock(&t->alloc_lock);
	bool wanted =
		t->mm && (READ_ONCE(t->mm->membarrier) & MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);

	spin_unlock(&t->alloc_lock);
	return wanted;
}

/* Other CPUs that run a thread of @mm; NULL: of memory that wants the global command. */
static struct cpumask cpus_of(const struct mm *mm)
{
	struct cpumask cpus = cpumask_without(cpumask_read(&cpu_online_mask), cpu_id()), out = {0};
	unsigned int cpu;

	rcu_read_lock();
	for_each_cpu (cpu, cpus) {
		struct task *t = sched_cpu_task(cpu);

		if (t && is_wanted(t, mm))
			cpumask_set(&out, cpu);
	}
	rcu_read_unlock();
	return out;
}

static long private_barrier(u32 registered, void (*fn)(void *arg), int cpu)
{
	struct cpumask cpus;

	if (!(READ_ONCE(current->mm->membarrier) & registered))
		return -EPERM;
	smp_mb();
	cpus = cpus_of(current->mm);
	if (cpu >= 0)
		cpus = (unsigned int)cpu < NR_CPUS_MAX ? cpumask_and(cpus, CPUMASK_OF(cpu))
						       : CPUMASK_NONE;
	if (!cpumask_empty(cpus))
		smp_call(cpus, fn, NULL, true);
	smp_mb();
	return 0;
}

static long global_barrier(struct cpumask cpus)
{
	smp_mb();
	if (!cpumask_empty(cpus))
		smp_call(cpus, barrier_here, NULL, true);
	smp_mb();
	return 0;
}

long sys_membarrier(int cmd, unsigned int flags, int cpu_id_arg)
{
	int cpu = flags & MEMBARRIER_CMD_FLAG_CPU ? cpu_id_arg : -1;

	if (flags &&
	    (cmd != MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ || flags != MEMBARRIER_CMD_FLAG_CPU))
		return -EINVAL;
	switch (cmd) {
	case MEMBARRIER_CMD_QUERY:
		return MEMBARRIER_KNOWN;
	case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ:
		__atomic_fetch_or(&current->mm->membarrier, (u32)cmd, __ATOMIC_SEQ_CST);
		return 0;
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
		return private_barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, barrier_here, -1);
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
		return private_barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
				       barrier_here, -1);
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ:
		return private_barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
				       restart_sequence, cpu);
	case MEMBARRIER_CMD_GLOBAL:
		return global_barrier(cpumask_without(cpumask_read(&cpu_online_mask), cpu_id()));
	case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
		return global_barrier(cpus_of(NULL));
	}
	return -EINVAL;
}
