/*
 * Fatal and near-fatal errors: panic, oops, warnings, and what the command line wants done then
 * (panic=N, oops=panic, panic_on_warn, panic_on_oops as on Linux).
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct regs;

/* Stops all CPUs, prints, then powers off, reboots (panic=N) or reports to the launcher. */
void panic(const char *fmt, ...) __printf(1, 2) __attribute__((noreturn));
/* An error in kernel code: prints registers and a back trace with names, then kills the task. */
void oops(struct regs *regs, const char *what, unsigned long error) __attribute__((noreturn));
/*
 * The same in two halves, for who has to change stacks in between: the report, which does not come
 * back if the machine cannot go on, and the end of the task, on any stack, interrupts on or off.
 */
void oops_report(struct regs *regs, const char *what, unsigned long error);
void oops_exit(void) __attribute__((noreturn));
/* Prints a back trace of the running code. */
void backtrace_print(struct regs *regs);
struct task;
void backtrace_print_task(const struct task *t); /* one that does not run */
extern unsigned long panic_taint;		 /* /proc/sys/kernel/tainted */
/* Names of addresses: <kernel/symbol/symbol.h>. */

enum panic_taint_bit { /* as Linux numbers them */
		       TAINT_DIE = 7,
		       TAINT_WARN = 9,
		       TAINT_SOFTLOCKUP = 14,
};
void panic_add_taint(enum panic_taint_bit bit);

/* Called once when the kernel gives up, with the message, in any context; must not take locks. */
struct panic_notifier {
	void (*fn)(struct panic_notifier *n, const char *message);
	struct panic_notifier *next;
};
void panic_register_notifier(struct panic_notifier *n);
extern bool panic_in_progress; /* consoles and drivers: do not wait for locks any more */

/* /proc/sys/kernel/{panic,panic_on_oops,panic_on_warn} */
extern int panic_timeout_s, panic_on_oops, panic_on_warn;
