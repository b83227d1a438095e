/*
 * seccomp(2): a task's own limits on its system calls, strict or by programs.
 *
 * task->seccomp is the newest filter, +1; older ones hang behind it. It is written under the
 * handlers' lock, by the task itself or by another thread (TSYNC), and only ever to a descendant of
 * what it was; so the task reads it without a lock. A task without a mode has no WORK_SECCOMP.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

struct regs;
struct task;

/* At entry with WORK_SECCOMP: 0 to go on with the call in @regs, -1 to skip it (result in @regs).
 */
int seccomp_enter(struct regs *regs) __must_check;

/* fork: under the handlers' lock of current, when the child can no longer fail. */
void seccomp_fork(struct task *child);
/* The task is off its process's list: drops its filters. */
void seccomp_release(struct task *t);

/* How many filters @t has. */
u32 seccomp_count(struct task *t);

/* prctl(PR_SET_SECCOMP). */
long seccomp_prctl(unsigned long mode, void __user *filter);

/*
 * ptrace(2): PTRACE_SECCOMP_GET_FILTER; the number of instructions of filter @index, the oldest
 * being 0, copied to @to unless NULL. -EACCES, -ENOENT, -EINVAL (not in filter mode).
 */
long seccomp_get_filter(struct task *t, unsigned long index, void __user *to);
/* PTRACE_SECCOMP_GET_METADATA: like the request, with the size given and the size copied. */
long seccomp_get_metadata(struct task *t, unsigned long size, void __user *data);
