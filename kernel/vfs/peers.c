/*
 * Peer groups and propagation: mount_namespaces(7), "Shared subtrees".
 *
 * Peers form a ring; a slave hangs on the list of one member of its master's group.  An event on a
 * mount reaches its peers, their slaves, the peers of those, and so on: receivers_collect() walks
 * that graph group by group, masters before slaves, and leaves out what the running operation has
 * just made (those have no namespace yet).
 *
 * A copy that goes to a member of a group joins the copies of that group; the first of a group is a
 * slave of the copy at the nearest master group that has one.  ->made remembers, for each receiver,
 * a copy of its group.
 */
#include <kernel/vfs/mount_impl.h>

static u32 last_group;

struct mount *mount_next_peer(const struct mount *m)
{
	return list_entry(m->peers.next, struct mount, peers);
}

bool mount_are_peers(const struct mount *a, const struct mount *b)
{
	return a->group_id && a->group_id == b->group_id;
}

void mount_set_shared(struct mount *m)
{
	m->flags = (m->flags & ~MNT_UNBINDABLE) | MNT_SHARED;
}

void mount_new_group(struct mount *m)
{
	m->group_id = (int)(++last_group & INT_MAX);
}

/* All slaves of @m get @master (NULL: none). */
static void hand_over_slaves(struct mount *m, struct mount *master)
{
	while (!list_empty(&m->slaves)) {
		struct mount *s = list_first_entry(&m->slaves, struct mount, slave_link);

		s->master = master;
		if (master)
			list_move_tail(&s->slave_link, &master->slaves);
		else
			list_del_init(&s->slave_link);
	}
}

/* Another member of the group to be the master of @m and its slaves: with the same root if any. */
static struct mount *choose_master(struct mount *m)
{
	for (struct mount *p = mount_next_peer(m); p != m; p = mount_next_peer(p)) {
		if (p->root == m->root)
			return p;
	}
	return mount_next_peer(m);
}

static void make_slave(struct mount *m)
{
	struct mount *master = m->master;

	if (!list_empty(&m->peers)) {
		master = choose_master(m);
		list_del_init(&m->peers);
	}
	m->group_id = 0;
	m->flags &= ~MNT_SHARED;
	hand_over_slaves(m, master);
	if (!master)
		return;
	if (list_empty(&m->slave_link))
		list_add(&m->slave_link, &master->slaves);
	else
		list_move(&m->slave_link, &master->slaves);
	m->master = master;
}

void mount_change_type(struct mount *m, unsigned long type)
{
	if (type == MS_SHARED) {
		mount_set_shared(m);
		return;
	}
	make_slave(m);
	if (type == MS_SLAVE)
		return;
	list_del_init(&m->slave_link);
	m->master = NULL;
	if (type == MS_UNBINDABLE)
		m->flags |= MNT_UNBINDABLE;
	else
		m->flags &= ~MNT_UNBINDABLE;
}

int mount_dominating_group(struct mount *m, const struct path *root)
{
	for (struct mount *master = m->master; master; master = master->master) {
		struct mount *p = master;

		do {
			struct path at = {p, p->root};

			if (p->ns == m->ns && mount_reaches(&at, root))
				return p->group_id;
			p = mount_next_peer(p);
		} while (p != master);
	}
	return 0;
}

/* ---- who receives events ---- */

static void receivers_add_group(struct mount *m, struct list_head *list)
{
	struct mount *p = m;

	do {
		if (p->ns && list_empty(&p->heard))
			list_add_tail(&p->heard, list);
		p = mount_next_peer(p);
	} while (p != m);
}

/* @m and all that receive its events, by ->heard, masters before slaves. */
static void receivers_collect(struct mount *m, struct list_head *list)
{
	struct mount *s, *r;

	list_add_tail(&m->heard, list);
	receivers_add_group(m, list);
	/* The list grows at its end meanwhile. */
	list_for_each_entry (r, list, heard) {
		list_for_each_entry (s, &r->slaves, slave_link) {
			if (list_empty(&s->heard))
				receivers_add_group(s, list);
		}
	}
}

static void receivers_forget(struct list_head *list)
{
	while (!list_empty(list)) {
		struct mount *m = list_first_entry(list, struct mount, heard);

		list_del_init(&m->heard);
		m->made = NULL;
	}
}

/* ---- mount ---- */

static void remember_copy(struct mount *receiver, struct mount *copy)
{
	struct mount *p = receiver;

	do {
		p->made = copy;
		p = mount_next_peer(p);
	} while (p != receiver);
}

static int propagate_one(struct mount *m, struct dentry *at, struct list_head *made)
{
	struct mount *source = m->made, *copy;
	u32 how = CLONE_MAKE_SHARED;
	int err;

	/* The place is outside what @m shows. */
	if (!dentry_is_below(at, m->root))
		return 0;
	if (!source) {
		for (struct mount *up = m->master; up && !source; up = up->master)
			source = up->made;
		how = CLONE_SLAVE | (mount_is_shared(m) ? CLONE_MAKE_SHARED : 0);
	}
	if (WARN_ON(!source))
		return -EINVAL;
	err = mount_copy_tree(source, source->root, how, &copy);
	if (err)
		return err;
	remember_copy(m, copy);
	copy->was = (struct path){m, at};
	list_add_tail(&copy->work, made);
	/* The operation is about to add these to the namespace: too many fail before it begins. */
	for (struct mount *c = copy; c; c = mount_next(c, copy))
		m->ns->pending++;
	return m->ns->count + m->ns->pending > (u32)READ_ONCE(mount_max) ? -ENOSPC : 0;
}

int propagate_mount(struct mount *dest, struct dentry *at, struct mount *source,
		    struct list_head *made)
{
	struct mount *m;
	LIST_HEAD(list);
	int err = 0;

	receivers_collect(dest, &list);
	remember_copy(dest, source);
	list_for_each_entry (m, &list, heard) {
		if (m == dest)
			continue;
		err = propagate_one(m, at, made);
		if (err)
			break;
	}
	list_for_each_entry (m, &list, heard)
		m->ns->pending = 0;
	/* Peers that are new have a memory, too, and are not on the list. */
	remember_copy(dest, NULL);
	list_for_each_entry (m, &list, heard)
		remember_copy(m, NULL);
	receivers_forget(&list);
	while (err && !list_empty(made)) {
		m = list_first_entry(made, struct mount, work);
		list_del_init(&m->work);
		m->was = (struct path){NULL, NULL};
		mount_discard(m);
	}
	return err;
}

/* ---- umount ---- */

/* The only child of @m, on its very root, or NULL. */
static struct mount *topper_of(struct mount *m)
{
	struct mount *c = mount_child_at(m, m->root);

	return c && list_is_singular(&m->children) ? c : NULL;
}

static bool refs_above(struct mount *m, s64 max)
{
	bool above;

	mount_write_begin();
	above = READ_ONCE(m->refs) > max;
	mount_write_end();
	return above;
}

bool propagate_busy(struct mount *m, s64 max_refs)
{
	struct mount *parent = m->parent, *r;
	bool busy = false;
	LIST_HEAD(list);

	if (!list_empty(&m->children) || refs_above(m, max_refs))
		return true;
	if (parent == m)
		return false;
	receivers_collect(parent, &list);
	list_for_each_entry (r, &list, heard) {
		struct mount *c = r == parent ? NULL : mount_child_at(r, m->mountpoint);

		if (!c)
			continue;
		/* Covered ones are kept by their cover; others with children stay. */
		if (topper_of(c))
			busy |= refs_above(c, 2);
		else if (list_empty(&c->children))
			busy |= refs_above(c, 1);
	}
	receivers_forget(&list);
	return busy;
}

void propagate_unlock(struct mount *m)
{
	struct mount *parent = m->parent, *r;
	LIST_HEAD(list);

	if (parent == m)
		return;
	receivers_collect(parent, &list);
	list_for_each_entry (r, &list, heard) {
		struct mount *c = r == parent ? NULL : mount_child_at(r, m->mountpoint);

		if (c)
			c->flags &= ~MNT_LOCKED;
	}
	receivers_forget(&list);
}

/* What hears that @m goes, marked, onto @found. */
static void find_candidates(struct mount *m, struct list_head *found)
{
	struct mount *parent = m->parent, *r, *c;
	LIST_HEAD(list);

	if (parent == m)
		return;
	receivers_collect(parent, &list);
	list_for_each_entry (r, &list, heard) {
		c = r == parent ? NULL : mount_child_at(r, m->mountpoint);
		if (!c || (c->flags & MNT_UMOUNTED))
			continue;
		c->flags |= MNT_UMOUNTED;
		list_add_tail(&c->work, found);
	}
	receivers_forget(&list);
}

/* May @c go?  Not with something on it that stays, unless that covers it whole. */
static bool candidate_stays(struct mount *c)
{
	struct mount *child;

	if ((c->flags & MNT_LOCKED) && !(c->parent->flags & MNT_UMOUNTED))
		return true;
	list_for_each_entry (child, &c->children, child_link) {
		if (!(child->flags & MNT_UMOUNTED) && child->mountpoint != c->root)
			return true;
	}
	return false;
}

/* A cover that stays slides down to where @c was. */
static void slide_cover(struct mount *c)
{
	struct mount *top = mount_child_at(c, c->root), *parent = c->parent;
	struct dentry *at = c->mountpoint;

	if (!top || (top->flags & MNT_UMOUNTED))
		return;
	while (parent->flags & MNT_UMOUNTED) {
		/* Its place goes as well: on to where that was. */
		at = parent->mountpoint;
		parent = parent->parent;
	}
	mount_write_begin();
	mount_unlink(top);
	mount_link(top, parent, at);
	mount_write_end();
	/* Dropping what it stood on is not its last reference: @c is attached still. */
	__atomic_fetch_sub(&c->refs, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&c->root->refs, 1, __ATOMIC_RELAXED);
	top->was = (struct path){NULL, NULL};
}

void propagate_umount(struct list_head *list)
{
	struct mount *m, *n;
	bool again = true;
	LIST_HEAD(found);

	list_for_each_entry (m, list, work)
		find_candidates(m, &found);
	while (again) {
		again = false;
		list_for_each_entry_safe (m, n, &found, work) {
			if (!candidate_stays(m))
				continue;
			m->flags &= ~MNT_UMOUNTED;
			list_del_init(&m->work);
			again = true;
		}
	}
	list_for_each_entry (m, &found, work)
		slide_cover(m);
	list_splice_tail_init(&found, list);
}
