/* Shared by devpts.c (the file system), pty.c (slaves) and master.c. */
#pragma once

#include <kern/types.h>
#include <lib/ringbuf/ringbuf.h>
#include <kernel/file/file.h>
#include <kernel/tty/tty.h>
#include <kernel/wait/wait.h>

#define PTY_MAX 4096u	    /* of one instance; as kernel.pty.max */
#define PTY_OUT_SIZE 16384u /* slave to master */
#define PTY_IN_SIZE 16384u  /* master to slave, in front of the line discipline */

struct dentry;
struct inode;
struct path;
struct super;

/* A pair.  The slave's reference count is that of both; the master's open file holds one. */
struct pty {
	struct tty slave;
	struct super *super; /* [I] +1: the instance it belongs to */
	int index;	     /* [I] */
	struct dentry *node; /* [I] +1 until the master closes */

	/* slave.spin */
	struct ringbuf out;
	struct ringbuf in; /* buf NULL until it is needed */
	u32 in_flushes;	   /* counts flushes of @in */
	bool locked;	   /* TIOCSPTLCK */
	bool slave_closed; /* nobody has it open any more: the master reads EIO */
	bool packet;
	u8 packet_status; /* TIOCPKT_* not yet read by the master */

	struct mutex in_lock;			 /* LK_TTY, nested: order of bytes to the slave */
	struct mutex read_lock, write_lock;	 /* LK_TTY: one reader, one writer of the master */
	struct wait_queue read_wait, write_wait; /* the master's */
};

/* devpts.c */
/* The root of the instance that an opened ptmx belongs to; +1.  -ENODEV. */
int devpts_root(struct file *ptmx, struct path *out) __must_check;
int devpts_reserve(struct super *sb, int *index) __must_check; /* -ENOSPC */
void devpts_release(struct super *sb, int index);
int devpts_add(struct super *sb, struct pty *pty, struct dentry **out) __must_check;
void devpts_remove(struct super *sb, struct dentry *node);

/* pty.c */
/* One reference, which is the master's; a node in @sb.  -ENOSPC, -ENOMEM. */
int pty_create(struct super *sb, struct pty **out) __must_check;
/* The master closes: hangup of the slave, no node; drops the reference. */
void pty_close_master(struct pty *p);
static inline struct pty *pty_of(struct tty *tty)
{
	return container_of(tty, struct pty, slave);
}
/* Passes what waits to the slave's line discipline. */
void pty_push_input(struct pty *p);
void pty_flush_output(struct pty *p); /* slave.spin */
