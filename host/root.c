/*
 * The archive of one run: a root file system, which is the same from run to run and therefore kept
 * in the user's cache, followed by a small archive with corbel-init and the run file.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_impl.h"

#define CACHE_KEPT 4

/* corbel-init, linked in by init_blob.S. */
extern const unsigned char host_init_start[];
extern const unsigned char host_init_end[];

/* Creates each missing directory of @path. */
static int make_dirs(char *path)
{
	for (char *s = path + 1; *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		mkdir(path, 0755);
		*s = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? -1 : 0;
}

/* The cache directory, or NULL when there is none to be had; the caller frees it. */
static char *cache_dir(void)
{
	const char *base = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char *dir = NULL;

	if (base && *base == '/') {
		if (asprintf(&dir, "%s/corbel", base) < 0)
			return NULL;
	} else if (!home || *home != '/' || asprintf(&dir, "%s/.cache/corbel", home) < 0) {
		return NULL;
	}
	if (make_dirs(dir)) {
		free(dir);
		return NULL;
	}
	return dir;
}

/* Leaves the CACHE_KEPT archives used last; a failure costs disk space only. */
static void cache_trim(const char *path)
{
	unsigned int count;

	do {
		DIR *dir = opendir(path);
		struct dirent *d;
		char oldest[NAME_MAX + 1] = "";
		time_t oldest_time = 0;

		if (!dir)
			return;
		count = 0;
		while ((d = readdir(dir))) {
			size_t len = strlen(d->d_name);
			struct stat st;

			if (len < 5 || strcmp(d->d_name + len - 5, ".cpio") ||
			    fstatat(dirfd(dir), d->d_name, &st, 0))
				continue;
			if (!count++ || st.st_mtime < oldest_time) {
				oldest_time = st.st_mtime;
				strcpy(oldest, d->d_name);
			}
		}
		if (count > CACHE_KEPT && unlinkat(dirfd(dir), oldest, 0))
			count = 0;
		closedir(dir);
	} while (count > CACHE_KEPT);
}

static int pack_source(const struct host_options *opt, int fd)
{
	struct stat st;
	struct pack *p = pack_create(fd);
	int err = -1;

	if (!p)
		return -1;
	if (opt->binary)
		err = source_pack_binary(p, opt->binary);
	else if (stat(opt->rootfs, &st))
		host_say("cannot read %s: %s", opt->rootfs, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		err = source_pack_dir(p, opt->rootfs);
	else
		err = source_pack_tar(p, opt->rootfs);
	if (!err)
		err = pack_finish(p);
	pack_free(p);
	return err;
}

/* The packed root from the cache, packing it first where it is not there; -1: said why. */
static int open_cached(const struct host_options *opt, const char *dir)
{
	uint64_t key[2];
	char *path = NULL;
	char *tmp = NULL;
	int fd = -1;

	if (source_key(opt->rootfs, key))
		return -1;
	if (asprintf(&path, "%s/%016lx%016lx.cpio", dir, key[0], key[1]) < 0 ||
	    asprintf(&tmp, "%s/new.XXXXXX", dir) < 0) {
		host_say("out of memory");
		goto out;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		utimensat(AT_FDCWD, path, NULL, 0);
		goto out;
	}
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		host_say("cannot write in %s: %s", dir, strerror(errno));
		goto out;
	}
	if (pack_source(opt, fd) || rename(tmp, path)) {
		unlink(tmp);
		close(fd);
		fd = -1;
		goto out;
	}
	cache_trim(dir);
out:
	free(tmp);
	free(path);
	return fd;
}

static int append_file(int to, int from)
{
	struct stat st;
	off_t at = 0;

	if (fstat(from, &st))
		return -1;
	while (at < st.st_size) {
		ssize_t n = copy_file_range(from, &at, to, NULL, (size_t)(st.st_size - at), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
	}
	static char buf[1 << 18];

	/* Some pairs of file systems refuse copy_file_range. */
	while (at < st.st_size) {
		ssize_t n = pread(from, buf, sizeof(buf), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || write(to, buf, (size_t)n) != n)
			return -1;
		at += n;
	}
	return 0;
}

static void put_words(FILE *f, const char *name, const char *value)
{
	fprintf(f, "%s=%s", name, value);
	fputc('\0', f);
}

/* The text of the run file; the caller frees it. */
static char *run_file(const struct host_options *opt, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);
	bool tty = isatty(0) && isatty(1);
	const char *term = getenv("TERM");
	char *first = NULL;
	int rows;
	int cols;

	if (!f)
		return NULL;
	if (opt->binary) {
		const char *base = strrchr(opt->binary, '/');

		if (asprintf(&first, "/%s", base ? base + 1 : opt->binary) >= 0)
			put_words(f, "arg", first);
		free(first);
	}
	for (size_t i = 0; i < opt->command_count; i++)
		put_words(f, "arg", opt->command[i]);
	if (tty && term)
		fprintf(f, "env=TERM=%s%c", term, 0);
	for (size_t i = 0; i < opt->env_count; i++)
		put_words(f, "env", opt->env[i]);
	if (opt->workdir)
		put_words(f, "cwd", opt->workdir);
	put_words(f, "tty", tty ? "1" : "0");
	if (tty && term_size(&rows, &cols))
		fprintf(f, "size=%d %d%c", rows, cols, 0);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static int pack_run_part(const struct host_options *opt, int fd)
{
	struct pack_meta init = {
		.name = "init",
		.mode = S_IFREG | 0755,
		.size = (uint64_t)(host_init_end - host_init_start),
	};
	struct pack_meta run = {.name = ".corbel-run", .mode = S_IFREG | 0600};
	size_t len = 0;
	char *text = run_file(opt, &len);
	struct pack *p = pack_create(fd);
	int err = -1;

	run.size = len;
	if (!text)
		host_say("out of memory");
	else if (p && !pack_bytes(p, &init, host_init_start) && !pack_bytes(p, &run, text))
		err = pack_finish(p);
	pack_free(p);
	free(text);
	return err;
}

int root_build(const struct host_options *opt, int *out, uint64_t *size)
{
	int fd = memfd_create("corbel-initrd", MFD_CLOEXEC);
	struct stat st;
	int err = 0;

	if (fd < 0) {
		host_say("cannot create the archive: %s", strerror(errno));
		return -1;
	}

	char *dir = opt->rootfs ? cache_dir() : NULL;

	if (dir) {
		int cached = open_cached(opt, dir);

		err = cached < 0 || append_file(fd, cached) ? -1 : 0;
		if (err && cached >= 0)
			host_say("cannot copy the archive: %s", strerror(errno));
		if (cached >= 0)
			close(cached);
	} else if (opt->rootfs || opt->binary) {
		err = pack_source(opt, fd);
	}
	free(dir);
	if (err || pack_run_part(opt, fd) || fstat(fd, &st)) {
		close(fd);
		return -1;
	}
	*out = fd;
	*size = (uint64_t)st.st_size;
	return 0;
}
