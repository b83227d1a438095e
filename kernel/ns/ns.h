/*
 * Namespaces: the common object, the set that a task uses, and how a room adds a kind.
 *
 * A kind is a row of a table (NS_KIND): its name in /proc/PID/ns, its CLONE_NEW* flag, how it is
 * copied, joined and freed. clone(2), unshare(2), setns(2) and nsfs know kinds through that row
 * only.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <asm/current.h>

struct cred;
struct file;
struct fs_ctx;
struct new_utsname;
struct ns_common;
struct path;
struct pid;
struct task;
struct ucounts;
struct user_ns;

/* Places in struct nsproxy. */
enum ns_slot {
	NS_UTS,
	NS_IPC,
	NS_MNT,
	NS_PID_CHILDREN, /* of children; a task's own is that of its struct pid */
	NS_NET,
	NS_TIME,
	NS_TIME_CHILDREN,
	NS_CGROUP,
	NS_SLOTS,
	NS_NO_SLOT = NS_SLOTS, /* kept elsewhere: user (credentials), pid (struct pid) */
};

/* How many of a kind a user may have: /proc/sys/user/max_*. */
enum ucount_kind {
	UCOUNT_USER_NAMESPACES,
	UCOUNT_PID_NAMESPACES,
	UCOUNT_UTS_NAMESPACES,
	UCOUNT_IPC_NAMESPACES,
	UCOUNT_NET_NAMESPACES,
	UCOUNT_MNT_NAMESPACES,
	UCOUNT_CGROUP_NAMESPACES,
	UCOUNT_TIME_NAMESPACES,
	UCOUNT_KINDS,
};

/* What a new namespace is made for. */
struct ns_copy {
	u64 flags;	       /* CLONE_NEW* of the whole request */
	struct user_ns *owner; /* +0: of the credentials that the task will have */
	struct fs_ctx *fs;     /* the task's own, shared with nobody: mnt moves it over */
};

/* What setns(2) gathers before it commits. */
struct ns_set {
	u64 flags;
	struct nsproxy *proxy; /* private copy, to be changed */
	struct cred *cred;     /* private copy when flags has CLONE_NEWUSER, else NULL */
	struct fs_ctx *fs;     /* private copy when flags has CLONE_NEWNS, else NULL */
};

struct ns_kind {
	const char *name;  /* in /proc/PID/ns */
	u64 flag;	   /* CLONE_NEW*; 0: shown in /proc only (a second view of a kind) */
	enum ns_slot slot; /* where copy and join put it */
	enum ucount_kind ucount;
	struct ns_common *initial; /* for .slot */
	/* A new one like @old: one reference, made with ns_init(). Process context. */
	int (*copy)(const struct ns_copy *req, struct ns_common *old, struct ns_common **out);
	/* The last reference is gone, in process context; ends with ns_release(ns) and the memory.
	 */
	void (*free)(struct ns_common *ns);
	/*
	 * setns(2): judges and puts @ns into @set (by ns_set_slot(), set->cred, set->fs). NULL:
	 * asks for CAP_SYS_ADMIN over the namespace's owner and in the caller's own user namespace.
	 */
	int (*install)(struct ns_set *set, struct ns_common *ns);
	/* Of another task, +1, or NULL. NULL: nsproxy's .slot. */
	struct ns_common *(*get)(struct task *t);
	/* NS_GET_PARENT: +1; NULL: there is no such thing (EINVAL). -EPERM: out of sight. */
	int (*parent)(struct ns_common *ns, struct ns_common **out);
};
#define NS_KIND(sym)                                     \
	static const struct ns_kind *const ns_kind_##sym \
		__attribute__((section(".tab.ns_kind"), used)) = &sym

/* Embedded in every namespace. */
struct ns_common {
	u32 refs;		    /* atomic */
	u32 ino;		    /* [I] st_ino in nsfs */
	const struct ns_kind *kind; /* [I] */
	struct user_ns *owner; /* [I] +1; of a user namespace: its parent; NULL: of the first one */
	struct ucounts *ucounts; /* [I] who pays for it; NULL: initial */
};

/* Inode numbers of the initial namespaces, as every Linux has them. */
#define NS_INO_IPC 4026531839u
#define NS_INO_UTS 4026531838u
#define NS_INO_USER 4026531837u
#define NS_INO_PID 4026531836u
#define NS_INO_CGROUP 4026531835u
#define NS_INO_TIME 4026531834u
#define NS_INO_NET 4026531840u
#define NS_INO_MNT 4026531841u

static inline bool ns_is_first_time(const struct ns_common *ns)
{
	return ns->ino == NS_INO_TIME;
}

/* For a static initial namespace. */
#define NS_COMMON_INITIAL(kind_ptr, number)                                            \
	{                                                                              \
		.refs = 2, .ino = (number), .kind = (kind_ptr), .owner = &user_ns_init \
	}

/*
 * Number, owner, account for a namespace that ->copy makes: -ENOSPC over the limits, -ENOMEM.
 * One reference.
 */
int ns_init(struct ns_common *ns, const struct ns_kind *kind, struct user_ns *owner) __must_check;
/* Undoes ns_init(); the owner's reference too. */
void ns_release(struct ns_common *ns);
static inline struct ns_common *ns_get(struct ns_common *ns)
{
	__atomic_fetch_add(&ns->refs, 1, __ATOMIC_RELAXED);
	return ns;
}
bool ns_tryget(struct ns_common *ns) __must_check;
void ns_put(struct ns_common *ns); /* NULL-safe; the last one may sleep */

/*
 * The namespaces of a task. Never changes once a task shows it: a change is a new one. Tasks that
 * use the same share it.
 */
struct nsproxy {
	u32 refs;			/* atomic */
	struct ns_common *of[NS_SLOTS]; /* +1 each; NULL: no room provides that kind */
};
extern struct nsproxy nsproxy_init;
extern struct user_ns user_ns_init;
#define current_ns(slot) (current->nsproxy->of[slot])

static inline struct nsproxy *nsproxy_get(struct nsproxy *p)
{
	__atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}
void nsproxy_put(struct nsproxy *p); /* NULL-safe; may sleep */
/* +1 on another task's, NULL once it has ended. */
struct nsproxy *task_nsproxy(struct task *t) __must_check;
/* +1 on one namespace of @t, or NULL. */
struct ns_common *ns_of_task(const struct ns_kind *kind, struct task *t) __must_check;

/* In ->install: takes the place in set->proxy (adds a reference). */
void ns_set_slot(struct ns_set *set, enum ns_slot slot, struct ns_common *ns);
/* The usual right to join: CAP_SYS_ADMIN over @ns and over oneself. 0 or -EPERM. */
int ns_may_join(const struct ns_set *set, const struct ns_common *ns) __must_check;

/* ---- kernel/task ---- */
#define CLONE_NEW_ALL                                                                  \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME)
void ns_system_init(void);
/* clone: fills child->nsproxy by @flags; child->cred and child->fs are set. */
int ns_copy_for_child(struct task *child, u64 flags) __must_check;
/* exit: drops the caller's. */
void ns_exit(struct task *t);

/* ---- nsfs ---- */
void nsfs_init(void);
/* Kinds in the order of /proc/PID/ns; NULL behind the last. */
const struct ns_kind *ns_kind_at(unsigned int i);
/* "uts:[4026531838]"; returns its length. */
int ns_text(const struct ns_common *ns, char *buf, size_t size);
/* The place of @ns in nsfs, +1 on both; consumes nothing. */
int nsfs_path(struct ns_common *ns, struct path *out) __must_check;
/* The namespace behind an nsfs file, +0, or NULL. */
struct ns_common *nsfs_ns(const struct file *f);
/* The same by a place of nsfs (a bind mount of one). */
struct dentry;
struct ns_common *nsfs_dentry_ns(const struct dentry *d);

/* ---- uts ---- */
/* uname(2): the names as current sees them. */
void uts_get(struct new_utsname *out);
extern const char uts_release[], uts_version[];
