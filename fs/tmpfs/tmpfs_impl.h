/* Private to fs/tmpfs. */
#pragma once

#include <kern/types.h>
#include <kernel/lock/lock.h>
#include <kernel/vfs/vfs.h>

struct tmpfs {
	struct spinlock lock;	   /* LK_SPIN_LEAF: counts, limits */
	u64 max_pages, used_pages; /* max 0: no limit */
	u64 max_inodes, used_inodes;
	u64 next_ino; /* atomic */
	umode_t mode;
	u32 uid, gid;
	bool size_given, inodes_given; /* shown in /proc/mounts */
};

static inline struct tmpfs *tmpfs_of(const struct super *sb)
{
	return sb->fs_data;
}

/* inode->fs_data of regular files: the seals, as a number. */
u32 tmpfs_seals(const struct inode *i);
void tmpfs_seals_set(struct inode *i, u32 seals);
long tmpfs_seals_fcntl(struct file *f, unsigned int cmd, u32 seals);

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
