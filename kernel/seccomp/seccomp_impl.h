/* Shared by the files of kernel/seccomp. */
#pragma once

#include <kernel/lock/lock.h>
#include <kernel/pmalloc/pmalloc.h>
#include <kernel/seccomp/seccomp.h>
#include <kernel/syscall/syscall.h>
#include <kernel/wait/wait.h>
#include <kernel/work/work.h>
#include <lib/bpf/bpf.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#define SECCOMP_ARCH AUDIT_ARCH_X86_64
/* Between the decision to end a task and its end. */
#define SECCOMP_MODE_DEAD 3
/* Instructions on one chain of filters, each filter counting four more: a quarter of a MiB. */
#define SECCOMP_CHAIN_INSNS_MAX (256u * 1024 / 8)

struct notify;
struct file;

/* What judges: in protected memory, of a pool of its own. */
struct seccomp_code {
	/* Calls allowed by this filter and all older ones; combined when it is installed. */
	u64 always[(NR_SYSCALLS + 63) / 64];
	u32 len;
	struct sock_filter prog[];
};

/* One filter ("struct seccomp" of task.h). Immutable but for the counts and what is named. */
struct seccomp {
	u32 refs;  /* atomic: tasks, younger filters, the listener's file */
	u32 users; /* atomic: tasks, younger filters that have users */
	bool log, wait_killable;
	struct seccomp *prev; /* +1 of refs, and of users until nobody uses this one */
	struct mutex lock;    /* LK_SLEEP_LEAF: notify and all that hangs on it */
	struct notify *notify;
	struct wait_queue wait;	   /* poll and receivers on the listener */
	u32 depth;		   /* filters on the chain from here on */
	struct seccomp_code *code; /* protected */
	struct pmalloc_pool *pool; /* of code */
	struct work free;	   /* the end: pools sleep, the last reference may not */
};

/* filter.c */
struct seccomp *seccomp_get(struct seccomp *f);
void seccomp_put(struct seccomp *f);
/* -EINVAL, -EACCES, -EFAULT, -ENOMEM: a filter of the user's struct sock_fprog, on no chain. */
int seccomp_filter_create(const void __user *ufprog, struct seccomp **out) __must_check;
/* The least permissive answer of the chain and the filter that gave it. */
u32 seccomp_run(struct seccomp *chain, const struct seccomp_data *sd, struct seccomp **match);
static inline bool seccomp_always_allowed(const struct seccomp *f, long nr)
{
	return (unsigned long)nr < NR_SYSCALLS && (f->code->always[nr / 64] >> (nr % 64) & 1);
}

/* install.c */
void seccomp_assign_mode(struct task *t, u8 mode);

/* notify.c */
int notify_create(struct seccomp *f, struct file **out) __must_check;
/* Asks the listener of @match; like seccomp_enter(). */
int notify_ask(struct seccomp *match, const struct seccomp_data *sd, struct regs *regs);
/* The filter was not installed after all. */
void notify_detach(struct seccomp *f);

/* actions.c */
bool seccomp_action_known(u32 action);
/* Writes to the log what the sysctl and the filter want to be told. */
void seccomp_log(long nr, int sig, u32 action, bool requested);
