/* What a thread keeps beside its user registers. Contracts: the x86-64 header. */
#pragma once

#include <asm/regs.h>
#include <kern/compiler.h>
#include <kern/types.h>

struct task;
struct fpu_state;

struct arch_thread {
	u64 sp;
	u64 tls; /* tpidr_el0 */
	struct fpu_state *fpu;
	u32 fpu_cpu;
	u32 trap_nr;
	u64 trap_err, trap_addr;
};

struct task *arch_switch(struct task *prev, struct task *next);
int arch_thread_init_kernel(struct task *task, void (*fn)(void *arg), void *arg) __must_check;
int arch_thread_fork_user(struct task *child, const struct regs *regs, unsigned long newsp,
			  bool set_tls, unsigned long tls) __must_check;
void arch_thread_free(struct task *task);

unsigned int fpu_user_size(void);
void fpu_begin(void);
void fpu_end(void);
int fpu_prepare_current(void) __must_check;
void fpu_reset_current(void);
int fpu_copy_out(struct task *task, void *buf, size_t size) __must_check;
int fpu_copy_in(struct task *task, const void *buf, size_t size) __must_check;
