/*
 * Ticket spinlock.  The word holds two 16-bit halves: the ticket being served (low) and the next
 * one to give out (high); free means equal.  Taking is one xadd, releasing one 16-bit increment,
 * so both are expanded in line unless the locks are checked.  Part of lock.h; include that.
 */
#pragma once

#define SPIN_TICKET_ONE 0x10000u

/* Waits for the turn after an xadd found the word @ticket. */
void spin_wait(struct spinlock *l, u32 ticket);

static __always_inline bool spin_is_locked(const struct spinlock *l)
{
	u32 v = __atomic_load_n(&l->ticket, __ATOMIC_RELAXED);

	return (u16)v != (u16)(v >> 16);
}

/* The bare lock: no preemption count, no checks. */
static __always_inline void spin_raw_lock(struct spinlock *l)
{
	u32 v = __atomic_fetch_add(&l->ticket, SPIN_TICKET_ONE, __ATOMIC_ACQUIRE);

	if (unlikely((u16)v != (u16)(v >> 16)))
		spin_wait(l, v);
}

static __always_inline bool spin_raw_trylock(struct spinlock *l)
{
	u32 v = __atomic_load_n(&l->ticket, __ATOMIC_RELAXED);

	return (u16)v == (u16)(v >> 16) &&
	       __atomic_compare_exchange_n(&l->ticket, &v, v + SPIN_TICKET_ONE, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static __always_inline void spin_raw_unlock(struct spinlock *l)
{
	u16 *serving = (u16 *)&l->ticket;

	__atomic_store_n(serving, (u16)(*serving + 1), __ATOMIC_RELEASE);
}

#ifdef CONFIG_DEBUG_LOCKS
void spin_init(struct spinlock *l, enum lock_class class);
void spin_lock(struct spinlock *l);
void spin_lock_nested(struct spinlock *l, unsigned int sub);
bool spin_trylock(struct spinlock *l) __must_check;
void spin_unlock(struct spinlock *l);
void spin_lock_irq(struct spinlock *l);
void spin_unlock_irq(struct spinlock *l);
unsigned long spin_lock_irqsave(struct spinlock *l);
void spin_unlock_irqrestore(struct spinlock *l, unsigned long flags);
void spin_assert_held(const struct spinlock *l);
#else
static __always_inline void spin_init(struct spinlock *l, enum lock_class class)
{
	(void)class;
	l->ticket = 0;
}

static __always_inline void spin_lock(struct spinlock *l)
{
	preempt_disable();
	spin_raw_lock(l);
}

static __always_inline void spin_lock_nested(struct spinlock *l, unsigned int sub)
{
	(void)sub;
	spin_lock(l);
}

static __always_inline bool __must_check spin_trylock(struct spinlock *l)
{
	preempt_disable();
	if (spin_raw_trylock(l))
		return true;
	preempt_enable();
	return false;
}

static __always_inline void spin_unlock(struct spinlock *l)
{
	spin_raw_unlock(l);
	preempt_enable();
}

static __always_inline void spin_lock_irq(struct spinlock *l)
{
	irqs_off();
	spin_lock(l);
}

static __always_inline void spin_unlock_irq(struct spinlock *l)
{
	spin_raw_unlock(l);
	irqs_on();
	preempt_enable();
}

static __always_inline unsigned long spin_lock_irqsave(struct spinlock *l)
{
	unsigned long flags = irqs_save();

	spin_lock(l);
	return flags;
}

static __always_inline void spin_unlock_irqrestore(struct spinlock *l, unsigned long flags)
{
	spin_raw_unlock(l);
	irqs_restore(flags);
	preempt_enable();
}

static __always_inline void spin_assert_held(const struct spinlock *l)
{
	(void)l;
}
#endif
