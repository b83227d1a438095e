/* Shared by pipe.c, fifo.c and splice.c. */
#pragma once

#include <kernel/pipe/pipe.h>
#include <kernel/file/file.h>

extern const struct file_ops pipe_file_ops;

int pipe_alloc(struct pipe **out) __must_check;
void pipe_free(struct pipe *p);
/* Drops the frame of the oldest buffer; returns it to the spares when it is the pipe's own. */
void pipe_pop(struct pipe *p);
/* read(2): waits for the first byte, unless @nonblock. */
ssize_t pipe_read_some(struct pipe *p, struct uio *u, bool nonblock) __must_check;
/*
 * After @n bytes or, for 0 or an error, none came in or went out, the pipe unlocked.  Waiters are
 * woken one at a time: who leaves something behind passes the wake-up on, as it may have been the
 * only one.
 */
void pipe_filled(struct pipe *p, ssize_t n);
void pipe_drained(struct pipe *p, ssize_t n);
#define SPLICE_VALID (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)
/* One open end less; wakes the other side; frees the pipe when nobody is left. */
struct inode;
struct uio;
void pipe_close_end(struct inode *inode, struct pipe *p, u32 fmode);
/* limit.c: how many slots a new pipe of @u gets: -ENFILE. */
#define PIPE_SLOTS_MIN 2u
int pipe_charge_new(struct cred_user *u, u32 *slots) __must_check;
void pipe_uncharge(struct cred_user *u, u32 slots);
int pipe_resize(struct pipe *p, u32 slots) __must_check;
