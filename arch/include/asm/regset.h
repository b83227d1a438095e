/*
 * What a debugger and a core dump see of a thread's machine state: register sets by their ELF note
 * type, single steps, and the requests of ptrace(2) that only one architecture has.
 *
 * The thread is current, or stopped and off its CPU for the time of the call.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

struct regs;
struct task;

struct regset {
	u32 note; /* NT_* */
	u32 unit; /* lengths are multiples of it */
	size_t (*size)(void);
	/* Fills size() bytes; -ENXIO: the thread has none. */
	int (*get)(struct task *t, void *buf);
	/* Judges and takes the first @len bytes; nothing is changed when it refuses. NULL:
	 * read-only. */
	int (*set)(struct task *t, const void *buf, size_t len);
	bool in_core; /* core dumps have it */
};

/* All sets, the general registers first; *count of them. */
const struct regset *arch_regsets(unsigned int *count);

/* The thread traps after its next instruction; off again. */
void arch_step_enable(struct task *t);
/* The same after its next branch, where the CPU can; else as a step. */
void arch_block_step_enable(struct task *t);
void arch_step_disable(struct task *t);

/* PTRACE_* requests that generic code does not know; -EIO for what is not there either. */
long arch_ptrace(struct task *t, long request, unsigned long addr, unsigned long data);

/* AUDIT_ARCH_* of system calls. */
u32 arch_audit_arch(void);
