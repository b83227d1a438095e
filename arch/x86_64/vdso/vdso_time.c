/*
 * Code that runs in user mode: clocks and the CPU number without entering the kernel.
 *
 * Compiled on its own as a position-independent shared object (../room.mk); the page before it is
 * the kernel's struct vdso_data, read under its sequence count. What cannot be answered here is
 * asked of the kernel.
 */
#include <asm/unistd.h>
#include <asm/vdso.h>
#include <linux/time.h>
#include <linux/time_types.h>

#define NSEC 1000000000ULL
#define EXPORT __attribute__((visibility("default")))

#define HIDDEN __attribute__((visibility("hidden")))

/* In a time namespace the first has its offsets, and the machine's data are behind it. */
extern const struct vdso_data vvar_page HIDDEN, vvar_machine_page HIDDEN;

long __vdso_clock_gettime(int clock, struct __kernel_timespec *ts);
long __vdso_clock_getres(int clock, struct __kernel_timespec *ts);
long __vdso_gettimeofday(struct __kernel_old_timeval *tv, struct timezone *tz);
__kernel_old_time_t __vdso_time(__kernel_old_time_t *t);
long __vdso_getcpu(unsigned int *cpu, unsigned int *node, void *unused);

static inline long syscall2(long nr, long a, long b)
{
	long ret;

	asm volatile("syscall" : "=a"(ret) : "0"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
	return ret;
}

static inline u64 cycles(void)
{
	u32 lo, hi;

	/* lfence: not before the sequence count was read. */
	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

static inline bool read_retry(const struct vdso_data *d, u32 seq)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&d->seq, __ATOMIC_RELAXED) != seq;
}

static inline u64 scale(u64 now, u64 base, u64 mult)
{
	u64 delta = now - base;

	/* The counter of another CPU may be a few cycles behind. */
	if (__builtin_expect((s64)delta < 0, 0))
		delta = 0;
	return (u64)(((unsigned __int128)delta * mult) >> 32);
}

static __always_inline u64 from_monotonic(const struct vdso_data *d, int clock, u64 ns)
{
	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		ns += (u64)d->real_offset_ns;
	else if (clock == CLOCK_BOOTTIME)
		ns += (u64)d->boot_offset_ns;
	else if (clock == CLOCK_TAI)
		ns += (u64)(d->real_offset_ns + d->tai_offset_ns);
	if (clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
		ns -= ns % d->coarse_ns;
	return ns;
}

static u64 read_ns_offset(int clock);

/* 0: ask the kernel. */
static __always_inline u64 read_ns_of(const struct vdso_data *d, int clock)
{
	u64 ns;
	u32 seq;

	do {
		/* Odd: being written, or the page of a time namespace, which stays so. */
		while (__builtin_expect((seq = __atomic_load_n(&d->seq, __ATOMIC_ACQUIRE)) & 1,
					0)) {
			if (d->in_time_ns)
				return read_ns_offset(clock);
			asm volatile("pause");
		}
		if (!d->cycles_usable)
			return 0;
		u64 now = cycles();

		if (clock == CLOCK_MONOTONIC_RAW) {
			ns = d->raw_base_ns + scale(now, d->cycle_base, d->raw_mult);
			continue;
		}
		ns = d->mono_base_ns + scale(now, d->cycle_base, d->mult);
		if (clock != CLOCK_MONOTONIC)
			ns = from_monotonic(d, clock, ns);
	} while (__builtin_expect(read_retry(d, seq), 0));
	return ns;
}

static inline bool read_ns(int clock, u64 *out)
{
	*out = read_ns_of(&vvar_page, clock);
	return *out != 0;
}

/* In a time namespace. */
static noinline u64 read_ns_offset(int clock)
{
	u64 ns = read_ns_of(&vvar_machine_page, clock);

	if (!ns)
		return 0;
	if (clock == CLOCK_BOOTTIME)
		ns += (u64)vvar_page.ns_boot_ns;
	else if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW ||
		 clock == CLOCK_MONOTONIC_COARSE)
		ns += (u64)vvar_page.ns_mono_ns;
	return ns;
}

/* For what does not change, or one word at a time. */
static inline const struct vdso_data *machine(void)
{
	return vvar_page.in_time_ns ? &vvar_machine_page : &vvar_page;
}

#define CLOCKS_HERE                                                                          \
	(1u << CLOCK_REALTIME | 1u << CLOCK_MONOTONIC | 1u << CLOCK_MONOTONIC_RAW |          \
	 1u << CLOCK_REALTIME_COARSE | 1u << CLOCK_MONOTONIC_COARSE | 1u << CLOCK_BOOTTIME | \
	 1u << CLOCK_TAI)

EXPORT long __vdso_clock_gettime(int clock, struct __kernel_timespec *ts)
{
	u64 ns;

	if ((unsigned int)clock > 31 || !(CLOCKS_HERE >> clock & 1) || !read_ns(clock, &ns))
		return syscall2(__NR_clock_gettime, clock, (long)ts);
	ts->tv_sec = (s64)(ns / NSEC);
	ts->tv_nsec = (s64)(ns % NSEC);
	return 0;
}

EXPORT long __vdso_clock_getres(int clock, struct __kernel_timespec *ts)
{
	if ((unsigned int)clock > 31 || !(CLOCKS_HERE >> clock & 1))
		return syscall2(__NR_clock_getres, clock, (long)ts);
	if (ts) {
		bool coarse = clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;

		ts->tv_sec = 0;
		ts->tv_nsec = coarse ? (s64)machine()->coarse_ns : 1;
	}
	return 0;
}

EXPORT long __vdso_gettimeofday(struct __kernel_old_timeval *tv, struct timezone *tz)
{
	u64 ns;

	if (tv) {
		if (!read_ns(CLOCK_REALTIME, &ns))
			return syscall2(__NR_gettimeofday, (long)tv, (long)tz);
		tv->tv_sec = (long)(ns / NSEC);
		tv->tv_usec = (long)(ns % NSEC / 1000);
	}
	if (tz) {
		tz->tz_minuteswest = machine()->tz_minuteswest;
		tz->tz_dsttime = machine()->tz_dsttime;
	}
	return 0;
}

EXPORT __kernel_old_time_t __vdso_time(__kernel_old_time_t *t)
{
	u64 ns;

	if (!read_ns(CLOCK_REALTIME, &ns))
		return syscall2(__NR_time, (long)t, 0);
	__kernel_old_time_t sec = (__kernel_old_time_t)(ns / NSEC);

	if (t)
		*t = sec;
	return sec;
}

EXPORT long __vdso_getcpu(unsigned int *cpu, unsigned int *node, void *unused)
{
	unsigned int limit;

	(void)unused;
	/* The limit of this segment is the CPU number (desc.c); there is one memory node. */
	asm volatile("lsll %1, %0" : "=r"(limit) : "r"(0x53u));
	if (cpu)
		*cpu = limit;
	if (node)
		*node = 0;
	return 0;
}

long clock_gettime(int clock, struct __kernel_timespec *ts)
	__attribute__((weak, alias("__vdso_clock_gettime"), visibility("default")));
long clock_getres(int clock, struct __kernel_timespec *ts)
	__attribute__((weak, alias("__vdso_clock_getres"), visibility("default")));
long gettimeofday(struct __kernel_old_timeval *tv, struct timezone *tz)
	__attribute__((weak, alias("__vdso_gettimeofday"), visibility("default")));
__kernel_old_time_t time(__kernel_old_time_t *t)
	__attribute__((weak, alias("__vdso_time"), visibility("default")));
long getcpu(unsigned int *cpu, unsigned int *node, void *unused)
	__attribute__((weak, alias("__vdso_getcpu"), visibility("default")));
