/* Between adjust.c and leap.c: leap seconds. */
#pragma once

#include <kernel/lock/lock.h>
#include <kernel/time/time_impl.h>
#include <linux/timex.h>

extern struct spinlock adjust_lock; /* LK_SPIN_LEAF: what both files keep */

void leap_init(void);
/* adjust_lock held in all of these. */
void leap_wanted(int status); /* STA_INS, STA_DEL may have changed */
void leap_reset(void);	      /* none is planned */
void leap_clock_set(void);    /* what was planned for a day holds no more */
/* TIME_OK to TIME_WAIT; @tx's time and TAI offset as they are if the second is just now. */
int leap_state(int status, struct __kernel_timex *tx);
int adjust_status(void);
