/*
 * Pools of protectable memory.
 *
 * A pool is a list of chunks: runs of frames of the arena, mapped at addresses of their own.  The
 * direct map shows them read-only from the beginning, so the chunk's own mapping is the only one
 * that lets writes through, and protecting a pool takes the permission away there.  Objects are cut
 * from the newest chunk without a lock: the offset only grows, and whoever gets an offset behind
 * the end makes a new chunk.
 */
#include "pmalloc_impl.h"

#include <asm/page.h>
#include <asm/protect.h>
#include <asm/tlb.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/overflow.h>
#include <kern/string.h>
#include <kernel/frame/frame.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/vmap/vmap.h>

#define ALIGN_BYTES 16u
#define CHUNK_PAGES_MAX 8u /* unless one object needs more */

struct chunk {
	struct list_head link; /* pool->lock */
	char *base;	       /* [I] */
	size_t size;	       /* [I] */
	size_t used;	       /* atomic; may be beyond size */
	bool protected;	       /* pool->lock */
	struct arena_block *block;
	struct frame *frames;
};

struct pmalloc_pool {
	struct chunk *current; /* atomic: objects are cut from it; NULL: none */
	struct mutex lock;     /* LK_PMALLOC */
	struct list_head chunks;
	size_t next_pages;
	u64 flushes;
	const char *name;
	char path[64];
	struct sysfs_group group;
};

/* ---- /sys/kernel/pmalloc ---- */

static int show_avail(struct seq *s, void *ctx)
{
	struct pmalloc_stats st;

	pmalloc_stats(ctx, &st);
	seq_printf(s, "%zu\n", st.avail);
	return 0;
}

static int show_size(struct seq *s, void *ctx)
{
	struct pmalloc_stats st;

	pmalloc_stats(ctx, &st);
	seq_printf(s, "%zu\n", st.size);
	return 0;
}

static int show_chunks(struct seq *s, void *ctx)
{
	struct pmalloc_stats st;

	pmalloc_stats(ctx, &st);
	seq_printf(s, "%zu\n", st.chunks);
	return 0;
}

static const struct sysfs_attr pool_attrs[] = {
	{"avail", 0400, show_avail, NULL},
	{"size", 0400, show_size, NULL},
	{"chunks", 0400, show_chunks, NULL},
	{.name = NULL},
};

/* ---- pools and chunks ---- */

void pmalloc_init(void)
{
	arena_init();
}

int pmalloc_create(const char *name, struct pmalloc_pool **out)
{
	struct pmalloc_pool *p = kzalloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	mutex_init(&p->lock, LK_PMALLOC);
	list_init(&p->chunks);
	p->next_pages = 1;
	p->name = name;
	if (name) {
		snprintf(p->path, sizeof(p->path), "kernel/pmalloc/%s", name);
		p->group = (struct sysfs_group){.path = p->path, .attrs = pool_attrs, .ctx = p};
		sysfs_group_add(&p->group);
	}
	*out = p;
	return 0;
}

static struct chunk *chunk_make(size_t pages)
{
	struct chunk *c = kzalloc(sizeof(*c));

	if (!c)
		return NULL;
	if (arena_take(pages, &c->block, &c->frames)) {
		kfree(c);
		return NULL;
	}
	c->size = pages << PAGE_SHIFT;
	c->base = vmap_frames(c->frames, pages, "pmalloc");
	if (!c->base) {
		arena_give(c->block, c->frames, pages);
		kfree(c);
		return NULL;
	}
	memset(c->base, 0, c->size);
	return c;
}

static void *cut(struct chunk *c, size_t size)
{
	size_t at;

	if (!c)
		return NULL;
	at = __atomic_fetch_add(&c->used, size, __ATOMIC_RELAXED);
	return at <= c->size && c->size - at >= size ? c->base + at : NULL;
}

static noinline void *alloc_slow(struct pmalloc_pool *p, size_t size)
{
	size_t pages = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	struct chunk *c;
	void *obj;

	guard(mutex)(&p->lock);
	/* Somebody else was here first? */
	obj = cut(p->current, size);
	if (obj)
		return obj;
	c = chunk_make(max(pages, p->next_pages));
	if (!c)
		return NULL;
	p->next_pages = min_t(size_t, p->next_pages * 2, CHUNK_PAGES_MAX);
	list_add(&c->link, &p->chunks);
	obj = cut(c, size);
	__atomic_store_n(&p->current, c, __ATOMIC_RELEASE);
	return obj;
}

void *pmalloc_alloc(struct pmalloc_pool *p, size_t size)
{
	size_t bytes = (size + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
	void *obj;

	if (unlikely(bytes < size || !size || bytes > PAGE_SIZE << FRAME_ORDER_MAX ||
		     slab_should_fail()))
		return NULL;
	obj = cut(__atomic_load_n(&p->current, __ATOMIC_ACQUIRE), bytes);
	return likely(obj) ? obj : alloc_slow(p, bytes);
}

void *pmalloc_array(struct pmalloc_pool *p, size_t n, size_t size)
{
	size_t bytes;

	return check_mul_overflow(n, size, &bytes) ? NULL : pmalloc_alloc(p, bytes);
}

char *pmalloc_strdup(struct pmalloc_pool *p, const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = pmalloc_alloc(p, size);

	if (copy)
		memcpy(copy, s, size);
	return copy;
}

void pmalloc_protect(struct pmalloc_pool *p)
{
	unsigned long lo = ~0ul, hi = 0;
	struct chunk *c;

	guard(mutex)(&p->lock);
	__atomic_store_n(&p->current, NULL, __ATOMIC_RELEASE);
	list_for_each_entry (c, &p->chunks, link) {
		if (c->protected)
			continue;
		vmap_write_protect(c->base, c->size >> PAGE_SHIFT);
		c->protected = true;
		lo = min(lo, (unsigned long)c->base);
		hi = max(hi, (unsigned long)c->base + c->size);
	}
	if (hi) {
		tlb_flush_kernel(lo, hi);
		p->flushes++;
	}
}

void pmalloc_destroy(struct pmalloc_pool *p)
{
	struct chunk *c, *next;

	if (!p)
		return;
	if (p->name)
		sysfs_group_remove(&p->group);
	/* The addresses wait for a flush anyway; the frames would not. */
	pmalloc_protect(p);
	list_for_each_entry_safe (c, next, &p->chunks, link) {
		vunmap_frames(c->base);
		arena_give(c->block, c->frames, c->size >> PAGE_SHIFT);
		kfree(c);
	}
	kfree(p);
}

/* ---- protected memory ---- */

bool pmalloc_is_protected(const void *p, size_t len)
{
	return arch_is_read_only(p, len);
}

/* No lock: chunks of a pool are only added, at the head. */
static bool in_pool(struct pmalloc_pool *p, const char *to, size_t len)
{
	for (const struct list_head *at = READ_ONCE(p->chunks.next); at != &p->chunks;
	     at = READ_ONCE(at->next)) {
		const struct chunk *c = container_of(at, const struct chunk, link);

		if ((unsigned long)to - (unsigned long)c->base < c->size)
			return len <= c->size - (size_t)(to - c->base);
	}
	return false;
}

int pmalloc_write(struct pmalloc_pool *p, void *to, const void *from, size_t len)
{
	if (!len || !in_pool(p, to, len) || !pmalloc_is_protected(to, len))
		return -EINVAL;
	return arch_poke(to, from, len);
}

void pmalloc_stats(struct pmalloc_pool *p, struct pmalloc_stats *out)
{
	struct chunk *c;

	*out = (struct pmalloc_stats){};
	guard(mutex)(&p->lock);
	list_for_each_entry (c, &p->chunks, link) {
		size_t used = min(READ_ONCE(c->used), c->size);

		out->chunks++;
		out->size += c->size;
		if (!c->protected)
			out->avail += c->size - used;
	}
	out->flushes = p->flushes;
}
