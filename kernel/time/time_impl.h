/* Between the files of kernel/time. */
#pragma once

#include <kernel/lock/lock.h>
#include <kernel/time/time.h>

/* Empty timer base for @cpu. */
void timer_init_cpu(unsigned int cpu);

/* The wall clock's rate and offset, for adjtimex. clock.c */
void clock_set_rate(s64 ppm_shift16);
int clock_step_real(s64 delta_ns) __must_check; /* -EINVAL: out of range */
/* A leap second: the wall clock goes @seconds on, atomic time as if nothing were. */
void clock_leap(s32 seconds);
/* The clock was set: what disciplined it counts no more. adjust.c */
void adjust_clear(void);
void clock_set_tai(s32 seconds);
s32 clock_get_tai(void);
void clock_set_timezone(s32 minutes_west, s32 dst);
void clock_get_timezone(s32 *minutes_west, s32 *dst);
u64 clock_tai_ns(void);

/* CPU-time clocks, cputime.c. -EINVAL: there is no such clock or task. */
int cpu_clock_read(int clockid, u64 *out_ns) __must_check;
int cpu_clock_check(int clockid) __must_check;
struct process;
u64 cpu_clock_of_process(struct process *p, unsigned int what);
#define COARSE_RES_NS 4000000u
