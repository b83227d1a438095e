/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools: the memory that a connection receives into. A file in memory, which the owner maps for
 * reading; pages come when something is written to them. Which bytes are given out is the room's
 * business (slice.c), under conn->lock; the bytes of a range are written without a lock by the one
 * that has it.
 */
#include "bus_impl.h"

#include <kernel/mm/mm.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/vfs/vfs.h>

int bus_pool_init(struct bus_conn *c, u64 size)
{
	char *name = kasprintf("kdbus-conn%s%s", c->description ? ":" : "",
			       c->description ? c->description : "");
	int err;

	if (!name)
		return -ENOMEM;
	err = vfs_memory_file ? vfs_memory_file(name, (loff_t)size, 0600, &c->pool) : -ENOSYS;
	kfree(name);
	if (err)
		return err;
	c->pool_size = size;
	bus_room_init(&c->room, size);
	return 0;
}

void bus_pool_destroy(struct bus_conn *c)
{
	struct bus_range *g, *next;

	if (!c->pool)
		return;
	list_for_each_entry_safe (g, next, &c->room.ranges, link) {
		if (g != &c->room.first)
			kfree(g);
	}
	list_for_each_entry_safe (g, next, &c->room.spare, link) {
		if (g != &c->room.first)
			kfree(g);
	}
	file_put(c->pool);
}

/* What is wanted by nobody goes back. */
static void settle(struct bus_conn *c, struct bus_range *g)
{
	if (g->kernel || g->user)
		return;
	bus_room_give(&c->room, g);
	while ((g = bus_room_surplus(&c->room, false)))
		kfree(g);
}

void bus_pool_drop(struct bus_conn *c, struct bus_range *g)
{
	g->kernel = false;
	settle(c, g);
}

int bus_pool_write(struct bus_conn *c, u64 at, struct uio *u)
{
	size_t size = u->left;
	loff_t pos = (loff_t)at;
	ssize_t done;

	if (!size)
		return 0;
	done = pagecache_write(c->pool->cache, u, &pos);
	if (done < 0)
		return (int)done;
	return (size_t)done == size ? 0 : -EFAULT;
}

int bus_pool_write_kernel(struct bus_conn *c, u64 at, const void *data, size_t size)
{
	struct uio u;

	uio_init_kernel(&u, true, (void *)(uptr)data, size);
	return bus_pool_write(c, at, &u);
}

int bus_pool_copy(struct bus_conn *to, u64 to_at, struct bus_conn *from, u64 from_at, u64 size)
{
	while (size) {
		u64 offset = from_at & ~PAGE_MASK;
		size_t n = min(size, PAGE_SIZE - offset);
		struct folio *f;
		int err = pagecache_get(from->pool->cache, from_at >> PAGE_SHIFT, false, &f);

		if (err)
			return err;
		err = bus_pool_write_kernel(
			to, to_at,
			(u8 *)frame_to_virt(folio_frame(f, from_at >> PAGE_SHIFT)) + offset, n);
		folio_put(f);
		if (err)
			return err;
		to_at += n;
		from_at += n;
		size -= n;
	}
	return 0;
}

static int take(struct bus_conn *c, u64 size, struct bus_range **out)
{
	struct bus_range *fresh = NULL;
	int err;

	for (;;) {
		spin_lock(&c->lock);
		err = bus_room_take(&c->room, BUS_ALIGN8(size), &fresh, out);
		spin_unlock(&c->lock);
		if (err != -EAGAIN)
			break;
		fresh = kzalloc(sizeof(*fresh));
		if (!fresh)
			return -ENOMEM;
	}
	kfree(fresh);
	return err;
}

int bus_pool_answer(struct bus_conn *c, const void *data, size_t size, u64 *offset)
{
	struct bus_range *g;
	int err = take(c, size, &g);

	if (err)
		return err;
	err = bus_pool_write_kernel(c, g->offset, data, size);
	spin_lock(&c->lock);
	if (!err) {
		*offset = g->offset;
		g->user = true;
	}
	bus_pool_drop(c, g);
	spin_unlock(&c->lock);
	return err;
}

int bus_pool_mmap(struct bus_conn *c, struct vma *vma)
{
	if (vma->flags & VM_WRITE)
		return -EPERM;
	if (vma->end - vma->start > c->pool_size)
		return -EFAULT;
	vma->flags &= ~VM_MAYWRITE;
	/* The pool's file stands for the mapping from now on: it may outlive the connection. */
	file_put(vma->file);
	vma->file = file_get(c->pool);
	vma->cache = c->pool->cache;
	return 0;
}

static const struct bus_item_rule free_items[] = {{KDBUS_ITEM_NEGOTIATE}};
static const struct bus_args_rule free_rule = {
	.head = sizeof(struct kdbus_cmd_free),
	.count = ARRAY_SIZE(free_items),
	.items = free_items,
};

static int free_at(struct bus_conn *c, u64 offset)
{
	struct bus_range *g;
	int err = -ENXIO;

	/* What an empty answer is told to be at. */
	if (offset == c->pool_size)
		return 0;
	spin_lock(&c->lock);
	g = bus_room_find(&c->room, offset);
	if (g && g->user && g->kernel) {
		err = -EINVAL; /* only peeked at: it is a message in the queue still */
	} else if (g && g->user) {
		g->user = false;
		settle(c, g);
		err = 0;
	}
	spin_unlock(&c->lock);
	return err;
}

int bus_cmd_free(struct bus_conn *c, void __user *user)
{
	struct bus_args a;
	int err;

	if (bus_conn_is_holder(c))
		return -EOPNOTSUPP;
	err = bus_args_begin(&a, &free_rule, user);
	if (!err)
		err = free_at(c, ((struct kdbus_cmd_free *)a.cmd)->offset);
	return bus_args_end(&a, err);
}
