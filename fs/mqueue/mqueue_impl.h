/* Private to fs/mqueue: POSIX message queues, mq_overview(7). */
#pragma once

#include <kern/errno.h>
#include <kern/list.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/ns/user.h>
#include <kernel/poll/poll.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/vfs/vfs.h>
#include <kernel/wait/wait.h>
#include <lib/rbtree/rbtree.h>
#include <linux/mqueue.h>

#define MQ_FILE_SIZE 80 /* st_size of a queue */

/* What an IPC namespace has: freed with the last of the namespace and the mounts. */
struct mq_ns {
	u32 refs;	       /* atomic */
	struct mount *mount;   /* the namespace's own; its reference goes with the namespace */
	struct super *super;   /* +0: it holds us */
	struct user_ns *owner; /* +1: of the namespace */
	bool ended;	       /* the namespace has; a mount lives on, without new queues */
	u32 queues;	       /* atomic */
	int queues_max, msg_max, msgsize_max, msg_default, msgsize_default; /* fs.mqueue.* */
};

struct mq_message {
	struct rb_node node; /* highest priority first, then in order */
	u32 priority;
	size_t len;
	u8 data[];
};

/* A task that sleeps in a call; on its stack. */
struct mq_sleeper {
	struct list_head link;
	struct task *task;
	int rank;		    /* smaller is served first */
	struct mq_message *message; /* to be sent, or received */
	int status;		    /* MQ_ASLEEP; hands off after */
};
#define MQ_ASLEEP 1

struct mq_queue {
	struct spinlock lock; /* LK_IPC: everything below */
	struct rb_root messages;
	long count, max_messages, message_size;
	u64 bytes; /* in messages */
	struct list_head senders, receivers;
	struct wait_queue poll_wait;
	/* mq_notify */
	struct pid *notify_pid;		/* +1: who wants to know, or NULL */
	struct process *notify_process; /* +1 */
	const struct cred *notify_cred; /* +1 */
	int notify_kind, notify_signal;
	union sigval notify_value;
	struct ucounts *ucounts; /* +1: who pays */
	s64 charge;
	struct mq_ns *ns; /* +0 */
};

static inline struct mq_queue *mq_of_inode(const struct inode *i)
{
	return i->fs_data;
}

/* fs.c */
extern const struct file_ops mq_file_ops;
struct mq_ns *mq_ns_of_current(void); /* NULL: no memory */
/* An inode for a queue in @dir: -EINVAL, -EMFILE, -ENOSPC, -ENOMEM, -EACCES (no namespace). @attr
 * NULL: the defaults. */
int mq_inode_new(struct inode *dir, umode_t mode, const struct mq_attr *attr, struct inode **out)
	__must_check;

/* notify.c */
void mq_notify_drop(struct mq_queue *q);    /* lock held; forgets who wanted to know */
void mq_notify_arrival(struct mq_queue *q); /* lock held: the queue was empty */
/* message.c */
u32 mq_poll(struct file *f, struct poll_table *pt);
/* The queue behind a descriptor: -EBADF. */
int mq_get(int fd, u32 mode, struct fd_ref *ref, struct mq_queue **out) __must_check;
