/* /sys/kernel/irq: counts and names of lines, one value a file. */
#include <kernel/irq/irq.h>

#include <asm/cpumask.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>

/* The line of a file; it may be gone by now. */
static int info_of(void *ctx, struct irq_info *out)
{
	return irq_info_any((unsigned int)(unsigned long)ctx, out) ? 0 : -ENODEV;
}

static int show_per_cpu_count(struct seq *s, void *ctx)
{
	const char *before = "";
	unsigned int cpu;

	for_each_possible_cpu(cpu)
	{
		seq_printf(s, "%s%llu", before,
			   (unsigned long long)irq_count((unsigned int)(unsigned long)ctx, cpu));
		before = ",";
	}
	seq_putc(s, '\n');
	return 0;
}

static int show_chip_name(struct seq *s, void *ctx)
{
	struct irq_info i;
	int err = info_of(ctx, &i);

	if (!err)
		seq_printf(s, "%s\n", i.chip);
	return err;
}

static int show_hwirq(struct seq *s, void *ctx)
{
	struct irq_info i;
	int err = info_of(ctx, &i);

	if (!err)
		seq_printf(s, "%u\n", i.pin);
	return err;
}

static int show_name(struct seq *s, void *ctx)
{
	struct irq_info i;
	int err = info_of(ctx, &i);

	if (!err)
		seq_puts(s, i.level ? "fasteoi\n" : "edge\n");
	return err;
}

static int show_type(struct seq *s, void *ctx)
{
	struct irq_info i;
	int err = info_of(ctx, &i);

	if (!err)
		seq_puts(s, i.level ? "level\n" : "edge\n");
	return err;
}

static int show_actions(struct seq *s, void *ctx)
{
	const char *before = "";
	struct irq_info i;
	int err = info_of(ctx, &i);

	if (err)
		return err;
	for (const struct irq_action *a = i.actions; a; a = a->next) {
		seq_printf(s, "%s%s", before, a->name);
		before = ",";
	}
	if (i.actions)
		seq_putc(s, '\n');
	return 0;
}

/* No line wakes a machine that sleeps, as none does. */
static int show_wakeup(struct seq *s, void *ctx)
{
	(void)ctx;
	seq_puts(s, "disabled\n");
	return 0;
}

static const struct sysfs_attr line_attrs[] = {
	{.name = "per_cpu_count", .mode = 0444, .show = show_per_cpu_count},
	{.name = "chip_name", .mode = 0444, .show = show_chip_name},
	{.name = "hwirq", .mode = 0444, .show = show_hwirq},
	{.name = "name", .mode = 0444, .show = show_name},
	{.name = "type", .mode = 0444, .show = show_type},
	{.name = "actions", .mode = 0444, .show = show_actions},
	{.name = "wakeup", .mode = 0444, .show = show_wakeup},
	{},
};

static int build_lines(struct sysfs_builder *b)
{
	struct irq_info info;
	char path[32];
	int err = 0;

	for (unsigned long irq = 0; irq < IRQ_LINES && !err; irq++) {
		if (!irq_info_any((unsigned int)irq, &info))
			continue;
		snprintf(path, sizeof(path), "kernel/irq/%lu", irq);
		err = b->files(b, path, line_attrs, (void *)irq);
	}
	return err;
}
SYSFS_BUILD(build_lines);
