/*
 * /sys/kernel/mm/cma/NAME, and cma/NAME of debugfs, where runs can be made and given back by hand:
 * the last made ones first.
 */
#include "cma_impl.h"

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <lib/parse/parse.h>

/* A run made through debugfs. */
struct by_hand {
	struct list_head link;
	u64 pfn, pages;
};

static struct shown {
	struct sysfs_group sysfs, debugfs;
	char sysfs_path[sizeof("kernel/mm/cma/") + CMA_NAME_MAX];
	char debugfs_path[sizeof("cma/") + CMA_NAME_MAX];
	struct cma *cma;
	struct spinlock lock;  /* LK_SPIN_LEAF */
	struct list_head runs; /* lock */
} shown[CMA_MAX];

#define SHOW(name, what)                                             \
	static int show_##name(struct seq *s, void *ctx)             \
	{                                                            \
		struct cma_info i;                                   \
                                                                     \
		cma_info(((struct shown *)ctx)->cma, &i);            \
		seq_printf(s, "%llu\n", (unsigned long long)(what)); \
		return 0;                                            \
	}

SHOW(success, i.success)
SHOW(fail, i.fail)
SHOW(base_pfn, i.pfn)
SHOW(count, i.pages)
SHOW(order_per_bit, 0)
SHOW(used, i.used)
SHOW(maxchunk, i.max_chunk)

static int show_bitmap(struct seq *s, void *ctx)
{
	struct cma *c = ((struct shown *)ctx)->cma;
	u32 word;

	for (unsigned int i = 0; cma_word(c, i, &word); i++)
		seq_printf(s, "%s%u", i ? " " : "", word);
	seq_putc(s, '\n');
	return 0;
}

static int parse_pages(const char *text, u64 *out)
{
	if (parse_u64(text, 0, out))
		return -EINVAL;
	return 0;
}

static int store_alloc(const char *text, void *ctx)
{
	struct shown *h = ctx;
	u64 pages;
	int err = parse_pages(text, &pages);

	if (err)
		return err;
	struct by_hand *b = kmalloc(sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->pages = pages;
	err = cma_alloc(h->cma, pages, 0, &b->pfn);
	if (err) {
		kfree(b);
		return err;
	}
	spin_lock(&h->lock);
	list_add(&b->link, &h->runs);
	spin_unlock(&h->lock);
	return 0;
}

static int store_free(const char *text, void *ctx)
{
	struct shown *h = ctx;
	u64 pages;
	int err = parse_pages(text, &pages);

	while (!err && pages) {
		struct by_hand *b = NULL;

		spin_lock(&h->lock);
		if (!list_empty(&h->runs)) {
			b = list_first_entry(&h->runs, struct by_hand, link);
			list_del(&b->link);
		}
		spin_unlock(&h->lock);
		if (!b)
			break;
		u64 n = min(pages, b->pages);

		err = cma_release_front(h->cma, b->pfn, n);
		pages -= n;
		b->pfn += n;
		b->pages -= n;
		if (!b->pages) {
			kfree(b);
			continue;
		}
		spin_lock(&h->lock);
		list_add(&b->link, &h->runs);
		spin_unlock(&h->lock);
	}
	return err;
}

static const struct sysfs_attr sysfs_attrs[] = {
	{"alloc_pages_success", 0444, show_success, NULL},
	{"alloc_pages_fail", 0444, show_fail, NULL},
	{NULL, 0, NULL, NULL},
};
static const struct sysfs_attr debugfs_attrs[] = {
	{"alloc", 0200, NULL, store_alloc},
	{"free", 0200, NULL, store_free},
	{"base_pfn", 0444, show_base_pfn, NULL},
	{"count", 0444, show_count, NULL},
	{"order_per_bit", 0444, show_order_per_bit, NULL},
	{"used", 0444, show_used, NULL},
	{"maxchunk", 0444, show_maxchunk, NULL},
	{"bitmap", 0444, show_bitmap, NULL},
	{NULL, 0, NULL, NULL},
};

static void show_regions(void)
{
	struct cma *c;

	for (unsigned int i = 0; (c = cma_at(i)); i++) {
		struct shown *h = &shown[i];

		h->cma = c;
		spin_init(&h->lock, LK_SPIN_LEAF);
		list_init(&h->runs);
		(void)snprintf(h->sysfs_path, sizeof(h->sysfs_path), "kernel/mm/cma/%s", c->name);
		(void)snprintf(h->debugfs_path, sizeof(h->debugfs_path), "cma/%s", c->name);
		h->sysfs =
			(struct sysfs_group){.path = h->sysfs_path, .attrs = sysfs_attrs, .ctx = h};
		h->debugfs = (struct sysfs_group){
			.path = h->debugfs_path, .attrs = debugfs_attrs, .ctx = h, .debugfs = true};
		sysfs_group_add(&h->sysfs);
		sysfs_group_add(&h->debugfs);
	}
}
INITCALL(show_regions);
