/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands: copied once, judged, answered. What is in the copy is what counts; a program that
 * changes its structure meanwhile changes nothing but its own answer.
 */
#include "bus_impl.h"

#include <kernel/uaccess/uaccess.h>

static int copy_in(struct bus_args *a, void __user *user)
{
	u64 size;

	if ((uptr)user & 7)
		return -EFAULT;
	if (get_user(size, (const u64 __user *)user))
		return -EFAULT;
	if (size < a->rule->head)
		return -EINVAL;
	if (size > BUS_COMMAND_MAX)
		return -EMSGSIZE;
	a->cmd = (void *)a->small;
	if (size > sizeof(a->small)) {
		a->cmd = kmalloc(size);
		if (!a->cmd)
			return -ENOMEM;
	}
	if (copy_from_user(a->cmd, user, size))
		return -EFAULT;
	a->items = (u8 *)a->cmd + a->rule->head;
	a->items_size = size - a->rule->head;
	return a->cmd->size == size ? 0 : -EINVAL;
}

/* A place in the user's structure. */
static void __user *user_at(const struct bus_args *a, const void *part)
{
	return (u8 __user *)a->user + ((const u8 *)part - (const u8 *)a->cmd);
}

static int negotiate(struct bus_args *a)
{
	struct kdbus_item *i = a->found[0];
	u64 flags = a->rule->flags;

	if (a->cmd->flags & KDBUS_FLAG_NEGOTIATE &&
	    copy_to_user(user_at(a, &a->cmd->flags), &flags, sizeof(flags)))
		return -EFAULT;
	if (!i)
		return 0;
	for (u64 n = 0; n < bus_item_payload(i) / sizeof(u64); n++) {
		u64 none = 0;

		if (bus_items_known(i->data64[n], a->rule->items, a->rule->count))
			continue;
		if (copy_to_user(user_at(a, &i->data64[n]), &none, sizeof(none)))
			return -EFAULT;
	}
	return 0;
}

int bus_args_begin(struct bus_args *a, const struct bus_args_rule *rule, void __user *user)
{
	int err;

	a->rule = rule;
	a->user = user;
	a->cmd = NULL;
	err = copy_in(a, user);
	if (err) {
		/* Nothing is known of the structure, so nothing is written to it. */
		if (a->cmd != (void *)a->small)
			kfree(a->cmd);
		a->cmd = NULL;
		return err;
	}
	if (!rule->message)
		a->cmd->return_flags = 0;
	if (a->cmd->flags & ~(rule->flags | KDBUS_FLAG_NEGOTIATE))
		return -EINVAL;
	err = bus_items_judge(a->items, a->items_size, rule->items, rule->count, a->found);
	if (!err)
		err = negotiate(a);
	if (err)
		return err;
	if (a->cmd->flags & KDBUS_FLAG_NEGOTIATE)
		return 1;
	return bus_items_complete(rule->items, rule->count, a->found) ? 0 : -EINVAL;
}

int bus_args_end(struct bus_args *a, int err)
{
	if (!a->cmd)
		return err;
	if (!a->rule->message &&
	    put_user(a->cmd->return_flags, (u64 __user *)user_at(a, &a->cmd->return_flags)))
		err = -EFAULT;
	if (a->cmd != (void *)a->small)
		kfree(a->cmd);
	a->cmd = NULL;
	return err < 0 ? err : 0;
}

int bus_args_tell(const struct bus_args *a, const void *part, size_t size)
{
	return copy_to_user(user_at(a, part), part, size) ? -EFAULT : 0;
}

int bus_attach_flags(u64 given, u64 *out)
{
	/* Whoever sets bit 63 wants all that there is, now and later. */
	if (given == _KDBUS_ATTACH_ANY)
		given = _KDBUS_ATTACH_ALL;
	if (given & ~(u64)_KDBUS_ATTACH_ALL)
		return -EINVAL;
	*out = given;
	return 0;
}
