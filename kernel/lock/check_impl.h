/* The lock checker: between the files of this room, and for its own test. */
#pragma once

#include <kernel/lock/lock.h>

#ifdef CONFIG_DEBUG_LOCKS
/* Set by a test that plants faults: is called instead of reporting. LK_COUNT: no lock. */
typedef void (*lock_report_hook)(const char *what, enum lock_class class);
extern lock_report_hook lock_debug_hook;

/* After a slow path: @lock was waited for and is had now, or was not got (@err). */
void lock_debug_waited(struct lock_debug *d, const void *lock, int err);

/* stat.c: nanoseconds; in all, and for how many events. */
struct lock_stat_time {
	u64 min, max, total, nr;
};
struct lock_stat {
	struct lock_stat_time wait, hold;
};
/* The time as task->held keeps it; 0 before the clock runs. */
u32 lock_stat_now(void);
/* Interrupts off; @since of 0 is not counted. */
void lock_stat_waited(unsigned int class, bool shared, u32 since);
void lock_stat_held(unsigned int class, bool shared, u32 since);
/* Sum over the CPUs since the last reset. */
void lock_stat_read(enum lock_class class, bool shared, struct lock_stat *out);
void lock_stat_reset(void);
#else
static inline void lock_debug_waited(struct lock_debug *d, const void *lock, int err)
{
	(void)d;
	(void)lock;
	(void)err;
}
#endif
