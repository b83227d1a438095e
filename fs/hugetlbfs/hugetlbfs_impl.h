/* Private to fs/hugetlbfs. */
#pragma once

#include <kernel/hugetlb/hugetlb.h>
#include <kernel/vfs/vfs.h>
#include <fs/tmpfs/tmpfs.h>

/* A mount. */
struct mounted {
	struct hugetlb_part *part; /* +1 */
	struct tmpfs_root root;	   /* [I] as its options said */
};

/* inode->fs_data of regular files. */
struct hugetlb_inode {
	struct hugetlb_map *map; /* [I] +1 */
	unsigned long seals;	 /* inode->lock */
	struct spinlock lock;	 /* LK_SPIN_LEAF: the size, which mmap(2) changes too */
};

static inline struct hugetlb_inode *hugetlb_of(const struct inode *i)
{
	return i->fs_data;
}

int hugetlbfs_init_file(struct inode *i);
void hugetlbfs_drop_file(struct inode *i);
/* The size becomes @size, if it was less. */
void hugetlbfs_grow(struct inode *i, loff_t size);
extern const struct file_ops hugetlbfs_file_ops;
extern const struct inode_ops hugetlbfs_inode_ops;
