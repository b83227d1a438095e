/* Shared anonymous memory: a page cache without a file, kept by the VMAs that map it. */
#include "mm_impl.h"

#include <kernel/pagecache/pagecache.h>
#include <kernel/slab/slab.h>

struct shared {
	u32 refs;  /* atomic */
	u64 pages; /* committed */
	struct pagecache cache;
};

int mm_shared_create(u64 pages, struct pagecache **out)
{
	struct shared *s = kmalloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	int err = mm_commit(pages);

	if (err) {
		kfree(s);
		return err;
	}
	s->refs = 1;
	s->pages = pages;
	pagecache_init(&s->cache, NULL, NULL, PAGECACHE_MEMORY);
	*out = &s->cache;
	return 0;
}

void mm_shared_get(struct pagecache *pc)
{
	__atomic_fetch_add(&container_of(pc, struct shared, cache)->refs, 1, __ATOMIC_RELAXED);
}

void mm_shared_put(struct pagecache *pc)
{
	struct shared *s = container_of(pc, struct shared, cache);

	if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	pagecache_destroy(pc);
	mm_uncommit(s->pages);
	kfree(s);
}
