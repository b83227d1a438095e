/*
 * /proc/sys: variables of other rooms, each with its kind and its bounds.
 *
 * Only what acts is here: a variable that nothing reads would promise too much.
 */
#include <fs/proc/proc_impl.h>

#include <kernel/cred/cred.h>
#include <kernel/mm/mm.h>
#include <kernel/panic/panic.h>
#include <kernel/pipe/pipe.h>
#include <kernel/printk/printk.h>
#include <kernel/rng/rng.h>
#include <kernel/uio/uio.h>
#include <linux/capability.h>
#include <linux/utsname.h>

#define CTL_TEXT_MAX 128

struct proc_ctl {
	int *value; /* a number between min and max */
	int min, max;
	int (*show)(char *buf, size_t size); /* or a text: its length without newline */
	int (*store)(const char *text);	     /* sets from text without newline; 0 or -errno */
};

/* Decimal with optional sign and blanks around; nothing else. */
bool proc_parse_int(const char *p, int *out)
{
	bool negative;
	s64 v = 0;

	while (*p == ' ' || *p == '\t')
		p++;
	negative = *p == '-';
	p += negative || *p == '+';
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (*p - '0');
		if (v > 0x7fffffffll + negative)
			return false;
	}
	while (*p == ' ' || *p == '\t' || *p == '\n')
		p++;
	if (*p)
		return false;
	*out = (int)(negative ? -v : v);
	return true;
}

static int ctl_show(struct seq *s, void *v)
{
	const struct proc_ctl *c = proc_of(s->private_data)->node->ctl;
	char text[CTL_TEXT_MAX];
	int len;

	(void)v;
	if (c->value) {
		seq_printf(s, "%d\n", READ_ONCE(*c->value));
		return 0;
	}
	len = c->show(text, sizeof(text));
	if (len < 0)
		return len;
	seq_write(s, text, (size_t)len);
	seq_putc(s, '\n');
	return 0;
}

static int ctl_open(struct inode *i, struct file *f)
{
	return seq_open_single(f, ctl_show, i);
}

static ssize_t ctl_write(struct file *f, struct uio *u, loff_t *pos)
{
	const struct proc_ctl *c = proc_of(f->inode)->node->ctl;
	size_t len = u->left;
	char text[CTL_TEXT_MAX];
	int value, err;

	(void)pos;
	if (len >= sizeof(text))
		return -EINVAL;
	if (uio_copy_from(u, text, len) < len)
		return -EFAULT;
	text[len] = 0;
	if (len && text[len - 1] == '\n')
		text[len - 1] = 0;
	if (c->value) {
		if (!proc_parse_int(text, &value) || value < c->min || value > c->max)
			return -EINVAL;
		WRITE_ONCE(*c->value, value);
		return (ssize_t)len;
	}
	if (!c->store)
		return -EPERM;
	err = c->store(text);
	return err ? err : (ssize_t)len;
}

const struct file_ops proc_ctl_fops = {
	.open = ctl_open,
	.read = seq_read,
	.write = ctl_write,
	.lseek = seq_lseek,
	.release = seq_release,
};

/* ---- kernel ---- */

#define UTS_FIELD(field)                                   \
	static int show_##field(char *buf, size_t size)    \
	{                                                  \
		struct new_utsname u;                      \
                                                           \
		uts_get(&u);                               \
		return snprintf(buf, size, "%s", u.field); \
	}
UTS_FIELD(sysname)
UTS_FIELD(release)
UTS_FIELD(version)
UTS_FIELD(nodename)
UTS_FIELD(domainname)

static int store_nodename(const char *text)
{
	return uts_set_hostname(text, strlen(text));
}

static int store_domainname(const char *text)
{
	return uts_set_domainname(text, strlen(text));
}

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

/* ---- random ---- */

static int format_uuid(const u8 id[16], char *buf, size_t size)
{
	return snprintf(buf, size,
			"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9],
			id[10], id[11], id[12], id[13], id[14], id[15]);
}

static void make_uuid(u8 id[16])
{
	rng_bytes(id, 16);
	id[6] = (u8)((id[6] & 0x0f) | 0x40); /* version 4, RFC 9562 */
	id[8] = (u8)((id[8] & 0x3f) | 0x80);
}

static int show_uuid(char *buf, size_t size)
{
	u8 id[16];

	make_uuid(id);
	return format_uuid(id, buf, size);
}

static int show_boot_id(char *buf, size_t size)
{
	static struct spinlock lock = SPINLOCK_INIT(LK_SPIN_LEAF);
	static u8 boot_id[16]; /* lock */
	u8 fresh[16], id[16];

	make_uuid(fresh);
	spin_lock(&lock);
	if (!boot_id[6])
		memcpy(boot_id, fresh, sizeof(boot_id));
	memcpy(id, boot_id, sizeof(id));
	spin_unlock(&lock);
	return format_uuid(id, buf, size);
}

static int show_entropy(char *buf, size_t size)
{
	return snprintf(buf, size, "%d", rng_is_ready() ? 256 : 0);
}

static int show_poolsize(char *buf, size_t size)
{
	return snprintf(buf, size, "%d", 256);
}

/* ---- fs, vm ---- */

static int show_file_nr(char *buf, size_t size)
{
	u64 open, max;

	files_usage(&open, &max);
	return snprintf(buf, size, "%llu\t0\t%llu", (unsigned long long)open,
			(unsigned long long)max);
}

static int show_file_max(char *buf, size_t size)
{
	u64 open, max;

	files_usage(&open, &max);
	return snprintf(buf, size, "%llu", (unsigned long long)max);
}

static int show_nr_open(char *buf, size_t size)
{
	return snprintf(buf, size, "%d", 1048576);
}

static int show_pipe_max(char *buf, size_t size)
{
	return snprintf(buf, size, "%lu", PIPE_SLOTS_MAX * PAGE_SIZE);
}

static int show_max_map_count(char *buf, size_t size)
{
	return snprintf(buf, size, "%u", mm_max_map_count);
}

static int store_max_map_count(const char *text)
{
	int v;

	if (!proc_parse_int(text, &v) || v < 0)
		return -EINVAL;
	mm_max_map_count = (unsigned int)v;
	return 0;
}

#define CTL_INT(n, var, lo, hi)                                                      \
	{                                                                            \
		.name = (n), .mode = S_IFREG | 0644, .ctl = &(const struct proc_ctl) \
		{                                                                    \
			.value = (var), .min = (lo), .max = (hi)                     \
		}                                                                    \
	}
#define CTL_TEXT(n, fn)                                                              \
	{                                                                            \
		.name = (n), .mode = S_IFREG | 0444, .ctl = &(const struct proc_ctl) \
		{                                                                    \
			.show = (fn)                                                 \
		}                                                                    \
	}
#define CTL_TEXT_RW(n, fn, set)                                                      \
	{                                                                            \
		.name = (n), .mode = S_IFREG | 0644, .ctl = &(const struct proc_ctl) \
		{                                                                    \
			.show = (fn), .store = (set)                                 \
		}                                                                    \
	}

static const struct proc_node random_nodes[] = {
	CTL_TEXT("boot_id", show_boot_id),
	CTL_TEXT("entropy_avail", show_entropy),
	CTL_TEXT("poolsize", show_poolsize),
	CTL_TEXT("uuid", show_uuid),
	{.name = NULL},
};

static const struct proc_node kernel_nodes[] = {
	CTL_TEXT("cap_last_cap", show_cap_last_cap),
	CTL_INT("dmesg_restrict", &dmesg_restrict, 0, 1),
	CTL_TEXT_RW("domainname", show_domainname, store_domainname),
	CTL_TEXT_RW("hostname", show_nodename, store_nodename),
	CTL_TEXT("ngroups_max", show_ngroups_max),
	CTL_TEXT("osrelease", show_release),
	CTL_TEXT("ostype", show_sysname),
	CTL_INT("panic", &panic_timeout_s, -1, 0x7fffffff),
	CTL_INT("panic_on_oops", &panic_on_oops, 0, 1),
	CTL_INT("panic_on_warn", &panic_on_warn, 0, 1),
	CTL_INT("pid_max", &pid_max, 301, 4194304),
	CTL_TEXT_RW("printk", show_printk, store_printk),
	PROC_DIR("random", random_nodes),
	CTL_TEXT("tainted", show_tainted),
	CTL_INT("threads-max", &task_threads_max, 1, 0x3fffffff),
	CTL_TEXT("version", show_version),
	{.name = NULL},
};

static const struct proc_node fs_nodes[] = {
	CTL_TEXT("file-max", show_file_max),
	CTL_TEXT("file-nr", show_file_nr),
	CTL_TEXT("nr_open", show_nr_open),
	CTL_TEXT("pipe-max-size", show_pipe_max),
	{.name = NULL},
};

static const struct proc_node vm_nodes[] = {
	CTL_TEXT_RW("max_map_count", show_max_map_count, store_max_map_count),
	CTL_INT("overcommit_memory", &mm_overcommit_mode, 0, 2),
	CTL_INT("overcommit_ratio", &mm_overcommit_ratio, 0, 0x7fffffff),
	{.name = NULL},
};

const struct proc_node proc_sys_nodes[] = {
	PROC_DIR("fs", fs_nodes),
	PROC_DIR("kernel", kernel_nodes),
	PROC_DIR("vm", vm_nodes),
	{.name = NULL},
};
