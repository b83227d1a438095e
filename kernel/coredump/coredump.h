/*
 * Core dumps: core(5), elf(5).
 *
 * The thread that a signal with that default action ends writes the image of its process, all other
 * threads held on their way out, to a file or to a program that core_pattern names.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <linux/signal.h>

/* Of task->stop_state: held in its exit while its process dumps core. */
#define STOP_CORE 0x10000u

struct task;
struct siginfo;

/*
 * current ends by the signal of @info.  Ends its process as process_exit_group() would, but for the
 * caller's own end, and writes the dump if one is wanted; 0x80 is then in the wait status.  Holds
 * no lock.
 */
void coredump_write(const struct siginfo *info);

/* A thread of a process that dumps, past TF_EXITING: waits until it is written. */
void coredump_hold(struct task *t);
