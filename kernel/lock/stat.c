/*
 * /proc/lock_stat of debug kernels: how often each class of locks was taken, waited for and for how
 * long it was held.
 *
 * Every CPU counts by itself with interrupts off, so counting takes no lock and shares no line. A
 * reset only advances an epoch; each CPU clears its own counters at its next event, and a reader
 * leaves out those that have not.  Times come from the entry of the lock in task->held.
 */
#include <kernel/lock/check_impl.h>
#include <kernel/lock/lock.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <asm/cpumask.h>
#include <asm/percpu.h>

/* held.since is 32 bits wide: it wraps after 68 seconds. */
#define LOCK_STAT_UNIT_NS 16u
#define NAME_WIDTH 40
#define COLUMNS 12
#define LINE_WIDTH (NAME_WIDTH + 1 + COLUMNS * 15)

struct stat_cpu {
	u32 epoch;
	struct lock_stat of[LK_COUNT][2]; /* by class; taken exclusively, shared */
};

static DEFINE_PERCPU(struct stat_cpu, stat_cpu); /* its CPU with interrupts off; readers race */
static u32 stat_epoch;				 /* atomic */

static const char *const class_names[LK_COUNT] = {
#define LOCK_CLASS(name, kind, what) #name,
#include <kernel/lock/order.def>
#undef LOCK_CLASS
};

u32 lock_stat_now(void)
{
	u64 ns = time_mono_ns();

	/* Before the clock runs nothing is counted. */
	return ns ? ((u32)(ns / LOCK_STAT_UNIT_NS) | 1) : 0;
}

static void time_add(struct lock_stat_time *t, u32 since)
{
	u64 ns = (u64)(u32)(lock_stat_now() - since) * LOCK_STAT_UNIT_NS;

	if (!t->nr || ns < t->min)
		WRITE_ONCE(t->min, ns);
	if (ns > t->max)
		WRITE_ONCE(t->max, ns);
	WRITE_ONCE(t->total, t->total + ns);
	WRITE_ONCE(t->nr, t->nr + 1);
}

/* Interrupts off. */
static struct lock_stat *stat_here(unsigned int class, bool shared)
{
	struct stat_cpu *c = this_cpu_ptr(stat_cpu);
	u32 epoch = __atomic_load_n(&stat_epoch, __ATOMIC_RELAXED);

	if (unlikely(c->epoch != epoch)) {
		memset(c->of, 0, sizeof(c->of));
		__atomic_store_n(&c->epoch, epoch, __ATOMIC_RELEASE);
	}
	return &c->of[class][shared];
}

void lock_stat_waited(unsigned int class, bool shared, u32 since)
{
	if (since)
		time_add(&stat_here(class, shared)->wait, since);
}

void lock_stat_held(unsigned int class, bool shared, u32 since)
{
	if (since)
		time_add(&stat_here(class, shared)->hold, since);
}

static void time_merge(struct lock_stat_time *to, const struct lock_stat_time *t)
{
	u64 nr = READ_ONCE(t->nr), shortest = READ_ONCE(t->min);

	if (!nr)
		return;
	to->min = to->nr ? min(to->min, shortest) : shortest;
	to->max = max(to->max, READ_ONCE(t->max));
	to->total += READ_ONCE(t->total);
	to->nr += nr;
}

void lock_stat_read(enum lock_class class, bool shared, struct lock_stat *out)
{
	u32 epoch = __atomic_load_n(&stat_epoch, __ATOMIC_RELAXED);
	unsigned int cpu;

	memset(out, 0, sizeof(*out));
	for_each_cpu (cpu, cpumask_read(&cpu_online_mask)) {
		const struct stat_cpu *c = per_cpu_ptr(stat_cpu, cpu);

		if (__atomic_load_n(&c->epoch, __ATOMIC_ACQUIRE) != epoch)
			continue;
		time_merge(&out->wait, &c->of[class][shared].wait);
		time_merge(&out->hold, &c->of[class][shared].hold);
	}
}

void lock_stat_reset(void)
{
	__atomic_fetch_add(&stat_epoch, 1, __ATOMIC_RELAXED);
}

/* --- the file --- */

static void put_rule(struct seq *s)
{
	for (unsigned int i = 0; i < LINE_WIDTH; i++)
		seq_putc(s, '-');
	seq_putc(s, '\n');
}

/* Microseconds with two decimals. */
static void put_time(struct seq *s, u64 ns)
{
	u64 hundredths = (ns + 5) / 10;

	seq_printf(s, " %11llu.%02llu", hundredths / 100, hundredths % 100);
}

static void put_times(struct seq *s, const struct lock_stat_time *t)
{
	put_time(s, t->min);
	put_time(s, t->max);
	put_time(s, t->total);
	put_time(s, t->nr ? t->total / t->nr : 0);
}

/* A readers/writer lock has a line for each way to take it. */
static void put_class(struct seq *s, enum lock_class class, bool shared, bool both)
{
	const char *name = class_names[class];
	struct lock_stat st;

	lock_stat_read(class, shared, &st);
	if (!st.hold.nr && !st.wait.nr)
		return;
	if (both)
		seq_printf(s, "%38s-%c:", name, shared ? 'R' : 'W');
	else
		seq_printf(s, "%40s:", name);
	/* Which CPU had a lock last is not recorded: no bounces. */
	seq_printf(s, "%14u %14llu", 0, st.wait.nr);
	put_times(s, &st.wait);
	seq_printf(s, " %14u %14llu", 0, st.hold.nr);
	put_times(s, &st.hold);
	seq_putc(s, '\n');
}

static int show_lock_stat(struct seq *s, void *v)
{
	static const char *const columns[COLUMNS] = {
		"con-bounces",	  "contentions",  "waittime-min",   "waittime-max",
		"waittime-total", "waittime-avg", "acq-bounces",    "acquisitions",
		"holdtime-min",	  "holdtime-max", "holdtime-total", "holdtime-avg",
	};

	(void)v;
	seq_puts(s, "lock_stat version 0.4\n");
	if (!READ_ONCE(lock_debug_on))
		seq_puts(s, "*WARNING* lock debugging disabled!! - a report was made\n");
	put_rule(s);
	seq_printf(s, "%40s ", "class name");
	for (unsigned int i = 0; i < COLUMNS; i++)
		seq_printf(s, " %14s", columns[i]);
	seq_puts(s, "\n");
	put_rule(s);
	seq_puts(s, "\n");
	for (unsigned int c = 0; c < LK_COUNT; c++) {
		struct lock_stat shared;

		lock_stat_read((enum lock_class)c, true, &shared);
		put_class(s, (enum lock_class)c, false, shared.hold.nr || shared.wait.nr);
		put_class(s, (enum lock_class)c, true, true);
	}
	return 0;
}

static int lock_stat_open(struct inode *i, struct file *f)
{
	(void)i;
	return seq_open_single(f, show_lock_stat, NULL);
}

/* Writing 0 resets; other texts do nothing. */
static ssize_t lock_stat_write(struct file *f, struct uio *u, loff_t *pos)
{
	size_t len = u->left;
	char c;

	(void)f;
	(void)pos;
	if (!len)
		return 0;
	if (uio_copy_from(u, &c, 1) != 1)
		return -EFAULT;
	if (c == '0')
		lock_stat_reset();
	return (ssize_t)len;
}

static const struct file_ops lock_stat_fops = {
	.open = lock_stat_open,
	.read = seq_read,
	.write = lock_stat_write,
	.lseek = seq_lseek,
	.release = seq_release,
};
PROC_FOPS("lock_stat", 0600, &lock_stat_fops);
