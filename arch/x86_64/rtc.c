/* The battery-backed clock (MC146818), read once at boot. */
#include <asm/clock.h>
#include <asm/io.h>
#include <drivers/acpi/acpi.h>

#include "x86_impl.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define REG_A 10
#define REG_B 11
#define UPDATING 0x80
#define BINARY 0x04
#define HOURS_24 0x02
#define HOUR_PM 0x80

static u8 cmos(u8 reg)
{
	outb(reg, CMOS_INDEX);
	return inb(CMOS_DATA);
}

struct rtc_time {
	u8 sec, min, hour, day, month, year, century;
};

static struct rtc_time rtc_sample(void)
{
	return (struct rtc_time){
		cmos(0),
		cmos(2),
		cmos(4),
		cmos(7),
		cmos(8),
		cmos(9),
		machine.century ? cmos(machine.century) : 0,
	};
}

static unsigned int number(u8 v, bool bcd)
{
	return bcd ? (v >> 4) * 10u + (v & 15u) : v;
}

/* Days since 1970-01-01 of a Gregorian date; years begin in March, so that leap days come last. */
static s64 days_of(unsigned int year, unsigned int month, unsigned int day)
{
	year -= month <= 2;
	unsigned int era = year / 400, yoe = year % 400;
	unsigned int doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return (s64)era * 146097 + doe - 719468;
}

s64 arch_rtc_read(void)
{
	struct rtc_time a, b;

	/* microvm may have none: the bus then reads all ones. */
	if (cmos(REG_B) == 0xff)
		return 0;
	for (int tries = 0;; tries++) {
		for (int i = 0; i < 10000 && (cmos(REG_A) & UPDATING); i++)
			cpu_relax();
		a = rtc_sample();
		b = rtc_sample();
		if (a.sec == b.sec && a.min == b.min && a.hour == b.hour && a.day == b.day)
			break;
		if (tries == 10)
			return 0;
	}
	u8 mode = cmos(REG_B);
	bool bcd = !(mode & BINARY), pm = !(mode & HOURS_24) && (a.hour & HOUR_PM);
	unsigned int hour = number((mode & HOURS_24) ? a.hour : a.hour & 0x7f, bcd);
	unsigned int century = machine.century ? number(a.century, bcd) : 20;
	unsigned int month = number(a.month, bcd), day = number(a.day, bcd);

	if (!(mode & HOURS_24))
		hour = hour % 12 + (pm ? 12 : 0);
	if (century < 19 || century > 40)
		century = 20;
	if (month < 1 || month > 12 || day < 1 || day > 31)
		return 0;
	return days_of(century * 100 + number(a.year, bcd), month, day) * 86400 + hour * 3600 +
	       number(a.min, bcd) * 60 + number(a.sec, bcd);
}
