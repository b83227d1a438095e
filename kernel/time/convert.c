/* Times between user memory and nanoseconds. */
#include <kernel/time/time_impl.h>
#include <kernel/uaccess/uaccess.h>
#include <kern/limits.h>

/* Saturates at what an s64 of nanoseconds holds, as Linux's ktime does. */
static u64 time_saturated(s64 sec, s64 nsec)
{
	if (sec >= S64_MAX / (s64)NSEC_PER_SEC)
		return (u64)S64_MAX;
	return (u64)sec * NSEC_PER_SEC + (u64)nsec;
}

int timespec_from_user(const struct __kernel_timespec __user *uts, u64 *out_ns)
{
	struct __kernel_timespec ts;

	if (copy_from_user(&ts, uts, sizeof(ts)))
		return -EFAULT;
	if (ts.tv_sec < 0 || (u64)ts.tv_nsec >= (u64)NSEC_PER_SEC)
		return -EINVAL;
	*out_ns = time_saturated(ts.tv_sec, ts.tv_nsec);
	return 0;
}

int timespec_to_user(u64 ns, struct __kernel_timespec __user *uts)
{
	struct __kernel_timespec ts = {.tv_sec = (s64)(ns / (u64)NSEC_PER_SEC),
				       .tv_nsec = (s64)(ns % (u64)NSEC_PER_SEC)};

	return copy_to_user(uts, &ts, sizeof(ts)) ? -EFAULT : 0;
}

int timeval_from_user(const struct __kernel_old_timeval __user *utv, u64 *out_ns)
{
	struct __kernel_old_timeval tv;

	if (copy_from_user(&tv, utv, sizeof(tv)))
		return -EFAULT;
	if (tv.tv_sec < 0 || (u64)tv.tv_usec >= (u64)USEC_PER_SEC)
		return -EINVAL;
	*out_ns = time_saturated(tv.tv_sec, tv.tv_usec * (s64)NSEC_PER_USEC);
	return 0;
}

int timeval_to_user(u64 ns, struct __kernel_old_timeval __user *utv)
{
	struct __kernel_old_timeval tv = {.tv_sec = (long)(ns / (u64)NSEC_PER_SEC),
					  .tv_usec = (long)(ns % (u64)NSEC_PER_SEC / 1000)};

	return copy_to_user(utv, &tv, sizeof(tv)) ? -EFAULT : 0;
}
