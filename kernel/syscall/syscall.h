/*
 * System calls: what abi/syscalls.tbl generates, seen from C.
 *
 * A handler is a plain function `long sys_NAME(typed arguments)` whose prototype is in
 * <generated/syscalls.h>: a handler of another signature does not compile, and a row of the table
 * that is not "none" does not link without its handler.
 *
 * Handlers are called straight through the table with the six argument registers in the order of
 * the C ABI; there is no unpacking stub. That is right because neither the x86-64 psABI nor the
 * AAPCS64 gives a meaning to the bits of a register above an argument's type: the callee reads
 * only as many as the type has (an `int fd` from edi). Types shorter than int are not used, as
 * compilers disagree about who extends those.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>
#include <generated/syscalls.h>

struct regs;
struct task;

/* Every number without a handler: -ENOSYS. */
long sys_enosys(void);

/* Name of a call on this architecture, or NULL. */
const char *syscall_name(unsigned int nr);

/*
 * Log of one task's system calls (WORK_LOG), as strace(1) would print them, to the kernel log.
 * enter prints the calls that do not come back; leave prints all others with their result.
 * Both may fault on user memory: interrupts on, no lock held.
 */
void syscall_log_enter(const struct regs *regs);
void syscall_log_leave(const struct regs *regs);
/* prctl(PR_SET_SYSCALL_USER_DISPATCH): -EINVAL, -EFAULT. */
int syscall_dispatch_set(unsigned long mode, u64 start, u64 len, u8 __user *selector) __must_check;
/* With WORK_DISPATCH, before anybody else looks at the call.  True: it is not made. */
bool syscall_dispatch_enter(struct regs *regs) __must_check;
/* After it: true when it was not made, and so is nobody's to see. */
bool syscall_dispatch_leave(void) __must_check;
/* Turns the log of @t on or off; its children inherit it. */
void syscall_log_task(struct task *t, bool on);
