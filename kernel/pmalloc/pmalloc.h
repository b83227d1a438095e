/*
 * Protectable memory: objects that are written while they are made and never again.
 *
 * They are allocated from a pool, filled, and protected with all of their pool; from then on no
 * mapping of the kernel lets a write through, and a write is a fault that kills the task.  A pool
 * can only be given back as a whole.
 *
 *	pmalloc_create("policy", &pool); t = pmalloc_alloc(pool, sizeof(*t)); t->... = ...;
 *	pmalloc_protect(pool);
 *
 * All may sleep but pmalloc_write() and pmalloc_is_protected().
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

struct pmalloc_pool;

/* After the slab: the first pool may be made. */
void pmalloc_init(void);

/*
 * @name, which the pool keeps, is its directory below /sys/kernel/pmalloc (no lock may be held
 * then); NULL: it has none. -ENOMEM.
 */
int pmalloc_create(const char *name, struct pmalloc_pool **out) __must_check;
/* Zeroed, aligned to 16 bytes.  Beside a protected object if the pool is protected already: in
 * memory of its own, writable until the next pmalloc_protect(). */
void *pmalloc_alloc(struct pmalloc_pool *p, size_t size) __malloc __must_check;
/* NULL also if n * size overflows. */
void *pmalloc_array(struct pmalloc_pool *p, size_t n, size_t size) __must_check;
char *pmalloc_strdup(struct pmalloc_pool *p, const char *s) __must_check;
/* What was allocated can no more be written, for as long as the pool lives.  Whoever still writes
 * to it meanwhile faults.  One flush of all CPUs, however large; none if nothing is new. */
void pmalloc_protect(struct pmalloc_pool *p);
/* Nobody uses its objects any more.  NULL is a no-op. */
void pmalloc_destroy(struct pmalloc_pool *p);

/* Is every byte read-only memory of the kernel: of a protected pool, or a constant? */
bool pmalloc_is_protected(const void *p, size_t len);
/*
 * The rare write: changes protected bytes of @p, in any context but NMI.  Readers see an aligned
 * word of 8, 4, 2 or 1 bytes old or new; more than that needs the caller's lock.  -EINVAL: they are
 * not protected bytes of the pool.
 */
int pmalloc_write(struct pmalloc_pool *p, void *to, const void *from, size_t len) __must_check;

struct pmalloc_stats {
	size_t size, avail; /* bytes: in all, not given out */
	size_t chunks;
	u64 flushes; /* of all CPUs, by pmalloc_protect() */
};
void pmalloc_stats(struct pmalloc_pool *p, struct pmalloc_stats *out);
