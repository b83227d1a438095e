/*
 * Shared by the sources about mounts.
 *
 * mount_tree_lock serialises changes of trees and of peer groups in all namespaces.  What lock-free
 * walks look at (parent, mountpoint, the hash) changes between mount_write_begin() and
 * mount_write_end() as well.
 */
#pragma once

#include <kernel/ns/ns.h>
#include <kernel/ns/user.h>
#include <kernel/vfs/vfs_impl.h>
#include <kernel/wait/wait.h>
#include <linux/mount.h>

struct mount_ns {
	struct ns_common ns;	 /* first; a detached tree uses only its owner */
	bool anon;		 /* a detached tree of open_tree(2) or fsmount(2) */
	u64 seq;		 /* [I] order of birth */
	struct mount *root;	 /* [I] */
	struct list_head mounts; /* in the order of /proc/PID/mounts */
	u32 count, pending;	 /* mounts; and those that the running operation will add */
	u64 event;		 /* changes with the tree */
	struct wait_queue wait;	 /* poll on /proc/PID/mounts */
};

/* umount2(2); the C library has these, the UAPI headers do not. */
#define UMOUNT_FORCE 1
#define UMOUNT_DETACH 2
#define UMOUNT_EXPIRE 4
#define UMOUNT_NOFOLLOW 8

extern struct mutex mount_tree_lock;  /* LK_MOUNT_NS */
extern struct spinlock mount_lock;    /* LK_MOUNT */
extern struct mount_ns init_mount_ns; /* of the first process */
extern int mount_max;		      /* fs.mount-max */

void mount_write_begin(void);
void mount_write_end(void);

static inline bool mount_is_attached(const struct mount *m)
{
	return m->parent != m;
}
static inline bool mount_is_shared(const struct mount *m)
{
	return m->flags & MNT_SHARED;
}
static inline bool mount_is_root_of(const struct path *p)
{
	return p->dentry == p->mnt->root;
}

/* ---- mount.c: objects, one at a time ---- */

/* @m onto @p of @parent, hashed; takes the references.  Inside a write section. */
void mount_link(struct mount *m, struct mount *parent, struct dentry *at);
/* The reverse; the references stay in m->was.  Inside a write section. */
void mount_unlink(struct mount *m);
/* mount_put() that leaves the mark of umount2(MNT_EXPIRE) as @mark. */
void mount_put_mark(struct mount *m, u32 mark);
/* Drops m->was; outside spinlocks. */
void mount_drop_was(struct mount *m);
/* DENTRY_MOUNTED says what is true. */
void mount_settle_mounted(struct dentry *d);
/* A mount of the same super from @root on; CLONE_* say how it stands to @from's peers. */
#define CLONE_SLAVE 1u		 /* receives @from's events */
#define CLONE_PRIVATE 2u	 /* neither */
#define CLONE_SHARED_TO_SLAVE 4u /* a slave of those that are shared */
#define CLONE_MAKE_SHARED 8u	 /* has a group of its own, if not @from's */
#define CLONE_UNBINDABLE 16u	 /* copies of trees: unbindable ones too */
#define CLONE_NS_FILES 32u	 /* and bound files of mount namespaces */
int mount_clone(struct mount *from, struct dentry *root, u32 how, struct mount **out) __must_check;
/* Child of @parent at @d, +0.  The tree is locked. */
struct mount *mount_child_at(const struct mount *parent, const struct dentry *d);
/* Next of the subtree under @top in pre-order, or NULL; the second form skips what is below @m. */
struct mount *mount_next(struct mount *m, struct mount *top);
struct mount *mount_next_skip(struct mount *m, struct mount *top);
bool mount_is_below(const struct mount *m, const struct mount *top);
/* Is @p under @top, going through mounts and directories? */
bool mount_reaches(const struct path *p, const struct path *top);

/* ---- peers.c: groups and propagation; the tree is locked ---- */

struct mount *mount_next_peer(const struct mount *m);
bool mount_are_peers(const struct mount *a, const struct mount *b);
void mount_set_shared(struct mount *m);
void mount_new_group(struct mount *m);
/* @type: MS_SHARED (which has a group already), MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE. */
void mount_change_type(struct mount *m, unsigned long type);
/* Group of the nearest master that current's root can see; 0. */
int mount_dominating_group(struct mount *m, const struct path *root);
/*
 * Copies of @source for all that receive events of @dest, each with ->was saying where it goes, on
 * @made by ->work.  On error nothing is left.
 */
int propagate_mount(struct mount *dest, struct dentry *at, struct mount *source,
		    struct list_head *made) __must_check;
/* Is @m, or what an unmount of it would take off elsewhere, in use?  @max_refs of @m itself. */
bool propagate_busy(struct mount *m, s64 max_refs);
/* What goes with it elsewhere loses MNT_LOCKED. */
void propagate_unlock(struct mount *m);
/* Adds to @list (by ->work, marked MNT_UMOUNTED) what an unmount of the listed takes off. */
void propagate_umount(struct list_head *list);

/* ---- tree.c: operations on trees ---- */

/* In a namespace's list, at its end; counts. */
void mount_ns_add_tree(struct mount_ns *ns, struct mount *top);
void mount_ns_touch(struct mount_ns *ns);
int mount_copy_tree(struct mount *top, struct dentry *root, u32 how, struct mount **out)
	__must_check;
#define UMOUNT_SYNC 1u	    /* all go, nothing stays connected */
#define UMOUNT_PROPAGATE 2u /* elsewhere, too */
#define UMOUNT_CONNECTED 4u /* the tree stays in one piece for those who are in it */
/* Takes a tree off; the tree's lock held.  What is on @dead then is for mount_release(). */
void mount_umount_tree(struct mount *m, u32 how, struct list_head *dead);
void mount_release(struct list_head *dead);
/* A tree that nobody has seen yet. */
void mount_discard(struct mount *top);
/* Puts @m (and what is on it) onto @to, whose place is locked, for all peers. */
int mount_attach_recursive(struct mount *m, const struct path *to, bool moving) __must_check;
/* Locks the tree and finds the topmost mount at @p (replaces it).  -ENOENT: it is removed. */
int mount_place_lock(struct path *p) __must_check;
void mount_place_unlock(const struct path *p);
void mount_lock_flags(struct mount *top);

int mount_umount(struct mount *m, int flags) __must_check;
int mount_bind(const struct path *from, struct path *to, bool recursive) __must_check;
/* A copy for open_tree(2), in a namespace of its own. */
int mount_open_clone(const struct path *from, bool recursive, struct path *out) __must_check;
/* @beneath: not in Linux 6.1. */
int mount_move(const struct path *from, struct path *to) __must_check;
int mount_set_group(const struct path *from, const struct path *to) __must_check;
int mount_pivot(const struct path *root, const struct path *new_root, struct path *put_old)
	__must_check;
int mount_set_propagation(const struct path *at, unsigned long type, bool recursive) __must_check;
/* A new mount of @sb (consumed) at @at. */
int mount_new(struct super *sb, const char *source, u32 flags, struct path *at) __must_check;
/* The same in a namespace of its own: fsmount(2). */
int mount_new_detached(struct super *sb, const char *source, u32 flags, struct path *out)
	__must_check;

/* ---- remount.c ---- */
/* MS_* of mount(2) to MNT_*. */
u32 mount_flags_of_ms(unsigned long ms);
/* -EPERM: a flag is locked; -EBUSY: there are writers. */
int mount_remount_bind(const struct path *at, u32 flags) __must_check;
/* MS_REMOUNT: of the super, and of this mount (@flags). */
int mount_remount(const struct path *at, u32 ms_flags, u32 flags, const char *options) __must_check;
/* Of the super alone. */
int super_reconfigure(struct super *sb, u32 ms_flags, u32 mask, const char *options) __must_check;

/* ---- mount_ns.c ---- */
extern const struct ns_kind mount_ns_kind;
static inline struct mount_ns *current_mount_ns(void)
{
	return container_of(current_ns(NS_MNT), struct mount_ns, ns);
}
int mount_ns_alloc(bool anon, struct user_ns *owner, struct mount_ns **out) __must_check;
void mount_ns_free(struct mount_ns *ns); /* of a detached tree, when it is empty; NULL-safe */
/* May current change mounts of @ns?  Of its own? */
static inline bool mount_ns_may_change(const struct mount_ns *ns)
{
	return ns_capable(ns->ns.owner, CAP_SYS_ADMIN);
}
static inline bool mount_may(void)
{
	return mount_ns_may_change(current_mount_ns());
}
static inline bool mount_is_ours(const struct mount *m)
{
	return m->ns == current_mount_ns();
}
/* Is @d the file of a mount namespace?  Of one that is not younger than current's? */
bool mount_is_ns_file(const struct dentry *d);
bool mount_ns_loop(const struct dentry *d);
/* Would a new mount of @sb show more than current's namespace may see?  Adds locked flags. */
bool mount_too_revealing(const struct super *sb, u32 *flags);
/* May current mount this type? */
bool fs_type_may_mount(const struct fs_type *t);
struct user_ns *fs_type_owner(const struct fs_type *t); /* +0: of a super mounted now */

/* Options text against the table of the type: -EINVAL.  fscontext.c */
int fs_options_judge(const struct fs_type *t, const char *options) __must_check;

/* ---- newmount.c ---- */
/* MOUNT_ATTR_* without the access-time ones. */
u32 mount_flags_of_attr(u64 attr);
/* MOUNT_ATTR__ATIME to MNT_*: -EINVAL. */
int mount_atime_of_attr(u64 attr, u32 *flags) __must_check;
/* A descriptor for the detached mount at @p (consumed). */
int mount_tree_fd(struct path *p, u32 o_cloexec) __must_check;
