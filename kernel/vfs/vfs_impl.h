/* Private to kernel/vfs: walks, the mount table, helpers of the system calls. */
#pragma once

#include <kern/align.h>
#include <kern/bit.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <linux/fs.h>
#include <linux/openat2.h>

/* Large or hot buffers on the stack: the compiler need not clear them. */
#define __uninit __attribute__((__uninitialized__))

/* ---- acl.c ---- */
/* @i has a list, @c is not the owner: does it grant all of @mask?  RCU or a reference. */
bool acl_allows(const struct inode *i, const struct cred *c, int mask);

/* ---- dentry.c ---- */
/* 1 to 7 bytes at @p as the low bytes of a word, without touching what follows. */
static __always_inline u64 load_tail(const char *p, u32 n)
{
	const u8 *b = (const u8 *)p;

	if (n >= 4) {
		u32 lo, hi;

		memcpy(&lo, b, 4);
		memcpy(&hi, b + n - 4, 4);
		return lo | (u64)hi << ((n - 4) * 8);
	}
	return b[0] | (u64)b[n / 2] << (n / 2 * 8) | (u64)b[n - 1] << ((n - 1) * 8);
}

extern struct seqcount vfs_rename_seq; /* changes around each dentry_move() */
struct dentry *dentry_lookup_rcu(const struct dentry *parent, const char *name, u32 len, u32 hash,
				 u32 *out_seq);
/* False: it is dying.  RCU. */
bool dentry_tryget(struct dentry *d);
void dentry_hash_add(struct dentry *d);
/* @d becomes the child @name of @parent; both directories are locked. */
void dentry_move(struct dentry *d, struct dentry *target);
void dentry_exchange(struct dentry *a, struct dentry *b);
bool dentry_is_below(const struct dentry *d, const struct dentry *ancestor); /* or equal */
bool dentry_has_children(struct dentry *dir);
void dentry_set_mounted(struct dentry *d, bool on);
void dentry_init(void);
void dentry_prune_super(struct super *sb);
static inline bool dentry_unlinked(const struct dentry *d)
{
	return !(READ_ONCE(d->flags) & DENTRY_CACHED) && d->parent != d;
}
static inline u32 dentry_kind(u32 flags)
{
	return flags >> DENTRY_KIND_SHIFT & 15;
}

/* ---- inode.c, attr.c ---- */
void inode_init_cache(void);
int inode_permission(struct inode *i, int mask) __must_check;
int inode_may_create(struct inode *dir) __must_check;
int inode_may_delete(struct inode *dir, struct dentry *victim, bool is_dir) __must_check;
bool inode_owner_or_capable(const struct inode *i);
int inode_get_writer(struct inode *i) __must_check; /* -ETXTBSY */
void inode_put_writer(struct inode *i);
struct timespec64 inode_now(void);
/* Drops set-id bits before contents change; inode lock held. */
int inode_remove_privs(struct dentry *d) __must_check;

/* ---- mount.c: what walks need; more in mount_impl.h ---- */
extern struct seqcount mount_seq; /* changes of the mount tree */
struct mount *mount_find_rcu(const struct mount *parent, const struct dentry *d);
bool mount_tryget(struct mount *m);
/* Crosses mounts on p->dentry downwards; consumes and gives references. */
void mount_follow_down(struct path *p);
bool mount_follow_up(struct path *p);
/* -EROFS. */
int mount_may_write(const struct path *p) __must_check;
/* Is something mounted on @d in current's namespace?  Then its name stays. */
bool mount_is_local_mountpoint(struct dentry *d);
/* @d is gone: so is what other namespaces had mounted on it. */
void mount_detach_at(struct dentry *d);
int fs_type_find(const char *name, size_t len, const struct fs_type **out) __must_check;
void super_init(void);
void mount_init(void);
void mount_attach_root(struct mount *m);
int mount_create(struct super *sb, struct dentry *root, const char *source, u32 flags,
		 struct mount **out) __must_check;
void super_for_each(void (*fn)(struct super *sb));
int super_find_dev(u32 dev, struct super **out) __must_check; /* +1; -EINVAL */
/* sysfs(2): types by number. */
int fs_type_index(const char *name);
const char *fs_type_name(unsigned int index);
int fs_type_count(void);

/* ---- dpath.c ---- */
/* Text of @p below @root.  1: reached @root; 0: another top (detached or outside). -ENAMETOOLONG.
 */
int path_format_below(const struct path *p, const struct path *root, char *buf, size_t size,
		      char **out) __must_check;

/* Text of @d in its file system, with "//deleted" as mountinfo has it.  -ENAMETOOLONG. */
int dentry_format(const struct dentry *d, char *buf, size_t size, char **out) __must_check;

/* ---- namei.c ---- */
enum last_type { LAST_NORM, LAST_DOT, LAST_DOTDOT, LAST_ROOT };
#define ND_INLINE_LINKS 8
#define ND_MAX_LINKS 40
#define LOOKUP_PARENT 0x1000u

struct nd_rest {
	const char *p, *end;
};

struct nameidata {
	struct path path;
	struct inode *inode;
	u32 seq; /* of path.dentry in RCU mode */
	u32 mount_seq, rename_seq;
	u32 flags; /* LOOKUP_* */
	bool rcu, scoped, have_root;
	u8 last_type;
	bool last_slash; /* the last component is followed by slashes */
	u8 depth, links;
	u32 link_uid; /* of the link met last */
	struct path root;
	u32 root_seq;
	const char *last;
	u32 last_len, last_hash;
	int dfd;
	const struct path *base; /* instead of dfd */
	const char *name, *name_end;
	struct nd_rest *stack;	/* inline_stack or allocated */
	struct nd_body *bodies; /* link texts owned by a reference walk */
	struct nd_rest inline_stack[ND_INLINE_LINKS];
};

/* protect.c: proc(5) protected_symlinks, _hardlinks, _fifos, _regular.  0 or -EACCES, -EPERM. */
int may_follow_link(const struct inode *dir, u32 link_uid) __must_check;
int may_link_to(struct inode *i) __must_check;
int may_open_in_sticky(umode_t dir_mode, u32 dir_uid, const struct inode *i) __must_check;
void nd_init(struct nameidata *nd, int dfd, const struct path *base, const char *name, size_t len,
	     u32 flags);
/* Lock-free attempt: 0 with nd in RCU mode at the result (rcu_read_lock held), or an error
 * (unlocked). */
int nd_walk_rcu(struct nameidata *nd) __must_check;
/* Ends a lock-free walk; false: what was seen may be wrong, walk again with references. */
bool nd_end_rcu(struct nameidata *nd) __must_check;
/* 0: nd->path is referenced.  Tries lock-free first. */
int nd_walk(struct nameidata *nd) __must_check;
/* As nd_walk() without the lock-free attempt. */
int nd_walk_ref(struct nameidata *nd) __must_check;
/* Stops before the last component: nd->path is its directory, referenced; nd->last_*. */
int nd_walk_parent(struct nameidata *nd) __must_check;
/* One more step from a parent walk for open(2): follows links; leaves nd->path. */
int nd_step_last(struct nameidata *nd, const char **body, const char **body_end) __must_check;
int nd_continue(struct nameidata *nd, const char *p, const char *end) __must_check;
void nd_end(struct nameidata *nd); /* drops what a walk holds apart from nd->path */
/* Child of a directory by reference walk: looks it up in the file system if need be; may be
 * negative. */
int vfs_lookup_child(struct dentry *dir, const struct qstr *q, bool locked, struct dentry **out)
	__must_check;

/* A user path: short ones stay on the stack. */
#define PATH_INLINE 136
struct pathname {
	char *text;
	size_t len;
	char inline_text[PATH_INLINE] __aligned(8);
};
int pathname_get(struct pathname *pn, const char __user *name, bool empty_ok) __must_check;
static inline void pathname_put(struct pathname *pn)
{
	if (unlikely(pn->text != pn->inline_text))
		vfs_putname(pn->text);
}

/* ---- open.c, create.c ---- */
struct open_how_k {
	u64 flags;
	umode_t mode;
	u32 lookup; /* LOOKUP_* of openat2's resolve */
};
/* A file that only names @p (consumed, on failure too): O_PATH. */
int vfs_place_file(struct path *p, struct file **out) __must_check;
int vfs_do_open(int dfd, const struct path *base, const char *name, size_t len,
		const struct open_how_k *how, struct file **out) __must_check;
/* O_* and mode are checked and brought into kernel form: -EINVAL. */
int open_check_flags(u64 flags, u64 mode, struct open_how_k *how) __must_check;
/* Directory locked for a new entry; undone by create_end(). */
struct create_ctx {
	struct path dir;
	struct dentry *dentry;
};
int create_begin(int dfd, const char *name, size_t len, bool is_dir, struct create_ctx *c)
	__must_check;
int create_end(struct create_ctx *c, int err);
int vfs_create_at(struct inode *dir, struct dentry *d, umode_t mode, bool excl) __must_check;

/* ---- others ---- */
void locks_init(void);
void locks_inode_free(struct inode *i);
void anon_init(void);
void fs_ctx_init(void);
/* fs->root or fs->pwd becomes @p (consumed). */
void fs_ctx_set(struct fs_ctx *fs, struct path *slot, const struct path *p);
int fs_ctx_create_boot(struct mount *root) __must_check;
void name_init(void);
u32 mode_to_dt(u32 mode);
