/* What the tests of files have in common. */
#pragma once

#include "test.h"
#include <sys/mount.h>
#include <sys/stat.h>

__attribute__((unused)) static char base[64];

static inline void enter(void)
{
	snprintf(base, sizeof(base), "/tmp/files.%d", getpid());
	REQUIRE(!mkdir(base, 0755));
	REQUIRE(!chdir(base));
	umask(022);
}

static inline int make(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return -1;
	return close(fd);
}

static inline int content_is(const char *name, const char *text)
{
	char buf[256];
	int fd = open(name, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	close(fd);
	if (n < 0)
		return 0;
	buf[n] = 0;
	return !strcmp(buf, text);
}
