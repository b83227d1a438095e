/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to kernel/bus: objects, locks, and who calls whom.
 *
 * Locks, outermost first: bus->flush (LK_BUS_FLUSH), bus->registry (LK_BUS_REGISTRY),
 * conn->receive (LK_BUS_RECEIVE), conn->lock (LK_BUS_CONN; two of them by address), conn->owed_lock
 * (LK_BUS_OWED).
 *
 * A connection's memory stays for a grace period after its last reference, so that a sender may
 * look it up under RCU. It takes part in the bus as long as .active; what makes it take part is
 * done under conn->lock after a look at that.
 */
#pragma once

#include <abi/kdbus.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/list.h>
#include <kern/string.h>
#include <kernel/bus/bus.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/poll/poll.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uio/uio.h>
#include <kernel/wait/wait.h>
#include <kernel/work/work.h>
#include <lib/rbtree/rbtree.h>

#include "bloom_impl.h"
#include "item_impl.h"
#include "limits_impl.h"
#include "match_impl.h"
#include "meta_impl.h"
#include "name_impl.h"
#include "policy_impl.h"
#include "slice_impl.h"
#include "table_impl.h"

/* ---- objects ---- */

/* Whom connections and buses are counted for: a user of a domain, or a custom endpoint. */
struct bus_user {
	struct rb_node node; /* domain->users, by uid; domain->lock; unlinked: of an endpoint */
	struct bus_domain *domain; /* +1 */
	u32 uid;		   /* [I] kernel id */
	u32 refs;		   /* atomic */
	s32 conns, buses;	   /* atomic */
};

struct bus_domain {
	u32 refs; /* atomic */
	u64 last_id; /* atomic: of buses and connections */
	struct user_ns *user_ns; /* [I] +1 */
	const struct bus_tree_ops *ops; /* [I] */
	void *tree;			/* [I] the super: lives while a file of it is open */
	struct spinlock lock;		/* LK_SPIN_LEAF */
	struct rb_root users;		/* lock */
};

struct bus {
	struct bus_node node;
	u32 refs; /* atomic: owner's file, endpoints, inodes */
	struct bus_domain *domain; /* [I] +1 */
	struct bus_user *creator;  /* [I] +1 */
	struct bus_meta *creator_meta; /* [I] */
	u64 id, flags, attach_owner;   /* [I] */
	u8 id128[16];		       /* [I] */
	struct kdbus_bloom_parameter bloom; /* [I] */
	u64 last_message;		    /* atomic: seqnum of time stamps */
	/* Names, matches, policy (the N, M and P of their headers), and what is below. */
	struct rwsem registry; /* LK_BUS_REGISTRY */
	struct bus_names names;
	struct bus_match_index matches;
	struct bus_policy policy;
	struct bus_table conns;	     /* by id; RCU readers */
	struct list_head all_conns;  /* by .bus_link */
	struct list_head monitors;   /* by .monitor_link */
	struct list_head endpoints;  /* by .bus_link */
	u32 monitor_count;	     /* READ_ONCE by senders */
	bool active;
	u64 recv_any; /* atomic: what connections have asked for with messages, ever */
	/* One broadcast after the other, so that what is an answer to one is behind it everywhere.
	 * LK_BUS_RECEIVE, though nobody receives under it. */
	struct mutex order;
	/* What is to be told: struct bus_name_event. */
	struct spinlock notice_lock; /* LK_SPIN_LEAF */
	struct list_head notices;    /* notice_lock */
	struct mutex flush;	     /* LK_BUS_FLUSH: one tells at a time */
	u64 lost_notices;	     /* atomic: no memory to tell */
};

struct bus_endpoint {
	struct bus_node node;
	u32 refs;	 /* atomic */
	struct bus *bus; /* [I] +1 */
	struct bus_user *user; /* [I] +1: of a custom endpoint; NULL: the default one */
	struct bus_policy policy; /* of a custom endpoint; bus->registry */
	struct bus_policy_holder holder;
	struct list_head bus_link; /* bus->registry */
	struct list_head conns;	   /* bus->registry: by .ep_link */
	bool active;		   /* bus->registry */
};

/* What one sending user has in one connection. conn->lock. */
struct bus_quota {
	struct rb_node node;   /* conn->quotas, by user */
	struct bus_user *user; /* +1; NULL: the kernel */
	u64 memory;
	u32 messages, fds;
	u64 lost; /* refused or dropped, ever */
};

/* Bytes that several queues share, never changed. */
struct bus_blob {
	u32 refs; /* atomic */
	size_t size;
	u8 data[] __attribute__((aligned(8)));
};

/* Descriptors in a message; shared by all who get it. */
struct bus_files {
	u32 refs;	   /* atomic */
	u32 fds, memfds;   /* [I] files[]: first the descriptors, then the memory files */
	u32 fds_at;	   /* [I] offset of KDBUS_ITEM_FDS's numbers in the message */
	u32 memfd_at[BUS_MEMFDS_MAX]; /* [I] offsets of the number of each */
	struct file *files[];	      /* +1 */
};

/*
 * A message in a queue. Its bytes are in .range of the queue's pool; or are to be put there by who
 * receives it: from .head and .body, or from .source of the pool of .home, where it was first.
 */
struct bus_entry {
	struct list_head link;	/* conn->queue; a list of one's own while nobody sees it */
	struct rb_node prio;	/* conn->by_priority */
	struct list_head peers; /* same priority, later; only the first is in the tree */
	bool in_tree;
	s64 priority;
	u64 src_id, cookie; /* of the message */
	bool wants_reply;
	bool lends; /* who waits for the reply has a priority to lend */
	u64 name_serial; /* of the name it was sent to, or 0 */
	u64 size;	 /* of the slice */
	struct bus_range *range;
	struct bus_conn *home; /* +1, or NULL: the bytes are not elsewhere */
	struct bus_range *source; /* in .home's pool */
	struct bus_blob *head, *body; /* +1 or NULL */
	struct bus_files *files;      /* +1 or NULL */
	struct bus_quota *quota;      /* that it counts in */
};

/* An answer that is waited for. */
struct bus_tracker {
	struct list_head waiting; /* waiter->waiting; waiter->lock */
	struct list_head owed;	  /* replier->owed; replier->owed_lock; empty: claimed */
	u32 refs;		  /* atomic */
	struct bus_conn *waiter;  /* [I] +0: it unlinks all before it goes */
	struct bus_conn *replier; /* waiter->lock and replier->owed_lock; +0; NULL: claimed */
	u64 cookie, name_serial;  /* [I] */
	u64 deadline_ns;	  /* [I] CLOCK_MONOTONIC of the machine */
	bool sync;		  /* [I] */
	u8 call_prio;		  /* [I] .sync: real-time priority of who waits, or 0 */
	/* waiter->lock: */
	bool linked, claimed; /* claimed: the answer is on its way */
	bool interrupted;     /* a signal ended the wait, which may go on */
	bool done;	      /* .err, .entry say how; READ_ONCE by the waiter */
	int err;
	struct bus_entry *entry;      /* the answer */
	struct bus_name_event *event; /* what failure will be told with; not .sync */
	struct wait_queue wait;	      /* .sync */
	struct sched_loan loan;	      /* to the task that received the call, while the answer is owed */
};

struct bus_conn {
	u32 refs; /* atomic */
	u64 id, flags; /* [I] */
	bool owner, privileged; /* [I] */
	struct bus *bus;	/* [I] +0: the endpoint has it */
	struct bus_endpoint *ep; /* [I] +1 */
	const struct cred *cred; /* [I] +1: of who opened the file */
	struct bus_user *user;	 /* [I] +1 */
	char *description;	 /* [I] or NULL */
	struct bus_meta_view view; /* [I] */
	struct bus_meta *meta;	   /* [I] of its maker */
	u64 attach_send, attach_recv; /* READ_ONCE */
	/* bus->registry: */
	struct bus_name_user names;
	struct bus_match_user matches;
	struct bus_policy_holder policy;
	struct bus_table_node by_id;
	struct list_head bus_link, ep_link, monitor_link;
	struct bus_name_event *gone; /* ID_REMOVE to come, or NULL */
	/* Its pool, a file in memory. */
	struct file *pool; /* [I] +1 */
	u64 pool_size;	   /* [I] */

	struct mutex receive; /* LK_BUS_RECEIVE: who takes messages from the queue */
	struct spinlock lock; /* LK_BUS_CONN: what is below */
	bool active;
	struct bus_room room;
	u64 queued_bytes; /* in the pool, of messages in the queue */
	struct list_head queue;
	struct rb_root by_priority;
	u32 queued, inflight; /* messages in the queue; being written */
	u32 handovers;	      /* how often it lost a name whose messages went along */
	u64 lost;	      /* since the last KDBUS_CMD_RECV */
	struct rb_root quotas;
	struct list_head waiting; /* trackers, newest first */
	u32 requests;		  /* of them */
	u64 deadline_ns;	  /* when the first of them ends; U64_MAX: none */
	struct bus_conn_stats {
		u64 received, received_bytes, lost, refused; /* ever */
	} stats;
	struct wait_queue wait; /* poll */

	struct spinlock owed_lock; /* LK_BUS_OWED */
	struct list_head owed;	   /* owed_lock: trackers that this connection answers */

	u64 sent, sent_bytes; /* atomic, ever */
	struct timer timer;   /* deadline_ns */
	struct work work;
	struct rcu_head rcu;
};

#define BUS_CONN_SPECIAL (KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_POLICY_HOLDER | KDBUS_HELLO_MONITOR)
static inline bool bus_conn_is_ordinary(const struct bus_conn *c)
{
	return !(c->flags & BUS_CONN_SPECIAL);
}
static inline bool bus_conn_is_activator(const struct bus_conn *c)
{
	return c->flags & KDBUS_HELLO_ACTIVATOR;
}
static inline bool bus_conn_is_monitor(const struct bus_conn *c)
{
	return c->flags & KDBUS_HELLO_MONITOR;
}
static inline bool bus_conn_is_holder(const struct bus_conn *c)
{
	return c->flags & KDBUS_HELLO_POLICY_HOLDER;
}
static inline struct bus_conn *bus_conn_of_names(struct bus_name_user *u)
{
	return container_of(u, struct bus_conn, names);
}

/* ---- args.c: commands ---- */

#define BUS_ARGS_SMALL 320u

/* What a command, or a message, may say. */
struct bus_args_rule {
	u32 head;  /* bytes before the items */
	bool message; /* has no return_flags */
	u64 flags; /* KDBUS_FLAG_NEGOTIATE is always understood */
	u32 count;
	const struct bus_item_rule *items; /* the first is KDBUS_ITEM_NEGOTIATE */
};

struct bus_args {
	const struct bus_args_rule *rule;
	void __user *user;
	struct kdbus_cmd *cmd; /* the copy; NULL: there is none */
	void *items;
	size_t items_size;
	struct kdbus_item *found[BUS_ITEM_RULES_MAX]; /* as bus_items_judge() */
	u64 small[BUS_ARGS_SMALL / 8];
};

/*
 * Copies and judges a command. 0; 1: it only negotiates, and has been answered; -EFAULT, -EINVAL,
 * -EMSGSIZE, -ENOMEM. bus_args_end() follows whatever comes of it.
 */
int bus_args_begin(struct bus_args *a, const struct bus_args_rule *rule, void __user *user)
	__must_check;
/* Tells return_flags; @err unless that fails. */
int bus_args_end(struct bus_args *a, int err);
/* Writes a part of the copy back. -EFAULT. */
int bus_args_tell(const struct bus_args *a, const void *part, size_t size) __must_check;
/* Bits of KDBUS_ATTACH_*, _KDBUS_ATTACH_ANY for all: -EINVAL. */
int bus_attach_flags(u64 given, u64 *out) __must_check;

/* ---- domain.c ---- */

struct bus_domain *bus_domain_get(struct bus_domain *d);
/* +1; -ENOMEM. */
int bus_user_find(struct bus_domain *d, u32 uid, struct bus_user **out) __must_check;
int bus_user_create(struct bus_domain *d, struct bus_user **out) __must_check; /* of an endpoint */
struct bus_user *bus_user_get(struct bus_user *u);
void bus_user_put(struct bus_user *u); /* NULL-safe; any lock may be held */

/* ---- make.c: buses and endpoints ---- */

int bus_cmd_make(struct bus_domain *d, void __user *user, struct bus **out) __must_check;
void bus_end(struct bus *b); /* the owner's file closes; consumes */
struct bus *bus_get(struct bus *b);
void bus_put(struct bus *b);
int bus_cmd_endpoint_make(struct bus_endpoint *at, const struct file *f, void __user *user,
			  struct bus_endpoint **out) __must_check;
int bus_cmd_endpoint_update(struct bus_endpoint *ep, void __user *user) __must_check;
void bus_endpoint_end(struct bus_endpoint *ep); /* the owner's file closes; consumes */
struct bus_endpoint *bus_endpoint_get(struct bus_endpoint *ep);
void bus_endpoint_put(struct bus_endpoint *ep);
int bus_cmd_creator_info(struct bus_conn *c, void __user *user) __must_check;

/* ---- conn.c ---- */

/* *@out NULL with 0: only negotiated. */
int bus_cmd_hello(struct bus_endpoint *ep, struct file *f, void __user *user,
		  struct bus_conn **out) __must_check;
struct bus_conn *bus_conn_get(struct bus_conn *c);
bool bus_conn_tryget(struct bus_conn *c) __must_check; /* under RCU */
void bus_conn_put(struct bus_conn *c);		       /* NULL-safe; may be under a spin lock */
/* +1 or NULL. */
struct bus_conn *bus_conn_find(struct bus *b, u64 id);
/* Ends it; @if_idle: -EBUSY with messages in its queue. -ESHUTDOWN: it has ended before. */
int bus_conn_end(struct bus_conn *c, bool if_idle);
int bus_cmd_byebye(struct bus_conn *c, void __user *user) __must_check;
int bus_cmd_update(struct bus_conn *c, void __user *user) __must_check;

/* ---- info.c ---- */

int bus_cmd_conn_info(struct bus_conn *c, void __user *user) __must_check;
int bus_cmd_list(struct bus_conn *c, void __user *user) __must_check;

/* ---- access.c: policy; RCU inside. @cred NULL: that of the connection ---- */

bool bus_may_own(const struct bus_conn *c, const struct cred *cred, const char *name);
bool bus_may_talk(const struct bus_conn *c, const struct cred *cred, const struct bus_conn *to);
bool bus_may_see_name(const struct bus_conn *c, const struct cred *cred, const char *name);
bool bus_may_see(const struct bus_conn *c, const struct cred *cred, const struct bus_conn *whom);
/* Has @f's opener rights over the bus of @ep? */
bool bus_is_privileged(const struct bus_endpoint *ep, const struct cred *cred);
bool bus_is_owner(const struct bus_endpoint *ep, const struct cred *cred);
/* A set of entries from a command, with current's ids. As bus_policy_parse(). */
int bus_policy_import(const struct bus_policy *p, const struct bus_args *a, u32 max,
		      bool wildcards, struct bus_policy_set **out) __must_check;

/* ---- registry.c: names and matches ---- */

extern bus_name_handover_fn bus_handover;
int bus_cmd_name_acquire(struct bus_conn *c, void __user *user) __must_check;
int bus_cmd_name_release(struct bus_conn *c, void __user *user) __must_check;
int bus_cmd_match_add(struct bus_conn *c, void __user *user) __must_check;
int bus_cmd_match_remove(struct bus_conn *c, void __user *user) __must_check;

/* ---- pool.c ---- */

int bus_pool_init(struct bus_conn *c, u64 size) __must_check;
void bus_pool_destroy(struct bus_conn *c);
/*
 * A range for the owner's own use (answers of LIST and the like), with @data in it, and
 * published: *@offset. -EXFULL, -ENOMEM.
 */
int bus_pool_answer(struct bus_conn *c, const void *data, size_t size, u64 *offset) __must_check;
/* conn->lock held. The bus needs @g no more; the owner may. */
void bus_pool_drop(struct bus_conn *c, struct bus_range *g);
/* Writes to a range that nobody else writes to. -EFAULT (of @u's memory), -ENOMEM. */
int bus_pool_write(struct bus_conn *c, u64 at, struct uio *u) __must_check;
int bus_pool_write_kernel(struct bus_conn *c, u64 at, const void *data, size_t size) __must_check;
/* From one pool into another. */
int bus_pool_copy(struct bus_conn *to, u64 to_at, struct bus_conn *from, u64 from_at, u64 size)
	__must_check;
int bus_pool_mmap(struct bus_conn *c, struct vma *vma);
int bus_cmd_free(struct bus_conn *c, void __user *user) __must_check;

/* ---- queue.c: entries and quotas; conn->lock held where not said ---- */

/* What may have to be allocated before the lock is taken. */
struct bus_spare {
	struct bus_range *range;
	struct bus_quota *quota;
};
/* No lock. */
int bus_entry_create(struct bus_entry **out) __must_check;
void bus_entry_free(struct bus_entry *e); /* that is in no queue and has no range; NULL-safe */
int bus_spare_fill(struct bus_spare *s) __must_check;
void bus_spare_drop(struct bus_spare *s);
/*
 * Takes a place for @e (.size) in @c's pool and counts it for @user, but does not enqueue:
 * inflight. -ENXIO: not active; -ENOBUFS, -EMFILE: quota; -EXFULL; -EAGAIN: fill @s and try again.
 */
int bus_queue_reserve(struct bus_conn *c, struct bus_user *user, struct bus_entry *e,
		      struct bus_spare *s) __must_check;
/* Undoes that. */
void bus_queue_unreserve(struct bus_conn *c, struct bus_entry *e);
/* From inflight into the queue; the caller wakes by bus_queue_wake(), under the lock or not. */
void bus_queue_add(struct bus_conn *c, struct bus_entry *e);
/* Out of the queue: still counted, with its range. */
void bus_queue_remove(struct bus_conn *c, struct bus_entry *e);
/* Takes the count off and drops the range; no lock for the rest: bus_entry_free(). */
void bus_queue_release(struct bus_conn *c, struct bus_entry *e);
/* The next to be received; @by_priority: the most urgent if it is not above @priority. */
struct bus_entry *bus_queue_peek(struct bus_conn *c, bool by_priority, s64 priority);
void bus_queue_wake(struct bus_conn *c);
/* The same by a caller that sleeps next until @c answers: it runs at once, on this CPU. */
void bus_queue_wake_for_call(struct bus_conn *c);
/* A message could not be delivered: no lock held. */
void bus_conn_lose(struct bus_conn *c);
/* Another's queue: both locks held. -ENOBUFS and so on as reserve: nothing has happened. */
int bus_queue_move(struct bus_conn *from, struct bus_conn *to, struct bus_entry *e,
		   struct bus_spare *s) __must_check;
void bus_quota_free_all(struct bus_conn *c);
/* Both locks, in order. */
void bus_conn_lock_two(struct bus_conn *a, struct bus_conn *b);
void bus_conn_unlock_two(struct bus_conn *a, struct bus_conn *b);

/* ---- message.c: what is being sent ---- */

#define BUS_HEADS 4

/* Head and items of a message as one kind of receiver gets it. */
struct bus_head {
	u64 mask;
	const struct bus_meta_view *view;
	struct bus_blob *blob; /* +1 */
};

struct bus_part {
	const void __user *base; /* NULL: zeroes */
	u64 size;
};

/* On the sender's stack. */
struct bus_message {
	struct bus_conn *src; /* NULL: the kernel */
	struct kdbus_msg *msg; /* items are as receivers get them, but for offsets of the payload */
	size_t msg_size;       /* multiple of 8 */
	const char *dst_name;  /* or NULL */
	const struct kdbus_bloom_filter *filter; /* or NULL */
	const struct kdbus_item *notice;	 /* of the kernel's, or NULL */
	struct bus_files *files;		 /* +1 or NULL */
	struct bus_part *parts;			 /* of the payload */
	u32 part_count;
	u64 payload;	       /* bytes, a multiple of 8 */
	struct bus_blob *body; /* +1: the payload, if it is shared; NULL: not yet */
	bool with_names;	       /* N is held for those of .src */
	bool prepared;		       /* what needs the sender's memory has been captured */
	struct bus_meta meta;  /* captured so far */
	struct kdbus_timestamp stamp; /* .seqnum 0: not yet */
	struct bus_head heads[BUS_HEADS];
	u32 head_count;
};

/* From the user's message, parsed to @a. Errors of KDBUS_CMD_SEND. */
int bus_message_import(struct bus_message *m, struct bus_conn *src, struct bus_args *a, bool sync)
	__must_check;
/* One of the kernel's; @buf holds its head and item. */
void bus_message_kernel(struct bus_message *m, struct kdbus_msg *msg, size_t size);
void bus_message_release(struct bus_message *m);
/*
 * Before a lock of the bus is taken for it: captures what may wait for the sender's memory, as a
 * program can make that wait for ever. -ENOMEM.
 */
int bus_message_prepare(struct bus_message *m) __must_check;
/* What @dst will be told of the sender. */
u64 bus_message_mask(struct bus_message *m, const struct bus_conn *dst);
/* Stores the payload once. -EFAULT, -ENOMEM. */
int bus_message_share(struct bus_message *m) __must_check;
/* Does the head for @dst name the sender's names? Then N has to be held for it. */
bool bus_message_names_matter(struct bus_message *m, const struct bus_conn *dst);
/* The head for @dst: +1. -ENOMEM. */
int bus_message_head(struct bus_message *m, const struct bus_conn *dst, struct bus_blob **out)
	__must_check;
/* Writes the payload to @at of the pool. */
int bus_message_write(const struct bus_message *m, struct bus_conn *dst, u64 at) __must_check;
struct bus_blob *bus_blob_create(size_t size);
struct bus_blob *bus_blob_get(struct bus_blob *b);
void bus_blob_put(struct bus_blob *b); /* NULL-safe */
struct bus_files *bus_files_get(struct bus_files *f); /* NULL-safe */
void bus_files_put(struct bus_files *f);	      /* NULL-safe; may sleep */
extern bool (*bus_file_refused)(const struct file *f);

/* ---- deliver.c ---- */

/*
 * A message to one; @tracker (or NULL) is linked with it. @name_serial: of the name that it was sent
 * to, or 0; @handovers: what @dst had when it was found to have that.
 */
int bus_deliver(struct bus_message *m, struct bus_conn *dst, struct bus_tracker *tracker,
		u64 name_serial, u32 handovers) __must_check;
/* The answer to a synchronous call, claimed: to the pool of @dst, who waits, past the queue. */
int bus_deliver_answer(struct bus_message *m, struct bus_conn *dst, struct bus_tracker *t)
	__must_check;
/* To one queue among many: counts a loss instead of failing. N held. */
void bus_deliver_shared(struct bus_message *m, struct bus_conn *dst);
/* registry held shared, messages of programs prepared. */
void bus_broadcast(struct bus *b, struct bus_message *m);
void bus_eavesdrop(struct bus *b, struct bus_message *m);

/* ---- send.c ---- */

int bus_cmd_send(struct bus_conn *c, void __user *user) __must_check;

/* ---- receive.c ---- */

int bus_cmd_recv(struct bus_conn *c, void __user *user) __must_check;
/*
 * Brings @e's bytes into the pool, installs descriptors if @install, publishes: conn->receive held
 * or @e is nobody else's. -ENOMEM.
 */
int bus_entry_receive(struct bus_conn *c, struct bus_entry *e, bool install,
		      struct kdbus_msg_info *out) __must_check;
/* Takes @e, out of the queue, off the books and frees it. */
void bus_entry_end(struct bus_conn *c, struct bus_entry *e);

/* ---- cancel.c ---- */

struct bus_cancel {
	struct poll_table table;
	struct file *file;
	struct task *task;
	bool fired;
	u32 count;
	struct bus_cancel_hook {
		struct wait_entry entry;
		struct wait_queue *queue;
		struct bus_cancel *owner;
	} hook[4];
};
/* Is it readable? If not, @c->fired says when to look again. */
bool bus_cancel_begin(struct bus_cancel *c, struct file *f);
bool bus_cancel_look(struct bus_cancel *c); /* the same, later */
void bus_cancel_end(struct bus_cancel *c);

/* ---- reply.c ---- */

int bus_tracker_create(struct bus_conn *waiter, u64 cookie, u64 deadline_ns, u64 name_serial,
		       bool sync, struct bus_tracker **out) __must_check;
struct bus_tracker *bus_tracker_get(struct bus_tracker *t);
void bus_tracker_put(struct bus_tracker *t); /* NULL-safe */
/* -EMLINK, -ESHUTDOWN. */
int bus_tracker_link(struct bus_tracker *t, struct bus_conn *replier) __must_check;
void bus_tracker_unlink(struct bus_tracker *t);
/* The answer with @cookie that @replier owes @waiter, claimed: +1 or NULL. */
struct bus_tracker *bus_tracker_claim(struct bus_conn *waiter, struct bus_conn *replier,
				      u64 cookie);
/*
 * A claimed one of a synchronous call ends, with @e (consumed, inflight) or with @err. False: nobody
 * waits any more.
 */
bool bus_tracker_finish(struct bus_tracker *t, int err, struct bus_entry *e) __must_check;
/* What was interrupted goes on: +1, or NULL: there is nothing of the kind. */
struct bus_tracker *bus_tracker_resume(struct bus_conn *waiter, u64 cookie);
/*
 * Sleeps until the answer is there, which *@info tells of; @cancel (may be NULL) readable ends it.
 * -ETIMEDOUT, -ECANCELED, -EPIPE, -EREMOTEIO, -ESHUTDOWN, -ERESTARTSYS.
 */
int bus_tracker_wait(struct bus_tracker *t, struct file *cancel, struct kdbus_msg_info *info)
	__must_check;
/* A task of @replier works on it from now on, with the priority of who waits. */
void bus_tracker_received(struct bus_conn *replier, u64 waiter_id, u64 cookie);
/* The message that asked for it was thrown away. */
void bus_tracker_dropped(struct bus_conn *replier, u64 waiter_id, u64 cookie);
/* @c ends: nobody will answer, nobody waits. */
void bus_tracker_end_all(struct bus_conn *c);
/* Answers owed by @from for messages to a name are owed by @to now. */
void bus_tracker_move(struct bus_conn *from, struct bus_conn *to, u64 name_serial);
void bus_tracker_init_conn(struct bus_conn *c);
void bus_tracker_stop_conn(struct bus_conn *c);

/* ---- notify.c ---- */

/* @text NULL: none. -ENOMEM. */
struct bus_name_event *bus_notice_create(u64 type, const char *text);
/* Queues it (consumed; NULL-safe); any lock of the above may be held. */
void bus_notice_add(struct bus *b, struct bus_name_event *e);
/* Tells all that was queued. No lock held. */
void bus_notice_flush(struct bus *b);
void bus_notice_free_all(struct bus *b);

/* ---- stats.c ---- */

struct seq;
int bus_stats_show(struct seq *s, void *v);
