/* The code page that the kernel lends to every program, and the data page it reads. */
#pragma once

#include <kern/types.h>

/* Read by user space: a sequence count guards the rest; odd = being written. */
struct vdso_data {
	u32 seq;
	u32 cycles_usable; /* 0: every call enters the kernel */
	u64 cycle_base;	   /* cycle counter at mono_base_ns */
	u64 mult;	   /* ns per cycle, 32.32 */
	u64 mono_base_ns;
	s64 real_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	s64 boot_offset_ns; /* CLOCK_BOOTTIME - CLOCK_MONOTONIC */
	s64 tai_offset_ns;  /* CLOCK_TAI - CLOCK_REALTIME */
	u64 coarse_ns;	    /* granularity of the COARSE clocks */
	u32 raw_mult_valid;
	s32 tz_minuteswest;
	s32 tz_dsttime;
	u32 in_time_ns;	 /* this page has offsets only, and its seq stays odd: see vdso_fill_time_ns
			  */
	u64 raw_mult;	 /* unadjusted rate, for CLOCK_MONOTONIC_RAW */
	u64 raw_base_ns; /* CLOCK_MONOTONIC_RAW at cycle_base */
	s64 ns_mono_ns, ns_boot_ns; /* in_time_ns: what is added to clocks */
};

/* For getrandom in user mode; behind the struct above in the machine's data page. */
struct vdso_random {
	u64 generation; /* other than what a key was drawn under: it is stale; 0: not ready */
};

struct vdso_page {
	struct vdso_data data;
	struct vdso_random random __attribute__((aligned(64)));
};

/* Writes everything but seq; callers serialise (the time room's lock, interrupts off). */
void vdso_update(const struct vdso_data *d);

/* Keys that user space drew before are stale. Callers serialise. */
void vdso_set_random_generation(u64 generation);

/* Makes @page, which is zero, the first data page of programs in a time namespace. */
void vdso_fill_time_ns(void *page, s64 mono_ns, s64 boot_ns);

/*
 * The mapping, in ascending order: vdso_data_pages() pages [vvar] read-only, then the image [vdso]
 * read and execute. The first data page is the machine's; in a time namespace it is that one's, and
 * the machine's is the second. Physical addresses are of the kernel image: no frame reference is
 * taken.
 */
unsigned int vdso_data_pages(void);
unsigned int vdso_text_pages(void);
u64 vdso_data_phys(void);
u64 vdso_text_phys(unsigned int page);
/* Offset in the image of the signal return trampoline, 0 if none (x86-64 needs SA_RESTORER). */
unsigned long vdso_sigreturn_offset(void);

/* A page above user addresses that programs may call, and perhaps read; 0: none. */
u64 arch_gate_page(bool *readable);
