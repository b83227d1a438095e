/*
 * Interval timers, alarm(2) and the CPU-time limit.
 *
 * ITIMER_REAL is a kernel timer.  What counts CPU time is looked at in the tick of whichever thread
 * runs, so it is as exact as the tick, as on a Linux without high-resolution ticks.
 */
#include <kernel/timers/timers.h>
#include <kernel/timers/timers_impl.h>
#include <kernel/boot/boot.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kern/errno.h>
#include <generated/syscalls.h>
#include <linux/resource.h>

static struct timers_process *timers_of(struct process *p)
{
	return __atomic_load_n((struct timers_process **)&p->posix_timers, __ATOMIC_ACQUIRE);
}

/* --- ITIMER_REAL --- */

/* A periodic one rests until somebody takes the signal: see posix.c. */
static void itimer_real_expired(struct timer *t)
{
	struct timers_process *tp = container_of(t, struct timers_process, real);

	(void)signal_send_process(tp->process, SIGALRM, NULL);
}

/* Under LK_SIGHAND: a SIGALRM of @p was taken. */
static void itimer_alarm_taken(struct process *p)
{
	struct timers_process *tp = timers_of(p);
	u64 now, next;
	unsigned long flags;

	if (!tp || !READ_ONCE(tp->real_interval_ns))
		return;
	flags = spin_lock_irqsave(&tp->lock);
	now = time_mono_ns();
	next = tp->real.expires_ns;
	if (tp->real_interval_ns && !timer_pending(&tp->real) && next <= now) {
		next += ((now - next) / tp->real_interval_ns + 1) * tp->real_interval_ns;
		timer_start(&tp->real, next);
	}
	spin_unlock_irqrestore(&tp->lock, flags);
}

int timers_get(struct timers_process **out)
{
	struct process *p = current->process;
	struct timers_process *tp = timers_of(p), *none = NULL;

	if (!tp) {
		tp = kzalloc(sizeof(*tp));
		if (!tp)
			return -ENOMEM;
		spin_init(&tp->lock, LK_TIMERS_POSIX);
		tp->process = p;
		timer_init(&tp->real, itimer_real_expired);
		if (!__atomic_compare_exchange_n((struct timers_process **)&p->posix_timers, &none,
						 tp, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			kfree(tp);
			tp = none;
		}
	}
	*out = tp;
	return 0;
}

void timers_process_exec(struct process *p)
{
	struct timers_process *tp = timers_of(p);

	/* POSIX timers go, interval timers stay: execve(2), setitimer(2). */
	if (tp)
		posix_timers_remove_all(tp);
}

void timers_process_exit(struct process *p)
{
	struct timers_process *tp = timers_of(p);

	if (!tp)
		return;
	__atomic_store_n((struct timers_process **)&p->posix_timers, NULL, __ATOMIC_RELEASE);
	spin_lock_irq(&tp->lock);
	tp->real_interval_ns = 0;
	spin_unlock_irq(&tp->lock);
	timer_cancel_sync(&tp->real);
	posix_timers_remove_all(tp);
	/* A tick of an exiting thread may still look at it. */
	rcu_kfree(&tp->rcu, tp);
}

static void itimer_real_set(struct timers_process *tp, u64 value_ns, u64 interval_ns,
			    u64 *old_value, u64 *old_interval)
{
	u64 now = time_mono_ns();

	for (;;) {
		spin_lock_irq(&tp->lock);
		*old_value = 0;
		if (timer_pending(&tp->real))
			*old_value = tp->real.expires_ns > now ? tp->real.expires_ns - now : 1000;
		*old_interval = tp->real_interval_ns;
		tp->real_interval_ns = 0; /* an expiry under way does not arm it again */
		spin_unlock_irq(&tp->lock);
		timer_cancel_sync(&tp->real);
		break;
	}
	spin_lock_irq(&tp->lock);
	tp->real_interval_ns = value_ns ? interval_ns : 0;
	if (value_ns)
		timer_start(&tp->real, deadline_after(now, value_ns));
	spin_unlock_irq(&tp->lock);
}

static void itimer_real_get(struct timers_process *tp, u64 *value, u64 *interval)
{
	u64 now = time_mono_ns();

	spin_lock_irq(&tp->lock);
	*value = 0;
	if (timer_pending(&tp->real))
		*value = tp->real.expires_ns > now ? tp->real.expires_ns - now : 1000;
	*interval = tp->real_interval_ns;
	spin_unlock_irq(&tp->lock);
}

/* --- CPU time --- */

/* User time, and user plus system time, of all threads. */
static void process_cpu_now(struct process *p, u64 now[2])
{
	struct process_times pt;

	process_times(p, &pt);
	now[0] = pt.utime_ns;
	now[1] = pt.utime_ns + pt.stime_ns;
}

static void itimer_cpu_read(const struct cpu_itimer *it, u64 now, u64 *value, u64 *interval)
{
	*value = !it->expires_ns ? 0 : it->expires_ns > now ? it->expires_ns - now : 1000;
	*interval = it->interval_ns;
}

static void itimer_cpu_set(struct timers_process *tp, int which, u64 value, u64 interval,
			   u64 *old_value, u64 *old_interval)
{
	struct cpu_itimer *it = &tp->cpu[which - ITIMER_VIRTUAL];
	u64 now[2];

	process_cpu_now(tp->process, now);
	spin_lock_irq(&tp->lock);
	itimer_cpu_read(it, now[which - ITIMER_VIRTUAL], old_value, old_interval);
	tp->cpu_timers += (value != 0) - (it->expires_ns != 0);
	it->expires_ns = value ? deadline_after(now[which - ITIMER_VIRTUAL], value) : 0;
	it->interval_ns = value ? interval : 0;
	spin_unlock_irq(&tp->lock);
}

/* Under the lock: has it expired? Then it is set for the next time. */
static bool cpu_itimer_tick(struct timers_process *tp, struct cpu_itimer *it, u64 now)
{
	if (!it->expires_ns || now < it->expires_ns)
		return false;
	if (it->interval_ns) {
		it->expires_ns += it->interval_ns * ((now - it->expires_ns) / it->interval_ns + 1);
	} else {
		it->expires_ns = 0;
		tp->cpu_timers--;
	}
	return true;
}

/* RLIMIT_CPU: SIGXCPU at the soft limit and each second after it, SIGKILL at the hard one. */
static void cpu_limit_tick(struct process *p, u64 used_ns)
{
	struct rlimit64 *r = &p->rlim[RLIMIT_CPU];
	u64 soft = READ_ONCE(r->rlim_cur), hard = READ_ONCE(r->rlim_max);
	u64 used_s = used_ns / (u64)NSEC_PER_SEC;

	if (hard != RLIM64_INFINITY && used_s >= hard) {
		(void)signal_send_process(p, SIGKILL, NULL);
	} else if (used_s >= soft) {
		(void)signal_send_process(p, SIGXCPU, NULL);
		WRITE_ONCE(r->rlim_cur, used_s + 1);
	}
}

/* RLIMIT_RTTIME: real-time run time without blocking; SIGXCPU at the soft limit and each second
 * after it, SIGKILL at the hard one. */
static void rt_limit_tick(struct task *t)
{
	struct rlimit64 *r = &t->process->rlim[RLIMIT_RTTIME];
	u64 soft = READ_ONCE(r->rlim_cur), hard = READ_ONCE(r->rlim_max);
	u64 used_us = READ_ONCE(t->se.rt_run_ns) / NSEC_PER_USEC;

	if (soft == RLIM64_INFINITY)
		return;
	if (hard != RLIM64_INFINITY && used_us > hard) {
		(void)signal_send_process(t->process, SIGKILL, NULL);
	} else if (used_us > soft) {
		(void)signal_send_process(t->process, SIGXCPU, NULL);
		WRITE_ONCE(r->rlim_cur, soft + USEC_PER_SEC);
	}
}

/* Interrupt context, at most once a tick for each running thread. */
static void timers_tick(struct task *t)
{
	struct process *p = t->process;
	struct timers_process *tp;
	bool limited, virt, prof;
	u64 now[2];

	if (!p || (t->flags & (TF_EXITING | TF_KTHREAD)))
		return;
	if (unlikely(t->se.prio))
		rt_limit_tick(t);
	tp = timers_of(p);
	limited = READ_ONCE(p->rlim[RLIMIT_CPU].rlim_cur) != RLIM64_INFINITY;
	if (!limited && (!tp || !READ_ONCE(tp->cpu_timers)))
		return;
	process_cpu_now(p, now);
	if (limited)
		cpu_limit_tick(p, now[1]);
	if (!tp || !READ_ONCE(tp->cpu_timers))
		return;
	spin_lock(&tp->lock);
	virt = cpu_itimer_tick(tp, &tp->cpu[0], now[0]);
	prof = cpu_itimer_tick(tp, &tp->cpu[1], now[1]);
	spin_unlock(&tp->lock);
	if (virt)
		(void)signal_send_process(p, SIGVTALRM, NULL);
	if (prof)
		(void)signal_send_process(p, SIGPROF, NULL);
	posix_timers_cpu_tick(tp);
}

static const struct task_hook timers_hook = {
	.exit = timers_process_exit,
	.exec = timers_process_exec,
};
TASK_HOOK(timers_hook);

static void timers_start(void)
{
	signal_set_timer_hook(timers_signal_taken);
	signal_set_alarm_hook(itimer_alarm_taken);
	sched_set_tick_hook(timers_tick);
	posix_timers_init();
}
INITCALL(timers_start);

/* --- system calls --- */

static int itimer_to_user(u64 value, u64 interval, struct __kernel_old_itimerval __user *u)
{
	if (timeval_to_user(value, &u->it_value))
		return -EFAULT;
	return timeval_to_user(interval, &u->it_interval);
}

long sys_getitimer(int which, struct __kernel_old_itimerval __user *uvalue)
{
	struct timers_process *tp;
	u64 value, interval, now[2];
	int err;

	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	err = timers_get(&tp);
	if (err)
		return err;
	if (which == ITIMER_REAL) {
		itimer_real_get(tp, &value, &interval);
	} else {
		process_cpu_now(tp->process, now);
		spin_lock_irq(&tp->lock);
		itimer_cpu_read(&tp->cpu[which - ITIMER_VIRTUAL], now[which - ITIMER_VIRTUAL],
				&value, &interval);
		spin_unlock_irq(&tp->lock);
	}
	return itimer_to_user(value, interval, uvalue);
}

long sys_setitimer(int which, const struct __kernel_old_itimerval __user *uvalue,
		   struct __kernel_old_itimerval __user *uold)
{
	struct timers_process *tp;
	u64 value = 0, interval = 0, old_value, old_interval;
	int err = 0;

	if (uvalue) {
		err = timeval_from_user(&uvalue->it_value, &value);
		if (!err)
			err = timeval_from_user(&uvalue->it_interval, &interval);
		if (err)
			return err;
	}
	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	err = timers_get(&tp);
	if (err)
		return err;
	if (which == ITIMER_REAL)
		itimer_real_set(tp, value, interval, &old_value, &old_interval);
	else
		itimer_cpu_set(tp, which, value, interval, &old_value, &old_interval);
	return uold ? itimer_to_user(old_value, old_interval, uold) : 0;
}

long sys_alarm(unsigned int seconds)
{
	struct timers_process *tp;
	u64 old_value, old_interval, left;

	if (timers_get(&tp))
		return 0; /* alarm(2) cannot fail: without memory there was none, and is none */
	itimer_real_set(tp, seconds * (u64)NSEC_PER_SEC, 0, &old_value, &old_interval);
	left = old_value / (u64)NSEC_PER_SEC;
	if (old_value % (u64)NSEC_PER_SEC >= NSEC_PER_SEC / 2 || (!left && old_value))
		left++;
	return (long)left;
}
