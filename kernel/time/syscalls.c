/* System calls that read and set clocks, and that sleep. */
#include <kernel/time/time_impl.h>
#include <kernel/cred/cred.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/wait/wait.h>
#include <kern/errno.h>
#include <generated/syscalls.h>

long sys_clock_gettime(int clock, struct __kernel_timespec __user *tp)
{
	u64 ns;
	int err = clock_read(clock, &ns);

	return err ? err : timespec_to_user(ns + (u64)time_ns_offset(clock), tp);
}

long sys_clock_settime(int clock, const struct __kernel_timespec __user *tp)
{
	struct __kernel_timespec ts;
	u64 ns;

	if (clock != CLOCK_REALTIME)
		return clock < 0 ? (cpu_clock_check(clock) ? -EINVAL : -EPERM) : -EINVAL;
	if (copy_from_user(&ts, tp, sizeof(ts)))
		return -EFAULT;
	if (ts.tv_sec < 0 || (u64)ts.tv_nsec >= (u64)NSEC_PER_SEC)
		return -EINVAL;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	if (ts.tv_sec > S64_MAX / (s64)NSEC_PER_SEC)
		return -EINVAL;
	ns = (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
	return time_set_real(ns);
}

long sys_clock_getres(int clock, struct __kernel_timespec __user *res)
{
	u64 ns = 1;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
	case CLOCK_TAI:
		break;
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		ns = COARSE_RES_NS;
		break;
	default: {
		int err = cpu_clock_check(clock);

		if (err)
			return err;
		break;
	}
	}
	return res ? timespec_to_user(ns, res) : 0;
}

long sys_gettimeofday(struct __kernel_old_timeval __user *tv, struct timezone __user *tz)
{
	if (tv && timeval_to_user(time_real_ns(), tv))
		return -EFAULT;
	if (tz) {
		struct timezone z;

		clock_get_timezone(&z.tz_minuteswest, &z.tz_dsttime);
		if (copy_to_user(tz, &z, sizeof(z)))
			return -EFAULT;
	}
	return 0;
}

long sys_settimeofday(const struct __kernel_old_timeval __user *tv,
		      const struct timezone __user *tz)
{
	struct __kernel_old_timeval v = {0};
	struct timezone z;

	if (tv) {
		if (copy_from_user(&v, tv, sizeof(v)))
			return -EFAULT;
		if (v.tv_sec < 0 || (u64)v.tv_usec >= (u64)USEC_PER_SEC)
			return -EINVAL;
	}
	if (tz && copy_from_user(&z, tz, sizeof(z)))
		return -EFAULT;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	if (tz) {
		if (z.tz_minuteswest > 15 * 60 || z.tz_minuteswest < -15 * 60)
			return -EINVAL;
		clock_set_timezone(z.tz_minuteswest, z.tz_dsttime);
	}
	if (!tv)
		return 0;
	if (v.tv_sec > S64_MAX / (s64)NSEC_PER_SEC)
		return -EINVAL;
	return time_set_real((u64)v.tv_sec * NSEC_PER_SEC + (u64)v.tv_usec * NSEC_PER_USEC);
}

long sys_time(long __user *tloc)
{
	long now = (long)(time_real_ns() / (u64)NSEC_PER_SEC);

	if (tloc && put_user(now, tloc))
		return -EFAULT;
	return now;
}

/* --- sleeping --- */

/* Writes what is left of a relative sleep. */
static long sleep_interrupted(u64 deadline_ns, struct __kernel_timespec __user *rem)
{
	u64 now = time_mono_ns();

	if (rem && timespec_to_user(now < deadline_ns ? deadline_ns - now : 0, rem))
		return -EFAULT;
	return -ERESTART_RESTARTBLOCK;
}

static long sleep_restart(struct task *t)
{
	u64 deadline = t->restart.arg[0];
	struct __kernel_timespec __user *rem = (void __user *)t->restart.arg[1];

	if (!sched_sleep_until(deadline, TASK_INTERRUPTIBLE))
		return 0;
	t->restart.fn = sleep_restart;
	return sleep_interrupted(deadline, rem);
}

static long sleep_relative(u64 delta_ns, struct __kernel_timespec __user *rem)
{
	struct task *t = current;
	u64 deadline = deadline_after(time_mono_ns(), delta_ns);

	if (!sched_sleep_until(deadline, TASK_INTERRUPTIBLE))
		return 0;
	t->restart.fn = sleep_restart;
	t->restart.arg[0] = deadline;
	t->restart.arg[1] = (u64)(unsigned long)rem;
	return sleep_interrupted(deadline, rem);
}

/* Absolute on the wall clock: a step of that moves the deadline. */
static long sleep_until_real(u64 until_ns)
{
	for (;;) {
		s64 offset = time_real_offset_ns();
		u64 deadline = time_real_to_mono(until_ns);
		int err = wait_event_full(&clock_step_wait, time_real_offset_ns() != offset,
					  TASK_INTERRUPTIBLE, false, deadline);

		if (err == -ETIME)
			return 0;
		if (err)
			return -ERESTARTNOHAND;
	}
}

static long sleep_absolute(int clock, u64 until_ns)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_ALARM:
		return sleep_until_real(until_ns);
	case CLOCK_TAI:
		return sleep_until_real(until_ns - (u64)clock_get_tai() * NSEC_PER_SEC);
	default:
		until_ns = time_ns_to_host(clock, until_ns);
		return sched_sleep_until(until_ns, TASK_INTERRUPTIBLE) ? -ERESTARTNOHAND : 0;
	}
}

long sys_nanosleep(const struct __kernel_timespec __user *req, struct __kernel_timespec __user *rem)
{
	u64 ns;
	int err = timespec_from_user(req, &ns);

	return err ? err : sleep_relative(ns, rem);
}

/* Sleeps on CPU time poll: nothing tells when another thread's run time passes a mark. */
static long sleep_on_cpu_clock(int clock, bool absolute, u64 ns)
{
	u64 used, until;
	int err = clock_read(clock, &used);

	if (err)
		return err;
	until = absolute ? ns : deadline_after(used, ns);
	while (used < until) {
		u64 left = max(until - used, (u64)NSEC_PER_MSEC);

		err = sched_sleep_until(deadline_after(time_mono_ns(), left), TASK_INTERRUPTIBLE);
		if (err)
			return absolute ? -ERESTARTNOHAND : -EINTR;
		err = clock_read(clock, &used);
		if (err)
			return err;
	}
	return 0;
}

long sys_clock_nanosleep(int clock, int flags, const struct __kernel_timespec __user *req,
			 struct __kernel_timespec __user *rem)
{
	bool absolute = flags & TIMER_ABSTIME;
	u64 ns;
	int err;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
	case CLOCK_PROCESS_CPUTIME_ID:
		break;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		if (!capable(CAP_WAKE_ALARM))
			return -EPERM;
		break;
	case CLOCK_THREAD_CPUTIME_ID:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		return -EOPNOTSUPP;
	default:
		err = cpu_clock_check(clock);
		if (err)
			return err;
	}
	err = timespec_from_user(req, &ns);
	if (err)
		return err;
	if (clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID)
		return sleep_on_cpu_clock(clock, absolute, ns);
	return absolute ? sleep_absolute(clock, ns) : sleep_relative(ns, rem);
}
