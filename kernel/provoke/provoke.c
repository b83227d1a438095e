/*
 * provoke-crash/DIRECT of debugfs: names of faults are written to it, and happen.
 *
 * The names, and what is logged, are those of Linux's lkdtm, so that its test runner works.
 */
#include <kernel/provoke/provoke_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/uio/uio.h>

static const struct provoke_type *const tables[] = {provoke_faults, provoke_access};

static int show_types(struct seq *s, void *v)
{
	(void)v;
	seq_puts(s, "Available crash types:\n");
	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++) {
		for (const struct provoke_type *t = tables[i]; t->name; t++)
			seq_printf(s, "%s\n", t->name);
	}
	return 0;
}

static int direct_open(struct inode *i, struct file *f)
{
	(void)i;
	return seq_open_single(f, show_types, NULL);
}

static const struct provoke_type *find(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++) {
		for (const struct provoke_type *t = tables[i]; t->name; t++) {
			if (!strcmp(t->name, name))
				return t;
		}
	}
	return NULL;
}

static ssize_t direct_write(struct file *f, struct uio *u, loff_t *pos)
{
	const struct provoke_type *t;
	size_t len = u->left;
	char name[64];
	int err;

	(void)f;
	err = uio_copy_text(u, name, sizeof(name));
	if (err)
		return err;
	t = find(name);
	if (!t)
		return -EINVAL;
	pr_info("lkdtm: Performing direct entry %s\n", t->name);
	t->run();
	*pos += (loff_t)len;
	return (ssize_t)len;
}

static const struct file_ops direct_fops = {
	.open = direct_open,
	.read = seq_read,
	.write = direct_write,
	.lseek = seq_lseek,
	.release = seq_release,
};

DEBUGFS_FOPS("provoke-crash/DIRECT", 0644, &direct_fops);
