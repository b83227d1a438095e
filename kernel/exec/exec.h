/*
 * execve: images, the initial stack, the point of no return.
 *
 * Formats register with EXEC_FORMAT(): ELF64 and #! scripts.  exec(2), elf(5), getauxval(3).
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kern/list.h>

struct cred;
struct file;
struct mm;
struct regs;

#define EXEC_HEAD 256			/* first bytes of the file, as BINPRM_BUF_SIZE */

struct exec {				/* one exec in progress */
	struct file *file;		/* image being looked at; +1 */
	struct file *interp;		/* #! or PT_INTERP */
	struct mm *mm;			/* being built; its only user */
	struct cred *cred;		/* to be committed */
	char *filename;			/* what the user named (AT_EXECFN) */
	char *interp_name;
	int argc, envc;
	u64 stack_top;			/* where strings were put so far */
	u64 entry, stack, brk;
	bool secure;			/* AT_SECURE */
	bool exec_stack;
	unsigned int depth;		/* of #! */
	u8 head[EXEC_HEAD];
};

struct exec_format {
	const char *name;
	/* -ENOEXEC: not mine, untouched. */
	int (*load)(struct exec *x);
};
#define EXEC_FORMAT(sym)                                                                         \
	static const struct exec_format *const exec_format_##sym                                 \
		__attribute__((section(".tab.exec_format"), used)) = &sym

/* For init: kernel strings.  On success current returns to user mode in the new image. */
int exec_kernel(const char *path, const char *const *argv, const char *const *envp) __must_check;
