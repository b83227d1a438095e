/* tmpfs(5): a file system whose files are page cache and whose directories are dentries. */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct fs_type;
struct super;

/* A new tmpfs under another type's name (devtmpfs, the root). @options as for mount(2), NULL for
 * none. */
int tmpfs_create_super(const struct fs_type *type, u32 ms_flags, const char *options,
		       struct super **out) __must_check;
