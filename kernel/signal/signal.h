/*
 * Signals: handlers, queues, delivery, stops.  POSIX.1 and signal(7) as Linux has it.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kern/list.h>
#include <kernel/lock/lock.h>
#include <linux/signal.h>
#include <asm/siginfo.h>

struct task;
struct process;
struct wait_queue;
struct regs;
struct file;

#define SIGNAL_COUNT 64
typedef u64 sigmask; /* bit n-1: signal n */
#define SIGMASK(sig) (1ull << ((sig)-1))
#define SIGMASK_STOP (SIGMASK(SIGSTOP) | SIGMASK(SIGTSTP) | SIGMASK(SIGTTIN) | SIGMASK(SIGTTOU))
#define SIGMASK_UNBLOCKABLE (SIGMASK(SIGKILL) | SIGMASK(SIGSTOP))

struct ksigaction { /* the kernel ABI's struct sigaction */
	u64 handler, flags, restorer, mask;
};

struct sighand {
	u32 refs;	      /* atomic; shared by CLONE_SIGHAND */
	struct spinlock lock; /* LK_SIGHAND: also both pending sets and the stop state */
	struct ksigaction action[SIGNAL_COUNT];
};

struct sigpending {
	sigmask mask;
	struct list_head queue; /* struct sigqueue */
};

void signal_system_init(void);
/* Sends to one thread / a whole process.  Any context; no permission check.
 * info NULL: kernel (SI_KERNEL).  -EAGAIN: no memory for a queued real-time signal. */
int signal_send_task(struct task *t, int sig, const struct siginfo *info);
int signal_send_process(struct process *p, int sig, const struct siginfo *info);
/*
 * What a program says in rt_sigqueueinfo(2) and its kind, for @sig (-1: the one it names), without
 * judging who may say it.  -EFAULT; -E2BIG: an unknown code that carries more than is known.
 */
int siginfo_from_user(struct siginfo *info, const struct siginfo __user *uinfo, int sig)
	__must_check;
/* A fault of current: cannot be ignored or blocked. */
void signal_force(int sig, int code, u64 addr, int trapno);
/* What may come between a forced signal and its default action. */
enum signal_force {
	FORCE_HANDLER, /* a handler, unless the signal is blocked or ignored */
	FORCE_DEFAULT, /* only a tracer */
	FORCE_EXIT,    /* nothing */
};
/* The same with all details. */
void signal_force_info(const struct siginfo *info, enum signal_force how);
/* @sig from the kernel (SI_KERNEL) ends current. */
void signal_force_exit(int sig);
/* As a fault without address (SI_KERNEL); @fatal: FORCE_DEFAULT. */
void signal_force_fatal_if(int sig, bool fatal);
/* sigaltstack(2) by the kernel. */
int signal_altstack_restore(u64 sp, u64 size, int flags, u64 user_sp);
struct pid;
/* To a process group (terminal ^C, SIGHUP). Takes LK_TASKLIST read side (RCU). */
int signal_send_pgrp(struct pid *pgrp, int sig, bool from_kernel);
/* kill(2) permission of current over @t. */
int signal_may_send(struct task *t, int sig) __must_check;
int signal_may_send_process(struct process *p, int sig) __must_check; /* -ESRCH: has gone */
/* Wakes @t to look at its signals. */
static inline bool signal_pending_mask(sigmask pending, sigmask blocked)
{
	return (pending & ~blocked) != 0;
}
bool signal_pending(struct task *t);	   /* one that is not blocked, or a stop, or group exit */
bool signal_fatal_pending(struct task *t); /* SIGKILL */
/* On the way to user space: delivers, stops, restarts the system call, or does not return. */
void signal_deliver(struct regs *regs);
/* sigsuspend, ppoll, pselect, epoll_pwait: mask for the time of the call. */
void signal_set_mask(sigmask mask);
int signal_set_user_mask(const void __user *umask, size_t sigsetsize) __must_check;
void signal_restore_saved_mask_unless(bool interrupted);
/* fork, exec, exit. */
int sighand_copy(struct task *child, u64 clone_flags) __must_check;
void sighand_put(struct sighand *s);
/* exec: handlers shared with another process become own ones. */
int sighand_unshare(void) __must_check;
void signal_exec(void); /* handlers back to default, altstack off */
void signal_flush_queue(struct sigpending *p);
/*
 * Locks the handlers of @t with interrupts off; false once it is gone.  Protects @t->pending,
 * @t->process->pending and the stop state too.
 */
bool sighand_lock(struct task *t, unsigned long *irq_flags) __must_check;
void sighand_unlock(struct task *t, unsigned long irq_flags);
/* Under the lock: sets or clears WORK_SIGNAL of current. */
void signal_recalc(void);
/* Under the lock: makes @t look at its signals; @kill also ends uninterruptible (killable) waits
 * and stops. */
void signal_wake_task(struct task *t, bool kill);
/* Makes all other threads of current's process die.  Under the lock; returns how many there are. */
unsigned int signal_kill_others(void);
/* Exit of a thread: what was sent to the process and chosen for it goes to another thread. */
void signal_exit_thread(struct task *t);
/*
 * Under tasklist_lock: @t, a leader without other threads or a traced thread, is a zombie; its
 * tracer, or else its process's parent, gets @sig (0: none).  True: nobody wants its status, reap
 * now.
 */
bool signal_notify_exit(struct task *t, int sig);
/* Under tasklist_lock.  Stops and their end: SIGCHLD with CLD_* to the parent, respectively the
 * tracer of one thread, and a wake-up of its waiters. */
void signal_notify_parent(struct process *p, int why);
void signal_notify_tracer(struct task *t, int why);

/*
 * Stops of traced threads; trace.c.  With the lock of current's handlers, which is dropped
 * meanwhile: stops current if it is traced and not being killed; returns what the tracer resumed it
 * with, or
 * @code.
 */
int signal_trap_stop(int code, int why, u64 message, struct siginfo *info);
/* The same with a siginfo of SIGTRAP and @code, without the lock. */
int signal_trap(int code, u64 message);
/* Under the lock: makes @t trap (STOP_TRAP_MASK, STOP_TRAPPING) unless it is dying; then wake it.
 */
void signal_trap_pending(struct task *t, u32 bits);
/* @resume: also out of TASK_TRACED. */
void signal_trap_wake(struct task *t, bool resume);
extern struct wait_queue signal_trapping_wait; /* STOP_TRAPPING was cleared */
/* Is the tracer of @t of another process than its parent?  Under tasklist_lock. */
bool ptrace_reparented(const struct task *t);
/* Under no lock: the @n-th queued signal (0: the oldest) of the thread or, @shared, its process. */
bool signal_peek(struct task *t, bool shared, u64 n, struct siginfo *info);
/* signalfd: takes a pending signal of current within @mask; 0 when none, else its number. */
int signal_dequeue(sigmask mask, struct siginfo *info);
/*
 * kernel/timers: called under LK_SIGHAND when a POSIX timer's signal is taken from the queue;
 * returns the overrun count.
 */
void signal_set_timer_hook(int (*hook)(struct process *p, int timer_id));
/* The same for SIGALRM of the process. */
void signal_set_alarm_hook(void (*hook)(struct process *p));
/* Poll support for signalfd: woken whenever a signal arrives for the process. */
struct wait_queue *signal_wait_queue(struct task *t);
