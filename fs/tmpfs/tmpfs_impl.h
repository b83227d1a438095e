/* Private to fs/tmpfs. */
#pragma once

#include <kern/types.h>
#include <kernel/lock/lock.h>
#include <kernel/vfs/vfs.h>

struct tmpfs {
	struct spinlock lock;	   /* LK_SPIN_LEAF: counts, limits, options */
	u64 max_pages, used_pages; /* max 0: no limit */
	u64 max_inodes, used_inodes;
	u64 next_ino; /* atomic */
	umode_t mode;
	u32 uid, gid;
	bool inode32;		       /* numbers of 32 bits */
	u8 huge;		       /* enum tmpfs_huge */
	u8 policy;		       /* index of mpol=, 0: default */
	u32 given;		       /* TMPFS_GIVEN_*: what the options being parsed said */
	const struct tmpfs_kind *kind; /* [I] */
	void *kind_data;	       /* [I] */
};

enum tmpfs_huge { TMPFS_HUGE_NEVER, TMPFS_HUGE_ALWAYS, TMPFS_HUGE_WITHIN_SIZE, TMPFS_HUGE_ADVISE };

#define TMPFS_GIVEN_PAGES 1u
#define TMPFS_GIVEN_INODES 2u
#define TMPFS_GIVEN_HUGE 4u
#define TMPFS_GIVEN_INODE32 8u
#define TMPFS_GIVEN_POLICY 16u

static inline struct tmpfs *tmpfs_of(const struct super *sb)
{
	return sb->fs_data;
}

/* inode->fs_data of regular files: the seals, as a number. */
u32 tmpfs_seals(const struct inode *i);
void tmpfs_seals_set(struct inode *i, u32 seals);
long tmpfs_seals_fcntl(struct file *f, unsigned int cmd, u32 seals);

/* ---- options.c ---- */
u64 tmpfs_default_pages(void);
u64 tmpfs_default_inodes(void);
/* @options may be NULL.  On an error @t is in part changed. */
int tmpfs_parse_options(struct tmpfs *t, const char *options) __must_check;
int tmpfs_remount(struct super *sb, u32 *flags, const char *options);
void tmpfs_show_options(struct super *sb, struct seq *s);

/* One more name or object: -ENOSPC. */
int tmpfs_charge_inode(struct tmpfs *t) __must_check;
void tmpfs_uncharge_inode(struct tmpfs *t);
/* +1 inode, charged; owner and mode set. -ENOSPC. */
int tmpfs_inode_new(struct super *sb, const struct inode *dir, umode_t mode, u32 dev,
		    struct inode **out) __must_check;
extern const struct inode_ops tmpfs_dir_inode_ops;
extern const struct inode_ops tmpfs_file_inode_ops, tmpfs_link_inode_ops, tmpfs_special_inode_ops;
extern const struct file_ops tmpfs_file_ops, tmpfs_sealable_ops;
int tmpfs_setattr(struct dentry *d, struct iattr *a);
int tmpfs_make_internal(struct super **out) __must_check;
ssize_t tmpfs_listxattr(struct dentry *d, char *buf, size_t size);
ssize_t tmpfs_getxattr(struct dentry *d, const char *name, void *buf, size_t size);
int tmpfs_setxattr(struct dentry *d, const char *name, const void *v, size_t size, int flags);
int tmpfs_fallocate(struct file *f, int mode, loff_t off, loff_t len);
#define TMPFS_DIRENT_SIZE 20 /* what a directory entry adds to st_size */
#define TMPFS_DIR_EMPTY (2 * TMPFS_DIRENT_SIZE)
