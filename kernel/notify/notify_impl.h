/* Marks: one for each pair of a watched inode and an instance. */
#pragma once

#include <kernel/lock/lock.h>
#include <kernel/notify/notify.h>
#include <kernel/vfs/vfs.h>

struct inotify;

struct notify_mark {
	struct notify_mark *next; /* inode->watches; inode->spin */
	struct inode *inode;	  /* [I] +1 */
	struct inotify *group;	  /* [I] +1 */
	u32 mask;		  /* inode->spin */
	u32 flags;		  /* IN_ONESHOT, IN_EXCL_UNLINK; inode->spin */
	int wd;			  /* [I] */
	u32 refs;		  /* atomic: the list, the instance's table, who looks */
	bool listed;		  /* inode->spin */
	struct list_head all;	  /* marks_lock */
};

/* What happened, as an instance is told. */
struct notify_event {
	u32 mask, cookie;
	const char *name;
	u32 len;
};

/* notify.c: the inode's side */
void mark_put(struct notify_mark *m);
/* Lists a mark that is new.  False: the inode has one of that group already. */
bool mark_add(struct notify_mark *m);
/* Mark of @group on @i, +1, or NULL. */
struct notify_mark *mark_find(struct inode *i, const struct inotify *group);
/* Off its inode; false: somebody else took it off. */
bool mark_unlist(struct notify_mark *m);

/* inotify.c: the instance's side */
void inotify_tell(struct notify_mark *m, const struct notify_event *e);
/* The watch ends by itself: IN_IGNORED, and its number is free. */
void inotify_end(struct notify_mark *m);
void inotify_put(struct inotify *g);
