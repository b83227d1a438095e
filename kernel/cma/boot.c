/*
 * Where the regions lie: cma=SIZE[@START[-END]] and cma_region=NAME:SIZE[@START[-END]], and what
 * the device tree has below /reserved-memory.
 *
 * cma= is the default region and called "reserved", as on Linux; without it the device tree's
 * linux,cma-default is.  START alone is the place; with END the region lies somewhere between.
 */
#include "cma_impl.h"

#include <asm/page.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/frame/frame.h>
#include <kernel/printk/printk.h>
#include <lib/fdt/fdt.h>
#include <lib/parse/parse.h>

struct wish {
	u64 size, from, to; /* bytes; to 0: anywhere */
	u64 align;
	bool fixed;
};

static int __init parse_wish(const char *s, struct wish *w)
{
	*w = (struct wish){0};
	if (parse_size(&s, &w->size))
		return -EINVAL;
	if (!*s)
		return 0;
	if (*s++ != '@' || parse_size(&s, &w->from))
		return -EINVAL;
	w->fixed = true;
	if (!*s)
		return 0;
	w->fixed = false;
	if (*s++ != '-' || parse_size(&s, &w->to) || *s || w->to <= w->from)
		return -EINVAL;
	return 0;
}

static bool __init name_taken(const char *name)
{
	for (unsigned int i = 0; i < cma_count; i++) {
		if (!strcmp(cma_regions[i].name, name))
			return true;
	}
	return false;
}

/* Page granular: the size is rounded up to pages, and so is the place. */
static struct cma *__init reserve(const char *name, const struct wish *w)
{
	u64 pages = (w->size >> PAGE_SHIFT) + !!(w->size & ~PAGE_MASK), pfn;
	u64 from = (w->from >> PAGE_SHIFT) + !!(w->from & ~PAGE_MASK);
	u64 to = w->fixed ? from + pages : w->to ? w->to >> PAGE_SHIFT : U64_MAX;
	u64 align = max(w->align >> PAGE_SHIFT, (u64)1);
	bool valid = *name && !strchr(name, '/') && strlen(name) < CMA_NAME_MAX &&
		     !name_taken(name) && cma_count < CMA_MAX;

	if (!pages)
		return NULL;
	if (!valid || (w->fixed && w->from & ~PAGE_MASK) ||
	    frame_set_aside(pages, align, from, to, &pfn)) {
		pr_err("cma: Failed to reserve %llu KiB for %s\n",
		       (unsigned long long)(pages << (PAGE_SHIFT - 10)), name);
		return NULL;
	}
	struct cma *c = &cma_regions[cma_count++];

	(void)strscpy(c->name, name, sizeof(c->name));
	c->pfn = pfn;
	c->pages = pages;
	pr_info("cma: Reserved %llu KiB at %#018llx for %s\n",
		(unsigned long long)(pages << (PAGE_SHIFT - 10)),
		(unsigned long long)(pfn << PAGE_SHIFT), name);
	return c;
}

static void __init from_cmdline(void)
{
	char word[192];
	bool for_init;
	struct wish w;

	if (cmdline_value("cma", word, sizeof(word))) {
		if (parse_wish(word, &w))
			pr_err("cma: bad value: %s\n", word);
		else
			cma_default_region = reserve("reserved", &w);
	}
	for (size_t pos = 0; cmdline_next(&pos, word, sizeof(word), &for_init) && !for_init;) {
		static const char key[] = "cma_region=";
		char *name = word + sizeof(key) - 1, *colon;

		if (strncmp(word, key, sizeof(key) - 1))
			continue;
		colon = strchr(name, ':');
		if (!colon || parse_wish(colon + 1, &w)) {
			pr_err("cma: bad value: %s\n", name);
			continue;
		}
		*colon = 0;
		(void)reserve(name, &w);
	}
}

static void __init from_device_tree(void)
{
	struct fdt_pool pools[CMA_MAX];
	struct fdt fdt;

	if (!boot_info.fdt_len || fdt_open(&fdt, phys_to_virt(boot_info.fdt), boot_info.fdt_len))
		return;
	unsigned int n = fdt_reusable_pools(&fdt, pools, CMA_MAX);

	for (unsigned int i = 0; i < n; i++) {
		const struct fdt_pool *p = &pools[i];
		struct wish w = {.size = p->size,
				 .from = p->fixed ? p->base : p->from,
				 .to = p->to,
				 .align = p->align,
				 .fixed = p->fixed};
		struct cma *c = NULL;

		if (p->align & (p->align - 1))
			pr_err("cma: %s: alignment is no power of two\n", p->name);
		else if (!p->is_default || !cmdline_has("cma"))
			c = reserve(p->name, &w);
		if (c && p->is_default && !cma_default_region)
			cma_default_region = c;
	}
}

void __init cma_reserve(void)
{
	from_cmdline();
	from_device_tree();
}
