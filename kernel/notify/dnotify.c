/*
 * fcntl(2) F_NOTIFY: signals about a directory.
 *
 * A watched directory has one mark with a list of requests, one for each open file of a descriptor
 * table.  What a request is for goes by signal to the file's owner; without DN_MULTISHOT that ends
 * it.  A request holds no reference: closing any descriptor of the file in that table takes it off,
 * so while it is listed the file is open.
 */
#include <kernel/notify/notify_impl.h>

#include <kern/errno.h>
#include <kernel/boot/boot.h>
#include <kernel/file/file.h>
#include <kernel/procfs/procfs.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/signal.h>

struct request {
	struct request *next;
	struct file *file;	   /* +0 */
	const struct files *files; /* +0: where it was asked for */
	int fd;
	u32 mask; /* IN_*, NOTIFY_RENAME */
	bool multishot;
};

struct dir_mark {
	struct notify_mark mark;
	struct request *first; /* requests_lock; newest first */
};

/* Also while signals are sent, which is why it is no spinlock after the inode's. */
static struct mutex requests_lock; /* LK_SLEEP_LEAF */
static const char group;	   /* all marks of directories are of one group */

static int enabled = 1;
SYSCTL_INT("fs/dir-notify-enable", 0644, &enabled, INT_MIN, INT_MAX);

static struct dir_mark *dir_mark_of(struct notify_mark *m)
{
	return container_of(m, struct dir_mark, mark);
}

/* requests_lock held. */
static void update_mask(struct dir_mark *d)
{
	struct inode *i = d->mark.inode;
	u32 mask = 0;

	for (const struct request *r = d->first; r; r = r->next)
		mask |= r->mask;
	spin_lock(&i->spin);
	d->mark.mask = mask;
	spin_unlock(&i->spin);
}

static void tell(struct notify_mark *m, const struct notify_event *e)
{
	struct dir_mark *d = dir_mark_of(m);
	struct request **at, *r, *none = NULL;

	mutex_lock(&requests_lock);
	/* Closing does not find what is off the inode: those files may be gone. */
	at = READ_ONCE(m->listed) ? &d->first : &none;
	while ((r = *at) != NULL) {
		if (r->mask & e->mask)
			file_owner_notify(r->file, r->fd, POLL_MSG);
		if (!(r->mask & e->mask) || r->multishot) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		kfree(r);
	}
	update_mask(d);
	mutex_unlock(&requests_lock);
}

/* The directory is gone; the requests go with the mark. */
static void end(struct notify_mark *m)
{
	(void)m;
}

static void mark_free(struct notify_mark *m)
{
	struct dir_mark *d = dir_mark_of(m);

	while (d->first) {
		struct request *r = d->first;

		d->first = r->next;
		kfree(r);
	}
	kfree(d);
}

static const struct notify_ops dir_ops = {
	.tell = tell, .late = true, .end = end, .free = mark_free};

static struct request **find(struct dir_mark *d, const struct file *f, const struct files *files)
{
	struct request **at = &d->first;

	while (*at && ((*at)->file != f || (*at)->files != files))
		at = &(*at)->next;
	return at;
}

/* requests_lock held: the request of @f in @files, off the list, or NULL. */
static struct request *take(struct dir_mark *d, const struct file *f, const struct files *files)
{
	struct request **at = find(d, f, files), *r = *at;

	if (r) {
		*at = r->next;
		update_mask(d);
	}
	if (!d->first)
		(void)mark_unlist(&d->mark);
	return r;
}

void dnotify_close(struct file *f, const struct files *files)
{
	struct request *r = NULL;
	struct notify_mark *m;

	mutex_lock(&requests_lock);
	m = mark_find(f->inode, &group);
	if (m)
		r = take(dir_mark_of(m), f, files);
	mutex_unlock(&requests_lock);
	kfree(r);
	mark_put(m);
}

static u32 mask_of(u32 arg)
{
	static const struct {
		u32 dn, mask;
	} table[] = {
		{DN_ACCESS, IN_ACCESS},
		{DN_MODIFY, IN_MODIFY},
		{DN_CREATE, IN_CREATE | IN_MOVED_TO},
		{DN_DELETE, IN_DELETE | IN_MOVED_FROM},
		{DN_RENAME, NOTIFY_RENAME},
		{DN_ATTRIB, IN_ATTRIB},
	};
	u32 mask = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		mask |= arg & table[i].dn ? table[i].mask : 0;
	return mask;
}

/* requests_lock held: @r joins, or what was asked before asks for more. True: it joined. */
static bool join(struct dir_mark *d, struct request *r)
{
	struct request *old = *find(d, r->file, r->files);

	if (old) {
		old->fd = r->fd;
		old->mask |= r->mask;
		old->multishot |= r->multishot;
	} else {
		r->next = d->first;
		d->first = r;
	}
	update_mask(d);
	return !old;
}

/* The mark of @i, which may be @fresh; requests_lock held.  +1. */
static struct dir_mark *mark_of(struct inode *i, struct dir_mark **fresh)
{
	struct notify_mark *m = mark_find(i, &group);
	struct dir_mark *d;

	if (m)
		return dir_mark_of(m);
	d = *fresh;
	*fresh = NULL;
	mark_init(&d->mark, &dir_ops, &group, i, 1);
	(void)mark_add(&d->mark); /* nobody else adds one meanwhile */
	return d;
}

static int ask(struct file *f, unsigned int fd, u32 arg)
{
	struct request *r = kzalloc(sizeof(*r));
	struct dir_mark *fresh = kzalloc(sizeof(*fresh)), *d;
	int err = r && fresh ? file_default_owner(f) : -ENOMEM;

	if (err) {
		kfree(r);
		kfree(fresh);
		return err;
	}
	*r = (struct request){.file = f,
			      .files = current->files,
			      .fd = (int)fd,
			      .mask = mask_of(arg),
			      .multishot = arg & DN_MULTISHOT};
	__atomic_fetch_or(&f->mode, FMODE_DNOTIFY, __ATOMIC_RELAXED);
	mutex_lock(&requests_lock);
	d = mark_of(f->inode, &fresh);
	bool joined = join(d, r);

	mutex_unlock(&requests_lock);
	if (!joined)
		kfree(r);
	kfree(fresh);
	/* Closed meanwhile by another thread, which may have looked before there was anything. */
	smp_mb();
	if (!fd_is(fd, f))
		dnotify_close(f, current->files);
	mark_put(&d->mark);
	return 0;
}

long dnotify_fcntl(struct file *f, unsigned int fd, u32 arg)
{
	if (!READ_ONCE(enabled))
		return -EINVAL;
	if (!(arg & ~(u32)DN_MULTISHOT)) {
		if (S_ISDIR(f->inode->mode))
			dnotify_close(f, current->files);
		return 0;
	}
	if (!S_ISDIR(f->inode->mode))
		return -ENOTDIR;
	return ask(f, fd, arg);
}

static void dnotify_init(void)
{
	mutex_init(&requests_lock, LK_SLEEP_LEAF);
}
INITCALL(dnotify_init);
