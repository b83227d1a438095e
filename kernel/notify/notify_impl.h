/* Marks: one for each pair of a watched inode and who watches it. */
#pragma once

#include <kernel/lock/lock.h>
#include <kernel/notify/notify.h>
#include <kernel/vfs/vfs.h>

struct files;
struct notify_mark;

/* What happened, as who watches is told. */
struct notify_event {
	u32 mask, cookie;
	const char *name;
	u32 len;
};

/* Who watches: instances of inotify, directories' F_NOTIFY. */
struct notify_ops {
	/* Under inode->spin; @late: after it, and may sleep.  At most one mark of an inode is so.
	 */
	void (*tell)(struct notify_mark *m, const struct notify_event *e);
	bool late;
	void (*end)(struct notify_mark *m);  /* the watch ends by itself; it is off the inode */
	void (*free)(struct notify_mark *m); /* the last reference is gone */
};

/* Part of what its owner allocates. */
struct notify_mark {
	struct notify_mark *next; /* inode->watches; inode->spin */
	struct inode *inode;	  /* [I] +1 */
	const struct notify_ops *ops;
	const void *group;    /* [I] an inode has one mark of each */
	u32 mask;	      /* inode->spin */
	u32 flags;	      /* IN_ONESHOT, IN_EXCL_UNLINK; inode->spin */
	u32 refs;	      /* atomic: the list, its owner, who looks */
	bool listed;	      /* inode->spin */
	struct list_head all; /* marks_lock */
};

/* A mark on @i that is not listed, with @refs references. */
void mark_init(struct notify_mark *m, const struct notify_ops *ops, const void *group,
	       struct inode *i, u32 refs);
void mark_put(struct notify_mark *m);
/* Lists a mark that is new.  False: the inode has one of that group already. */
bool mark_add(struct notify_mark *m);
/* Mark of @group on @i, +1, or NULL. */
struct notify_mark *mark_find(struct inode *i, const void *group);
/* Off its inode; false: somebody else took it off. */
bool mark_unlist(struct notify_mark *m);
