/*
 * Read-copy-update.
 *
 * A read section runs with preemption off, so a CPU that has switched tasks, was found in user mode
 * by an interrupt, or halts in the idle loop has left all sections that it was in before.  A
 * grace period is over when each CPU has done one of these since it began.
 *
 * Callbacks go to a lock-free list of the CPU that makes the call.  One thread, rcu_gp, collects
 * the lists, waits for a grace period and runs what it collected; meanwhile new calls
 * gather for the next round.  Without hurry it lets calls gather for RCU_GATHER_NS first, and
 * gives the CPUs RCU_PATIENCE_NS to pass by themselves before it interrupts those that have not.
 * rcu_synchronize(), rcu_barrier() and a long list make it hurry.
 *
 * rcu_idle_count is made even by the idle loop before it halts and odd when it goes on; an
 * interrupt taken in the halt makes it odd for its duration.  The changes are full barriers, so
 * seeing an even count, or a changed one, proves that the CPU has left its sections.
 */
#include <kernel/lock/lock.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/rcu/rcu.h>
#include <kernel/sched/sched.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/wait/wait.h>
#include <asm/cpu.h>
#include <asm/smp.h>

#define RCU_GATHER_NS (5 * NSEC_PER_MSEC)
#define RCU_PATIENCE_NS (2 * NSEC_PER_MSEC)
#define RCU_STALL_NS (21 * NSEC_PER_SEC) /* as on Linux */
#define RCU_MANY 2000u
/* A function below this is the offset of the head in an object to kfree(). */
#define RCU_KFREE_OFFSET_MAX 4096ul

DEFINE_PERCPU(u32, rcu_idle_count) = 1;
DEFINE_PERCPU(u32, rcu_switches);
DEFINE_PERCPU(u8, rcu_from_user);
DEFINE_PERCPU(u8, rcu_idle_irq);

struct rcu_cpu {
	struct rcu_head *list;	      /* atomic: newest first */
	u32 count;		      /* atomic: about how many are on it */
	u32 seen_switches, seen_idle; /* rcu_gp only */
};
static DEFINE_PERCPU(struct rcu_cpu, rcu_cpu);

static struct wait_queue rcu_wake = WAIT_QUEUE_INIT(rcu_wake); /* rcu_gp waits here */
static struct wait_queue rcu_done = WAIT_QUEUE_INIT(rcu_done); /* barriers wait here */
static bool rcu_wanted;	     /* atomic: some list is not empty, or a barrier waits */
static bool rcu_hurry;	     /* atomic */
static u64 rcu_rounds_begun; /* rcu_gp writes: rounds that have collected their lists */
static u64 rcu_rounds_done;  /* rcu_gp writes: rounds whose callbacks have run */
static bool rcu_started;
static u64 rcu_gp_count;

void rcu_note_idle(bool enter)
{
	bool idle = !(this_cpu_read(rcu_idle_count) & 1);

	if (enter == idle)
		return;
	__atomic_fetch_add(this_cpu_ptr(rcu_idle_count), 1, __ATOMIC_SEQ_CST);
}

void rcu_irq_from_idle(bool enter)
{
	this_cpu_write(rcu_idle_irq, enter);
	rcu_note_idle(!enter);
}

static void rcu_wake_thread(void)
{
	if (rcu_started)
		wake_up(&rcu_wake);
}

void rcu_call(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
	struct rcu_cpu *rc;
	struct rcu_head *old;
	u32 count;

	head->fn = fn;
	preempt_disable();
	rc = this_cpu_ptr(rcu_cpu);
	old = __atomic_load_n(&rc->list, __ATOMIC_RELAXED);
	do {
		head->next = old;
	} while (!try_cmpxchg(&rc->list, &old, head));
	count = __atomic_add_fetch(&rc->count, 1, __ATOMIC_RELAXED);
	preempt_enable();
	if (unlikely(count == RCU_MANY)) {
		WRITE_ONCE(rcu_hurry, true);
		rcu_wake_thread();
	} else if (unlikely(!READ_ONCE(rcu_wanted))) {
		if (!__atomic_exchange_n(&rcu_wanted, true, __ATOMIC_SEQ_CST))
			rcu_wake_thread();
	}
}

void rcu_kfree(struct rcu_head *head, void *ptr)
{
	unsigned long offset = (unsigned long)head - (unsigned long)ptr;

	ASSERT(offset < RCU_KFREE_OFFSET_MAX);
	rcu_call(head, (void (*)(struct rcu_head *))offset);
}

/* --- grace periods --- */

/* Those of @pending that have not passed a quiescent point since rcu_snapshot(). */
static struct cpumask rcu_still_pending(struct cpumask pending)
{
	unsigned int cpu;

	for_each_cpu (cpu, pending) {
		struct rcu_cpu *rc = per_cpu_ptr(rcu_cpu, cpu);
		u32 idle = __atomic_load_n(per_cpu_ptr(rcu_idle_count, cpu), __ATOMIC_ACQUIRE);

		if (!(idle & 1) || idle != rc->seen_idle ||
		    __atomic_load_n(per_cpu_ptr(rcu_switches, cpu), __ATOMIC_ACQUIRE) !=
			    rc->seen_switches)
			pending = cpumask_without(pending, cpu);
	}
	return pending;
}

static struct cpumask rcu_snapshot(void)
{
	struct cpumask cpus = cpumask_read(&cpu_online_mask);
	unsigned int cpu;

	/* What was unlinked before must be seen as unlinked by sections that begin after. */
	smp_mb();
	for_each_cpu (cpu, cpus) {
		struct rcu_cpu *rc = per_cpu_ptr(rcu_cpu, cpu);

		rc->seen_switches = READ_ONCE(*per_cpu_ptr(rcu_switches, cpu));
		rc->seen_idle = READ_ONCE(*per_cpu_ptr(rcu_idle_count, cpu));
	}
	smp_mb();
	return cpus;
}

u64 rcu_stall_ns = RCU_STALL_NS;
u32 rcu_stall_count; /* atomic */
static int panic_on_rcu_stall;
static struct cpumask stall_pending; /* atomic: CPUs that the grace period waits for */
static u64 stall_next_ns;	     /* when the next report is due; U64_MAX: no grace period */

/* One report a period: true for who may make it. */
static bool rcu_claim_report(u64 now)
{
	u64 due = READ_ONCE(stall_next_ns);

	return now >= due && try_cmpxchg(&stall_next_ns, &due, now + READ_ONCE(rcu_stall_ns) * 3);
}

static void rcu_reported(void)
{
	__atomic_fetch_add(&rcu_stall_count, 1, __ATOMIC_RELAXED);
	if (panic_on_rcu_stall)
		panic("RCU Stall\n");
}

static void rcu_report_stall(struct cpumask pending, u64 since_ns)
{
	unsigned int cpu;

	pr_err("rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n");
	for_each_cpu (cpu, pending)
		pr_err("rcu: \t%u-...: switches=%u idle=%u\n", cpu,
		       READ_ONCE(*per_cpu_ptr(rcu_switches, cpu)),
		       READ_ONCE(*per_cpu_ptr(rcu_idle_count, cpu)));
	pr_err("rcu: \t(detected by %u, t=%llu ms, g=%llu)\n", cpu_id(), since_ns / NSEC_PER_MSEC,
	       rcu_gp_count);
	smp_backtrace(pending);
	rcu_reported();
}

void rcu_stall_check(u64 now_ns)
{
	if (likely(now_ns < READ_ONCE(stall_next_ns)) || !cpumask_test(&stall_pending, cpu_id()) ||
	    rcu_irq_was_user() || !rcu_claim_report(now_ns))
		return;
	pr_err("rcu: INFO: rcu_preempt self-detected stall on CPU\n");
	pr_err("rcu: \t%u-...: (t=%llu ms g=%llu)\n", cpu_id(),
	       READ_ONCE(rcu_stall_ns) / NSEC_PER_MSEC, rcu_gp_count);
	backtrace_print(NULL);
	rcu_reported();
}

SYSCTL_INT("kernel/panic_on_rcu_stall", 0644, &panic_on_rcu_stall, 0, 1);

/*
 * This thread has just run on its own CPU outside any section, so that CPU is done.  IPI_RESCHED
 * makes the others switch, or pass rcu_note_user() if they are in user mode.
 */
static void rcu_wait_grace_period(void)
{
	struct cpumask pending = rcu_snapshot();
	u64 begin = time_mono_ns();
	u64 delay = RCU_PATIENCE_NS / 8;
	bool poked = false;

	preempt_disable();
	pending = cpumask_without(pending, cpu_id());
	preempt_enable();
	WRITE_ONCE(stall_next_ns, begin + READ_ONCE(rcu_stall_ns));
	for (pending = rcu_still_pending(pending); !cpumask_empty(pending);
	     pending = rcu_still_pending(pending)) {
		u64 now = time_mono_ns();

		WRITE_ONCE(stall_pending.bits, pending.bits);

		if (!poked && (READ_ONCE(rcu_hurry) || now - begin >= RCU_PATIENCE_NS)) {
			ipi_send_mask(pending, IPI_RESCHED);
			poked = true;
			delay = 50 * NSEC_PER_USEC;
		} else if (poked && delay < RCU_PATIENCE_NS) {
			delay *= 2;
		}
		if (unlikely(rcu_claim_report(now))) {
			rcu_report_stall(pending, now - begin);
			poked = false;
		}
		if (sched_sleep_until(now + delay, TASK_INTERRUPTIBLE))
			break; /* not without a signal */
	}
	WRITE_ONCE(stall_next_ns, U64_MAX);
	WRITE_ONCE(stall_pending.bits, 0);
	smp_mb();
	rcu_gp_count++;
}

/* --- the thread --- */

/* Takes all lists, oldest call first. */
static struct rcu_head *rcu_collect(void)
{
	struct rcu_head *all = NULL;
	unsigned int cpu;

	for_each_cpu (cpu, cpumask_read(&cpu_online_mask)) {
		struct rcu_cpu *rc = per_cpu_ptr(rcu_cpu, cpu);
		struct rcu_head *list = xchg(&rc->list, NULL);

		__atomic_store_n(&rc->count, 0, __ATOMIC_RELAXED);
		while (list) {
			struct rcu_head *next = list->next;

			list->next = all;
			all = list;
			list = next;
		}
	}
	return all;
}

static void rcu_run(struct rcu_head *list)
{
	while (list) {
		struct rcu_head *next = list->next;
		unsigned long offset = (unsigned long)list->fn;

		if (offset < RCU_KFREE_OFFSET_MAX)
			kfree((char *)list - offset);
		else
			list->fn(list);
		list = next;
	}
}

static int rcu_thread(void *ctx)
{
	(void)ctx;
	for (;;) {
		struct rcu_head *list;

		(void)wait_event_full(&rcu_wake, READ_ONCE(rcu_wanted), TASK_INTERRUPTIBLE, false,
				      WAIT_FOREVER);
		if (!READ_ONCE(rcu_hurry))
			(void)wait_event_full(&rcu_wake, READ_ONCE(rcu_hurry), TASK_INTERRUPTIBLE,
					      false, time_mono_ns() + RCU_GATHER_NS);
		/* Cleared before the lists are taken: who comes later asks again. */
		__atomic_store_n(&rcu_wanted, false, __ATOMIC_SEQ_CST);
		__atomic_store_n(&rcu_rounds_begun, rcu_rounds_begun + 1, __ATOMIC_SEQ_CST);
		list = rcu_collect();
		rcu_wait_grace_period();
		__atomic_store_n(&rcu_hurry, false, __ATOMIC_SEQ_CST);
		rcu_run(list);
		__atomic_store_n(&rcu_rounds_done, rcu_rounds_done + 1, __ATOMIC_SEQ_CST);
		wake_up_all(&rcu_done);
	}
	return 0;
}

void rcu_init(void)
{
	struct task *thread;

	if (kthread_start(rcu_thread, NULL, "rcu_gp", &thread))
		panic("rcu: no memory for the grace-period thread");
	rcu_started = true;
	if (READ_ONCE(rcu_wanted))
		rcu_wake_thread();
}

/* A round that has not begun to collect yet, or the next one, covers what happened before. */
static void rcu_wait_round(void)
{
	u64 round = __atomic_load_n(&rcu_rounds_begun, __ATOMIC_SEQ_CST) + 1;

	might_sleep();
	while (READ_ONCE(rcu_rounds_done) < round) {
		__atomic_store_n(&rcu_wanted, true, __ATOMIC_SEQ_CST);
		__atomic_store_n(&rcu_hurry, true, __ATOMIC_SEQ_CST);
		rcu_wake_thread();
		/* A round that ends may have reset the hurry: look again when one does. */
		u64 seen = READ_ONCE(rcu_rounds_done);

		wait_event(&rcu_done, READ_ONCE(rcu_rounds_done) != seen ||
					      READ_ONCE(rcu_rounds_done) >= round);
	}
}

void rcu_synchronize(void)
{
	rcu_wait_round();
}

void rcu_barrier(void)
{
	rcu_wait_round();
}

u64 rcu_grace_periods(void)
{
	return READ_ONCE(rcu_gp_count);
}
