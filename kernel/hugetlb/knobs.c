/* The pools' files: /proc/sys/vm, /sys/kernel/mm/hugepages. */
#include <kernel/hugetlb/hugetlb_impl.h>

#include <asm/current.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/task/task.h>
#include <lib/parse/parse.h>
#include <linux/capability.h>

static int shm_group; /* vm.hugetlb_shm_group */

bool hugetlb_may_share(void)
{
	return capable(CAP_IPC_LOCK) || cred_in_group(current_cred(), (u32)READ_ONCE(shm_group));
}

static int store_total(const char *text)
{
	u64 n;

	if (proc_parse_u64s(text, &n, 1) != 1)
		return -EINVAL;
	hugetlb_resize(hugetlb_find_size(0), n);
	return 0;
}

/* Without surplus: what was asked for. */
static int show_total(char *buf, size_t size)
{
	struct hugetlb_figures f;

	hugetlb_figures(hugetlb_find_size(0), &f);
	return snprintf(buf, size, "%llu", (unsigned long long)(f.total - f.surplus));
}

static int store_overcommit(const char *text)
{
	u64 n;

	if (proc_parse_u64s(text, &n, 1) != 1)
		return -EINVAL;
	hugetlb_set_overcommit(hugetlb_find_size(0), n);
	return 0;
}

static int show_overcommit(char *buf, size_t size)
{
	struct hugetlb_figures f;

	hugetlb_figures(hugetlb_find_size(0), &f);
	return snprintf(buf, size, "%llu", (unsigned long long)f.overcommit);
}

SYSCTL_TEXT("vm/nr_hugepages", 0644, show_total, store_total);
/* There is one node, which every policy means. */
SYSCTL_TEXT("vm/nr_hugepages_mempolicy", 0644, show_total, store_total);
SYSCTL_TEXT("vm/nr_overcommit_hugepages", 0644, show_overcommit, store_overcommit);
SYSCTL_INT("vm/hugetlb_shm_group", 0644, &shm_group, 0, 0x7fffffff);

/* ---- /sys ---- */

#define SHOW(name, expr)                                             \
	static int show_sys_##name(struct seq *s, void *ctx)         \
	{                                                            \
		struct hugetlb_figures f;                            \
                                                                     \
		(void)ctx;                                           \
		hugetlb_figures(hugetlb_find_size(0), &f);           \
		seq_printf(s, "%llu\n", (unsigned long long)(expr)); \
		return 0;                                            \
	}

SHOW(total, f.total)
SHOW(free, f.free)
SHOW(reserved, f.reserved)
SHOW(surplus, f.surplus)
SHOW(overcommit, f.overcommit)

static int store_sys_total(const char *text, void *ctx)
{
	u64 n;

	(void)ctx;
	if (parse_u64(text, 10, &n))
		return -EINVAL;
	hugetlb_resize(hugetlb_find_size(0), n);
	return 0;
}

static int store_sys_overcommit(const char *text, void *ctx)
{
	u64 n;

	(void)ctx;
	if (parse_u64(text, 10, &n))
		return -EINVAL;
	hugetlb_set_overcommit(hugetlb_find_size(0), n);
	return 0;
}

#define DIR "kernel/mm/hugepages/hugepages-2048kB/"

SYSFS_FILE(DIR "nr_hugepages", 0644, show_sys_total, store_sys_total, NULL);
SYSFS_FILE(DIR "nr_hugepages_mempolicy", 0644, show_sys_total, store_sys_total, NULL);
SYSFS_FILE(DIR "nr_overcommit_hugepages", 0644, show_sys_overcommit, store_sys_overcommit, NULL);
SYSFS_FILE(DIR "free_hugepages", 0444, show_sys_free, NULL, NULL);
SYSFS_FILE(DIR "resv_hugepages", 0444, show_sys_reserved, NULL, NULL);
SYSFS_FILE(DIR "surplus_hugepages", 0444, show_sys_surplus, NULL, NULL);
