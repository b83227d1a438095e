/* /proc/meminfo, vmstat, slabinfo. */
#include <fs/proc/proc_impl.h>

#include <kernel/cma/cma.h>
#include <kernel/frame/frame.h>
#include <kernel/hugetlb/hugetlb.h>
#include <kernel/mm/mm.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/task/task.h>
#include <kernel/vmap/vmap.h>

static void kb(struct seq *s, const char *name, u64 pages)
{
	seq_printf(s, "%-16s%8llu kB\n", name, (unsigned long long)(pages << (PAGE_SHIFT - 10)));
}

struct slab_sum {
	u64 reclaimable, unreclaimable; /* frames */
	u64 folios;			/* of them for descriptors of the page cache */
};

static int slab_add(const struct slab_info *i, void *ctx)
{
	struct slab_sum *sum = ctx;

	if (i->flags & SLAB_RECLAIM)
		sum->reclaimable += i->frames;
	else
		sum->unreclaimable += i->frames;
	if (!strcmp(i->name, "folio"))
		sum->folios += i->frames;
	return 0;
}

/* Of the usual size; "Hugetlb" is all there is. */
static void hugetlb_lines(struct seq *s)
{
	struct hugetlb_size *size = hugetlb_find_size(0);
	struct hugetlb_figures f;
	u64 bytes = 0;

	hugetlb_figures(size, &f);
	seq_printf(s, "HugePages_Total:   %5llu\n", (unsigned long long)f.total);
	seq_printf(s, "HugePages_Free:    %5llu\n", (unsigned long long)f.free);
	seq_printf(s, "HugePages_Rsvd:    %5llu\n", (unsigned long long)f.reserved);
	seq_printf(s, "HugePages_Surp:    %5llu\n", (unsigned long long)f.surplus);
	kb(s, "Hugepagesize:", hugetlb_bytes(size) >> PAGE_SHIFT);
	for (unsigned int i = 0; (size = hugetlb_size_at(i)); i++) {
		hugetlb_figures(size, &f);
		bytes += f.total * hugetlb_bytes(size);
	}
	kb(s, "Hugetlb:", bytes >> PAGE_SHIFT);
}

static int proc_meminfo(struct seq *s, void *v)
{
	u64 cache = pagecache_total_pages(), shmem = pagecache_memory_pages();
	u64 locked = mm_locked_pages();
	struct pagecache_events lru;
	struct slab_sum slab = {0};
	struct frame_stats f;
	struct vmap_stats vm;

	(void)v;
	frame_stats(&f);
	vmap_stats(&vm);
	pagecache_events(&lru);
	u64 file = lru.nr_active + lru.nr_inactive;
	(void)slab_for_each(slab_add, &slab);
	kb(s, "MemTotal:", f.total);
	kb(s, "MemFree:", f.free);
	kb(s, "MemAvailable:",
	   f.free + file + slab.reclaimable > f.min_free
		   ? f.free + file + slab.reclaimable - f.min_free
		   : 0);
	kb(s, "Buffers:", 0);
	kb(s, "Cached:", cache);
	kb(s, "SwapCached:", 0);
	kb(s, "Active:", f.by_type[FRAME_ANON] + lru.nr_active);
	kb(s, "Inactive:", shmem + lru.nr_inactive);
	kb(s, "Active(anon):", f.by_type[FRAME_ANON]);
	kb(s, "Inactive(anon):", shmem);
	kb(s, "Active(file):", lru.nr_active);
	kb(s, "Inactive(file):", lru.nr_inactive);
	kb(s, "Unevictable:", locked);
	kb(s, "Mlocked:", locked);
	kb(s, "SwapTotal:", 0);
	kb(s, "SwapFree:", 0);
	kb(s, "Dirty:", 0);
	kb(s, "Writeback:", 0);
	kb(s, "AnonPages:", f.by_type[FRAME_ANON]);
	kb(s, "Shmem:", shmem);
	kb(s, "KReclaimable:", slab.reclaimable);
	kb(s, "Slab:", slab.reclaimable + slab.unreclaimable);
	kb(s, "SReclaimable:", slab.reclaimable);
	kb(s, "SUnreclaim:", slab.unreclaimable);
	kb(s, "KernelStack:", f.by_type[FRAME_STACK]);
	kb(s, "PageTables:", f.by_type[FRAME_PGTABLE]);
	kb(s, "CommitLimit:", mm_commit_limit_pages());
	kb(s, "Committed_AS:", mm_committed_pages());
	kb(s, "VmallocTotal:", vm.total >> PAGE_SHIFT);
	kb(s, "VmallocUsed:", vm.used >> PAGE_SHIFT);
	kb(s, "VmallocChunk:", 0);
	kb(s, "CmaTotal:", f.aside);
	kb(s, "CmaFree:", f.aside_free);
	kb(s, "AnonHugePages:", mm_huge_pages() << 9);
	hugetlb_lines(s);
	/* What it costs to describe memory: descriptors of frames, and the objects behind them that
	 * are kept apart (those of slabs and page tables lie in what they describe). */
	kb(s, "Memmap:", f.descriptors + slab.folios);
	return 0;
}

static int proc_vmstat(struct seq *s, void *v)
{
	struct frame_stats f;
	struct mm_events e;
	struct pagecache_events c;
	struct frame_reclaim_stats r;
	struct cma_events cma;

	(void)v;
	frame_stats(&f);
	cma_events(&cma);
	mm_events(&e);
	pagecache_events(&c);
	frame_reclaim_stats(&r);
	const struct {
		const char *name;
		u64 value;
	} reclaim[] = {
		{"nr_free_cma", f.aside_free},
		{"cma_alloc_success", cma.success},
		{"cma_alloc_fail", cma.fail},
		{"nr_inactive_file", c.nr_inactive},
		{"nr_active_file", c.nr_active},
		{"workingset_refault_file", c.refault},
		{"workingset_activate_file", c.workingset_activate},
		{"workingset_restore_file", c.restore},
		{"pgactivate", c.activate},
		{"pgdeactivate", c.deactivate},
		{"pgrefill", c.refill},
		{"pgsteal_kswapd", c.steal_kswapd},
		{"pgsteal_direct", c.steal_direct},
		{"pgscan_kswapd", c.scan_kswapd},
		{"pgscan_direct", c.scan_direct},
		{"pgscan_file", c.scan_kswapd + c.scan_direct},
		{"pgsteal_file", c.steal_kswapd + c.steal_direct},
		{"pgmigrate_success", c.migrate_success},
		{"pgmigrate_fail", c.migrate_fail},
		{"slabs_scanned", vfs_slabs_scanned()},
		{"pageoutrun", r.kswapd_runs},
		{"allocstall_normal", r.stalls},
	};
	u64 stacks[TASK_STACK_SIZES];

	task_stack_ended(stacks);
	for (size_t i = 0; i < ARRAY_SIZE(reclaim); i++)
		seq_printf(s, "%s %llu\n", reclaim[i].name, (unsigned long long)reclaim[i].value);
	seq_printf(s, "nr_free_pages %llu\nnr_anon_pages %llu\nnr_file_pages %llu\n", f.free,
		   f.by_type[FRAME_ANON], pagecache_total_pages());
	seq_printf(s, "nr_shmem %llu\nnr_page_table_pages %llu\nnr_kernel_stack %llu\n",
		   pagecache_memory_pages(), f.by_type[FRAME_PGTABLE],
		   f.by_type[FRAME_STACK] << (PAGE_SHIFT - 10));
	seq_printf(s,
		   "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgalloc_normal %llu\npgfree %llu\n",
		   f.allocs, f.frees);
	seq_printf(s, "pgfault %llu\npgmajfault %llu\noom_kill %llu\n", e.pgfault, e.pgmajfault,
		   e.oom_kill);
	seq_printf(s, "nr_anon_transparent_hugepages %llu\nthp_fault_alloc %llu\n", mm_huge_pages(),
		   e.thp_fault_alloc);
	seq_printf(s,
		   "thp_fault_fallback %llu\nthp_collapse_alloc %llu\n"
		   "thp_collapse_alloc_failed %llu\nthp_split_page %llu\n"
		   "thp_split_page_failed %llu\nthp_split_pmd %llu\n",
		   e.thp_fault_fallback, e.thp_collapse_alloc, e.thp_collapse_alloc_failed,
		   e.thp_split_page, e.thp_split_page_failed, e.thp_split_pmd);
	seq_printf(s, "thp_zero_page_alloc %llu\nthp_zero_page_alloc_failed %llu\n",
		   e.thp_zero_page_alloc, e.thp_zero_page_alloc_failed);
	seq_printf(s,
		   "vmacache_find_calls %llu\nvmacache_find_hits %llu\n"
		   "vmacache_full_flushes %llu\nvmacache_find_cycles %llu\n",
		   e.vmacache_calls, e.vmacache_hits, e.vmacache_flushes, e.vmacache_cycles);
	for (unsigned int i = 0; i < TASK_STACK_SIZES; i++)
		seq_printf(s, "kstack_%uk %llu\n", 1u << i, stacks[i]);
	return 0;
}

static int slabinfo_line(const struct slab_info *i, void *ctx)
{
	u64 slabs = i->frames_per_slab ? i->frames / i->frames_per_slab : 0;

	seq_printf(ctx,
		   "%-17s %6llu %6llu %6zu %4u %4u : tunables %4u %4u %4u : slabdata %6llu %6llu "
		   "%6u\n",
		   i->name, i->active, i->total, i->object_size, i->objs_per_slab,
		   i->frames_per_slab, 0, 0, 0, slabs, slabs, 0);
	return 0;
}

static int proc_slabinfo(struct seq *s, void *v)
{
	(void)v;
	seq_puts(s,
		 "slabinfo - version: 2.1\n"
		 "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
		 " : tunables <limit> <batchcount> <sharedfactor>"
		 " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	return slab_for_each(slabinfo_line, s);
}

PROC_FILE("meminfo", 0444, proc_meminfo);
PROC_FILE("vmstat", 0444, proc_vmstat);
PROC_FILE("slabinfo", 0400, proc_slabinfo);
