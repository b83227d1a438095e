/*
 * inotify(7): instances, watch descriptors, the queue of events.
 *
 * An event that equals the last one queued is dropped; beyond the limit a single IN_Q_OVERFLOW
 * stands for what is lost.
 */
#include <kernel/notify/notify_impl.h>

#include <kern/align.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/poll/poll.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <kernel/wait/wait.h>
#include <lib/idr/idr.h>
#include <asm/ioctls.h>
#include <linux/inotify.h>

#define USER_MASK (IN_ALL_EVENTS)
#define ARGUMENT_BITS                                                                            \
	(IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | \
	 IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)

static int max_queued_events = 16384, max_user_instances = 128, max_user_watches = 65536;
SYSCTL_INT("fs/inotify/max_queued_events", 0644, &max_queued_events, 0, 0x7fffffff);
SYSCTL_INT("fs/inotify/max_user_instances", 0644, &max_user_instances, 0, 0x7fffffff);
SYSCTL_INT("fs/inotify/max_user_watches", 0644, &max_user_watches, 0, 0x7fffffff);

/* What the instances of one user id use together. */
struct inotify_user {
	struct list_head link; /* users_lock */
	struct cred_user *user;
	int refs, instances, watches; /* users_lock */
};
static struct spinlock users_lock = SPINLOCK_INIT(LK_SPIN_LEAF);
static LIST_HEAD(users);

struct queued {
	struct list_head link;
	int wd;
	u32 mask, cookie, len;
	char name[];
};

struct inotify {
	u32 refs;	   /* atomic: the file, each mark */
	struct mutex lock; /* LK_SLEEP_LEAF: the table */
	struct idr watches;
	struct inotify_user *user;  /* [I] */
	struct spinlock queue_lock; /* LK_IRQ_LEAF */
	struct list_head events;
	u32 count;
	u64 bytes;
	struct queued *overflow; /* [I] made at the start: it stands for what is lost */
	bool overflowed, dead;	 /* it is queued; nobody reads any more */
	struct wait_queue wait;
};

struct watch {
	struct notify_mark mark;
	struct inotify *group; /* [I] +1 */
	int wd;		       /* [I] */
};

static struct watch *watch_of(struct notify_mark *m)
{
	return m ? container_of(m, struct watch, mark) : NULL;
}

static void watch_put(struct watch *w)
{
	if (w)
		mark_put(&w->mark);
}

static struct radix_node *node_alloc(void)
{
	return kmalloc_gfp(sizeof(struct radix_node), GFP_ATOMIC);
}

static void node_free(struct radix_node *n)
{
	kfree(n);
}

/* Lookups hold the lock: nobody reads what is retired. */
static const struct radix_ops table_ops = {node_alloc, node_free, node_free};

/* ---- users ---- */

static struct inotify_user *user_find(struct cred_user *cu)
{
	struct inotify_user *u;

	list_for_each_entry (u, &users, link) {
		if (u->user == cu)
			return u;
	}
	return NULL;
}

static int user_get(struct inotify_user **out)
{
	struct cred_user *cu = current_cred()->user;
	struct inotify_user *fresh = kzalloc(sizeof(*fresh)), *u;
	int err = 0;

	if (!fresh)
		return -ENOMEM;
	spin_lock(&users_lock);
	u = user_find(cu);
	if (!u) {
		u = fresh;
		fresh = NULL;
		u->user = cred_user_get(cu);
		list_add(&u->link, &users);
	}
	u->refs++;
	if (u->instances >= max_user_instances)
		err = -EMFILE;
	else
		u->instances++;
	spin_unlock(&users_lock);
	kfree(fresh);
	*out = u;
	return err;
}

static void user_put(struct inotify_user *u, bool counted)
{
	bool last;

	spin_lock(&users_lock);
	u->instances -= counted;
	last = !--u->refs;
	if (last)
		list_del(&u->link);
	spin_unlock(&users_lock);
	if (!last)
		return;
	cred_user_put(u->user);
	kfree(u);
}

static bool user_count_watch(struct inotify_user *u, int by)
{
	bool ok;

	spin_lock(&users_lock);
	ok = by < 0 || u->watches < max_user_watches;
	if (ok)
		u->watches += by;
	spin_unlock(&users_lock);
	return ok;
}

/* ---- the queue ---- */

static bool same_as_last(const struct inotify *g, int wd, const struct notify_event *e)
{
	const struct queued *last;

	if (list_empty(&g->events) || (e->mask & IN_IGNORED))
		return false;
	last = list_last_entry(&g->events, struct queued, link);
	return last->wd == wd && last->mask == e->mask && last->len == e->len &&
	       !memcmp(last->name, e->name ? e->name : "", e->len);
}

static size_t name_room(u32 len)
{
	return len ? ALIGN(len + 1, (u32)sizeof(struct inotify_event)) : 0;
}

static size_t event_size(const struct queued *q)
{
	return sizeof(struct inotify_event) + name_room(q->len);
}

static void append(struct inotify *g, struct queued *q)
{
	list_add_tail(&q->link, &g->events);
	g->count++;
	g->bytes += event_size(q);
}

static struct queued *make_event(int wd, const struct notify_event *e)
{
	struct queued *q = kmalloc_gfp(sizeof(*q) + e->len + 1, GFP_ATOMIC);

	if (!q)
		return NULL;
	q->wd = wd;
	q->mask = e->mask;
	q->cookie = e->cookie;
	q->len = e->len;
	memcpy(q->name, e->name ? e->name : "", e->len);
	q->name[e->len] = 0;
	return q;
}

static void queue_event(struct inotify *g, int wd, const struct notify_event *e)
{
	struct queued *q = NULL;
	unsigned long flags = spin_lock_irqsave(&g->queue_lock);
	bool told = false;

	if (g->dead || same_as_last(g, wd, e))
		goto unlock;
	if (g->count < (u32)READ_ONCE(max_queued_events))
		q = make_event(wd, e);
	if (!q) {
		if (g->overflowed)
			goto unlock;
		q = g->overflow;
		g->overflowed = true;
	}
	append(g, q);
	told = true;
unlock:
	spin_unlock_irqrestore(&g->queue_lock, flags);
	if (told)
		wake_up_poll(&g->wait, EPOLLIN | EPOLLRDNORM);
}

static void tell(struct notify_mark *m, const struct notify_event *e)
{
	struct watch *w = watch_of(m);

	queue_event(w->group, w->wd, e);
}

/* ---- watches ---- */

static bool table_remove(struct watch *w)
{
	struct inotify *g = w->group;
	bool was;

	mutex_lock(&g->lock);
	was = idr_find(&g->watches, (u32)w->wd) == w;
	if (was)
		(void)idr_remove(&g->watches, (u32)w->wd);
	mutex_unlock(&g->lock);
	if (was)
		user_count_watch(g->user, -1);
	return was;
}

/* It ends by itself: IN_IGNORED, and its number is free. */
static void watch_end(struct notify_mark *m)
{
	const struct notify_event e = {.mask = IN_IGNORED};
	struct watch *w = watch_of(m);

	queue_event(w->group, w->wd, &e);
	if (table_remove(w))
		mark_put(m);
}

static void inotify_put(struct inotify *g)
{
	if (__atomic_sub_fetch(&g->refs, 1, __ATOMIC_ACQ_REL))
		return;
	user_put(g->user, true);
	kfree(g->overflow);
	idr_destroy(&g->watches);
	kfree(g);
}

static void watch_free(struct notify_mark *m)
{
	struct watch *w = watch_of(m);

	inotify_put(w->group);
	kfree(w);
}

static const struct notify_ops watch_ops = {.tell = tell, .end = watch_end, .free = watch_free};

static int update_watch(struct watch *w, u32 arg)
{
	struct notify_mark *m = &w->mark;
	struct inode *i = m->inode;

	if (arg & IN_MASK_CREATE)
		return -EEXIST;
	spin_lock(&i->spin);
	if (!(arg & IN_MASK_ADD)) {
		m->mask = 0;
		m->flags = 0;
	}
	m->mask |= arg & USER_MASK;
	m->flags |= arg & (IN_ONESHOT | IN_EXCL_UNLINK);
	spin_unlock(&i->spin);
	return w->wd;
}

static int new_watch(struct inotify *g, struct inode *i, u32 arg)
{
	struct watch *w = kzalloc(sizeof(*w));
	u32 wd;
	int err;

	if (!w)
		return -ENOMEM;
	if (!user_count_watch(g->user, 1)) {
		kfree(w);
		return -ENOSPC;
	}
	mark_init(&w->mark, &watch_ops, g, i, 2); /* the table's and ours */
	w->mark.mask = arg & USER_MASK;
	w->mark.flags = arg & (IN_ONESHOT | IN_EXCL_UNLINK);
	w->group = g;
	__atomic_fetch_add(&g->refs, 1, __ATOMIC_RELAXED);
	mutex_lock(&g->lock);
	err = idr_alloc_cyclic(&g->watches, w, 1, INT_MAX, NULL, &wd);
	mutex_unlock(&g->lock);
	if (err) {
		user_count_watch(g->user, -1);
		w->mark.refs = 1;
		watch_put(w);
		return err;
	}
	w->wd = (int)wd;
	err = w->wd;
	if (!mark_add(&w->mark)) {
		/* Another thread was faster. */
		if (table_remove(w))
			watch_put(w);
		err = -EAGAIN;
	}
	watch_put(w);
	return err;
}

static int add_watch(struct inotify *g, struct inode *i, u32 arg)
{
	int wd;

	do {
		struct watch *w = watch_of(mark_find(i, g));

		wd = w ? update_watch(w, arg) : new_watch(g, i, arg);
		watch_put(w);
	} while (wd == -EAGAIN);
	return wd;
}

/* ---- the file ---- */

static struct queued *take_event(struct inotify *g, size_t room, int *err)
{
	struct queued *q = NULL;
	unsigned long flags = spin_lock_irqsave(&g->queue_lock);

	*err = -EAGAIN;
	if (!list_empty(&g->events)) {
		q = list_first_entry(&g->events, struct queued, link);
		if (event_size(q) > room) {
			q = NULL;
			*err = -EINVAL;
		} else {
			list_del(&q->link);
			g->count--;
			g->bytes -= event_size(q);
			if (q->mask & IN_Q_OVERFLOW)
				g->overflowed = false;
		}
	}
	spin_unlock_irqrestore(&g->queue_lock, flags);
	return q;
}

static int copy_event(struct uio *u, const struct queued *q)
{
	struct inotify_event e = {
		.wd = q->wd, .mask = q->mask, .cookie = q->cookie, .len = (u32)name_room(q->len)};
	char name[NAME_MAX_LEN + 1 + sizeof(e)] = {0};

	if (uio_copy_to(u, &e, sizeof(e)) < sizeof(e))
		return -EFAULT;
	memcpy(name, q->name, q->len);
	return e.len && uio_copy_to(u, name, e.len) < e.len ? -EFAULT : 0;
}

static ssize_t inotify_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct inotify *g = f->private_data;
	ssize_t done = 0;
	int err;

	(void)pos;
	for (;;) {
		struct queued *q = take_event(g, u->left, &err);

		if (q) {
			size_t size = event_size(q);

			err = copy_event(u, q);
			if (q != g->overflow)
				kfree(q);
			if (err)
				return err;
			done += (ssize_t)size;
			continue;
		}
		if (done)
			return done;
		if (err != -EAGAIN || (f->flags & O_NONBLOCK))
			return err;
		err = wait_event_interruptible(&g->wait, !list_empty(&g->events));
		if (err)
			return err;
	}
}

static u32 inotify_poll(struct file *f, struct poll_table *pt)
{
	struct inotify *g = f->private_data;

	poll_wait(pt, f, &g->wait);
	return list_empty(&g->events) ? 0 : EPOLLIN | EPOLLRDNORM;
}

static long inotify_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct inotify *g = f->private_data;

	if (cmd != FIONREAD)
		return -ENOIOCTLCMD;
	return put_user((int)READ_ONCE(g->bytes), (int __user *)arg);
}

/* The watch with the smallest number >= *@wd, +1, or NULL. */
static struct watch *next_watch(struct inotify *g, u32 *wd)
{
	struct watch *w;

	mutex_lock(&g->lock);
	w = idr_next(&g->watches, wd);
	if (w)
		__atomic_fetch_add(&w->mark.refs, 1, __ATOMIC_RELAXED);
	mutex_unlock(&g->lock);
	return w;
}

static void inotify_fdinfo(struct file *f, struct seq *s)
{
	struct inotify *g = f->private_data;
	struct watch *w;

	for (u32 wd = 0; (w = next_watch(g, &wd)) != NULL; wd++) {
		const struct notify_mark *m = &w->mark;
		u32 dev = m->inode->super->dev;

		if (m->listed)
			seq_printf(s, "inotify wd:%x ino:%llx sdev:%x mask:%x ignored_mask:0 \n",
				   w->wd, (unsigned long long)m->inode->ino,
				   vfs_major(dev) << 20 | vfs_minor(dev), m->mask | m->flags);
		watch_put(w);
	}
}

static void inotify_release(struct file *f)
{
	struct inotify *g = f->private_data;
	struct watch *w;
	unsigned long flags;
	LIST_HEAD(rest);

	for (u32 wd = 0; (w = next_watch(g, &wd)) != NULL; wd++) {
		(void)mark_unlist(&w->mark);
		if (table_remove(w))
			watch_put(w);
		watch_put(w);
	}
	flags = spin_lock_irqsave(&g->queue_lock);
	g->dead = true;
	list_splice_init(&g->events, &rest);
	spin_unlock_irqrestore(&g->queue_lock, flags);
	while (!list_empty(&rest)) {
		struct queued *q = list_first_entry(&rest, struct queued, link);

		list_del(&q->link);
		if (q != g->overflow)
			kfree(q);
	}
	inotify_put(g);
}

static const struct file_ops inotify_file_ops = {
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
	.fdinfo = inotify_fdinfo,
	.lseek = noop_lseek,
};

/* ---- system calls ---- */

long sys_inotify_init1(int flags)
{
	struct inotify *g;
	struct file *f;
	int fd, err;

	if (flags & ~(IN_CLOEXEC | IN_NONBLOCK))
		return -EINVAL;
	g = kzalloc(sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->overflow = kzalloc(sizeof(*g->overflow) + 1);
	if (!g->overflow) {
		kfree(g);
		return -ENOMEM;
	}
	g->overflow->wd = -1;
	g->overflow->mask = IN_Q_OVERFLOW;
	g->refs = 1;
	mutex_init(&g->lock, LK_SLEEP_LEAF);
	spin_init(&g->queue_lock, LK_IRQ_LEAF);
	list_init(&g->events);
	wait_queue_init(&g->wait);
	idr_init(&g->watches, &table_ops);
	err = user_get(&g->user);
	if (err) {
		if (err == -EMFILE)
			user_put(g->user, false);
		kfree(g->overflow);
		kfree(g);
		return err;
	}
	err = file_create_anon("anon_inode:inotify", &inotify_file_ops, g,
			       O_RDONLY | ((u32)flags & O_NONBLOCK), &f);
	if (err) {
		inotify_put(g);
		return err;
	}
	err = fd_install_new(f, (u32)flags & O_CLOEXEC, &fd);
	if (err)
		file_put_now(f);
	return err ? err : fd;
}

long sys_inotify_init(void)
{
	return sys_inotify_init1(0);
}

long sys_inotify_add_watch(int fd, const char __user *path, unsigned int mask)
{
	u32 lookup = (mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW) |
		     (mask & IN_ONLYDIR ? LOOKUP_DIRECTORY : 0);
	struct fd_ref r;
	struct path p;
	long ret;

	if ((mask & ~ARGUMENT_BITS) || !(mask & ARGUMENT_BITS))
		return -EINVAL;
	r = fd_get((unsigned int)fd);
	if (!r.file)
		return -EBADF;
	ret = -EINVAL;
	if ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE))
		goto put;
	if (r.file->ops != &inotify_file_ops)
		goto put;
	ret = path_lookup_user(AT_FDCWD, path, lookup, &p);
	if (ret)
		goto put;
	ret = vfs_permission(p.dentry->inode, MAY_READ);
	if (!ret)
		ret = add_watch(r.file->private_data, p.dentry->inode, mask);
	path_put(&p);
put:
	fd_put(r);
	return ret;
}

long sys_inotify_rm_watch(int fd, int wd)
{
	struct fd_ref r = fd_get((unsigned int)fd);
	struct watch *w = NULL;
	u32 at = (u32)wd;
	long ret = -EINVAL;

	if (!r.file)
		return -EBADF;
	if (r.file->ops == &inotify_file_ops && wd > 0)
		w = next_watch(r.file->private_data, &at);
	if (w && w->wd == wd) {
		if (mark_unlist(&w->mark))
			watch_end(&w->mark);
		ret = 0;
	}
	watch_put(w);
	fd_put(r);
	return ret;
}
