/*
 * Spinlock slow path, and the out-of-line forms of the checked build.
 *
 * While waiting, a CPU backs off in proportion to its distance from the ticket being served, so
 * that the line of the lock is not fetched by all waiters at each hand-over.
 */
#include <kernel/lock/lock.h>
#include <asm/cpu.h>

noinline void spin_wait(struct spinlock *l, u32 ticket)
{
	u16 mine = (u16)(ticket >> 16);

	for (;;) {
		u16 serving = __atomic_load_n((u16 *)&l->ticket, __ATOMIC_ACQUIRE);
		u16 ahead = (u16)(mine - serving);

		if (!ahead)
			return;
		for (unsigned int i = 0; i < ahead * 4u; i++)
			cpu_relax();
	}
}

#ifdef CONFIG_DEBUG_LOCKS
void spin_init(struct spinlock *l, enum lock_class class)
{
	l->ticket = 0;
	lock_debug_init(&l->debug, class);
}

void spin_lock_nested(struct spinlock *l, unsigned int sub)
{
	preempt_disable();
	lock_debug_acquire(&l->debug, l, sub, false, false);
	spin_raw_lock(l);
}

void spin_lock(struct spinlock *l)
{
	preempt_disable();
	lock_debug_acquire(&l->debug, l, 0, false, false);
	spin_raw_lock(l);
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
	spin_raw_lock(l);
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
	spin_raw_lock(l);
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
