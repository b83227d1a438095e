#include <kern/ktest.h>
#include <kern/errno.h>
#include <lib/caltime/caltime.h>

KTEST(caltime, known_dates)
{
	static const struct {
		s64 t;
		struct caltime c;
	} cases[] = {
		{0, {1970, 1, 1, 0, 0, 0, 4, 0}},
		{951782400, {2000, 2, 29, 0, 0, 0, 2, 59}},
		{951868799, {2000, 2, 29, 23, 59, 59, 2, 59}},
		{1709251199, {2024, 2, 29, 23, 59, 59, 4, 59}},
		{1735689599, {2024, 12, 31, 23, 59, 59, 2, 365}},
		{4107542400, {2100, 3, 1, 0, 0, 0, 1, 59}},
		{-1, {1969, 12, 31, 23, 59, 59, 3, 364}},
		{-2203891200, {1900, 3, 1, 0, 0, 0, 4, 59}},
		{2147483648, {2038, 1, 19, 3, 14, 8, 2, 18}},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct caltime *w = &cases[i].c;
		struct caltime c;
		s64 back;

		caltime_from_unix(cases[i].t, &c);
		EXPECT_EQ(c.year, w->year);
		EXPECT_EQ(c.month, w->month);
		EXPECT_EQ(c.day, w->day);
		EXPECT_EQ(c.hour, w->hour);
		EXPECT_EQ(c.minute, w->minute);
		EXPECT_EQ(c.second, w->second);
		EXPECT_EQ(c.weekday, w->weekday);
		EXPECT_EQ(c.yearday, w->yearday);
		EXPECT_EQ(caltime_to_unix(w, &back), 0);
		EXPECT_EQ(back, cases[i].t);
	}
}

KTEST(caltime, each_day_follows_the_last)
{
	struct caltime c, prev;

	caltime_from_unix(-86400ll * 200000, &prev);
	for (s64 day = -200000 + 1; day < 200000; day++) {
		s64 back;

		caltime_from_unix(day * 86400, &c);
		bool next_day = c.day == prev.day + 1 && c.month == prev.month;
		bool next_month = c.day == 1 && prev.day >= 28 && c.month == prev.month % 12 + 1;

		EXPECT_TRUE(next_day || next_month);
		EXPECT_EQ(c.yearday, c.year == prev.year ? prev.yearday + 1 : 0);
		EXPECT_EQ(c.weekday, (prev.weekday + 1) % 7);
		EXPECT_EQ(caltime_to_unix(&c, &back), 0);
		EXPECT_EQ(back, day * 86400);
		prev = c;
	}
}

KTEST(caltime, impossible_dates)
{
	static const struct caltime bad[] = {
		{2023, 2, 29, 0, 0, 0, 0, 0}, {2023, 13, 1, 0, 0, 0, 0, 0},
		{2023, 0, 1, 0, 0, 0, 0, 0},  {2023, 4, 31, 0, 0, 0, 0, 0},
		{2023, 1, 0, 0, 0, 0, 0, 0},  {2023, 1, 1, 24, 0, 0, 0, 0},
		{2023, 1, 1, 0, 60, 0, 0, 0}, {2023, 1, 1, 0, 0, 60, 0, 0},
	};
	s64 t_out;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(caltime_to_unix(&bad[i], &t_out), -EINVAL);
}
