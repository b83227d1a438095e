/*
 * Readiness: poll(2), select(2), epoll(7).
 *
 * A file's poll op registers its wait queues with poll_wait() and returns the ready mask (EPOLL*).
 */
#pragma once

#include <kern/types.h>
#include <kernel/wait/wait.h>
#include <linux/eventpoll.h>
#include <asm/poll.h>

struct file;

struct poll_table {
	/* Adds a waiter for @f on @q; NULL: only the mask is wanted. */
	void (*queue)(struct poll_table *pt, struct file *f, struct wait_queue *q);
	u32 wanted;
};

static inline void poll_wait(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	if (pt && pt->queue)
		pt->queue(pt, f, q);
}

/* Deadline of a relative time-out in ms: negative waits for ever, 0 does not wait. */
u64 poll_deadline_ms(int timeout_ms);
/* Deadline of a user timespec (NULL: for ever). -EFAULT, -EINVAL. */
struct __kernel_timespec;
int poll_deadline_user(const struct __kernel_timespec __user *uts, u64 *out) __must_check;

/* Boot: once, before the first user program. */
void epoll_system_init(void);

#define POLL_DEFAULT (EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM)
/* Mask of a file, with regular files always ready. */
u32 poll_file(struct file *f, struct poll_table *pt);
/*
 * kcmp(2): the @nth file (0: the first) that epoll instance @f watches under descriptor @fd, for
 * comparing only.  -EINVAL: @f is something else; -ENOENT.
 */
int epoll_watched_file(struct file *f, int fd, u32 nth, const void **out) __must_check;
/* kernel/file calls this when an open file dies that is in an epoll set. */
void poll_file_release(struct file *f);
