/*
 * Where a root file system comes from: a directory, a tar file (any that libarchive reads,
 * compressed or not), or one program.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host_impl.h"

/* A file of a directory tree that has more than one name. */
struct seen_inode {
	dev_t dev;
	ino_t ino;
	char *name;
};

static int by_inode(const void *a, const void *b)
{
	const struct seen_inode *x = a;
	const struct seen_inode *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return (x->ino > y->ino) - (x->ino < y->ino);
}

static void seen_free(void *node)
{
	struct seen_inode *s = node;

	free(s->name);
	free(s);
}

/* The name under which the file was packed before; NULL for the first time. @oom says why not. */
static const char *seen_before(void **tree, const struct stat *st, const char *name, bool *oom)
{
	struct seen_inode *s = malloc(sizeof(*s));

	*oom = true;
	if (!s)
		return NULL;
	*s = (struct seen_inode){.dev = st->st_dev, .ino = st->st_ino, .name = strdup(name)};

	struct seen_inode **slot = s->name ? tsearch(s, tree, by_inode) : NULL;

	if (!slot) {
		seen_free(s);
		return NULL;
	}
	*oom = false;
	if (*slot == s)
		return NULL;
	seen_free(s);
	return (*slot)->name;
}

static struct pack_meta meta_of(const char *name, const struct stat *st)
{
	uid_t self = geteuid();

	return (struct pack_meta){
		.name = name,
		.mode = st->st_mode,
		/* A tree that an ordinary user made belongs to root inside. */
		.uid = self && st->st_uid == self ? 0 : st->st_uid,
		.gid = self && st->st_uid == self ? 0 : st->st_gid,
		.mtime = (uint32_t)st->st_mtime,
		.rdev_major = major(st->st_rdev),
		.rdev_minor = minor(st->st_rdev),
		.size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
	};
}

/* The content of @path, of which @m->size bytes were promised: a file that shrinks ends in zeros.
 */
static int pack_file_content(struct pack *p, const struct pack_meta *m, const char *path)
{
	static char buf[1 << 17];
	uint64_t left = m->size;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		host_say("cannot read %s: %s", path, strerror(errno));
		return -1;
	}
	int err = pack_entry(p, m);

	while (!err && left) {
		ssize_t n = read(fd, buf, left < sizeof(buf) ? (size_t)left : sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			host_say("cannot read %s: %s", path, strerror(errno));
			err = -1;
			break;
		}
		if (n == 0) {
			memset(buf, 0, sizeof(buf));
			n = (ssize_t)(left < sizeof(buf) ? left : sizeof(buf));
		}
		err = pack_data(p, buf, (size_t)n);
		left -= (uint64_t)n;
	}
	close(fd);
	return err;
}

static int pack_symlink(struct pack *p, struct pack_meta *m, const char *path)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target));

	if (n < 0) {
		host_say("cannot read %s: %s", path, strerror(errno));
		return -1;
	}
	m->size = (uint64_t)n;
	return pack_bytes(p, m, target);
}

static int pack_node(struct pack *p, void **links, const FTSENT *e, const char *name)
{
	const struct stat *st = e->fts_statp;
	struct pack_meta m = meta_of(name, st);

	if (S_ISSOCK(st->st_mode))
		return 0;
	if (S_ISLNK(st->st_mode))
		return pack_symlink(p, &m, e->fts_accpath);
	if (!S_ISREG(st->st_mode))
		return pack_entry(p, &m);
	if (st->st_nlink > 1) {
		bool oom;
		const char *first = seen_before(links, st, name, &oom);

		if (oom) {
			host_say("out of memory");
			return -1;
		}
		if (first)
			return pack_link(p, &m, first);
	}
	return pack_file_content(p, &m, e->fts_accpath);
}

static int fts_by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Calls @visit for every entry of @dir once, directories first, sorted, without leaving its device.
 */
static int walk(const char *dir, int (*visit)(void *ctx, const FTSENT *e, const char *name),
		void *ctx)
{
	char *path = strdup(dir);
	char *roots[] = {path, NULL};
	FTS *fts =
		path ? fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, fts_by_name) : NULL;
	int err = 0;
	FTSENT *e;

	if (!fts) {
		host_say("cannot read %s: %s", dir, strerror(errno));
		free(path);
		return -1;
	}
	while (!err && (errno = 0, e = fts_read(fts))) {
		const char *name = e->fts_path + strlen(dir);

		if (e->fts_info == FTS_DP)
			continue;
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
			host_say("cannot read %s: %s", e->fts_path, strerror(e->fts_errno));
			err = -1;
			break;
		}
		while (*name == '/')
			name++;
		err = visit(ctx, e, *name ? name : ".");
	}
	if (!err && errno) {
		host_say("cannot read %s: %s", dir, strerror(errno));
		err = -1;
	}
	fts_close(fts);
	free(path);
	return err;
}

struct dir_ctx {
	struct pack *p;
	void *links;
};

static int visit_pack(void *ctx, const FTSENT *e, const char *name)
{
	struct dir_ctx *d = ctx;

	return pack_node(d->p, &d->links, e, name);
}

int source_pack_dir(struct pack *p, const char *dir)
{
	struct dir_ctx d = {.p = p};
	int err = walk(dir, visit_pack, &d);

	tdestroy(d.links, seen_free);
	return err;
}

int source_pack_binary(struct pack *p, const char *file)
{
	struct stat st;
	const char *base = strrchr(file, '/');

	if (stat(file, &st)) {
		host_say("cannot read %s: %s", file, strerror(errno));
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		host_say("%s is not a regular file", file);
		return -1;
	}

	struct pack_meta m = meta_of(base ? base + 1 : file, &st);

	m.mode |= 0111;
	return pack_file_content(p, &m, file);
}

/* "./usr/bin/" as "usr/bin"; "./" as ".". Changes @name. */
static const char *clean_name(char *name)
{
	size_t len = strlen(name);

	while (len && name[len - 1] == '/')
		name[--len] = '\0';
	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name++;
	return *name ? name : ".";
}

static int pack_tar_entry(struct pack *p, struct archive *a, struct archive_entry *e)
{
	char *path = strdup(archive_entry_pathname(e) ? archive_entry_pathname(e) : "");
	char *link = archive_entry_hardlink(e) ? strdup(archive_entry_hardlink(e)) : NULL;
	const char *sym = archive_entry_symlink(e);
	struct pack_meta m = {
		.name = path ? clean_name(path) : NULL,
		.mode = archive_entry_mode(e),
		.uid = (uid_t)archive_entry_uid(e),
		.gid = (gid_t)archive_entry_gid(e),
		.mtime = (uint32_t)archive_entry_mtime(e),
		.rdev_major = (unsigned int)archive_entry_rdevmajor(e),
		.rdev_minor = (unsigned int)archive_entry_rdevminor(e),
		.size = S_ISREG(archive_entry_mode(e)) ? (uint64_t)archive_entry_size(e) : 0,
	};
	int err = -1;

	if (!path) {
		host_say("out of memory");
	} else if (link) {
		m.mode = S_IFREG | (m.mode & 07777);
		err = pack_link(p, &m, clean_name(link));
	} else if (S_ISLNK(m.mode) && sym) {
		m.size = strlen(sym);
		err = pack_bytes(p, &m, sym);
	} else {
		static char buf[1 << 17];
		uint64_t left = m.size;

		err = pack_entry(p, &m);
		while (!err && left) {
			la_ssize_t n = archive_read_data(a, buf, sizeof(buf));

			if (n <= 0) {
				host_say("%s: %s", path, n ? archive_error_string(a) : "cut short");
				err = -1;
				break;
			}
			err = pack_data(p, buf, (size_t)n);
			left -= (uint64_t)n;
		}
	}
	free(link);
	free(path);
	return err;
}

int source_pack_tar(struct pack *p, const char *tar)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	int err = -1;
	int r;

	if (!a) {
		host_say("out of memory");
		return -1;
	}
	archive_read_support_filter_all(a);
	archive_read_support_format_tar(a);
	archive_read_support_format_gnutar(a);
	if (archive_read_open_filename(a, tar, 1 << 17) != ARCHIVE_OK) {
		host_say("%s: %s", tar, archive_error_string(a));
		goto out;
	}
	while ((r = archive_read_next_header(a, &e)) == ARCHIVE_OK || r == ARCHIVE_WARN)
		if (pack_tar_entry(p, a, e))
			goto out;
	if (r != ARCHIVE_EOF)
		host_say("%s: %s", tar, archive_error_string(a));
	else
		err = 0;
out:
	archive_read_free(a);
	return err;
}

/* Two independent 64-bit FNV-1a sums: a name for a cache entry, not a defence against anybody. */
static void key_add(uint64_t key[2], const void *data, size_t len)
{
	const unsigned char *b = data;

	for (size_t i = 0; i < len; i++) {
		key[0] = (key[0] ^ b[i]) * 0x100000001b3ull;
		key[1] = (key[1] ^ (b[i] + 0x5bu)) * 0x100000001b3ull;
	}
}

static void key_add_stat(uint64_t key[2], const char *name, const struct stat *st)
{
	uint64_t v[] = {
		st->st_dev,
		st->st_ino,
		st->st_mode,
		st->st_uid,
		st->st_gid,
		st->st_rdev,
		st->st_nlink,
		(uint64_t)st->st_size,
		(uint64_t)st->st_mtim.tv_sec,
		(uint64_t)st->st_mtim.tv_nsec,
		(uint64_t)st->st_ctim.tv_sec,
		(uint64_t)st->st_ctim.tv_nsec,
	};

	key_add(key, name, strlen(name) + 1);
	key_add(key, v, sizeof(v));
}

static int visit_key(void *ctx, const FTSENT *e, const char *name)
{
	key_add_stat(ctx, name, e->fts_statp);
	return 0;
}

int source_key(const char *path, uint64_t key[2])
{
	static const char format[] = "corbel archive 1";
	struct stat st;
	uid_t self = geteuid();

	key[0] = 0xcbf29ce484222325ull;
	key[1] = 0x84222325cbf29ce4ull;
	key_add(key, format, sizeof(format));
	key_add(key, &self, sizeof(self));
	if (stat(path, &st)) {
		host_say("cannot read %s: %s", path, strerror(errno));
		return -1;
	}
	if (S_ISDIR(st.st_mode))
		return walk(path, visit_key, key);

	char *real = realpath(path, NULL);

	key_add_stat(key, real ? real : path, &st);
	free(real);
	return 0;
}
