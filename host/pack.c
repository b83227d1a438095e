/*
 * A writer of newc archives ("cpio -H newc").
 *
 * libarchive's own writer cannot place data, and the kernel can take whole pages of an archive as
 * they lie only where a file's data starts at a multiple of the page size. The gap before the data
 * is made part of the name: c_namesize may count zero bytes behind the terminating one, which every
 * reader that treats the name as a string accepts. A name and a gap that exceed PATH_MAX together
 * are split by an entry for ".", which every archive of a root has anyway.
 *
 * A file that turns out to have a second name gets its link count written afterwards, so that an
 * archive is read once even when it comes out of a compressed tar file.
 */
#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_impl.h"

#define PACK_PAGE 4096u
#define PACK_HEAD 110u
#define PACK_BUFFER (1u << 20)
#define PACK_NLINK_AT (6 + 4 * 8) /* offset of c_nlink in the head */

/* Remembers where a regular file's head is, for names that follow. */
struct pack_file {
	char *name;
	off_t at;
	uint32_t ino;
	uint32_t nlink;
};

struct pack {
	int fd;
	off_t at;      /* bytes given to pack_out so far */
	uint64_t left; /* data bytes owed to the current entry */
	uint32_t next_ino;
	struct pack_meta root; /* of ".", repeated in filler entries */
	void *files;	       /* tsearch tree of struct pack_file, by name */
	size_t fill;
	unsigned char buf[PACK_BUFFER];
};

struct pack *pack_create(int fd)
{
	struct pack *p = malloc(sizeof(*p));

	if (!p) {
		host_say("out of memory");
		return NULL;
	}
	*p = (struct pack){
		.fd = fd,
		.next_ino = 1,
		.root = {.name = ".", .mode = S_IFDIR | 0755},
	};
	return p;
}

static void pack_file_free(void *node)
{
	struct pack_file *f = node;

	free(f->name);
	free(f);
}

void pack_free(struct pack *p)
{
	if (!p)
		return;
	tdestroy(p->files, pack_file_free);
	free(p);
}

static int pack_flush(struct pack *p)
{
	size_t done = 0;

	while (done < p->fill) {
		ssize_t n = write(p->fd, p->buf + done, p->fill - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			host_say("cannot write the archive: %s", strerror(errno));
			return -1;
		}
		done += (size_t)n;
	}
	p->fill = 0;
	return 0;
}

static int pack_out(struct pack *p, const void *data, size_t len)
{
	const unsigned char *from = data;

	p->at += (off_t)len;
	while (len) {
		size_t room = PACK_BUFFER - p->fill;
		size_t n = len < room ? len : room;

		if (from) {
			memcpy(p->buf + p->fill, from, n);
			from += n;
		} else {
			memset(p->buf + p->fill, 0, n);
		}
		p->fill += n;
		len -= n;
		if (p->fill == PACK_BUFFER && pack_flush(p))
			return -1;
	}
	return 0;
}

static int pack_zeros(struct pack *p, size_t len)
{
	return pack_out(p, NULL, len);
}

/* Bytes from @at to the next multiple of @unit, a power of two. */
static size_t gap(off_t at, size_t unit)
{
	return (size_t)(-at & (off_t)(unit - 1));
}

static int pack_head(struct pack *p, const struct pack_meta *m, uint32_t ino, uint32_t nlink,
		     size_t name_pad)
{
	char head[PACK_HEAD + 1];
	size_t name_len = strlen(m->name) + 1;

	snprintf(head, sizeof(head), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 ino, (unsigned int)m->mode, (unsigned int)m->uid, (unsigned int)m->gid, nlink,
		 m->mtime, (unsigned int)m->size, 0u, 0u, m->rdev_major, m->rdev_minor,
		 (unsigned int)(name_len + name_pad), 0u);
	if (pack_out(p, head, PACK_HEAD) || pack_out(p, m->name, name_len) ||
	    pack_zeros(p, name_pad))
		return -1;
	return pack_zeros(p, gap(p->at, 4));
}

/* The zero bytes that the name needs so that the data lands on a page; may write a filler entry. */
static int align_data(struct pack *p, const struct pack_meta *m, size_t *name_pad)
{
	size_t name_len = strlen(m->name) + 1;

	*name_pad = 0;
	if (!S_ISREG(m->mode) || m->size < PACK_PAGE)
		return 0;
	for (int tries = 0; tries < 2; tries++) {
		off_t data_at = p->at + PACK_HEAD + (off_t)name_len;

		data_at += (off_t)gap(data_at, 4);

		size_t pad = gap(data_at, PACK_PAGE);

		/* Count the bytes up to the multiple of four too: the head says all of them. */
		pad += gap(p->at + PACK_HEAD + (off_t)name_len, 4);
		if (name_len + pad <= PATH_MAX) {
			*name_pad = pad;
			return 0;
		}
		/* Use up the gap in a filler, which takes 112 bytes and then multiples of four. */
		if (pad < 116)
			pad += PACK_PAGE;

		size_t filler = (pad - 112) & ~(size_t)3;

		if (filler > PATH_MAX - 8)
			filler = PATH_MAX - 8;
		if (pack_head(p, &p->root, p->next_ino++, 2, filler - 2))
			return -1;
	}
	/* Unreachable for names that fit PATH_MAX; unaligned data is only slower. */
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct pack_file *x = a;
	const struct pack_file *y = b;

	return strcmp(x->name, y->name);
}

static int remember(struct pack *p, const char *name, off_t at, uint32_t ino)
{
	struct pack_file *f = malloc(sizeof(*f));

	if (f)
		*f = (struct pack_file){.name = strdup(name), .at = at, .ino = ino, .nlink = 1};
	if (!f || !f->name) {
		free(f);
		host_say("out of memory");
		return -1;
	}

	struct pack_file **slot = tsearch(f, &p->files, by_name);

	if (!slot) {
		pack_file_free(f);
		host_say("out of memory");
		return -1;
	}
	if (*slot != f) {
		/* A later entry of the same name replaces the earlier, as when tar unpacks it. */
		(*slot)->at = at;
		(*slot)->ino = ino;
		(*slot)->nlink = 1;
		pack_file_free(f);
	}
	return 0;
}

int pack_entry(struct pack *p, const struct pack_meta *m)
{
	size_t name_pad;

	if (m->size > UINT32_MAX) {
		host_say("%s: larger than 4 GiB, which an initramfs cannot hold", m->name);
		return -1;
	}
	if (strlen(m->name) >= PATH_MAX) {
		host_say("%s: the name is too long", m->name);
		return -1;
	}
	if (strcmp(m->name, ".") == 0) {
		p->root = *m;
		p->root.name = ".";
		p->root.size = 0;
	}
	if (align_data(p, m, &name_pad))
		return -1;

	uint32_t ino = p->next_ino++;

	if (S_ISREG(m->mode) && remember(p, m->name, p->at, ino))
		return -1;
	p->left = m->size;
	return pack_head(p, m, ino, S_ISDIR(m->mode) ? 2 : 1, name_pad);
}

int pack_data(struct pack *p, const void *data, size_t len)
{
	if (len > p->left)
		len = (size_t)p->left;
	if (pack_out(p, data, len))
		return -1;
	p->left -= len;
	return len && !p->left ? pack_zeros(p, gap(p->at, 4)) : 0;
}

int pack_bytes(struct pack *p, const struct pack_meta *m, const void *data)
{
	return pack_entry(p, m) || pack_data(p, data, (size_t)m->size) ? -1 : 0;
}

int pack_link(struct pack *p, const struct pack_meta *m, const char *target)
{
	struct pack_file key;
	char nlink[9];

	key.name = strdup(target);
	if (!key.name) {
		host_say("out of memory");
		return -1;
	}

	struct pack_file **slot = tfind(&key, &p->files, by_name);

	free(key.name);
	if (!slot) {
		host_say("%s: a link to %s, which is not in the archive before it", m->name,
			 target);
		return -1;
	}

	struct pack_file *f = *slot;
	struct pack_meta empty = *m;

	empty.size = 0;
	snprintf(nlink, sizeof(nlink), "%08x", ++f->nlink);
	/* The head of the first name is in the file by now, or becomes so here. */
	if (pack_flush(p))
		return -1;
	if (pwrite(p->fd, nlink, 8, f->at + PACK_NLINK_AT) != 8) {
		host_say("cannot write the archive: %s", strerror(errno));
		return -1;
	}
	return pack_head(p, &empty, f->ino, f->nlink, 0);
}

int pack_finish(struct pack *p)
{
	struct pack_meta end = {.name = "TRAILER!!!"};

	if (pack_head(p, &end, 0, 1, 0) || pack_zeros(p, gap(p->at, PACK_PAGE)))
		return -1;
	return pack_flush(p);
}
