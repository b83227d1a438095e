/* Shared by the files of kernel/futex. */
#pragma once

#include <kern/list.h>
#include <kernel/futex/futex.h>
#include <kernel/lock/lock.h>
#include <kernel/mm/mm.h>
#include <lib/rbtree/rbtree.h>

struct pi_lock;
struct pi_waiter;
struct task;

struct futex_bucket {
	u32 waiters;	      /* atomic: counted before they look at the word */
	struct spinlock lock; /* LK_FUTEX; two of them by address */
	struct list_head list;
} __aligned(64);

struct futex_waiter {
	struct list_head link;
	struct task *task;
	struct mm_key key;
	u32 bitset;
	bool real;	      /* its deadline is of the wall clock: woken to look when that steps */
	struct pi_waiter *pi; /* FUTEX_WAIT_REQUEUE_PI: what it becomes when requeued */
	struct futex_bucket
		*bucket; /* where it hangs; NULL: woken.  Changed under that bucket's lock */
};

/* A deadline as the caller gave it. */
struct futex_time {
	u64 ns;	   /* WAIT_FOREVER: none */
	bool real; /* CLOCK_REALTIME, else CLOCK_MONOTONIC */
};
/* The deadline on CLOCK_MONOTONIC as of now. */
u64 futex_deadline(const struct futex_time *t);

/* Who waits for a lock with an owner; on the waiter's stack. All under pi_mutex. */
struct pi_waiter {
	struct rb_node node; /* lock->waiters: by priority, then by arrival */
	struct task *task;
	struct pi_lock *lock; /* NULL: not queued */
	u64 arrival;
	u8 prio;      /* of the task, when it was placed */
	bool granted; /* it owns the lock now */
	bool fix;     /* and has to write itself into the word: the owner died */
	bool real;
	/* FUTEX_WAIT_REQUEUE_PI: the lock that it is to get, and room for its state. */
	struct mm_key target;
	struct pi_lock *spare;
};

/* futex.c */
struct futex_bucket *futex_bucket_of(const struct mm_key *key);
int futex_wake_key(u32 __user *uaddr, bool shared, int count, u32 bitset);
int futex_get_key(u32 __user *uaddr, bool shared, bool write, struct mm_key *key) __must_check;
bool futex_key_equal(const struct mm_key *a, const struct mm_key *b);
/* With a bucket locked: -EFAULT if the page is not there right now. */
int futex_read_word(u32 __user *uaddr, u32 *out) __must_check;
/* Counted and queued in its bucket if the word is @val and state INTERRUPTIBLE, or why not. */
int futex_wait_setup(struct futex_waiter *w, u32 __user *uaddr, bool shared, u32 val) __must_check;
/* Sleeps while it is queued: 0 when taken off by somebody else, -ETIME, -ERESTARTSYS. */
int futex_sleep(struct futex_waiter *w, const struct futex_time *time) __must_check;
/* Off its bucket; true: it was still queued. */
bool futex_waiter_remove(struct futex_waiter *w);
/* Bucket locked: takes it off, and wakes it or not. */
void futex_waiter_off(struct futex_waiter *w);
void futex_waiter_woken(struct futex_waiter *w);
void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b);
void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b);

/* pi.c */
void futex_pi_init(void);
int futex_lock_pi(u32 __user *uaddr, bool shared, const struct futex_time *time, bool try_only);
int futex_unlock_pi(u32 __user *uaddr, bool shared);
void futex_exit_pi(struct task *t);
/* The wall clock was stepped. */
void futex_pi_stepped(void);
/* Is the word a lock that is waited for? */
bool futex_pi_busy(const struct mm_key *key);

/* pi.c for requeue_pi.c; buckets locked */
int pi_spare(struct pi_lock **out) __must_check;
void pi_spare_free(struct pi_lock *l);
/*
 * The lock for @w's task: 1 taken, 0 queued, or -errno (-EAGAIN, -EFAULT: start over). @more:
 * others will wait for it too.
 */
int pi_acquire_for(struct pi_waiter *w, u32 __user *uaddr, bool more) __must_check;
/*
 * Sleeps as a queued or granted @w, unless a sleep before ended with @err: 0 when the lock is
 * current's, -ETIMEDOUT, -ERESTARTNOINTR, -EFAULT.
 */
int pi_finish(struct pi_waiter *w, u32 __user *uaddr, const struct futex_time *time, int err)
	__must_check;
/* Without locks, after -EFAULT, -EAGAIN or -EBUSY: 0 to try again, else what to answer. */
int pi_retry(u32 __user *uaddr, int err) __must_check;

/* requeue_pi.c */
int futex_wait_requeue_pi(u32 __user *uaddr, bool shared, u32 val, const struct futex_time *time,
			  u32 bitset, u32 __user *uaddr2);
int futex_cmp_requeue_pi(u32 __user *uaddr, u32 __user *uaddr2, bool shared, int wake, int requeue,
			 u32 expected);
