/*
 * The mount tree.
 *
 * mount_ns_lock serialises changes.  Each change happens inside mount_lock with mount_seq odd;
 * walks find mounts in a hash by (parent, mountpoint) under RCU and check mount_seq when they turn
 * what they found into a reference.
 *
 * An attached mount holds one reference on itself (the tree's), one on its parent and one on its
 * mountpoint.  umount decides "busy" with mount_seq odd: a walk that takes its reference later sees
 * the sequence change and gives it back; one that took it earlier is seen.  A reference can only be
 * gained from a count above zero, so the last mount_put() is unique.
 *
 * Propagation: there is one namespace, and a bind mount does not join the peer group of its source.
 * A group thus never has a second member, and MS_SHARED and MS_SLAVE are answered by what is then
 * true: there is nothing to propagate to.
 */
#include <kern/hash.h>
#include <kernel/vfs/vfs_impl.h>
#include <linux/mount.h>

#define MOUNT_BITS 8

static struct slab_cache *mount_cache;
static struct hlist_head mount_table[1 << MOUNT_BITS];
struct spinlock mount_lock = SPINLOCK_INIT(LK_MOUNT);
struct seqcount mount_seq;
struct mutex mount_ns_lock;
struct mount_ns init_mount_ns = {.mounts = LIST_HEAD_INIT(init_mount_ns.mounts)};
static int next_id = 1;

void mount_init(void)
{
	mount_cache = SLAB_CACHE_BOOT(mount, 0);
	mutex_init(&mount_ns_lock, LK_MOUNT_NS);
}

static struct hlist_head *mount_bucket(const struct mount *parent, const struct dentry *d)
{
	return &mount_table[hash_64((u64)(unsigned long)parent ^ (u64)(unsigned long)d * 3,
				    MOUNT_BITS)];
}

struct mount *mount_find_rcu(const struct mount *parent, const struct dentry *d)
{
	struct mount *m;

	hlist_for_each_entry_rcu(m, mount_bucket(parent, d), hash)
	{
		if (READ_ONCE(m->parent) == parent && READ_ONCE(m->mountpoint) == d)
			return m;
	}
	return NULL;
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

static void mount_free_rcu(struct rcu_head *head)
{
	struct mount *m = container_of(head, struct mount, rcu);

	kfree(m->source);
	slab_free(mount_cache, m);
}

void mount_put(struct mount *m)
{
	if (!m || __atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL))
		return;
	dentry_put(m->root);
	super_put(m->super);
	rcu_call(&m->rcu, mount_free_rcu);
}

/* Consumes the super reference (on failure too). */
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
	m->id = __atomic_fetch_add(&next_id, 1, __ATOMIC_RELAXED);
	list_init(&m->children);
	list_init(&m->child_link);
	list_init(&m->ns_link);
	m->source = kstrdup(source ? source : "none");
	if (!m->source) {
		mount_put(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

/* mount_ns_lock held.  Consumes nothing: the tree takes over the caller's reference on @m. */
void mount_attach(struct mount *m, const struct path *at)
{
	mount_get(at->mnt);
	dentry_get(at->dentry);
	dentry_set_mounted(at->dentry, true);
	spin_lock(&mount_lock);
	seq_write_begin(&mount_seq);
	m->parent = at->mnt;
	m->mountpoint = at->dentry;
	hlist_add_head_rcu(&m->hash, mount_bucket(at->mnt, at->dentry));
	list_add_tail(&m->child_link, &at->mnt->children);
	if (list_empty(&m->ns_link)) {
		list_add_tail(&m->ns_link, &init_mount_ns.mounts);
		init_mount_ns.count++;
	}
	m->ns = &init_mount_ns;
	init_mount_ns.event++;
	seq_write_end(&mount_seq);
	spin_unlock(&mount_lock);
}

void mount_attach_root(struct mount *m)
{
	mutex_lock(&mount_ns_lock);
	m->ns = &init_mount_ns;
	init_mount_ns.root = m;
	list_add(&m->ns_link, &init_mount_ns.mounts);
	init_mount_ns.count++;
	mutex_unlock(&mount_ns_lock);
}

static bool still_mountpoint(const struct dentry *d)
{
	struct mount *m;

	list_for_each_entry (m, &init_mount_ns.mounts, ns_link) {
		if (m->mountpoint == d && m->parent != m)
			return true;
	}
	return false;
}

/*
 * Takes @m off its place; mount_ns_lock held.  The tree's reference on @m stays with the caller.
 * *@was is the old place, with its references.  -EBUSY when there are more than @max_refs
 * references.
 */
static int mount_detach(struct mount *m, s64 max_refs, bool keep_listed, struct path *was)
{
	spin_lock(&mount_lock);
	seq_write_begin(&mount_seq);
	smp_mb();
	if (READ_ONCE(m->refs) > max_refs) {
		seq_write_end(&mount_seq);
		spin_unlock(&mount_lock);
		return -EBUSY;
	}
	was->mnt = m->parent;
	was->dentry = m->mountpoint;
	hlist_del_init_rcu(&m->hash);
	list_del_init(&m->child_link);
	m->parent = m;
	m->mountpoint = NULL;
	if (!keep_listed) {
		list_del_init(&m->ns_link);
		init_mount_ns.count--;
		m->ns = NULL;
		m->flags |= MNT_DETACHED;
	}
	init_mount_ns.event++;
	seq_write_end(&mount_seq);
	spin_unlock(&mount_lock);
	if (!still_mountpoint(was->dentry))
		dentry_set_mounted(was->dentry, false);
	return 0;
}

/* Next mount of the subtree under @root in pre-order, or NULL.  mount_ns_lock held. */
static struct mount *next_mount(struct mount *m, struct mount *root)
{
	if (!list_empty(&m->children))
		return list_first_entry(&m->children, struct mount, child_link);
	while (m != root) {
		if (!list_is_last(&m->child_link, &m->parent->children))
			return list_next_entry(m, child_link);
		m = m->parent;
	}
	return NULL;
}

/* Deepest first mount below @m. */
static struct mount *first_leaf(struct mount *m)
{
	while (!list_empty(&m->children))
		m = list_first_entry(&m->children, struct mount, child_link);
	return m;
}

int mount_umount(struct mount *m, int flags)
{
	struct path was;
	int err;

	mutex_lock(&mount_ns_lock);
	if (m->ns != &init_mount_ns || m->parent == m) {
		mutex_unlock(&mount_ns_lock);
		return -EINVAL;
	}
	for (;;) {
		struct mount *leaf = flags & MNT_UMOUNT_LAZY ? first_leaf(m) : m;

		/* Idle: the tree's reference and that of the caller's path. */
		err = mount_detach(leaf, flags & MNT_UMOUNT_LAZY ? S64_MAX : 2, false, &was);
		if (err)
			break;
		path_put(&was);
		mount_put(leaf);
		if (leaf == m)
			break;
	}
	mutex_unlock(&mount_ns_lock);
	return err;
}

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
	if (p->mnt->parent == p->mnt) {
		spin_unlock(&mount_lock);
		return false;
	}
	up.mnt = mount_get(p->mnt->parent);
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

/* A mount of the same tree from @p->dentry on. */
static int clone_one(struct mount *m, struct dentry *root, struct mount **out)
{
	u32 flags = m->flags & ~(MNT_DETACHED | MNT_INTERNAL);

	__atomic_fetch_add(&m->super->refs, 1, __ATOMIC_RELAXED);
	return mount_create(m->super, root, m->source, flags, out);
}

/* Releases a tree of copies that was not attached to the namespace. */
static void drop_copies(struct mount *top)
{
	for (;;) {
		struct mount *leaf = first_leaf(top);
		struct path was = {leaf->parent != leaf ? leaf->parent : NULL, leaf->mountpoint};

		list_del_init(&leaf->child_link);
		if (leaf != top) {
			mount_put(was.mnt);
			dentry_put(was.dentry);
		}
		mount_put(leaf);
		if (leaf == top)
			return;
	}
}

/*
 * Copies the mounts below @from; each source points at its copy by ->master while mount_ns_lock is
 * held.  Copies hang together by parent and mountpoint already but are not hashed yet.
 */
static int copy_below(const struct path *from)
{
	struct mount *top = from->mnt, *m, *copy;
	int err = 0;

	for (m = next_mount(top, top); m && !err; m = next_mount(m, top)) {
		if ((m->flags & MNT_UNBINDABLE) || !m->parent->master)
			continue;
		if (m->parent == top && !dentry_is_below(m->mountpoint, from->dentry))
			continue;
		err = clone_one(m, m->root, &copy);
		if (err)
			break;
		copy->parent = mount_get(m->parent->master);
		copy->mountpoint = dentry_get(m->mountpoint);
		list_add_tail(&copy->child_link, &copy->parent->children);
		m->master = copy;
	}
	for (m = top; m; m = next_mount(m, top))
		m->master = NULL;
	return err;
}

static void publish_copies(struct mount *top)
{
	for (struct mount *m = next_mount(top, top); m; m = next_mount(m, top)) {
		spin_lock(&mount_lock);
		seq_write_begin(&mount_seq);
		hlist_add_head_rcu(&m->hash, mount_bucket(m->parent, m->mountpoint));
		list_add_tail(&m->ns_link, &init_mount_ns.mounts);
		init_mount_ns.count++;
		m->ns = &init_mount_ns;
		seq_write_end(&mount_seq);
		spin_unlock(&mount_lock);
	}
}

int mount_bind(const struct path *from, const struct path *to, bool recursive)
{
	struct mount *top;
	int err;

	mutex_lock(&mount_ns_lock);
	err = -EINVAL;
	if (from->mnt->ns != &init_mount_ns || to->mnt->ns != &init_mount_ns ||
	    (from->mnt->flags & MNT_UNBINDABLE))
		goto out;
	err = -ENOTDIR;
	if (S_ISDIR(from->dentry->inode->mode) != S_ISDIR(to->dentry->inode->mode))
		goto out;
	err = -ENOENT;
	if (dentry_unlinked(to->dentry))
		goto out;
	err = clone_one(from->mnt, from->dentry, &top);
	if (err)
		goto out;
	if (recursive) {
		from->mnt->master = top;
		err = copy_below(from);
		if (err) {
			drop_copies(top);
			goto out;
		}
	}
	mount_attach(top, to);
	publish_copies(top);
out:
	mutex_unlock(&mount_ns_lock);
	return err;
}

static bool mount_is_below(const struct mount *m, const struct mount *top)
{
	while (m != top && m->parent != m)
		m = m->parent;
	return m == top;
}

int mount_move(const struct path *from, const struct path *to)
{
	struct mount *m = from->mnt;
	struct path was;
	int err = -EINVAL;

	mutex_lock(&mount_ns_lock);
	if (from->dentry != m->root || m->ns != &init_mount_ns || m->parent == m ||
	    to->mnt->ns != &init_mount_ns)
		goto out;
	if (S_ISDIR(from->dentry->inode->mode) != S_ISDIR(to->dentry->inode->mode))
		goto out;
	err = -ELOOP;
	if (mount_is_below(to->mnt, m))
		goto out;
	err = -ENOENT;
	if (dentry_unlinked(to->dentry))
		goto out;
	err = mount_detach(m, S64_MAX, true, &was);
	if (err)
		goto out;
	mount_attach(m, to);
	path_put(&was);
out:
	mutex_unlock(&mount_ns_lock);
	return err;
}

/* Is @p inside the mount tree and directories under @top?  mount_ns_lock held. */
static bool reachable(const struct path *p, const struct path *top)
{
	const struct mount *m = p->mnt;
	const struct dentry *d = p->dentry;

	while (m != top->mnt && m->parent != m) {
		d = m->mountpoint;
		m = m->parent;
	}
	return m == top->mnt && dentry_is_below(d, top->dentry);
}

int mount_pivot(const struct path *root, const struct path *new_root, const struct path *put_old)
{
	struct path root_was, new_was;
	int err = -EINVAL;

	mutex_lock(&mount_ns_lock);
	if (new_root->mnt->ns != &init_mount_ns || root->mnt->ns != &init_mount_ns ||
	    put_old->mnt->ns != &init_mount_ns)
		goto out;
	err = -ENOENT;
	if (dentry_unlinked(new_root->dentry) || dentry_unlinked(put_old->dentry))
		goto out;
	err = -EBUSY;
	if (new_root->mnt == root->mnt || put_old->mnt == root->mnt)
		goto out;
	err = -EINVAL;
	if (root->mnt->root != root->dentry || root->mnt->parent == root->mnt ||
	    new_root->mnt->root != new_root->dentry || new_root->mnt->parent == new_root->mnt)
		goto out;
	if (!reachable(put_old, new_root) || !reachable(new_root, root))
		goto out;
	err = mount_detach(new_root->mnt, S64_MAX, true, &new_was);
	if (!err)
		err = mount_detach(root->mnt, S64_MAX, true, &root_was);
	if (err)
		goto out;
	mount_attach(root->mnt, put_old);
	mount_attach(new_root->mnt, &root_was);
	path_put(&new_was);
	path_put(&root_was);
out:
	mutex_unlock(&mount_ns_lock);
	return err;
}

/* MS_SHARED and friends on one mount or its subtree. */
int mount_set_propagation(struct mount *top, unsigned long type, bool recursive)
{
	static int next_group = 1;
	int err = 0;

	mutex_lock(&mount_ns_lock);
	if (top->ns != &init_mount_ns)
		err = -EINVAL;
	for (struct mount *m = top; m && !err; m = recursive ? next_mount(m, top) : NULL) {
		m->flags &= ~MNT_UNBINDABLE;
		if (type == MS_SHARED && !m->group_id)
			m->group_id = next_group++;
		else if (type != MS_SHARED)
			m->group_id = 0;
		if (type == MS_UNBINDABLE)
			m->flags |= MNT_UNBINDABLE;
	}
	init_mount_ns.event++;
	mutex_unlock(&mount_ns_lock);
	return err;
}

#define MNT_USER_FLAGS                                                                       \
	(MNT_NOSUID | MNT_NODEV | MNT_NOEXEC | MNT_NOATIME | MNT_NODIRATIME | MNT_RELATIME | \
	 MNT_READONLY)

int mount_set_flags(struct mount *m, u32 flags)
{
	int err = 0;

	spin_lock(&mount_lock);
	if ((flags & MNT_READONLY) && !(m->flags & MNT_READONLY) && READ_ONCE(m->writers))
		err = -EBUSY;
	else
		WRITE_ONCE(m->flags, (m->flags & ~MNT_USER_FLAGS) | (flags & MNT_USER_FLAGS));
	init_mount_ns.event++;
	spin_unlock(&mount_lock);
	return err;
}

/* Attaches a new mount of @sb (consumed) at @at. */
int mount_new(struct super *sb, const char *source, u32 flags, const struct path *at)
{
	struct mount *m;
	int err = mount_create(sb, sb->root, source, flags, &m);

	if (err)
		return err;
	mutex_lock(&mount_ns_lock);
	if (at->mnt->ns != &init_mount_ns)
		err = -EINVAL;
	else if (dentry_unlinked(at->dentry))
		err = -ENOENT;
	else if (at->mnt->super == sb && at->mnt->root == at->dentry)
		err = -EBUSY; /* the same once more on top of itself */
	else if (S_ISDIR(sb->root->inode->mode) != S_ISDIR(at->dentry->inode->mode))
		err = -ENOTDIR;
	else
		mount_attach(m, at);
	mutex_unlock(&mount_ns_lock);
	if (err)
		mount_put(m);
	return err;
}
