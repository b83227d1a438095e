/*
 * Clocks.
 *
 * Monotonic time is the cycle counter scaled by a fixed-point rate.  The three numbers that say how
 * (struct clock_rate) change only when adjtimex changes the rate; a reader follows one pointer to
 * the current set, and the sets are used in rotation, so that a reader who was delayed still sees
 * the one it started with.  Wall time is monotonic time plus an offset, which is one word.
 *
 * Without a tick there is nothing cheaper to return for the coarse clocks, so they are cut to their
 * resolution, here as in the vDSO: the calls, the vDSO and the times of files agree.
 */
#include <kernel/time/time_impl.h>
#include <kernel/printk/printk.h>
#include <kernel/wait/wait.h>
#include <kern/errno.h>
#include <kern/math64.h>
#include <asm/clock.h>
#include <asm/vdso.h>

#define CLOCK_RATE_SETS 8

struct clock_rate {
	u64 cycle_base, mult, mono_base_ns;
};

static struct clock_rate clock_rates[CLOCK_RATE_SETS];
static const struct clock_rate *clock_rate = &clock_rates[0]; /* published with release */

/* Serialises writers. */
static struct spinlock clock_lock = SPINLOCK_INIT(LK_IRQ_LEAF);
static unsigned int clock_rate_index;	       /* clock_lock */
static s64 real_offset;			       /* written under clock_lock, read whole */
static s32 tai_offset_s;		       /* the same: TAI - real */
static s64 tai_mono_offset;		       /* the same: TAI - monotonic; no leap changes it */
static s32 tz_minuteswest, tz_dsttime;	       /* clock_lock */
static struct clock_notifier *clock_notifiers; /* grows at boot only */
struct wait_queue clock_step_wait = WAIT_QUEUE_INIT(clock_step_wait);

u64 time_mono_ns(void)
{
	const struct clock_rate *r = smp_load_acquire(&clock_rate);

	return r->mono_base_ns + mul_u64_u64_shr(clock_cycles() - r->cycle_base, r->mult, 32);
}

u64 time_boot_ns(void)
{
	return time_mono_ns(); /* the machine is never suspended */
}

u64 time_raw_ns(void)
{
	return clock_mono_ns();
}

s64 time_real_offset_ns(void)
{
	return READ_ONCE(real_offset);
}

u64 time_real_to_mono(u64 real_ns)
{
	s64 offset = time_real_offset_ns();

	return (s64)real_ns > offset ? real_ns - (u64)offset : 0;
}

u64 time_real_ns(void)
{
	return time_mono_ns() + (u64)READ_ONCE(real_offset);
}

static inline u64 clock_coarse(u64 ns)
{
	return ns - ns % COARSE_RES_NS;
}

u64 time_coarse_real_ns(void)
{
	return clock_coarse(time_real_ns());
}

u64 clock_tai_ns(void)
{
	return time_mono_ns() + (u64)READ_ONCE(tai_mono_offset);
}

static void clock_publish_vdso(void)
{
	const struct clock_rate *r = clock_rate;
	struct vdso_data d = {
		.cycles_usable = 1,
		.cycle_base = r->cycle_base,
		.mult = r->mult,
		.mono_base_ns = r->mono_base_ns,
		.real_offset_ns = real_offset,
		.tai_offset_ns = (s64)tai_offset_s * NSEC_PER_SEC,
		.coarse_ns = COARSE_RES_NS,
		.raw_mult_valid = 1,
		.tz_minuteswest = tz_minuteswest,
		.tz_dsttime = tz_dsttime,
		.raw_mult = arch_clock.mult,
		.raw_base_ns = clock_cycles_to_ns(r->cycle_base - arch_clock.base),
	};

	vdso_update(&d);
}

/* The rate as parts per million of the counter's own, with 16 fraction bits. */
void clock_set_rate(s64 ppm_shift16)
{
	unsigned long flags = spin_lock_irqsave(&clock_lock);
	const struct clock_rate *old = clock_rate;
	struct clock_rate *new = &clock_rates[++clock_rate_index % CLOCK_RATE_SETS];
	u64 now = clock_cycles();
	s64 change = (s64)(((__int128)arch_clock.mult * ppm_shift16) / (1000000ll << 16));

	new->cycle_base = now;
	new->mono_base_ns =
		old->mono_base_ns + mul_u64_u64_shr(now - old->cycle_base, old->mult, 32);
	new->mult = arch_clock.mult + (u64)change;
	smp_store_release(&clock_rate, new);
	clock_publish_vdso();
	spin_unlock_irqrestore(&clock_lock, flags);
}

static void clock_notify_step(void)
{
	for (struct clock_notifier *n = clock_notifiers; n; n = n->next)
		n->fn(n);
	wake_up_all(&clock_step_wait);
}

void time_register_step(struct clock_notifier *n)
{
	unsigned long flags = spin_lock_irqsave(&clock_lock);

	n->next = clock_notifiers;
	smp_store_release(&clock_notifiers, n);
	spin_unlock_irqrestore(&clock_lock, flags);
}

/* clock_lock held. */
static void clock_put_offsets(s64 real, s32 tai_s)
{
	WRITE_ONCE(real_offset, real);
	WRITE_ONCE(tai_offset_s, tai_s);
	WRITE_ONCE(tai_mono_offset, real + tai_s * (s64)NSEC_PER_SEC);
	clock_publish_vdso();
}

static int clock_set_offset(s64 offset)
{
	unsigned long flags;

	/* The machine was started in 1970 or later, and time does not run out. */
	if (offset < 0 || offset > S64_MAX / 2)
		return -EINVAL;
	flags = spin_lock_irqsave(&clock_lock);
	clock_put_offsets(offset, tai_offset_s);
	spin_unlock_irqrestore(&clock_lock, flags);
	adjust_clear();
	clock_notify_step();
	return 0;
}

void clock_leap(s32 seconds)
{
	unsigned long flags = spin_lock_irqsave(&clock_lock);

	clock_put_offsets(real_offset + seconds * (s64)NSEC_PER_SEC, tai_offset_s - seconds);
	spin_unlock_irqrestore(&clock_lock, flags);
	clock_notify_step();
}

int time_set_real(u64 real_ns)
{
	return clock_set_offset((s64)(real_ns - time_mono_ns()));
}

int clock_step_real(s64 delta_ns)
{
	return clock_set_offset(READ_ONCE(real_offset) + delta_ns);
}

void clock_set_tai(s32 seconds)
{
	unsigned long flags = spin_lock_irqsave(&clock_lock);

	clock_put_offsets(real_offset, seconds);
	spin_unlock_irqrestore(&clock_lock, flags);
}

s32 clock_get_tai(void)
{
	return READ_ONCE(tai_offset_s);
}

void clock_set_timezone(s32 minutes_west, s32 dst)
{
	unsigned long flags = spin_lock_irqsave(&clock_lock);

	tz_minuteswest = minutes_west;
	tz_dsttime = dst;
	clock_publish_vdso();
	spin_unlock_irqrestore(&clock_lock, flags);
}

void clock_get_timezone(s32 *minutes_west, s32 *dst)
{
	*minutes_west = READ_ONCE(tz_minuteswest);
	*dst = READ_ONCE(tz_dsttime);
}

int clock_read(int clockid, u64 *out_ns)
{
	switch (clockid) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_ALARM:
		*out_ns = time_real_ns();
		return 0;
	case CLOCK_REALTIME_COARSE:
		*out_ns = time_coarse_real_ns();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*out_ns = time_mono_ns();
		return 0;
	case CLOCK_MONOTONIC_COARSE:
		*out_ns = clock_coarse(time_mono_ns());
		return 0;
	case CLOCK_MONOTONIC_RAW:
		*out_ns = time_raw_ns();
		return 0;
	case CLOCK_TAI:
		*out_ns = clock_tai_ns();
		return 0;
	default:
		return cpu_clock_read(clockid, out_ns);
	}
}

void time_init(void)
{
	s64 rtc = arch_rtc_read();

	timer_init_cpu(0);
	clock_rates[0] = (struct clock_rate){arch_clock.base, arch_clock.mult, 0};
	if (rtc > 0)
		real_offset = tai_mono_offset = rtc * NSEC_PER_SEC - (s64)time_mono_ns();
	clock_publish_vdso();
	pr_info("clock: %llu.%03llu MHz cycle counter%s\n", arch_clock.hz / 1000000,
		arch_clock.hz / 1000 % 1000, arch_clock.stable ? "" : ", not constant");
}

void time_init_cpu(void)
{
	timer_init_cpu(cpu_id());
}
