/* Calendar dates (Gregorian, UTC, no leap seconds) and seconds since 1970. For clock chips. */
#pragma once

#include <kern/types.h>

struct caltime {
	s32 year;  /* 1970, not 70 */
	u32 month; /* 1 to 12 */
	u32 day;   /* 1 to 31 */
	u32 hour, minute, second;
	u32 weekday; /* 0: Sunday; result of caltime_from_unix only */
	u32 yearday; /* 0: 1 January; as weekday */
};

/* Seconds since 1970-01-01 00:00:00. -EINVAL if a field is out of its range. */
int caltime_to_unix(const struct caltime *c, s64 *out) __must_check;
/* Any @t whose year fits an s32. */
void caltime_from_unix(s64 t, struct caltime *out);
