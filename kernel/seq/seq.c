/*
 * Text files made by the kernel.
 *
 * Each open file has a buffer with elements number [first, next) in it.  A read at the position
 * where the last one ended goes on from the buffer; any other position starts again from element 0
 * and skips.  An element that does not fit is shown again in a buffer twice the size.
 */
#include <kernel/seq/seq.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/slab/slab.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <lib/bitmap/bitmap.h>
#include <linux/fs.h>

#define SEQ_FIRST_SIZE 1024u
#define SEQ_LIST_SIZE 4096u /* many elements for each taking of the list's lock */
#define SEQ_MAX_SIZE (64u << 20)

struct seq_file {
	struct seq seq;		   /* first: seq_private() and show() see this */
	struct mutex lock;	   /* LK_SEQ */
	const struct seq_ops *ops; /* NULL: single */
	int (*show)(struct seq *s, void *v);
	u64 index;   /* next element, or position behind the last (ops->behind) */
	loff_t pos;  /* file position of buffer[from] */
	size_t from; /* first byte not yet read */
	bool done;   /* no element is left */
};

void seq_write(struct seq *s, const void *data, size_t len)
{
	if (s->overflow || len > s->size - s->count) {
		s->overflow = true;
		return;
	}
	memcpy(s->buf + s->count, data, len);
	s->count += len;
}

void seq_puts(struct seq *s, const char *str)
{
	seq_write(s, str, strlen(str));
}

void seq_putc(struct seq *s, char c)
{
	if (s->overflow || s->count == s->size) {
		s->overflow = true;
		return;
	}
	s->buf[s->count++] = c;
}

void seq_printf(struct seq *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (s->overflow)
		return;
	va_start(ap, fmt);
	n = vsnprintf(s->buf + s->count, s->size - s->count, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= s->size - s->count)
		s->overflow = true;
	else
		s->count += (size_t)n;
}

void seq_escape(struct seq *s, const char *str, const char *esc)
{
	for (; *str; str++) {
		u8 c = (u8)*str;
		char octal[4] = {'\\', (char)('0' + (c >> 6)), (char)('0' + (c >> 3 & 7)),
				 (char)('0' + (c & 7))};

		if (strchr(esc, *str))
			seq_write(s, octal, 4);
		else
			seq_putc(s, *str);
	}
}

void seq_put_u64(struct seq *s, const char *prefix, u64 v)
{
	char digits[20];
	unsigned int n = sizeof(digits);

	do {
		digits[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (*prefix)
		seq_putc(s, *prefix++);
	seq_write(s, digits + n, sizeof(digits) - n);
}

void seq_put_s64(struct seq *s, const char *prefix, s64 v)
{
	if (v >= 0) {
		seq_put_u64(s, prefix, (u64)v);
		return;
	}
	seq_puts(s, prefix);
	seq_put_u64(s, "-", 0 - (u64)v);
}

void seq_put_bits(struct seq *s, u64 mask)
{
	const char *sep = "";

	while (mask) {
		unsigned int first = (unsigned int)__builtin_ctzll(mask), last = first;

		while (last < 63 && mask >> (last + 1) & 1)
			last++;
		seq_printf(s, last > first ? "%s%u-%u" : "%s%u", sep, first, last);
		mask &= last == 63 ? 0 : ~0ull << (last + 1);
		sep = ",";
	}
}

void seq_put_mask(struct seq *s, u64 mask, unsigned int bits)
{
	const unsigned long map = mask;
	char text[24];

	(void)bitmap_format_mask(text, sizeof(text), &map, bits);
	seq_puts(s, text);
}

static int seq_make(struct file *f, const struct seq_ops *ops, int (*show)(struct seq *, void *),
		    void *private_data)
{
	struct seq_file *sf = kzalloc(sizeof(*sf));

	if (!sf)
		return -ENOMEM;
	mutex_init(&sf->lock, LK_SEQ);
	sf->ops = ops;
	sf->show = show;
	sf->seq.private_data = private_data;
	sf->seq.file = f;
	f->private_data = sf;
	return 0;
}

int seq_open(struct file *f, const struct seq_ops *ops, void *private_data)
{
	return seq_make(f, ops, NULL, private_data);
}

int seq_open_single(struct file *f, int (*show)(struct seq *s, void *v), void *private_data)
{
	return seq_make(f, NULL, show, private_data);
}

void *seq_private(struct file *f)
{
	return ((struct seq_file *)f->private_data)->seq.private_data;
}

struct seq *seq_of(struct file *f)
{
	return &((struct seq_file *)f->private_data)->seq;
}

void seq_release(struct file *f)
{
	struct seq_file *sf = f->private_data;

	if (!sf)
		return;
	kvfree(sf->seq.buf);
	kfree(sf);
	f->private_data = NULL;
}

/* The buffer is empty of complete elements: make it larger. */
static int grow(struct seq *s, size_t first)
{
	size_t size = s->size ? s->size * 2 : first;
	char *buf;

	if (size > SEQ_MAX_SIZE)
		return -ENOMEM;
	buf = kvmalloc(size, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	kvfree(s->buf);
	s->buf = buf;
	s->size = size;
	s->count = 0;
	s->overflow = false;
	return 0;
}

static int fill_single(struct seq_file *sf)
{
	struct seq *s = &sf->seq;
	int err = 0;

	if (sf->done)
		return 0;
	do {
		if (!s->size || s->overflow)
			err = grow(s, SEQ_FIRST_SIZE);
		if (!err) {
			s->count = 0;
			err = sf->show(s, s->private_data);
		}
	} while (!err && s->overflow);
	if (err)
		s->count = 0;
	sf->done = !err;
	return err;
}

/* As many elements as fit; at least one unless there is none. */
static int fill_list(struct seq_file *sf)
{
	struct seq *s = &sf->seq;
	int err = 0;

	for (;;) {
		bool full = false;
		void *v;

		if (!s->size || s->overflow) {
			err = grow(s, SEQ_LIST_SIZE);
			if (err)
				return err;
		}
		s->err = 0;
		v = sf->ops->start(s, sf->index);
		if (!v)
			err = s->err;
		while (v && !full) {
			size_t before = s->count;

			err = sf->ops->show(s, v);
			if (err < 0)
				break;
			if (err > 0)
				s->count = before; /* an element that does not want to be seen */
			if (s->overflow) {
				s->count = before;
				full = true;
				break;
			}
			err = 0;
			sf->index = sf->ops->behind ? sf->ops->behind(s, v) : sf->index + 1;
			v = sf->ops->next(s, v, sf->index);
		}
		if (sf->ops->stop)
			sf->ops->stop(s, v);
		if (err < 0)
			return err;
		if (!full) {
			sf->done = true;
			return 0;
		}
		if (s->count) {
			s->overflow = false;
			return 0;
		}
	}
}

static int fill(struct seq_file *sf)
{
	sf->from = 0;
	sf->seq.count = 0;
	return sf->ops ? fill_list(sf) : fill_single(sf);
}

/* Brings the buffer to file position @pos. */
static int seek_to(struct seq_file *sf, loff_t pos)
{
	if (pos < sf->pos) {
		sf->index = 0;
		sf->pos = 0;
		sf->done = false;
		sf->from = sf->seq.count = 0;
	}
	for (;;) {
		size_t have = sf->seq.count - sf->from;
		int err;

		if (pos < sf->pos + (loff_t)have || pos == sf->pos) {
			sf->from += (size_t)(pos - sf->pos);
			sf->pos = pos;
			return 0;
		}
		sf->pos += (loff_t)have;
		sf->from = sf->seq.count;
		if (sf->done)
			return 0;
		err = fill(sf);
		if (err)
			return err;
	}
}

ssize_t seq_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct seq_file *sf = f->private_data;
	ssize_t done = 0;
	int err;

	mutex_lock(&sf->lock);
	/* From the start again: show the present state. */
	if (*pos == 0) {
		sf->index = 0;
		sf->pos = 0;
		sf->done = false;
		sf->from = sf->seq.count = 0;
	}
	err = seek_to(sf, *pos);
	while (!err && u->left && *pos == sf->pos) {
		size_t have = sf->seq.count - sf->from, n;

		if (!have) {
			if (sf->done || done)
				break;
			err = fill(sf);
			if (err || !sf->seq.count)
				break;
			continue;
		}
		n = uio_copy_to(u, sf->seq.buf + sf->from, min(have, u->left));
		if (!n) {
			err = -EFAULT;
			break;
		}
		sf->from += n;
		sf->pos += (loff_t)n;
		*pos += (loff_t)n;
		done += (ssize_t)n;
	}
	mutex_unlock(&sf->lock);
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
