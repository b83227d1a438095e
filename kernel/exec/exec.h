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

#define EXEC_HEAD 256 /* first bytes of the file, as BINPRM_BUF_SIZE */

struct exec {		     /* one exec in progress */
	struct file *file;   /* image being looked at; +1 */
	struct file *interp; /* #! or PT_INTERP */
	struct mm *mm;	     /* being built; its only user */
	struct cred *cred;   /* to be committed */
	char *filename;	     /* what the user named (AT_EXECFN) */
	char *interp_name;
	int argc, envc;
	u64 stack_top; /* where strings were put so far */
	u64 entry, stack, brk;
	bool secure;	 /* AT_SECURE */
	bool unreadable; /* a file of it may not be read by the caller */
	bool exec_stack;
	unsigned int depth; /* of #! */
	bool again;	    /* the format put another file in place */
	bool committed;	    /* past the point of no return */
	bool from_fd;	    /* a name that vanishes with a close-on-exec descriptor */
	char *fd_name;	    /* storage of filename for execveat of a descriptor */
	/* Addresses of the argument strings, argv then envp; see args.c. */
	u64 *strings;
	unsigned int first, slots;
	u64 filename_at;	/* user address of its copy */
	u64 stack_low_limit;	/* strings may not go below */
	struct exec_page *page; /* of the new stack, being written */
	u8 head[EXEC_HEAD];
};

struct exec_page;
struct exec_format {
	const char *name;
	/* -ENOEXEC: not mine, untouched. */
	int (*load)(struct exec *x);
};
#define EXEC_FORMAT(sym)                                         \
	static const struct exec_format *const exec_format_##sym \
		__attribute__((section(".tab.exec_format"), used)) = &sym

/* @mm's programs read the clocks of this time namespace from now on. May sleep. */
struct ns_common;
void vdso_set_time(struct mm *mm, struct ns_common *ns);

/* Kernel string in front of the arguments (args.c); replaces argv[0] after exec_drop_argv0(). */
int exec_push_arg(struct exec *x, const char *s) __must_check;
void exec_drop_argv0(struct exec *x);
/*
 * The point of no return: other threads die, the new memory becomes current's, what does not
 * survive an exec is gone.  An error after it kills the process.
 */
int exec_commit(struct exec *x) __must_check;
/*
 * Before the commit: @f becomes part of the new memory.  If the caller may not read it the memory
 * is not dumpable, and belongs to a user namespace that has rights over the file.
 */
void exec_judge_dump(struct exec *x, struct file *f);
/* Reads the program or script that replaces x->file. */
int exec_open_next(struct exec *x, const char *name) __must_check;

/*
 * arch_prctl(ARCH_MAP_VDSO_64): maps the vDSO again, at @addr or where there is room; the size of
 * its code.  -EEXIST: some of it is there.
 */
long exec_map_vdso(u64 addr);

/* For init: kernel strings.  On success current returns to user mode in the new image. */
int exec_kernel(const char *path, const char *const *argv, const char *const *envp) __must_check;
