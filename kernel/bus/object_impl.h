/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to kernel/bus: objects and their locks.
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

/* Whom connections and buses are counted for: a user of a domain, or a custom endpoint. */
struct bus_user {
	struct rb_node node; /* domain->users, by uid; domain->lock; unlinked: of an endpoint */
	struct bus_domain *domain; /* +1 */
	u32 uid;		   /* [I] kernel id */
	u32 refs;		   /* atomic */
	s32 conns, buses;	   /* atomic */
};

struct bus_domain {
	u32 refs;			/* atomic */
	u64 last_id;			/* atomic: of buses and connections */
	struct user_ns *user_ns;	/* [I] +1 */
	const struct bus_tree_ops *ops; /* [I] */
	void *tree;			/* [I] the super: lives while a file of it is open */
	struct spinlock lock;		/* LK_SPIN_LEAF */
	struct rb_root users;		/* lock */
};

struct bus {
	struct bus_node node;
	u32 refs;			    /* atomic: owner's file, endpoints, inodes */
	struct bus_domain *domain;	    /* [I] +1 */
	struct bus_user *creator;	    /* [I] +1 */
	struct bus_meta *creator_meta;	    /* [I] */
	u64 id, flags, attach_owner;	    /* [I] */
	u8 id128[16];			    /* [I] */
	struct kdbus_bloom_parameter bloom; /* [I] */
	u64 last_message;		    /* atomic: seqnum of time stamps */
	/* Names, matches, policy (the N, M and P of their headers), and what is below. */
	struct rwsem registry; /* LK_BUS_REGISTRY */
	struct bus_names names;
	struct bus_match_index matches;
	struct bus_policy policy;
	struct bus_table conns;	    /* by id; RCU readers */
	struct list_head all_conns; /* by .bus_link */
	struct list_head monitors;  /* by .monitor_link */
	struct list_head endpoints; /* by .bus_link */
	u32 monitor_count;	    /* READ_ONCE by senders */
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
	u32 refs;		  /* atomic */
	struct bus *bus;	  /* [I] +1 */
	struct bus_user *user;	  /* [I] +1: of a custom endpoint; NULL: the default one */
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
	u32 refs;	 /* atomic */
	u32 fds, memfds; /* [I] files[]: first the descriptors, then the memory files */
	u32 fds_at;	 /* [I] offset of KDBUS_ITEM_FDS's numbers in the message */
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
	bool lends;	 /* who waits for the reply has a priority to lend */
	u64 name_serial; /* of the name it was sent to, or 0 */
	u64 size;	 /* of the slice */
	struct bus_range *range;
	struct bus_conn *home;	      /* +1, or NULL: the bytes are not elsewhere */
	struct bus_range *source;     /* in .home's pool */
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
	struct sched_loan loan; /* to the task that received the call, while the answer is owed */
};

struct bus_conn {
	u32 refs;		      /* atomic */
	u64 id, flags;		      /* [I] */
	bool owner, privileged;	      /* [I] */
	struct bus *bus;	      /* [I] +0: the endpoint has it */
	struct bus_endpoint *ep;      /* [I] +1 */
	const struct cred *cred;      /* [I] +1: of who opened the file */
	struct bus_user *user;	      /* [I] +1 */
	char *description;	      /* [I] or NULL */
	struct bus_meta_view view;    /* [I] */
	struct bus_meta *meta;	      /* [I] of its maker */
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
