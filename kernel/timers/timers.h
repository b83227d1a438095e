/*
 * Timers of processes: interval timers, POSIX timers, CPU-time limits. They end in signals.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

struct process;
struct task;

/* The last thread of @p is gone or exec begins anew: removes all (@exec: but the interval timers).
 */
void timers_process_exit(struct process *p);
void timers_process_exec(struct process *p);
/* A signal of a POSIX timer is being taken from the queue: returns its overrun count. Any context.
 */
int timers_signal_taken(struct process *p, int timer_id);
