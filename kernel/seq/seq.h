/*
 * Text files made by the kernel: /proc and /sys.
 *
 * A show function prints everything into a growing buffer; reads hand out slices.  For long lists,
 * an iterator prints one element at a time so that the buffer stays small.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct file;

struct seq {
	char *buf;
	size_t size, count; /* allocated, used */
	bool overflow;	    /* buffer too small: the element is shown again in a larger one */
	u32 event;	    /* that poll(2) has told of; by who opened it */
	int err;	    /* start() found nothing because of this: -errno */
	void *private_data;
	const struct file *file; /* that shows it: whose mount, whose credentials */
};

void seq_printf(struct seq *s, const char *fmt, ...) __printf(2, 3);
void seq_puts(struct seq *s, const char *str);
void seq_putc(struct seq *s, char c);
void seq_write(struct seq *s, const void *data, size_t len);
/* Escapes characters in @esc as octal, as /proc/mounts wants. */
void seq_escape(struct seq *s, const char *str, const char *esc);
/* Decimal with a leading character, the hot case of /proc/PID/stat. */
void seq_put_u64(struct seq *s, const char *prefix, u64 v);
void seq_put_s64(struct seq *s, const char *prefix, s64 v);
/* Numbers of the set bits as ranges, "0-3,5": lists of CPUs. */
void seq_put_bits(struct seq *s, u64 mask);
/* The same as a map: as many hexadecimal digits as @bits need. */
void seq_put_mask(struct seq *s, u64 mask, unsigned int bits);

struct seq_ops {
	void *(*start)(struct seq *s, u64 pos); /* element number pos, or NULL; may set s->err */
	void *(*next)(struct seq *s, void *v, u64 pos);
	void (*stop)(struct seq *s, void *v);
	int (*show)(struct seq *s, void *v);
	/*
	 * For lists that change while they are read: the position behind @v, from which start()
	 * goes on.  NULL: positions are numbers of elements.
	 */
	u64 (*behind)(struct seq *s, void *v);
};
/* For file_ops.open: attaches a seq to the file (private_data). */
int seq_open(struct file *f, const struct seq_ops *ops, void *private_data) __must_check;
int seq_open_single(struct file *f, int (*show)(struct seq *s, void *v), void *private_data)
	__must_check;
struct uio;
ssize_t seq_read(struct file *f, struct uio *u, loff_t *pos);
int seq_lseek(struct file *f, loff_t off, int whence, loff_t *out);
void seq_release(struct file *f);
void *seq_private(struct file *f);
struct seq *seq_of(struct file *f);
