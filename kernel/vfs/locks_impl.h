/* Private to kernel/vfs: the mechanism of record locks (locks.c) and its system calls. */
#pragma once

#include <kernel/vfs/vfs_impl.h>
#include <lib/rbtree/rbtree.h>

enum { KIND_POSIX, KIND_OFD, KIND_FLOCK };

/*
 * A lock, or a request for one.  Locks of an inode are in file_locks.lock; blocker, blocked and the
 * trees of requests change with the global lock of the waiting held too.
 */
struct file_lock {
	/* By start: in lock_space.ranges; of a request that waits, in blocker->blocked. */
	struct rb_node range;
	/* By owner and start: in lock_space.mine; of a process's request, in the waiting ones. */
	struct rb_node mine;
	loff_t start, end;	    /* inclusive */
	loff_t max_end, max_wr_end; /* in the subtree; the latter of F_WRLCK alone, -1: none */
	struct inode *inode;
	const struct file *file; /* +0: compared only */
	const void *owner;
	struct file_lock *blocker; /* what a request waits for */
	struct rb_root blocked;	   /* requests that wait for this one */
	struct wait_queue *wait;   /* of the request's task */
	int pid;
	u8 type; /* F_RDLCK, F_WRLCK */
	u8 kind; /* KIND_* */
};

struct lock_space {
	struct rb_root ranges, mine;
};

struct file_locks {
	struct spinlock lock;		/* LK_FILE_LOCKS */
	struct lock_space posix, flock; /* lock */
	struct list_head all;		/* the list of those that exist */
};

/* Of @i, made when it has none: -ENOMEM. */
int file_locks_of(struct inode *i, struct file_locks **out) __must_check;
static inline struct lock_space *lock_space_of(struct file_locks *fl, int kind)
{
	return kind == KIND_FLOCK ? &fl->flock : &fl->posix;
}
/* Sets, changes or removes as @proto says.  -EAGAIN, -EDEADLK, -ENOLCK, -ENOMEM, -ERESTARTSYS. */
int lock_set(const struct file_lock *proto, bool wait) __must_check;
/* The first lock, by start, that @want conflicts with; @root: of ranges. */
struct file_lock *lock_conflict(const struct rb_root *root, const struct file_lock *want);
/* The first of @owner, by start, and the next of the same. */
struct file_lock *lock_first_of(const struct lock_space *s, const void *owner);
struct file_lock *lock_next_of(const struct file_lock *l);
/* Calls @show for every lock and, below each, the requests that wait for it.  @show may not sleep;
 * @level: 0 for a lock. */
void locks_for_each(void (*show)(void *ctx, const struct file_lock *l, int level), void *ctx);
