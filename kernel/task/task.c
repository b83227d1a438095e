/*
 * Tasks and processes: their memory, references, and small accessors.
 *
 * References of a task: one for existing (dropped by task_release() when it has been reaped), one
 * for running (dropped by task_finish_dead() after its last switch), and one for each who looks at
 * it. Each task holds its process.  Both are freed after a grace period, so that lists may be
 * walked under RCU.
 */
#include <kernel/task/task_impl.h>

#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/ns/user.h>
#include <kernel/patch/patch.h>
#include <kernel/slab/slab.h>
#include <kernel/vfs/vfs.h>
#include <kernel/vmap/vmap.h>
#include <asm/smp.h>

struct spinlock tasklist_lock = SPINLOCK_INIT(LK_TASKLIST);
LIST_HEAD(tasklist);
struct task *init_task;
struct slab_cache *task_cache, *process_cache;
u32 task_count;
u64 task_forks;
int task_threads_max = 32768;

/* Task 0: the boot CPU's stack, later its idle task. */
static struct task boot_task;
static struct process boot_process;
static struct pid boot_pid = {.ns = &pid_ns_init, .number = {{0, &pid_ns_init}}};
static struct sighand boot_sighand;

static const struct rlimit64 rlimits_initial[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = {RLIM64_INFINITY, RLIM64_INFINITY},
	[RLIMIT_FSIZE] = {RLIM64_INFINITY, RLIM64_INFINITY},
	[RLIMIT_DATA] = {RLIM64_INFINITY, RLIM64_INFINITY},
	[RLIMIT_STACK] = {8u << 20, RLIM64_INFINITY},
	[RLIMIT_CORE] = {0, RLIM64_INFINITY},
	[RLIMIT_RSS] = {RLIM64_INFINITY, RLIM64_INFINITY},
	[RLIMIT_NPROC] = {0, 0}, /* set from the memory size */
	[RLIMIT_NOFILE] = {1024, 4096},
	[RLIMIT_MEMLOCK] = {8u << 20, 8u << 20},
	[RLIMIT_AS] = {RLIM64_INFINITY, RLIM64_INFINITY},
	[RLIMIT_LOCKS] = {RLIM64_INFINITY, RLIM64_INFINITY},
	[RLIMIT_SIGPENDING] = {0, 0},
	[RLIMIT_MSGQUEUE] = {819200, 819200},
	[RLIMIT_NICE] = {0, 0},
	[RLIMIT_RTPRIO] = {0, 0},
	[RLIMIT_RTTIME] = {RLIM64_INFINITY, RLIM64_INFINITY},
};

static void process_init(struct process *p, struct process *from)
{
	p->refs = 1;
	list_init(&p->threads);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->forked_link);
	wait_queue_init(&p->child_wait);
	wait_queue_init(&p->signal_wait);
	list_init(&p->pending.queue);
	mutex_init(&p->exec_lock, LK_EXEC);
	memcpy(p->rlim, from ? from->rlim : rlimits_initial, sizeof(p->rlim));
	if (from) {
		p->oom_score_adj = from->oom_score_adj;
		p->oom_score_adj_min = from->oom_score_adj_min;
		p->has_child_reaper = from->has_child_reaper || from->is_reaper;
	}
}

int process_create(struct process *from, struct process **out)
{
	struct process *p = slab_alloc(process_cache, GFP_KERNEL | GFP_ZERO);

	if (!p)
		return -ENOMEM;
	process_init(p, from);
	*out = p;
	return 0;
}

void process_free(struct process *p)
{
	pid_put(p->pid);
	pid_put(p->pgrp);
	pid_put(p->session);
	slab_free(process_cache, p);
}

struct process *process_get(struct process *p)
{
	__atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

static void process_free_rcu(struct rcu_head *head)
{
	process_free(container_of(head, struct process, rcu));
}

void process_put(struct process *p)
{
	if (p && __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) == 0)
		rcu_call(&p->rcu, process_free_rcu);
}

/* ---- tasks ---- */

#ifdef CONFIG_DEBUG_FAIL
/* What was to fail in the parent does not in the child. */
static void fail_nothing(struct task *t)
{
	t->fail_times = 0;
}
#else
static inline void fail_nothing(struct task *t)
{
	(void)t;
}
#endif

int task_alloc(struct task **out)
{
	struct task *t = slab_alloc(task_cache, GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	*t = *current;
	t->stack = vmap_stack_alloc();
	if (!t->stack) {
		slab_free(task_cache, t);
		return -ENOMEM;
	}
	t->refs = 2;
	t->work = t->work & WORK_LOG;
	t->stack_low_water = 0;
	if (static_key_unlikely(&task_stack_watch))
		task_stack_watch_begin(t);
	t->flags = TF_FORKNOEXEC | (current->flags & TF_INHERITED);
	t->state = TASK_NEW;
	memset(&t->vma_cache, 0, sizeof(t->vma_cache));
	spin_init(&t->pi_lock, LK_TASK_PI);
	spin_init(&t->alloc_lock, LK_SPIN_LEAF);
	list_init(&t->pending.queue);
	t->pending.mask = 0;
	t->mm = NULL;
	t->active_mm = NULL;
	t->files = NULL;
	t->fs = NULL;
	t->sighand = NULL;
	t->nsproxy = NULL;
	t->pid = NULL;
	t->process = NULL;
	t->stop_state = 0;
	t->wanted = 0;
	t->restart.fn = NULL;
	t->set_child_tid = NULL;
	t->clear_child_tid = NULL;
	t->robust_list = NULL;
	t->vfork_done = NULL;
	t->exit_code = 0;
	t->exit_state = EXIT_NONE;
	t->pdeath_signal = 0;
	fail_nothing(t);
	t->in_exec = false;
	t->in_iowait = false;
	t->callbacks = NULL;
	t->utime_ns = t->stime_ns = 0;
	t->min_flt = t->maj_flt = 0;
	t->io_rchar = t->io_wchar = t->io_syscr = t->io_syscw = 0;
	t->wchan = NULL;
	t->tracer = NULL;
	t->tracer_cred = NULL;
	list_init(&t->traced_link);
	list_init(&t->tracees);
	list_init(&t->forked);
	t->ptrace_flags = 0;
	t->ptrace_code = 0;
	t->ptrace_message = 0;
	t->ptrace_info = NULL;
	t->seccomp = NULL;
	t->seccomp_mode = 0;
	t->sem_undo = NULL;
	t->shm_created.first = NULL;
	t->pi_locks = RB_ROOT;
	t->pi_waits = NULL;
	t->symlink_depth = 0;
	t->kthread_fn = NULL;
#ifdef CONFIG_DEBUG_LOCKS
	t->held_count = 0;
#endif
	__atomic_fetch_add(&task_count, 1, __ATOMIC_RELAXED);
	*out = t;
	return 0;
}

void task_free_unborn(struct task *t)
{
	__atomic_fetch_sub(&task_count, 1, __ATOMIC_RELAXED);
	vmap_stack_free(t->stack);
	slab_free(task_cache, t);
}

struct task *task_get(struct task *t)
{
	__atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
	return t;
}

bool task_tryget(struct task *t)
{
	return ref_tryget(&t->refs);
}

static void task_free_rcu(struct rcu_head *head)
{
	struct task *t = container_of(head, struct task, rcu);

	cred_put(t->cred);
	pid_put(t->pid);
	process_put(t->process);
	slab_free(task_cache, t);
}

void task_put(struct task *t)
{
	if (t && __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		__atomic_fetch_sub(&task_count, 1, __ATOMIC_RELAXED);
		rcu_call(&t->rcu, task_free_rcu);
	}
}

void task_finish_dead(struct task *t)
{
	void *stack = t->stack;

	arch_thread_free(t);
	if (static_key_unlikely(&task_stack_watch))
		task_stack_watch_end(t);
	t->stack = NULL;
	vmap_stack_free(stack);
	task_put(t);
}

u32 task_count_all(void)
{
	return READ_ONCE(task_count);
}

u64 task_forks_total(void)
{
	return READ_ONCE(task_forks);
}

int task_tid_in(const struct task *t, const struct pid_ns *ns)
{
	return pid_nr_in(t->pid, ns);
}

int task_tgid_in(const struct task *t, const struct pid_ns *ns)
{
	return pid_nr_in(t->process->pid, ns);
}

int task_tid(const struct task *t)
{
	return pid_vnr(t->pid);
}

int process_ppid_in(struct process *p, const struct pid_ns *ns)
{
	rcu_read_lock();
	struct process *parent = rcu_dereference(p->parent);
	int nr = parent ? pid_nr_in(parent->pid, ns) : 0;

	rcu_read_unlock();
	return nr;
}

/* Pgrp and session may change beside a reader; RCU keeps what was read. */
int task_pgrp_nr_in(struct task *t, const struct pid_ns *ns)
{
	rcu_read_lock();
	int nr = pid_nr_in(rcu_dereference(t->process->pgrp), ns);

	rcu_read_unlock();
	return nr;
}

int task_session_nr_in(struct task *t, const struct pid_ns *ns)
{
	rcu_read_lock();
	int nr = pid_nr_in(rcu_dereference(t->process->session), ns);

	rcu_read_unlock();
	return nr;
}

int process_ppid(struct process *p)
{
	return process_ppid_in(p, task_pid_ns(current));
}

int task_pgrp_nr(struct task *t)
{
	return task_pgrp_nr_in(t, task_pid_ns(current));
}

int task_session_nr(struct task *t)
{
	return task_session_nr_in(t, task_pid_ns(current));
}

struct mm *task_mm(struct task *t)
{
	spin_lock(&t->alloc_lock);
	struct mm *mm = t->mm ? mm_get(t->mm) : NULL;

	spin_unlock(&t->alloc_lock);
	return mm;
}

struct files *task_files(struct task *t)
{
	spin_lock(&t->alloc_lock);
	struct files *files = t->files;

	if (files)
		files_get(files);
	spin_unlock(&t->alloc_lock);
	return files;
}

struct fs_ctx *task_fs(struct task *t)
{
	spin_lock(&t->alloc_lock);
	struct fs_ctx *fs = t->fs;

	if (fs)
		__atomic_fetch_add(&fs->refs, 1, __ATOMIC_RELAXED);
	spin_unlock(&t->alloc_lock);
	return fs;
}

void task_set_comm(struct task *t, const char *name)
{
	char comm[TASK_COMM_LEN] = {0};

	(void)strscpy(comm, name, sizeof(comm));
	spin_lock(&t->alloc_lock);
	memcpy(t->comm, comm, sizeof(comm));
	spin_unlock(&t->alloc_lock);
}

void task_comm(struct task *t, char out[TASK_COMM_LEN])
{
	spin_lock(&t->alloc_lock);
	memcpy(out, t->comm, TASK_COMM_LEN);
	spin_unlock(&t->alloc_lock);
}

u64 task_rlimit(unsigned int what)
{
	return READ_ONCE(current->process->rlim[what].rlim_cur);
}

void task_work_set(struct task *t, u32 bits)
{
	u32 old = __atomic_fetch_or(&t->work, bits, __ATOMIC_SEQ_CST);

	if ((old & bits) != bits && t != current)
		sched_kick(t);
}

void task_work_clear(struct task *t, u32 bits)
{
	__atomic_fetch_and(&t->work, ~bits, __ATOMIC_SEQ_CST);
}

void task_callback_add(struct task *t, struct task_callback *cb)
{
	struct task_callback *head = READ_ONCE(t->callbacks);

	do {
		cb->next = head;
	} while (!try_cmpxchg(&t->callbacks, &head, cb));
	task_work_set(t, WORK_NOTIFY);
}

char task_state_char(const struct task *t)
{
	u32 state = READ_ONCE(t->state);

	if (t->exit_state == EXIT_ZOMBIE)
		return 'Z';
	if (t->exit_state == EXIT_DEAD)
		return 'X';
	if (t->flags & TF_IDLE)
		return 'I';
	if (state & TASK_STOPPED)
		return 'T';
	if (state & TASK_TRACED)
		return 't';
	if (state & TASK_UNINTERRUPTIBLE)
		return (t->flags & TF_KTHREAD) && !(state & TASK_WAKEKILL) ? 'I' : 'D';
	if (state & TASK_INTERRUPTIBLE)
		return 'S';
	return 'R';
}

/* ---- boot ---- */

static void boot_task_init(void)
{
	struct task *t = &boot_task;
	struct process *p = &boot_process;

	t->refs = 2;
	t->flags = TF_KTHREAD | TF_IDLE;
	t->stack = smp_idle_stack(0);
	spin_init(&t->pi_lock, LK_TASK_PI);
	spin_init(&t->alloc_lock, LK_SPIN_LEAF);
	list_init(&t->pending.queue);
	list_init(&t->traced_link);
	list_init(&t->tracees);
	list_init(&t->forked);
	t->pi_locks = RB_ROOT;
	t->pi_waits = NULL;
	list_init(&t->all_link);
	list_init(&t->pid_link);
	(void)strscpy(t->comm, "swapper/0", sizeof(t->comm));
	t->cred = &cred_init;
	t->exit_signal = -1;
	t->timer_slack_ns = t->default_timer_slack_ns = 50000;
	t->se.weight = 1024;

	boot_pid.refs = 16;
	for (int i = 0; i < PID_TYPES; i++)
		list_init(&boot_pid.members[i]);
	wait_queue_init(&boot_pid.exit_wait);
	process_init(p, NULL);
	p->leader = t;
	p->live = 1;
	p->thread_count = 1;
	p->pid = p->pgrp = p->session = &boot_pid;
	list_add_tail(&t->thread_link, &p->threads);
	t->process = p;
	t->pid = &boot_pid;

	boot_sighand.refs = 1;
	spin_init(&boot_sighand.lock, LK_SIGHAND);
	t->sighand = &boot_sighand;
	this_cpu_write(current_task, t);
}

/* Half of the memory may go to kernel stacks, as on Linux. */
static void limits_init(void)
{
	struct frame_stats st;

	frame_stats(&st);
	u64 n = st.total * PAGE_SIZE / (8 * (u64)THREAD_SIZE);

	task_threads_max = (int)clamp_t(u64, n, 20, 1u << 20);
	u64 half = (u64)task_threads_max / 2;

	user_ns_limits_init((s32)half);

	boot_process.rlim[RLIMIT_NPROC] = (struct rlimit64){half, half};
	boot_process.rlim[RLIMIT_SIGPENDING] = (struct rlimit64){half, half};
}

void task_system_init(void)
{
	boot_task_init();
	task_cache = SLAB_CACHE_BOOT(task, SLAB_ALIGN_CACHELINE);
	process_cache = SLAB_CACHE_BOOT(process, SLAB_ALIGN_CACHELINE);
	pid_system_init();
	cred_system_init();
	ns_system_init();
	limits_init();
}

int task_create_idle(unsigned int cpu, struct task **out)
{
	struct task *t = slab_alloc(task_cache, GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	*t = boot_task;
	t->refs = 2;
	t->work = 0;
	t->state = TASK_RUNNING;
	t->stack = smp_idle_stack(cpu);
	memset(&t->se, 0, sizeof(t->se));
	memset(&t->arch, 0, sizeof(t->arch));
	t->se.cpu = (u16)cpu;
	spin_init(&t->pi_lock, LK_TASK_PI);
	spin_init(&t->alloc_lock, LK_SPIN_LEAF);
	list_init(&t->pending.queue);
	list_init(&t->traced_link);
	list_init(&t->tracees);
	list_init(&t->forked);
	t->pi_locks = RB_ROOT;
	t->pi_waits = NULL;
	list_init(&t->all_link);
	list_init(&t->pid_link);
	list_init(&t->thread_link);
	snprintf(t->comm, sizeof(t->comm), "swapper/%u", cpu);
	*out = t;
	return 0;
}
