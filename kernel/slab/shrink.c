/*
 * Memory of the caches that nobody uses, given back when nothing else is to be had: the magazines
 * of all CPUs, and empty slabs.
 *
 * A CPU uses its magazines with interrupts off and no lock, so each is asked, by an interrupt, to
 * part with them; what is in them is put back here.  Magazines are made anew as they are missed.
 */
#include "slab_impl.h"

#include <asm/cpu.h>
#include <asm/cpumask.h>
#include <asm/smp.h>

/* Interrupts off. */
static void part_with_magazines(void *arg)
{
	struct slab_magazine **all = arg, *m;

	for (struct slab_cache *c = READ_ONCE(slab_caches); c; c = READ_ONCE(c->next)) {
		m = c->cpu[cpu_id()];
		if (!m)
			continue;
		WRITE_ONCE(c->cpu[cpu_id()], NULL);
		m->cache = c;
		m->next = __atomic_load_n(all, __ATOMIC_RELAXED);
		while (!__atomic_compare_exchange_n(all, &m->next, m, false, __ATOMIC_RELEASE,
						    __ATOMIC_RELAXED))
			;
	}
}

static void free_magazine(struct rcu_head *head)
{
	kfree(container_of(head, struct slab_magazine, rcu));
}

/* Frames of what is on @dead, which is given back. */
static u64 discard(struct slab_cache *c, struct list_head *dead)
{
	struct list_head *at;
	u64 slabs = 0;

	list_for_each(at, dead) slabs++;
	slab_discard_all(dead);
	return slabs << c->order;
}

static u64 empty_magazine(struct slab_magazine *m)
{
	struct slab_cache *c = m->cache;
	LIST_HEAD(dead);
	unsigned long irq = spin_lock_irqsave(&c->lock);

	slab_give(c, m->obj, m->count, &dead);
	spin_unlock_irqrestore(&c->lock, irq);
	rcu_call(&m->rcu, free_magazine); /* figures may be looking at it */
	return discard(c, &dead);
}

static u64 drop_empty_slabs(struct slab_cache *c)
{
	struct slab *s, *n;
	LIST_HEAD(dead);

	if (!READ_ONCE(c->empty))
		return 0;
	unsigned long irq = spin_lock_irqsave(&c->lock);

	list_for_each_entry_safe (s, n, &c->partial, link) {
		if (s->free < c->objs)
			continue;
		c->empty--;
		c->slabs--;
		c->free_objs -= c->objs;
		list_move(&s->link, &dead);
	}
	spin_unlock_irqrestore(&c->lock, irq);
	return discard(c, &dead);
}

u64 slab_shrink(u64 want)
{
	struct slab_magazine *all = NULL, *m;
	u64 got = 0;

	(void)want;
	/* No cache goes away meanwhile; its end waits for us, and we for nobody. */
	if (!mutex_trylock(&slab_caches_lock))
		return 0;
	smp_call(cpu_online_mask, part_with_magazines, &all, true);
	while ((m = all)) {
		all = m->next;
		got += empty_magazine(m);
	}
	for (struct slab_cache *c = READ_ONCE(slab_caches); c; c = READ_ONCE(c->next))
		got += drop_empty_slabs(c);
	mutex_unlock(&slab_caches_lock);
	return got;
}

static struct frame_shrinker shrinker = {.name = "slabs", .shrink = slab_shrink, .last = true};

void slab_shrink_init(void)
{
	frame_register_shrinker(&shrinker);
}
