/*
 * ptrace(2): one task watches and steers another.
 *
 * A tracee hangs on its tracer (task->tracer, tracer->tracees, LK_TASKLIST); how it stops is in
 * kernel/signal/trace.c.  Other rooms report events and ask whether current may look into a task.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kern/list.h>
#include <kernel/task/task.h>
#include <linux/ptrace.h>

struct cred;
struct mm;
struct user_ns;

/* What is asked, and by which of the caller's ids: one of each. */
#define PTRACE_MODE_READ 1u
#define PTRACE_MODE_ATTACH 2u
#define PTRACE_MODE_FSCREDS 8u
#define PTRACE_MODE_REALCREDS 16u
#define PTRACE_MODE_READ_FS (PTRACE_MODE_READ | PTRACE_MODE_FSCREDS)
#define PTRACE_MODE_READ_REAL (PTRACE_MODE_READ | PTRACE_MODE_REALCREDS)
#define PTRACE_MODE_ATTACH_FS (PTRACE_MODE_ATTACH | PTRACE_MODE_FSCREDS)
#define PTRACE_MODE_ATTACH_REAL (PTRACE_MODE_ATTACH | PTRACE_MODE_REALCREDS)

/* May current look into (or change) @t? 0 or -EPERM; ptrace(2), "access mode checking". */
int ptrace_may_access(struct task *t, u32 mode) __must_check;
/*
 * The same, for who takes something of @t: until the end @t executes no program that has other
 * rights, so that what is taken belongs to whom was asked about.  Sleeps; -EINTR when killed.
 */
int ptrace_access_begin(struct task *t, u32 mode) __must_check;
void ptrace_access_end(struct task *t);
/* So taken: the memory of @t, +1; NULL without an error when it has none. */
int ptrace_access_mm(struct task *t, u32 mode, struct mm **out) __must_check;

/* Has the tracing of @t CAP_SYS_PTRACE over what @ns owns? A task without a tracer: true. */
bool ptrace_tracer_capable(const struct task *t, const struct user_ns *ns);

/* Does current's tracer want to know of PTRACE_EVENT_@event? */
static inline bool ptrace_event_enabled(int event)
{
	return unlikely(current->ptrace_flags & PT_OPTION(1u << event));
}

/* Stops current for the event if its tracer asked for it.  Holds no lock. */
void ptrace_event(int event, u64 message);
/* The message of an event that is about @pid: its number as the tracer sees it. */
u64 ptrace_message_pid(const struct pid *pid);
/* The same for seccomp's RET_TRACE; false: nobody listens.  The call may be another one then. */
bool ptrace_event_seccomp(u16 data);
/* Is PTRACE_O_SUSPEND_SECCOMP in force for current? */
static inline bool ptrace_suspends_seccomp(void)
{
	return unlikely(current->ptrace_flags & PT_OPTION(PTRACE_O_SUSPEND_SECCOMP));
}

/* syscall_enter_slow(), with WORK_TRACE or WORK_EMULATE.  True: the call is not made. */
bool ptrace_syscall_enter(void) __must_check;
/* syscall_leave_slow(), with WORK_TRACE or WORK_SINGLESTEP. */
void ptrace_syscall_leave(struct regs *regs);

/* fork: which event a request is, 0 if the tracer does not want it. */
int ptrace_fork_event_slow(u64 clone_flags, int exit_signal);
static inline int ptrace_fork_event(u64 clone_flags, int exit_signal)
{
	return unlikely(current->tracer) ? ptrace_fork_event_slow(clone_flags, exit_signal) : 0;
}
/* Under tasklist_lock and the child's handlers' lock: @t, not yet started, is traced as current is.
 */
void ptrace_fork(struct task *t);

/*
 * Under tasklist_lock.  Ends the tracing of @t; it goes on or stops as if it had never been.
 */
void ptrace_unlink(struct task *t);
/* Under tasklist_lock: the tracer @t ends.  Zombies to be released go to @dead by traced_link. */
void ptrace_exit_tracer(struct task *t, struct list_head *dead);

/* exec: under process->exec_lock.  Takes from @c what the tracer is not entitled to see used. */
void ptrace_exec_cred(struct cred *c);
