/* Which caches grew since boot was complete: a leak, or a cache that has not been emptied. */
#include "slab_impl.h"

#include <kern/string.h>
#include <kernel/printk/printk.h>
#include <kernel/rcu/rcu.h>

#define REPORT_MAX 160

static u64 baseline[REPORT_MAX];

struct walk {
	unsigned int index;
	bool print;
};

static int visit(const struct slab_info *i, void *ctx)
{
	struct walk *w = ctx;

	if (w->index >= REPORT_MAX)
		return 1;
	if (!w->print)
		baseline[w->index] = i->active;
	else if (i->active > baseline[w->index])
		pr_info("slab %s: %llu objects more than after boot\n", i->name,
			(unsigned long long)(i->active - baseline[w->index]));
	w->index++;
	return 0;
}

/* What is on its way to be free is free. */
static void settle(void)
{
	rcu_barrier();
	slab_quarantine_empty();
}

void slab_report_begin(void)
{
	struct walk w = {0};

	settle();
	(void)slab_for_each(visit, &w);
}

void slab_report_leaks(void)
{
	struct walk w = {.print = true};

	settle();
	(void)slab_for_each(visit, &w);
}
