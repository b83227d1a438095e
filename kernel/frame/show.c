/*
 * /proc/buddyinfo, pagetypeinfo, zoneinfo.
 *
 * Linux has eleven orders; larger free blocks are shown as that many of its largest.  Frames are
 * not grouped by mobility: all are Unmovable, but for those that were set aside (CMA).
 */
#include "frame_impl.h"

#include <kern/bit.h>
#include <kern/string.h>
#include <kernel/mm/mm.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/procfs/procfs.h>
#include <kernel/sched/sched.h>
#include <kernel/seq/seq.h>

#define SHOWN_ORDERS 11u
#define BLOCK_ORDER 9u /* a huge page */

static const char *const zone_names[ZONES] = {"DMA32", "Normal"};
static const char *const kinds[] = {"Unmovable",  "Movable", "Reclaimable",
				    "HighAtomic", "CMA",     "Isolate"};
#define KIND_UNMOVABLE 0u
#define KIND_CMA 4u

static void count_blocks(struct frame_zone *z, u64 out[SHOWN_ORDERS])
{
	memset(out, 0, SHOWN_ORDERS * sizeof(*out));
	unsigned long flags = spin_lock_irqsave(&z->lock);

	for (unsigned int order = 0; order <= FRAME_ORDER_MAX; order++) {
		unsigned int at = min(order, SHOWN_ORDERS - 1);

		out[at] += (u64)z->blocks[order] << (order - at);
	}
	spin_unlock_irqrestore(&z->lock, flags);
}

/* Free runs of what was set aside, as the blocks that they would be. */
static void count_aside(unsigned int zone, u64 out[SHOWN_ORDERS])
{
	u64 pfn, pages;

	memset(out, 0, SHOWN_ORDERS * sizeof(*out));
	for (unsigned int i = 0; frame_aside_range(i, &pfn, &pages); i++) {
		if (frame_zone_of(pfn) != &frame_zones[zone])
			continue;
		for (u64 end = pfn + pages, run = 0; pfn <= end; pfn++) {
			const struct frame *f = pfn_to_frame(pfn);

			if (pfn < end && READ_ONCE(f->type) == FRAME_FREE_TAIL) {
				run++;
				continue;
			}
			for (u64 at = pfn - run; at < pfn;) {
				unsigned int o = min3(SHOWN_ORDERS - 1, (unsigned int)__ffs(at),
						      (unsigned int)__fls(pfn - at));

				out[o]++;
				at += 1ul << o;
			}
			run = 0;
			if (!(pfn & 1023))
				sched_cond_resched();
		}
	}
}

static bool populated(const struct frame_zone *z)
{
	return READ_ONCE(z->managed) != 0;
}

static int show_buddyinfo(struct seq *s, void *v)
{
	u64 n[SHOWN_ORDERS];

	(void)v;
	for (unsigned int i = 0; i < ZONES; i++) {
		if (!populated(&frame_zones[i]))
			continue;
		count_blocks(&frame_zones[i], n);
		seq_printf(s, "Node %d, zone %8s ", 0, zone_names[i]);
		for (unsigned int o = 0; o < SHOWN_ORDERS; o++)
			seq_printf(s, "%6llu ", (unsigned long long)n[o]);
		seq_puts(s, "\n");
	}
	return 0;
}

static void show_kinds_of(struct seq *s, unsigned int zone)
{
	u64 n[ARRAY_SIZE(kinds)][SHOWN_ORDERS] = {0};

	count_blocks(&frame_zones[zone], n[KIND_UNMOVABLE]);
	count_aside(zone, n[KIND_CMA]);
	for (unsigned int k = 0; k < ARRAY_SIZE(kinds); k++) {
		seq_printf(s, "Node %4d, zone %8s, type %12s ", 0, zone_names[zone], kinds[k]);
		for (unsigned int o = 0; o < SHOWN_ORDERS; o++)
			seq_printf(s, "%6llu ", (unsigned long long)n[k][o]);
		seq_puts(s, "\n");
	}
}

static int show_pagetypeinfo(struct seq *s, void *v)
{
	(void)v;
	seq_printf(s, "Page block order: %u\nPages per block:  %lu\n\n%-43s ", BLOCK_ORDER,
		   1ul << BLOCK_ORDER, "Free pages count per migrate type at order");
	for (unsigned int o = 0; o < SHOWN_ORDERS; o++)
		seq_printf(s, "%6u ", o);
	seq_puts(s, "\n");
	for (unsigned int i = 0; i < ZONES; i++) {
		if (populated(&frame_zones[i]))
			show_kinds_of(s, i);
	}
	seq_printf(s, "\n%-23s", "Number of blocks type ");
	for (unsigned int k = 0; k < ARRAY_SIZE(kinds); k++)
		seq_printf(s, "%12s ", kinds[k]);
	seq_puts(s, "\n");
	for (unsigned int i = 0; i < ZONES; i++) {
		u64 managed = READ_ONCE(frame_zones[i].managed);
		u64 aside = READ_ONCE(frame_zones[i].aside);
		u64 frames[ARRAY_SIZE(kinds)] = {
			[KIND_UNMOVABLE] = managed - aside, [KIND_CMA] = aside};

		if (!managed)
			continue;
		seq_printf(s, "Node %d, zone %8s ", 0, zone_names[i]);
		for (unsigned int k = 0; k < ARRAY_SIZE(kinds); k++)
			seq_printf(s, "%12llu ",
				   (unsigned long long)((frames[k] + 511) >> BLOCK_ORDER));
		seq_puts(s, "\n");
	}
	return 0;
}

static void show_node(struct seq *s)
{
	struct pagecache_events c;
	struct frame_stats f;

	frame_stats(&f);
	pagecache_events(&c);
	const struct {
		const char *name;
		u64 value;
	} rows[] = {
		{"nr_inactive_anon", pagecache_memory_pages()},
		{"nr_active_anon", f.by_type[FRAME_ANON]},
		{"nr_inactive_file", c.nr_inactive},
		{"nr_active_file", c.nr_active},
		{"nr_unevictable", mm_locked_pages()},
		{"workingset_refault_file", c.refault},
		{"workingset_activate_file", c.workingset_activate},
		{"workingset_restore_file", c.restore},
		{"nr_anon_pages", f.by_type[FRAME_ANON]},
		{"nr_file_pages", pagecache_total_pages()},
		{"nr_shmem", pagecache_memory_pages()},
		{"nr_anon_transparent_hugepages", mm_huge_pages()},
		{"nr_kernel_stack", f.by_type[FRAME_STACK] << (PAGE_SHIFT - 10)},
		{"nr_page_table_pages", f.by_type[FRAME_PGTABLE]},
	};
	seq_puts(s, "\n  per-node stats");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		seq_printf(s, "\n      %-12s %llu", rows[i].name,
			   (unsigned long long)rows[i].value);
}

static void show_pagesets(struct seq *s, unsigned int zone)
{
	/* A CPU's list is not of one zone; it is shown with the one that it is filled from first.
	 */
	bool here = zone == (populated(&frame_zones[ZONE_HIGH]) ? ZONE_HIGH : ZONE_LOW);

	seq_puts(s, "\n  pagesets");
	for (unsigned int cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		if (!cpumask_test(&cpu_possible_mask, cpu))
			continue;
		u32 held = here ? READ_ONCE(per_cpu_ptr(frame_pcp, cpu)->count) : 0;

		seq_printf(s, "\n    cpu: %u\n              count: %u", cpu, held);
		seq_printf(s, "\n              high:  %u\n              batch: %u",
			   here ? frame_pcp_high : 0, frame_pcp_batch);
	}
}

/* The marks are of all memory: a zone's part is in proportion. */
static void show_zone(struct seq *s, unsigned int zone, bool first)
{
	const struct frame_zone *z = &frame_zones[zone];
	u64 managed = READ_ONCE(z->managed), all = READ_ONCE(frame_total);
	u64 free_cma = READ_ONCE(z->aside_free), free = READ_ONCE(z->free) + free_cma;
	u64 start = zone == ZONE_HIGH ? ZONE_HIGH_PFN : 1, end = frame_pfn_end();
	struct frame_reclaim_stats r;

	frame_reclaim_stats(&r);
	if (zone == ZONE_LOW)
		end = min(end, (u64)ZONE_HIGH_PFN);
	const struct {
		const char *name;
		u64 value;
	} rows[] = {
		{"pages free     ", free},
		{"      boost    ", 0},
		{"      min      ", managed ? r.min * managed / all : 0},
		{"      low      ", managed ? r.low * managed / all : 0},
		{"      high     ", managed ? r.high * managed / all : 0},
		{"      spanned  ", managed ? end - start : 0},
		{"      present  ", managed},
		{"      managed  ", managed},
		{"      cma      ", READ_ONCE(z->aside)},
	};
	seq_printf(s, "Node %d, zone %8s", 0, zone_names[zone]);
	if (first)
		show_node(s);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		seq_printf(s, "\n  %s%llu", rows[i].name, (unsigned long long)rows[i].value);
	seq_puts(s, "\n        protection: (0, 0)");
	if (managed) {
		seq_printf(s, "\n      %-12s %llu", "nr_free_pages", (unsigned long long)free);
		seq_printf(s, "\n      %-12s %llu", "nr_free_cma", (unsigned long long)free_cma);
		show_pagesets(s, zone);
		seq_printf(s, "\n  node_unreclaimable:  %d\n  start_pfn:           %llu", 0,
			   (unsigned long long)start);
	}
	seq_puts(s, "\n");
}

static int show_zoneinfo(struct seq *s, void *v)
{
	bool first = true;

	(void)v;
	for (unsigned int i = 0; i < ZONES; i++) {
		show_zone(s, i, first && populated(&frame_zones[i]));
		first = first && !populated(&frame_zones[i]);
	}
	return 0;
}

PROC_FILE("buddyinfo", 0444, show_buddyinfo);
PROC_FILE("pagetypeinfo", 0400, show_pagetypeinfo);
PROC_FILE("zoneinfo", 0444, show_zoneinfo);
