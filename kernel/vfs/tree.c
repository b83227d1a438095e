/*
 * Operations on mount trees: copies, umount, bind, move, pivot_root(2).
 *
 * A new tree is built out of sight: its mounts are linked to each other but belong to no namespace.
 * It is attached to its place in one step, and its copies to the places of the receivers.
 *
 * A place is held by DENTRY_MOUNTED, set while the inode is locked: a removal that comes later sees
 * the flag and takes the mount off afterwards (mount_detach_at), one that came earlier is seen.
 */
#include <kernel/procfs/procfs.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/mount_impl.h>

int mount_max = 100000;
SYSCTL_INT("fs/mount-max", 0644, &mount_max, 1, 0x7fffffff);

/* ---- places ---- */

int mount_place_lock(struct path *p)
{
	struct inode *i;
	int err = 0;

	mutex_lock(&mount_tree_lock);
	mount_follow_down(p);
	i = p->dentry->inode;
	rwsem_write_lock(&i->lock);
	if (dentry_unlinked(p->dentry) || (i->flags & INODE_DEAD))
		err = -ENOENT;
	else
		dentry_set_mounted(p->dentry, true);
	rwsem_write_unlock(&i->lock);
	if (err)
		mutex_unlock(&mount_tree_lock);
	return err;
}

void mount_place_unlock(const struct path *p)
{
	mount_settle_mounted(p->dentry);
	mutex_unlock(&mount_tree_lock);
}

/* ---- namespaces' lists ---- */

void mount_ns_touch(struct mount_ns *ns)
{
	WRITE_ONCE(ns->event, ns->event + 1);
	wake_up_poll(&ns->wait, 0);
}

void mount_ns_add_tree(struct mount_ns *ns, struct mount *top)
{
	for (struct mount *m = top; m; m = mount_next(m, top)) {
		if (m->ns) {
			m->ns->count--;
			list_del_init(&m->ns_link);
		}
		spin_lock(&mount_lock);
		m->ns = ns;
		spin_unlock(&mount_lock);
		list_add_tail(&m->ns_link, &ns->mounts);
		ns->count++;
	}
	mount_ns_touch(ns);
}

static u32 tree_size(struct mount *top)
{
	u32 n = 0;

	for (struct mount *m = top; m; m = mount_next(m, top))
		n++;
	return n;
}

/* ---- copies ---- */

static int copy_child(struct mount *from, struct mount *parent, u32 how, struct mount **out)
{
	int err = mount_clone(from, from->root, how, out);

	if (err)
		return err;
	mount_write_begin();
	mount_link(*out, parent, from->mountpoint);
	mount_write_end();
	return 0;
}

static bool is_left_out(const struct mount *m, u32 how)
{
	return (!(how & CLONE_UNBINDABLE) && (m->flags & MNT_UNBINDABLE)) ||
	       (!(how & CLONE_NS_FILES) && mount_is_ns_file(m->root));
}

/* What is mounted below @first, a child of the copied place, and its copies side by side. */
static int copy_branch(struct mount *first, struct mount *top_copy, u32 how)
{
	struct mount *from = first->parent, *copy = top_copy, *m = first;

	while (m) {
		int err;

		if (is_left_out(m, how)) {
			if ((m->flags & MNT_UNBINDABLE) && (m->flags & MNT_LOCKED))
				return -EPERM;
			m = mount_next_skip(m, first);
			continue;
		}
		while (from != m->parent) {
			from = from->parent;
			copy = copy->parent;
		}
		err = copy_child(m, copy, how, &copy);
		if (err)
			return err;
		from = m;
		m = mount_next(m, first);
	}
	return 0;
}

int mount_copy_tree(struct mount *top, struct dentry *root, u32 how, struct mount **out)
{
	struct mount *copy, *c;
	int err;

	if (is_left_out(top, how))
		return -EINVAL;
	err = mount_clone(top, root, how, &copy);
	if (err)
		return err;
	list_for_each_entry (c, &top->children, child_link) {
		if (!dentry_is_below(c->mountpoint, root))
			continue;
		err = copy_branch(c, copy, how);
		if (err) {
			mount_discard(copy);
			return err;
		}
	}
	*out = copy;
	return 0;
}

/* ---- umount ---- */

static bool may_disconnect(const struct mount *m, u32 how)
{
	if ((how & UMOUNT_SYNC) || !(m->parent->flags & MNT_UMOUNTED))
		return true;
	return !(how & UMOUNT_CONNECTED) && !(m->flags & MNT_LOCKED);
}

static void take_off(struct mount *m, u32 how, struct list_head *dead)
{
	struct mount_ns *ns = m->ns;
	bool gone = true;

	mount_write_begin();
	if (mount_is_attached(m)) {
		gone = may_disconnect(m, how);
		if (gone)
			mount_unlink(m);
		else
			__atomic_fetch_sub(&m->parent->refs, 1, __ATOMIC_RELAXED);
	}
	m->ns = NULL;
	mount_write_end();
	if (ns) {
		list_del_init(&m->ns_link);
		ns->count--;
		mount_ns_touch(ns);
	}
	mount_change_type(m, MS_PRIVATE);
	if (gone)
		list_add_tail(&m->work, dead);
}

void mount_umount_tree(struct mount *top, u32 how, struct list_head *dead)
{
	LIST_HEAD(list);

	if (how & UMOUNT_PROPAGATE)
		propagate_unlock(top);
	for (struct mount *m = top; m; m = mount_next(m, top)) {
		m->flags |= MNT_UMOUNTED;
		list_add_tail(&m->work, &list);
	}
	if (how & UMOUNT_PROPAGATE)
		propagate_umount(&list);
	while (!list_empty(&list)) {
		struct mount *m = list_first_entry(&list, struct mount, work);

		list_del_init(&m->work);
		take_off(m, how, dead);
	}
}

void mount_release(struct list_head *dead)
{
	while (!list_empty(dead)) {
		struct mount *m = list_first_entry(dead, struct mount, work);

		list_del_init(&m->work);
		mount_drop_was(m);
		mount_put(m);
	}
}

void mount_discard(struct mount *top)
{
	LIST_HEAD(dead);

	mount_umount_tree(top, UMOUNT_SYNC, &dead);
	mount_release(&dead);
}

int mount_umount(struct mount *m, int flags)
{
	LIST_HEAD(dead);
	int err = 0;

	mutex_lock(&mount_tree_lock);
	if (!mount_is_ours(m) || (m->flags & MNT_LOCKED))
		err = -EINVAL;
	/* Idle: the tree's reference and that of the caller's path. */
	else if (!(flags & UMOUNT_DETACH) && (!mount_is_attached(m) || propagate_busy(m, 2)))
		err = -EBUSY;
	else
		mount_umount_tree(m, UMOUNT_PROPAGATE | (flags & UMOUNT_DETACH ? 0 : UMOUNT_SYNC),
				  &dead);
	mutex_unlock(&mount_tree_lock);
	mount_release(&dead);
	return err;
}

void mount_dissolve(struct mount *m)
{
	struct mount_ns *ns = NULL;
	LIST_HEAD(dead);

	mutex_lock(&mount_tree_lock);
	if (m->ns && m->ns->anon && m->ns->root == m) {
		ns = m->ns;
		mount_umount_tree(m, UMOUNT_CONNECTED, &dead);
	}
	mutex_unlock(&mount_tree_lock);
	mount_release(&dead);
	mount_ns_free(ns);
}

/* ---- attaching ---- */

/* Every mount of the tree gets a group, so that copies can join it; false: as it was. */
static void invent_groups(struct mount *top)
{
	for (struct mount *m = top; m; m = mount_next(m, top)) {
		if (!m->group_id)
			mount_new_group(m);
	}
}

static void forget_groups(struct mount *top)
{
	for (struct mount *m = top; m; m = mount_next(m, top)) {
		if (!mount_is_shared(m))
			m->group_id = 0;
	}
}

/* A propagated copy goes to its place, below what is there already. */
static void attach_copy(struct mount *copy)
{
	struct path to = copy->was;
	struct mount *cover = mount_child_at(to.mnt, to.dentry);

	copy->was = (struct path){NULL, NULL};
	mount_write_begin();
	if (cover)
		mount_unlink(cover);
	mount_link(copy, to.mnt, to.dentry);
	if (cover)
		mount_link(cover, copy, copy->root);
	mount_write_end();
	if (cover)
		mount_drop_was(cover);
	if (to.mnt->ns->ns.owner != current_mount_ns()->ns.owner)
		mount_lock_flags(copy);
	copy->flags &= ~MNT_LOCKED;
	mount_ns_add_tree(to.mnt->ns, copy);
}

int mount_attach_recursive(struct mount *top, const struct path *to, bool moving)
{
	struct mount *dest = to->mnt;
	LIST_HEAD(made);
	int err;

	if (!moving && dest->ns->count + tree_size(top) > (u32)READ_ONCE(mount_max))
		return -ENOSPC;
	if (mount_is_shared(dest)) {
		invent_groups(top);
		err = propagate_mount(dest, to->dentry, top, &made);
		if (err) {
			forget_groups(top);
			return err;
		}
		for (struct mount *m = top; m; m = mount_next(m, top))
			mount_set_shared(m);
	}
	mount_write_begin();
	if (moving)
		mount_unlink(top);
	mount_link(top, dest, to->dentry);
	mount_write_end();
	if (moving)
		mount_ns_touch(dest->ns);
	else
		mount_ns_add_tree(dest->ns, top);
	while (!list_empty(&made)) {
		struct mount *copy = list_first_entry(&made, struct mount, work);

		list_del_init(&copy->work);
		attach_copy(copy);
	}
	return 0;
}

static bool same_kind(const struct dentry *a, const struct dentry *b)
{
	return S_ISDIR(a->inode->mode) == S_ISDIR(b->inode->mode);
}

static int graft(struct mount *m, const struct path *to)
{
	return same_kind(to->dentry, m->root) ? mount_attach_recursive(m, to, false) : -ENOTDIR;
}

/* ---- new mounts ---- */

int mount_new(struct super *sb, const char *source, u32 flags, struct path *to)
{
	struct mount *m;
	int err = mount_create(sb, sb->root, source, flags, &m);

	if (err)
		return err;
	err = mount_place_lock(to);
	if (err) {
		mount_put(m);
		return err;
	}
	if (!mount_is_ours(to->mnt))
		err = -EINVAL;
	else if (to->mnt->super == sb && mount_is_root_of(to))
		err = -EBUSY; /* the same once more on top of itself */
	else if (S_ISLNK(sb->root->inode->mode))
		err = -EINVAL;
	else
		err = graft(m, to);
	mount_place_unlock(to);
	if (err)
		mount_put(m);
	return err;
}

static int give_own_namespace(struct mount *top, struct path *out)
{
	struct mount_ns *ns;
	int err = mount_ns_alloc(true, current_mount_ns()->ns.owner, &ns);

	if (err)
		return err;
	ns->root = top;
	mount_ns_add_tree(ns, top);
	*out = (struct path){mount_get(top), dentry_get(top->root)};
	return 0;
}

int mount_new_detached(struct super *sb, const char *source, u32 flags, struct path *out)
{
	struct mount *m;
	int err = mount_create(sb, sb->root, source, flags, &m);

	if (err)
		return err;
	mutex_lock(&mount_tree_lock);
	err = give_own_namespace(m, out);
	mutex_unlock(&mount_tree_lock);
	if (err)
		mount_put(m);
	return err;
}

/* ---- bind ---- */

/* Would a copy of @from without what is mounted on it show what is covered? */
static bool has_locked_children(struct mount *m, struct dentry *root)
{
	struct mount *c;

	list_for_each_entry (c, &m->children, child_link) {
		if ((c->flags & MNT_LOCKED) && dentry_is_below(c->mountpoint, root))
			return true;
	}
	return false;
}

static int copy_for_bind(const struct path *from, bool recursive, struct mount **out)
{
	struct mount *m = from->mnt;
	int err;

	if (m->flags & MNT_UNBINDABLE)
		return -EINVAL;
	if (!mount_is_ours(m) && !(m->super->type->flags & FS_BINDABLE))
		return -EINVAL;
	if (!recursive && has_locked_children(m, from->dentry))
		return -EINVAL;
	err = recursive ? mount_copy_tree(m, from->dentry, CLONE_NS_FILES, out)
			: mount_clone(m, from->dentry, 0, out);
	if (!err)
		(*out)->flags &= ~MNT_LOCKED;
	return err;
}

int mount_bind(const struct path *from, struct path *to, bool recursive)
{
	struct mount *top;
	int err = mount_place_lock(to);

	if (err)
		return err;
	err = mount_is_ours(to->mnt) && !mount_ns_loop(from->dentry)
		      ? copy_for_bind(from, recursive, &top)
		      : -EINVAL;
	if (!err) {
		err = graft(top, to);
		if (err)
			mount_discard(top);
	}
	mount_place_unlock(to);
	return err;
}

int mount_open_clone(const struct path *from, bool recursive, struct path *out)
{
	struct mount *top;
	int err;

	mutex_lock(&mount_tree_lock);
	err = copy_for_bind(from, recursive, &top);
	if (!err) {
		err = give_own_namespace(top, out);
		if (err)
			mount_discard(top);
	}
	mutex_unlock(&mount_tree_lock);
	return err;
}

/* ---- move ---- */

static bool has_unbindable(struct mount *top)
{
	for (struct mount *m = top; m; m = mount_next(m, top)) {
		if (m->flags & MNT_UNBINDABLE)
			return true;
	}
	return false;
}

static int may_move(const struct path *from, const struct path *to)
{
	struct mount *m = from->mnt;
	bool attached = mount_is_attached(m);

	if (!mount_is_ours(to->mnt) || !m->ns)
		return -EINVAL;
	if (attached ? !mount_is_ours(m) : !m->ns->anon)
		return -EINVAL;
	if ((m->flags & MNT_LOCKED) || !mount_is_root_of(from) ||
	    !same_kind(from->dentry, to->dentry))
		return -EINVAL;
	if (attached && mount_is_shared(m->parent))
		return -EINVAL;
	if (mount_is_shared(to->mnt) && has_unbindable(m))
		return -EINVAL;
	for (struct mount *c = m; c; c = mount_next(c, m)) {
		if (mount_ns_loop(c->root))
			return -ELOOP;
	}
	return mount_is_below(to->mnt, m) ? -ELOOP : 0;
}

int mount_move(const struct path *from, struct path *to)
{
	struct mount *m = from->mnt;
	struct mount_ns *anon = NULL;
	struct path was = {NULL, NULL};
	bool attached;
	int err = mount_place_lock(to);

	if (err)
		return err;
	attached = mount_is_attached(m);
	err = may_move(from, to);
	if (!err) {
		anon = attached ? NULL : m->ns;
		err = mount_attach_recursive(m, to, attached);
	}
	if (!err) {
		was = m->was;
		m->was = (struct path){NULL, NULL};
	}
	mount_place_unlock(to);
	dentry_put(was.dentry);
	mount_put(was.mnt);
	if (!err && anon)
		mount_ns_free(anon);
	return err;
}

static int may_set_group(const struct path *from, const struct path *to)
{
	struct mount *f = from->mnt, *t = to->mnt;

	if (!f->ns || !t->ns)
		return -EINVAL;
	if (!mount_ns_may_change(f->ns) || !mount_ns_may_change(t->ns))
		return -EPERM;
	if (!mount_is_root_of(from) || !mount_is_root_of(to) || f->super != t->super ||
	    !dentry_is_below(t->root, f->root) || has_locked_children(f, t->root))
		return -EINVAL;
	if (mount_is_shared(t) || t->master || (!mount_is_shared(f) && !f->master))
		return -EINVAL;
	return 0;
}

int mount_set_group(const struct path *from, const struct path *to)
{
	struct mount *f = from->mnt, *t = to->mnt;
	int err;

	mutex_lock(&mount_tree_lock);
	err = may_set_group(from, to);
	if (!err && f->master) {
		list_add(&t->slave_link, &f->master->slaves);
		t->master = f->master;
	}
	if (!err && mount_is_shared(f)) {
		t->group_id = f->group_id;
		list_add(&t->peers, &f->peers);
		mount_set_shared(t);
	}
	mutex_unlock(&mount_tree_lock);
	return err;
}

/* ---- pivot_root ---- */

static int may_pivot(const struct path *root, const struct path *new_root,
		     const struct path *put_old)
{
	struct mount *r = root->mnt, *n = new_root->mnt, *o = put_old->mnt;

	if (mount_is_shared(o) || mount_is_shared(n->parent) || mount_is_shared(r->parent))
		return -EINVAL;
	if (!mount_is_ours(r) || !mount_is_ours(n) || (n->flags & MNT_LOCKED))
		return -EINVAL;
	if (dentry_unlinked(new_root->dentry))
		return -ENOENT;
	if (n == r || o == r)
		return -EBUSY;
	if (!mount_is_root_of(root) || !mount_is_attached(r) || !mount_is_root_of(new_root) ||
	    !mount_is_attached(n))
		return -EINVAL;
	if (!mount_reaches(put_old, new_root) || !mount_reaches(new_root, root))
		return -EINVAL;
	return 0;
}

int mount_pivot(const struct path *root, const struct path *new_root, struct path *put_old)
{
	struct mount *r = root->mnt, *n = new_root->mnt;
	struct path new_was, root_was;
	int err = mount_place_lock(put_old);

	if (err)
		return err;
	err = may_pivot(root, new_root, put_old);
	if (err) {
		mount_place_unlock(put_old);
		return err;
	}
	mount_write_begin();
	mount_unlink(n);
	mount_unlink(r);
	new_was = n->was;
	root_was = r->was;
	n->was = r->was = (struct path){NULL, NULL};
	if (r->flags & MNT_LOCKED) {
		n->flags |= MNT_LOCKED;
		r->flags &= ~MNT_LOCKED;
	}
	mount_link(r, put_old->mnt, put_old->dentry);
	mount_link(n, root_was.mnt, root_was.dentry);
	mount_write_end();
	mount_ns_touch(current_mount_ns());
	mount_place_unlock(put_old);
	path_put(&new_was);
	path_put(&root_was);
	return 0;
}

/* ---- flags of trees ---- */

/* What a less privileged namespace gets keeps its flags and covers what it covers. */
void mount_lock_flags(struct mount *top)
{
	static const struct {
		u32 flag, lock;
	} locks[] = {
		{MNT_READONLY, MNT_LOCK_READONLY},
		{MNT_NODEV, MNT_LOCK_NODEV},
		{MNT_NOSUID, MNT_LOCK_NOSUID},
		{MNT_NOEXEC, MNT_LOCK_NOEXEC},
	};

	for (struct mount *m = top; m; m = mount_next(m, top)) {
		u32 flags = m->flags | MNT_LOCK_ATIME | MNT_LOCKED;

		for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
			if (flags & locks[i].flag)
				flags |= locks[i].lock;
		}
		WRITE_ONCE(m->flags, flags);
	}
}

int mount_set_propagation(const struct path *at, unsigned long type, bool recursive)
{
	struct mount *top = at->mnt;
	int err = 0;

	if (!mount_is_root_of(at))
		return -EINVAL;
	mutex_lock(&mount_tree_lock);
	if (!mount_is_ours(top) && !(top->ns && top->ns->anon))
		err = -EINVAL;
	for (struct mount *m = top; m && !err; m = recursive ? mount_next(m, top) : NULL) {
		if (type == MS_SHARED && !m->group_id)
			mount_new_group(m);
		mount_change_type(m, type);
	}
	mutex_unlock(&mount_tree_lock);
	return err;
}
