/* Shared by the files of kernel/signal. */
#pragma once

#include <kernel/ns/ucount.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>

struct sigqueue {
	struct list_head link;	 /* sigpending->queue; LK_SIGHAND */
	struct ucounts *ucounts; /* +1, counted as UCOUNT_SIGPENDING */
	struct siginfo info;
};

#define SIGMASK_KERNEL_ONLY (SIGMASK(SIGKILL) | SIGMASK(SIGSTOP))
#define SIGMASK_IGNORE_DFL \
	(SIGMASK(SIGCONT) | SIGMASK(SIGCHLD) | SIGMASK(SIGWINCH) | SIGMASK(SIGURG))
#define SIGMASK_SYNC                                                               \
	(SIGMASK(SIGSEGV) | SIGMASK(SIGBUS) | SIGMASK(SIGILL) | SIGMASK(SIGTRAP) | \
	 SIGMASK(SIGFPE) | SIGMASK(SIGSYS))
/* Default action: core dump. */
#define SIGMASK_CORE \
	(SIGMASK_SYNC | SIGMASK(SIGQUIT) | SIGMASK(SIGABRT) | SIGMASK(SIGXCPU) | SIGMASK(SIGXFSZ))

/* The parent is to be told by the next thread on its way to user mode: process->group_flags. */
#define PROC_TELL_STOPPED 0x100u
#define PROC_TELL_CONTINUED 0x200u

/* Of an action: it is the default one, and nobody changes that or sees the signal before. */
#define SA_IMMUTABLE 0x00800000ul

#define sig_in(sig, mask) ((SIGMASK(sig) & (mask)) != 0)

static inline bool signal_valid(int sig)
{
	return sig >= 1 && sig <= SIGNAL_COUNT;
}

static inline u64 sig_handler(const struct task *t, int sig)
{
	return t->sighand->action[sig - 1].handler;
}

#define HANDLER_DFL ((u64)(unsigned long)SIG_DFL)
#define HANDLER_IGN ((u64)(unsigned long)SIG_IGN)

/* signal.c; all under LK_SIGHAND */
struct sigqueue *sigqueue_alloc(struct task *t, int sig, bool over_limit);
void sigqueue_free(struct sigqueue *q);
void sigpending_remove(struct sigpending *p, sigmask mask);
/* The next signal of @mask from the thread's, then the process's queue; 0: none. */
int signal_take(struct task *t, sigmask mask, struct siginfo *info);
/* Lowest-numbered, faults first. */
int signal_take_from(struct sigpending *p, sigmask mask, struct siginfo *info);

/* send.c */
int signal_send_locked(struct task *t, bool group, int sig, const struct siginfo *info, bool force);
/* Another thread looks at what was chosen for @t and is in @mask. */
void signal_retarget(struct task *t, sigmask mask);

/* stop.c; under LK_SIGHAND */
void stop_cancel(struct task *t, u32 bits); /* forgets pending STOP_PENDING, STOP_TRAP_MASK */
bool stop_participate(struct task *t);	    /* true: the last one, now the process is stopped */
/* Stops current for @sig (0: a stop that another thread began). Drops the lock; false: nothing to
 * do. */
bool stop_do(int sig);

/* trace.c; under LK_SIGHAND, of current where a task stops: the lock is dropped meanwhile */
void stop_trapping_done(struct task *t);
/* A seized tracee learns that the group stop began or ended. */
void signal_trap_notify(struct task *t);
void trap_group_stop(struct task *t);
/* Shows @sig to the tracer; the signal to deliver instead, 0: none. */
int trap_delivery(struct task *t, int sig, struct siginfo *info);

/* mask.c */
void signal_set_blocked(sigmask mask);
