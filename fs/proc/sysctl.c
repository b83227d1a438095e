/*
 * /proc/sys: variables of other rooms, each with its kind and its bounds.
 *
 * Only what acts is here: a variable that nothing reads would promise too much.
 */
#include <fs/proc/proc_impl.h>

#include <kernel/cred/cred.h>
#include <kernel/mm/mm.h>
#include <kernel/panic/panic.h>
#include <kernel/poll/poll.h>
#include <kernel/printk/printk.h>
#include <kernel/uio/uio.h>
#include <linux/capability.h>

#define SYSCTL_TEXT_MAX 256

static int sysctl_show(struct seq *s, void *v)
{
	const struct sysctl *c = proc_of(s->private_data)->node->entry->sysctl;
	char text[SYSCTL_TEXT_MAX];
	int len;

	(void)v;
	if (c->value) {
		seq_printf(s, "%d\n", READ_ONCE(*c->value));
		return 0;
	}
	if (c->value64) {
		seq_printf(s, "%llu\n", (unsigned long long)READ_ONCE(*c->value64));
		return 0;
	}
	len = c->show(text, sizeof(text));
	if (len < 0)
		return len;
	seq_write(s, text, (size_t)len);
	seq_putc(s, '\n');
	return 0;
}

static int sysctl_open(struct inode *i, struct file *f)
{
	const struct proc_watch *w = proc_of(i)->node->entry->sysctl->watch;
	int err = seq_open_single(f, sysctl_show, i);

	if (!err && w)
		seq_of(f)->event = READ_ONCE(w->event);
	return err;
}

/* Always ready; a change is told once to each open file, as an error with urgent data. */
static u32 sysctl_poll(struct file *f, struct poll_table *pt)
{
	struct proc_watch *w = proc_of(f->inode)->node->entry->sysctl->watch;
	u32 event;

	if (!w)
		return POLL_DEFAULT;
	poll_wait(pt, f, &w->wait);
	event = __atomic_load_n(&w->event, __ATOMIC_ACQUIRE);
	if (xchg(&seq_of(f)->event, event) == event)
		return POLL_DEFAULT;
	return EPOLLIN | EPOLLRDNORM | EPOLLERR | EPOLLPRI;
}

static ssize_t sysctl_write(struct file *f, struct uio *u, loff_t *pos)
{
	const struct sysctl *c = proc_of(f->inode)->node->entry->sysctl;
	size_t len = u->left;
	char text[SYSCTL_TEXT_MAX];
	int value, err;
	u64 value64;

	(void)pos;
	err = uio_copy_text(u, text, sizeof(text));
	if (err)
		return err;
	if (c->value) {
		if (!proc_parse_int(text, &value) || value < c->min || value > c->max)
			return -EINVAL;
		WRITE_ONCE(*c->value, value);
		return (ssize_t)len;
	}
	if (c->value64) {
		if (proc_parse_u64s(text, &value64, 1) != 1 || value64 < c->min64 ||
		    value64 > c->max64)
			return -EINVAL;
		WRITE_ONCE(*c->value64, value64);
		return (ssize_t)len;
	}
	if (!c->store)
		return -EPERM;
	err = c->store(text);
	return err ? err : (ssize_t)len;
}

static int sysctl_permission(struct inode *i, int mask)
{
	const struct sysctl *c = proc_of(i)->node->entry->sysctl;
	int mode = i->mode;

	if (c->may_write)
		mode = c->may_write() ? mode >> 6 : mode;
	else if (current->cred->euid == 0)
		mode >>= 6;
	else if (current->cred->egid == 0 || cred_in_group(current->cred, 0))
		mode >>= 3;
	return mask & (MAY_READ | MAY_WRITE | MAY_EXEC) & ~mode ? -EACCES : 0;
}

const struct inode_ops proc_sysctl_iops = {.permission = sysctl_permission};

const struct file_ops proc_sysctl_fops = {
	.open = sysctl_open,
	.read = seq_read,
	.write = sysctl_write,
	.poll = sysctl_poll,
	.lseek = seq_lseek,
	.release = seq_release,
};

/* ---- kernel ---- */

static int show_printk(char *buf, size_t size)
{
	return snprintf(buf, size, "%d\t%d\t%d\t%d", console_loglevel, printk_default_level,
			printk_minimum_level, 7);
}

static int store_printk(const char *text)
{
	char first[8];
	size_t n = 0;
	int level;

	while (text[n] && text[n] != ' ' && text[n] != '\t' && n < sizeof(first) - 1) {
		first[n] = text[n];
		n++;
	}
	first[n] = 0;
	if (!proc_parse_int(first, &level) || level < printk_minimum_level || level > 15)
		return -EINVAL;
	console_loglevel = level;
	return 0;
}

static int show_cap_last_cap(char *buf, size_t size)
{
	return snprintf(buf, size, "%d", CAP_LAST_CAP);
}

static int show_ngroups_max(char *buf, size_t size)
{
	return snprintf(buf, size, "%d", 65536);
}

static int show_tainted(char *buf, size_t size)
{
	return snprintf(buf, size, "%lu", panic_taint);
}

/* ---- fs, vm ---- */

static int show_file_nr(char *buf, size_t size)
{
	u64 open, max;

	files_usage(&open, &max);
	return snprintf(buf, size, "%llu\t0\t%llu", (unsigned long long)open,
			(unsigned long long)max);
}

SYSCTL_TEXT("kernel/cap_last_cap", 0444, show_cap_last_cap, NULL);
SYSCTL_INT("kernel/dmesg_restrict", 0644, &dmesg_restrict, 0, 1);
SYSCTL_TEXT("kernel/ngroups_max", 0444, show_ngroups_max, NULL);
SYSCTL_INT("kernel/kptr_restrict", 0644, &proc_kptr_restrict, 0, 2);
SYSCTL_INT("kernel/panic", 0644, &panic_timeout_s, -1, 0x7fffffff);
SYSCTL_INT("kernel/panic_on_oops", 0644, &panic_on_oops, 0, 1);
SYSCTL_INT("kernel/panic_on_warn", 0644, &panic_on_warn, 0, 1);
SYSCTL_INT("kernel/pid_max", 0644, &pid_max, 301, 4194304);
SYSCTL_TEXT("kernel/printk", 0644, show_printk, store_printk);
SYSCTL_INT("kernel/printk_ratelimit", 0644, &printk_ratelimit_s, 0, 0x7fffffff);
SYSCTL_INT("kernel/printk_ratelimit_burst", 0644, &printk_ratelimit_burst, 0, 0x7fffffff);
SYSCTL_TEXT("kernel/tainted", 0444, show_tainted, NULL);
SYSCTL_INT("kernel/threads-max", 0644, &task_threads_max, 1, 0x3fffffff);

SYSCTL_TEXT("fs/file-nr", 0444, show_file_nr, NULL);
