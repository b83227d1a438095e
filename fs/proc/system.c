/* /proc: the files of the whole machine, and the table of all names in the root. */
#include <fs/proc/proc_impl.h>

#include <kernel/boot/boot.h>
#include <kernel/device/device.h>
#include <kernel/mm/mm.h>
#include <kernel/ns/ns.h>
#include <kernel/sched/sched.h>
#include <kernel/symbol/symbol.h>
#include <kernel/time/time.h>
#include <asm/cpumask.h>
#include <kernel/cred/cred.h>
#include <linux/capability.h>
#include <linux/utsname.h>

static int proc_cmdline(struct seq *s, void *v)
{
	(void)v;
	seq_printf(s, "%s\n", boot_info.cmdline);
	return 0;
}

static int proc_version(struct seq *s, void *v)
{
	struct new_utsname u;

	(void)v;
	uts_get(&u);
	seq_printf(s, "%s version %s (Corbel) %s\n", u.sysname, u.release, u.version);
	return 0;
}

static void centiseconds(struct seq *s, u64 ns, const char *end)
{
	u64 cs = ns / 10000000u;

	seq_printf(s, "%llu.%02llu%s", (unsigned long long)(cs / 100),
		   (unsigned long long)(cs % 100), end);
}

static int proc_uptime(struct seq *s, void *v)
{
	struct sched_cpu_times t;
	unsigned int cpu;
	u64 idle = 0;

	(void)v;
	for_each_online_cpu(cpu)
	{
		sched_cpu_times(cpu, &t);
		idle += t.idle_ns;
	}
	centiseconds(s, time_boot_ns() + (u64)time_ns_offset(CLOCK_BOOTTIME), " ");
	centiseconds(s, idle, "\n");
	return 0;
}

/* Fixed point with 11 fraction bits, shown with two digits rounded. */
static int proc_loadavg(struct seq *s, void *v)
{
	u64 avg[3];

	(void)v;
	sched_loadavg(avg);
	for (int i = 0; i < 3; i++) {
		u64 x = avg[i] + 2048 / 200;

		seq_printf(s, "%llu.%02llu ", (unsigned long long)(x >> 11),
			   (unsigned long long)((x & 2047) * 100 >> 11));
	}
	seq_printf(s, "%u/%u %d\n", sched_nr_running(), task_count_all(), pid_last());
	return 0;
}

static int proc_filesystems(struct seq *s, void *v)
{
	(void)v;
	filesystems_show(s);
	return 0;
}

static int proc_devices(struct seq *s, void *v)
{
	(void)v;
	device_show(s);
	return 0;
}

static int proc_locks(struct seq *s, void *v)
{
	(void)v;
	locks_show(s);
	return 0;
}

static int proc_empty(struct seq *s, void *v)
{
	(void)s;
	(void)v;
	return 0;
}

static int proc_swaps(struct seq *s, void *v)
{
	(void)v;
	seq_puts(s, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

static int proc_partitions(struct seq *s, void *v)
{
	(void)v;
	seq_puts(s, "major minor  #blocks  name\n\n");
	return 0;
}

static int proc_iomem(struct seq *s, void *v)
{
	static const char *const type[] = {"System RAM", "Reserved", "ACPI Tables",
					   "ACPI Non-volatile Storage", "Unusable memory"};
	bool show = capable(CAP_SYS_ADMIN);

	(void)v;
	for (unsigned int i = 0; i < boot_info.mem_count; i++) {
		const struct boot_mem *m = &boot_info.mem[i];

		seq_printf(s, "%08llx-%08llx : %s\n", show ? (unsigned long long)m->start : 0,
			   show ? (unsigned long long)m->end - 1 : 0, type[m->type]);
	}
	return 0;
}

/* No personality but Linux: personality(2). */
static int proc_execdomains(struct seq *s, void *v)
{
	(void)v;
	seq_puts(s, "0-0\tLinux           \t[kernel]\n");
	return 0;
}

/* No controllers. */
static int proc_cgroups(struct seq *s, void *v)
{
	(void)v;
	seq_puts(s, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
	return 0;
}

/* The second interrupt controller hangs off the fourth channel of every PC. */
static int proc_dma(struct seq *s, void *v)
{
	(void)v;
	seq_puts(s, " 4: cascade\n");
	return 0;
}

#define MAJOR_MISC 10

static int misc_line(struct device *d, void *ctx)
{
	if (d->kind == DEVICE_CHAR && d->major == MAJOR_MISC)
		seq_printf(ctx, "%3u %s\n", d->minor, d->sysfs_name ? d->sysfs_name : d->name);
	return 0;
}

static int proc_misc(struct seq *s, void *v)
{
	(void)v;
	return device_for_each(misc_line, s);
}

/* What Linux does in software interrupts is done in threads and interrupts here: all 0. */
static int proc_softirqs(struct seq *s, void *v)
{
	static const char *const name[] = {"HI",       "TIMER",	  "NET_TX", "NET_RX",  "BLOCK",
					   "IRQ_POLL", "TASKLET", "SCHED",  "HRTIMER", "RCU"};
	unsigned int cpu;

	(void)v;
	seq_puts(s, "                    ");
	for_each_online_cpu(cpu) seq_printf(s, "CPU%-8u", cpu);
	seq_putc(s, '\n');
	for (unsigned int i = 0; i < ARRAY_SIZE(name); i++) {
		seq_printf(s, "%12s:", name[i]);
		for_each_online_cpu(cpu) seq_printf(s, " %10u", 0);
		seq_putc(s, '\n');
	}
	return 0;
}

/* ---- kallsyms ---- */

static void *kallsyms_at(struct seq *s, u64 pos)
{
	(void)s;
	return pos < symbol_count() ? (void *)(uptr)(pos + 1) : NULL;
}

static void *kallsyms_next(struct seq *s, void *v, u64 pos)
{
	(void)v;
	return kallsyms_at(s, pos);
}

static void kallsyms_stop(struct seq *s, void *v)
{
	(void)s;
	(void)v;
}

int proc_kptr_restrict; /* kernel.kptr_restrict: 0 and 1 show addresses to CAP_SYSLOG, 2 to nobody
			 */

static int kallsyms_show(struct seq *s, void *v)
{
	char name[SYMBOL_NAME_MAX];
	unsigned long addr = symbol_get((unsigned int)((uptr)v - 1), name);

	seq_printf(s, "%016lx t %s\n", proc_kptr_restrict < 2 && capable(CAP_SYSLOG) ? addr : 0,
		   name);
	return 0;
}

static const struct seq_ops kallsyms_ops = {kallsyms_at, kallsyms_next, kallsyms_stop,
					    kallsyms_show};

/* ---- links ---- */

/* Who has no number here has no entry here either. */
static int self_link(const struct pid_ns *ns, char *buf, size_t size)
{
	int tgid = task_tgid_in(current, ns);

	return tgid ? snprintf(buf, size, "%d", tgid) : -ENOENT;
}

static int thread_self_link(const struct pid_ns *ns, char *buf, size_t size)
{
	int tgid = task_tgid_in(current, ns);

	return tgid ? snprintf(buf, size, "%d/task/%d", tgid, task_tid_in(current, ns)) : -ENOENT;
}

PROC_ENTRY(.path = "self", .mode = S_IFLNK | 0777, .make_link = self_link);
PROC_ENTRY(.path = "thread-self", .mode = S_IFLNK | 0777, .make_link = thread_self_link);
PROC_LINK("mounts", "self/mounts");
PROC_FILE("cgroups", 0444, proc_cgroups);
PROC_FILE("cmdline", 0444, proc_cmdline);
PROC_FILE("devices", 0444, proc_devices);
PROC_FILE("diskstats", 0444, proc_empty);
PROC_FILE("dma", 0444, proc_dma);
PROC_FILE("execdomains", 0444, proc_execdomains);
PROC_FILE("fb", 0444, proc_empty);
PROC_FILE("filesystems", 0444, proc_filesystems);
PROC_FILE("iomem", 0444, proc_iomem);
PROC_LIST("kallsyms", 0444, &kallsyms_ops);
PROC_FILE("loadavg", 0444, proc_loadavg);
PROC_FILE("locks", 0444, proc_locks);
PROC_FILE("misc", 0444, proc_misc);
PROC_FILE("modules", 0444, proc_empty);
PROC_FILE("partitions", 0444, proc_partitions);
PROC_FILE("softirqs", 0444, proc_softirqs);
PROC_FILE("swaps", 0444, proc_swaps);
PROC_FILE("uptime", 0444, proc_uptime);
PROC_FILE("version", 0444, proc_version);
