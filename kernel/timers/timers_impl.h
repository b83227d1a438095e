/* Between the files of kernel/timers. */
#pragma once

#include <kern/list.h>
#include <kern/types.h>
#include <kernel/lock/lock.h>
#include <kernel/rcu/rcu.h>
#include <kernel/time/time.h>

#define TIMERS_HASH 16u

/* A CPU-time interval timer (ITIMER_VIRTUAL, ITIMER_PROF); times are CPU time of the process. */
struct cpu_itimer {
	u64 expires_ns; /* 0: off */
	u64 interval_ns;
};

/* What a process has of timers; made when it first asks for one, freed with it. */
struct timers_process {
	struct spinlock lock;	 /* LK_TIMERS_POSIX: all below */
	struct process *process; /* [I] +0: outlives this */
	int next_id;
	struct hlist_head timers[TIMERS_HASH]; /* struct posix_timer by id */
	u32 cpu_timers;			       /* armed timers that the tick must look at */
	struct timer real;		       /* ITIMER_REAL */
	u64 real_interval_ns;
	struct cpu_itimer cpu[2]; /* ITIMER_VIRTUAL, ITIMER_PROF */
	struct rcu_head rcu;
};

/* current's, made if there is none. */
int timers_get(struct timers_process **out) __must_check;

/* posix.c */
void posix_timers_remove_all(struct timers_process *tp);
/* CPU-time timers of @tp that have expired; from the tick. */
void posix_timers_cpu_tick(struct timers_process *tp);
void posix_timers_init(void);
