/*
 * What tasks have used: times(2), getrusage(2), and the sums that outlive threads.
 *
 * The scheduler's run time of a task is exact and split by samples (kernel/sched/account.c); what
 * is folded into a process when a thread goes is that split.
 */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/syscall/syscall.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/times.h>

void task_times(struct task *t, u64 *utime_ns, u64 *stime_ns)
{
	sched_task_times(t, utime_ns, stime_ns);
}

/* The process's own time; threads are walked under RCU. */
static void own_times(struct process *p, u64 *utime, u64 *stime)
{
	struct task *t;

	rcu_read_lock();
	*utime = READ_ONCE(p->utime_ns);
	*stime = READ_ONCE(p->stime_ns);
	list_for_each_entry_rcu(t, &p->threads, thread_link)
	{
		u64 u, s;

		task_times(t, &u, &s);
		*utime += u;
		*stime += s;
	}
	rcu_read_unlock();
}

void process_times(struct process *p, struct process_times *out)
{
	own_times(p, &out->utime_ns, &out->stime_ns);
	out->cutime_ns = READ_ONCE(p->cutime_ns);
	out->cstime_ns = READ_ONCE(p->cstime_ns);
}

void usage_fold_thread(struct task *t)
{
	struct process *p = t->process;
	u64 u, s;

	task_times(t, &u, &s);
	p->utime_ns += u;
	p->stime_ns += s;
	p->min_flt += t->min_flt;
	p->maj_flt += t->maj_flt;
	p->nvcsw += t->se.nvcsw;
	p->nivcsw += t->se.nivcsw;
	p->sum_exec_ns += t->se.sum_exec_ns;
}

void usage_fold_child(struct process *parent, struct process *p)
{
	struct task *t = p->leader;
	u64 u, s;

	/* The leader is folded when it is released; the parent counts it here. */
	task_times(t, &u, &s);
	parent->cutime_ns += p->utime_ns + p->cutime_ns + u;
	parent->cstime_ns += p->stime_ns + p->cstime_ns + s;
	parent->cmin_flt += p->min_flt + p->cmin_flt + t->min_flt;
	parent->cmaj_flt += p->maj_flt + p->cmaj_flt + t->maj_flt;
	parent->cnvcsw += p->nvcsw + p->cnvcsw + t->se.nvcsw;
	parent->cnivcsw += p->nivcsw + p->cnivcsw + t->se.nivcsw;
	parent->cmax_rss_kb = max3(parent->cmax_rss_kb, p->max_rss_kb, p->cmax_rss_kb);
}

static void put_times(struct rusage *r, u64 utime, u64 stime)
{
	r->ru_utime.tv_sec = (long)(utime / NSEC_PER_SEC);
	r->ru_utime.tv_usec = (long)(utime % NSEC_PER_SEC / 1000);
	r->ru_stime.tv_sec = (long)(stime / NSEC_PER_SEC);
	r->ru_stime.tv_usec = (long)(stime % NSEC_PER_SEC / 1000);
}

static void add_task(struct rusage *r, const struct task *t)
{
	r->ru_minflt += (long)t->min_flt;
	r->ru_majflt += (long)t->maj_flt;
	r->ru_nvcsw += (long)t->se.nvcsw;
	r->ru_nivcsw += (long)t->se.nivcsw;
}

static u64 rss_peak_kb(struct task *t)
{
	const struct mm *mm = t->mm;

	if (!mm)
		return 0;
	s64 now = mm->rss_anon + mm->rss_file + mm->rss_shmem;

	return max_t(u64, (u64)max_t(s64, now, 0), mm->hiwater_rss) * (PAGE_SIZE / 1024);
}

void usage_get(struct process *p, struct task *t, enum usage_who who, struct rusage *out)
{
	u64 utime = 0, stime = 0, maxrss = 0;

	memset(out, 0, sizeof(*out));
	if (who == USAGE_THREAD) {
		task_times(t, &utime, &stime);
		add_task(out, t);
		maxrss = p->max_rss_kb;
	}
	if (who == USAGE_CHILDREN || who == USAGE_BOTH) {
		utime = p->cutime_ns;
		stime = p->cstime_ns;
		out->ru_minflt = (long)p->cmin_flt;
		out->ru_majflt = (long)p->cmaj_flt;
		out->ru_nvcsw = (long)p->cnvcsw;
		out->ru_nivcsw = (long)p->cnivcsw;
		maxrss = p->cmax_rss_kb;
	}
	if (who == USAGE_SELF || who == USAGE_BOTH) {
		struct task *m;
		u64 u, s;

		own_times(p, &u, &s);
		utime += u;
		stime += s;
		out->ru_minflt += (long)p->min_flt;
		out->ru_majflt += (long)p->maj_flt;
		out->ru_nvcsw += (long)p->nvcsw;
		out->ru_nivcsw += (long)p->nivcsw;
		rcu_read_lock();
		list_for_each_entry_rcu(m, &p->threads, thread_link) add_task(out, m);
		rcu_read_unlock();
		maxrss = max(maxrss, p->max_rss_kb);
	}
	if (who != USAGE_CHILDREN && t == current)
		maxrss = max(maxrss, rss_peak_kb(t));
	put_times(out, utime, stime);
	out->ru_maxrss = (long)maxrss;
}

long sys_getrusage(int who, struct rusage __user *usage)
{
	struct rusage r;
	enum usage_who w;

	if (who == RUSAGE_SELF)
		w = USAGE_SELF;
	else if (who == RUSAGE_CHILDREN)
		w = USAGE_CHILDREN;
	else if (who == RUSAGE_THREAD)
		w = USAGE_THREAD;
	else
		return -EINVAL;
	usage_get(current->process, current, w, &r);
	return copy_to_user(usage, &r, sizeof(r)) ? -EFAULT : 0;
}

long sys_times(struct tms __user *buf)
{
	if (buf) {
		struct process_times pt;

		process_times(current->process, &pt);
		struct tms t = {
			.tms_utime = (long)task_ns_to_ticks(pt.utime_ns),
			.tms_stime = (long)task_ns_to_ticks(pt.stime_ns),
			.tms_cutime = (long)task_ns_to_ticks(pt.cutime_ns),
			.tms_cstime = (long)task_ns_to_ticks(pt.cstime_ns),
		};

		if (copy_to_user(buf, &t, sizeof(t)))
			return -EFAULT;
	}
	/* Linux starts its tick counter five minutes before it wraps at 32 bits. */
	return (long)task_ns_to_ticks(time_mono_ns() + (u64)(0x100000000ull - 30000) * 10000000u);
}
