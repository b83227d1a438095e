/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buses and endpoints: made by a command on an open file, gone when that is closed.
 *
 * A bus and its default endpoint come and go together. The end of an endpoint ends its
 * connections; the end of a bus ends all endpoints.
 */
#include "bus_impl.h"

#include <kern/bug.h>
#include <kernel/ns/user.h>
#include <kernel/rng/rng.h>

/* ---- names ---- */

/* "UID-...", with the number that the domain's namespace has for the user. */
static int judge_prefix(const struct bus_domain *d, u32 kuid, const char *name)
{
	u32 uid = user_ns_uid(d->user_ns, kuid);
	char prefix[16];

	if (uid == ID_NONE)
		return -EINVAL;
	snprintf(prefix, sizeof(prefix), "%u-", uid);
	return str_has_prefix(name, prefix) ? 0 : -EINVAL;
}

static void node_init(struct bus_node *n, enum bus_node_kind kind, const char *name, u64 access,
		      umode_t bits)
{
	n->kind = kind;
	n->uid = current_cred()->euid;
	n->gid = current_cred()->egid;
	n->mode = (umode_t)(bits << 6);
	if (access & (KDBUS_MAKE_ACCESS_GROUP | KDBUS_MAKE_ACCESS_WORLD))
		n->mode |= (umode_t)(bits << 3);
	if (access & KDBUS_MAKE_ACCESS_WORLD)
		n->mode |= bits;
	snprintf(n->name, sizeof(n->name), "%s", name);
}

/* ---- references ---- */

static void bus_free(struct bus *b)
{
	WARN_ON(!list_empty(&b->all_conns));
	bus_notice_free_all(b);
	if (b->matches.mem) /* as far as init_tables() got */
		bus_match_index_destroy(&b->matches);
	bus_policy_destroy(&b->policy);
	bus_names_destroy(&b->names);
	bus_table_destroy(&b->conns);
	bus_meta_destroy(b->creator_meta);
	bus_user_put(b->creator);
	bus_domain_put(b->domain);
	kfree(b);
}

struct bus *bus_get(struct bus *b)
{
	__atomic_fetch_add(&b->refs, 1, __ATOMIC_RELAXED);
	return b;
}

void bus_put(struct bus *b)
{
	if (!__atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL))
		bus_free(b);
}

struct bus_endpoint *bus_endpoint_get(struct bus_endpoint *ep)
{
	__atomic_fetch_add(&ep->refs, 1, __ATOMIC_RELAXED);
	return ep;
}

void bus_endpoint_put(struct bus_endpoint *ep)
{
	if (__atomic_sub_fetch(&ep->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (ep->user)
		bus_policy_destroy(&ep->policy);
	bus_user_put(ep->user);
	bus_put(ep->bus);
	kfree(ep);
}

void bus_node_get(struct bus_node *n)
{
	if (n->kind == BUS_NODE_BUS)
		bus_get(container_of(n, struct bus, node));
	else
		bus_endpoint_get(container_of(n, struct bus_endpoint, node));
}

void bus_node_put(struct bus_node *n)
{
	if (n->kind == BUS_NODE_BUS)
		bus_put(container_of(n, struct bus, node));
	else
		bus_endpoint_put(container_of(n, struct bus_endpoint, node));
}

/* ---- endpoints ---- */

static int endpoint_new(struct bus *b, const char *name, u64 access, bool custom,
			struct bus_endpoint **out)
{
	struct bus_endpoint *ep = kzalloc(sizeof(*ep));
	int err = 0;

	if (!ep)
		return -ENOMEM;
	ep->refs = 1;
	ep->bus = bus_get(b);
	list_init(&ep->conns);
	list_init(&ep->bus_link);
	node_init(&ep->node, BUS_NODE_ENDPOINT, name, access, 06);
	if (custom)
		err = bus_user_create(b->domain, &ep->user);
	if (!err && custom)
		err = bus_policy_init(&ep->policy, &bus_mem_kernel, rng_u64());
	if (err) {
		bus_user_put(ep->user);
		ep->user = NULL;
		bus_endpoint_put(ep);
		return err;
	}
	*out = ep;
	return 0;
}

/* Known to the bus, then to the file system: from then on it may be opened. */
static int endpoint_start(struct bus_endpoint *ep)
{
	struct bus *b = ep->bus;
	int err;

	rwsem_write_lock(&b->registry);
	ep->active = b->active;
	if (ep->active)
		list_add_tail(&ep->bus_link, &b->endpoints);
	rwsem_write_unlock(&b->registry);
	if (!ep->active)
		return -ESHUTDOWN;
	err = b->domain->ops->add(b->domain->tree, &b->node, &ep->node);
	if (!err)
		return 0;
	rwsem_write_lock(&b->registry);
	ep->active = false;
	list_del_init(&ep->bus_link);
	rwsem_write_unlock(&b->registry);
	return err;
}

/* A connection of it, or NULL when there is none left: +1. */
static struct bus_conn *any_conn(struct bus_endpoint *ep)
{
	struct bus_conn *c;

	rwsem_read_lock(&ep->bus->registry);
	c = list_first_entry_or_null(&ep->conns, struct bus_conn, ep_link);
	if (c)
		bus_conn_get(c);
	rwsem_read_unlock(&ep->bus->registry);
	return c;
}

static void endpoint_stop(struct bus_endpoint *ep)
{
	struct bus *b = ep->bus;
	struct bus_conn *c;
	bool was;

	rwsem_write_lock(&b->registry);
	was = ep->active;
	ep->active = false;
	list_del_init(&ep->bus_link);
	if (ep->user)
		bus_policy_clear(&ep->policy, &ep->holder);
	rwsem_write_unlock(&b->registry);
	if (was)
		b->domain->ops->remove(b->domain->tree, &ep->node);
	while ((c = any_conn(ep))) {
		bus_conn_end(c, false);
		bus_conn_put(c);
	}
}

void bus_endpoint_end(struct bus_endpoint *ep)
{
	endpoint_stop(ep);
	bus_endpoint_put(ep);
}

static const struct bus_item_rule endpoint_items[] = {
	{KDBUS_ITEM_NEGOTIATE},
	{KDBUS_ITEM_MAKE_NAME, .mandatory = true},
};
static const struct bus_args_rule endpoint_rule = {
	.head = sizeof(struct kdbus_cmd),
	.flags = KDBUS_MAKE_ACCESS_GROUP | KDBUS_MAKE_ACCESS_WORLD,
	.count = ARRAY_SIZE(endpoint_items),
	.items = endpoint_items,
};

static int endpoint_make(struct bus *b, const char *name, u64 access, struct bus_endpoint **out)
{
	struct bus_endpoint *ep;
	int err = judge_prefix(b->domain, current_cred()->euid, name);

	if (!err)
		err = endpoint_new(b, name, access, true, &ep);
	if (err)
		return err;
	err = endpoint_start(ep);
	if (err)
		bus_endpoint_put(ep);
	else
		*out = ep;
	return err;
}

int bus_cmd_endpoint_make(struct bus_endpoint *at, const struct file *f, void __user *user,
			  struct bus_endpoint **out)
{
	struct bus_args a;
	int err;

	*out = NULL;
	if (!bus_is_owner(at, f->cred))
		return -EPERM;
	err = bus_args_begin(&a, &endpoint_rule, user);
	if (!err)
		err = endpoint_make(at->bus, a.found[1]->str, a.cmd->flags, out);
	err = bus_args_end(&a, err);
	if (err && *out) {
		bus_endpoint_end(*out);
		*out = NULL;
	}
	return err;
}

static const struct bus_item_rule update_items[] = {
	{KDBUS_ITEM_NEGOTIATE},
	{KDBUS_ITEM_NAME, .multiple = true},
	{KDBUS_ITEM_POLICY_ACCESS, .multiple = true},
};
static const struct bus_args_rule update_rule = {
	.head = sizeof(struct kdbus_cmd),
	.count = ARRAY_SIZE(update_items),
	.items = update_items,
};

static int set_policy(struct bus_endpoint *ep, const struct bus_args *a)
{
	struct bus_policy_set *s;
	int err = bus_policy_import(&ep->policy, a, 0, true, &s);

	if (err)
		return err;
	rwsem_write_lock(&ep->bus->registry);
	err = ep->active ? bus_policy_replace(&ep->policy, &ep->holder, s) : -ESHUTDOWN;
	rwsem_write_unlock(&ep->bus->registry);
	if (err)
		bus_policy_set_free(&ep->policy, s);
	return err;
}

int bus_cmd_endpoint_update(struct bus_endpoint *ep, void __user *user)
{
	struct bus_args a;
	int err = bus_args_begin(&a, &update_rule, user);

	if (!err)
		err = set_policy(ep, &a);
	return bus_args_end(&a, err);
}

/* ---- buses ---- */

static int init_tables(struct bus *b)
{
	int err = bus_names_init(&b->names, &bus_mem_kernel, rng_u64(), bus_handover);

	if (!err)
		err = bus_match_index_init(&b->matches, &bus_mem_kernel, (u32)b->bloom.size,
					   rng_u64());
	if (!err)
		err = bus_policy_init(&b->policy, &bus_mem_kernel, rng_u64());
	if (!err)
		err = bus_table_init(&b->conns, &bus_mem_kernel);
	if (!err)
		err = bus_meta_create(&b->creator_meta);
	if (!err)
		err = bus_user_find(b->domain, current_cred()->uid, &b->creator);
	return err;
}

static int bus_new(struct bus_domain *d, const char *name, u64 flags,
		   const struct kdbus_bloom_parameter *bloom, u64 attach, struct bus **out)
{
	struct bus *b = kzalloc(sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	b->refs = 1;
	b->domain = bus_domain_get(d);
	node_init(&b->node, BUS_NODE_BUS, name, flags, 05);
	b->id = __atomic_add_fetch(&d->last_id, 1, __ATOMIC_RELAXED);
	b->flags = flags & ~KDBUS_FLAG_NEGOTIATE;
	b->attach_owner = attach;
	b->bloom = *bloom;
	rng_bytes(b->id128, sizeof(b->id128));
	/* As RFC 4122 has random ones. */
	b->id128[6] = (u8)((b->id128[6] & 0x0f) | 0x40);
	b->id128[8] = (u8)((b->id128[8] & 0x3f) | 0x80);
	rwsem_init(&b->registry, LK_BUS_REGISTRY);
	mutex_init(&b->order, LK_BUS_RECEIVE);
	mutex_init(&b->flush, LK_BUS_FLUSH);
	spin_init(&b->notice_lock, LK_SPIN_LEAF);
	list_init(&b->all_conns);
	list_init(&b->monitors);
	list_init(&b->endpoints);
	list_init(&b->notices);
	err = init_tables(b);
	if (err)
		bus_put(b);
	else
		*out = b;
	return err;
}

static int bus_start(struct bus *b)
{
	struct bus_endpoint *ep;
	int err;

	if (__atomic_add_fetch(&b->creator->buses, 1, __ATOMIC_RELAXED) > (s32)BUS_USER_BUSES_MAX) {
		err = -EMFILE;
		goto uncount;
	}
	err = b->domain->ops->add(b->domain->tree, NULL, &b->node);
	if (err)
		goto uncount;
	b->active = true;
	err = endpoint_new(b, "bus", b->flags, false, &ep);
	if (err)
		goto remove;
	err = endpoint_start(ep);
	if (!err)
		return 0; /* the bus's list has the reference */
	bus_endpoint_put(ep);
remove:
	b->active = false;
	b->domain->ops->remove(b->domain->tree, &b->node);
uncount:
	__atomic_sub_fetch(&b->creator->buses, 1, __ATOMIC_RELAXED);
	return err;
}

static struct bus_endpoint *any_endpoint(struct bus *b)
{
	struct bus_endpoint *ep;

	rwsem_read_lock(&b->registry);
	ep = list_first_entry_or_null(&b->endpoints, struct bus_endpoint, bus_link);
	if (ep)
		bus_endpoint_get(ep);
	rwsem_read_unlock(&b->registry);
	return ep;
}

void bus_end(struct bus *b)
{
	struct bus_endpoint *ep;

	rwsem_write_lock(&b->registry);
	b->active = false;
	rwsem_write_unlock(&b->registry);
	while ((ep = any_endpoint(b))) {
		bool custom = ep->user;

		endpoint_stop(ep);
		bus_endpoint_put(ep);
		if (!custom)
			bus_endpoint_put(ep); /* that of the list */
	}
	b->domain->ops->remove(b->domain->tree, &b->node);
	__atomic_sub_fetch(&b->creator->buses, 1, __ATOMIC_RELAXED);
	bus_put(b);
}

static const struct bus_item_rule bus_items[] = {
	{KDBUS_ITEM_NEGOTIATE},
	{KDBUS_ITEM_MAKE_NAME, .mandatory = true},
	{KDBUS_ITEM_BLOOM_PARAMETER, .mandatory = true},
	{KDBUS_ITEM_ATTACH_FLAGS_SEND},
};
static const struct bus_args_rule bus_rule = {
	.head = sizeof(struct kdbus_cmd),
	.flags = KDBUS_MAKE_ACCESS_GROUP | KDBUS_MAKE_ACCESS_WORLD,
	.count = ARRAY_SIZE(bus_items),
	.items = bus_items,
};

static int make(struct bus_domain *d, const struct bus_args *a, struct bus **out)
{
	const struct kdbus_bloom_parameter *bloom = &a->found[2]->bloom_parameter;
	const char *name = a->found[1]->str;
	struct bus *b;
	u64 attach = 0;
	int err = bus_bloom_check_parameter(bloom->size, bloom->n_hash);

	if (!err && a->found[3])
		err = bus_attach_flags(a->found[3]->data64[0], &attach);
	if (!err)
		err = judge_prefix(d, current_cred()->euid, name);
	if (!err)
		err = bus_new(d, name, a->cmd->flags, bloom, attach, &b);
	if (err)
		return err;
	err = bus_start(b);
	if (err)
		bus_put(b);
	else
		*out = b;
	return err;
}

int bus_cmd_make(struct bus_domain *d, void __user *user, struct bus **out)
{
	struct bus_args a;
	int err = bus_args_begin(&a, &bus_rule, user);

	*out = NULL;
	if (!err)
		err = make(d, &a, out);
	err = bus_args_end(&a, err);
	if (err && *out) {
		bus_end(*out);
		*out = NULL;
	}
	return err;
}

/* ---- KDBUS_CMD_BUS_CREATOR_INFO ---- */

static const struct bus_item_rule info_items[] = {{KDBUS_ITEM_NEGOTIATE}};
static const struct bus_args_rule info_rule = {
	.head = sizeof(struct kdbus_cmd_info),
	.count = ARRAY_SIZE(info_items),
	.items = info_items,
};

static int creator_info(struct bus_conn *c, const struct bus_args *a)
{
	struct kdbus_cmd_info *cmd = (void *)a->cmd;
	struct bus *b = c->bus;
	struct bus_meta_source src = {.task = b->creator_meta};
	size_t len = strlen(b->node.name) + 1, size, meta;
	struct kdbus_info *info;
	u64 mask;
	void *at;
	int err = bus_attach_flags(cmd->attach_flags, &mask);

	if (err)
		return err;
	mask &= b->attach_owner;
	meta = bus_meta_size(&src, mask, &c->view);
	size = sizeof(*info) + BUS_ITEM_HEAD + BUS_ALIGN8(len) + meta;
	info = kzalloc(size);
	if (!info)
		return -ENOMEM;
	at = bus_item_write(info->items, KDBUS_ITEM_MAKE_NAME, b->node.name, len);
	meta = bus_meta_write(&src, mask, &c->view, at, meta);
	size = (size_t)((u8 *)at - (u8 *)info) + meta;
	info->size = size;
	info->id = b->id;
	info->flags = b->flags;
	err = bus_pool_answer(c, info, size, &cmd->offset);
	kfree(info);
	cmd->info_size = size;
	return err ? err : bus_args_tell(a, &cmd->offset, 2 * sizeof(u64));
}

int bus_cmd_creator_info(struct bus_conn *c, void __user *user)
{
	struct bus_args a;
	int err = bus_args_begin(&a, &info_rule, user);

	if (!err)
		err = creator_info(c, &a);
	return bus_args_end(&a, err);
}
