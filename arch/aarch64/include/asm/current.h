/* The running task. */
#pragma once

#include <asm/percpu.h>

struct task;

DECLARE_PERCPU(struct task *, current_task);

/* Constant for the code that reads it, whatever CPU it moves to, so reads may be merged. */
#define current this_cpu_read_stable(current_task)
