/* Switching the machine off. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

/* Powers off: ACPI S5, a hardware-reduced sleep register, or a shutdown by triple fault. */
__noreturn void arch_poweroff(void);

/* Resets: ACPI reset register, port 0xcf9, keyboard controller, triple fault. */
__noreturn void arch_reboot(void);

/* Halts with all CPUs stopped. */
__noreturn void arch_halt(void);

/* Ends QEMU with status (code << 1) | 1 where it has an isa-debug-exit device; else returns. */
void arch_debug_exit(u8 code);

/* Text for the host on the debug console (port 0xe9), where there is one. */
void arch_report(const char *text);
