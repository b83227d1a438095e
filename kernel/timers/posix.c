/*
 * POSIX timers: timer_create(2) and its kin.
 *
 * Each has a signal of its own that is pending at most once. A periodic timer rests while it is;
 * whoever takes the signal counts the periods that have gone by as overruns and arms the timer
 * again. So the rate of interrupts is that at which the program takes signals, however short the
 * period; while the signal is ignored, it is that of the tick.  Timers that count by a clock that
 * can be set are on a global list and are armed anew when the wall clock steps; a distance on
 * CLOCK_REALTIME is counted by CLOCK_MONOTONIC.  Timers on CPU clocks are looked at by the tick.
 */
#include <kernel/timers/timers.h>
#include <kernel/timers/timers_impl.h>
#include <kernel/cred/cred.h>
#include <kernel/procfs/procfs.h>
#include <kernel/sched/sched.h>
#include <kernel/seq/seq.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kern/errno.h>
#include <kern/limits.h>
#include <kern/string.h>
#include <generated/syscalls.h>

#define OVERRUN_MAX INT_MAX
#define SIGMASK_DEFAULT_IGNORED \
	(SIGMASK(SIGCONT) | SIGMASK(SIGCHLD) | SIGMASK(SIGWINCH) | SIGMASK(SIGURG))

struct posix_timer {
	struct hlist_node link;	    /* tp->lock */
	struct list_head real_link; /* real_lock: counts by a clock that steps */
	struct timers_process *tp;  /* [I] */
	struct task *target;	    /* [I] +1: one thread; NULL: the process */
	struct timer timer;
	int id, clock, notify, signo; /* [I] */
	sigval_t value;		      /* [I] */
	/* tp->lock */
	int counts_by;	/* a clock: its own, or CLOCK_MONOTONIC */
	u64 expires_ns; /* on counts_by; 0: off */
	u64 interval_ns;
	s64 overrun, overrun_last;
	bool queued; /* its signal is pending */
	struct rcu_head rcu;
};

static struct spinlock real_lock = SPINLOCK_INIT(LK_IRQ_LEAF);
static LIST_HEAD(real_timers); /* real_lock */

static bool clock_is_cpu(int clock)
{
	return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

static bool clock_steps(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM || clock == CLOCK_TAI;
}

/* A time on @clock as monotonic time. */
static u64 clock_to_mono(int clock, u64 ns)
{
	u64 there, here;

	if (!clock_steps(clock))
		return ns;
	here = time_mono_ns();
	if (clock_read(clock, &there))
		return ns;
	return ns > there ? deadline_after(here, ns - there) : here;
}

static u64 posix_now(const struct posix_timer *pt)
{
	u64 ns = 0;

	if (pt->clock == CLOCK_THREAD_CPUTIME_ID && pt->target)
		return sched_task_runtime_ns(pt->target);
	return clock_read(pt->counts_by, &ns) ? 0 : ns;
}

/* --- expiry --- */

/* Under the lock: moves a periodic timer past @now; returns how many periods that were. */
static u64 posix_forward(struct posix_timer *pt, u64 now)
{
	u64 periods;

	if (!pt->interval_ns || now < pt->expires_ns)
		return 0;
	periods = (now - pt->expires_ns) / pt->interval_ns + 1;
	pt->expires_ns += periods * pt->interval_ns;
	return periods;
}

/* Under the lock, at @now on its clock. Returns whether a signal is to be sent. */
static bool posix_expire(struct posix_timer *pt, u64 now)
{
	u64 periods = 1;
	bool send = false;

	if (!pt->expires_ns || now < pt->expires_ns)
		return false;
	if (pt->interval_ns)
		periods = posix_forward(pt, now);
	else
		pt->expires_ns = 0;
	if (pt->notify == SIGEV_NONE)
		return false;
	if (pt->queued) {
		pt->overrun += (s64)periods;
	} else {
		pt->queued = true;
		pt->overrun = (s64)periods - 1;
		send = true;
	}
	return send;
}

/* Would the signal vanish? Then the timer must not wait for somebody to take it. */
static bool posix_ignored(struct posix_timer *pt)
{
	struct task *t;
	unsigned long flags;
	bool ignored = false;

	rcu_read_lock();
	t = pt->target ? pt->target : rcu_dereference(pt->tp->process->leader);
	if (t && sighand_lock(t, &flags)) {
		u64 handler = t->sighand->action[pt->signo - 1].handler;

		ignored = handler == (u64)(unsigned long)SIG_IGN ||
			  (handler == (u64)(unsigned long)SIG_DFL &&
			   (SIGMASK(pt->signo) & SIGMASK_DEFAULT_IGNORED));
		ignored = ignored && !(t->blocked & SIGMASK(pt->signo));
		sighand_unlock(t, flags);
	}
	rcu_read_unlock();
	return ignored;
}

/* Under the lock: a timer that is not on a CPU clock, for its next expiry. */
static void posix_start(struct posix_timer *pt, u64 not_before_ns)
{
	if (pt->expires_ns && pt->notify != SIGEV_NONE && !clock_is_cpu(pt->clock))
		timer_start(&pt->timer,
			    max(clock_to_mono(pt->counts_by, pt->expires_ns), not_before_ns));
}

static void posix_send(struct posix_timer *pt)
{
	struct siginfo info;
	unsigned long flags;
	int err;

	memset(&info, 0, sizeof(info));
	info.si_signo = pt->signo;
	info.si_code = SI_TIMER;
	info.si_tid = pt->id;
	info.si_value = pt->value;
	err = posix_ignored(pt) ? -ESRCH
	      : pt->target	? signal_send_task(pt->target, pt->signo, &info)
				: signal_send_process(pt->tp->process, pt->signo, &info);
	if (!err)
		return;
	flags = spin_lock_irqsave(&pt->tp->lock);
	pt->queued = false;
	posix_start(pt, time_mono_ns() + SCHED_TICK_NS);
	spin_unlock_irqrestore(&pt->tp->lock, flags);
}

static void posix_timer_expired(struct timer *t)
{
	struct posix_timer *pt = container_of(t, struct posix_timer, timer);
	bool send;

	spin_lock(&pt->tp->lock);
	send = posix_expire(pt, posix_now(pt));
	/* Early, because the clock was stepped. */
	if (!send && !pt->queued && !timer_pending(t))
		posix_start(pt, 0);
	spin_unlock(&pt->tp->lock);
	if (send)
		posix_send(pt);
}

void posix_timers_cpu_tick(struct timers_process *tp)
{
	struct posix_timer *pt;

	/* Sending needs the lock released, and the timer must stay: RCU keeps it until the tick
	 * ends. */
	for (unsigned int i = 0; i < TIMERS_HASH; i++) {
		hlist_for_each_entry_rcu(pt, &tp->timers[i], link)
		{
			bool send;

			if (!clock_is_cpu(pt->clock) || !READ_ONCE(pt->expires_ns))
				continue;
			u64 now = posix_now(pt);

			spin_lock(&tp->lock);
			send = posix_expire(pt, now);
			if (send && !pt->expires_ns)
				tp->cpu_timers--;
			spin_unlock(&tp->lock);
			if (send)
				posix_send(pt);
		}
	}
}

static void posix_clock_stepped(struct clock_notifier *n)
{
	struct posix_timer *pt;
	unsigned long flags = spin_lock_irqsave(&real_lock);

	(void)n;
	list_for_each_entry (pt, &real_timers, real_link)
		timer_start(&pt->timer, clock_to_mono(pt->counts_by, READ_ONCE(pt->expires_ns)));
	spin_unlock_irqrestore(&real_lock, flags);
}

void posix_timers_init(void)
{
	static struct clock_notifier notifier = {.fn = posix_clock_stepped};

	time_register_step(&notifier);
}

/* --- by number --- */

/* Under the lock. */
static struct posix_timer *posix_find(struct timers_process *tp, int id)
{
	struct posix_timer *pt;

	hlist_for_each_entry (pt, &tp->timers[(u32)id % TIMERS_HASH], link) {
		if (pt->id == id)
			return pt;
	}
	return NULL;
}

int timers_signal_taken(struct process *p, int timer_id)
{
	struct timers_process *tp =
		__atomic_load_n((struct timers_process **)&p->posix_timers, __ATOMIC_ACQUIRE);
	struct posix_timer *pt;
	unsigned long flags;
	s64 overrun = 0;

	if (!tp)
		return 0;
	flags = spin_lock_irqsave(&tp->lock);
	pt = posix_find(tp, timer_id);
	if (pt) {
		pt->queued = false;
		if (!clock_is_cpu(pt->clock))
			pt->overrun += (s64)posix_forward(pt, posix_now(pt));
		if (!timer_pending(&pt->timer))
			posix_start(pt, 0);
		pt->overrun_last = pt->overrun;
		overrun = pt->overrun;
	}
	spin_unlock_irqrestore(&tp->lock, flags);
	return (int)min_t(s64, overrun, OVERRUN_MAX);
}

static void posix_timer_reclaim(struct rcu_head *head)
{
	struct posix_timer *pt = container_of(head, struct posix_timer, rcu);

	task_put(pt->target);
	kfree(pt);
}

/* Off the lists, its timer dead; freed after a grace period, as a tick may be looking at it. */
static void posix_timer_free(struct posix_timer *pt)
{
	spin_lock_irq(&real_lock);
	list_del_init(&pt->real_link);
	spin_unlock_irq(&real_lock);
	timer_cancel_sync(&pt->timer);
	rcu_call(&pt->rcu, posix_timer_reclaim);
}

/* Under the lock: out of the table and disarmed. */
static void posix_unlink(struct timers_process *tp, struct posix_timer *pt)
{
	if (clock_is_cpu(pt->clock) && pt->expires_ns)
		tp->cpu_timers--;
	pt->expires_ns = 0;
	pt->interval_ns = 0;
	hlist_del_rcu(&pt->link);
}

void posix_timers_remove_all(struct timers_process *tp)
{
	for (unsigned int i = 0; i < TIMERS_HASH; i++) {
		for (;;) {
			struct posix_timer *pt = NULL;

			spin_lock_irq(&tp->lock);
			if (tp->timers[i].first) {
				pt = hlist_entry(tp->timers[i].first, struct posix_timer, link);
				posix_unlink(tp, pt);
			}
			spin_unlock_irq(&tp->lock);
			if (!pt)
				break;
			posix_timer_free(pt);
		}
	}
}

/* --- system calls --- */

static int posix_check_clock(int clock)
{
	u64 ns;

	switch (clock) {
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		return -EOPNOTSUPP;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		return capable(CAP_WAKE_ALARM) ? 0 : -EPERM;
	default:
		return clock_read(clock, &ns);
	}
}

/* Fills the notification part from the user's sigevent. */
static int posix_set_event(struct posix_timer *pt, const struct sigevent __user *uevent)
{
	struct sigevent ev;
	int notify;

	if (!uevent) {
		pt->notify = SIGEV_SIGNAL;
		pt->signo = SIGALRM;
		pt->value.sival_ptr = NULL;
		pt->value.sival_int = pt->id;
		return 0;
	}
	if (copy_from_user(&ev, uevent, sizeof(ev)))
		return -EFAULT;
	notify = ev.sigev_notify;
	if (notify == (SIGEV_SIGNAL | SIGEV_THREAD_ID)) {
		struct task *t = task_find(ev._sigev_un._tid);

		if (!t)
			return -EINVAL;
		if (t->process != current->process) {
			task_put(t);
			return -EINVAL;
		}
		pt->target = t;
	} else if (notify != SIGEV_SIGNAL && notify != SIGEV_THREAD && notify != SIGEV_NONE) {
		return -EINVAL;
	}
	if (notify != SIGEV_NONE && (ev.sigev_signo < 1 || ev.sigev_signo > SIGNAL_COUNT))
		return -EINVAL;
	pt->notify = notify;
	pt->signo = ev.sigev_signo;
	pt->value = ev.sigev_value;
	return 0;
}

/* Reserves a number that no other timer of the process has. */
static void posix_insert(struct timers_process *tp, struct posix_timer *pt)
{
	spin_lock_irq(&tp->lock);
	do {
		pt->id = tp->next_id;
		tp->next_id = tp->next_id == INT_MAX ? 0 : tp->next_id + 1;
	} while (posix_find(tp, pt->id));
	hlist_add_head_rcu(&pt->link, &tp->timers[(u32)pt->id % TIMERS_HASH]);
	spin_unlock_irq(&tp->lock);
}

long sys_timer_create(int clock, const struct sigevent __user *event, int __user *timerid)
{
	struct timers_process *tp;
	struct posix_timer *pt;
	int err = posix_check_clock(clock);

	if (err)
		return err;
	err = timers_get(&tp);
	if (err)
		return -EAGAIN;
	pt = kzalloc(sizeof(*pt));
	if (!pt)
		return -EAGAIN;
	list_init(&pt->real_link);
	timer_init(&pt->timer, posix_timer_expired);
	pt->tp = tp;
	pt->clock = clock;
	pt->counts_by = clock;
	pt->notify = SIGEV_NONE;
	posix_insert(tp, pt);
	err = posix_set_event(pt, event);
	if (!err && put_user(pt->id, timerid))
		err = -EFAULT;
	if (!err && clock == CLOCK_THREAD_CPUTIME_ID && !pt->target)
		pt->target = task_get(current);
	if (err) {
		spin_lock_irq(&tp->lock);
		posix_unlink(tp, pt);
		spin_unlock_irq(&tp->lock);
		posix_timer_free(pt);
	}
	return err;
}

/* Under the lock: what is left, and the period. */
static void posix_read(struct posix_timer *pt, u64 now, u64 *value, u64 *interval)
{
	*interval = pt->interval_ns;
	*value = 0;
	if (!pt->expires_ns)
		return;
	if (pt->notify == SIGEV_NONE)
		(void)posix_forward(pt, now);
	if (pt->expires_ns > now)
		*value = pt->expires_ns - now;
	else if (pt->notify != SIGEV_NONE)
		*value = 1; /* expired, its signal on the way: still armed */
}

static int itimerspec_to_user(u64 value, u64 interval, struct __kernel_itimerspec __user *u)
{
	if (timespec_to_user(interval, &u->it_interval))
		return -EFAULT;
	return timespec_to_user(value, &u->it_value);
}

long sys_timer_gettime(int timerid, struct __kernel_itimerspec __user *uvalue)
{
	struct timers_process *tp = current->process->posix_timers;
	struct posix_timer *pt;
	u64 value, interval;

	if (!tp)
		return -EINVAL;
	spin_lock_irq(&tp->lock);
	pt = posix_find(tp, timerid);
	if (!pt) {
		spin_unlock_irq(&tp->lock);
		return -EINVAL;
	}
	posix_read(pt, posix_now(pt), &value, &interval);
	spin_unlock_irq(&tp->lock);
	return itimerspec_to_user(value, interval, uvalue);
}

long sys_timer_getoverrun(int timerid)
{
	struct timers_process *tp = current->process->posix_timers;
	struct posix_timer *pt;
	long ret = -EINVAL;

	if (!tp)
		return -EINVAL;
	spin_lock_irq(&tp->lock);
	pt = posix_find(tp, timerid);
	if (pt)
		ret = (long)min_t(s64, pt->overrun_last, OVERRUN_MAX);
	spin_unlock_irq(&tp->lock);
	return ret;
}

/* Under the lock. @value 0 disarms. */
static void posix_arm(struct timers_process *tp, struct posix_timer *pt, bool absolute, u64 value,
		      u64 interval)
{
	bool cpu = clock_is_cpu(pt->clock);

	if (cpu)
		tp->cpu_timers += (value != 0) - (pt->expires_ns != 0);
	pt->overrun = 0;
	pt->overrun_last = 0;
	pt->interval_ns = value ? interval : 0;
	spin_lock(&real_lock);
	pt->counts_by = !absolute && pt->clock == CLOCK_REALTIME ? CLOCK_MONOTONIC : pt->clock;
	pt->expires_ns = !value || absolute ? value : deadline_after(posix_now(pt), value);
	list_del_init(&pt->real_link);
	if (value && clock_steps(pt->counts_by))
		list_add(&pt->real_link, &real_timers);
	spin_unlock(&real_lock);
	if (!value)
		timer_cancel(&pt->timer);
	else if (!cpu && pt->notify != SIGEV_NONE)
		timer_start(&pt->timer, clock_to_mono(pt->counts_by, pt->expires_ns));
}

long sys_timer_settime(int timerid, int flags, const struct __kernel_itimerspec __user *uvalue,
		       struct __kernel_itimerspec __user *uold)
{
	struct timers_process *tp = current->process->posix_timers;
	u64 value, interval, old_value, old_interval;
	struct posix_timer *pt;
	int err;

	if (!uvalue)
		return -EINVAL;
	err = timespec_from_user(&uvalue->it_interval, &interval);
	if (!err)
		err = timespec_from_user(&uvalue->it_value, &value);
	if (err)
		return err;
	if (!tp)
		return -EINVAL;
	spin_lock_irq(&tp->lock);
	pt = posix_find(tp, timerid);
	if (!pt) {
		spin_unlock_irq(&tp->lock);
		return -EINVAL;
	}
	if (flags & TIMER_ABSTIME)
		value = time_ns_to_host(pt->clock, value);
	posix_read(pt, posix_now(pt), &old_value, &old_interval);
	posix_arm(tp, pt, flags & TIMER_ABSTIME, value, interval);
	spin_unlock_irq(&tp->lock);
	return uold ? itimerspec_to_user(old_value, old_interval, uold) : 0;
}

long sys_timer_delete(int timerid)
{
	struct timers_process *tp = current->process->posix_timers;
	struct posix_timer *pt;

	if (!tp)
		return -EINVAL;
	spin_lock_irq(&tp->lock);
	pt = posix_find(tp, timerid);
	if (pt)
		posix_unlink(tp, pt);
	spin_unlock_irq(&tp->lock);
	if (!pt)
		return -EINVAL;
	posix_timer_free(pt);
	return 0;
}

/* --- /proc/PID/timers --- */

static void show_timer(struct seq *s, const struct posix_timer *pt, struct task *t)
{
	static const char *const how[] = {
		[SIGEV_SIGNAL] = "signal", [SIGEV_NONE] = "none", [SIGEV_THREAD] = "thread"};
	const struct pid_ns *ns = proc_seq_ns(s);
	bool thread = pt->notify & SIGEV_THREAD_ID;
	int nr = thread && pt->target ? task_tid_in(pt->target, ns) : task_tgid_in(t, ns);

	seq_printf(s, "ID: %d\n", pt->id);
	seq_printf(s, "signal: %d/%016llx\n", pt->signo, (u64)(unsigned long)pt->value.sival_ptr);
	seq_printf(s, "notify: %s/%s.%d\n", how[pt->notify & ~SIGEV_THREAD_ID],
		   thread ? "tid" : "pid", nr);
	seq_printf(s, "ClockID: %d\n", pt->clock);
}

static int show_timers(struct seq *s, struct task *t)
{
	struct timers_process *tp;
	struct posix_timer *pt;

	rcu_read_lock();
	tp = __atomic_load_n((struct timers_process **)&t->process->posix_timers, __ATOMIC_ACQUIRE);
	for (unsigned int i = 0; tp && i < TIMERS_HASH; i++) {
		hlist_for_each_entry_rcu(pt, &tp->timers[i], link) show_timer(s, pt, t);
	}
	rcu_read_unlock();
	return 0;
}
PROC_TASK_ENTRY(.name = "timers", .mode = S_IFREG | 0444, .show = show_timers,
		.process_only = true);
