/* Which caches grew since boot was complete: a leak, or a cache that has not been emptied. */
#include "slab_impl.h"

#include <kern/string.h>
#include <kernel/kasan/kasan.h>
#include <kernel/symbol/symbol.h>
#include <kernel/printk/printk.h>
#include <kernel/rcu/rcu.h>

#define REPORT_MAX 160

static u64 baseline[REPORT_MAX];
static u64 frames_base[REPORT_MAX];

#ifdef CONFIG_KASAN
#define CALLERS 12

struct caller {
	void *ip;
	u64 count;
};

/* Freed objects are poisoned, wherever they wait, so what is usable is in use. */
static __no_sanitize_address void count_slab(const struct slab *s, struct caller *table)
{
	const struct slab_cache *c = s->cache;

	for (unsigned int i = 0; i < c->objs; i++) {
		char *obj = s->base + (size_t)i * c->stride;
		unsigned int n = 0;

		if (s->map[i / 64] >> (i & 63) & 1 || !kasan_usable(obj))
			continue;
		void *ip = *(void **)(obj + c->stride - sizeof(void *));

		while (n < CALLERS - 1 && table[n].ip && table[n].ip != ip)
			n++;
		table[n].ip = ip;
		table[n].count++;
	}
}

static void print_callers(const char *name)
{
	struct caller table[CALLERS] = {{0}};
	char text[80];

	if (strncmp(name, "kmalloc", 7))
		return;
	for (u64 pfn = 0; pfn < 1ul << 24; pfn++) {
		if (!pfn_valid(pfn))
			continue;
		struct frame *f = pfn_to_frame(pfn);
		struct slab *s = f->owner;

		if (f->type == FRAME_SLAB && !strcmp(s->cache->name, name))
			count_slab(s, table);
	}
	for (unsigned int i = 0; i < CALLERS && table[i].ip; i++) {
		symbol_format((unsigned long)table[i].ip, text, sizeof(text));
		pr_info("  %llu by %s\n", (unsigned long long)table[i].count, text);
	}
}
#else
static inline void print_callers(const char *name)
{
	(void)name;
}
#endif

struct walk {
	unsigned int index;
	bool print;
};

static int visit(const struct slab_info *i, void *ctx)
{
	struct walk *w = ctx;

	if (w->index >= REPORT_MAX)
		return 1;
	if (!w->print) {
		baseline[w->index] = i->active;
		frames_base[w->index] = i->frames;
	} else if (i->active > baseline[w->index]) {
		pr_info("slab %s: %llu objects more than after boot\n", i->name,
			(unsigned long long)(i->active - baseline[w->index]));
		if (i->active > baseline[w->index] + 32)
			print_callers(i->name);
	}
	if (w->print && i->frames > frames_base[w->index] + 8)
		pr_info("slab %s: %llu frames more\n", i->name,
			(unsigned long long)(i->frames - frames_base[w->index]));
	w->index++;
	return 0;
}

void slab_settle(void)
{
	/* Descriptors of slabs that fall empty go the same way as their objects. */
	for (int i = 0; i < 3; i++) {
		rcu_barrier();
		slab_quarantine_empty();
	}
}

void slab_report_begin(void)
{
	struct walk w = {0};

	slab_settle();
	(void)slab_for_each(visit, &w);
}

void slab_report_leaks(void)
{
	struct walk w = {.print = true};

	slab_settle();
	(void)slab_for_each(visit, &w);
}
