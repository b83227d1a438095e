/*
 * Locks: spinlock, mutex, rwsem, sequence count.
 *
 * Every lock is initialised with its class from order.def.  A debug kernel checks on every
 * acquire that the class is further down the list than all that are held, that an IRQ class is
 * always taken with interrupts off, and that no SLEEP class is taken in atomic context.
 * guard(spin)(&l), guard(spin_irq)(&l), guard(mutex)(&m), guard(read)(&s), guard(write)(&s)
 * release at the end of the scope.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kern/atomic.h>
#include <kern/list.h>
#include <asm/irqflags.h>
#include <asm/preempt.h>

enum lock_class {
#define LOCK_CLASS(name, kind, what) name,
#include <kernel/lock/order.def>
#undef LOCK_CLASS
	LK_COUNT
};

struct task;

#ifdef CONFIG_DEBUG_LOCKS
struct lock_debug {
	u8 class;
	void *owner;	  /* task that holds it exclusively */
	unsigned long ip; /* where it was taken */
};
extern bool lock_debug_on; /* cleared by the first report, so that it is readable */
void lock_debug_init(struct lock_debug *d, enum lock_class class);
void lock_debug_acquire(struct lock_debug *d, void *lock, unsigned int sub, bool shared,
			bool try_only);
void lock_debug_release(struct lock_debug *d, void *lock);
/* Reports a lock that the caller should hold and does not. */
void lock_debug_assert(const struct lock_debug *d, const void *lock, bool locked);
/* The scheduler works: from now on sleeping in atomic context is an error. */
void lock_debug_scheduler_up(void);
/* A task ends: it must hold nothing. */
void lock_debug_exit_check(void);
#else
struct lock_debug {
};
static inline void lock_debug_init(struct lock_debug *d, enum lock_class class)
{
	(void)d;
	(void)class;
}
static inline void lock_debug_acquire(struct lock_debug *d, void *lock, unsigned int sub,
				      bool shared, bool try_only)
{
	(void)d;
	(void)lock;
	(void)sub;
	(void)shared;
	(void)try_only;
}
static inline void lock_debug_release(struct lock_debug *d, void *lock)
{
	(void)d;
	(void)lock;
}
static inline void lock_debug_scheduler_up(void)
{
}
static inline void lock_debug_exit_check(void)
{
}
#endif

/* Spinlock.  Holding it disables preemption. */
struct spinlock {
	u32 locked; /* atomic: 0 or 1 */
	struct lock_debug debug;
};

#ifdef CONFIG_DEBUG_LOCKS
#define SPINLOCK_INIT(class_)                 \
	{                                     \
		.debug = {.class = (class_) } \
	}
#else
#define SPINLOCK_INIT(class_) \
	{                     \
		0             \
	}
#endif

/*
 * void spin_init(l, class)          spin_lock(l)      spin_lock_nested(l, sub)   spin_unlock(l)
 * bool spin_trylock(l)              spin_lock_irq(l)  spin_unlock_irq(l): interrupts are known on
 * unsigned long spin_lock_irqsave(l)                  spin_unlock_irqrestore(l, flags)
 * bool spin_is_locked(l)            spin_assert_held(l)
 */
#include <kernel/lock/spin_inline.h>

/* Sleeping mutual exclusion with optimistic spinning; only the owner unlocks. */
struct mutex {
	unsigned long owner; /* atomic: struct task *, low bits MUTEX_* of mutex.c */
	struct spinlock wait_lock;
	struct list_head waiters;
	struct lock_debug debug;
};

void mutex_init(struct mutex *m, enum lock_class class);
void mutex_lock(struct mutex *m);
void mutex_lock_nested(struct mutex *m, unsigned int sub);
int mutex_lock_interruptible(struct mutex *m) __must_check; /* -EINTR */
int mutex_lock_killable(struct mutex *m) __must_check;	    /* -EINTR */
bool mutex_trylock(struct mutex *m) __must_check;
void mutex_unlock(struct mutex *m);
bool mutex_is_locked(const struct mutex *m);
void mutex_assert_held(const struct mutex *m);

/* Sleeping readers/writer lock; writers are not starved. */
struct rwsem {
	u64 count; /* atomic: bit 0 writer, bit 1 waiters, readers from bit 2 */
	struct spinlock wait_lock;
	struct list_head waiters;
	struct lock_debug debug;
};

void rwsem_init(struct rwsem *s, enum lock_class class);
void rwsem_read_lock(struct rwsem *s);
bool rwsem_read_trylock(struct rwsem *s) __must_check;
int rwsem_read_lock_killable(struct rwsem *s) __must_check;
void rwsem_read_unlock(struct rwsem *s);
void rwsem_write_lock(struct rwsem *s);
void rwsem_write_lock_nested(struct rwsem *s, unsigned int sub);
bool rwsem_write_trylock(struct rwsem *s) __must_check;
int rwsem_write_lock_killable(struct rwsem *s) __must_check;
void rwsem_write_unlock(struct rwsem *s);
void rwsem_downgrade(struct rwsem *s);
void rwsem_assert_write(const struct rwsem *s);

/* Sequence count: writers are serialised by another lock; readers retry. */
struct seqcount {
	u32 seq;
};

static inline u32 seq_read_begin(const struct seqcount *s)
{
	u32 v;

	while ((v = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE)) & 1)
		cpu_relax();
	return v;
}

static inline bool seq_read_retry(const struct seqcount *s, u32 start)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&s->seq, __ATOMIC_RELAXED) != start;
}

static inline void seq_write_begin(struct seqcount *s)
{
	__atomic_store_n(&s->seq, s->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void seq_write_end(struct seqcount *s)
{
	__atomic_store_n(&s->seq, s->seq + 1, __ATOMIC_RELEASE);
}

DEFINE_GUARD(spin, struct spinlock, spin_lock, spin_unlock)
DEFINE_GUARD(spin_irq, struct spinlock, spin_lock_irq, spin_unlock_irq)
DEFINE_GUARD_FLAGS(spin_irqsave, struct spinlock, spin_lock_irqsave, spin_unlock_irqrestore)
DEFINE_GUARD(mutex, struct mutex, mutex_lock, mutex_unlock)
DEFINE_GUARD(read, struct rwsem, rwsem_read_lock, rwsem_read_unlock)
DEFINE_GUARD(write, struct rwsem, rwsem_write_lock, rwsem_write_unlock)
