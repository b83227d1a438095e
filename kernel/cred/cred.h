/*
 * Credentials: immutable once published; changed by copying.  RCU frees them.
 *
 * Published ones lie in protectable memory (kernel/pmalloc): a stray or hostile write to them is a
 * fault.  What changes, the count of references, is in a head of its own.
 *
 * current's own credentials are stable without a reference (only the task itself replaces them).
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kernel/rcu/rcu.h>
#include <linux/capability.h>

struct task;
struct ucounts;
struct user_ns;

struct cred_groups {
	u32 refs;
	u32 count;
	u32 gid[]; /* sorted */
};

/* What the tasks of one real user id use together, whatever their user namespace. */
struct cred_user {
	struct cred_user *next;
	u32 uid;
	u32 refs;	   /* atomic; 0 -> freed under the table's lock */
	s32 unix_inflight; /* atomic: descriptors in messages not yet received */
	s64 pipe_pages;	   /* atomic: slots of pipes */
};
struct cred_user *cred_user_get(struct cred_user *u);
void cred_user_put(struct cred_user *u);

/* What belongs to published credentials and changes; stays with its place. */
struct cred_head {
	u32 refs; /* atomic */
	const struct cred *cred;
	union {
		struct rcu_head rcu;
		struct cred_head *next; /* free */
	};
};

struct cred {
	u32 uid, euid, suid, fsuid;
	u32 gid, egid, sgid, fsgid;
	u32 securebits;
	u64 cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
	struct cred_groups *groups; /* +1 */
	struct cred_user *user;	    /* +1; of uid */
	struct ucounts *ucounts;    /* +1; account of uid in user_ns: kernel/ns/ucount.h */
	struct user_ns *user_ns;    /* +1; what the ids and capabilities are relative to */
	struct cred_head *head;
};

extern const struct cred cred_init; /* root with all capabilities */
#define current_cred() (current->cred)
const struct cred *cred_get(const struct cred *c);
void cred_put(const struct cred *c);
/* +1 on another task's credentials. */
const struct cred *cred_of(struct task *t);
/* A private copy of current's to change; then publish (consumes) or abort (consumes). */
int cred_prepare(struct cred **out) __must_check;
void cred_commit(struct cred *new_cred);
/* For a task that is being made: consumes the private copy; +1. */
const struct cred *cred_publish(struct cred *new_cred);
void cred_abort(struct cred *new_cred);
/* After a change of .uid or .user_ns of a private copy: the account that goes with them. -EAGAIN.
 */
int cred_set_account(struct cred *new_cred) __must_check;
/*
 * Over the machine: in the first user namespace. For what a namespace owns ask ns_capable(), for a
 * file inode_capable() of kernel/ns/user.h.
 */
bool cred_capable(const struct cred *c, int cap);
bool capable(int cap);				   /* current */
bool cred_in_group(const struct cred *c, u32 gid); /* fsgid and supplementary */
void cred_system_init(void);
#define CAP_FULL_SET ((1ull << (CAP_LAST_CAP + 1)) - 1)
