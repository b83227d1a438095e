/* /proc/sys/vm: what concerns reclaim. */
#include "mm_impl.h"

#include <asm/current.h>
#include <kern/string.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/vfs/vfs.h>

static int show_min_free(char *buf, size_t size)
{
	struct frame_reclaim_stats r;

	frame_reclaim_stats(&r);
	return snprintf(buf, size, "%llu", (unsigned long long)(r.min << (PAGE_SHIFT - 10)));
}

static int store_min_free(const char *text)
{
	struct frame_stats s;
	int kib;

	frame_stats(&s);
	if (!proc_parse_int(text, &kib) || kib < 0)
		return -EINVAL;
	/* Half of memory at most: more would leave nothing to run with. */
	frame_set_min_free(min((u64)kib >> (PAGE_SHIFT - 10), s.total / 2));
	return 0;
}

/* 1: pages of files, 2: slabs, 3: both; 4: without a word in the log. */
static int store_drop_caches(const char *text)
{
	static bool quiet; /* once said, it stays so */
	int what;

	if (!proc_parse_int(text, &what) || what < 1 || what > 4)
		return -EINVAL;
	if (what & 1)
		pagecache_drop_clean();
	if (what & 2) {
		vfs_drop_slabs();
		slab_settle();
		(void)slab_shrink(~0ull);
	}
	if (what & 4)
		WRITE_ONCE(quiet, true);
	if (!READ_ONCE(quiet))
		pr_info("%s (%d): drop_caches: %d\n", current->comm, current->process->pid->nr,
			what);
	return 0;
}

SYSCTL_TEXT("vm/min_free_kbytes", 0644, show_min_free, store_min_free);
SYSCTL_TEXT("vm/drop_caches", 0200, NULL, store_drop_caches);
SYSCTL_INT("vm/vfs_cache_pressure", 0644, &vfs_cache_pressure, 0, 0x7fffffff);
