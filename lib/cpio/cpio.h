/*
 * cpio archives in the "newc" format (070701, and 070702 with checksums), as boot archives are
 * made: several archives one after the other, with zero bytes between them.
 *
 * A reader over a range of memory. Nothing is copied: names and data point into the range. Format:
 * Linux Documentation/driver-api/early-userspace/buffer-format.rst.
 */
#pragma once

#include <kern/types.h>

#define CPIO_NAME_MAX 4096

struct cpio {
	const u8 *base;
	size_t size;
	size_t pos;	 /* of the next header, or of what cannot be read */
	u32 archive;	 /* number of the archive that @pos is in */
	bool in_archive; /* between a first header and its trailer */
};

struct cpio_entry {
	const char *name; /* terminated */
	size_t name_len;
	const void *data;
	size_t data_size;
	size_t data_offset; /* in the range */
	/*
	 * Numbers as in the header. Entries of one archive with equal (dev, ino) and nlink > 1 are
	 * one file; its data comes with one of them, mostly the last.
	 */
	u32 ino, mode, uid, gid, nlink, mtime;
	u32 dev_major, dev_minor, rdev_major, rdev_minor;
	u32 archive;
	u32 checksum; /* sum of the data's bytes, if has_checksum */
	bool has_checksum;
};

static inline void cpio_init(struct cpio *c, const void *base, size_t size)
{
	*c = (struct cpio){.base = base, .size = size};
}

/*
 * Reads the next entry. -ENODATA at the end of the range, or with a trailer as the last thing;
 * -EILSEQ if what follows at c->pos (between archives) is not cpio: compressed, for instance;
 * -EINVAL if an archive is damaged or cut off.
 */
int cpio_next(struct cpio *c, struct cpio_entry *out) __must_check;

/* Does the entry's data have the checksum that the header gives (true if it gives none)? */
bool cpio_checksum_ok(const struct cpio_entry *e);

/* Is the data's place in memory aligned to @align, so that it can be used without copying? */
static inline bool cpio_data_aligned(const struct cpio_entry *e, size_t align)
{
	return ((unsigned long)e->data & (align - 1)) == 0;
}
