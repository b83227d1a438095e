/*
 * cpio "newc": a header of a 6-byte magic and 13 numbers of 8 hexadecimal digits, the name with its
 * terminator, and the data; name and data are each padded so that what follows begins at a multiple
 * of 4 from the archive's beginning. An archive ends with an entry named "TRAILER!!!".
 *
 * Alignment is counted from the beginning of the range. Archives behind the first begin aligned too
 * (the zero bytes between them see to it), so the two counts agree.
 */
#include <lib/cpio/cpio.h>
#include <kern/align.h>
#include <kern/errno.h>
#include <kern/string.h>

#define HEADER_SIZE 110
#define TRAILER "TRAILER!!!"

enum {
	H_INO,
	H_MODE,
	H_UID,
	H_GID,
	H_NLINK,
	H_MTIME,
	H_FILESIZE,
	H_DEVMAJOR,
	H_DEVMINOR,
	H_RDEVMAJOR,
	H_RDEVMINOR,
	H_NAMESIZE,
	H_CHECK,
	H_COUNT,
};

static int hex_digit(u8 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_numbers(const u8 *p, u32 h[H_COUNT])
{
	for (unsigned int i = 0; i < H_COUNT; i++) {
		u32 v = 0;

		for (unsigned int k = 0; k < 8; k++) {
			int d = hex_digit(*p++);

			if (d < 0)
				return false;
			v = v << 4 | (u32)d;
		}
		h[i] = v;
	}
	return true;
}

/* Goes to the next archive's header over zero bytes; 0, -ENODATA or -EILSEQ. */
static int skip_padding(struct cpio *c)
{
	size_t pos = c->pos;

	while (pos < c->size && !c->base[pos])
		pos++;
	c->pos = pos;
	if (pos == c->size)
		return -ENODATA;
	if (pos % 4 || c->size - pos < 6 || memcmp(c->base + pos, "07070", 5))
		return -EILSEQ;
	return 0;
}

/* Advances *@pos over @len bytes and the padding to a multiple of 4; false beyond @size. */
static bool advance(size_t *pos, size_t len, size_t size)
{
	if (*pos > size || len > size - *pos)
		return false;
	*pos = min(ALIGN(*pos + len, 4ul), size);
	return true;
}

static int read_entry(struct cpio *c, struct cpio_entry *out)
{
	const u8 *p = c->base + c->pos;
	size_t pos = c->pos + HEADER_SIZE;
	u32 h[H_COUNT];

	if (c->size - c->pos < HEADER_SIZE || memcmp(p, "07070", 5) ||
	    (p[5] != '1' && p[5] != '2') || !read_numbers(p + 6, h))
		return -EINVAL;
	if (!h[H_NAMESIZE] || h[H_NAMESIZE] > CPIO_NAME_MAX)
		return -EINVAL;
	const char *name = (const char *)c->base + pos;

	if (!advance(&pos, h[H_NAMESIZE], c->size) || name[h[H_NAMESIZE] - 1])
		return -EINVAL;
	size_t data = pos;

	if (!advance(&pos, h[H_FILESIZE], c->size))
		return -EINVAL;
	*out = (struct cpio_entry){
		.name = name,
		.name_len = strlen(name),
		.data = c->base + data,
		.data_size = h[H_FILESIZE],
		.data_offset = data,
		.ino = h[H_INO],
		.mode = h[H_MODE],
		.uid = h[H_UID],
		.gid = h[H_GID],
		.nlink = h[H_NLINK],
		.mtime = h[H_MTIME],
		.dev_major = h[H_DEVMAJOR],
		.dev_minor = h[H_DEVMINOR],
		.rdev_major = h[H_RDEVMAJOR],
		.rdev_minor = h[H_RDEVMINOR],
		.archive = c->archive,
		.checksum = h[H_CHECK],
		.has_checksum = p[5] == '2',
	};
	c->pos = pos;
	return 0;
}

int cpio_next(struct cpio *c, struct cpio_entry *out)
{
	for (;;) {
		int err = c->in_archive ? 0 : skip_padding(c);

		if (!err)
			err = read_entry(c, out);
		if (err)
			return err;
		c->in_archive = strcmp(out->name, TRAILER) != 0;
		if (c->in_archive)
			return 0;
		c->archive++;
	}
}

bool cpio_checksum_ok(const struct cpio_entry *e)
{
	const u8 *p = e->data;
	u32 sum = 0;

	if (!e->has_checksum)
		return true;
	for (size_t i = 0; i < e->data_size; i++)
		sum += p[i];
	return sum == e->checksum;
}
