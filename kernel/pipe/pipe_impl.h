/* Shared by pipe.c, fifo.c and splice.c. */
#pragma once

#include <kernel/pipe/pipe.h>
#include <kernel/file/file.h>

extern const struct file_ops pipe_file_ops;

int pipe_alloc(struct pipe **out) __must_check;
void pipe_free(struct pipe *p);
/* Drops the frame of the oldest buffer; returns it to the spares when it is the pipe's own. */
void pipe_pop(struct pipe *p);
/* One open end less; wakes the other side; frees the pipe when nobody is left. */
struct inode;
void pipe_close_end(struct inode *inode, struct pipe *p, u32 fmode);
/* limit.c: how many slots a new pipe of @u gets: -ENFILE. */
#define PIPE_SLOTS_MIN 2u
int pipe_charge_new(struct cred_user *u, u32 *slots) __must_check;
void pipe_uncharge(struct cred_user *u, u32 slots);
int pipe_resize(struct pipe *p, u32 slots) __must_check;
