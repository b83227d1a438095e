/* Between the files of kernel/watchdog and their tests. */
#pragma once

#include <kernel/watchdog/watchdog.h>

extern u64 watchdog_thresh_ns;			     /* tests set it finer than the sysctl */
extern u32 watchdog_soft_count, watchdog_hard_count; /* reports so far; atomic */

/* Looks at all tasks once: how many are blocked for longer; reports those. */
unsigned int hung_scan(u64 timeout_ns);
