/*
 * Timing as the last resort: a machine with no random instruction, no seed and no device.
 *
 * Who needs the source walks a buffer that does not fit the first-level cache and takes the cycle
 * counter at each step; the differences depend on caches, refresh, interrupts and the host. Samples
 * pass the health tests of NIST SP 800-90B 4.4 and must not be "stuck" (the time, its first and its
 * second difference all move), else they are mixed in but do not count. What counts is taken for
 * 1/16 bit, so 4096 good samples are needed. A failed test voids the slice in which it failed.
 *
 * Nothing is assumed of the counter: where it does not serve (it is coarse, or a deterministic
 * emulation) the source becomes ready after JITTER_BOUND_NS all the same, and says so: a machine
 * that hangs at boot helps nobody. One thread does it at a time and gives way to signals; what it
 * spent counts for the next one.
 */
#include <kernel/rng/rng.h>
#include <kernel/rng/rng_impl.h>
#include <kernel/frame/frame.h>
#include <kernel/lock/lock.h>
#include <kernel/printk/printk.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <asm/clock.h>
#include <asm/current.h>

#define JITTER_BOUND_NS (250 * NSEC_PER_MSEC)
#define JITTER_SLICE 64u
#define JITTER_STEPS 32u
#define JITTER_WALK_ORDER 4u

static struct mutex jitter_lock; /* of what follows */
static u8 *walk;		 /* while somebody is at it */
static u32 walk_mask;
static struct rng_health health;
static u64 spent_ns;
static bool jitter_trusted; /* [I] */
static u32 good;	    /* samples that are not credited yet */
static u32 thread_started;  /* atomic */

bool rng_health_sample(struct rng_health *h, u64 sample)
{
	u64 delta = sample - h->last, delta2 = delta - h->delta, delta3 = delta2 - h->delta2;

	h->repeats = delta2 ? 1 : h->repeats + 1;
	if (h->repeats >= HEALTH_REPEAT)
		h->failed = true;
	if (!h->in_window) {
		h->first = delta;
		h->same = 0;
	}
	h->same += delta == h->first;
	if (h->same >= HEALTH_PROPORTION)
		h->failed = true;
	if (++h->in_window == HEALTH_WINDOW)
		h->in_window = 0;
	h->last = sample;
	h->delta = delta;
	h->delta2 = delta2;
	return delta && delta2 && delta3;
}

/* One sample: the counter after some steps that depend on all before. */
static u64 take_sample(u64 *at)
{
	for (unsigned int i = 0; i < JITTER_STEPS; i++) {
		u8 *p = &walk[*at & walk_mask];

		WRITE_ONCE(*p, (u8)(READ_ONCE(*p) + 1));
		*at = *at * 6364136223846793005ull + *p + 1;
		*at ^= *at >> 29;
	}
	return clock_cycles();
}

static void take_slice(u64 *at)
{
	u64 samples[JITTER_SLICE];
	u32 counted = 0, bits;

	health.failed = false;
	for (unsigned int i = 0; i < JITTER_SLICE; i++) {
		samples[i] = take_sample(at);
		counted += rng_health_sample(&health, samples[i]);
	}
	good += health.failed || !jitter_trusted ? 0 : counted;
	bits = good >> HEALTH_BITS_LOG;
	good -= bits << HEALTH_BITS_LOG;
	rng_add_source(RNG_JITTER, samples, sizeof(samples), bits);
	memzero_explicit(samples, sizeof(samples));
}

/* jitter_lock held. */
static int gather(void)
{
	u64 at = clock_cycles(), from = time_mono_ns(), now;
	u8 small[64] = {0};
	u8 *buf = frame_alloc_virt(JITTER_WALK_ORDER, GFP_KERNEL | GFP_ZERO | GFP_NOWARN);
	int err = 0;

	/* It is told by its samples whether the small one is enough. */
	walk = buf ? buf : small;
	walk_mask = buf ? (PAGE_SIZE << JITTER_WALK_ORDER) - 1 : sizeof(small) - 1;
	while (!err && !rng_is_ready()) {
		take_slice(&at);
		now = time_mono_ns();
		spent_ns += now - from;
		from = now;
		if (spent_ns >= JITTER_BOUND_NS)
			rng_force_ready(RNG_JITTER);
		else if (signal_pending(current))
			err = -ERESTARTSYS;
		sched_cond_resched();
	}
	if (buf)
		frame_free_virt(buf);
	walk = NULL;
	return err;
}

int rng_wait_ready(void)
{
	int err;

	if (likely(rng_is_ready()))
		return 0;
	if (mutex_lock_interruptible(&jitter_lock))
		return -ERESTARTSYS;
	err = gather();
	mutex_unlock(&jitter_lock);
	return err;
}

static int jitter_thread(void *ctx)
{
	(void)ctx;
	return rng_wait_ready();
}

void rng_start_jitter(void)
{
	if (rng_is_ready() || __atomic_exchange_n(&thread_started, 1, __ATOMIC_ACQ_REL))
		return;
	if (kthread_start(jitter_thread, NULL, "rng_jitter", NULL))
		__atomic_store_n(&thread_started, 0, __ATOMIC_RELEASE);
}

void rng_jitter_init(bool trusted)
{
	jitter_trusted = trusted;
	mutex_init(&jitter_lock, LK_SLEEP_LEAF);
}
