/* syslog(2). */
#include <kernel/printk/printk.h>
#include <kernel/printk/printk_impl.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/poll/poll.h>
#include <kernel/procfs/procfs.h>
#include <kernel/sched/sched.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <kernel/wait/wait.h>
#include <kern/errno.h>
#include <generated/syscalls.h>
#include <linux/fcntl.h>

enum syslog_action {
	SYSLOG_CLOSE,
	SYSLOG_OPEN,
	SYSLOG_READ,
	SYSLOG_READ_ALL,
	SYSLOG_READ_CLEAR,
	SYSLOG_CLEAR,
	SYSLOG_CONSOLE_OFF,
	SYSLOG_CONSOLE_ON,
	SYSLOG_CONSOLE_LEVEL,
	SYSLOG_SIZE_UNREAD,
	SYSLOG_SIZE_BUFFER,
};

/* A record as text: "<6>[    0.000000] ..." and a newline. */
#define SYSLOG_LINE_MAX (PRINTK_TEXT_MAX + 40)

static struct mutex syslog_lock;    /* LK_SLEEP_LEAF: all below, and readers against each other */
static u64 syslog_seq;		    /* next record for SYSLOG_READ */
static size_t syslog_partial;	    /* bytes of it that were read already */
static u64 syslog_clear_seq;	    /* SYSLOG_READ_ALL starts here */
static int syslog_saved_level = -1; /* before SYSLOG_CONSOLE_OFF */

int dmesg_restrict;

void syslog_init(void)
{
	mutex_init(&syslog_lock, LK_SLEEP_LEAF);
}

u64 syslog_cleared_seq(void)
{
	return READ_ONCE(syslog_clear_seq);
}

/* The first record from *seq on as text; its length, 0 when there is none. */
static size_t syslog_format(u64 *seq, char *line)
{
	char text[PRINTK_TEXT_MAX];
	struct ring_record rec;
	size_t len, n;

	if (ring_read(*seq, &rec, text, sizeof(text), false))
		return 0;
	*seq = rec.seq;
	n = (size_t)scnprintf(line, SYSLOG_LINE_MAX, "<%u>", rec.facility << 3 | rec.level);
	n += printk_format_time(line + n, SYSLOG_LINE_MAX - n, rec.ts_ns);
	len = min_t(size_t, rec.len, SYSLOG_LINE_MAX - n - 1);
	memcpy(line + n, text, len);
	line[n + len] = '\n';
	return n + len + 1;
}

static long syslog_read_locked(struct uio *u, char *line)
{
	long done = 0;

	while (u->left) {
		u64 seq = syslog_seq;
		size_t len = syslog_format(&seq, line), n;

		if (!len)
			break;
		if (seq != syslog_seq)
			syslog_partial = 0;
		syslog_seq = seq;
		n = min_t(size_t, len - syslog_partial, u->left);
		if (uio_copy_to(u, line + syslog_partial, n) < n)
			return done ? done : -EFAULT;
		done += (long)n;
		syslog_partial += n;
		if (syslog_partial == len) {
			syslog_seq++;
			syslog_partial = 0;
		}
	}
	return done;
}

static bool syslog_unread_any(void)
{
	return ring_next_seq() > READ_ONCE(syslog_seq);
}

static long syslog_read(struct uio *u, bool wait)
{
	char *line = kmalloc(SYSLOG_LINE_MAX);
	long n;

	if (!line)
		return -ENOMEM;
	do {
		n = wait || syslog_unread_any() ? 0 : -EAGAIN;
		if (!n)
			n = wait_event_interruptible(&printk_wait, syslog_unread_any());
		if (n)
			break;
		mutex_lock(&syslog_lock);
		n = syslog_read_locked(u, line);
		mutex_unlock(&syslog_lock);
	} while (!n);
	kfree(line);
	return n;
}

/* The newest records that fit, oldest first. */
static long syslog_read_all(char __user *buf, size_t size, bool clear)
{
	char *line = kmalloc(SYSLOG_LINE_MAX);
	u64 seq, end = ring_next_seq();
	size_t total = 0, len;
	long done = 0;

	if (!line)
		return -ENOMEM;
	mutex_lock(&syslog_lock);
	for (seq = syslog_clear_seq; seq < end && (len = syslog_format(&seq, line)); seq++)
		total += len;
	for (seq = syslog_clear_seq; seq < end && total > size; seq++) {
		len = syslog_format(&seq, line);
		if (!len)
			break;
		total -= min(len, total);
	}
	for (; seq < end && (len = syslog_format(&seq, line)); seq++) {
		if ((size_t)done + len > size)
			break;
		if (copy_to_user(buf + done, line, len)) {
			done = -EFAULT;
			break;
		}
		done += (long)len;
	}
	if (clear && done >= 0)
		syslog_clear_seq = end;
	mutex_unlock(&syslog_lock);
	kfree(line);
	return done;
}

static long syslog_unread(void)
{
	char *line = kmalloc(SYSLOG_LINE_MAX);
	u64 seq, end = ring_next_seq();
	size_t n = 0, len;

	if (!line)
		return -ENOMEM;
	mutex_lock(&syslog_lock);
	for (seq = syslog_seq; seq < end && (len = syslog_format(&seq, line)); seq++)
		n += len;
	n -= min(syslog_partial, n);
	mutex_unlock(&syslog_lock);
	kfree(line);
	return (long)n;
}

static long syslog_set_level(int action, int level)
{
	mutex_lock(&syslog_lock);
	if (action == SYSLOG_CONSOLE_OFF) {
		if (syslog_saved_level < 0)
			syslog_saved_level = console_loglevel;
		console_loglevel = printk_minimum_level;
	} else if (action == SYSLOG_CONSOLE_ON) {
		if (syslog_saved_level >= 0)
			console_loglevel = syslog_saved_level;
		syslog_saved_level = -1;
	} else {
		console_loglevel = max(level, printk_minimum_level);
		syslog_saved_level = -1;
	}
	mutex_unlock(&syslog_lock);
	return 0;
}

static bool syslog_permitted(int action)
{
	/* Without dmesg_restrict anybody may look at all of it. */
	if (!dmesg_restrict && (action == SYSLOG_READ_ALL || action == SYSLOG_SIZE_BUFFER))
		return true;
	return capable(CAP_SYSLOG);
}

long sys_syslog(int type, void __user *buf, int len)
{
	if (!syslog_permitted(type))
		return -EPERM;
	switch (type) {
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN:
		return 0;
	case SYSLOG_READ:
	case SYSLOG_READ_ALL:
	case SYSLOG_READ_CLEAR:
		if (!buf || len < 0)
			return -EINVAL;
		if (!len)
			return 0;
		if (!access_ok(buf, (size_t)len))
			return -EFAULT;
		if (type == SYSLOG_READ) {
			struct uio u;

			uio_init_user(&u, false, buf, (size_t)len);
			return syslog_read(&u, true);
		}
		return syslog_read_all(buf, (size_t)len, type == SYSLOG_READ_CLEAR);
	case SYSLOG_CLEAR:
		mutex_lock(&syslog_lock);
		syslog_clear_seq = ring_next_seq();
		mutex_unlock(&syslog_lock);
		return 0;
	case SYSLOG_CONSOLE_OFF:
	case SYSLOG_CONSOLE_ON:
		return syslog_set_level(type, 0);
	case SYSLOG_CONSOLE_LEVEL:
		if (len < 1 || len > 8)
			return -EINVAL;
		return syslog_set_level(type, len);
	case SYSLOG_SIZE_UNREAD:
		return syslog_unread();
	case SYSLOG_SIZE_BUFFER:
		return ring_text_size();
	default:
		return -EINVAL;
	}
}

/* ---- /proc/kmsg: SYSLOG_READ as a file ---- */

static int proc_kmsg_open(struct inode *i, struct file *f)
{
	(void)i;
	(void)f;
	return syslog_permitted(SYSLOG_OPEN) ? 0 : -EPERM;
}

static ssize_t proc_kmsg_read(struct file *f, struct uio *u, loff_t *pos)
{
	(void)pos;
	return u->left ? syslog_read(u, !(f->flags & O_NONBLOCK)) : 0;
}

static u32 proc_kmsg_poll(struct file *f, struct poll_table *pt)
{
	poll_wait(pt, f, &printk_wait);
	return syslog_unread_any() ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_ops proc_kmsg_fops = {
	.open = proc_kmsg_open,
	.read = proc_kmsg_read,
	.lseek = generic_lseek,
	.poll = proc_kmsg_poll,
};
PROC_FOPS("kmsg", 0400, &proc_kmsg_fops);
