/*
 * /dev/kmsg: one record a read, "PRIO,SEQ,USEC,FLAGS;TEXT\n"; a line a write.
 *
 * The position is a record number.  Characters that would break the format are written as \xNN.
 */
#include <kernel/printk/printk.h>
#include <kernel/printk/printk_impl.h>
#include <kernel/cred/cred.h>
#include <kernel/device/device.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/poll/poll.h>
#include <kernel/slab/slab.h>
#include <kernel/time/time.h>
#include <kernel/uio/uio.h>
#include <kernel/wait/wait.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

#define KMSG_WRITE_MAX 992
#define KMSG_LINE_MAX (PRINTK_TEXT_MAX * 4 + 64)
#define FACILITY_USER 1

struct kmsg_reader {
	struct mutex lock; /* LK_SLEEP_LEAF: all below */
	u64 seq;
	char text[PRINTK_TEXT_MAX];
	char line[KMSG_LINE_MAX];
};

static int kmsg_open(struct inode *inode, struct file *f)
{
	struct kmsg_reader *r;

	(void)inode;
	if (!(f->mode & FMODE_READ))
		return 0;
	if (dmesg_restrict && !capable(CAP_SYSLOG))
		return -EPERM;
	r = kvmalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	mutex_init(&r->lock, LK_SLEEP_LEAF);
	r->seq = ring_first_seq();
	f->private_data = r;
	return 0;
}

static void kmsg_release(struct file *f)
{
	kvfree(f->private_data);
}

static size_t kmsg_format(struct kmsg_reader *r, const struct ring_record *rec)
{
	size_t n = (size_t)scnprintf(
		r->line, KMSG_LINE_MAX, "%u,%llu,%llu,%c;", rec->facility << 3 | rec->level,
		rec->seq, rec->ts_ns / NSEC_PER_USEC, rec->flags & RECORD_CONT ? 'c' : '-');

	for (size_t i = 0; i < rec->len && i < PRINTK_TEXT_MAX; i++) {
		unsigned char c = (unsigned char)r->text[i];

		if (c < ' ' || c >= 127 || c == '\\')
			n += (size_t)scnprintf(r->line + n, KMSG_LINE_MAX - n, "\\x%02x", c);
		else
			r->line[n++] = (char)c;
	}
	r->line[n++] = '\n';
	return n;
}

static ssize_t kmsg_read_locked(struct kmsg_reader *r, struct uio *u)
{
	struct ring_record rec;
	size_t len;

	if (ring_read(r->seq, &rec, r->text, sizeof(r->text), false))
		return -EAGAIN;
	if (rec.seq != r->seq) {
		/* What was next has been overwritten: told once, then reading goes on. */
		r->seq = rec.seq;
		return -EPIPE;
	}
	len = kmsg_format(r, &rec);
	if (len > u->left)
		return -EINVAL;
	r->seq++;
	if (uio_copy_to(u, r->line, len) != len)
		return -EFAULT;
	return (ssize_t)len;
}

static ssize_t kmsg_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct kmsg_reader *r = f->private_data;
	ssize_t n;

	(void)pos;
	if (!r)
		return -EBADF;
	for (;;) {
		n = mutex_lock_interruptible(&r->lock);
		if (n)
			return n;
		n = kmsg_read_locked(r, u);
		mutex_unlock(&r->lock);
		if (n != -EAGAIN || (f->flags & O_NONBLOCK))
			return n;
		n = wait_event_interruptible(&printk_wait, ring_next_seq() > READ_ONCE(r->seq));
		if (n)
			return n;
	}
}

/* "<N>" in front gives priority and facility; what says kernel is made user. */
static ssize_t kmsg_write(struct file *f, struct uio *u, loff_t *pos)
{
	unsigned int prio = (unsigned int)printk_default_level | FACILITY_USER << 3;
	char buf[KMSG_WRITE_MAX + 1];
	size_t len = u->left, at = 0, written = len;

	(void)f;
	(void)pos;
	if (len > KMSG_WRITE_MAX)
		return -EINVAL;
	if (uio_copy_from(u, buf, len) != len)
		return -EFAULT;
	buf[len] = '\0';
	if (buf[0] == '<') {
		unsigned int v = 0, i = 1;

		while (buf[i] >= '0' && buf[i] <= '9' && v < 10000)
			v = v * 10 + (unsigned int)(buf[i++] - '0');
		if (i > 1 && buf[i] == '>') {
			at = i + 1;
			prio = v >> 3 ? v : v | FACILITY_USER << 3;
		}
	}
	len = at + strnlen(buf + at, len - at);
	if (len > at && buf[len - 1] == '\n')
		len--;
	printk_user(prio & 7, (u8)(prio >> 3), buf + at, len - at);
	return (ssize_t)written;
}

static int kmsg_lseek(struct file *f, loff_t off, int whence, loff_t *out)
{
	struct kmsg_reader *r = f->private_data;

	if (!r)
		return -EBADF;
	if (off)
		return -ESPIPE;
	mutex_lock(&r->lock);
	switch (whence) {
	case SEEK_SET:
	case SEEK_DATA: /* Linux: after the last SYSLOG_ACTION_CLEAR */
		r->seq = whence == SEEK_SET ? ring_first_seq() : syslog_cleared_seq();
		break;
	case SEEK_END:
		r->seq = ring_next_seq();
		break;
	default:
		mutex_unlock(&r->lock);
		return -EINVAL;
	}
	mutex_unlock(&r->lock);
	*out = 0;
	return 0;
}

static u32 kmsg_poll(struct file *f, struct poll_table *pt)
{
	struct kmsg_reader *r = f->private_data;
	u32 mask = EPOLLOUT | EPOLLWRNORM;

	if (!r)
		return mask;
	poll_wait(pt, f, &printk_wait);
	if (READ_ONCE(r->seq) < ring_first_seq())
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLERR | EPOLLPRI;
	else if (READ_ONCE(r->seq) < ring_next_seq())
		mask |= EPOLLIN | EPOLLRDNORM;
	return mask;
}

static const struct file_ops kmsg_file_ops = {
	.open = kmsg_open,
	.release = kmsg_release,
	.read = kmsg_read,
	.write = kmsg_write,
	.lseek = kmsg_lseek,
	.poll = kmsg_poll,
};

static struct device kmsg = {
	.name = "kmsg",
	.driver = "mem",
	.class_name = "mem",
	.kind = DEVICE_CHAR,
	.major = 1,
	.minor = 11,
	.count = 1,
	.mode = 0644,
	.ops = &kmsg_file_ops,
};
DEVICE(kmsg);
