/* Private to kernel/file and kernel/vfs, which opens files. */
#pragma once

#include <kernel/file/file.h>

/* Operations of a file that names a place only, or whose open failed: none. */
extern const struct file_ops file_dead_ops;
/* As file_put(), but the last one closes at once: the caller holds no lock. */

struct fdtable {
	u32 max;
	struct file **fd;	       /* RCU */
	unsigned long *open, *cloexec; /* files->lock */
	struct rcu_head rcu;
};

#define FD_INLINE 64u

struct files {
	u32 refs;	       /* atomic */
	struct spinlock lock;  /* LK_FILES */
	struct fdtable *table; /* RCU */
	u32 next_fd;	       /* none is free below */
	struct fdtable first;  /* over the inline arrays */
	struct file *inline_fd[FD_INLINE];
	unsigned long inline_open[FD_INLINE / 64], inline_cloexec[FD_INLINE / 64];
};

/* fasync.c */
int file_set_signal(struct file *f, int sig) __must_check;
int file_get_signal(struct file *f);
void file_drop_owner(struct file *f); /* nobody uses @f any more */

/* fcntl(2) of record locks: kernel/vfs/locks.c. */
struct flock;
long locks_fcntl(struct file *f, unsigned int fd, unsigned int cmd, struct flock __user *ufl);
