/* tmpfs(5): a file system whose files are page cache and whose directories are dentries. */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct dentry_ops;
struct file;
struct fs_type;
struct inode;
struct super;
struct super_ops;

/*
 * A file system whose directories are those of tmpfs and whose files are its own.  It fills in
 * super_ops; from them it calls the functions below.
 */
struct tmpfs_kind {
	u64 magic;
	const struct super_ops *ops;
	/* A new regular file: cache, ops, fops, fs_data. -errno. */
	int (*init_file)(struct inode *i);
};
struct tmpfs_root {
	umode_t mode;
	u32 uid, gid;
	u64 max_inodes; /* 0: no limit */
	void *data;	/* for tmpfs_kind_data() */
};
int tmpfs_create_kind(const struct fs_type *type, u32 ms_flags, const struct tmpfs_kind *kind,
		      const struct tmpfs_root *root, struct super **out) __must_check;
void *tmpfs_kind_data(const struct super *sb);
void tmpfs_kind_inodes(const struct super *sb, u64 *max, u64 *used);
void tmpfs_kind_evict(struct inode *i); /* at the end of super_ops.evict */
void tmpfs_kind_free(struct super *sb); /* of super_ops.put_super */
/* A regular file without a name in @sb. */
int tmpfs_kind_file(struct super *sb, umode_t mode, struct inode **out) __must_check;
/* Of such files: "/NAME (deleted)". */
extern const struct dentry_ops tmpfs_nameless_ops;

/* fcntl(2) F_ADD_SEALS and F_GET_SEALS for a file whose seals are *@word, under inode->lock. */
long tmpfs_seals_do(struct file *f, unsigned int cmd, u32 seals, unsigned long *word);

/* A new tmpfs under another type's name (devtmpfs, the root). @options as for mount(2), NULL for
 * none. */
int tmpfs_create_super(const struct fs_type *type, u32 ms_flags, const char *options,
		       struct super **out) __must_check;
