/*
 * How deep kernel stacks get.
 *
 * A stack's memory is zero when it is mapped, so its lowest word that is not zero says how far down
 * it was ever used: that costs nothing until somebody asks (/sys/kernel/stack/tasks).  What a
 * stack's earlier owners did counts too, as a few stacks are kept mapped.
 *
 * While the watch is on (/sys/kernel/stack/enabled, boot option stack_depth) a new task's stack is
 * cleared, each system call looks how deep it went and clears what it used, and a task that ends is
 * counted.  What interrupts and exceptions use counts for the call that ends next.  The return
 * addresses that lie about where it was deepest are kept as the way that led there: without frame
 * pointers it is a superset, as in back traces, and its upper part may be of later, shallower
 * calls.
 */
#include <kernel/task/task.h>

#include <asm/current.h>
#include <asm/regs.h>
#include <asm/stack.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/lock/lock.h>
#include <kernel/patch/patch.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/symbol/symbol.h>
#include <kernel/syscall/syscall.h>
#include <kernel/vmap/vmap.h>

#define TRACE_MAX 40u
#define NO_CALL (~0u)
#define OWN_FRAME 512u /* bytes that new_deepest() uses, at most */

DEFINE_STATIC_KEY(task_stack_watch);

/* The deepest way since the watch began. */
struct deepest {
	u32 depth, call; /* bytes; number of the system call, or NO_CALL */
	int pid;
	char comm[TASK_COMM_LEN];
	unsigned int count;
	unsigned long trace[TRACE_MAX];
};

static struct spinlock deepest_lock = SPINLOCK_INIT(LK_IRQ_LEAF);
static struct deepest deepest; /* deepest_lock; depth is read without */

static struct {
	u32 depth; /* atomic: the greatest */
	u32 count; /* atomic: calls that were looked at */
} calls[NR_SYSCALLS];

static u64 ended[TASK_STACK_SIZES];  /* atomic */
static u32 least_left = THREAD_SIZE; /* of tasks that have ended; atomic */

static bool watching;  /* changed by who has set switching */
static bool switching; /* atomic */

/* --- measuring --- */

/* Lowest word of current's stack, or one that nobody runs on, that is not zero. */
static __no_sanitize_address unsigned long *lowest_used(void *stack)
{
	unsigned long *at = stack, *end = at + THREAD_SIZE / sizeof(*at);

	while (at < end && !*(const volatile unsigned long *)at)
		at++;
	return at;
}

/* All that is below its own frame, which is in use with what is above. */
static noinline __no_sanitize_address void clear_from(unsigned long *from)
{
	volatile unsigned long *end = (unsigned long *)__builtin_frame_address(0) - 16;

	for (volatile unsigned long *at = from; at < end; at++)
		*at = 0;
}

static u32 left_below(const void *stack, const unsigned long *low)
{
	return (u32)((unsigned long)low - (unsigned long)stack);
}

static void max_u32(u32 *at, u32 v)
{
	u32 old = __atomic_load_n(at, __ATOMIC_RELAXED);

	while (v > old &&
	       !__atomic_compare_exchange_n(at, &old, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static noinline void new_deepest(const struct task *t, u32 depth, u32 call, unsigned long low)
{
	unsigned long own = (unsigned long)__builtin_frame_address(0) - OWN_FRAME;
	unsigned long end = (unsigned long)t->stack + THREAD_SIZE;
	unsigned long trace[TRACE_MAX];
	/* On this very stack what is above is the watch itself. */
	unsigned int n = stack_scan(low, own >= low && own < end ? own : end, trace, TRACE_MAX);
	unsigned long irq = spin_lock_irqsave(&deepest_lock);

	if (depth > deepest.depth) {
		deepest.depth = depth;
		deepest.call = call;
		deepest.pid = t->pid ? t->pid->nr : 0;
		memcpy(deepest.comm, t->comm, sizeof(deepest.comm));
		deepest.count = n;
		memcpy(deepest.trace, trace, n * sizeof(trace[0]));
	}
	spin_unlock_irqrestore(&deepest_lock, irq);
}

static void account(struct task *t, u32 call, unsigned long *low)
{
	u32 left = left_below(t->stack, low), depth = THREAD_SIZE - left;

	if (call < NR_SYSCALLS) {
		max_u32(&calls[call].depth, depth);
		__atomic_fetch_add(&calls[call].count, 1, __ATOMIC_RELAXED);
	}
	if (depth > READ_ONCE(deepest.depth))
		new_deepest(t, depth, call, (unsigned long)low);
	if (left < t->stack_low_water)
		t->stack_low_water = left;
}

void task_stack_watch_begin(struct task *t)
{
	memset(t->stack, 0, THREAD_SIZE);
	t->stack_low_water = THREAD_SIZE;
	t->work |= WORK_STACK;
}

void task_stack_watch_call(const struct regs *regs)
{
	struct task *t = current;
	unsigned long *low = lowest_used(t->stack);

	/* Made while the watch ended: who took the flag from all did not see it. */
	if (unlikely(!READ_ONCE(watching))) {
		task_work_clear(t, WORK_STACK);
		return;
	}
	/* A task from before the watch: what its stack holds is not this call's doing. */
	if (t->stack_low_water)
		account(t, (u32)regs_syscall_nr(regs), low);
	else
		t->stack_low_water = left_below(t->stack, low);
	clear_from(low);
}

static void count_end(u32 depth)
{
	unsigned int size = 0;

	while (size < TASK_STACK_SIZES - 1 && depth > 1024u << size)
		size++;
	__atomic_fetch_add(&ended[size], 1, __ATOMIC_RELAXED);
}

void task_stack_watch_end(struct task *t)
{
	unsigned long *low = lowest_used(t->stack);
	u32 old = READ_ONCE(least_left);

	if (!t->stack_low_water)
		return;
	/* Its last call, exit(2) as a rule, has not been looked at. */
	account(t, t->flags & TF_KTHREAD ? NO_CALL : (u32)regs_syscall_nr(task_regs(t)), low);
	count_end(THREAD_SIZE - t->stack_low_water);
	while (t->stack_low_water < old) {
		if (!__atomic_compare_exchange_n(&least_left, &old, t->stack_low_water, false,
						 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			continue;
		pr_info("%s (%d) used greatest stack depth: %u bytes left\n", t->comm,
			t->pid ? t->pid->nr : 0, t->stack_low_water);
		break;
	}
}

void task_stack_ended(u64 out[TASK_STACK_SIZES])
{
	for (unsigned int i = 0; i < TASK_STACK_SIZES; i++)
		out[i] = __atomic_load_n(&ended[i], __ATOMIC_RELAXED);
}

u32 task_stack_left(const struct task *t)
{
	/* Cleared again and again while the watch is on: what is remembered counts as well. */
	const void *stack = READ_ONCE(t->stack);
	u32 left = stack ? (u32)vmap_stack_unused(stack) : 0, seen = READ_ONCE(t->stack_low_water);

	return seen && seen < left ? seen : left;
}

/* --- switching --- */

static void mark(struct task *t, bool on)
{
	if (t->flags & TF_KTHREAD)
		return;
	if (on)
		task_work_set(t, WORK_STACK);
	else
		task_work_clear(t, WORK_STACK);
}

static void mark_all(bool on)
{
	struct process *p;
	struct task *t;

	for (int nr = 1; (p = process_next(nr)); process_put(p)) {
		nr = p->pid->nr + 1;
		rcu_read_lock();
		list_for_each_entry_rcu(t, &p->threads, thread_link) mark(t, on);
		rcu_read_unlock();
	}
}

static int watch(bool on)
{
	if (__atomic_exchange_n(&switching, true, __ATOMIC_ACQUIRE))
		return -EBUSY;
	if (on != watching) {
		WRITE_ONCE(watching, on);
		/* In this order no task that is being made is left out. */
		if (on)
			static_key_enable(&task_stack_watch);
		else
			static_key_disable(&task_stack_watch);
		mark_all(on);
	}
	__atomic_store_n(&switching, false, __ATOMIC_RELEASE);
	return 0;
}

static void watch_at_boot(void)
{
	char how[8];

	if (cmdline_has("stack_depth") &&
	    !(cmdline_value("stack_depth", how, sizeof(how)) && !strcmp(how, "off")))
		(void)!watch(true);
}
INITCALL(watch_at_boot);

/* --- /sys/kernel/stack --- */

static int show_enabled(struct seq *s, void *ctx)
{
	(void)ctx;
	seq_printf(s, "%d\n", READ_ONCE(watching));
	return 0;
}

static int store_enabled(const char *text, void *ctx)
{
	int on;

	(void)ctx;
	if (!proc_parse_int(text, &on) || on < 0 || on > 1)
		return -EINVAL;
	return watch(on);
}

static int show_deepest(struct seq *s, void *ctx)
{
	struct deepest d;
	char sym[SYMBOL_NAME_MAX + 32];
	unsigned long irq = spin_lock_irqsave(&deepest_lock);

	(void)ctx;
	d = deepest;
	spin_unlock_irqrestore(&deepest_lock, irq);
	seq_printf(s, "depth %u of %lu\n", d.depth, THREAD_SIZE);
	if (!d.depth)
		return 0;
	const char *name = d.call < NR_SYSCALLS ? syscall_name(d.call) : NULL;

	seq_printf(s, "pid %d comm %s call %s\n", d.pid, d.comm, name ? name : "none");
	for (unsigned int i = 0; i < d.count; i++) {
		symbol_format(d.trace[i] - 1, sym, sizeof(sym));
		seq_printf(s, " %s\n", sym);
	}
	return 0;
}

/* Any number: from now on. */
static int store_deepest(const char *text, void *ctx)
{
	(void)text;
	(void)ctx;
	for (unsigned int i = 0; i < NR_SYSCALLS; i++) {
		WRITE_ONCE(calls[i].depth, 0);
		WRITE_ONCE(calls[i].count, 0);
	}
	unsigned long irq = spin_lock_irqsave(&deepest_lock);

	memset(&deepest, 0, sizeof(deepest));
	spin_unlock_irqrestore(&deepest_lock, irq);
	return 0;
}

static int show_calls(struct seq *s, void *ctx)
{
	(void)ctx;
	seq_printf(s, "%5s %10s call\n", "depth", "count");
	for (unsigned int i = 0; i < NR_SYSCALLS; i++) {
		const char *name = syscall_name(i);

		if (READ_ONCE(calls[i].count))
			seq_printf(s, "%5u %10u %s\n", READ_ONCE(calls[i].depth),
				   READ_ONCE(calls[i].count), name ? name : "none");
	}
	return 0;
}

static int show_tasks(struct seq *s, void *ctx)
{
	struct process *p;
	struct task *t;

	(void)ctx;
	seq_printf(s, "%5s %5s %7s comm\n", "depth", "left", "pid");
	for (int nr = 1; (p = process_next(nr)); process_put(p)) {
		nr = p->pid->nr + 1;
		rcu_read_lock();
		list_for_each_entry_rcu(t, &p->threads, thread_link)
		{
			u32 left = task_stack_left(t);

			seq_printf(s, "%5lu %5u %7d %s\n", THREAD_SIZE - left, left,
				   t->pid ? t->pid->nr : 0, t->comm);
		}
		rcu_read_unlock();
	}
	return 0;
}

SYSFS_FILE("kernel/stack/enabled", 0644, show_enabled, store_enabled, NULL);
SYSFS_FILE("kernel/stack/deepest", 0644, show_deepest, store_deepest, NULL);
SYSFS_FILE("kernel/stack/syscalls", 0444, show_calls, NULL, NULL);
SYSFS_FILE("kernel/stack/tasks", 0400, show_tasks, NULL, NULL);
