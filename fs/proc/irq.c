/*
 * /proc/irq: where interrupt lines go. A directory for each line that the machine has or that is in
 * use; names are looked up each time, as lines come and go.
 */
#include <fs/proc/proc_impl.h>

#include <kernel/irq/irq.h>
#include <kernel/uio/uio.h>
#include <lib/bitmap/bitmap.h>
#include <lib/parse/parse.h>
#include <asm/cpumask.h>
#include <asm/smp.h>

#define TEXT_MAX 256u
#define NO_LINE (-1) /* the directory above the lines */

/* ---- masks as text ---- */

static int parse_list(const char *text, struct cpumask *out)
{
	unsigned long bits[1];
	int err = bitmap_parse_list(text, strlen(text), bits, smp_possible_count());

	if (!err)
		out->bits = bits[0];
	return err;
}

/* Hexadecimal digits, with a comma between groups of eight at most. */
static int parse_map(const char *text, struct cpumask *out)
{
	u64 all = 0, group;

	do {
		const char *from = text;

		if (!parse_digits(&text, 16, &group) || text - from > 8)
			return text == from ? -EINVAL : -EOVERFLOW;
		if (all >> 32)
			return -EOVERFLOW;
		all = all << 32 | group;
	} while (*text == ',' && *++text);
	if (*text)
		return -EINVAL;
	if (smp_possible_count() < 64 && all >> smp_possible_count())
		return -EOVERFLOW;
	out->bits = all;
	return 0;
}

static void put_map(struct seq *s, u64 bits)
{
	seq_put_mask(s, bits, smp_possible_count());
	seq_putc(s, '\n');
}

static void put_list(struct seq *s, u64 bits)
{
	seq_put_bits(s, bits);
	seq_putc(s, '\n');
}

/* ---- files of a line ---- */

static void show_cpus(struct seq *s, const struct irq_info *i)
{
	put_map(s, i->cpus.bits);
}

static void show_cpus_list(struct seq *s, const struct irq_info *i)
{
	put_list(s, i->cpus.bits);
}

static u64 effective(const struct irq_info *i)
{
	return i->actions ? 1ull << i->cpu : 0;
}

static void show_effective(struct seq *s, const struct irq_info *i)
{
	put_map(s, effective(i));
}

static void show_effective_list(struct seq *s, const struct irq_info *i)
{
	put_list(s, effective(i));
}

static void show_hint(struct seq *s, const struct irq_info *i)
{
	(void)i;
	put_map(s, 0);
}

static void show_node(struct seq *s, const struct irq_info *i)
{
	(void)i;
	seq_puts(s, "0\n");
}

static void show_spurious(struct seq *s, const struct irq_info *i)
{
	seq_printf(s, "count %llu\nunhandled %llu\nlast_unhandled 0 ms\n",
		   (unsigned long long)(i->handled + i->unhandled),
		   (unsigned long long)i->unhandled);
}

static int store_cpus(int irq, const char *text)
{
	struct cpumask cpus;
	int err = parse_map(text, &cpus);

	return err ? err : irq_set_cpus((unsigned int)irq, cpus);
}

static int store_cpus_list(int irq, const char *text)
{
	struct cpumask cpus;
	int err = parse_list(text, &cpus);

	return err ? err : irq_set_cpus((unsigned int)irq, cpus);
}

static int store_default(int irq, const char *text)
{
	struct cpumask cpus;
	int err = parse_map(text, &cpus);

	(void)irq;
	if (err)
		return err;
	if (cpumask_empty(cpumask_and(cpus, cpumask_read(&cpu_online_mask))))
		return -EINVAL;
	__atomic_store_n(&irq_default_cpus.bits, cpus.bits, __ATOMIC_RELAXED);
	return 0;
}

struct irq_file {
	const char *name;
	umode_t mode;
	void (*show)(struct seq *s, const struct irq_info *i);
	int (*store)(int irq, const char *text);
};

static const struct irq_file files[] = {
	{"smp_affinity", 0644, show_cpus, store_cpus},
	{"affinity_hint", 0444, show_hint, NULL},
	{"smp_affinity_list", 0644, show_cpus_list, store_cpus_list},
	{"node", 0444, show_node, NULL},
	{"effective_affinity", 0444, show_effective, NULL},
	{"effective_affinity_list", 0444, show_effective_list, NULL},
	{"spurious", 0444, show_spurious, NULL},
};
static const struct irq_file default_file = {"default_smp_affinity", 0644, show_cpus,
					     store_default};

/* What an inode is: a line in .fd, and of it a file in .start (a pointer), or its directory. */
static const struct irq_file *file_of(const struct inode *i)
{
	return (const struct irq_file *)(uptr)proc_of(i)->start;
}

static int file_show(struct seq *s, void *v)
{
	const struct inode *i = v;
	int irq = proc_of(i)->fd;
	struct irq_info info;

	if (irq == NO_LINE)
		info.cpus = cpumask_and(cpumask_read(&irq_default_cpus), cpu_possible_mask);
	else if (!irq_info_any((unsigned int)irq, &info))
		return -ENOENT;
	file_of(i)->show(s, &info);
	return 0;
}

static int file_open(struct inode *i, struct file *f)
{
	return seq_open_single(f, file_show, i);
}

static ssize_t file_write(struct file *f, struct uio *u, loff_t *pos)
{
	const struct irq_file *e = file_of(f->inode);
	size_t len = u->left;
	char text[TEXT_MAX];
	int err;

	(void)pos;
	if (!e->store)
		return -EIO;
	if (len >= sizeof(text))
		return -EOVERFLOW;
	err = uio_copy_text(u, text, sizeof(text));
	if (err)
		return err;
	err = e->store(proc_of(f->inode)->fd, text);
	return err ? err : (ssize_t)len;
}

static const struct file_ops irq_file_fops = {
	.open = file_open,
	.read = seq_read,
	.write = file_write,
	.lseek = seq_lseek,
	.release = seq_release,
};

/* ---- directories ---- */

static const struct inode_ops line_dir_iops, action_dir_iops;
static const struct file_ops line_dir_fops, action_dir_fops;

static int make(struct dentry *d, struct inode *dir, int irq, const struct irq_file *file,
		umode_t mode, const struct inode_ops *iops, const struct file_ops *fops)
{
	struct inode *i;
	int err = proc_inode_new(dir->super, mode, &i);

	if (err)
		return err;
	proc_of(i)->fd = irq;
	proc_of(i)->start = (uptr)file;
	i->ops = iops;
	i->fops = fops;
	dentry_set_inode(d, i);
	return 0;
}

static int root_lookup(struct inode *dir, struct dentry *d)
{
	struct irq_info info;
	int irq;

	if (proc_is_name(d, default_file.name))
		return make(d, dir, NO_LINE, &default_file, S_IFREG | default_file.mode,
			    &proc_node_file_iops, &irq_file_fops);
	if (!proc_parse_number(d->name.name, d->name.len, &irq) ||
	    !irq_info_any((unsigned int)irq, &info))
		return -ENOENT;
	return make(d, dir, irq, NULL, S_IFDIR | 0555, &line_dir_iops, &line_dir_fops);
}

static int root_readdir(struct file *f, struct dir_context *ctx)
{
	struct irq_info info;
	char name[12];

	if (!dir_emit_dots(f, ctx))
		return 0;
	if (ctx->pos == 2) {
		if (!dir_emit(ctx, default_file.name, (u32)strlen(default_file.name),
			      f->inode->ino + 1, S_IFREG >> 12))
			return 0;
		ctx->pos++;
	}
	for (; ctx->pos - 3 < IRQ_LINES; ctx->pos++) {
		unsigned int irq = (unsigned int)(ctx->pos - 3);

		if (!irq_info_any(irq, &info))
			continue;
		if (!dir_emit(ctx, name, (u32)snprintf(name, sizeof(name), "%u", irq),
			      f->inode->ino + 2 + irq, S_IFDIR >> 12))
			return 0;
	}
	return 0;
}

/* The @n-th handler of the line; a name that more than one has counts for the first. */
static const struct irq_action *action_at(const struct irq_info *info, u64 n)
{
	const struct irq_action *a = info->actions;

	while (a && n--)
		a = a->next;
	return a;
}

static int line_lookup(struct inode *dir, struct dentry *d)
{
	int irq = proc_of(dir)->fd;
	struct irq_info info;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (proc_is_name(d, files[i].name))
			return make(d, dir, irq, &files[i], S_IFREG | files[i].mode,
				    &proc_node_file_iops, &irq_file_fops);
	if (!irq_info_any((unsigned int)irq, &info))
		return -ENOENT;
	for (const struct irq_action *a = info.actions; a; a = a->next)
		if (proc_is_name(d, a->name))
			return make(d, dir, irq, NULL, S_IFDIR | 0555, &action_dir_iops,
				    &action_dir_fops);
	return -ENOENT;
}

static int line_readdir(struct file *f, struct dir_context *ctx)
{
	const u64 count = ARRAY_SIZE(files);
	const struct irq_action *a;
	struct irq_info info;

	if (!dir_emit_dots(f, ctx))
		return 0;
	for (; (u64)ctx->pos - 2 < count; ctx->pos++) {
		const char *name = files[ctx->pos - 2].name;

		if (!dir_emit(ctx, name, (u32)strlen(name), f->inode->ino + (u64)ctx->pos,
			      S_IFREG >> 12))
			return 0;
	}
	if (!irq_info_any((unsigned int)proc_of(f->inode)->fd, &info))
		return 0;
	for (; (a = action_at(&info, (u64)ctx->pos - 2 - count)); ctx->pos++)
		if (!dir_emit(ctx, a->name, (u32)strlen(a->name), f->inode->ino + (u64)ctx->pos,
			      S_IFDIR >> 12))
			return 0;
	return 0;
}

static int no_lookup(struct inode *dir, struct dentry *d)
{
	(void)dir;
	(void)d;
	return -ENOENT;
}

static int no_readdir(struct file *f, struct dir_context *ctx)
{
	(void)dir_emit_dots(f, ctx);
	return 0;
}

static const struct inode_ops action_dir_iops = {.lookup = no_lookup};
static const struct file_ops action_dir_fops = {.readdir = no_readdir, .lseek = generic_lseek};
static const struct inode_ops line_dir_iops = {.lookup = line_lookup};
static const struct file_ops line_dir_fops = {.readdir = line_readdir, .lseek = generic_lseek};
static const struct inode_ops root_iops = {.lookup = root_lookup};
static const struct file_ops root_fops = {.readdir = root_readdir, .lseek = generic_lseek};
PROC_ENTRY(.path = "irq", .mode = S_IFDIR | 0555, .iops = &root_iops, .fops = &root_fops);
