/*
 * Watches on inodes, and who is told what happens to them: inotify(7), fcntl(2) F_NOTIFY.
 *
 * The rooms that change files say so with the functions below.  While nobody watches anything in
 * the machine, each is one test.  Process context; inode locks may be held.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct dentry;
struct file;
struct files;
struct inode;
struct qstr;
struct super;

/* Beside IN_*: a name changed within its directory. */
#define NOTIFY_RENAME 0x10000000u

extern u32 notify_watches; /* watched inodes in the machine; atomic */

void notify_dentry_slow(struct dentry *d, u32 mask);
void notify_file_slow(struct file *f, u32 mask);
void notify_name_slow(struct inode *dir, u32 mask, const struct qstr *name, struct inode *child,
		      u32 cookie);
void notify_inode_slow(struct inode *i, u32 mask);

/* @mask (IN_*) happened to the file @d: for itself and, with its name, its directory. */
static inline void notify_dentry(struct dentry *d, u32 mask)
{
	if (unlikely(READ_ONCE(notify_watches)))
		notify_dentry_slow(d, mask);
}
/* The same through an open file. */
static inline void notify_file(struct file *f, u32 mask)
{
	if (unlikely(READ_ONCE(notify_watches)))
		notify_file_slow(f, mask);
}
/* A name came or went in @dir. */
static inline void notify_name(struct inode *dir, u32 mask, const struct qstr *name,
			       struct inode *child)
{
	if (unlikely(READ_ONCE(notify_watches)))
		notify_name_slow(dir, mask, name, child, 0);
}
/* To the inode alone: IN_ATTRIB of a link count, IN_MOVE_SELF. */
static inline void notify_inode(struct inode *i, u32 mask)
{
	if (unlikely(READ_ONCE(notify_watches)))
		notify_inode_slow(i, mask);
}
/* Ties IN_MOVED_FROM to IN_MOVED_TO; never 0. */
u32 notify_new_cookie(void);
/* The last name of @i is gone, its last user too: IN_DELETE_SELF, and its watches end. */
void notify_deleted(struct inode *i);
/* @sb goes away: IN_UNMOUNT for what is watched in it. */
void notify_unmount(struct super *sb);

/* F_NOTIFY on a file that is open.  -EINVAL, -ENOTDIR, -ENOMEM. */
long dnotify_fcntl(struct file *f, unsigned int fd, u32 arg);
/* A descriptor of the directory @f left the table @files; what was asked for there is over. */
void dnotify_close(struct file *f, const struct files *files);
