/* Private to fs/sys: making entries. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>
#include <kernel/procfs/procfs.h>

struct dentry;
struct seq;

/*
 * Make entries below @parent while the tree is built (no locks: nobody else sees it).  The tree
 * keeps them; on -ENOMEM it is taken down as a whole.
 */
int sysfs_dir(struct dentry *parent, const char *name, struct dentry **out) __must_check;
/* The child directory @name, made if it is missing. */
int sysfs_find_dir(struct dentry *parent, const char *name, struct dentry **out) __must_check;
/* The name is what follows the last slash of attr->name. */
int sysfs_file(struct dentry *parent, const struct sysfs_attr *attr, void *ctx) __must_check;
/* Those of a table, up to the one without a name. */
int sysfs_files(struct dentry *parent, const struct sysfs_attr *a, void *ctx) __must_check;
int sysfs_link(struct dentry *parent, const char *name, const char *target) __must_check;
/* Fills the root: content.c. */
int sysfs_populate(struct dentry *root) __must_check;
/* cpu.c: devices/system/cpu; the CPUs that run, as a list and as a bit map. */
int sysfs_add_cpus(struct dentry *system) __must_check;
int sysfs_show_online(struct seq *s, void *ctx);
int sysfs_show_online_mask(struct seq *s, void *ctx);
