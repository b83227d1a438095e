/*
 * Places for published credentials, in a pool of protectable memory.
 *
 * A place is protected before it is used, filled by a rare write each time that credentials are
 * published, and used again when nobody looks at them any more.  So no moment exists in which an
 * ordinary write gets at credentials that count.  Places come in growing groups and stay: there
 * are as many as there once were different credentials at a time.
 */
#include <kernel/cred/cred_impl.h>

#include <asm/page.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/lock/lock.h>
#include <kernel/panic/panic.h>
#include <kernel/pmalloc/pmalloc.h>
#include <kernel/slab/slab.h>

#define GROUP_PAGES_MAX 64u

static struct pmalloc_pool *pool __ro_after_init;
static struct mutex grow_lock;	 /* LK_CRED */
static unsigned int group_pages; /* of the next group; grow_lock */
static struct spinlock free_lock = SPINLOCK_INIT(LK_SPIN_LEAF);
static struct cred_head *free_heads; /* free_lock */

static bool take(struct cred_head **out)
{
	spin_lock(&free_lock);
	struct cred_head *h = free_heads;

	if (h)
		free_heads = h->next;
	spin_unlock(&free_lock);
	*out = h;
	return h;
}

static void give(struct cred_head *first, struct cred_head *last)
{
	spin_lock(&free_lock);
	last->next = free_heads;
	free_heads = first;
	spin_unlock(&free_lock);
}

/* grow_lock held. */
static int grow(void)
{
	size_t n = group_pages * PAGE_SIZE / sizeof(struct cred);
	struct cred_head *heads = alloc_array(n, sizeof(*heads));
	struct cred *places = heads ? pmalloc_array(pool, n, sizeof(*places)) : NULL;

	if (!places) {
		kfree(heads);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		places[i].head = &heads[i];
		heads[i].cred = &places[i];
		heads[i].next = &heads[i + 1];
	}
	pmalloc_protect(pool);
	group_pages = min(group_pages * 2, GROUP_PAGES_MAX);
	give(&heads[0], &heads[n - 1]);
	return 0;
}

int cred_place_take(struct cred_head **out)
{
	if (likely(take(out)))
		return 0;
	guard(mutex)(&grow_lock);
	while (!take(out)) {
		int err = grow();

		if (err)
			return err;
	}
	return 0;
}

void cred_place_fill(const struct cred_head *h, const struct cred *from)
{
	/* A place is what pmalloc_write() asks for. */
	BUG_ON(pmalloc_write(pool, (void *)(unsigned long)h->cred, from,
			     offsetof(struct cred, head)));
}

void cred_place_give(struct cred_head *h)
{
	give(h, h);
}

static void __init places_init(void)
{
	mutex_init(&grow_lock, LK_CRED);
	group_pages = 1;
	if (pmalloc_create("cred", &pool))
		panic("No memory for a pool of credentials");
}
INITCALL(places_init);
