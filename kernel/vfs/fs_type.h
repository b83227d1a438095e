/*
 * Kinds of file systems: what each registers, so that mount(2) and fsconfig(2) find it, and the
 * options that it takes.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct ns_common;
struct super;

/* What an option of a file system looks like: fsconfig(2) judges each when it is given. */
enum fs_param_kind {
	FS_PARAM_FLAG,	 /* "newinstance" */
	FS_PARAM_NUMBER, /* decimal, octal or hexadecimal as in C */
	FS_PARAM_OCTAL,
	FS_PARAM_SIZE, /* a number with k, m, g or % */
	FS_PARAM_TEXT,
};
struct fs_param {
	const char *name; /* NULL ends a table */
	enum fs_param_kind kind;
};

struct fs_type {
	const char *name;
	u32 flags; /* FS_* */
	/* Finds or makes the super, sb->root set.  @options: comma-separated text or NULL. */
	int (*mount)(const struct fs_type *t, u32 ms_flags, const char *source, const char *options,
		     struct super **out);
	const struct fs_param *params; /* its options; NULL: it has none */
	/* What it shows: the owner of that says who mounts it.  NULL: the mounter's namespace. */
	struct ns_common *(*shows)(void);
};
#define FS_NODEV 1u /* "nodev" in /proc/filesystems */
#define FS_USERNS 2u
#define FS_VISIBLE 8u  /* proc, sysfs: a less privileged namespace may mount what it sees whole */
#define FS_DEVICES 16u /* its device nodes work in a less privileged namespace as well */
#define FS_BINDABLE 4u /* mounted nowhere, but its files may be bound: those of namespaces */
#define FS_TYPE(sym)                                     \
	static const struct fs_type *const fs_type_##sym \
		__attribute__((section(".tab.fs_type"), used)) = &sym
/*
 * Calls @set for each of "key,key=value,..." until it fails; @value is NULL without '='.  @options
 * may be NULL.  -ENOMEM, or what @set said.
 */
int fs_options_parse(const char *options, int (*set)(const char *key, const char *value, void *ctx),
		     void *ctx) __must_check;
