/* Kernel stacks. */
#pragma once

#include <asm/page.h>
#include <asm/regs.h>
#include <kern/types.h>

struct task;

/*
 * Return addresses from the frame at @fp upwards, at most @max; returns how many. @fp 0 starts at
 * the caller. Reads only inside mapped kernel stacks, so a broken chain ends the walk.
 */
unsigned int stack_walk(unsigned long fp, unsigned long *out, unsigned int max);

/* All words of a stack from @from to @to that look like return addresses: a superset of its
 * callers, also of frames long left. */
unsigned int stack_scan(unsigned long from, unsigned long to, unsigned long *out, unsigned int max);

/* The same for a task that is not running (its saved frame). */
unsigned int stack_walk_task(const struct task *task, unsigned long *out, unsigned int max);

/* Prints the registers, on an oops and for sysrq. */
void regs_print(const struct regs *regs);
