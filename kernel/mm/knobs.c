/* /proc/sys/vm: what may be mapped and promised. */
#include "mm_impl.h"

#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/procfs/procfs.h>
#include <linux/capability.h>

static int show_max_map_count(char *buf, size_t size)
{
	return snprintf(buf, size, "%u", mm_max_map_count);
}

/* A number that is not negative. */
static int parse(const char *text, int *v)
{
	return proc_parse_int(text, v) && *v >= 0 ? 0 : -EINVAL;
}

static int store_max_map_count(const char *text)
{
	int v, err = parse(text, &v);

	if (!err)
		mm_max_map_count = (unsigned int)v;
	return err;
}

static int show_overcommit_ratio(char *buf, size_t size)
{
	return snprintf(buf, size, "%d", mm_overcommit_ratio);
}

static int store_overcommit_ratio(const char *text)
{
	int v, err = parse(text, &v);

	if (!err)
		mm_set_overcommit_ratio(v);
	return err;
}

static int show_overcommit_kbytes(char *buf, size_t size)
{
	return snprintf(buf, size, "%d", mm_overcommit_kbytes);
}

static int store_overcommit_kbytes(const char *text)
{
	int v, err = parse(text, &v);

	if (!err)
		mm_set_overcommit_kbytes(v);
	return err;
}

static int show_mmap_min_addr(char *buf, size_t size)
{
	return snprintf(buf, size, "%llu", (unsigned long long)mm_mmap_min_addr);
}

static int store_mmap_min_addr(const char *text)
{
	int v, err;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	err = parse(text, &v);
	if (!err)
		mm_mmap_min_addr = (u64)v;
	return err;
}

SYSCTL_INT("vm/admin_reserve_kbytes", 0644, &mm_admin_reserve_kbytes, 0, 0x7fffffff);
SYSCTL_TEXT("vm/max_map_count", 0644, show_max_map_count, store_max_map_count);
SYSCTL_TEXT("vm/mmap_min_addr", 0644, show_mmap_min_addr, store_mmap_min_addr);
SYSCTL_TEXT("vm/overcommit_kbytes", 0644, show_overcommit_kbytes, store_overcommit_kbytes);
SYSCTL_INT("vm/overcommit_memory", 0644, &mm_overcommit_mode, 0, 2);
SYSCTL_TEXT("vm/overcommit_ratio", 0644, show_overcommit_ratio, store_overcommit_ratio);
SYSCTL_INT("vm/user_reserve_kbytes", 0644, &mm_user_reserve_kbytes, 0, 0x7fffffff);
