/* The kernel's memory for the pure parts of the bus. */
#include "mem_impl.h"

#include <kernel/rcu/rcu.h>
#include <kernel/slab/slab.h>

static void *alloc_zeroed(size_t size)
{
	return kvmalloc(size, GFP_KERNEL | GFP_ZERO);
}

static void free_now(void *p)
{
	kvfree(p);
}

static void free_head(struct rcu_head *head)
{
	kvfree(head);
}

/* What may be large begins with its head. */
static void free_late(struct rcu_head *head, void *p)
{
	if ((void *)head == p)
		rcu_call(head, free_head);
	else
		rcu_kfree(head, p);
}

const struct bus_mem bus_mem_kernel = {
	.alloc = alloc_zeroed,
	.free = free_now,
	.free_late = free_late,
	.wait_readers = rcu_synchronize,
};
