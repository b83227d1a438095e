/* Shared by the files of kernel/task. */
#pragma once

#include <kernel/task/task.h>

#define PID_MAX_LIMIT 4194304
#define RESERVED_PIDS 300
#define PID_NS_LEVELS 32 /* nesting */

/* pid.c */
void pid_system_init(void);
extern struct spinlock pid_lock; /* LK_IRQ_LEAF: all tables, ->last, ->count, ->closed */
struct pid_wanted {
	u32 count;
	int nr[PID_NS_LEVELS + 1]; /* innermost first */
};
/*
 * A number in @ns and each namespace above. @wanted (or NULL): these, the others are the next free
 * ones. +1.  -EAGAIN, -EEXIST; -ENOMEM, also when the init of @ns has ended.
 */
int pid_alloc(struct pid_ns *ns, const struct pid_wanted *wanted, struct pid **out) __must_check;
int pid_table_create(struct pid_table **out) __must_check;
void pid_table_free(struct pid_table *t);
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
/* LK_TASKLIST held; @p has its pid, @parent may be NULL. */
static inline void process_set_parent(struct process *p, struct process *parent)
{
	p->parent = parent;
	WRITE_ONCE(p->parent_nr, parent ? pid_nr_in(parent->pid, p->pid->ns) : 0);
}

/* Is the leader a zombie that waits for its last threads? */
static inline bool process_is_zombie(const struct process *p)
{
	const struct task *leader = READ_ONCE(p->leader);

	return leader && leader->exit_state == EXIT_ZOMBIE && p->thread_count == 1;
}

/* usage.c */
struct rusage;
enum usage_who { USAGE_SELF, USAGE_CHILDREN, USAGE_THREAD, USAGE_BOTH };
void usage_get(struct process *p, struct task *t, enum usage_who who, struct rusage *out);
/* Under tasklist_lock: adds what @t used to its process; what the process used to its parent's
 * children. */
void usage_fold_thread(struct task *t);
void usage_fold_child(struct process *parent, struct process *p);

/* pid_ns.c */
static inline struct pid_ns *pid_ns_of(struct ns_common *ns)
{
	return container_of(ns, struct pid_ns, ns);
}
/* The last thread of a namespace's init: kills and reaps all that is left in it. */
void pid_ns_zap(struct pid_ns *ns);

/* wait.c */
/* Reaps every child that has ended, sleeps for the others; until there is none or all ignore us. */
void wait_for_all_children(void);

/* pidfd.c */
int pidfd_create(struct pid *pid, u32 flags, struct file **out) __must_check;
