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
	u32 reserved;
	u64 raw_mult;	 /* unadjusted rate, for CLOCK_MONOTONIC_RAW */
	u64 raw_base_ns; /* CLOCK_MONOTONIC_RAW at cycle_base */
};

/* Writes everything but seq; callers serialise (the time room's lock, interrupts off). */
void vdso_update(const struct vdso_data *d);

/*
 * The mapping, in ascending order: vdso_data_pages() pages [vvar] read-only, then the image [vdso]
 * read and execute. Physical addresses are of the kernel image: no frame reference is taken.
 */
unsigned int vdso_data_pages(void);
unsigned int vdso_text_pages(void);
u64 vdso_page_phys(unsigned int page);
/* Offset in the image of the signal return trampoline, 0 if none (x86-64 needs SA_RESTORER). */
unsigned long vdso_sigreturn_offset(void);
