/*
 * Text files made by the kernel.
 *
 * A reader's state keeps the text of the elements shown last and how much of it has been read.  A read first
 * hands out what is left of that text, then shows elements until there is text for the rest of the read or no element is
 * left.  An element that does not fit is shown again into a buffer of twice the size; show functions therefore
 * have no effects.  A read at another offset than the last one ended at starts over and skips.
 */
#include <kernel/seq/seq.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/slab/slab.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <lib/fmt/fmt.h>
#include <linux/fs.h>

#define SEQ_BUFFER_FIRST 1024u
#define SEQ_BUFFER_MAX (64u << 20)

struct seq_reader {
	struct seq seq;			/* first: show functions get it */
	struct mutex lock;		/* LK_SEQ: all below */
	const struct seq_ops *ops;
	int (*show_single)(struct seq *s, void *v);
	size_t consumed;		/* bytes of seq.buf handed out */
	u64 index;			/* next element */
	loff_t next_pos;		/* file offset of the next unread byte */
	bool at_end;
};

/* ---- output ---- */

static bool seq_room(struct seq *s, size_t len)
{
	if (s->overflow || s->size - s->count < len) {
		s->overflow = true;
		return false;
	}
	return true;
}

void seq_write(struct seq *s, const void *data, size_t len)
{
	if (!seq_room(s, len))
		return;
	memcpy(s->buf + s->count, data, len);
	s->count += len;
}

void seq_puts(struct seq *s, const char *str)
{
	seq_write(s, str, strlen(str));
}

void seq_putc(struct seq *s, char c)
{
	seq_write(s, &c, 1);
}

void seq_printf(struct seq *s, const char *fmt, ...)
{
	__builtin_va_list ap;
	int n;

	if (s->overflow)
		return;
	__builtin_va_start(ap, fmt);
	n = vsnprintf(s->buf + s->count, s->size - s->count, fmt, ap);
	__builtin_va_end(ap);
	if (n >= 0 && (size_t)n < s->size - s->count)
		s->count += (size_t)n;
	else
		s->overflow = true;
}

void seq_escape(struct seq *s, const char *str, const char *esc)
{
	for (; *str; str++) {
		u8 c = (u8)*str;
		char octal[4] = { '\\', (char)('0' + (c >> 6)), (char)('0' + (c >> 3 & 7)),
				  (char)('0' + (c & 7)) };

		if (strchr(esc, *str))
			seq_write(s, octal, sizeof(octal));
		else
			seq_putc(s, *str);
	}
}

void seq_put_u64(struct seq *s, const char *prefix, u64 v)
{
	char digits[FMT_DEC_MAX];
	size_t n = fmt_dec(digits, v);

	seq_puts(s, prefix);
	seq_write(s, digits, n);
}

void seq_put_s64(struct seq *s, const char *prefix, s64 v)
{
	seq_puts(s, prefix);
	if (v < 0)
		seq_putc(s, '-');
	seq_put_u64(s, "", v < 0 ? 0 - (u64)v : (u64)v);
}

/* ---- a reader's buffer ---- */

static int seq_grow(struct seq *s)
{
	size_t size = s->size ? s->size * 2 : SEQ_BUFFER_FIRST;
	char *buf;

	if (size > SEQ_BUFFER_MAX)
		return -ENOMEM;
	buf = kvmalloc(size, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	memcpy(buf, s->buf ? s->buf : buf, s->count);
	kvfree(s->buf);
	s->buf = buf;
	s->size = size;
	return 0;
}

/* Shows one element behind what is in the buffer; grows it until the element fits. */
static int seq_show(struct seq_reader *r, void *v)
{
	struct seq *s = &r->seq;
	size_t before = s->count;
	int err;

	for (;;) {
		s->overflow = !s->size;
		err = s->overflow ? 0 : (r->ops ? r->ops->show : r->show_single)(s, v);
		if (err || !s->overflow)
			break;
		s->count = before;
		err = seq_grow(s);
		if (err)
			break;
	}
	if (err)
		s->count = before;
	return err;
}

/* Shows elements until there are @want bytes or nothing is left. */
static int seq_fill(struct seq_reader *r, size_t want)
{
	int err = 0;
	void *v;

	r->seq.count = 0;
	r->consumed = 0;
	if (!r->ops) {
		r->at_end = true;
		return seq_show(r, NULL);
	}
	v = r->ops->start(&r->seq, r->index);
	while (v && !err && r->seq.count < want) {
		err = seq_show(r, v);
		if (!err)
			v = r->ops->next(&r->seq, v, ++r->index);
	}
	r->at_end = !v;
	r->ops->stop(&r->seq, v);
	return err;
}

static void seq_restart(struct seq_reader *r)
{
	r->index = 0;
	r->next_pos = 0;
	r->consumed = 0;
	r->seq.count = 0;
	r->at_end = false;
}

/* Brings the reader to @pos by showing and skipping. */
static int seq_seek_to(struct seq_reader *r, loff_t pos)
{
	if (pos == r->next_pos)
		return 0;
	seq_restart(r);
	while (r->next_pos < pos) {
		size_t left = r->seq.count - r->consumed, skip;
		int err;

		if (!left) {
			if (r->at_end)
				return 0;
			err = seq_fill(r, 1);
			if (err)
				return err;
			continue;
		}
		skip = min_t(size_t, left, (size_t)(pos - r->next_pos));
		r->consumed += skip;
		r->next_pos += (loff_t)skip;
	}
	return 0;
}

/* ---- file operations ---- */

ssize_t seq_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct seq_reader *r = f->private_data;
	ssize_t done = 0;
	int err;

	guard(mutex)(&r->lock);
	if (*pos == 0)
		seq_restart(r);
	err = seq_seek_to(r, *pos);
	while (!err && u->left) {
		size_t left = r->seq.count - r->consumed, n;

		if (!left) {
			if (r->at_end)
				break;
			err = seq_fill(r, u->left);
			continue;
		}
		n = uio_copy_to(u, r->seq.buf + r->consumed, min_t(size_t, left, u->left));
		if (!n)
			err = -EFAULT;
		r->consumed += n;
		r->next_pos += (loff_t)n;
		done += (ssize_t)n;
		/* As Linux: elements shown for this read are all that it returns. */
		if (r->consumed == r->seq.count)
			break;
	}
	*pos += done;
	return done ? done : err;
}

int seq_lseek(struct file *f, loff_t off, int whence, loff_t *out)
{
	if (whence == SEEK_CUR)
		off += f->pos;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (off < 0)
		return -EINVAL;
	f->pos = off;
	*out = off;
	return 0;
}

static int seq_attach(struct file *f, const struct seq_ops *ops,
		      int (*show)(struct seq *s, void *v), void *private_data)
{
	struct seq_reader *r = kzalloc(sizeof(*r));

	if (!r)
		return -ENOMEM;
	mutex_init(&r->lock, LK_SEQ);
	r->ops = ops;
	r->show_single = show;
	r->seq.private_data = private_data;
	f->private_data = r;
	return 0;
}

int seq_open(struct file *f, const struct seq_ops *ops, void *private_data)
{
	return seq_attach(f, ops, NULL, private_data);
}

int seq_open_single(struct file *f, int (*show)(struct seq *s, void *v), void *private_data)
{
	return seq_attach(f, NULL, show, private_data);
}

void seq_release(struct file *f)
{
	struct seq_reader *r = f->private_data;

	kvfree(r->seq.buf);
	kfree(r);
}

void *seq_private(struct file *f)
{
	return ((struct seq_reader *)f->private_data)->seq.private_data;
}
