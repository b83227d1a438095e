/* SPDX-License-Identifier: BSD-2-Clause */
/* A descriptor that ends a wait when it becomes readable. */
#include "bus_impl.h"

static int hook_wake(struct wait_entry *e, unsigned int mode, u32 key)
{
	struct bus_cancel *c = container_of(e, struct bus_cancel_hook, entry)->owner;

	(void)mode;
	if (key && !(key & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		return 0;
	smp_store_release(&c->fired, true);
	return sched_wake(c->task, TASK_NORMAL);
}

static void hook_queue(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	struct bus_cancel *c = container_of(pt, struct bus_cancel, table);
	struct bus_cancel_hook *h;

	(void)f;
	/* Nothing has as many: then it is looked at when something else wakes. */
	if (WARN_ON(c->count >= ARRAY_SIZE(c->hook)))
		return;
	h = &c->hook[c->count++];
	wait_entry_init(&h->entry, hook_wake);
	h->queue = q;
	h->owner = c;
	wait_add(q, &h->entry);
}

bool bus_cancel_begin(struct bus_cancel *c, struct file *f)
{
	memset(c, 0, sizeof(*c));
	c->table.queue = hook_queue;
	c->table.wanted = EPOLLIN;
	c->file = f;
	c->task = current;
	return poll_file(f, &c->table) & EPOLLIN;
}

bool bus_cancel_look(struct bus_cancel *c)
{
	WRITE_ONCE(c->fired, false);
	smp_mb();
	return poll_file(c->file, NULL) & EPOLLIN;
}

void bus_cancel_end(struct bus_cancel *c)
{
	for (u32 i = 0; i < c->count; i++)
		wait_remove(c->hook[i].queue, &c->hook[i].entry);
}
