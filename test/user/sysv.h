/* What the tests of System V IPC have in common. */
#pragma once

#include "test.h"
#include <fcntl.h>
#include <sys/ipc.h>

#define KEY 0x5eed0001
/* Of the tests with many processes. */
#define WORKERS 4
#define ROUNDS 2000

static inline void reap(pid_t pid)
{
	int status = -1;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static inline void drop_privileges(void)
{
	REQUIRE(setgid(1234) == 0 && setuid(1234) == 0);
}

static inline int file_line(const char *path, const char *needle, char *out, size_t size)
{
	FILE *f = fopen(path, "r");
	int found = 0;

	if (!f)
		return 0;
	while (!found && fgets(out, (int)size, f))
		found = strstr(out, needle) != NULL;
	fclose(f);
	return found;
}

static inline void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline void on_signal(int sig)
{
	(void)sig;
}
