/*
 * epoll(7).
 *
 * An instance keeps its items in a tree by (file, descriptor) and links those that may be ready in
 * a list.  An item hooks itself onto its file's wait queues once; a wake-up there puts it on the
 * ready list and wakes a waiter of the instance. epoll_wait() takes items off the list, asks each
 * file again for its mask, and puts level-triggered ones back.
 *
 * Locks: ep->lock (LK_EPOLL) covers the tree and everything about items; ep->ready_lock covers the
 * ready list and is taken by wake-ups under the target's queue lock.  The instance's own queue is
 * woken after ready_lock is dropped, still under the target's queue lock, hence nested by the
 * instance's level.
 *
 * Lifetime: an item dies with either of its instance or its file.  Whoever comes first takes
 * ep->lock, unhooks the item, and takes it off file->epolls as the last touch of the file; the
 * file's release waits on that list being empty, so the file's memory is there until then.
 */
#include <kernel/poll/poll.h>

#include <kern/errno.h>
#include <kernel/file/file.h>
#include <kernel/seq/seq.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <lib/rbtree/rbtree.h>
#include <linux/eventpoll.h>

#define EPOLL_NEST_MAX 5u
#define EPOLL_PRIVATE (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define EPOLL_EXCLUSIVE_OK \
	(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

struct epoll {
	u32 refs;	   /* atomic: the file, and file releases in flight */
	u32 level;	   /* instances nested below; epoll_nest_lock */
	struct mutex lock; /* LK_EPOLL */
	struct rb_root items;
	struct spinlock ready_lock; /* LK_EPOLL_READY */
	struct list_head ready;
	struct wait_queue wait; /* epoll_wait() callers, and outer instances */
	struct file *file;	/* +0: of the instance */
};

struct epoll_hook {
	struct wait_entry entry;
	struct wait_queue *queue;
	struct epoll_item *item;
	struct epoll_hook *next; /* further queues of the same file */
};

struct epoll_item {
	struct rb_node node;
	struct epoll *ep;
	struct file *file; /* +0: see lifetime above */
	int fd;
	u32 events;		     /* ep->lock; read by wake-ups */
	u64 data;		     /* ep->lock */
	bool on_ready;		     /* ready_lock */
	struct list_head ready_link; /* ready_lock */
	struct list_head file_link;  /* file->lock */
	struct epoll_hook hook;
	bool hook_used;
};

/* While an item is being added. */
struct epoll_adder {
	struct poll_table table;
	struct epoll_item *item;
	int error;
};

static struct mutex epoll_nest_lock;
static const struct file_ops epoll_file_ops;

static bool file_is_epoll(const struct file *f)
{
	return f->ops == &epoll_file_ops;
}

static void epoll_put(struct epoll *ep)
{
	if (__atomic_sub_fetch(&ep->refs, 1, __ATOMIC_ACQ_REL) == 0)
		kfree(ep);
}

static unsigned int epoll_lock_sub(const struct epoll *ep)
{
	return EPOLL_NEST_MAX - ep->level;
}

/* ---- the tree ---- */

static int epoll_compare(const struct epoll_item *i, const struct file *f, int fd)
{
	if (i->file != f)
		return i->file < f ? -1 : 1;
	return i->fd < fd ? -1 : i->fd > fd;
}

static struct epoll_item *epoll_find(struct epoll *ep, const struct file *f, int fd)
{
	struct rb_node *n = ep->items.node;

	while (n) {
		struct epoll_item *i = rb_entry(n, struct epoll_item, node);
		int c = epoll_compare(i, f, fd);

		if (!c)
			return i;
		n = c < 0 ? n->right : n->left;
	}
	return NULL;
}

static void epoll_insert(struct epoll *ep, struct epoll_item *item)
{
	struct rb_node **link = &ep->items.node, *parent = NULL;

	while (*link) {
		struct epoll_item *i = rb_entry(*link, struct epoll_item, node);

		parent = *link;
		link = epoll_compare(i, item->file, item->fd) < 0 ? &parent->right : &parent->left;
	}
	rb_link_node(&item->node, parent, link);
	rb_insert_color(&item->node, &ep->items);
}

/* ---- wake-ups ---- */

/* Puts an item on the ready list.  Returns whether it was not there. */
static bool epoll_make_ready(struct epoll_item *item)
{
	struct epoll *ep = item->ep;
	unsigned long flags = spin_lock_irqsave(&ep->ready_lock);
	bool fresh = !item->on_ready;

	if (fresh) {
		item->on_ready = true;
		list_add_tail(&item->ready_link, &ep->ready);
	}
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	return fresh;
}

/* Was the wake-up of an exclusive item all that the event is good for?  Not if nobody waited. */
static int epoll_took(u32 events, u32 key, bool waited)
{
	u32 way = key & (EPOLLIN | EPOLLOUT);

	return waited && (!way || (way != (EPOLLIN | EPOLLOUT) && (events & way)));
}

static int epoll_hook_wake(struct wait_entry *e, unsigned int mode, u32 key)
{
	struct epoll_item *item = container_of(e, struct epoll_hook, entry)->item;
	struct epoll *ep = item->ep;
	u32 events = READ_ONCE(item->events);

	if (!(events & ~EPOLL_PRIVATE)) /* ONESHOT has fired */
		return 0;
	if (key && !(key & events))
		return 0;
	epoll_make_ready(item);
	bool waited = wait_queue_active(&ep->wait);

	if (waited)
		wake_up_poll_nested(&ep->wait, EPOLLIN | EPOLLRDNORM, mode, ep->level + 1);
	return events & EPOLLEXCLUSIVE ? epoll_took(events, key, waited) : 0;
}

static void epoll_add_hook(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	struct epoll_adder *a = container_of(pt, struct epoll_adder, table);
	struct epoll_item *item = a->item;
	struct epoll_hook *h = &item->hook;

	(void)f;
	if (item->hook_used) {
		h = kzalloc(sizeof(*h));
		if (!h) {
			a->error = -ENOMEM;
			return;
		}
		h->next = item->hook.next;
		item->hook.next = h;
	}
	item->hook_used = true;
	h->item = item;
	h->queue = q;
	wait_entry_init(&h->entry, epoll_hook_wake);
	if (item->events & EPOLLEXCLUSIVE)
		wait_add_exclusive(q, &h->entry);
	else
		wait_add(q, &h->entry);
}

static void epoll_unhook(struct epoll_item *item)
{
	struct epoll_hook *h = item->hook.next;

	if (item->hook_used)
		wait_remove(item->hook.queue, &item->hook.entry);
	while (h) {
		struct epoll_hook *next = h->next;

		wait_remove(h->queue, &h->entry);
		kfree(h);
		h = next;
	}
}

/* Under ep->lock.  The file must not be touched after. */
static void epoll_remove(struct epoll *ep, struct epoll_item *item)
{
	struct file *f = item->file;
	unsigned long flags;

	epoll_unhook(item);
	rb_erase(&item->node, &ep->items);
	flags = spin_lock_irqsave(&ep->ready_lock);
	if (item->on_ready)
		list_del(&item->ready_link);
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	spin_lock(&f->lock);
	list_del(&item->file_link);
	spin_unlock(&f->lock);
	kfree(item);
}

/* The last reference on a watched file goes: called once per file, before its release op. */
void poll_file_release(struct file *f)
{
	for (;;) {
		struct epoll_item *item;
		struct epoll *ep;

		spin_lock(&f->lock);
		item = list_first_entry_or_null(&f->epolls, struct epoll_item, file_link);
		if (!item) {
			spin_unlock(&f->lock);
			return;
		}
		ep = item->ep;
		__atomic_fetch_add(&ep->refs, 1, __ATOMIC_RELAXED);
		spin_unlock(&f->lock);

		mutex_lock_nested(&ep->lock, epoll_lock_sub(ep));
		spin_lock(&f->lock);
		if (list_empty(&f->epolls) ||
		    list_first_entry(&f->epolls, struct epoll_item, file_link) != item)
			item = NULL; /* the instance removed it meanwhile */
		spin_unlock(&f->lock);
		if (item)
			epoll_remove(ep, item);
		mutex_unlock(&ep->lock);
		epoll_put(ep);
	}
}

/* ---- epoll_ctl ---- */

static u32 epoll_item_mask(struct epoll_item *item, struct poll_table *pt)
{
	return poll_file(item->file, pt) & item->events;
}

static int epoll_add(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epoll_adder a = {.table = {.queue = epoll_add_hook, .wanted = U32_MAX}};
	struct epoll_item *item = kzalloc(sizeof(*item));

	if (!item)
		return -ENOMEM;
	item->ep = ep;
	item->file = f;
	item->fd = fd;
	item->events = ev->events;
	item->data = ev->data;
	a.item = item;
	epoll_insert(ep, item);
	spin_lock(&f->lock);
	list_add_tail(&item->file_link, &f->epolls);
	spin_unlock(&f->lock);
	if (epoll_item_mask(item, &a.table) && epoll_make_ready(item))
		wake_up_poll_nested(&ep->wait, EPOLLIN | EPOLLRDNORM, 0, ep->level + 1);
	if (a.error)
		epoll_remove(ep, item);
	return a.error;
}

static int epoll_modify(struct epoll *ep, struct epoll_item *item, const struct epoll_event *ev)
{
	if ((item->events | ev->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	WRITE_ONCE(item->events, ev->events);
	item->data = ev->data;
	smp_mb(); /* a wake-up sees the new events, or we see its effect in the mask */
	if (epoll_item_mask(item, NULL) && epoll_make_ready(item))
		wake_up_poll_nested(&ep->wait, EPOLLIN | EPOLLRDNORM, 0, ep->level + 1);
	return 0;
}

/* Depth of instances below @ep, itself not counted; -ELOOP when @forbidden is among them or it is
 * too deep. */
static int epoll_depth(struct epoll *ep, const struct epoll *forbidden, unsigned int bound)
{
	int deepest = 0;

	if (ep == forbidden || !bound)
		return -ELOOP;
	mutex_lock_nested(&ep->lock, epoll_lock_sub(ep)); /* items of other files come and go */
	for (struct rb_node *n = rb_first(&ep->items); n && deepest >= 0; n = rb_next(n)) {
		struct epoll_item *i = rb_entry(n, struct epoll_item, node);
		int d;

		if (!file_is_epoll(i->file))
			continue;
		d = epoll_depth(i->file->private_data, forbidden, bound - 1);
		deepest = d < 0 ? d : max(deepest, d + 1);
	}
	mutex_unlock(&ep->lock);
	return deepest;
}

/* Raises the level of @ep and of the instances that watch it.  The file's lock keeps those: an item
 * leaves the file before its instance goes. */
static int epoll_raise(struct epoll *ep, u32 level)
{
	struct epoll_item *i;
	int err = 0;

	if (ep->level >= level)
		return 0;
	if (level >= EPOLL_NEST_MAX)
		return -ELOOP;
	spin_lock_nested(&ep->file->lock, level);
	list_for_each_entry (i, &ep->file->epolls, file_link) {
		err = epoll_raise(i->ep, level + 1);
		if (err)
			break;
	}
	spin_unlock(&ep->file->lock);
	if (!err)
		ep->level = level;
	return err;
}

/* With epoll_nest_lock: links between instances change only under it. */
static int epoll_check_nesting(struct epoll *ep, struct epoll *inner)
{
	int depth = epoll_depth(inner, ep, EPOLL_NEST_MAX);

	return depth < 0 ? depth : epoll_raise(ep, (u32)depth + 1);
}

static int epoll_ctl_locked(struct epoll *ep, int op, struct file *f, int fd,
			    struct epoll_event *ev)
{
	struct epoll_item *item = epoll_find(ep, f, fd);

	switch (op) {
	case EPOLL_CTL_ADD:
		return item ? -EEXIST : epoll_add(ep, f, fd, ev);
	case EPOLL_CTL_MOD:
		return item ? epoll_modify(ep, item, ev) : -ENOENT;
	case EPOLL_CTL_DEL:
		if (!item)
			return -ENOENT;
		epoll_remove(ep, item);
		return 0;
	default:
		return -EINVAL;
	}
}

static int epoll_ctl_files(struct file *epf, int op, struct file *f, int fd, struct epoll_event *ev)
{
	struct epoll *ep = epf->private_data;
	bool nests;
	int err = 0;

	if (!f->ops->poll)
		return -EPERM;
	if (f == epf || !file_is_epoll(epf))
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && (ev->events & EPOLLEXCLUSIVE) &&
	    (op == EPOLL_CTL_MOD || file_is_epoll(f) || (ev->events & ~EPOLL_EXCLUSIVE_OK)))
		return -EINVAL;
	ev->events |= EPOLLERR | EPOLLHUP;
	ev->events &= ~EPOLLWAKEUP; /* CAP_BLOCK_SUSPEND: there is no suspend */
	nests = op == EPOLL_CTL_ADD && file_is_epoll(f);
	if (nests) {
		mutex_lock(&epoll_nest_lock);
		err = epoll_check_nesting(ep, f->private_data);
	}
	if (!err) {
		mutex_lock_nested(&ep->lock, epoll_lock_sub(ep));
		err = epoll_ctl_locked(ep, op, f, fd, ev);
		mutex_unlock(&ep->lock);
	}
	if (nests)
		mutex_unlock(&epoll_nest_lock);
	return err;
}

long sys_epoll_ctl(int epfd, int op, int fd, const struct epoll_event __user *uevent)
{
	struct epoll_event ev = {0};
	struct fd_ref ep, target;
	long ret = -EBADF;

	if (op != EPOLL_CTL_DEL && copy_from_user(&ev, uevent, sizeof(ev)))
		return -EFAULT;
	ep = fd_get((unsigned int)epfd);
	target = fd_get((unsigned int)fd);
	if (ep.file && target.file)
		ret = epoll_ctl_files(ep.file, op, target.file, fd, &ev);
	fd_put(target);
	fd_put(ep);
	return ret;
}

/* ---- epoll_wait ---- */

static struct epoll_item *epoll_pop_ready(struct epoll *ep)
{
	unsigned long flags = spin_lock_irqsave(&ep->ready_lock);
	struct epoll_item *item =
		list_first_entry_or_null(&ep->ready, struct epoll_item, ready_link);

	if (item) {
		list_del(&item->ready_link);
		item->on_ready = false;
	}
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	return item;
}

/* Level-triggered items stay ready: they go behind the ones that have not been looked at. */
static void epoll_keep_ready(struct epoll *ep, struct epoll_item *item, struct list_head *again)
{
	unsigned long flags = spin_lock_irqsave(&ep->ready_lock);

	if (!item->on_ready) {
		item->on_ready = true;
		list_add_tail(&item->ready_link, again);
	}
	spin_unlock_irqrestore(&ep->ready_lock, flags);
}

static void epoll_append_ready(struct epoll *ep, struct list_head *again, bool front)
{
	unsigned long flags = spin_lock_irqsave(&ep->ready_lock);

	if (front)
		list_splice_init(again, &ep->ready);
	else
		list_splice_tail_init(again, &ep->ready);
	spin_unlock_irqrestore(&ep->ready_lock, flags);
}

/* Moves ready events to user space; number moved or -EFAULT. */
static int epoll_send(struct epoll *ep, struct epoll_event __user *events, int max)
{
	LIST_HEAD(again);
	struct epoll_item *item;
	int n = 0, err = 0;

	mutex_lock_nested(&ep->lock, epoll_lock_sub(ep));
	while (n < max && (item = epoll_pop_ready(ep))) {
		struct epoll_event ev = {0};

		ev.events = epoll_item_mask(item, NULL);
		ev.data = item->data;
		if (!ev.events)
			continue;
		if (copy_to_user(&events[n], &ev, sizeof(ev))) {
			epoll_keep_ready(ep, item, &again);
			err = -EFAULT;
			break;
		}
		n++;
		if (item->events & EPOLLONESHOT)
			WRITE_ONCE(item->events, item->events & EPOLL_PRIVATE);
		else if (!(item->events & EPOLLET))
			epoll_keep_ready(ep, item, &again);
	}
	epoll_append_ready(ep, &again, false);
	mutex_unlock(&ep->lock);
	return n ? n : err;
}

static bool epoll_has_ready(struct epoll *ep)
{
	return !list_empty(&ep->ready);
}

static long epoll_wait_file(struct file *f, struct epoll_event __user *events, int max,
			    u64 deadline)
{
	struct epoll *ep = f->private_data;

	if (!file_is_epoll(f))
		return -EINVAL;
	for (;;) {
		int err, n = epoll_has_ready(ep) ? epoll_send(ep, events, max) : 0;

		if (n || !deadline)
			return n;
		err = wait_event_slack(&ep->wait, epoll_has_ready(ep), TASK_INTERRUPTIBLE, true,
				       deadline, sched_poll_slack(deadline));
		if (err == -ETIME)
			return 0;
		if (err)
			return -EINTR; /* never restarted: signal(7) */
	}
}

static long epoll_wait_fd(int epfd, struct epoll_event __user *events, int max, u64 deadline)
{
	struct fd_ref ref;
	long ret;

	if (max <= 0 || (size_t)max > INT_MAX / sizeof(struct epoll_event))
		return -EINVAL;
	if (!access_ok(events, (size_t)max * sizeof(*events)))
		return -EFAULT;
	ref = fd_get((unsigned int)epfd);
	if (!ref.file)
		return -EBADF;
	ret = epoll_wait_file(ref.file, events, max, deadline);
	fd_put(ref);
	return ret;
}

long sys_epoll_wait(int epfd, struct epoll_event __user *events, int maxevents, int timeout_ms)
{
	return epoll_wait_fd(epfd, events, maxevents, poll_deadline_ms(timeout_ms));
}

static long epoll_pwait(int epfd, struct epoll_event __user *events, int max, u64 deadline,
			const u64 __user *umask, size_t sigsetsize)
{
	long ret = umask ? signal_set_user_mask(umask, sigsetsize) : 0;

	if (ret)
		return ret;
	ret = epoll_wait_fd(epfd, events, max, deadline);
	if (umask)
		signal_restore_saved_mask_unless(ret == -EINTR);
	return ret;
}

long sys_epoll_pwait(int epfd, struct epoll_event __user *events, int maxevents, int timeout_ms,
		     const u64 __user *umask, size_t sigsetsize)
{
	return epoll_pwait(epfd, events, maxevents, poll_deadline_ms(timeout_ms), umask,
			   sigsetsize);
}

long sys_epoll_pwait2(int epfd, struct epoll_event __user *events, int maxevents,
		      const struct __kernel_timespec __user *timeout, const u64 __user *umask,
		      size_t sigsetsize)
{
	u64 deadline;
	int err = poll_deadline_user(timeout, &deadline);

	return err ? err : epoll_pwait(epfd, events, maxevents, deadline, umask, sigsetsize);
}

/* ---- the file ---- */

/* An inner instance is readable when one of its items truly is. */
static u32 epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->private_data;
	LIST_HEAD(again);
	struct epoll_item *item;
	u32 mask = 0;

	poll_wait(pt, f, &ep->wait);
	if (!epoll_has_ready(ep))
		return 0;
	mutex_lock_nested(&ep->lock, epoll_lock_sub(ep));
	while (!mask && (item = epoll_pop_ready(ep))) {
		if (!epoll_item_mask(item, NULL))
			continue;
		mask = EPOLLIN | EPOLLRDNORM;
		epoll_keep_ready(ep, item, &again);
	}
	epoll_append_ready(ep, &again, true);
	mutex_unlock(&ep->lock);
	return mask;
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->private_data;
	struct rb_node *n;

	mutex_lock_nested(&ep->lock, epoll_lock_sub(ep));
	while ((n = rb_first(&ep->items)))
		epoll_remove(ep, rb_entry(n, struct epoll_item, node));
	mutex_unlock(&ep->lock);
	epoll_put(ep);
}

static void epoll_fdinfo(struct file *f, struct seq *s)
{
	struct epoll *ep = f->private_data;

	mutex_lock_nested(&ep->lock, epoll_lock_sub(ep));
	for (struct rb_node *n = rb_first(&ep->items); n; n = rb_next(n)) {
		struct epoll_item *i = rb_entry(n, struct epoll_item, node);

		seq_printf(s, "tfd: %8d events: %8x data: %16llx  pos:%lli ino:%llx sdev:%x\n",
			   i->fd, i->events, (unsigned long long)i->data, (long long)i->file->pos,
			   (unsigned long long)i->file->inode->ino, i->file->inode->super->dev);
	}
	mutex_unlock(&ep->lock);
}

static const struct file_ops epoll_file_ops = {
	.lseek = noop_lseek,
	.poll = epoll_poll,
	.release = epoll_release,
	.fdinfo = epoll_fdinfo,
};

int epoll_watched_file(struct file *f, int fd, u32 nth, const void **out)
{
	int err = -ENOENT;

	if (f->ops != &epoll_file_ops)
		return -EINVAL;
	struct epoll *ep = f->private_data;

	mutex_lock_nested(&ep->lock, epoll_lock_sub(ep));
	for (struct rb_node *n = rb_first(&ep->items); n && err; n = rb_next(n)) {
		struct epoll_item *i = rb_entry(n, struct epoll_item, node);

		if (i->fd != fd || nth--)
			continue;
		*out = i->file;
		err = 0;
	}
	mutex_unlock(&ep->lock);
	return err;
}

void epoll_system_init(void)
{
	mutex_init(&epoll_nest_lock, LK_EPOLL_NEST);
}

static int epoll_create(struct file **out)
{
	struct epoll *ep = kzalloc(sizeof(*ep));
	int err;

	if (!ep)
		return -ENOMEM;
	ep->refs = 1;
	mutex_init(&ep->lock, LK_EPOLL);
	spin_init(&ep->ready_lock, LK_EPOLL_READY);
	list_init(&ep->ready);
	wait_queue_init(&ep->wait);
	err = file_create_anon("[eventpoll]", &epoll_file_ops, ep, O_RDWR, out);
	if (err)
		kfree(ep);
	else
		ep->file = *out;
	return err;
}

long sys_epoll_create1(int flags)
{
	struct file *f;
	int fd, err;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	err = epoll_create(&f);
	if (err)
		return err;
	err = fd_install_new(f, flags & EPOLL_CLOEXEC, &fd);
	if (err) {
		file_put(f);
		return err;
	}
	return fd;
}

long sys_epoll_create(int size)
{
	return size <= 0 ? -EINVAL : sys_epoll_create1(0);
}
