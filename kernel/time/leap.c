/*
 * Leap seconds.
 *
 * With STA_INS the last second of the day, UTC, comes twice: at midnight the wall clock goes a
 * second back. With STA_DEL it does not come: at 23:59:59 the clock goes a second on. Atomic time
 * (CLOCK_TAI) notices neither. What adjtimex(2) returns tells how far it is: TIME_INS and TIME_DEL
 * announced, TIME_OOP within the second that is too many, TIME_WAIT done, until the flag is
 * cleared.
 *
 * The states change when a second of the wall clock begins. A timer is set for that as long as
 * there is something to announce.
 */
#include <kernel/time/adjust_impl.h>
#include <kernel/work/work.h>

#define DAY_S 86400

static int leap_now = TIME_OK; /* adjust_lock */
static s64 leap_at_s =
	S64_MAX; /* the same: second of the wall clock that comes again or is left out */
static struct timer leap_timer;
static struct work leap_work;

static s64 wall_seconds(void)
{
	return (s64)(time_real_ns() / (u64)NSEC_PER_SEC);
}

/* For the begin of the next second, if there will be anything to do. */
static void leap_arm(int status)
{
	u64 into = time_real_ns() % (u64)NSEC_PER_SEC;

	if ((status & (STA_INS | STA_DEL)) || leap_now != TIME_OK)
		timer_start(&leap_timer, time_mono_ns() + (u64)NSEC_PER_SEC - into);
}

void leap_wanted(int status)
{
	leap_arm(status);
}

void leap_reset(void)
{
	leap_now = TIME_OK;
	leap_at_s = S64_MAX;
}

void leap_clock_set(void)
{
	leap_at_s = S64_MAX;
	leap_arm(adjust_status());
}

static void leap_announce(int status, s64 now_s)
{
	if (status & STA_INS) {
		leap_now = TIME_INS;
		leap_at_s = now_s + DAY_S - now_s % DAY_S;
	} else if (status & STA_DEL) {
		leap_now = TIME_DEL;
		leap_at_s = now_s + DAY_S - (now_s + 1) % DAY_S;
	}
}

/* A second has begun: by how many the wall clock is to be moved. */
static s32 leap_second(int status, s64 now_s)
{
	s32 move = 0;

	switch (leap_now) {
	case TIME_OK:
		leap_announce(status, now_s);
		break;
	case TIME_INS:
	case TIME_DEL:
		if (!(status & (leap_now == TIME_INS ? STA_INS : STA_DEL))) {
			leap_reset();
		} else if (now_s >= leap_at_s) {
			move = leap_now == TIME_INS ? -1 : 1;
			leap_now = leap_now == TIME_INS ? TIME_OOP : TIME_WAIT;
			if (move > 0)
				leap_at_s = S64_MAX;
		}
		break;
	case TIME_OOP:
		leap_now = TIME_WAIT;
		leap_at_s = S64_MAX;
		break;
	default:
		if (!(status & (STA_INS | STA_DEL)))
			leap_now = TIME_OK;
		break;
	}
	return move;
}

static void leap_work_fn(struct work *w)
{
	s32 move;

	(void)w;
	spin_lock(&adjust_lock);
	move = leap_second(adjust_status(), wall_seconds());
	spin_unlock(&adjust_lock);
	if (move)
		clock_leap(move);
	spin_lock(&adjust_lock);
	leap_arm(adjust_status());
	spin_unlock(&adjust_lock);
}

static void leap_timer_fn(struct timer *t)
{
	(void)t;
	(void)work_queue(&leap_work);
}

int leap_state(int status, struct __kernel_timex *tx)
{
	/* The work may be late: say what it will do. */
	if (leap_now == TIME_INS && (status & STA_INS) && tx->time.tv_sec >= leap_at_s) {
		tx->tai++;
		tx->time.tv_sec--;
		return TIME_OOP;
	}
	if (leap_now == TIME_DEL && (status & STA_DEL) && tx->time.tv_sec >= leap_at_s) {
		tx->tai--;
		tx->time.tv_sec++;
		return TIME_WAIT;
	}
	if (leap_now == TIME_OOP && tx->time.tv_sec >= leap_at_s)
		return TIME_WAIT;
	return leap_now;
}

void leap_init(void)
{
	timer_init(&leap_timer, leap_timer_fn);
	work_init(&leap_work, leap_work_fn);
}
