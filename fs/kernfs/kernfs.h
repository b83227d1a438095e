/*
 * Trees of small text files that the kernel makes: what sysfs and debugfs have in common.
 *
 * A tree is one super, shared by all mounts of its type; its dentries are the directories, as in
 * tmpfs, but nothing is created or removed from outside.  Entries may be added while others look.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>
#include <kernel/procfs/procfs.h>

struct dentry;
struct fs_type;
struct inode;
struct kstatfs;
struct super;
struct super_ops;

/* A super with an empty root directory of mode @mode that belongs to the machine, whoever mounts
 * it first. */
int kernfs_create(const struct fs_type *t, const struct super_ops *ops, u64 magic, umode_t mode,
		  struct super **out) __must_check;
/* What every @ops has. */
void kernfs_evict(struct inode *i);
int kernfs_statfs(struct dentry *d, struct kstatfs *st);
/*
 * Make entries below @parent; the tree keeps them.  -EEXIST, -ENOMEM (what was made before stays).
 * Contexts and attributes live as long as the entry.
 */
int kernfs_dir(struct dentry *parent, const char *name, struct dentry **out) __must_check;
/* The child directory @name, made if it is missing. */
int kernfs_find_dir(struct dentry *parent, const char *name, struct dentry **out) __must_check;
/* The directory that @path, below @root, lies in, and the last component of @path. */
int kernfs_parent(struct dentry *root, const char *path, struct dentry **out, const char **name)
	__must_check;
/* A directory, and those that it lies in, which stays empty: what is mounted there hides nothing.
 */
int kernfs_mount_point(struct dentry *root, const char *path) __must_check;
int kernfs_file(struct dentry *parent, const struct sysfs_attr *attr, void *ctx) __must_check;
/* Those of a table, up to the one without a name. */
int kernfs_files(struct dentry *parent, const struct sysfs_attr *a, void *ctx) __must_check;
/* What rooms declare: rows whose names are paths below @root. */
int kernfs_entries(struct dentry *root, const struct sysfs_entry *const *from,
		   const struct sysfs_entry *const *end) __must_check;
int kernfs_link(struct dentry *parent, const char *name, const char *target) __must_check;
/* The tree is there: groups are added to it from now on. One that goes waits for who reads or
 * writes a file of it. */
void kernfs_ready(struct dentry *root, bool debugfs);
