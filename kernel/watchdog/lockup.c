/*
 * CPUs that are stuck.
 *
 * Soft: a CPU that takes its ticks but does not switch tasks although it should. The tick asks for
 * a switch from time to time; if the wish stays unheard for twice the threshold while every tick
 * finds kernel code, preemption has been off for so long. A tick from user mode, or a gap in the
 * ticks (the CPU was idle), counts as a switch. The switch itself pays nothing for this.
 *
 * Hard: a CPU that runs a task but takes no ticks any more. Its neighbour sees the count of ticks
 * stand still and has it print its back trace in a non-maskable interrupt. An idle CPU has no tick
 * and watches nobody: if all others idle, a stuck one is found when one of them wakes up.
 */
#include <kernel/watchdog/watchdog_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/rcu/rcu.h>
#include <kernel/sched/sched.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <asm/percpu.h>
#include <asm/smp.h>

#define THRESH_DEFAULT_S 10
#define TICK_GAP_NS (100 * NSEC_PER_MSEC)

struct watch_cpu {
	u64 last_tick_ns, touched_ns; /* this CPU only */
	bool asked, reported;	      /* this CPU only */
	u32 ticks;		      /* this CPU writes, its neighbour reads */
	/* what this CPU knows of the next one */
	u64 looked_ns, moved_ns;
	u32 seen_ticks;
	bool hard_reported;
};

static DEFINE_PERCPU(struct watch_cpu, watch_cpu);

static int watchdog_on = 1, soft_on = 1, hard_on = 1, softlockup_panic, hardlockup_panic;
static int all_cpu_backtrace;
static int thresh_s = THRESH_DEFAULT_S;
u64 watchdog_thresh_ns = THRESH_DEFAULT_S * NSEC_PER_SEC;
u32 watchdog_soft_count, watchdog_hard_count;

static void report_soft(struct watch_cpu *w, u64 now)
{
	const struct task *t = current;

	w->reported = true;
	__atomic_fetch_add(&watchdog_soft_count, 1, __ATOMIC_RELAXED);
	pr_emerg("watchdog: BUG: soft lockup - CPU#%u stuck for %llus! [%s:%d]\n", cpu_id(),
		 (unsigned long long)((now - w->touched_ns + NSEC_PER_SEC / 2) / NSEC_PER_SEC),
		 t->comm, task_tid(t));
	backtrace_print(NULL);
	if (all_cpu_backtrace)
		smp_backtrace(cpumask_without(cpumask_read(&cpu_online_mask), cpu_id()));
	panic_add_taint(TAINT_SOFTLOCKUP);
	if (softlockup_panic)
		panic("softlockup: hung tasks");
}

static void watch_self(struct watch_cpu *w, u64 now, bool from_user)
{
	u64 thresh = READ_ONCE(watchdog_thresh_ns);

	if (from_user || now - w->last_tick_ns > TICK_GAP_NS || (w->asked && !need_resched())) {
		w->touched_ns = now;
		w->asked = w->reported = false;
	}
	w->last_tick_ns = now;
	if (!w->asked && now - w->touched_ns >= thresh / 5) {
		w->asked = true;
		need_resched_set();
	}
	if (!w->reported && now - w->touched_ns > 2 * thresh && soft_on)
		report_soft(w, now);
}

static void report_hard(struct watch_cpu *w, unsigned int cpu)
{
	w->hard_reported = true;
	__atomic_fetch_add(&watchdog_hard_count, 1, __ATOMIC_RELAXED);
	pr_emerg("NMI watchdog: Watchdog detected hard LOCKUP on cpu %u\n", cpu);
	smp_backtrace(CPUMASK_OF(cpu));
	if (hardlockup_panic)
		panic("Hard LOCKUP");
}

static unsigned int next_cpu(void)
{
	struct cpumask online = cpumask_read(&cpu_online_mask);
	struct cpumask after = {online.bits & ~((2ull << cpu_id()) - 1)};

	return cpumask_first(cpumask_empty(after) ? online : after);
}

static void watch_next(struct watch_cpu *w, u64 now)
{
	u64 thresh = READ_ONCE(watchdog_thresh_ns);
	unsigned int cpu = next_cpu();
	u32 ticks;

	if (now - w->looked_ns < thresh / 5 || cpu == cpu_id())
		return;
	/* Having been idle itself, this CPU knows nothing of the time before. */
	if (now - w->looked_ns > thresh)
		w->moved_ns = now;
	w->looked_ns = now;
	ticks = READ_ONCE(per_cpu_ptr(watch_cpu, cpu)->ticks);
	if (ticks != w->seen_ticks || sched_cpu_is_idle(cpu)) {
		w->seen_ticks = ticks;
		w->moved_ns = now;
		w->hard_reported = false;
	} else if (now - w->moved_ns > thresh && !w->hard_reported && hard_on) {
		report_hard(w, cpu);
	}
}

/* Every tick of a CPU that runs a task; interrupt context. */
static void watchdog_tick(u64 now, bool from_user)
{
	struct watch_cpu *w = this_cpu_ptr(watch_cpu);

	WRITE_ONCE(w->ticks, w->ticks + 1);
	if (unlikely(!watchdog_on || !watchdog_thresh_ns)) {
		w->last_tick_ns = 0;
		return;
	}
	watch_self(w, now, from_user);
	watch_next(w, now);
	rcu_stall_check(now);
}

static int show_thresh(char *buf, size_t size)
{
	return snprintf(buf, size, "%d", thresh_s);
}

static int store_thresh(const char *text)
{
	int s;

	if (!proc_parse_int(text, &s) || s < 0 || s > 60)
		return -EINVAL;
	thresh_s = s;
	WRITE_ONCE(watchdog_thresh_ns, (u64)s * NSEC_PER_SEC);
	return 0;
}

SYSCTL_INT("kernel/watchdog", 0644, &watchdog_on, 0, 1);
SYSCTL_INT("kernel/soft_watchdog", 0644, &soft_on, 0, 1);
SYSCTL_INT("kernel/nmi_watchdog", 0644, &hard_on, 0, 1);
SYSCTL_TEXT("kernel/watchdog_thresh", 0644, show_thresh, store_thresh);
SYSCTL_INT("kernel/softlockup_panic", 0644, &softlockup_panic, 0, 1);
SYSCTL_INT("kernel/hardlockup_panic", 0644, &hardlockup_panic, 0, 1);
SYSCTL_INT("kernel/softlockup_all_cpu_backtrace", 0644, &all_cpu_backtrace, 0, 1);

static void watchdog_start(void)
{
	sched_set_watch_hook(watchdog_tick);
}
INITCALL(watchdog_start);
