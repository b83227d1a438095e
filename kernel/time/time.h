/*
 * Time: clocks in 64-bit nanoseconds, and one-shot timers.
 *
 * CLOCK_MONOTONIC counts from boot; all kernel deadlines are in it.  No periodic tick: each CPU
 * programs its next event.
 */
#pragma once

#include <kern/types.h>
#include <kern/time64.h>
#include <lib/rbtree/rbtree.h>
#include <linux/time.h>
#include <linux/time_types.h>

#define USER_HZ 100

void time_init(void);
void time_init_cpu(void);
u64 time_mono_ns(void);	       /* CLOCK_MONOTONIC; also before time_init(): 0 */
u64 time_boot_ns(void);	       /* CLOCK_BOOTTIME */
u64 time_real_ns(void);	       /* CLOCK_REALTIME, since 1970 */
u64 time_coarse_real_ns(void); /* cheap: file time stamps */
u64 time_raw_ns(void);
s64 time_real_offset_ns(void);		     /* real - monotonic */
u64 time_real_to_mono(u64 real_ns);	     /* as the clocks stand now; 0: before the start */
int time_set_real(u64 real_ns) __must_check; /* steps the wall clock, notifies timerfds */
/* Reads a clock by number; -EINVAL for one that does not exist.  CPU clocks included. */
int clock_read(int clockid, u64 *out_ns) __must_check;

/* ---- time namespaces: namespace.c ---- */
struct ns_common;
/* What current's time namespace adds to @clock. Process context. */
s64 time_ns_offset(int clock);
/*
 * An absolute time on @clock, as current's namespace counts, on the machine's clock: at least 1
 * (that is over), S64_MAX at the most; 0 stays 0.
 */
u64 time_ns_to_host(int clock, u64 ns);
/* A task is about to live in @ns: its offsets stay as they are. May sleep. */
void time_ns_enter(struct ns_common *ns);
/* The data page of its vDSO; not for the first namespace. */
u64 time_ns_vdso_phys(struct ns_common *ns);

static inline struct timespec64 timespec64_from_ns(u64 ns)
{
	return (struct timespec64){(s64)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC)};
}

/* User forms. -EFAULT, -EINVAL. */
int timespec_from_user(const struct __kernel_timespec __user *uts, u64 *out_ns) __must_check;
int timespec_to_user(u64 ns, struct __kernel_timespec __user *uts) __must_check;
int timeval_from_user(const struct __kernel_old_timeval __user *utv, u64 *out_ns) __must_check;
int timeval_to_user(u64 ns, struct __kernel_old_timeval __user *utv) __must_check;
/* now + delta without wrapping. */
static inline u64 deadline_after(u64 now, u64 delta)
{
	return now + delta < now ? U64_MAX : now + delta;
}

/*
 * A one-shot timer; fn runs in interrupt context on the CPU that armed it, between expires_ns and
 * latest_ns: when the CPU is interrupted anyway, or else at the latter.
 */
struct timer {
	struct rb_node node;
	u64 expires_ns; /* CLOCK_MONOTONIC */
	u64 latest_ns;	/* the same */
	void (*fn)(struct timer *t);
	u16 cpu;
	u8 state; /* private */
};

void timer_init(struct timer *t, void (*fn)(struct timer *t));
void timer_start(struct timer *t, u64 expires_ns); /* re-arms if active */
/* It may come so much later, with another one. */
void timer_start_range(struct timer *t, u64 expires_ns, u64 slack_ns);
bool timer_cancel(struct timer *t);	 /* was it pending?  fn may still run */
bool timer_cancel_sync(struct timer *t); /* and fn has finished */
bool timer_pending(const struct timer *t);
/* The scheduler's: this CPU runs a task from now on and wants its tick. Interrupts off. */
void time_tick_start(u64 now_ns);
u64 timer_next_ns(unsigned int cpu); /* for the idle loop; U64_MAX: none */
/* Clock was stepped: absolute CLOCK_REALTIME timers re-evaluate. */
struct clock_notifier {
	void (*fn)(struct clock_notifier *n);
	struct clock_notifier *next;
};
void time_register_step(struct clock_notifier *n);
/* Woken by each step, after the notifiers: for who waits until a moment of the wall clock. */
struct wait_queue;
extern struct wait_queue clock_step_wait;
