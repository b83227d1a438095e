/*
 * Signals: queues and handler tables.
 *
 * A process's handlers, its own pending set, those of its threads and its stop state are under one
 * lock, sighand->lock.  A table lives in type-safe memory: a sender that found a task under RCU
 * locks the table it saw and then looks whether the task still has it.
 */
#include <kernel/signal/signal_impl.h>

#include <kern/atomic.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/slab/slab.h>
#include <linux/sched.h>

static struct slab_cache *sighand_cache, *sigqueue_cache;

static void sighand_ctor(void *obj)
{
	struct sighand *s = obj;

	spin_init(&s->lock, LK_SIGHAND);
}

void signal_system_init(void)
{
	if (slab_cache_create("sighand", sizeof(struct sighand), __alignof__(struct sighand),
			      SLAB_TYPESAFE_RCU, sighand_ctor, &sighand_cache))
		BUG(); /* boot: nothing runs without it */
	sigqueue_cache = SLAB_CACHE_BOOT(sigqueue, 0);
}

/* ---- handler tables ---- */

static int sighand_clone(struct sighand *from, struct sighand **out)
{
	struct sighand *s = slab_alloc(sighand_cache, GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	__atomic_store_n(&s->refs, 1, __ATOMIC_RELAXED);
	spin_lock_irq(&from->lock);
	memcpy(s->action, from->action, sizeof(s->action));
	spin_unlock_irq(&from->lock);
	*out = s;
	return 0;
}

int sighand_copy(struct task *child, u64 clone_flags)
{
	struct sighand *mine = current->sighand;

	if (clone_flags & CLONE_SIGHAND) {
		__atomic_fetch_add(&mine->refs, 1, __ATOMIC_RELAXED);
		child->sighand = mine;
		return 0;
	}
	int err = sighand_clone(mine, &child->sighand);

	if (err || !(clone_flags & CLONE_CLEAR_SIGHAND))
		return err;
	for (int i = 0; i < SIGNAL_COUNT; i++) {
		struct ksigaction *a = &child->sighand->action[i];

		if (a->handler != HANDLER_IGN)
			a->handler = HANDLER_DFL;
		a->flags = a->mask = a->restorer = 0;
	}
	return 0;
}

void sighand_put(struct sighand *s)
{
	if (s && __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) == 0)
		slab_free(sighand_cache, s);
}

int sighand_unshare(void)
{
	struct task *t = current;
	struct sighand *old = t->sighand, *fresh;

	if (__atomic_load_n(&old->refs, __ATOMIC_ACQUIRE) == 1)
		return 0;
	int err = sighand_clone(old, &fresh);

	if (err)
		return err;
	spin_lock_irq(&tasklist_lock);
	spin_lock(&old->lock);
	rcu_assign(t->sighand, fresh);
	spin_unlock(&old->lock);
	spin_unlock_irq(&tasklist_lock);
	sighand_put(old);
	return 0;
}

void signal_exec(void)
{
	struct task *t = current;

	spin_lock_irq(&t->sighand->lock);
	for (int i = 0; i < SIGNAL_COUNT; i++) {
		struct ksigaction *a = &t->sighand->action[i];

		if (a->handler != HANDLER_IGN)
			a->handler = HANDLER_DFL;
		a->flags = a->mask = a->restorer = 0;
	}
	spin_unlock_irq(&t->sighand->lock);
	t->altstack_sp = t->altstack_size = 0;
	t->altstack_flags = 0;
}

bool sighand_lock(struct task *t, unsigned long *irq_flags)
{
	rcu_read_lock();
	for (;;) {
		struct sighand *s = rcu_dereference(t->sighand);

		if (!s)
			break;
		*irq_flags = spin_lock_irqsave(&s->lock);
		if (likely(s == READ_ONCE(t->sighand))) {
			rcu_read_unlock();
			return true;
		}
		spin_unlock_irqrestore(&s->lock, *irq_flags);
	}
	rcu_read_unlock();
	return false;
}

void sighand_unlock(struct task *t, unsigned long irq_flags)
{
	spin_unlock_irqrestore(&t->sighand->lock, irq_flags);
}

/* ---- queues ---- */

struct sigqueue *sigqueue_alloc(struct task *t, int sig, bool over_limit)
{
	struct ucounts *u = t->cred->ucounts;
	bool within = ucounts_charge(u, UCOUNT_SIGPENDING, 1,
				     t->process->rlim[RLIMIT_SIGPENDING].rlim_cur);
	struct sigqueue *q = NULL;

	(void)sig;
	if (over_limit || within)
		q = slab_alloc(sigqueue_cache, GFP_ATOMIC);
	if (!q) {
		ucounts_uncharge(u, UCOUNT_SIGPENDING, 1);
		return NULL;
	}
	q->ucounts = ucounts_get(u);
	return q;
}

void sigqueue_free(struct sigqueue *q)
{
	ucounts_uncharge(q->ucounts, UCOUNT_SIGPENDING, 1);
	ucounts_put_atomic(q->ucounts);
	slab_free(sigqueue_cache, q);
}

void sigpending_remove(struct sigpending *p, sigmask mask)
{
	struct sigqueue *q, *n;

	if (!(p->mask & mask))
		return;
	p->mask &= ~mask;
	list_for_each_entry_safe (q, n, &p->queue, link) {
		if (sig_in(q->info.si_signo, mask)) {
			list_del(&q->link);
			sigqueue_free(q);
		}
	}
}

void signal_flush_queue(struct sigpending *p)
{
	sigpending_remove(p, ~0ull);
	p->mask = 0;
}

static int (*signal_timer_hook)(struct process *p, int timer_id) __ro_after_init;

void signal_set_timer_hook(int (*hook)(struct process *p, int timer_id))
{
	signal_timer_hook = hook;
}

static void (*signal_alarm_hook)(struct process *p) __ro_after_init;

void signal_set_alarm_hook(void (*hook)(struct process *p))
{
	signal_alarm_hook = hook;
}

static void collect(struct sigpending *p, int sig, struct siginfo *info)
{
	struct sigqueue *q, *first = NULL;
	bool more = false;

	list_for_each_entry (q, &p->queue, link) {
		if (q->info.si_signo != sig)
			continue;
		if (first) {
			more = true;
			break;
		}
		first = q;
	}
	if (!more)
		p->mask &= ~SIGMASK(sig);
	if (first) {
		list_del(&first->link);
		*info = first->info;
		sigqueue_free(first);
		if (info->si_code == SI_TIMER && signal_timer_hook)
			info->si_overrun = signal_timer_hook(current->process, info->si_tid);
		return;
	}
	/* Sent without memory for details, or SIGKILL. */
	memset(info, 0, sizeof(*info));
	info->si_signo = sig;
	info->si_code = SI_USER;
}

int signal_take_from(struct sigpending *p, sigmask mask, struct siginfo *info)
{
	sigmask ready = p->mask & mask;

	if (!ready)
		return 0;
	if (ready & SIGMASK_SYNC)
		ready &= SIGMASK_SYNC;
	int sig = __builtin_ctzll(ready) + 1;

	collect(p, sig, info);
	return sig;
}

int signal_take(struct task *t, sigmask mask, struct siginfo *info)
{
	int sig = signal_take_from(&t->pending, mask, info);

	if (!sig)
		sig = signal_take_from(&t->process->pending, mask, info);
	if (sig == SIGALRM && signal_alarm_hook)
		signal_alarm_hook(t->process);
	signal_recalc();
	if (sig && sig_in(sig, SIGMASK_STOP))
		t->stop_state |= STOP_DEQUEUED;
	return sig;
}

int signal_dequeue(sigmask mask, struct siginfo *info)
{
	struct task *t = current;

	spin_lock_irq(&t->sighand->lock);
	int sig = signal_take(t, mask & ~SIGMASK_UNBLOCKABLE, info);

	spin_unlock_irq(&t->sighand->lock);
	return sig;
}

bool signal_peek(struct task *t, bool shared, u64 n, struct siginfo *info)
{
	struct sigpending *p = shared ? &t->process->pending : &t->pending;
	struct sigqueue *q;
	unsigned long flags;
	bool found = false;

	if (!sighand_lock(t, &flags))
		return false;
	list_for_each_entry (q, &p->queue, link) {
		if (n--)
			continue;
		*info = q->info;
		found = true;
		break;
	}
	sighand_unlock(t, flags);
	return found;
}

struct wait_queue *signal_wait_queue(struct task *t)
{
	return &t->process->signal_wait;
}

/* ---- asking ---- */

bool signal_pending(struct task *t)
{
	return READ_ONCE(t->work) & WORK_SIGNAL;
}

bool signal_fatal_pending(struct task *t)
{
	return (READ_ONCE(t->work) & WORK_SIGNAL) && sig_in(SIGKILL, READ_ONCE(t->pending.mask));
}

static bool has_work(const struct task *t)
{
	const struct process *p = t->process;

	return ((t->pending.mask | p->pending.mask) & ~t->blocked) ||
	       (t->stop_state & (STOP_PENDING | STOP_TRAP_MASK)) ||
	       (p->group_flags & (PROC_TELL_STOPPED | PROC_TELL_CONTINUED));
}

void signal_recalc(void)
{
	struct task *t = current;

	if (has_work(t))
		__atomic_fetch_or(&t->work, WORK_SIGNAL, __ATOMIC_SEQ_CST);
	else if (t->work & WORK_SIGNAL)
		__atomic_fetch_and(&t->work, ~WORK_SIGNAL, __ATOMIC_SEQ_CST);
}
