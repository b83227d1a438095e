/* Time values: 64-bit seconds and nanoseconds, and plain 64-bit nanoseconds. */
#pragma once

#include <kern/types.h>
#include <kern/limits.h>

#define NSEC_PER_USEC 1000ll
#define NSEC_PER_MSEC 1000000ll
#define NSEC_PER_SEC 1000000000ll
#define USEC_PER_MSEC 1000ll
#define USEC_PER_SEC 1000000ll
#define MSEC_PER_SEC 1000ll

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

/* Nanoseconds of a valid @ts, saturating at the ends of the range. */
static inline s64 timespec64_to_ns(const struct timespec64 *ts)
{
	if (ts->tv_sec >= S64_MAX / NSEC_PER_SEC)
		return S64_MAX;
	if (ts->tv_sec <= S64_MIN / NSEC_PER_SEC)
		return S64_MIN;
	return ts->tv_sec * NSEC_PER_SEC + ts->tv_nsec;
}

static inline struct timespec64 ns_to_timespec64(s64 ns)
{
	s64 sec = ns / NSEC_PER_SEC;
	long rem = (long)(ns % NSEC_PER_SEC);

	if (rem < 0) {
		rem += NSEC_PER_SEC;
		sec--;
	}
	return (struct timespec64){ sec, rem };
}

/* What system calls accept as a timeout or an absolute time. */
static inline bool timespec64_valid(const struct timespec64 *ts)
{
	return ts->tv_sec >= 0 && (unsigned long)ts->tv_nsec < NSEC_PER_SEC;
}

static inline int timespec64_compare(const struct timespec64 *a, const struct timespec64 *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec < b->tv_sec ? -1 : 1;
	return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}
