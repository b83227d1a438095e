/*
 * adjtimex(2), clock_adjtime(2): how a daemon disciplines the clock.
 *
 * The frequency correction is applied as asked.  A phase offset is slewed: once a second a part of
 * what is left becomes a change of the clock's rate for that second, a sixteenth or less (by the
 * time constant) for ADJ_OFFSET, half a millisecond for adjtime(3).  The work that does this runs
 * only while something is left.
 *
 * A leap second (STA_INS, STA_DEL) comes at the end of the day, UTC: leap.c.
 */
#include <kernel/time/adjust_impl.h>
#include <kernel/boot/boot.h>
#include <kernel/cred/cred.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/work/work.h>
#include <kern/errno.h>
#include <generated/syscalls.h>
#include <linux/timex.h>

/* adjtime(3) in the kernel's ABI: ADJ_OFFSET_SINGLESHOT and _SS_READ taken apart. */
#define ADJ_ADJTIME 0x8000u
#define ADJ_ADJTIME_OFFSET 0x0001u
#define ADJ_ADJTIME_READ 0x2000u

#define ADJUST_FREQ_MAX (500ll << 16) /* 500 ppm */
#define ADJUST_PHASE_MAX_NS 500000000ll
#define ADJTIME_STEP_NS 500000ll /* a second */
#define SHIFT_PLL 2		 /* ADJ_OFFSET: a quarter, made smaller by the time constant */
#define ADJUST_TAI_MAX 100000
#define CLOCKFD_MASK 7
#define CLOCKFD 3
#define SHIFT_FLL 2
#define FLL_MIN_S 256
#define PLL_MAX_S 2048
#define ADJTIME_MAX_US 1000000000000ll
#define ADJUST_TICK_US 10000l /* microseconds per USER_HZ tick */

static struct {
	s64 freq_shift16; /* ppm, 16 fraction bits */
	long tick_us, max_error_us, est_error_us, constant;
	int status;
	s64 offset_ns;	  /* ADJ_OFFSET: not yet slewed */
	s64 adjtime_ns;	  /* adjtime(3): the same */
	s64 slew_shift16; /* ppm: what this second does of them */
	bool slewing;	  /* the work is queued */
	s64 phase_s;	  /* monotonic second of the last ADJ_OFFSET */
	u64 error_s;	  /* monotonic second up to which maxerror has grown */
} adjust = {
	.tick_us = ADJUST_TICK_US,
	.max_error_us = 16000000,
	.est_error_us = 16000000,
	.constant = 2,
	.status = STA_UNSYNC,
};
#define ADJUST_MAX_ERROR_US 16000000l
#define ADJUST_ERROR_GROWTH_US 500 /* a second: as much as the frequency may be off */
struct spinlock adjust_lock = SPINLOCK_INIT(LK_SPIN_LEAF); /* adjust */

int adjust_status(void)
{
	return adjust.status;
}

/* Asked of every mode, reading what adjtime(3) has left as well. */
static int adjust_check_step(const struct __kernel_timex *tx)
{
	s64 unit = tx->modes & ADJ_NANO ? NSEC_PER_SEC : USEC_PER_SEC;

	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	return tx->time.tv_usec < 0 || tx->time.tv_usec >= unit ? -EINVAL : 0;
}

static int adjust_check(const struct __kernel_timex *tx)
{
	if (tx->modes & ADJ_ADJTIME) {
		if (!(tx->modes & ADJ_ADJTIME_OFFSET))
			return -EINVAL;
		if (!(tx->modes & ADJ_ADJTIME_READ) && !capable(CAP_SYS_TIME))
			return -EPERM;
	} else {
		if (tx->modes && !capable(CAP_SYS_TIME))
			return -EPERM;
		if ((tx->modes & ADJ_TICK) &&
		    (tx->tick < 900000 / USER_HZ || tx->tick > 1100000 / USER_HZ))
			return -EINVAL;
	}
	return tx->modes & ADJ_SETOFFSET ? adjust_check_step(tx) : 0;
}

static void adjust_apply_rate(void)
{
	clock_set_rate(adjust.freq_shift16 + adjust.slew_shift16 +
		       (((s64)(adjust.tick_us - ADJUST_TICK_US) * 1000000 << 16) / ADJUST_TICK_US));
}

static struct work_delayed second_work;

/* Lock held: the coming second's share; whether there is one. */
static bool adjust_second(void)
{
	s64 part = 0, chunk;

	if (adjust.offset_ns) {
		chunk = adjust.offset_ns / (1ll << (SHIFT_PLL + adjust.constant));
		if (!chunk)
			chunk = adjust.offset_ns;
		adjust.offset_ns -= chunk;
		part += chunk;
	}
	chunk = clamp(adjust.adjtime_ns, -ADJTIME_STEP_NS, ADJTIME_STEP_NS);
	adjust.adjtime_ns -= chunk;
	part += chunk;
	/* A nanosecond a second is a thousandth of a ppm. */
	adjust.slew_shift16 = part * 65536 / 1000;
	adjust_apply_rate();
	return part;
}

static void adjust_second_work(struct work *w)
{
	bool more;

	(void)w;
	spin_lock(&adjust_lock);
	more = adjust_second();
	adjust.slewing = more;
	spin_unlock(&adjust_lock);
	if (more)
		(void)work_queue_delayed(&second_work, NSEC_PER_SEC);
}

/* Lock held: something is left to slew. True: the work is to be queued. */
static bool adjust_start_slew(void)
{
	if (adjust.slewing || (!adjust.offset_ns && !adjust.adjtime_ns))
		return false;
	adjust.slewing = true;
	return adjust_second();
}

static void adjust_init(void)
{
	work_delayed_init(&second_work, adjust_second_work);
	leap_init();
}
INITCALL(adjust_init);

/* Lock held. The longer nobody says how good the clock is, the worse it may be. */
static void adjust_age(void)
{
	u64 now_s = time_mono_ns() / (u64)NSEC_PER_SEC, passed = now_s - adjust.error_s;

	adjust.error_s = now_s;
	if (!passed)
		return;
	long more = (long)min_t(u64, passed, ADJUST_MAX_ERROR_US) * ADJUST_ERROR_GROWTH_US;

	if (adjust.max_error_us <= ADJUST_MAX_ERROR_US - more) {
		adjust.max_error_us += more;
	} else {
		adjust.max_error_us = ADJUST_MAX_ERROR_US;
		adjust.status |= STA_UNSYNC;
	}
}

void adjust_clear(void)
{
	spin_lock(&adjust_lock);
	adjust.adjtime_ns = adjust.offset_ns = adjust.slew_shift16 = 0;
	adjust.status |= STA_UNSYNC;
	adjust.max_error_us = adjust.est_error_us = ADJUST_MAX_ERROR_US;
	adjust_apply_rate();
	leap_clock_set();
	spin_unlock(&adjust_lock);
}

/* Nanoseconds that the clock is to be stepped by. */
static s64 adjust_step(const struct __kernel_timex *tx)
{
	s64 unit = tx->modes & ADJ_NANO ? 1 : 1000;

	if (!(tx->modes & ADJ_SETOFFSET))
		return 0;
	return tx->time.tv_sec * (s64)NSEC_PER_SEC + tx->time.tv_usec * unit;
}

/* Since when the offset @ns builds up, and so what the frequency is off by: ns a second, 32 bits of
 * fraction. RFC 5905: locked to the phase, to the frequency after long silence. */
static s64 adjust_frequency_of(s64 ns, s64 secs)
{
	unsigned int shift = SHIFT_PLL + 2 + (unsigned int)adjust.constant;
	s64 part = 0;

	if (secs >= FLL_MIN_S) {
		adjust.status &= ~STA_MODE;
		if ((adjust.status & STA_FLL) || secs > PLL_MAX_S) {
			adjust.status |= STA_MODE;
			part = ns * (1ll << (32 - SHIFT_FLL)) / secs;
		}
	}
	secs = min(secs, (s64)1 << (shift - 1));
	return part + ns * secs * (1ll << (32 - 2 * shift));
}

static void adjust_set_offset(s64 offset)
{
	s64 unit = adjust.status & STA_NANO ? 1 : 1000, limit = ADJUST_PHASE_MAX_NS / unit;
	s64 now_s = (s64)(time_mono_ns() / (u64)NSEC_PER_SEC), secs = now_s - adjust.phase_s,
	    change;

	if (!(adjust.status & STA_PLL))
		return;
	adjust.offset_ns = clamp(offset, -limit, limit) * unit;
	adjust.phase_s = now_s;
	if (adjust.status & STA_FREQHOLD)
		secs = 0;
	change = adjust_frequency_of(adjust.offset_ns, secs) / (1000 << 16);
	adjust.freq_shift16 =
		clamp(adjust.freq_shift16 + change, -ADJUST_FREQ_MAX, ADJUST_FREQ_MAX);
}

static void adjust_set_status(int status)
{
	if ((adjust.status & STA_PLL) && !(status & STA_PLL)) {
		/* The loop is opened: begin anew. */
		adjust.status = STA_UNSYNC | (adjust.status & STA_RONLY);
		leap_reset();
	}
	if (!(adjust.status & STA_PLL) && (status & STA_PLL))
		adjust.phase_s = (s64)(time_mono_ns() / (u64)NSEC_PER_SEC);
	adjust.status = (adjust.status & STA_RONLY) | (status & ~STA_RONLY);
	leap_wanted(adjust.status);
}

static void adjust_set(const struct __kernel_timex *tx)
{
	if (tx->modes & ADJ_STATUS)
		adjust_set_status(tx->status);
	if (tx->modes & ADJ_NANO)
		adjust.status |= STA_NANO;
	if (tx->modes & ADJ_MICRO)
		adjust.status &= ~STA_NANO;
	if (tx->modes & ADJ_MAXERROR)
		adjust.max_error_us = tx->maxerror;
	if (tx->modes & ADJ_ESTERROR)
		adjust.est_error_us = tx->esterror;
	if (tx->modes & ADJ_TIMECONST)
		adjust.constant =
			clamp(adjust.status & STA_NANO ? tx->constant
						       : clamp(tx->constant, 0ll, 10ll) + 4,
			      0ll, 10ll);
	if (tx->modes & ADJ_TICK)
		adjust.tick_us = (long)tx->tick;
	if (tx->modes & ADJ_FREQUENCY)
		adjust.freq_shift16 = clamp(tx->freq, -ADJUST_FREQ_MAX, ADJUST_FREQ_MAX);
	if ((tx->modes & ADJ_TAI) && tx->constant >= 0 && tx->constant <= ADJUST_TAI_MAX)
		clock_set_tai((s32)tx->constant);
	if (tx->modes & ADJ_OFFSET)
		adjust_set_offset(tx->offset);
	if (tx->modes & (ADJ_TICK | ADJ_FREQUENCY | ADJ_OFFSET))
		adjust_apply_rate();
}

static void adjust_report(struct __kernel_timex *tx)
{
	u64 now = time_real_ns();

	tx->offset = adjust.status & STA_NANO ? adjust.offset_ns : adjust.offset_ns / 1000;
	tx->freq = adjust.freq_shift16;
	tx->maxerror = adjust.max_error_us;
	tx->esterror = adjust.est_error_us;
	tx->status = adjust.status;
	tx->constant = adjust.constant;
	tx->precision = 1;
	tx->tolerance = ADJUST_FREQ_MAX;
	tx->tick = adjust.tick_us;
	tx->tai = clock_get_tai();
	tx->ppsfreq = 0;
	tx->jitter = 0;
	tx->shift = 0;
	tx->stabil = 0;
	tx->jitcnt = 0;
	tx->calcnt = 0;
	tx->errcnt = 0;
	tx->stbcnt = 0;
	tx->time.tv_sec = (s64)(now / (u64)NSEC_PER_SEC);
	tx->time.tv_usec = (s64)(now % (u64)NSEC_PER_SEC);
	if (!(adjust.status & STA_NANO))
		tx->time.tv_usec /= 1000;
}

static long adjust_clock(struct __kernel_timex *tx)
{
	s64 step;
	int err = adjust_check(tx), state;
	bool slew;

	if (err)
		return err;
	step = adjust_step(tx);
	if (step)
		err = clock_step_real(step);
	if (err)
		return err;
	spin_lock(&adjust_lock);
	adjust_age();
	if (tx->modes & ADJ_ADJTIME) {
		s64 left_us = adjust.adjtime_ns / 1000;

		if (!(tx->modes & ADJ_ADJTIME_READ))
			adjust.adjtime_ns =
				clamp(tx->offset, -ADJTIME_MAX_US, ADJTIME_MAX_US) * 1000;
		adjust_report(tx);
		tx->offset = left_us;
	} else {
		adjust_set(tx);
		adjust_report(tx);
	}
	slew = adjust_start_slew();
	if (!slew && !adjust.slew_shift16)
		adjust.slewing = false;
	state = leap_state(adjust.status, tx);
	if (adjust.status & (STA_UNSYNC | STA_CLOCKERR))
		state = TIME_ERROR;
	spin_unlock(&adjust_lock);
	if (slew)
		(void)work_queue_delayed(&second_work, NSEC_PER_SEC);
	return state;
}

/* Only the wall clock can be adjusted; a file that is a clock does not exist. */
static int adjustable(int clock)
{
	if (clock == CLOCK_REALTIME)
		return 0;
	if (clock < 0)
		return (clock & CLOCKFD_MASK) == CLOCKFD ? -EINVAL : -EOPNOTSUPP;
	return clock <= CLOCK_TAI && clock != CLOCK_SGI_CYCLE ? -EOPNOTSUPP : -EINVAL;
}

long sys_clock_adjtime(int clock, struct __kernel_timex __user *buf)
{
	struct __kernel_timex tx;
	long state;

	if (copy_from_user(&tx, buf, sizeof(tx)))
		return -EFAULT;
	state = adjustable(clock);
	if (!state)
		state = adjust_clock(&tx);
	if (state >= 0 && copy_to_user(buf, &tx, sizeof(tx)))
		return -EFAULT;
	return state;
}

long sys_adjtimex(struct __kernel_timex __user *buf)
{
	return sys_clock_adjtime(CLOCK_REALTIME, buf);
}
