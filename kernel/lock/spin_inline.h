/*
 * Test-and-set spinlock: one exchange to take, one store to release, expanded in line unless locks
 * are checked.  Unfair on purpose: the CPUs are a hypervisor's threads, and a queue of any kind
 * stalls whenever the next in line is not being run (see spin.c).  Part of lock.h; include that.
 */
#pragma once

/* Waits until it has taken the lock. */
void spin_wait(struct spinlock *l);

static __always_inline bool spin_is_locked(const struct spinlock *l)
{
	return __atomic_load_n(&l->locked, __ATOMIC_RELAXED);
}

/* The bare lock: no preemption count, no checks. */
static __always_inline void spin_raw_lock(struct spinlock *l)
{
	if (unlikely(__atomic_exchange_n(&l->locked, 1, __ATOMIC_SEQ_CST)))
		spin_wait(l);
}

static __always_inline bool spin_raw_trylock(struct spinlock *l)
{
	return !spin_is_locked(l) && !__atomic_exchange_n(&l->locked, 1, __ATOMIC_SEQ_CST);
}

static __always_inline void spin_raw_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
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
	l->locked = 0;
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
