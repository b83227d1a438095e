/*
 * Credentials: immutable once published; changed by copying.  RCU frees them.
 *
 * current's own credentials are stable without a reference (only the task itself replaces them).
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kernel/rcu/rcu.h>
#include <linux/capability.h>

struct task;

struct cred_groups {
	u32 refs;
	u32 count;
	u32 gid[];		/* sorted */
};

struct cred {
	u32 refs;		/* atomic */
	u32 uid, euid, suid, fsuid;
	u32 gid, egid, sgid, fsgid;
	u32 securebits;
	u64 cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
	struct cred_groups *groups;	/* +1 */
	bool no_new_privs;
	struct rcu_head rcu;
};

extern struct cred cred_init;		/* root with all capabilities */
#define current_cred() (current->cred)
const struct cred *cred_get(const struct cred *c);
void cred_put(const struct cred *c);
/* +1 on another task's credentials. */
const struct cred *cred_of(struct task *t);
/* A private copy of current's to change; then publish (consumes) or abort (consumes). */
int cred_prepare(struct cred **out) __must_check;
void cred_commit(struct cred *new_cred);
void cred_abort(struct cred *new_cred);
bool cred_capable(const struct cred *c, int cap);
bool capable(int cap);			/* current */
bool cred_in_group(const struct cred *c, u32 gid);	/* fsgid and supplementary */
