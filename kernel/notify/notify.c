/*
 * From what happens to who watches.
 *
 * The marks of an inode are a list under inode->spin; an event walks it and tells who watches:
 * inotify appends to a queue whose lock comes after, dnotify sends signals once the list is let go.
 * A mark holds its inode, so that a watched file is not forgotten by the cache; it ends when the
 * last name goes, with the file system, or by its owner.
 */
#include <kernel/notify/notify_impl.h>

#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/slab/slab.h>
#include <kernel/wait/wait.h>
#include <linux/inotify.h>

u32 notify_watches;
static struct spinlock marks_lock = SPINLOCK_INIT(LK_SPIN_LEAF);
static LIST_HEAD(marks); /* until they are freed */
static struct wait_queue marks_wait = WAIT_QUEUE_INIT(marks_wait);
static u32 last_cookie;

u32 notify_new_cookie(void)
{
	u32 c;

	do {
		c = __atomic_add_fetch(&last_cookie, 1, __ATOMIC_RELAXED);
	} while (!c);
	return c;
}

/* ---- marks ---- */

static struct notify_mark *mark_get(struct notify_mark *m)
{
	__atomic_fetch_add(&m->refs, 1, __ATOMIC_RELAXED);
	return m;
}

void mark_init(struct notify_mark *m, const struct notify_ops *ops, const void *group,
	       struct inode *i, u32 refs)
{
	m->ops = ops;
	m->group = group;
	m->inode = inode_get(i);
	m->refs = refs;
	list_init(&m->all);
}

void mark_put(struct notify_mark *m)
{
	if (!m || __atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL))
		return;
	spin_lock(&marks_lock);
	list_del_init(&m->all);
	spin_unlock(&marks_lock);
	inode_put(m->inode);
	m->ops->free(m);
	if (wait_queue_active(&marks_wait))
		wake_up_all(&marks_wait);
}

static struct notify_mark *find_locked(struct inode *i, const void *group)
{
	struct notify_mark *m = i->watches;

	while (m && m->group != group)
		m = m->next;
	return m;
}

bool mark_add(struct notify_mark *m)
{
	struct inode *i = m->inode;
	bool fresh;

	spin_lock(&i->spin);
	fresh = !find_locked(i, m->group);
	if (fresh) {
		m->next = i->watches;
		WRITE_ONCE(i->watches, m);
		m->listed = true;
		__atomic_fetch_add(&m->refs, 1, __ATOMIC_RELAXED);
	}
	spin_unlock(&i->spin);
	if (!fresh)
		return false;
	spin_lock(&marks_lock);
	list_add_tail(&m->all, &marks);
	spin_unlock(&marks_lock);
	__atomic_fetch_add(&notify_watches, 1, __ATOMIC_SEQ_CST);
	return true;
}

struct notify_mark *mark_find(struct inode *i, const void *group)
{
	struct notify_mark *m;

	spin_lock(&i->spin);
	m = find_locked(i, group);
	if (m)
		(void)mark_get(m);
	spin_unlock(&i->spin);
	return m;
}

bool mark_unlist(struct notify_mark *m)
{
	struct inode *i = m->inode;
	struct notify_mark **at;
	bool was;

	spin_lock(&i->spin);
	was = m->listed;
	if (was) {
		for (at = &i->watches; *at != m; at = &(*at)->next)
			;
		WRITE_ONCE(*at, m->next);
		m->listed = false;
	}
	spin_unlock(&i->spin);
	if (!was)
		return false;
	__atomic_fetch_sub(&notify_watches, 1, __ATOMIC_SEQ_CST);
	mark_put(m);
	return true;
}

/* ---- events ---- */

static void end_mark(struct notify_mark *m)
{
	if (mark_unlist(m))
		m->ops->end(m);
}

/* @unlinked: the file that it is about has no name any more. */
static void send(struct inode *i, const struct notify_event *e, bool unlinked)
{
	struct notify_mark *m, *spent = NULL, *late = NULL;
	u32 what = e->mask & (IN_ALL_EVENTS | NOTIFY_RENAME);

	if (!READ_ONCE(i->watches))
		return;
	spin_lock(&i->spin);
	for (m = i->watches; m; m = m->next) {
		if (!(m->mask & what) || (unlinked && (m->flags & IN_EXCL_UNLINK)))
			continue;
		if (m->ops->late) {
			late = mark_get(m);
			continue;
		}
		m->ops->tell(m, e);
		if (!(m->flags & IN_ONESHOT))
			continue;
		/* Told once: it ends.  Several at once are rare; the others end next time. */
		m->mask = 0;
		if (!spent)
			spent = mark_get(m);
	}
	spin_unlock(&i->spin);
	if (late)
		late->ops->tell(late, e);
	mark_put(late);
	if (spent)
		end_mark(spent);
	mark_put(spent);
}

static u32 with_kind(const struct inode *i, u32 mask)
{
	return S_ISDIR(i->mode) ? mask | IN_ISDIR : mask;
}

/* The parent if it is watched, +1, and the name as it is now; else NULL. */
static struct inode *watched_parent(struct dentry *d, char name[NAME_MAX_LEN + 1], u32 *len)
{
	struct inode *parent = NULL;

	spin_lock(&d->lock);
	if (d->parent != d && d->parent->inode && READ_ONCE(d->parent->inode->watches)) {
		parent = inode_get(d->parent->inode);
		*len = min_t(u32, d->name.len, NAME_MAX_LEN);
		memcpy(name, d->name.name, *len);
		name[*len] = 0;
	}
	spin_unlock(&d->lock);
	return parent;
}

void notify_dentry_slow(struct dentry *d, u32 mask)
{
	struct inode *i = d->inode, *parent;
	char name[NAME_MAX_LEN + 1];
	struct notify_event e = {.mask = 0};
	bool unlinked = !(READ_ONCE(d->flags) & DENTRY_CACHED);

	if (!i)
		return;
	e.mask = with_kind(i, mask);
	parent = watched_parent(d, name, &e.len);
	if (parent) {
		e.name = name;
		send(parent, &e, unlinked);
		inode_put(parent);
	}
	e.name = NULL;
	e.len = 0;
	send(i, &e, unlinked && d->parent != d);
}

void notify_file_slow(struct file *f, u32 mask)
{
	if (f->path.dentry && !(f->mode & FMODE_PATH))
		notify_dentry_slow(f->path.dentry, mask);
}

void notify_name_slow(struct inode *dir, u32 mask, const struct qstr *name, struct inode *child,
		      u32 cookie)
{
	const struct notify_event e = {
		.mask = child ? with_kind(child, mask) : mask,
		.cookie = cookie,
		.name = name->name,
		.len = name->len,
	};

	send(dir, &e, false);
}

void notify_inode_slow(struct inode *i, u32 mask)
{
	/* That a directory was moved is told without IN_ISDIR. */
	const struct notify_event e = {.mask = mask & IN_MOVE_SELF ? mask : with_kind(i, mask)};

	send(i, &e, false);
}

/* ---- ends ---- */

static void end_all(struct inode *i, u32 why)
{
	const struct notify_event e = {.mask = why == IN_UNMOUNT ? with_kind(i, why) : why};
	struct notify_mark *m;

	for (;;) {
		spin_lock(&i->spin);
		m = i->watches;
		if (m)
			(void)mark_get(m);
		/* Asked for or not, an unmount is told. */
		if (m && !m->ops->late && ((m->mask & why) || why == IN_UNMOUNT))
			m->ops->tell(m, &e);
		spin_unlock(&i->spin);
		if (!m)
			return;
		end_mark(m);
		mark_put(m);
	}
}

void notify_deleted(struct inode *i)
{
	if (READ_ONCE(i->watches))
		end_all(i, IN_DELETE_SELF);
}

/* A mark in @sb that is @listed, or any; *out: its inode, +1. */
static bool mark_in(const struct super *sb, bool listed, struct inode **out)
{
	struct notify_mark *m;
	bool found = false;

	spin_lock(&marks_lock);
	list_for_each_entry (m, &marks, all) {
		if (m->inode->super != sb || (listed && !READ_ONCE(m->listed)))
			continue;
		found = true;
		if (out)
			*out = inode_get(m->inode);
		break;
	}
	spin_unlock(&marks_lock);
	return found;
}

void notify_unmount(struct super *sb)
{
	struct inode *i;

	while (mark_in(sb, true, &i)) {
		end_all(i, IN_UNMOUNT);
		inode_put(i);
	}
	/* Somebody may still look at one that has ended; it holds an inode of @sb. */
	wait_event(&marks_wait, !mark_in(sb, false, NULL));
}
