/* SPDX-License-Identifier: BSD-2-Clause */
/* Domains, and the users that things are counted for in them. */
#include "bus_impl.h"

#include <kernel/ns/user.h>

int bus_domain_create(const struct bus_tree_ops *ops, void *tree, struct bus_domain **out)
{
	struct bus_domain *d = kzalloc(sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->refs = 1;
	d->user_ns = user_ns_get(current_cred()->user_ns);
	d->ops = ops;
	d->tree = tree;
	spin_init(&d->lock, LK_SPIN_LEAF);
	d->users = RB_ROOT;
	*out = d;
	return 0;
}

struct bus_domain *bus_domain_get(struct bus_domain *d)
{
	__atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
	return d;
}

void bus_domain_put(struct bus_domain *d)
{
	if (!d || __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL))
		return;
	WARN_ON(!RB_EMPTY_ROOT(&d->users));
	user_ns_put(d->user_ns);
	kfree(d);
}

int bus_user_create(struct bus_domain *d, struct bus_user **out)
{
	struct bus_user *u = kzalloc(sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->refs = 1;
	u->domain = bus_domain_get(d);
	u->uid = U32_MAX;
	rb_clear(&u->node);
	*out = u;
	return 0;
}

static int compare_uid(const void *key, const struct rb_node *n)
{
	u32 uid = *(const u32 *)key, other = rb_entry(n, struct bus_user, node)->uid;

	return uid < other ? -1 : uid > other;
}

static bool lower_uid(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct bus_user, node)->uid < rb_entry(b, struct bus_user, node)->uid;
}

/* lock held; +1 or NULL. */
static struct bus_user *look_up(struct bus_domain *d, u32 uid)
{
	struct rb_node *n = rb_find(&uid, &d->users, compare_uid);

	return n ? bus_user_get(rb_entry(n, struct bus_user, node)) : NULL;
}

int bus_user_find(struct bus_domain *d, u32 uid, struct bus_user **out)
{
	struct bus_user *u, *fresh;
	int err;

	spin_lock(&d->lock);
	u = look_up(d, uid);
	spin_unlock(&d->lock);
	if (u) {
		*out = u;
		return 0;
	}
	err = bus_user_create(d, &fresh);
	if (err)
		return err;
	fresh->uid = uid;
	spin_lock(&d->lock);
	u = look_up(d, uid);
	if (!u)
		rb_add(&fresh->node, &d->users, lower_uid);
	spin_unlock(&d->lock);
	if (u)
		bus_user_put(fresh);
	*out = u ? u : fresh;
	return 0;
}

struct bus_user *bus_user_get(struct bus_user *u)
{
	__atomic_fetch_add(&u->refs, 1, __ATOMIC_RELAXED);
	return u;
}

void bus_user_put(struct bus_user *u)
{
	struct bus_domain *d;
	bool last;

	if (!u)
		return;
	d = u->domain;
	spin_lock(&d->lock);
	last = !__atomic_sub_fetch(&u->refs, 1, __ATOMIC_ACQ_REL);
	if (last && rb_is_linked(&u->node))
		rb_erase(&u->node, &d->users);
	spin_unlock(&d->lock);
	if (!last)
		return;
	WARN_ON(u->conns || u->buses);
	kfree(u);
	bus_domain_put(d);
}
