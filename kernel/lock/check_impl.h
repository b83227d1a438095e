/* The lock checker's hooks for the scheduler and for its own test. */
#pragma once

#include <kernel/lock/lock.h>

#ifdef CONFIG_DEBUG_LOCKS
/* Set by a test that plants faults: is called instead of reporting. LK_COUNT: no lock. */
typedef void (*lock_report_hook)(const char *what, enum lock_class class);
extern lock_report_hook lock_debug_hook;
#endif
