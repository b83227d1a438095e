/* Time as numbers: units, and a broken-down form that is 64 bit everywhere. Pure. */
#pragma once

#include <kern/types.h>

#define NSEC_PER_SEC 1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_USEC 1000ull
#define USEC_PER_SEC 1000000ull
#define MSEC_PER_SEC 1000ull

struct timespec64 {
	time64_t tv_sec;
	long tv_nsec;
};

/* false if @ts is negative or not normalised; times past the range of u64 nanoseconds saturate. */
static inline bool timespec64_to_ns(const struct timespec64 *ts, u64 *out_ns)
{
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= (long)NSEC_PER_SEC)
		return false;
	if ((u64)ts->tv_sec >= U64_MAX / NSEC_PER_SEC)
		*out_ns = U64_MAX;
	else
		*out_ns = (u64)ts->tv_sec * NSEC_PER_SEC + (u64)ts->tv_nsec;
	return true;
}
