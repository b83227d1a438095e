/*
 * Typed object caches.
 *
 * A slab is a block of frames cut into objects; a bitmap in its descriptor says which are free.
 * In front of the slabs each CPU has a magazine, a small stack of free objects that is used with
 * interrupts off, so that alloc and free are a dozen instructions; half a magazine moves at a time
 * between it and the slabs under the cache's lock.  Small objects have the descriptor in the slab
 * itself; large ones have it apart, so that powers of two waste nothing.
 *
 * The frame descriptor's owner is the slab, which is how slab_free() and kfree() find it.
 */
#include "slab_impl.h"

#include <asm/cpu.h>
#include <asm/irqflags.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/kasan/kasan.h>
#include <kernel/panic/panic.h>
#include <asm/cpumask.h>

#define EMPTY_KEPT 2u	/* slabs without objects that a cache keeps */
#define INSIDE_MAX 512u /* largest object with the descriptor in the slab */
#define SLAB_ORDER_MAX 3u
#define GFP_NO_MAGAZINE 0x80000000u /* the allocation is for a magazine: do not make another */

static struct spinlock list_lock = SPINLOCK_INIT(LK_SLAB);
struct mutex slab_caches_lock;
struct slab_cache *slab_caches;
static struct slab_cache **caches_end = &slab_caches;

static size_t header_size(unsigned int objs)
{
	return sizeof(struct slab) + (objs + 63) / 64 * sizeof(u64);
}

static unsigned int objs_inside(size_t bytes, size_t stride, size_t align, size_t *offset)
{
	unsigned int n = (unsigned int)min_t(size_t, bytes / stride, SLAB_MAX_OBJS);

	for (; n; n--) {
		*offset = (header_size(n) + align - 1) & ~(align - 1);
		if (*offset + n * stride <= bytes)
			break;
	}
	return n;
}

static void choose_layout(struct slab_cache *c, size_t align)
{
	for (unsigned int order = 0;; order++) {
		size_t bytes = PAGE_SIZE << order, offset = 0;
		unsigned int n;

		c->header_inside = c->stride <= INSIDE_MAX;
		if (c->header_inside)
			n = objs_inside(bytes, c->stride, align, &offset);
		else
			n = (unsigned int)min_t(size_t, bytes / c->stride, SLAB_MAX_OBJS);
		size_t waste = bytes - offset - n * c->stride;

		c->order = (u8)order;
		c->offset = (u16)offset;
		c->objs = (u16)n;
		if (order == SLAB_ORDER_MAX || (n >= 8 && waste <= bytes / 8))
			return;
	}
}

int slab_cache_setup(struct slab_cache *c, const char *name, size_t size, size_t align, u32 flags,
		     void (*ctor)(void *obj))
{
	if (flags & SLAB_ALIGN_CACHELINE)
		align = max_t(size_t, align, CACHE_LINE_SIZE);
	align = max_t(size_t, align, 8);
	if (!size || size > (PAGE_SIZE << SLAB_ORDER_MAX) / 2 || align & (align - 1))
		return -EINVAL;
	memset(c, 0, sizeof(*c));
	c->name = name;
	c->size = (u32)size;
	c->stride = (u32)((size + KASAN_REDZONE_SIZE + align - 1) & ~(align - 1));
	c->recip = (u32)(((1ull << 32) + c->stride - 1) / c->stride);
	c->flags = flags;
	c->ctor = ctor;
	c->magazine_cap = c->stride <= 256    ? 62
			  : c->stride <= 1024 ? 30
			  : c->stride <= 2048 ? 14
					      : 6;
	spin_init(&c->lock, LK_SLAB);
	list_init(&c->partial);
	choose_layout(c, align);

	unsigned long irq = spin_lock_irqsave(&list_lock);

	WRITE_ONCE(*caches_end, c);
	caches_end = &c->next;
	spin_unlock_irqrestore(&list_lock, irq);
	return 0;
}

int slab_cache_create(const char *name, size_t size, size_t align, u32 flags,
		      void (*ctor)(void *obj), struct slab_cache **out)
{
	struct slab_cache *c = kmalloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	int err = slab_cache_setup(c, name, size, align, flags, ctor);

	if (err)
		kfree(c);
	else
		*out = c;
	return err;
}

struct slab_cache *slab_cache_create_boot(const char *name, size_t size, size_t align, u32 flags)
{
	struct slab_cache *c;

	if (slab_cache_create(name, size, align, flags, NULL, &c))
		panic("cannot create slab cache %s", name);
	return c;
}

/* --- slabs --- */

static void slab_release(struct slab *s)
{
	struct slab_cache *c = s->cache;
	struct frame *f = virt_to_frame(s->base);

	f = frame_head(f);
	if (!c->header_inside)
		kfree(s);
	frame_put(f);
}

static void slab_release_rcu(struct rcu_head *head)
{
	slab_release(container_of(head, struct slab, rcu));
}

static void slab_discard(struct slab *s)
{
	if (s->cache->flags & SLAB_TYPESAFE_RCU)
		rcu_call(&s->rcu, slab_release_rcu);
	else
		slab_release(s);
}

static struct slab *slab_make(struct slab_cache *c, u32 gfp)
{
	struct frame *f = frame_alloc(c->order, FRAME_SLAB, gfp & ~GFP_ZERO);

	if (!f)
		return NULL;
	char *va = frame_to_virt(f);
	struct slab *s = (struct slab *)va;

	if (!c->header_inside) {
		s = kmalloc_gfp(header_size(c->objs), gfp & ~GFP_ZERO);
		if (!s) {
			frame_put(f);
			return NULL;
		}
	}
	s->cache = c;
	s->base = va + c->offset;
	s->free = c->objs;
	list_init(&s->link);
	for (unsigned int i = 0; i < c->objs; i += 64)
		s->map[i / 64] = c->objs - i >= 64 ? ~0ull : (1ull << (c->objs - i)) - 1;
	f->owner = s;
	if (c->ctor) {
		for (unsigned int i = 0; i < c->objs; i++)
			c->ctor(s->base + (size_t)i * c->stride);
	}
	if (!(c->flags & SLAB_TYPESAFE_RCU))
		kasan_poison(s->base, (PAGE_SIZE << c->order) - c->offset, KASAN_REDZONE);
	return s;
}

static struct slab *slab_of(const void *obj)
{
	struct frame *f = frame_head(virt_to_frame(obj));

	return f->type == FRAME_SLAB ? f->owner : NULL;
}

struct slab_cache *slab_cache_of(const void *p)
{
	struct slab *s = slab_of(p);

	return s ? s->cache : NULL;
}

/* c->lock held.  Takes up to @want free objects. */
static unsigned int take_objects(struct slab_cache *c, void **to, unsigned int want)
{
	unsigned int got = 0;

	while (got < want && !list_empty(&c->partial)) {
		struct slab *s = list_first_entry(&c->partial, struct slab, link);

		if (s->free == c->objs)
			c->empty--;
		for (unsigned int w = 0; w * 64 < c->objs && got < want; w++) {
			while (s->map[w] && got < want) {
				unsigned int bit = (unsigned int)__builtin_ctzll(s->map[w]);

				s->map[w] &= s->map[w] - 1;
				s->free--;
				to[got++] = s->base + (size_t)(w * 64 + bit) * c->stride;
			}
		}
		if (!s->free)
			list_del_init(&s->link);
	}
	c->free_objs -= got;
	return got;
}

void slab_give(struct slab_cache *c, void **from, unsigned int n, struct list_head *dead)
{
	c->free_objs += n;
	while (n--) {
		struct slab *s = slab_of(from[n]);
		u32 index = (u32)((u64)((char *)from[n] - s->base) * c->recip >> 32);
		u64 bit = 1ull << (index & 63);

		if (WARN_ON(s->map[index / 64] & bit)) {
			c->free_objs--;
			continue;
		}
		s->map[index / 64] |= bit;
		if (!s->free++)
			list_add(&s->link, &c->partial);
		if (s->free < c->objs)
			continue;
		if (c->empty < EMPTY_KEPT) {
			c->empty++;
			list_move_tail(&s->link, &c->partial);
			continue;
		}
		c->slabs--;
		c->free_objs -= c->objs;
		list_move(&s->link, dead);
	}
}

void slab_discard_all(struct list_head *dead)
{
	struct slab *s, *n;

	list_for_each_entry_safe (s, n, dead, link)
		slab_discard(s);
}

/* A magazine for this CPU, if it has none; its memory comes past the magazines. */
static void magazine_make(struct slab_cache *c)
{
	struct slab_magazine *m = kmalloc_gfp(sizeof(*m) + c->magazine_cap * sizeof(void *),
					      GFP_ATOMIC | GFP_NOWARN | GFP_NO_MAGAZINE);

	if (!m)
		return;
	m->count = 0;
	m->cap = c->magazine_cap;

	unsigned long irq = irqs_save();
	struct slab_magazine **at = &c->cpu[cpu_id()];

	if (!*at) {
		*at = m;
		m = NULL;
	}
	irqs_restore(irq);
	kfree(m);
}

static void *alloc_slow(struct slab_cache *c, u32 gfp)
{
	for (;;) {
		unsigned long irq = spin_lock_irqsave(&c->lock);
		struct slab_magazine *m = c->cpu[cpu_id()];
		void *obj = NULL;

		if (m && !m->count)
			m->count = take_objects(c, m->obj, m->cap / 2);
		if (m && m->count)
			obj = m->obj[--m->count];
		else
			(void)(take_objects(c, &obj, 1));
		spin_unlock_irqrestore(&c->lock, irq);
		if (obj) {
			if (!m && !(gfp & GFP_NO_MAGAZINE))
				magazine_make(c);
			return obj;
		}

		struct slab *s = slab_make(c, gfp);

		if (!s)
			return NULL;
		irq = spin_lock_irqsave(&c->lock);
		c->slabs++;
		c->free_objs += c->objs;
		c->empty++;
		list_add(&s->link, &c->partial);
		spin_unlock_irqrestore(&c->lock, irq);
	}
}

static void free_slow(struct slab_cache *c, void *obj)
{
	LIST_HEAD(dead);
	unsigned long irq = spin_lock_irqsave(&c->lock);
	struct slab_magazine *m = c->cpu[cpu_id()];

	if (m && m->count == m->cap) {
		unsigned int n = m->cap / 2;

		slab_give(c, m->obj, n, &dead);
		m->count -= n;
		memmove(m->obj, m->obj + n, m->count * sizeof(void *));
	}
	if (m)
		m->obj[m->count++] = obj;
	else
		slab_give(c, &obj, 1, &dead);
	spin_unlock_irqrestore(&c->lock, irq);
	slab_discard_all(&dead);
}

#ifdef CONFIG_KASAN
/*
 * Freed objects wait here before they can be reused, so that a use after free meets poison.
 */
#define QUARANTINE_SIZE 2048u
static void *quarantine[QUARANTINE_SIZE];
static u32 quarantine_next;

static void *quarantine_swap(struct slab_cache *c, void *obj)
{
	if (c->flags & SLAB_TYPESAFE_RCU)
		return obj;
	u32 at = __atomic_fetch_add(&quarantine_next, 1, __ATOMIC_RELAXED) % QUARANTINE_SIZE;

	return __atomic_exchange_n(&quarantine[at], obj, __ATOMIC_ACQ_REL);
}

static void free_now(struct slab_cache *c, void *obj);

/* A cache that ends gets its objects back. */
static void quarantine_drain(struct slab_cache *c)
{
	for (unsigned int i = 0; i < QUARANTINE_SIZE; i++) {
		void *obj = __atomic_load_n(&quarantine[i], __ATOMIC_ACQUIRE);

		if (obj && slab_cache_of(obj) == c &&
		    __atomic_compare_exchange_n(&quarantine[i], &obj, NULL, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			free_now(c, obj);
	}
}

static bool kasan_free_check(struct slab_cache *c, const void *obj)
{
	if (c->flags & SLAB_TYPESAFE_RCU)
		return true;
	if (!kasan_usable(obj)) {
		kasan_report(obj, 0, true, (unsigned long)__builtin_return_address(0));
		return false;
	}
	kasan_poison(obj, c->stride, KASAN_FREED);
	return true;
}
#else
static inline void quarantine_drain(struct slab_cache *c)
{
	(void)c;
}
static inline void *quarantine_swap(struct slab_cache *c, void *obj)
{
	(void)c;
	return obj;
}
static inline bool kasan_free_check(struct slab_cache *c, const void *obj)
{
	(void)c;
	(void)obj;
	return true;
}
#endif

void *slab_alloc(struct slab_cache *c, u32 gfp)
{
	void *obj = NULL;

	if (slab_should_fail())
		return NULL;
	unsigned long irq = irqs_save();
	struct slab_magazine *m = c->cpu[cpu_id()];

	if (likely(m && m->count))
		obj = m->obj[--m->count];
	irqs_restore(irq);
	if (unlikely(!obj)) {
		obj = alloc_slow(c, gfp);
		if (!obj)
			return NULL;
	}
	if (!(c->flags & SLAB_TYPESAFE_RCU))
		kasan_unpoison(obj, c->size);
	if (gfp & GFP_ZERO)
		memset(obj, 0, c->size);
	return obj;
}

static void free_now(struct slab_cache *c, void *obj)
{
	unsigned long irq = irqs_save();
	struct slab_magazine *m = c->cpu[cpu_id()];

	if (likely(m && m->count < m->cap)) {
		m->obj[m->count++] = obj;
		irqs_restore(irq);
		return;
	}
	irqs_restore(irq);
	free_slow(c, obj);
}

void slab_free(struct slab_cache *c, void *obj)
{
	if (!obj || !kasan_free_check(c, obj))
		return;
	ASSERT(slab_cache_of(obj) == c);
	obj = quarantine_swap(c, obj);
	if (KASAN_REDZONE_SIZE) {
		if (!obj)
			return;
		c = slab_cache_of(obj);
	}
	free_now(c, obj);
}

#ifdef CONFIG_KASAN
void slab_quarantine_empty(void)
{
	for (u32 i = 0; i < QUARANTINE_SIZE; i++) {
		void *obj = __atomic_exchange_n(&quarantine[i], NULL, __ATOMIC_ACQ_REL);

		if (obj)
			free_now(slab_cache_of(obj), obj);
	}
}
#endif

/* Takes everything out of the magazines; the cache is not in use. */
static void magazines_empty(struct slab_cache *c, struct list_head *dead)
{
	for (unsigned int cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		struct slab_magazine *m = c->cpu[cpu];

		if (!m)
			continue;
		unsigned long irq = spin_lock_irqsave(&c->lock);

		slab_give(c, m->obj, m->count, dead);
		c->cpu[cpu] = NULL;
		spin_unlock_irqrestore(&c->lock, irq);
		kfree(m);
	}
}

void slab_cache_destroy(struct slab_cache *c)
{
	LIST_HEAD(dead);

	if (!c)
		return;
	if (c->flags & SLAB_TYPESAFE_RCU)
		rcu_synchronize();
	quarantine_drain(c);
	magazines_empty(c, &dead);
	list_splice_init(&c->partial, &dead);
	WARN_ON(c->free_objs != c->slabs * c->objs);
	slab_discard_all(&dead);
	if (c->flags & SLAB_TYPESAFE_RCU)
		rcu_barrier();

	mutex_lock(&slab_caches_lock);
	unsigned long irq = spin_lock_irqsave(&list_lock);
	struct slab_cache **at = &slab_caches;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (caches_end == &c->next)
		caches_end = at;
	spin_unlock_irqrestore(&list_lock, irq);
	mutex_unlock(&slab_caches_lock);
	kfree(c);
}

/* --- figures --- */

static void cache_info(struct slab_cache *c, struct slab_info *out)
{
	u64 magazines = 0;

	rcu_read_lock();
	for (unsigned int cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		struct slab_magazine *m = READ_ONCE(c->cpu[cpu]);

		if (m)
			magazines += READ_ONCE(m->count);
	}
	rcu_read_unlock();
	*out = (struct slab_info){
		.name = c->name,
		.object_size = c->size,
		.total = READ_ONCE(c->slabs) * c->objs,
		.frames = READ_ONCE(c->slabs) << c->order,
		.objs_per_slab = c->objs,
		.frames_per_slab = 1u << c->order,
		.flags = c->flags,
	};
	u64 idle = READ_ONCE(c->free_objs) + magazines;

	out->active = out->total > idle ? out->total - idle : 0;
}

int slab_for_each(int (*fn)(const struct slab_info *i, void *ctx), void *ctx)
{
	for (unsigned int nth = 0;; nth++) {
		struct slab_info info;
		unsigned int i = 0;
		unsigned long irq = spin_lock_irqsave(&list_lock);
		struct slab_cache *c = slab_caches;

		while (c && i++ < nth)
			c = c->next;
		if (c)
			cache_info(c, &info);
		spin_unlock_irqrestore(&list_lock, irq);
		if (!c)
			return 0;
		int r = fn(&info, ctx);

		if (r)
			return r;
	}
}
