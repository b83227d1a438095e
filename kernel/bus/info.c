/* SPDX-License-Identifier: BSD-2-Clause */
/* KDBUS_CMD_CONN_INFO and KDBUS_CMD_LIST: what a connection may know of the others. */
#include "bus_impl.h"

/* ---- CONN_INFO ---- */

static const struct bus_item_rule info_items[] = {
	{KDBUS_ITEM_NEGOTIATE},
	{KDBUS_ITEM_NAME},
};
static const struct bus_args_rule info_rule = {
	.head = sizeof(struct kdbus_cmd_info),
	.count = ARRAY_SIZE(info_items),
	.items = info_items,
};

/* Who is hidden is not told from who is not there. registry held. +1. */
static int find_subject(struct bus_conn *c, const struct kdbus_cmd_info *cmd,
			const struct kdbus_item *name, struct bus_conn **out)
{
	struct bus_name_claim *owner;
	struct bus_conn *of;

	if (name) {
		if (!bus_name_find(&c->bus->names, name->str, &owner))
			return -ESRCH;
		of = bus_conn_of_names(owner->user);
		if (!bus_may_see_name(c, current_cred(), name->str) ||
		    (cmd->id && cmd->id != of->id))
			return -ESRCH;
		*out = bus_conn_get(of);
		return 0;
	}
	if (!cmd->id)
		return -EINVAL;
	of = bus_conn_find(c->bus, cmd->id);
	if (!of)
		return -ENXIO;
	if (!bus_may_see(c, current_cred(), of)) {
		bus_conn_put(of);
		return -ENXIO;
	}
	*out = of;
	return 0;
}

/* registry held, as the names of @of must stay. */
static int describe(struct bus_conn *c, struct bus_conn *of, u64 mask, struct kdbus_info **out)
{
	struct bus_meta_source src = {
		.task = of->meta, .names = &of->names, .description = of->description};
	struct kdbus_info *info;
	size_t meta;

	mask &= READ_ONCE(of->attach_send) & ~(u64)KDBUS_ATTACH_TIMESTAMP;
	meta = bus_meta_size(&src, mask, &c->view);
	info = kvmalloc(sizeof(*info) + meta, GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	info->id = of->id;
	info->flags = of->flags;
	info->size = sizeof(*info) + bus_meta_write(&src, mask, &c->view, info->items, meta);
	*out = info;
	return 0;
}

static int conn_info(struct bus_conn *c, const struct bus_args *a)
{
	struct kdbus_cmd_info *cmd = (void *)a->cmd;
	struct kdbus_info *info = NULL;
	struct bus_conn *of;
	u64 mask;
	int err = bus_attach_flags(cmd->attach_flags, &mask);

	if (err)
		return err;
	rwsem_read_lock(&c->bus->registry);
	err = find_subject(c, cmd, a->found[1], &of);
	if (!err) {
		err = describe(c, of, mask, &info);
		bus_conn_put(of);
	}
	rwsem_read_unlock(&c->bus->registry);
	if (!err)
		err = bus_pool_answer(c, info, info->size, &cmd->offset);
	if (!err)
		cmd->info_size = info->size;
	kvfree(info);
	return err ? err : bus_args_tell(a, &cmd->offset, 2 * sizeof(u64));
}

int bus_cmd_conn_info(struct bus_conn *c, void __user *user)
{
	struct bus_args a;
	int err = bus_args_begin(&a, &info_rule, user);

	if (!err)
		err = conn_info(c, &a);
	return bus_args_end(&a, err);
}

/* ---- LIST ---- */

static const struct bus_item_rule list_items[] = {{KDBUS_ITEM_NEGOTIATE}};
static const struct bus_args_rule list_rule = {
	.head = sizeof(struct kdbus_cmd_list),
	.flags = KDBUS_LIST_UNIQUE | KDBUS_LIST_NAMES | KDBUS_LIST_ACTIVATORS | KDBUS_LIST_QUEUED,
	.count = ARRAY_SIZE(list_items),
	.items = list_items,
};

static bool may_see(void *ctx, const struct bus_name *n)
{
	return bus_may_see_name(ctx, current_cred(), n->text);
}

/* registry held: the two times that it is called it says the same. */
static size_t list_all(struct bus_conn *c, u64 flags, u8 *buf)
{
	struct bus_conn *of;
	size_t size = 0;

	list_for_each_entry (of, &c->bus->all_conns, bus_link) {
		if (!bus_conn_is_monitor(of))
			size += bus_name_list(&of->names, of->flags, flags, may_see, c,
					      buf ? buf + size : NULL);
	}
	return size;
}

static int list(struct bus_conn *c, const struct bus_args *a)
{
	struct kdbus_cmd_list *cmd = (void *)a->cmd;
	u8 *buf = NULL;
	size_t size;
	int err = 0;

	rwsem_read_lock(&c->bus->registry);
	size = list_all(c, cmd->flags, NULL);
	if (size > c->pool_size)
		err = -EXFULL;
	else if (size)
		buf = kvmalloc(size, GFP_KERNEL);
	if (buf)
		list_all(c, cmd->flags, buf);
	rwsem_read_unlock(&c->bus->registry);
	if (!err && size && !buf)
		err = -ENOMEM;
	cmd->offset = c->pool_size;
	cmd->list_size = size;
	if (!err && size)
		err = bus_pool_answer(c, buf, size, &cmd->offset);
	kvfree(buf);
	return err ? err : bus_args_tell(a, &cmd->offset, 2 * sizeof(u64));
}

int bus_cmd_list(struct bus_conn *c, void __user *user)
{
	struct bus_args a;
	int err = bus_args_begin(&a, &list_rule, user);

	if (!err)
		err = list(c, &a);
	return bus_args_end(&a, err);
}
