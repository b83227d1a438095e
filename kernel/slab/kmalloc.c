/*
 * kmalloc: size classes over typed caches up to 8 KiB, whole frames above.
 */
#include "slab_impl.h"

#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/overflow.h>
#include <kern/string.h>
#include <kernel/kasan/kasan.h>
#include <kernel/panic/panic.h>
#include <kernel/vmap/vmap.h>

#define CLASS_MAX 8192u

static const struct {
	u16 size;
	const char *name;
} classes[] = {
	{8, "kmalloc-8"},     {16, "kmalloc-16"},   {32, "kmalloc-32"},	  {64, "kmalloc-64"},
	{96, "kmalloc-96"},   {128, "kmalloc-128"}, {192, "kmalloc-192"}, {256, "kmalloc-256"},
	{384, "kmalloc-384"}, {512, "kmalloc-512"}, {1024, "kmalloc-1k"}, {2048, "kmalloc-2k"},
	{4096, "kmalloc-4k"}, {8192, "kmalloc-8k"},
};

#define CLASSES ARRAY_SIZE(classes)
#define SMALL_MAX 512u

static struct slab_cache kmalloc_caches[CLASSES];
static u8 small_class[SMALL_MAX / 8 + 1]; /* [I] by (size + 7) / 8 */

void slab_init(void)
{
	mutex_init(&slab_caches_lock, LK_SLAB_CACHES);
	slab_shrink_init();
	for (unsigned int i = 0; i < CLASSES; i++) {
		size_t size = classes[i].size, align = size & -size;

		if (slab_cache_setup(&kmalloc_caches[i], classes[i].name, size,
				     min_t(size_t, align, PAGE_SIZE), 0, NULL))
			panic("kmalloc classes");
	}
	for (unsigned int n = 0, c = 0; n <= SMALL_MAX / 8; n++) {
		while (classes[c].size < n * 8)
			c++;
		small_class[n] = (u8)c;
	}
}

static struct slab_cache *class_for(size_t size)
{
	if (likely(size <= SMALL_MAX))
		return &kmalloc_caches[small_class[(size + 7) / 8]];
	unsigned int shift = 64 - (unsigned int)__builtin_clzl(size - 1); /* 10 for 513..1024 */

	return &kmalloc_caches[CLASSES - 4 + (shift - 10)];
}

static void *alloc_large(size_t size, u32 gfp)
{
	size_t pages = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;

	if (pages > 1ul << FRAME_ORDER_MAX)
		return NULL;
	return frame_alloc_virt(64 - (unsigned int)__builtin_clzl(pages - 1), gfp);
}

#ifdef CONFIG_KASAN
/* Who allocated it, in the red zone: for the leak report. */
static __no_sanitize_address void note_caller(const struct slab_cache *c, char *p, void *caller)
{
	*(void **)(p + c->stride - sizeof(void *)) = caller;
}
#else
static inline void note_caller(const struct slab_cache *c, char *p, void *caller)
{
	(void)c;
	(void)p;
	(void)caller;
}
#endif

static __always_inline void *kmalloc_from(size_t size, u32 gfp, void *caller)
{
	if (unlikely(size > CLASS_MAX))
		return alloc_large(size, gfp);

	struct slab_cache *c = class_for(size);
	void *p = slab_alloc(c, gfp);

	if (p && KASAN_REDZONE_SIZE > 0) {
		kasan_poison(p, c->stride, KASAN_REDZONE);
		kasan_unpoison(p, size);
		note_caller(c, p, caller);
	}
	return p;
}

void *kmalloc_gfp(size_t size, u32 gfp)
{
	return kmalloc_from(size, gfp, __builtin_return_address(0));
}

void *kmalloc(size_t size)
{
	return kmalloc_from(size, GFP_KERNEL, __builtin_return_address(0));
}

void *kzalloc(size_t size)
{
	return kmalloc_from(size, GFP_KERNEL | GFP_ZERO, __builtin_return_address(0));
}

void kfree(const void *p)
{
	if (!p)
		return;
	struct frame *f = frame_head(virt_to_frame(p));

	if (likely(f->type == FRAME_SLAB)) {
		struct slab *s = f->owner;

		slab_free(s->cache, (void *)(unsigned long)p);
	} else if (!WARN_ON(f->type != FRAME_KERNEL)) {
		frame_put(f);
	}
}

size_t ksize(const void *p)
{
	if (!p)
		return 0;
	struct frame *f = frame_head(virt_to_frame(p));

	if (f->type != FRAME_SLAB)
		return PAGE_SIZE << f->order;
	struct slab *s = f->owner;

	kasan_unpoison(p, s->cache->size);
	return s->cache->size;
}

void *krealloc(void *p, size_t size)
{
	size_t have = ksize(p);

	if (p && size <= have && (have <= 64 || size > have / 4))
		return p;
	void *n = kmalloc(size);

	if (!n)
		return NULL;
	memcpy(n, p, min(size, have));
	kfree(p);
	return n;
}

void *kmemdup(const void *src, size_t size)
{
	void *p = kmalloc(size);

	if (p)
		memcpy(p, src, size);
	return p;
}

char *kstrdup(const char *s)
{
	return kmemdup(s, strlen(s) + 1);
}

char *kasprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);

	va_end(ap);
	char *p = kmalloc((size_t)n + 1);

	if (!p)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void *alloc_array(size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return kvmalloc(bytes, GFP_ZERO);
}

void *kvmalloc(size_t size, u32 gfp)
{
	if (size <= PAGE_SIZE << 3) {
		void *p = kmalloc_gfp(size, gfp | (size > PAGE_SIZE ? GFP_NOWARN : 0));

		if (p || size <= PAGE_SIZE)
			return p;
	}
	return vmalloc(size);
}

void kvfree(const void *p)
{
	if (vmap_contains(p))
		vfree(p);
	else
		kfree(p);
}
