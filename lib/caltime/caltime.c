/*
 * Days and dates by arithmetic: years begin in March, so that the leap day is the last of its year,
 * and months from March on follow one line of 153 days for 5 months. 400 years are 146097 days.
 */
#include <lib/caltime/caltime.h>
#include <kern/errno.h>

#define DAYS_400_YEARS 146097
#define DAYS_TO_1970 719468 /* from 1 March of year 0 */

static bool is_leap(s64 year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static u32 days_in_month(s64 year, u32 month)
{
	static const u8 days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Quotient rounded down. */
static s64 div_floor(s64 a, s64 b)
{
	return a / b - (a % b < 0);
}

int caltime_to_unix(const struct caltime *c, s64 *out)
{
	if (c->month < 1 || c->month > 12 || c->day < 1 ||
	    c->day > days_in_month(c->year, c->month) || c->hour > 23 || c->minute > 59 ||
	    c->second > 59)
		return -EINVAL;
	s64 year = (s64)c->year - (c->month <= 2);
	s64 era = div_floor(year, 400);
	s64 in_era = year - era * 400;
	s64 month = (c->month + 9) % 12;
	s64 day_of_year = (153 * month + 2) / 5 + c->day - 1;
	s64 days = era * DAYS_400_YEARS + in_era * 365 + in_era / 4 - in_era / 100 + day_of_year -
		   DAYS_TO_1970;

	*out = ((days * 24 + c->hour) * 60 + c->minute) * 60 + c->second;
	return 0;
}

void caltime_from_unix(s64 t, struct caltime *out)
{
	s64 day = div_floor(t, 86400);
	u32 second = (u32)(t - day * 86400);
	s64 from_march = day + DAYS_TO_1970;
	s64 era = div_floor(from_march, DAYS_400_YEARS);
	s64 in_era = from_march - era * DAYS_400_YEARS;
	/* Takes the leap days away that lie before; the last day of 4 and of 400 years is one. */
	s64 year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	s64 day_of_year = in_era - (365 * year + year / 4 - year / 100);
	s64 month = (5 * day_of_year + 2) / 153;

	out->day = (u32)(day_of_year - (153 * month + 2) / 5 + 1);
	out->month = (u32)(month < 10 ? month + 3 : month - 9);
	out->year = (s32)(year + era * 400 + (out->month <= 2));
	out->hour = second / 3600;
	out->minute = second / 60 % 60;
	out->second = second % 60;
	out->weekday = (u32)(((day + 4) % 7 + 7) % 7);
	/* 1 March is day 59 or 60 of its year. */
	out->yearday =
		(u32)(out->month <= 2 ? day_of_year - 306 : day_of_year + 59 + is_leap(out->year));
}
