/* Shared by the files of kernel/exec. */
#pragma once

#include <kernel/exec/exec.h>

#define EXEC_ARG_MAX_STRLEN 131072u /* one string, with its terminator */
#define EXEC_DEPTH_MAX 5u
#define EXEC_SPARE_ARGS (3u * (EXEC_DEPTH_MAX + 1))

/* Where argv or envp come from: the user's array or the kernel's. */
struct exec_vector {
	const char __user *const __user *user;
	const char *const *kernel;
	unsigned int count;
};

/* exec.c: does this program get random places?  @level: the value of kernel.randomize_va_space that
 * it takes: 1 for mappings and stack, 2 for the heap as well. */
bool exec_randomizes(int level);

/* args.c */
int args_count(struct exec_vector *v) __must_check;
int args_setup(struct exec *x, struct exec_vector *argv, struct exec_vector *envp) __must_check;
void args_flush(struct exec *x); /* lets go of the page that is being written */

/* vdso.c: maps it into current's new mm; 0 address when there is none. */
int vdso_map(struct mm *mm, u64 above, u64 *out) __must_check;
