/*
 * Private to kernel/ipc.
 *
 * An object is found by id under RCU, then locked, then asked whether it is deleted.  Making and
 * removing take the lock of its kind's table first.
 */
#pragma once

#include <kernel/ipc/ipc.h>
#include <kern/errno.h>
#include <kern/list.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/lock/lock.h>
#include <kernel/ns/user.h>
#include <kernel/rcu/rcu.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <lib/idr/idr.h>
#include <lib/rbtree/rbtree.h>
#include <linux/ipc.h>

struct seq;

#define IPC_IDS_MAX 32768 /* an id is a sequence number and 15 bits of index */
#define IPC_INDEX_BITS 15
#define IPC_SEQ_MAX (0x7fffffff >> IPC_INDEX_BITS)
#define IPC_MIN_CYCLE 64u /* indices are used in turn over at least so many */

struct ipc_object {
	struct spinlock lock; /* LK_IPC: everything below that changes */
	u32 refs;	      /* atomic; the table holds one */
	bool deleted;
	int id;	 /* [I] once in the table */
	int key; /* changed under the table's lock too */
	u32 seq;
	u32 uid, gid, cuid, cgid;
	u16 mode;
	struct ipc_ns *ns;	 /* [I] +0: it removes its objects before it goes */
	struct rb_node key_node; /* table's lock */
	struct rcu_head rcu;
	void (*free)(struct ipc_object *o); /* after a grace period */
};

/* Objects of one kind. */
struct ipc_ids {
	struct spinlock lock; /* LK_IPC_IDS */
	struct idr idr;	      /* lock; RCU to look up */
	struct rb_root keys;  /* lock */
	u32 in_use;	      /* lock; read without it */
	u32 seq;	      /* lock */
	int last_index, max_index;
	int next_id; /* wanted by kernel.shm_next_id and its like; -1: none */
};

enum ipc_kind { IPC_KIND_SEM, IPC_KIND_MSG, IPC_KIND_SHM, IPC_KINDS };

struct ipc_ns {
	struct ns_common ns;
	struct ipc_ids ids[IPC_KINDS];
	/* limits: single words, changed by sysctl */
	int sem_limits[4]; /* semmsl, semmns, semopm, semmni */
	int msg_max, msg_mnb, msg_mni;
	u64 shm_max, shm_all;
	int shm_mni, shm_rmid_forced;
	int used_sems;		    /* ids[IPC_KIND_SEM].lock */
	s64 msg_bytes, msg_headers; /* atomic */
	u64 shm_pages;		    /* ids[IPC_KIND_SHM].lock */
	void *mqueue;
};

/* What *get() asks for. */
struct ipc_request {
	int key, flags;
	size_t size; /* of a segment, or number of semaphores */
};

struct ipc_get_ops {
	enum ipc_kind kind;
	int (*create)(struct ipc_ns *ns, const struct ipc_request *r, struct ipc_object **out);
	/* Is the object that is there what was asked for?  Locked. */
	int (*check)(struct ipc_object *o, const struct ipc_request *r);
	/* The table's lock is held: the last limits; @o is in the table when it returns 0. */
	int (*admit)(struct ipc_ns *ns, struct ipc_object *o);
	/* Takes back what create() made; not in the table. */
	void (*discard)(struct ipc_ns *ns, struct ipc_object *o);
	int (*limit)(struct ipc_ns *ns); /* of the number of objects */
};

/* ---- object.c ---- */
void ipc_object_init(struct ipc_object *o, struct ipc_ns *ns, const struct ipc_request *r,
		     void (*free)(struct ipc_object *o));
static inline struct ipc_object *ipc_object_get(struct ipc_object *o)
{
	__atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED);
	return o;
}
bool ipc_object_tryget(struct ipc_object *o) __must_check; /* under RCU */
void ipc_object_put(struct ipc_object *o);
void ipc_ids_init(struct ipc_ids *ids);
/* The body of shmget(2), semget(2), msgget(2): an id or -errno. */
int ipc_get_id(struct ipc_ns *ns, const struct ipc_request *r, const struct ipc_get_ops *ops);
/* Under RCU: the object of an id; not locked, perhaps deleted.  -EINVAL. */
int ipc_find(struct ipc_ids *ids, int id, struct ipc_object **out) __must_check;
/* Locked and alive: -EINVAL, -EIDRM. */
int ipc_lock(struct ipc_ids *ids, int id, struct ipc_object **out) __must_check;
/* By index, as the STAT commands of ipcs(1) want it. -EINVAL. */
int ipc_lock_index(struct ipc_ids *ids, int index, struct ipc_object **out) __must_check;
/* The next object with an index of at least *index, locked and alive; NULL when there is none. */
struct ipc_object *ipc_lock_next(struct ipc_ids *ids, u32 *index);
/* The table's lock and the object's, to remove it. */
int ipc_lock_both(struct ipc_ids *ids, int id, struct ipc_object **out) __must_check;
void ipc_unlock_both(struct ipc_ids *ids, struct ipc_object *o);
/* Both locks held: nobody finds it any more; the caller puts the table's reference. */
void ipc_unlink(struct ipc_ids *ids, struct ipc_object *o);
void ipc_key_drop(struct ipc_ids *ids, struct ipc_object *o); /* becomes IPC_PRIVATE */
/* Largest index in use, 0 when there is none. */
int ipc_max_index(struct ipc_ids *ids);
/* Permission bits of @flags in any of the three places: -EACCES. */
int ipc_permit(const struct ipc_object *o, int flags) __must_check;
/* Owner, creator or CAP_SYS_ADMIN: -EPERM. */
int ipc_permit_owner(const struct ipc_object *o) __must_check;
void ipc_perm_out(const struct ipc_object *o, struct ipc64_perm *out);
/* IPC_SET: owner, group and mode. -EINVAL. */
int ipc_perm_in(struct ipc_object *o, const struct ipc64_perm *in) __must_check;

/* A struct pid kept in an object: replaced, counted. */
void ipc_set_pid(struct pid **at, struct pid *pid);
static inline int ipc_pid_nr(const struct pid *p)
{
	return p ? pid_vnr(p) : 0;
}
static inline s64 ipc_now(void)
{
	return (s64)(time_coarse_real_ns() / NSEC_PER_SEC);
}

/* ---- shm.c, sem*.c, msg.c: for namespace.c and show.c ---- */
void shm_destroy_all(struct ipc_ns *ns);
void sem_destroy_all(struct ipc_ns *ns);
void msg_destroy_all(struct ipc_ns *ns);
void shm_destroy_orphans(struct ipc_ns *ns); /* kernel.shm_rmid_forced was set */
void shm_show(struct seq *s, struct ipc_object *o);
void sem_show(struct seq *s, struct ipc_object *o);
void msg_show(struct seq *s, struct ipc_object *o);
