/*
 * Pipes and FIFOs: pipe(7), splice(2).
 *
 * A ring of buffers that each name a frame and a range in it; splice moves frames instead of bytes.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/wait/wait.h>

struct file;
struct frame;
struct cred_user;

#define PIPE_SLOTS_DEFAULT 16u

#define PIPE_BUF_MERGE 1u  /* the writer may append: the frame is the pipe's own */
#define PIPE_BUF_PACKET 2u /* O_DIRECT: one read returns one buffer */

struct pipe_buf {
	struct frame *frame; /* +1 */
	u32 offset, len;
	u32 flags;
};

struct pipe {
	struct mutex lock; /* LK_PIPE: everything below */
	struct pipe_buf *ring;
	u32 slots;			/* power of two */
	u32 head, tail;			/* filled: [tail, head); free-running */
	u32 readers, writers;		/* open ends */
	u32 files;			/* open files on it; the inode's spin lock */
	u32 reader_opens, writer_opens; /* ever: FIFO open waits for a change */
	bool nameless;			/* from pipe(2): opened again, it waits for nobody */
	bool polled;			/* EPOLLET users want an event at every write */
	struct frame *spare[2];		/* kept for the next write */
	struct wait_queue read_wait, write_wait;
	struct fasync_list read_async, write_async; /* O_ASYNC */
	struct cred_user *user;			    /* +1: who pays for the slots */
};

static inline bool pipe_empty(const struct pipe *p)
{
	return READ_ONCE(p->head) == READ_ONCE(p->tail);
}
static inline bool pipe_full(const struct pipe *p)
{
	return READ_ONCE(p->head) - READ_ONCE(p->tail) >= READ_ONCE(p->slots);
}

void pipe_system_init(void);
/* Two open files, read end first.  @flags: O_CLOEXEC is ignored here; O_NONBLOCK, O_DIRECT. */
int pipe_create(u32 flags, struct file *out[2]) __must_check;
/* The pipe behind a file, or NULL. */
struct pipe *pipe_of_file(struct file *f);
/* fcntl(2) F_SETPIPE_SZ, F_GETPIPE_SZ. */
long pipe_fcntl(struct pipe *p, unsigned int cmd, unsigned long arg);
/*
 * For splice: appends a range of a frame (takes its own reference).  The caller holds p->lock and
 * has seen !pipe_full(p).
 */
void pipe_push(struct pipe *p, struct frame *f, u32 offset, u32 len, u32 flags);
/* Waits until the pipe can take a buffer; with p->lock held on success. -EAGAIN, -EPIPE (SIGPIPE
 * sent). */
int pipe_wait_writable(struct pipe *p, bool nonblock) __must_check;
/* Waits for data; with p->lock held.  1: there is some, 2: after
 * a sleep, 0: end of file, -EAGAIN, -ERESTARTSYS. */
int pipe_wait_readable(struct pipe *p, bool nonblock) __must_check;
