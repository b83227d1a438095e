/*
 * Mounts, one at a time; and what walks do with them.
 *
 * Each change of the tree happens inside mount_lock with mount_seq odd; walks find mounts in a hash
 * by (parent, mountpoint) under RCU and check mount_seq when they turn what they found into a
 * reference.
 *
 * An attached mount holds one reference on itself (the tree's), one on its parent and one on its
 * mountpoint.  umount decides "busy" with mount_seq odd: a walk that takes its reference later sees
 * the sequence change and gives it back; one that took it earlier is seen.  A reference can only be
 * gained from a count above zero, so the last mount_put() is unique.
 *
 * A lazily unmounted tree may stay connected: then the children hold no reference on their parent,
 * and go with it.
 */
#include <kern/hash.h>
#include <kernel/vfs/mount_impl.h>

#define MOUNT_BITS 10

static struct slab_cache *mount_cache;
static struct hlist_head by_place[1 << MOUNT_BITS];
static struct hlist_head by_mountpoint[1 << MOUNT_BITS]; /* mount_lock */
struct spinlock mount_lock = SPINLOCK_INIT(LK_MOUNT);
struct seqcount mount_seq;
struct mutex mount_tree_lock;
static u32 last_id;

void mount_init(void)
{
	mount_cache = SLAB_CACHE_BOOT(mount, 0);
	mutex_init(&mount_tree_lock, LK_MOUNT_NS);
}

void mount_write_begin(void)
{
	spin_lock(&mount_lock);
	seq_write_begin(&mount_seq);
	/* Pairs with the barrier in a walk's legitimize(). */
	smp_mb();
}

void mount_write_end(void)
{
	seq_write_end(&mount_seq);
	spin_unlock(&mount_lock);
}

static struct hlist_head *place_bucket(const struct mount *parent, const struct dentry *d)
{
	return &by_place[hash_64((u64)(unsigned long)parent ^ (u64)(unsigned long)d * 3,
				 MOUNT_BITS)];
}

static struct hlist_head *mountpoint_bucket(const struct dentry *d)
{
	return &by_mountpoint[hash_64((u64)(unsigned long)d, MOUNT_BITS)];
}

struct mount *mount_find_rcu(const struct mount *parent, const struct dentry *d)
{
	struct mount *m;

	hlist_for_each_entry_rcu(m, place_bucket(parent, d), hash)
	{
		if (READ_ONCE(m->parent) == parent && READ_ONCE(m->mountpoint) == d)
			return m;
	}
	return NULL;
}

struct mount *mount_child_at(const struct mount *parent, const struct dentry *d)
{
	struct mount *m;

	rcu_read_lock();
	m = mount_find_rcu(parent, d);
	rcu_read_unlock();
	return m;
}

bool mount_tryget(struct mount *m)
{
	s64 old = READ_ONCE(m->refs);

	do {
		if (!old)
			return false;
	} while (!try_cmpxchg(&m->refs, &old, old + 1));
	return true;
}

struct mount *mount_get(struct mount *m)
{
	__atomic_fetch_add(&m->refs, 1, __ATOMIC_RELAXED);
	return m;
}

/* ---- death ---- */

static void mount_free_rcu(struct rcu_head *head)
{
	struct mount *m = container_of(head, struct mount, rcu);

	kfree(m->source);
	slab_free(mount_cache, m);
}

/* What stayed connected to a lazily unmounted mount goes with it, without recursion: to @todo. */
static void cut_off_children(struct mount *m, struct list_head *todo)
{
	mount_write_begin();
	while (!list_empty(&m->children)) {
		struct mount *c = list_first_entry(&m->children, struct mount, child_link);

		mount_unlink(c);
		c->was.mnt = NULL; /* it held none */
		list_add_tail(&c->work, todo);
	}
	mount_write_end();
}

static void mount_free(struct mount *m)
{
	spin_lock(&mount_lock);
	list_del_init(&m->super_link);
	spin_unlock(&mount_lock);
	dentry_put(m->root);
	super_put(m->super);
	rcu_call(&m->rcu, mount_free_rcu);
}

static noinline void mount_last_put(struct mount *m)
{
	LIST_HEAD(todo);

	for (;;) {
		if (unlikely(!list_empty(&m->children)))
			cut_off_children(m, &todo);
		mount_free(m);
		do {
			if (list_empty(&todo))
				return;
			m = list_first_entry(&todo, struct mount, work);
			list_del_init(&m->work);
			dentry_put(m->was.dentry);
			m->was.dentry = NULL;
		} while (__atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL));
	}
}

void mount_put(struct mount *m)
{
	if (!m)
		return;
	if (unlikely(READ_ONCE(m->expire_mark)))
		WRITE_ONCE(m->expire_mark, 0);
	if (!__atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL))
		mount_last_put(m);
}

void mount_put_mark(struct mount *m, u32 mark)
{
	WRITE_ONCE(m->expire_mark, mark);
	if (!__atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL))
		mount_last_put(m);
}

/* ---- birth ---- */

int mount_create(struct super *sb, struct dentry *root, const char *source, u32 flags,
		 struct mount **out)
{
	struct mount *m = slab_alloc(mount_cache, GFP_KERNEL);

	if (!m) {
		super_put(sb);
		return -ENOMEM;
	}
	memset(m, 0, sizeof(*m));
	m->refs = 1;
	m->parent = m;
	m->root = dentry_get(root);
	m->super = sb;
	m->flags = flags;
	m->id = (int)(__atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED) & INT_MAX);
	list_init(&m->peers);
	list_init(&m->slaves);
	list_init(&m->slave_link);
	list_init(&m->children);
	list_init(&m->child_link);
	list_init(&m->ns_link);
	list_init(&m->work);
	list_init(&m->heard);
	list_init(&m->super_link);
	if (source) {
		m->source = kstrdup(source);
		if (!m->source) {
			mount_put(m);
			return -ENOMEM;
		}
	}
	spin_lock(&mount_lock);
	list_add_tail(&m->super_link, &sb->mounts);
	spin_unlock(&mount_lock);
	*out = m;
	return 0;
}

int mount_clone(struct mount *from, struct dentry *root, u32 how, struct mount **out)
{
	struct super *sb = from->super;
	struct mount *m;
	int err;

	__atomic_fetch_add(&sb->refs, 1, __ATOMIC_RELAXED);
	err = mount_create(sb, root, from->source, from->flags & ~(MNT_INTERNAL | MNT_UMOUNTED),
			   &m);
	if (err)
		return err;
	if (!(how & (CLONE_SLAVE | CLONE_PRIVATE | CLONE_SHARED_TO_SLAVE)))
		m->group_id = from->group_id;
	if ((how & CLONE_MAKE_SHARED) && !m->group_id)
		mount_new_group(m);
	if ((how & CLONE_SLAVE) || ((how & CLONE_SHARED_TO_SLAVE) && mount_is_shared(from))) {
		list_add(&m->slave_link, &from->slaves);
		m->master = from;
		m->flags &= ~MNT_SHARED;
	} else if (!(how & CLONE_PRIVATE)) {
		if ((how & CLONE_MAKE_SHARED) || mount_is_shared(from))
			list_add(&m->peers, &from->peers);
		if (from->master)
			list_add(&m->slave_link, &from->slave_link);
		m->master = from->master;
	} else {
		m->flags &= ~MNT_SHARED;
	}
	if (how & CLONE_MAKE_SHARED)
		mount_set_shared(m);
	*out = m;
	return 0;
}

/* ---- places ---- */

void mount_link(struct mount *m, struct mount *parent, struct dentry *at)
{
	mount_get(parent);
	dentry_get(at);
	dentry_set_mounted(at, true);
	m->parent = parent;
	m->mountpoint = at;
	hlist_add_head_rcu(&m->hash, place_bucket(parent, at));
	hlist_add_head(&m->at, mountpoint_bucket(at));
	list_add_tail(&m->child_link, &parent->children);
}

void mount_unlink(struct mount *m)
{
	struct dentry *at = m->mountpoint;
	struct mount *other;
	bool still = false;

	m->was = (struct path){m->parent, at};
	hlist_del_init_rcu(&m->hash);
	hlist_del_init(&m->at);
	list_del_init(&m->child_link);
	m->parent = m;
	m->mountpoint = NULL;
	hlist_for_each_entry (other, mountpoint_bucket(at), at)
		still |= other->mountpoint == at;
	if (!still)
		dentry_set_mounted(at, false);
}

void mount_drop_was(struct mount *m)
{
	struct path was = m->was;

	m->was = (struct path){NULL, NULL};
	dentry_put(was.dentry);
	mount_put(was.mnt);
}

void mount_settle_mounted(struct dentry *d)
{
	struct mount *m;
	bool mounted = false;

	spin_lock(&mount_lock);
	hlist_for_each_entry (m, mountpoint_bucket(d), at)
		mounted |= m->mountpoint == d;
	dentry_set_mounted(d, mounted);
	spin_unlock(&mount_lock);
}

bool mount_is_local_mountpoint(struct dentry *d)
{
	const struct mount_ns *ns = current_mount_ns();
	struct mount *m;
	bool found = false;

	if (!(READ_ONCE(d->flags) & DENTRY_MOUNTED))
		return false;
	spin_lock(&mount_lock);
	hlist_for_each_entry (m, mountpoint_bucket(d), at)
		found |= m->mountpoint == d && m->ns == ns;
	spin_unlock(&mount_lock);
	return found;
}

/* One of the mounts on @d, or NULL.  The tree is locked. */
static struct mount *any_at(struct dentry *d)
{
	struct mount *m, *found = NULL;

	spin_lock(&mount_lock);
	hlist_for_each_entry (m, mountpoint_bucket(d), at) {
		if (m->mountpoint == d)
			found = m;
	}
	spin_unlock(&mount_lock);
	return found;
}

void mount_detach_at(struct dentry *d)
{
	struct mount *m;
	LIST_HEAD(dead);

	if (!(READ_ONCE(d->flags) & DENTRY_MOUNTED))
		return;
	mutex_lock(&mount_tree_lock);
	while ((m = any_at(d)) != NULL) {
		if (m->flags & MNT_UMOUNTED) {
			/* Connected to a tree that is off already. */
			mount_write_begin();
			mount_unlink(m);
			m->was.mnt = NULL;
			mount_write_end();
			list_add_tail(&m->work, &dead);
		} else {
			mount_umount_tree(m, UMOUNT_CONNECTED, &dead);
		}
	}
	mutex_unlock(&mount_tree_lock);
	mount_release(&dead);
}

/* ---- trees ---- */

struct mount *mount_next_skip(struct mount *m, struct mount *top)
{
	while (m != top) {
		if (!list_is_last(&m->child_link, &m->parent->children))
			return list_next_entry(m, child_link);
		m = m->parent;
	}
	return NULL;
}

struct mount *mount_next(struct mount *m, struct mount *top)
{
	if (!list_empty(&m->children))
		return list_first_entry(&m->children, struct mount, child_link);
	return mount_next_skip(m, top);
}

bool mount_is_below(const struct mount *m, const struct mount *top)
{
	while (m != top && mount_is_attached(m))
		m = m->parent;
	return m == top;
}

bool mount_reaches(const struct path *p, const struct path *top)
{
	const struct mount *m = p->mnt;
	const struct dentry *d = p->dentry;

	while (m != top->mnt && mount_is_attached(m)) {
		d = m->mountpoint;
		m = m->parent;
	}
	return m == top->mnt && dentry_is_below(d, top->dentry);
}

/* ---- walks ---- */

void mount_follow_down(struct path *p)
{
	while (READ_ONCE(p->dentry->flags) & DENTRY_MOUNTED) {
		struct mount *m;

		rcu_read_lock();
		for (;;) {
			u32 seq = seq_read_begin(&mount_seq);

			m = mount_find_rcu(p->mnt, p->dentry);
			if (m && !mount_tryget(m))
				continue;
			if (!seq_read_retry(&mount_seq, seq))
				break;
			if (m) {
				rcu_read_unlock();
				mount_put(m);
				rcu_read_lock();
			}
		}
		rcu_read_unlock();
		if (!m)
			return;
		path_put(p);
		p->mnt = m;
		p->dentry = dentry_get(m->root);
	}
}

/* From a mount's root to the place it is mounted on; false at the top. */
bool mount_follow_up(struct path *p)
{
	struct path up;

	spin_lock(&mount_lock);
	/* The parent of a connected one that is unmounted may be on its way out. */
	if (p->mnt->parent == p->mnt || !mount_tryget(p->mnt->parent)) {
		spin_unlock(&mount_lock);
		return false;
	}
	up.mnt = p->mnt->parent;
	up.dentry = dentry_get(p->mnt->mountpoint);
	spin_unlock(&mount_lock);
	path_put(p);
	*p = up;
	return true;
}

int mount_may_write(const struct path *p)
{
	if ((READ_ONCE(p->mnt->flags) & MNT_READONLY) || (p->mnt->super->flags & MS_RDONLY))
		return -EROFS;
	return 0;
}
