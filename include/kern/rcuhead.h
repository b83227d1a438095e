/*
 * The parts of RCU that data structures need: the head embedded in an object whose freeing is
 * deferred, and publication and reading of pointers. Grace periods are kernel/rcu's.
 */
#pragma once

#include <kern/atomic.h>

struct rcu_head {
	struct rcu_head *next;
	void (*fn)(struct rcu_head *head);
};

/* Publishes @v in @p: who reads it through rcu_dereference sees *@v initialised. */
#define rcu_assign_pointer(p, v) smp_store_release(&(p), v)
/* Reads a published pointer; the dependency orders the accesses through it. */
#define rcu_dereference(p) READ_ONCE(p)
/* The same by a writer that holds the lock, or before publication. */
#define rcu_dereference_protected(p) (p)
#define RCU_INIT_POINTER(p, v) WRITE_ONCE(p, v)
