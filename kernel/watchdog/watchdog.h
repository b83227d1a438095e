/*
 * Reports of what hangs: CPUs that do not schedule, CPUs that take no interrupts, tasks that stay
 * blocked. (Lock order: kernel/lock; grace periods: kernel/rcu.) Everything is switched by the
 * variables that Linux has in /proc/sys/kernel.
 */
#pragma once

#include <kern/types.h>
