/*
 * Virtual file system: names, inodes, mounts, path walks.
 *
 * A file system fills fs_type (fs_type.h), super_ops, inode_ops and file_ops.  To add one: (1) a
 * folder under fs/, (2) FS_TYPE(name), (3) a get_root that fills a struct super, (4) inode_ops for
 * its inodes.
 *
 * Path walks run lock-free under RCU with sequence checks on dentries and fall back to references.
 * Ownership: a dentry holds its inode, its parent and (while positive and cached) stays for reuse;
 * an open file holds path.{mnt,dentry}; a mount holds its root dentry and its super.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kern/list.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/rcu/rcu.h>
#include <kernel/time/time.h>
#include <kernel/vfs/mount.h>
#include <kernel/vfs/path.h>
#include <kernel/wait/wait.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

struct cred;
struct file_lock;
struct fs_context;
struct inode;
struct nameidata;
struct seq;
struct fs_type;
struct super;
struct task;
struct user_ns;

#define NAME_MAX_LEN 255
#define PATH_MAX_LEN 4096

struct qstr {
	const char *name;
	u32 len, hash;
};

struct dentry {
	/* hot: RCU walk */
	struct hlist_node hash; /* in the name table by (parent, name) */
	struct seqcount seq;	/* name, parent, inode change under lock */
	u32 flags;		/* DENTRY_* */
	struct dentry *parent;	/* itself: root */
	struct qstr name;
	struct inode *inode; /* NULL: negative */
	char inline_name[32];
	u32 refs;	      /* atomic; the cache itself holds none */
	struct spinlock lock; /* LK_DENTRY */
	struct super *super;
	const struct dentry_ops *ops;
	void *fs_data;
	struct list_head children, sibling; /* parent's lock */
	struct list_head alias;		    /* inode->dentries */
	struct list_head lru;
	u64 cookie,
		next_cookie; /* place in the parent's list; last given to a child: parent's lock */
	struct rcu_head rcu;
};

#define DENTRY_MOUNTED 1u    /* something is mounted here in some namespace */
#define DENTRY_CACHED 2u     /* in the hash */
#define DENTRY_PERSISTENT 4u /* a memory file system pins it: the dentry is the directory entry */
#define DENTRY_REVALIDATE 8u /* ops->revalidate must be asked */
#define DENTRY_COMPLETE                                                                            \
	16u		      /* directory whose children are all cached (lookup is simple_lookup) \
			       */
#define DENTRY_LRU 32u	      /* on the list of unused dentries */
#define DENTRY_REFERENCED 64u /* used again since */
#define DENTRY_KIND_SHIFT 8   /* DT_* of the inode, for the walk */

struct dentry_ops {
	/* 1 still good, 0 drop it, -ECHILD cannot tell without sleeping (in RCU walk). */
	int (*revalidate)(struct dentry *d, bool rcu);
	int (*delete_on_last_put)(const struct dentry *d);
	/* /proc/PID/fd names: "pipe:[7]" */
	int (*name)(struct dentry *d, char *buf, size_t size);
	void (*release)(struct dentry *d);
};

struct inode {
	u16 mode;  /* S_IF* and permissions; attributes: LK_INODE or seq */
	u16 flags; /* INODE_* */
	u32 uid, gid, nlink;
	u32 refs; /* atomic */
	u32 rdev; /* new_encode_dev form as in stat: see vfs_makedev */
	u64 ino;
	loff_t size; /* read by inode_size() */
	u64 blocks;  /* 512-byte units */
	struct timespec64 atime, mtime, ctime, btime;
	u64 version; /* changes with contents */
	u32 blkbits;
	u32 generation;
	u8 write_hint; /* fcntl(2) F_SET_RW_HINT */
	s32 writers;   /* atomic: open for writing; negative: execution denies it */
	const struct inode_ops *ops;
	const struct file_ops
		*fops; /* of a regular file, directory; devices through kernel/device */
	struct super *super;
	struct pagecache *cache; /* &own_cache, or shared */
	struct pagecache own_cache;
	struct rwsem lock;    /* LK_INODE_DIR for directories, else LK_INODE */
	struct spinlock spin; /* LK_SPIN_LEAF */
	char *link;	      /* symlink target (kmalloc, freed with the inode), or NULL */
	void *fs_data;
	struct list_head dentries; /* spin */
	struct list_head super_link;
	struct hlist_node hash;
	struct file_locks *locks;    /* record locks, flock(2): set once; NULL: never had one */
	struct pipe *pipe;	     /* FIFO */
	struct notify_mark *watches; /* kernel/notify; NULL: nobody looks */
	void *socket;		     /* AF_UNIX bound here: net/unix */
	struct xattr_list *xattrs;
	struct acl *acl, *default_acl; /* RCU; lock */
	struct rcu_head rcu;
};

#define INODE_IMMUTABLE 1u
#define INODE_APPEND 2u
#define INODE_NOATIME 4u
#define INODE_DEAD 8u /* a removed directory */
#define INODE_PRIVATE 16u
#define INODE_HAS_XATTRS 32u
#define INODE_EMPTY_DIR 128u /* a directory of a pseudo file system that is always empty */
#define INODE_LINKABLE 64u   /* O_TMPFILE without O_EXCL: linkat() may give it a name */

struct name_iter;
struct kstat;
struct iattr;

/* All called with the locks Linux has them with: directory LK_INODE_DIR for changes, none for
 * lookup results. */
struct inode_ops {
	/* Fills the (negative, locked) @d by dentry_set_inode(); leaves it negative when there is
	 * no such name. */
	int (*lookup)(struct inode *dir, struct dentry *d);
	int (*create)(struct inode *dir, struct dentry *d, umode_t mode, bool excl);
	int (*link)(struct inode *dir, struct dentry *d, struct inode *target);
	int (*unlink)(struct inode *dir, struct dentry *d);
	int (*symlink)(struct inode *dir, struct dentry *d, const char *target);
	int (*mkdir)(struct inode *dir, struct dentry *d, umode_t mode);
	int (*rmdir)(struct inode *dir, struct dentry *d);
	int (*mknod)(struct inode *dir, struct dentry *d, umode_t mode, u32 dev);
	int (*rename)(struct inode *olddir, struct dentry *old, struct inode *newdir,
		      struct dentry *new, u32 flags);
	int (*tmpfile)(struct inode *dir, struct inode **out, umode_t mode);
	/* Target text of a symlink into @buf; returns its length.  Used when inode->link is NULL.
	 */
	ssize_t (*readlink)(struct inode *inode, struct dentry *d, char *buf, size_t size);
	/* Magic links (/proc/self/exe): jumps to a place; +1 references in @out. */
	int (*get_path)(struct dentry *d, struct path *out);
	int (*permission)(struct inode *inode, int mask); /* NULL: mode bits */
	int (*setattr)(struct dentry *d, struct iattr *attr);
	int (*getattr)(const struct path *path, struct kstat *st, u32 mask);
	ssize_t (*listxattr)(struct dentry *d, char *buf, size_t size);
	ssize_t (*getxattr)(struct dentry *d, const char *name, void *buf, size_t size);
	int (*setxattr)(struct dentry *d, const char *name, const void *v, size_t size, int flags);
};

#define MAY_EXEC 1
#define MAY_WRITE 2
#define MAY_READ 4
#define MAY_APPEND 8
#define MAY_ACCESS 16
#define MAY_OPEN 32
#define MAY_CHDIR 64
#define MAY_NOT_BLOCK 128 /* RCU walk: -ECHILD when it would sleep */

#define ATTR_MODE 1u
#define ATTR_UID 2u
#define ATTR_GID 4u
#define ATTR_SIZE 8u
#define ATTR_ATIME 16u
#define ATTR_MTIME 32u
#define ATTR_CTIME 64u
#define ATTR_ATIME_SET 128u
#define ATTR_MTIME_SET 256u
#define ATTR_FORCE 512u
#define ATTR_KILL_SUID 1024u
#define ATTR_KILL_SGID 2048u
struct iattr {
	u32 valid;
	umode_t mode;
	u32 uid, gid;
	loff_t size;
	struct timespec64 atime, mtime, ctime;
	struct file *file;
};

struct kstat {
	u32 mask, mode, nlink, uid, gid, blksize;
	u64 attributes, attributes_mask, ino, dev, rdev, mnt_id;
	loff_t size;
	u64 blocks;
	struct timespec64 atime, mtime, ctime, btime;
};

struct kstatfs {
	u64 type, bsize, blocks, bfree, bavail, files, ffree, fsid, namelen, frsize, flags;
};

struct super_ops {
	void (*put_super)(struct super *sb);
	/* The last reference on an inode without links or cache. Frees fs_data. */
	void (*evict)(struct inode *inode);
	int (*statfs)(struct dentry *d, struct kstatfs *st);
	int (*remount)(struct super *sb, u32 *flags, const char *options);
	void (*show_options)(struct super *sb, struct seq *s);
	int (*sync)(struct super *sb, bool wait);
	bool acls; /* inodes have POSIX ACLs */
	/* F_ADD_SEALS, F_GET_SEALS; NULL: -EINVAL */
	long (*seals)(struct file *f, unsigned int cmd, u32 seals);
};

struct super {
	u32 refs;  /* atomic: mounts */
	u32 dev;   /* st_dev */
	u64 flags; /* SB_/MS_* */
	u64 magic;
	u32 blksize;
	loff_t max_bytes;
	const struct fs_type *type;
	const struct super_ops *ops;
	const struct dentry_ops *dentry_ops;
	struct dentry *root;
	struct mutex rename_lock; /* LK_RENAME */
	struct spinlock lock;	  /* LK_INODE_HASH */
	struct list_head inodes;
	struct list_head link;
	struct list_head mounts; /* mount_lock */
	struct user_ns *owner;	 /* [I] +1: of who mounted it */
	u32 time_gran_ns;
	char id[32];
	void *fs_data;
};

/* ---- names ---- */
#define LOOKUP_FOLLOW 1u /* a trailing symlink */
#define LOOKUP_DIRECTORY 2u
#define LOOKUP_EMPTY 4u /* AT_EMPTY_PATH */
#define LOOKUP_NO_SYMLINKS 8u
#define LOOKUP_NO_MAGICLINKS 16u
#define LOOKUP_NO_XDEV 32u
#define LOOKUP_BENEATH 64u
#define LOOKUP_IN_ROOT 128u
#define LOOKUP_CACHED 256u

/* @dfd: AT_FDCWD or a descriptor of current.  +1 on the result. */
int path_lookup_user(int dfd, const char __user *name, u32 flags, struct path *out) __must_check;
int path_lookup(int dfd, const char *name, u32 flags, struct path *out) __must_check;
/* From a place, inside @root (NULL: current's). */
int path_lookup_at(const struct path *base, const char *name, u32 flags, struct path *out)
	__must_check;
struct mount *mount_get(struct mount *m);
void mount_put(struct mount *m);
struct path path_get(const struct path *p);
void path_put(const struct path *p);
/* Text of a place as seen from current's root, at the end of @buf; "(unreachable)" and " (deleted)"
 * as Linux. Returns the start in *out. -ENAMETOOLONG. */
int path_format(const struct path *p, char *buf, size_t size, char **out) __must_check;
/* A copy of up to PATH_MAX; vfs_putname() frees it. */
int vfs_getname(const char __user *name, char **out) __must_check;
void vfs_putname(char *name);

/* ---- open and whole-file helpers for the kernel ---- */
int vfs_open(const char *path, int flags, umode_t mode, struct file **out) __must_check;
int vfs_open_path(const struct path *p, int flags, struct file **out) __must_check;
/* The same as a new descriptor of current, close-on-exec with O_CLOEXEC in @flags; or -errno. */
int vfs_open_path_fd(const struct path *p, int flags) __must_check;
int vfs_open_exec(int dfd, const char *path, int at_flags, struct file **out)
	__must_check;				 /* denies writers */
int vfs_deny_write(struct file *f) __must_check; /* -ETXTBSY */
void vfs_allow_write(struct file *f);
ssize_t vfs_read(struct file *f, struct uio *u, loff_t *pos); /* checks modes */
ssize_t vfs_write(struct file *f, struct uio *u, loff_t *pos);
ssize_t vfs_read_kernel(struct file *f, void *buf, size_t len, loff_t pos);
ssize_t vfs_write_kernel(struct file *f, const void *buf, size_t len, loff_t pos);
int vfs_mkdir(const char *path, umode_t mode) __must_check;
int vfs_mknod(const char *path, umode_t mode, u32 dev) __must_check;
int vfs_symlink(const char *target, const char *path) __must_check;
int vfs_link(const char *old, const char *new_path) __must_check;
int vfs_unlink(const char *path) __must_check;
int vfs_rmdir(const char *path) __must_check;
int vfs_mount(const char *source, const char *dir, const char *type, u32 flags, const char *options)
	__must_check;
int vfs_getattr(const struct path *p, struct kstat *st, u32 mask) __must_check;
int vfs_setattr(struct dentry *d, struct iattr *attr) __must_check;
int vfs_permission(struct inode *inode, int mask) __must_check;
int generic_permission(struct inode *inode, int mask)
	__must_check; /* mode bits only: for ->permission */
int vfs_truncate(struct file *f_or_null, const struct path *p, loff_t size) __must_check;

/* ---- nameless objects ---- */
/* An inode of the pipe (S_IFIFO) or socket (S_IFSOCK) pseudo file system: it shows as "pipe:[ino]".
 * +1. */
int vfs_pseudo_inode(umode_t mode, struct inode **out) __must_check;
/* An open file on such an inode (takes its own reference); @flags: O_*.  Does not call ops->open.
 */
int vfs_pseudo_open(struct inode *inode, const struct file_ops *ops, void *private_data, u32 flags,
		    struct file **out) __must_check;
/* A mount of @sb (consumed) that is in no namespace. */
int vfs_internal_mount(struct super *sb, struct mount **out) __must_check;
/* The same of a new super, for objects that have no names: its root, of @mode, is empty. */
int vfs_pseudo_mount(const struct fs_type *type, u64 magic, umode_t mode,
		     const struct super_ops *ops, const struct dentry_ops *dentry_ops,
		     struct mount **out) __must_check;
/* An open file on @inode (consumed) that has a text but no place: memfd_create(2).  Does not call
 * ops->open. */
int vfs_nameless_file(struct mount *m, const char *name, struct inode *inode, u32 flags,
		      struct file **out) __must_check;
/* What an opened FIFO does: set by kernel/pipe before the first user program. */
extern const struct file_ops *vfs_fifo_ops;

/* ---- for file systems ---- */
int inode_alloc(struct super *sb, struct inode **out)
	__must_check; /* zeroed, refs 1, ino not set */
struct inode *inode_get(struct inode *i);
void inode_put(struct inode *i);
loff_t inode_size(const struct inode *i);
void inode_set_size(struct inode *i, loff_t size);
u64 inode_next_ino(void);
void inode_init_owner(struct inode *i, const struct inode *dir,
		      umode_t mode); /* fsuid, setgid dirs */
void inode_init_special(struct inode *i, umode_t mode,
			u32 dev); /* device, FIFO, socket: sets fops */
void inode_touch(struct inode *i, bool mtime, bool ctime);
void inode_access(const struct path *p);	   /* relatime rules */
int inode_modified(struct dentry *d) __must_check; /* times, set-id bits; inode locked */
int dentry_alloc(struct dentry *parent, const struct qstr *name, struct dentry **out) __must_check;
int dentry_alloc_root(struct super *sb, struct inode *root, struct dentry **out)
	__must_check; /* consumes */
/* Positive from now on, and hashed; consumes the inode reference. */
void dentry_set_inode(struct dentry *d, struct inode *i);
/* The same for memory file systems: stays without references until dentry_drop(). */
void dentry_set_inode_pinned(struct dentry *d, struct inode *i);
/* The same for an object without a name: not hashed, off the directory's list. */
void dentry_set_inode_nameless(struct dentry *d, struct inode *i);
/*
 * A dentry that is in no directory, for pipes and the like: nothing of @root changes. Consumes @i,
 * on failure too.
 */
int dentry_alloc_nameless(struct dentry *root, const struct qstr *q, struct inode *i,
			  struct dentry **out) __must_check;
struct dentry *dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
void dentry_drop(struct dentry *d); /* out of the hash and of its directory */
/* Unhashes and forgets everything below @d as well: a directory of a pseudo file system goes away.
 */
void dentry_drop_tree(struct dentry *d);
/* Child of @dir by name in the cache; +1 or NULL. */
struct dentry *dentry_find(struct dentry *dir, const struct qstr *name) __must_check;
u32 qstr_hash(const struct dentry *parent, const char *name, u32 len);
int super_alloc(const struct fs_type *t, u32 ms_flags, struct super **out) __must_check;
void super_put(struct super *sb);
/* Memory file systems whose dentries are the directory (tmpfs, devpts, sysfs): ready-made ops. */
/* In-memory extended attributes (inode->xattrs); inode->lock held for set. */
ssize_t simple_xattr_get(struct inode *i, const char *name, void *buf, size_t size);
int simple_xattr_set(struct inode *i, const char *name, const void *v, size_t size, int flags);
ssize_t simple_xattr_list(struct inode *i, char *buf, size_t size);
void simple_xattr_free(struct inode *i);
/* ---- POSIX ACLs, acl(5) ---- */
/* Mode of a new object: the umask counts unless the directory has a default ACL. */
umode_t vfs_create_mode(const struct inode *dir, umode_t mode);
/* ACLs of a new inode with a mode, from @dir or NULL; may change i->mode.  -ENOMEM. */
int acl_inherit(struct inode *i, const struct inode *dir) __must_check;
/* Before i->mode changes, under the inode's lock. */
int acl_chmod(struct inode *i, umode_t mode) __must_check;
bool acl_is_xattr(const char *name); /* system.posix_acl_* */
ssize_t acl_xattr_get(struct inode *i, const char *name, void *buf, size_t size);
int acl_xattr_set(struct inode *i, const char *name, const void *v, size_t size);
/* Copies what @attr says into the inode; the default for inode_ops without setattr. */
void inode_set_attr(struct inode *i, const struct iattr *attr);
void inode_fill_stat(const struct inode *i, struct kstat *st);
extern const struct inode_ops simple_dir_inode_ops;
extern const struct file_ops simple_dir_ops; /* readdir over cached children */
int simple_lookup(struct inode *dir, struct dentry *d);

/* getdents: emit returns false when the buffer is full. */
struct dir_context {
	bool (*emit)(struct dir_context *ctx, const char *name, u32 len, u64 ino, u8 type);
	loff_t pos;
};
static inline bool dir_emit(struct dir_context *ctx, const char *name, u32 len, u64 ino, u8 type)
{
	return ctx->emit(ctx, name, len, ino, type);
}
bool dir_emit_dots(struct file *f, struct dir_context *ctx); /* "." and ".." at pos 0, 1 */

int generic_lseek(struct file *f, loff_t off, int whence, loff_t *out);
int noop_lseek(struct file *f, loff_t off, int whence, loff_t *out); /* stays */
int no_lseek(struct file *f, loff_t off, int whence, loff_t *out);   /* -ESPIPE */
ssize_t generic_read(struct file *f, struct uio *u, loff_t *pos);    /* over f->cache */
ssize_t generic_write(struct file *f, struct uio *u, loff_t *pos);
ssize_t generic_write_at_end(struct file *f, struct uio *u, loff_t *pos); /* as with O_APPEND */
int generic_mmap(struct file *f, struct vma *vma);
int generic_fsync_memory(struct file *f, loff_t start, loff_t end, bool data_only);

static inline u32 vfs_makedev(u32 major, u32 minor) /* as in struct stat */
{
	return (minor & 0xffu) | (major << 8) | ((minor & ~0xffu) << 12);
}
static inline u32 vfs_major(u32 dev)
{
	return (dev >> 8) & 0xfffu;
}
static inline u32 vfs_minor(u32 dev)
{
	return (dev & 0xffu) | ((dev >> 12) & ~0xffu);
}

/* ---- process context ---- */
struct fs_ctx {
	u32 refs;	      /* atomic */
	struct spinlock lock; /* LK_FS_CTX */
	struct seqcount seq;
	struct path root, pwd;
	u32 umask;
};
int fs_ctx_copy(struct task *child, u64 clone_flags) __must_check;
void fs_ctx_put(struct fs_ctx *fs);
struct path fs_ctx_root(struct fs_ctx *fs);	    /* +1 */
struct path fs_ctx_pwd(struct fs_ctx *fs);	    /* +1 */
int fs_ctx_clone(struct fs_ctx **out) __must_check; /* a copy of current's, shared with nobody */
void fs_ctx_switch(struct fs_ctx *fs);		    /* makes @fs (consumed) current's */
/* Is the root another place than that of its mount namespace? */
bool fs_ctx_is_chrooted(struct fs_ctx *fs);
u32 current_umask(void);

/* ---- mounts, boot ---- */
void vfs_init(void);
extern int vfs_cache_pressure;
void vfs_drop_slabs(void);   /* all unused dentries and their inodes; may sleep */
u64 vfs_slabs_scanned(void); /* dentries the shrinker has looked at */
/* Mounts tmpfs as the root of the first namespace and makes it current's root and cwd. */
void vfs_mount_root(void);
/* Unpacks the boot archives into the root; errors are logged, not fatal. */
void initramfs_unpack(void);
/* A detached tree goes with the descriptor that stands for it. */
void mount_dissolve(struct mount *m);
/* Do set-id bits count there for current? */
bool mount_may_suid(const struct path *p);
void filesystems_show(struct seq *s);
/* Record locks: exit and close hooks, /proc/locks, those of an open file in fdinfo. */
void locks_close(struct file *f, struct files *owner);
void locks_show(struct seq *s);
void locks_show_file(struct seq *s, const struct file *f, const struct files *owner);
