/* What tests that read and write files of /proc and /sys have in common. */
#pragma once

#include "test.h"
#include <fcntl.h>
#include <stdint.h>

/* The text of a file as far as it fits: its length, or -1 and no text. */
static inline ssize_t read_text(const char *path, char *buf, size_t size)
{
	size_t have = 0;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY);

	while (fd >= 0 && have < size - 1 && (n = read(fd, buf + have, size - 1 - have)) > 0)
		have += (size_t)n;
	if (fd >= 0)
		close(fd);
	buf[have] = 0;
	return n < 0 ? -1 : (ssize_t)have;
}

/* In one call. 0, or -1 with errno. */
static inline int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int err = errno;

	close(fd);
	errno = err;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* What a file of one number says, in base 10; -1: nothing. */
static inline long read_number(const char *path)
{
	char text[64];

	return read_text(path, text, sizeof(text)) > 0 ? strtol(text, NULL, 10) : -1;
}

/* The number of the line "NAME: ..." or "NAME ...", as in meminfo, status, vmstat; -1: no such. */
static inline long read_field(const char *path, const char *name)
{
	size_t len = strlen(name);
	char line[256];
	FILE *f = fopen(path, "r");
	long v = -1;

	REQUIRE(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && (line[len] == ':' || line[len] == ' '))
			v = strtol(line + len + 1, NULL, 10);
	fclose(f);
	return v;
}

/* In KiB, or pages of a pool. */
static inline long meminfo(const char *name)
{
	return read_field("/proc/meminfo", name);
}

/* What stands behind "NAME:" in smaps for the mapping that has @p in it. */
static inline const char *smaps_field(const void *p, const char *name)
{
	static char line[512];
	size_t len = strlen(name);
	unsigned long start, end;
	FILE *f = fopen("/proc/self/smaps", "r");
	int inside = 0, found = 0;

	REQUIRE(f);
	while (!found && fgets(line, sizeof(line), f)) {
		/* Names of fields have a colon, addresses a hyphen, before the first blank. */
		if (line[strcspn(line, " :-")] == '-' &&
		    sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (unsigned long)p >= start && (unsigned long)p < end;
		found = inside && !strncmp(line, name, len) && line[len] == ':';
	}
	fclose(f);
	REQUIRE(found);
	return line + len + 1;
}

/* What /proc/self/pagemap says of the page with @p in it. */
static inline uint64_t pagemap_word(const void *p)
{
	uint64_t word = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	REQUIRE(fd >= 0);
	REQUIRE(pread(fd, &word, 8, (off_t)((uintptr_t)p / 4096 * 8)) == 8);
	close(fd);
	return word;
}
