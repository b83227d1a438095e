/*
 * Spinlock slow path, and the out-of-line forms of the checked build.
 *
 * A first version gave out tickets.  With more virtual CPUs than the host runs at a time it stood
 * still for milliseconds at each hand-over, until the host ran the one CPU whose turn it was.  Here
 * whoever runs takes a free lock.  Waiters only read until it looks free, and pause longer the more
 * often another one was faster.
 */
#include <kernel/lock/check_impl.h>
#include <kernel/lock/lock.h>
#include <asm/cpu.h>

#define SPIN_PAUSE_MAX 64u

noinline void spin_wait(struct spinlock *l)
{
	for (unsigned int pause = 1;; pause = pause < SPIN_PAUSE_MAX ? pause * 2 : pause) {
		while (spin_is_locked(l))
			cpu_relax();
		if (!__atomic_exchange_n(&l->locked, 1, __ATOMIC_SEQ_CST))
			return;
		for (unsigned int i = 0; i < pause; i++)
			cpu_relax();
	}
}

#ifdef CONFIG_DEBUG_LOCKS
/* The lock is on the stack of those held already. */
static inline void spin_checked_lock(struct spinlock *l)
{
	if (likely(!__atomic_exchange_n(&l->locked, 1, __ATOMIC_SEQ_CST)))
		return;
	spin_wait(l);
	lock_debug_waited(&l->debug, l, 0);
}

void spin_init(struct spinlock *l, enum lock_class class)
{
	l->locked = 0;
	lock_debug_init(&l->debug, class);
}

void spin_lock_nested(struct spinlock *l, unsigned int sub)
{
	preempt_disable();
	lock_debug_acquire(&l->debug, l, sub, false, false);
	spin_checked_lock(l);
}

void spin_lock(struct spinlock *l)
{
	preempt_disable();
	lock_debug_acquire(&l->debug, l, 0, false, false);
	spin_checked_lock(l);
}

bool spin_trylock(struct spinlock *l)
{
	preempt_disable();
	if (spin_raw_trylock(l)) {
		lock_debug_acquire(&l->debug, l, 0, false, true);
		return true;
	}
	preempt_enable();
	return false;
}

void spin_unlock(struct spinlock *l)
{
	lock_debug_release(&l->debug, l);
	spin_raw_unlock(l);
	preempt_enable();
}

void spin_lock_irq(struct spinlock *l)
{
	/* The unlock would turn them on under the caller. */
	WARN_ON(irqs_are_off());
	irqs_off();
	preempt_disable();
	lock_debug_acquire(&l->debug, l, 0, false, false);
	spin_checked_lock(l);
}

void spin_unlock_irq(struct spinlock *l)
{
	lock_debug_release(&l->debug, l);
	spin_raw_unlock(l);
	irqs_on();
	preempt_enable();
}

unsigned long spin_lock_irqsave(struct spinlock *l)
{
	unsigned long flags = irqs_save();

	preempt_disable();
	lock_debug_acquire(&l->debug, l, 0, false, false);
	spin_checked_lock(l);
	return flags;
}

void spin_unlock_irqrestore(struct spinlock *l, unsigned long flags)
{
	lock_debug_release(&l->debug, l);
	spin_raw_unlock(l);
	irqs_restore(flags);
	preempt_enable();
}

void spin_assert_held(const struct spinlock *l)
{
	lock_debug_assert(&l->debug, l, spin_is_locked(l));
}
#endif
