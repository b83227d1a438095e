/*
 * Memory for the parts of the bus that are pure: the kernel gives them kmalloc and RCU, tests on
 * the host give them malloc and make it fail.
 */
#pragma once

#include <kern/rcuhead.h>
#include <kern/types.h>

struct bus_mem {
	void *(*alloc)(size_t size); /* zeroed; NULL: there is none; may sleep */
	void (*free)(void *p);	     /* NULL-safe; never published, or all readers are gone */
	/* After a grace period; @head lies in *@p, at its start if that may be more than a page. */
	void (*free_late)(struct rcu_head *head, void *p);
	void (*wait_readers)(void); /* a grace period; may sleep */
};

extern const struct bus_mem bus_mem_kernel; /* mem.c: kvmalloc, kvfree, rcu */
