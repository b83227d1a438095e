/*
 * /proc/schedstat, /proc/PID/sched, /proc/PID/timerslack_ns: proc(5), sched-stats.  The counters
 * that Linux keeps only while the sysctl sched_schedstats is on are 0, as there while it is off.
 */
#include <kernel/sched/sched_impl.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <linux/capability.h>

#define NSEC_PER_JIFFY 4000000u

static int show_schedstat(struct seq *s, void *v)
{
	unsigned int cpu;

	(void)v;
	seq_printf(s, "version 15\ntimestamp %llu\n", time_mono_ns() / NSEC_PER_JIFFY);
	for_each_cpu (cpu, cpumask_read(&sched_cpus)) {
		struct runqueue *rq = rq_of(cpu);
		struct sched_cpu_times times;

		sched_cpu_times(cpu, &times);
		seq_printf(s, "cpu%u 0 0 0 0 0 0 %llu %llu %llu\n", cpu,
			   times.user_ns + times.nice_ns + times.system_ns, READ_ONCE(rq->wait_ns),
			   READ_ONCE(rq->arrivals));
	}
	return 0;
}
PROC_FILE("schedstat", 0444, show_schedstat);

static void put_ns(struct seq *s, const char *name, u64 ns)
{
	seq_printf(s, "%-45s:%14llu.%06llu\n", name, ns / 1000000, ns % 1000000);
}

static void put_number(struct seq *s, const char *name, s64 n)
{
	seq_printf(s, "%-45s:%21lld\n", name, n);
}

static int show_sched(struct seq *s, struct task *t)
{
	char comm[TASK_COMM_LEN];
	u64 nvcsw = READ_ONCE(t->se.nvcsw), nivcsw = READ_ONCE(t->se.nivcsw);
	u8 rt = READ_ONCE(t->se.prio);

	task_comm(t, comm);
	seq_printf(s, "%s (%d, #threads: %u)\n", comm, task_tid_in(t, proc_seq_ns(s)),
		   READ_ONCE(t->process->thread_count));
	seq_puts(s, "-------------------------------------------------------------------\n");
	put_ns(s, "se.exec_start", READ_ONCE(t->se.exec_start_ns));
	put_ns(s, "se.vruntime", READ_ONCE(t->se.vruntime));
	put_ns(s, "se.sum_exec_runtime", sched_task_runtime_ns(t));
	put_number(s, "nr_switches", (s64)(nvcsw + nivcsw));
	put_number(s, "nr_voluntary_switches", (s64)nvcsw);
	put_number(s, "nr_involuntary_switches", (s64)nivcsw);
	put_number(s, "policy", READ_ONCE(t->se.policy));
	put_number(s, "prio", rt ? 99 - rt : 120 + READ_ONCE(t->se.nice));
	return 0;
}
PROC_TASK_FILE("sched", 0444, show_sched, NULL);

/* Another's only with CAP_SYS_NICE over it. */
static int slack_permitted(struct task *t)
{
	const struct cred *c;
	bool ok;

	if (t == current)
		return 0;
	c = cred_of(t);
	ok = ns_capable(c->user_ns, CAP_SYS_NICE);
	cred_put(c);
	return ok ? 0 : -EPERM;
}

static int show_slack(struct seq *s, struct task *t)
{
	int err = slack_permitted(t);

	if (!err)
		seq_printf(s, "%llu\n", READ_ONCE(t->timer_slack_ns));
	return err;
}

static int store_slack(struct task *t, const char *text)
{
	u64 ns;
	int err = slack_permitted(t);

	if (err)
		return err;
	if (proc_parse_u64s(text, &ns, 1) != 1)
		return -EINVAL;
	WRITE_ONCE(t->timer_slack_ns, ns ? ns : READ_ONCE(t->default_timer_slack_ns));
	return 0;
}
PROC_TASK_ENTRY(.name = "timerslack_ns", .mode = S_IFREG | 0666, .show = show_slack,
		.store = store_slack, .process_only = true);
