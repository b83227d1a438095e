/* The local interrupt controller, inside arch/x86_64. */
#pragma once

#include <kern/types.h>

#define APIC_ID 0x20
#define APIC_TPR 0x80
#define APIC_EOI 0xb0
#define APIC_SVR 0xf0
#define APIC_ISR 0x100 /* eight registers of 32 vectors */
#define APIC_ESR 0x280
#define APIC_ICR 0x300
#define APIC_ICR2 0x310
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define APIC_TIMER_INIT 0x380
#define APIC_TIMER_NOW 0x390
#define APIC_TIMER_DIVIDE 0x3e0

#define APIC_DM_NMI 0x400u
#define APIC_DM_INIT 0x500u
#define APIC_DM_STARTUP 0x600u
#define APIC_LEVEL_ASSERT 0x4000u
#define APIC_ALL_BUT_SELF 0xc0000u

int apic_init(void) __must_check; /* boot CPU: maps the controllers */
void apic_init_cpu(void);	  /* each CPU */
u32 apic_id(void);
void apic_icr(u32 dest, u32 command);
void apic_eoi(void);
/* An interrupt of this CPU has come and not been ended. */
bool apic_in_service(void);

/* Counted kinds of per-CPU interrupts, in the order of /proc/interrupts. */
enum apic_count {
	COUNT_NMI,
	COUNT_TIMER,
	COUNT_SPURIOUS,
	COUNT_RESCHED,
	COUNT_CALL,
	COUNT_TLB,
	COUNT_ERROR, /* on vectors that are nobody's */
	COUNT_KINDS,
};
void apic_count(enum apic_count what);
