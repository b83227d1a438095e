/* Private to fs/sys. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>
#include <fs/kernfs/kernfs.h>

struct dentry;
struct seq;

/* Fills the root: content.c. */
int sysfs_populate(struct dentry *root) __must_check;
/* cpu.c: devices/system/cpu; the CPUs that run, as a list and as a bit map. */
int sysfs_add_cpus(struct dentry *system) __must_check;
int sysfs_show_online(struct seq *s, void *ctx);
int sysfs_show_online_mask(struct seq *s, void *ctx);
