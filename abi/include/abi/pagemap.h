/* ioctl of /proc/PID/pagemap, which linux-libc-dev of Debian 12 does not have: Linux 6.7. */
#pragma once

#include <linux/ioctl.h>
#include <linux/types.h>

#ifndef PAGEMAP_SCAN
#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)

#define PAGE_IS_WPALLOWED (1 << 0)
#define PAGE_IS_WRITTEN (1 << 1)
#define PAGE_IS_FILE (1 << 2)
#define PAGE_IS_PRESENT (1 << 3)
#define PAGE_IS_SWAPPED (1 << 4)
#define PAGE_IS_PFNZERO (1 << 5)
#define PAGE_IS_HUGE (1 << 6)
#define PAGE_IS_SOFT_DIRTY (1 << 7)

struct page_region {
	__u64 start, end;
	__u64 categories;
};

#define PM_SCAN_WP_MATCHING (1 << 0)   /* writes to what was found are told from then on */
#define PM_SCAN_CHECK_WPASYNC (1 << 1) /* or nothing, where that is not possible */

struct pm_scan_arg {
	__u64 size; /* of this struct */
	__u64 flags;
	__u64 start, end;
	__u64 walk_end; /* out: what is before it was looked at */
	__u64 vec, vec_len;
	__u64 max_pages; /* 0: no limit */
	__u64 category_inverted, category_mask, category_anyof_mask;
	__u64 return_mask;
};
#endif
