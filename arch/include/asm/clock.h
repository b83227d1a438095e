/* The cycle counter as clock source, the one-shot timer, and the clock of the board. */
#pragma once

#include <asm/cpu.h>
#include <kern/types.h>

/* ns = cycles * mult >> 32, with a 128-bit product: exact enough for centuries, no overflow. */
struct arch_clock {
	u64 hz;
	u64 mult;    /* ns per cycle, 32.32 fixed point */
	u64 base;    /* cycles at boot */
	bool stable; /* runs at one rate in all states of all CPUs */
};
extern struct arch_clock arch_clock; /* [I] after start-up */

static __always_inline u64 clock_cycles(void)
{
	return cpu_cycles();
}

static __always_inline u64 clock_cycles_to_ns(u64 cycles)
{
	return (u64)(((unsigned __int128)cycles * arch_clock.mult) >> 32);
}

/* Nanoseconds since the boot CPU read its counter first. Monotonic over all CPUs. */
static __always_inline u64 clock_mono_ns(void)
{
	return clock_cycles_to_ns(clock_cycles() - arch_clock.base);
}

/*
 * Interrupts this CPU once, about @delta_ns from now (never much earlier): time_interrupt() is
 * called. Replaces an earlier programming. Interrupts off.
 */
void arch_timer_program(u64 delta_ns);
/* No interrupt any more. One that is pending already may still come. */
void arch_timer_stop(void);
/* Largest delta that one programming can wait. */
u64 arch_timer_max_ns(void);

/* Seconds since 1970 by the battery clock; 0 when there is none. Reads take some microseconds. */
s64 arch_rtc_read(void);

/* Busy wait, for device set-up only. */
void arch_delay_us(unsigned int us);
