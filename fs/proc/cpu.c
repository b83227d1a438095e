/* /proc/cpuinfo, stat, interrupts: figures by CPU. */
#include <fs/proc/proc_impl.h>

#include <kernel/irq/irq.h>
#include <kernel/sched/sched.h>
#include <kernel/time/time.h>
#include <asm/clock.h>
#include <asm/context.h>
#include <asm/cpu.h>
#include <asm/cpumask.h>

static void cpuinfo_one(struct seq *s, unsigned int cpu, unsigned int count, const char *flags)
{
	const struct cpu_ident *c = &cpu_ident;
	u64 khz = arch_clock.hz / 1000;

	seq_printf(s, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n", cpu,
		   c->vendor, c->family, c->model);
	seq_printf(s, "model name\t: %s\nstepping\t: %u\n",
		   c->model_name[0] ? c->model_name : "unknown", c->stepping);
	if (c->microcode)
		seq_printf(s, "microcode\t: 0x%x\n", c->microcode);
	seq_printf(s, "cpu MHz\t\t: %llu.%03llu\n", (unsigned long long)(khz / 1000),
		   (unsigned long long)(khz % 1000));
	if (c->cache_kb)
		seq_printf(s, "cache size\t: %u KB\n", c->cache_kb);
	seq_printf(s, "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n", count,
		   cpu, count);
	seq_printf(s, "apicid\t\t: %u\ninitial apicid\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\n",
		   cpu, cpu);
	seq_printf(s, "cpuid level\t: %u\nwp\t\t: yes\nflags\t\t: %s\nbugs\t\t:", c->max_leaf,
		   flags);
	arch_cpu_bugs(s);
	seq_putc(s, '\n');
	seq_printf(s, "bogomips\t: %llu.%02llu\nclflush size\t: 64\ncache_alignment\t: 64\n",
		   (unsigned long long)(khz / 500), (unsigned long long)(khz / 5 % 100));
	seq_printf(s, "address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n",
		   c->phys_bits, c->virt_bits);
}

static int proc_cpuinfo(struct seq *s, void *v)
{
	char *flags = kmalloc(4096);
	unsigned int cpu;

	(void)v;
	if (!flags)
		return -ENOMEM;
	cpu_flags_text(flags, 4096);
	for_each_online_cpu(cpu)
		cpuinfo_one(s, cpu, cpumask_weight(cpumask_read(&cpu_online_mask)), flags);
	kfree(flags);
	return 0;
}

static void stat_line(struct seq *s, const char *name, int cpu, const struct sched_cpu_times *t)
{
	seq_puts(s, name);
	if (cpu >= 0)
		seq_put_u64(s, "", (u64)cpu);
	seq_put_u64(s, cpu >= 0 ? " " : "  ", task_ns_to_ticks(t->user_ns));
	seq_put_u64(s, " ", task_ns_to_ticks(t->nice_ns));
	seq_put_u64(s, " ", task_ns_to_ticks(t->system_ns));
	seq_put_u64(s, " ", task_ns_to_ticks(t->idle_ns));
	seq_put_u64(s, " ", task_ns_to_ticks(t->iowait_ns));
	seq_put_u64(s, " ", task_ns_to_ticks(t->irq_ns));
	seq_puts(s, " 0 0 0 0\n");
}

/* The total is that of the numbers behind it, each read once, and of the architecture's. */
static int stat_interrupts(struct seq *s)
{
	u64 *line = kzalloc(IRQ_LINES * sizeof(*line)), sum = 0;
	const char *what;
	unsigned int cpu;

	if (!line)
		return -ENOMEM;
	for (unsigned int irq = 0; irq < IRQ_LINES; irq++) {
		/* Whether it is in use now or not: nothing that was counted goes away. */
		for_each_online_cpu(cpu) line[irq] += irq_count(irq, cpu);
		sum += line[irq];
	}
	for (unsigned int i = 0; irq_arch_name(i, &what); i++)
		for_each_online_cpu(cpu) sum += irq_arch_count(i, cpu);
	seq_put_u64(s, "intr ", sum);
	for (unsigned int irq = 0; irq < IRQ_LINES; irq++)
		seq_put_u64(s, " ", line[irq]);
	kfree(line);
	return 0;
}

static int proc_stat(struct seq *s, void *v)
{
	struct sched_cpu_times sum = {0}, t;
	unsigned int cpu;

	(void)v;
	for_each_online_cpu(cpu)
	{
		sched_cpu_times(cpu, &t);
		sum.user_ns += t.user_ns;
		sum.nice_ns += t.nice_ns;
		sum.system_ns += t.system_ns;
		sum.idle_ns += t.idle_ns;
		sum.iowait_ns += t.iowait_ns;
		sum.irq_ns += t.irq_ns;
	}
	stat_line(s, "cpu", -1, &sum);
	for_each_online_cpu(cpu)
	{
		sched_cpu_times(cpu, &t);
		stat_line(s, "cpu", (int)cpu, &t);
	}
	int err = stat_interrupts(s);

	if (err)
		return err;
	seq_printf(
		s, "\nctxt %llu\nbtime %llu\nprocesses %llu\nprocs_running %u\nprocs_blocked 0\n",
		(unsigned long long)sched_nr_switches(),
		(time_real_ns() - time_boot_ns() - (u64)time_ns_offset(CLOCK_BOOTTIME)) /
			NSEC_PER_SEC,
		(unsigned long long)task_forks_total(), max_t(unsigned int, sched_nr_running(), 1));
	seq_puts(s, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
	return 0;
}

static void interrupts_line(struct seq *s, unsigned int irq, const struct irq_info *info)
{
	const char *sep = "  ";
	unsigned int cpu;

	seq_printf(s, "%3u: ", irq);
	for_each_online_cpu(cpu) seq_printf(s, "%10llu ", (unsigned long long)irq_count(irq, cpu));
	seq_printf(s, " %8s %3u-%-8s", info->chip, info->pin, info->level ? "fasteoi" : "edge");
	for (const struct irq_action *a = info->actions; a; a = a->next) {
		seq_printf(s, "%s%s", sep, a->name);
		sep = ", ";
	}
	seq_putc(s, '\n');
}

static int proc_interrupts(struct seq *s, void *v)
{
	const char *name, *what;
	struct irq_info info;
	unsigned int cpu;

	(void)v;
	seq_printf(s, "%11s", "");
	for_each_online_cpu(cpu) seq_printf(s, "CPU%-8u", cpu);
	seq_putc(s, '\n');
	for (unsigned int irq = 0; irq < IRQ_LINES; irq++)
		if (irq_info(irq, &info))
			interrupts_line(s, irq, &info);
	for (unsigned int i = 0; (name = irq_arch_name(i, &what)); i++) {
		u64 sum = 0;

		seq_printf(s, "%3s: ", name);
		for_each_online_cpu(cpu)
		{
			sum += irq_arch_count(i, cpu);
			if (what)
				seq_printf(s, "%10llu ",
					   (unsigned long long)irq_arch_count(i, cpu));
		}
		if (what)
			seq_printf(s, " %s\n", what);
		else
			seq_printf(s, "%10llu\n", (unsigned long long)sum);
	}
	return 0;
}

PROC_FILE("cpuinfo", 0444, proc_cpuinfo);
PROC_FILE("stat", 0444, proc_stat);
PROC_FILE("interrupts", 0444, proc_interrupts);
