/* Shared by the files of kernel/task. */
#pragma once

#include <kernel/task/task.h>

#define PID_MAX_LIMIT 4194304
#define RESERVED_PIDS 300

/* pid.c */
void pid_system_init(void);
/* @wanted 0: the next free number. +1.  -EAGAIN, -ENOMEM, -EEXIST. */
int pid_alloc(int wanted, struct pid **out) __must_check;
/* Never attached: gives the number back. */
void pid_abandon(struct pid *p);
/* Under tasklist_lock. */
void pid_attach(struct pid *p, enum pid_type type, struct list_head *link);
/* Under tasklist_lock; the number is free once nobody bears it. */
void pid_detach(struct pid *p, struct list_head *link);

/* task.c */
extern struct slab_cache *task_cache, *process_cache;
extern u32 task_count; /* atomic: all tasks that exist */
extern u64 task_forks; /* atomic: since boot, /proc/stat */
void process_free(struct process *p);
/* A process with one reference, no identity, defaults of limits copied from @from (may be NULL). */
int process_create(struct process *from, struct process **out) __must_check;
/* A task with one reference; a copy of current's fields where that makes sense; with a stack. */
int task_alloc(struct task **out) __must_check;
/* Never started. */
void task_free_unborn(struct task *t);

/* exit.c */
/* Takes a zombie out of the world.  Under no lock. */
void task_release(struct task *t);
/* CLONE_SYSVSEM: asks the rooms above. -ENOMEM. */
int task_undo_share(struct task *child) __must_check;
/* Is the leader a zombie that waits for its last threads? */
static inline bool process_is_zombie(const struct process *p)
{
	return p->leader->exit_state == EXIT_ZOMBIE && p->thread_count == 1;
}

/* usage.c */
struct rusage;
enum usage_who { USAGE_SELF, USAGE_CHILDREN, USAGE_THREAD, USAGE_BOTH };
void usage_get(struct process *p, struct task *t, enum usage_who who, struct rusage *out);
/* Under tasklist_lock: adds what @t used to its process; what the process used to its parent's
 * children. */
void usage_fold_thread(struct task *t);
void usage_fold_child(struct process *parent, struct process *p);

/* pidfd.c */
int pidfd_create(struct pid *pid, u32 flags, struct file **out) __must_check;
