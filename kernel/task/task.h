/*
 * Tasks (threads), processes (thread groups), process identifiers.
 *
 * A task is what the scheduler runs.  A process is what the user sees: threads that share signals,
 * limits and an exit status.  The family tree joins processes and is guarded by LK_TASKLIST for
 * change; readers use RCU.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kern/list.h>
#include <kernel/arch_up.h>
#include <kernel/lock/lock.h>
#include <kernel/mm/mm.h>
#include <kernel/ns/ns.h>
#include <kernel/rcu/rcu.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/wait/wait.h>
#include <asm/context.h>
#include <asm/current.h>
#include <linux/resource.h>

struct cred;
struct files;
struct fs_ctx;
struct nsproxy;
struct pi_waiter;
struct pid;
struct pid_ns;
struct process;
struct regs;
struct rseq;
struct seccomp;
struct sem_undo_list;
struct tty;

/* task->work: tested once on the way into and once on the way out of the kernel. */
#define WORK_SIGNAL TASK_WORK_SIGNAL   /* exit: signal_deliver() */
#define WORK_RESCHED TASK_WORK_RESCHED /* exit: sched_schedule() */
#define WORK_NOTIFY TASK_WORK_NOTIFY   /* exit: run task->callbacks */
#define WORK_RESTORE_MASK                                                                    \
	TASK_WORK_RESTORE_MASK		     /* exit: saved_mask goes back if no handler ran \
					      */
#define WORK_RSEQ TASK_WORK_RSEQ	     /* exit: fix up a restartable sequence */
#define WORK_FPU_LOAD TASK_WORK_FPU_LOAD     /* exit: arch loads the FPU state */
#define WORK_TRACE TASK_WORK_TRACE	     /* entry and exit: ptrace syscall stops */
#define WORK_LOG TASK_WORK_LOG		     /* entry and exit: system-call log */
#define WORK_SINGLESTEP TASK_WORK_SINGLESTEP /* exit from a call: a debugger steps */
#define WORK_EMULATE TASK_WORK_EMULATE	     /* entry: PTRACE_SYSEMU */
#define WORK_SECCOMP TASK_WORK_SECCOMP	     /* entry */
#define WORK_DISPATCH TASK_WORK_DISPATCH     /* entry and exit: calls of foreign code */
#define WORK_STACK TASK_WORK_STACK	     /* exit from a call: how deep it went */
#define WORK_AUDIT TASK_WORK_AUDIT	     /* entry and exit */
#define WORK_ENTRY_MASK TASK_WORK_ENTER
#define WORK_EXIT_MASK TASK_WORK_LEAVE

#define TASK_COMM_LEN 16

enum pid_type { PID_TASK, PID_PROCESS, PID_PGRP, PID_SESSION, PID_TYPES };

struct pid_number {
	int nr;
	struct pid_ns *ns;
};

/* A number (in each of its namespaces another) and everything that bears it.  Freed by RCU. */
struct pid {
	u32 refs;	   /* atomic */
	u32 level;	   /* [I] of ns: 0 is the first namespace */
	int nr;		   /* [I] in the first namespace: for logs and as identity */
	int own_nr;	   /* [I] in the innermost one: what its bearer calls itself */
	struct pid_ns *ns; /* [I] the innermost; held */
	struct list_head members[PID_TYPES]; /* LK_TASKLIST, RCU readers */
	struct wait_queue exit_wait;	     /* pidfd poll */
	struct rcu_head rcu;
	struct pid_number number[]; /* [I] by level, 0 to level */
};

/* Work to be done by the task itself on its way to user mode. */
struct task_callback {
	struct task_callback *next;
	void (*fn)(struct task_callback *cb);
};

struct task {
	/* hot: entry, exit, switch */
	u32 work;    /* atomic WORK_* */
	u32 state;   /* TASK_*; see sched.h */
	u32 flags;   /* TF_*; current only */
	u32 refs;    /* atomic */
	void *stack; /* lowest address */
	struct arch_thread arch;
	struct mm *mm;	      /* NULL: kernel thread; changed by current under alloc lock */
	struct mm *active_mm; /* loaded page tables: borrowed by kernel threads */
	struct vma_cache vma_cache;
	struct spinlock pi_lock; /* LK_TASK_PI: state changes by wakers */
	struct sched_entity se;

	struct process *process;      /* +0: outlives its threads */
	struct list_head thread_link; /* process->threads; LK_TASKLIST, RCU readers */
	struct list_head all_link;    /* all leaders; LK_TASKLIST, RCU */
	struct pid *pid;	      /* +1 */
	struct list_head pid_link;    /* pid->members[PID_TASK] */
	const struct cred *cred;      /* +1; replaced by current; RCU */
	struct files *files;	      /* +1; alloc_lock for others */
	struct fs_ctx *fs;	      /* +1; alloc_lock for others */
	struct nsproxy *nsproxy;      /* +1; alloc_lock for others; NULL once exited */
	struct spinlock
		alloc_lock; /* LK_SPIN_LEAF: comm, files, fs, nsproxy, mm against other tasks */
	char comm[TASK_COMM_LEN];

	/* signals */
	struct sighand *sighand;   /* +1; NULL once exited (checked under RCU) */
	struct sigpending pending; /* LK_SIGHAND */
	sigmask blocked;	   /* changed by current under LK_SIGHAND */
	sigmask saved_mask;	   /* for WORK_RESTORE_MASK */
	u64 altstack_sp, altstack_size;
	u32 altstack_flags;
	u32 stop_state; /* STOP_*; LK_SIGHAND */
	sigmask wanted; /* sigtimedwait: would take these; LK_SIGHAND */
	struct {
		long (*fn)(struct task *t); /* restart_syscall(2) */
		u64 arg[6];
	} restart;

	/* thread */
	u32 __user *set_child_tid, *clear_child_tid;
	void __user *robust_list;
	size_t robust_list_len;
	struct rseq __user *rseq;
	u32 rseq_len, rseq_sig;
	struct completion *vfork_done;
	int exit_code;	 /* wait status form */
	int exit_signal; /* to the parent; -1: a thread, none */
	u8 exit_state;	 /* EXIT_*; LK_TASKLIST */
	u8 pdeath_signal;
	bool in_exec, in_iowait;
	bool no_new_privs; /* set by current, or by TSYNC under LK_SIGHAND; never cleared */
	u8 seccomp_mode;   /* SECCOMP_MODE_*; written under LK_SIGHAND */
	struct task_callback *callbacks; /* atomic list */
	u64 start_ns, start_boot_ns;
	u64 utime_ns, stime_ns;
	u64 min_flt, maj_flt;
	u64 timer_slack_ns, default_timer_slack_ns; /* default: the parent's at fork */
	u64 io_rchar, io_wchar, io_syscr, io_syscw;
	const char *wchan;

	/* tracing: kernel/ptrace */
	struct task *tracer;		/* +0; LK_TASKLIST + LK_SIGHAND */
	const struct cred *tracer_cred; /* +1: whose rights the tracing has; LK_TASKLIST, RCU */
	struct list_head traced_link;	/* tracer->tracees; LK_TASKLIST */
	struct list_head tracees;	/* LK_TASKLIST */
	u32 ptrace_flags;   /* PT_*; 0: not traced; LK_TASKLIST + LK_SIGHAND for change */
	int ptrace_code;    /* of the stop, for wait(); then the signal to go on with; LK_SIGHAND */
	u64 ptrace_message; /* PTRACE_GETEVENTMSG */
	struct siginfo *ptrace_info; /* of the stop, on the tracee's stack; LK_SIGHAND */
	struct seccomp *seccomp;     /* newest filter, +1; kernel/seccomp */
	struct list_head forked;     /* processes that this thread made; LK_TASKLIST */

	/* System V IPC (kernel/ipc): NULL and empty for nearly everybody */
	struct sem_undo_list *sem_undo; /* +1; changed by current */
	struct hlist_head shm_created;	/* segments it made; the namespace's lock */

#ifdef CONFIG_DEBUG_LOCKS
	struct {
		void *lock;
		u8 class, sub, shared;
		u32 since; /* of lock statistics: LOCK_STAT_UNIT_NS, 0: not counted */
		unsigned long ip;
	} held[32];
	u32 held_count;
#endif
#ifdef CONFIG_DEBUG_FAIL
	u64 fail_after, fail_interval, fail_times;
#endif
	u32 personality;
	struct {
		u8 __user *selector; /* NULL: calls from outside are always caught */
		u64 start, len;	     /* code whose calls are never caught */
		bool caught;	     /* the running call was: nobody else looks at it */
	} dispatch;		     /* PR_SET_SYSCALL_USER_DISPATCH, with WORK_DISPATCH */
	u16 mempolicy;		     /* set_mempolicy(2): POLICY_* of kernel/mm; inherited */
	struct rb_root pi_locks;     /* contended PI futexes that it owns; kernel/futex */
	struct pi_waiter *pi_waits;  /* the one that it waits for; kernel/futex */
	int symlink_depth;
	u32 stack_low_water; /* bytes never used, as last measured; 0: never measured */
	int (*kthread_fn)(void *ctx);
	void *kthread_ctx;
	struct rcu_head rcu;
};

#define TF_KTHREAD 1u
#define TF_EXITING 2u
#define TF_FORKNOEXEC 4u
#define TF_IDLE 8u
#define TF_SIGNALED 16u
#define TF_SUPERPRIV 32u
#define TF_VFORK 64u
#define TF_DUMPED 128u	       /* would have dumped core */
#define TF_NPROC_EXCEEDED 256u /* a set*uid(2) went beyond RLIMIT_NPROC: exec looks again */
#define TF_IO_FLUSHER 512u     /* PR_SET_IO_FLUSHER; inherited */
#define TF_MCE_PROCESS 1024u   /* PR_MCE_KILL_SET: its own choice; inherited */
#define TF_MCE_EARLY 2048u     /* of PR_MCE_KILL_EARLY */
#define TF_INHERITED (TF_IO_FLUSHER | TF_MCE_PROCESS | TF_MCE_EARLY)

/* task->stop_state */
#define STOP_SIGNAL_MASK 0xffu /* the signal that stops */
#define STOP_PENDING 0x100u    /* is to stop on its way to user mode */
#define STOP_CONSUME 0x200u    /* counted in process->stop_count */
#define STOP_DEQUEUED 0x400u   /* a stop signal was taken and no SIGCONT came since */
#define STOP_TRAP 0x800u       /* traced: is to trap for a group stop or PTRACE_INTERRUPT */
#define STOP_NOTIFY 0x1000u    /* seized: is to trap because the group stop changed */
#define STOP_TRAPPING 0x2000u  /* attached while stopped: on its way from STOPPED to TRACED */
#define STOP_LISTENING 0x4000u /* PTRACE_LISTEN: the trap counts as a group stop */
#define STOP_FROZEN 0x8000u    /* its tracer works on it: not even SIGKILL wakes it now */
#define STOP_TRAP_MASK (STOP_TRAP | STOP_NOTIFY)

/* task->ptrace_flags; the options of PTRACE_SETOPTIONS are above PT_OPT_SHIFT. */
#define PT_TRACED 1u
#define PT_SEIZED 2u
#define PT_OPT_SHIFT 8
#define PT_OPTION(o) ((u32)(o) << PT_OPT_SHIFT)

#define EXIT_NONE 0
#define EXIT_ZOMBIE 1
#define EXIT_DEAD 2

struct process {
	u32 refs; /* atomic: threads, and who looks */
	u32 live; /* atomic: threads that have not begun to exit */
	/* First thread, or the one that did exec; NULL: all have gone.  LK_TASKLIST; RCU for who
	 * has a reference on the process, in whose time it may change. */
	struct task *leader;
	struct list_head threads; /* LK_TASKLIST */
	u32 thread_count;
	struct pid *pid; /* +1; PID_PROCESS */
	struct list_head pid_link;
	struct pid *pgrp, *session; /* +1; LK_TASKLIST */
	struct list_head pgrp_link, session_link;
	struct process *parent;		    /* LK_TASKLIST; process_set_parent() */
	int parent_nr;			    /* its number as this process counts, 0: none there */
	struct list_head children, sibling; /* LK_TASKLIST */
	struct task *parent_thread;	    /* +0; the thread of parent that made it; LK_TASKLIST */
	struct list_head forked_link;	    /* parent_thread->forked; LK_TASKLIST */
	u32 tracees;			    /* tasks that its threads trace; LK_TASKLIST */
	u32 exec_id, parent_exec_id;	    /* programs run so far; the parent's at fork */
	bool is_reaper, has_child_reaper;   /* PR_SET_CHILD_SUBREAPER */
	bool did_exec;
	struct mutex exec_lock;	      /* LK_EXEC: credentials and mm against exec */
	struct wait_queue child_wait; /* wait4() of any thread */

	/* signals: LK_SIGHAND of its sighand */
	struct sigpending pending;
	struct wait_queue signal_wait; /* signalfd */
	int group_exit_code;
	u32 group_flags;	 /* PROC_* */
	u32 stop_count;		 /* threads still to stop */
	struct task *group_exec; /* thread that waits to be alone */

	/* Controlling terminal, not counted: the terminal clears it in its session before it goes.
	 */
	struct tty *tty; /* LK_TASKLIST + tty */
	struct pid
		*tty_old_pgrp; /* +1; LK_TASKLIST: foreground when the leader's terminal hung up */
	struct rlimit64 rlim[RLIM_NLIMITS];   /* alloc_lock of the leader */
	s32 oom_score_adj, oom_score_adj_min; /* min: as low as it may go without privilege */
	/* usage of threads that are gone, and of waited-for children */
	u64 utime_ns, stime_ns, min_flt, maj_flt, nvcsw, nivcsw, max_rss_kb, sum_exec_ns;
	u64 cutime_ns, cstime_ns, cmin_flt, cmaj_flt, cnvcsw, cnivcsw, cmax_rss_kb;
	void *posix_timers;	   /* struct timers_process *; kernel/timers */
	struct coredump *coredump; /* being written; LK_SIGHAND */
	struct rcu_head rcu;
};

#define PROC_STOPPED 1u
#define PROC_CONTINUED 2u
#define PROC_GROUP_EXIT 4u
#define PROC_STOP_NOTIFIED 8u
#define PROC_UNKILLABLE 16u /* init of a pid namespace: ignores signals without a handler */

extern struct spinlock tasklist_lock; /* LK_TASKLIST */
extern struct list_head tasklist;     /* all leaders by all_link */
extern struct task *init_task;	      /* pid 1 */

void task_system_init(void); /* makes the boot task: current */
/* A new idle task for @cpu. */
int task_create_idle(unsigned int cpu, struct task **out) __must_check;
int kthread_start(int (*fn)(void *ctx), void *ctx, const char *name, struct task **out)
	__must_check;
/* As kthread_start but bound to one CPU. */
int kthread_start_on(unsigned int cpu, int (*fn)(void *ctx), void *ctx, const char *name,
		     struct task **out) __must_check;

/* pid 1, as a kernel thread that will exec. */
int task_start_init(int (*fn)(void *ctx)) __must_check;

struct task *task_get(struct task *t);
bool task_tryget(struct task *t) __must_check;
void task_put(struct task *t);
struct process *process_get(struct process *p);
void process_put(struct process *p);

/* The first task that bears @pid as its own number: +1 or NULL. */
struct task *task_of_pid(struct pid *pid) __must_check;
struct pid *pid_get(struct pid *p);
void pid_put(struct pid *p);
/*
 * By number as current's namespace counts; +1 or NULL.  task_find: any thread; process_find: by the
 * leader's number.
 */
struct pid *pid_find(int nr) __must_check;
struct task *task_find(int tid) __must_check;
struct process *process_find(int pid) __must_check;
/* The same in @ns. */
struct pid *pid_find_in(struct pid_ns *ns, int nr) __must_check;
struct task *task_find_in(struct pid_ns *ns, int tid) __must_check;
/* The process with the smallest number >= nr of the whole machine; +1 or NULL. */
struct process *process_next(int nr) __must_check;
struct process *process_next_in(struct pid_ns *ns, int nr) __must_check;
/* The number of @p in @ns; 0: it has none there. */
static inline int pid_nr_in(const struct pid *p, const struct pid_ns *ns);
/* As current sees them: 0 when they are out of its sight. */
static inline int pid_vnr(const struct pid *p);
int task_tid(const struct task *t);
static inline int task_tgid(const struct task *t);
int process_ppid(struct process *p);
/* As @ns sees them. */
int task_tid_in(const struct task *t, const struct pid_ns *ns);
int task_tgid_in(const struct task *t, const struct pid_ns *ns);
int process_ppid_in(struct process *p, const struct pid_ns *ns);
int task_pgrp_nr_in(struct task *t, const struct pid_ns *ns);
int task_session_nr_in(struct task *t, const struct pid_ns *ns);
/* The pid namespace that @t lives in, +0: lasts as long as its struct pid. */
static inline struct pid_ns *task_pid_ns(const struct task *t)
{
	return t->pid->ns;
}
int pid_count_max(void);
extern int pid_max;

/* +1 on another task's objects, NULL once it is gone. */
struct mm *task_mm(struct task *t) __must_check;
struct files *task_files(struct task *t) __must_check;
struct fs_ctx *task_fs(struct task *t) __must_check;
void task_set_comm(struct task *t, const char *name);
void task_comm(struct task *t, char out[TASK_COMM_LEN]);
u64 task_rlimit(unsigned int what); /* soft limit of current */
void task_callback_add(struct task *t, struct task_callback *cb);

void task_work_set(struct task *t, u32 bits); /* and kicks it if it runs elsewhere */
void task_work_clear(struct task *t, u32 bits);
/* Ends current (one thread) / the whole process.  @code in wait status form. */
void task_exit(int code) __attribute__((noreturn));
void process_exit_group(int code) __attribute__((noreturn));
/* exec: kills the other threads and becomes leader.  -EAGAIN if being killed. */
int process_make_single(void) __must_check;
/* Figures for getrusage, times, /proc. */
struct process_times {
	u64 utime_ns, stime_ns, cutime_ns, cstime_ns;
};
void process_times(struct process *p, struct process_times *out);
void task_times(struct task *t, u64 *utime_ns, u64 *stime_ns);
char task_state_char(const struct task *t); /* R S D T t Z X I */

/*
 * Rooms above that keep something for a process: called in its own context.
 * .exit: the last thread ends (mm and files are still there); .exec: past the point of no return;
 * .session_exit: the leader of a session ends, after .exit.
 * Of System V IPC, for a single task: .undo_share: @child shares the adjustments of current
 * (CLONE_SYSVSEM), -ENOMEM; .undo_drop: @t ends or unshares them; .shm_drop: @t ends.
 */
struct task_hook {
	void (*exit)(struct process *p);
	void (*exec)(struct process *p);
	void (*session_exit)(struct process *p);
	int (*undo_share)(struct task *child);
	void (*undo_drop)(struct task *t);
	void (*shm_drop)(struct task *t);
};
#define TASK_HOOK(sym)                                       \
	static const struct task_hook *const task_hook_##sym \
		__attribute__((section(".tab.task_hook"), used)) = &sym
void task_hooks_exec(struct process *p);
/* unshare(CLONE_SYSVSEM): the adjustments are made now if nobody else shares them. */
void task_undo_drop(struct task *t);
void task_ipc_drop(struct task *t); /* current leaves its IPC namespace, or ends */
/* mm, vfork and robust futexes: at exit and exec. */
void task_mm_release(struct task *t);

/* A pid namespace: pid_namespaces(7). */
struct pid_table;
struct pid_ns {
	struct ns_common ns;
	struct pid_ns *parent;	   /* [I] +1; NULL: the first */
	u32 level;		   /* [I] */
	struct process *reaper;	   /* its init; changes under tasklist_lock */
	struct pid_table *table;   /* [I] */
	int last;		   /* newest number; pid_lock */
	u32 count;		   /* numbers in use; pid_lock */
	bool closed;		   /* its init has ended: no more numbers; pid_lock */
	int reboot_signal;	   /* reboot(2) inside; init ends by it */
	int memfd_noexec;	   /* vm.memfd_noexec; the highest of the ancestors' counts */
	struct wait_queue drained; /* count fell while closed */
};
extern struct pid_ns pid_ns_init;
/* Kills the init of @ns; its parent sees that @signal ended it. reboot(2). */
void pid_ns_end(struct pid_ns *ns, int signal);
extern const struct ns_kind pid_ns_kind;
static inline int pid_nr_in(const struct pid *p, const struct pid_ns *ns)
{
	return p->level >= ns->level && p->number[ns->level].ns == ns ? p->number[ns->level].nr : 0;
}

static inline int pid_vnr(const struct pid *p)
{
	const struct pid_ns *ns = task_pid_ns(current);

	return likely(p->ns == ns) ? p->own_nr : pid_nr_in(p, ns);
}

static inline int task_tgid(const struct task *t)
{
	return pid_vnr(t->process->pid);
}

/* Sessions and groups as the terminal sees them.  Caller holds tasklist_lock or RCU. */
bool pgrp_is_orphaned(struct pid *pgrp);
int task_pgrp_nr(struct task *t);
int task_session_nr(struct task *t);

/* By the scheduler, once, after the last switch away from a dead task: drops its stack and
 * reference. */
void task_finish_dead(struct task *t);
/* Seconds and hundredths for /proc and times(2). */
static inline u64 task_ns_to_ticks(u64 ns)
{
	return ns / 10000000u;
}
/* Restartable sequences; see rseq.c. */
void rseq_signal(struct regs *regs); /* before a signal frame is built */
void rseq_leave(struct regs *regs);  /* WORK_RSEQ on the way to user mode */
void rseq_exec(struct task *t);
/* The file of a pidfd, or NULL when @f is something else; +0. */
struct file;
struct pid *pidfd_pid(struct file *f);
/* +1 on the pid behind descriptor @fd of current: -EBADF.  *f_flags: O_* of the file. */
int pidfd_get(unsigned int fd, struct pid **out, u32 *f_flags) __must_check;
int pid_last(void); /* newest number in current's namespace, /proc/loadavg */
u32 task_count_all(void);
u64 task_forks_total(void);
extern int task_threads_max;

/* --- stack_watch.c: how deep kernel stacks get --- */

extern struct static_key task_stack_watch;
/* While the watch is on: a task is made, has made a call (of regs), runs no more. */
void task_stack_watch_begin(struct task *t);
void task_stack_watch_call(const struct regs *regs);
void task_stack_watch_end(struct task *t);
/* Tasks that ended during the watch, by what they used: up to 1 KiB, 2, 4, 8, 16. */
#define TASK_STACK_SIZES 5u
void task_stack_ended(u64 out[TASK_STACK_SIZES]);
/* Bytes of @t's stack that were never used. */
u32 task_stack_left(const struct task *t);
