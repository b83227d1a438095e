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
/* Prints a back trace of the running code. */
void backtrace_print(struct regs *regs);
extern unsigned int panic_taint;		/* /proc/sys/kernel/tainted */
/* Names of addresses: <kernel/symbol/symbol.h>. */
