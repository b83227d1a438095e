/* What the tests of namespaces have in common. */
#pragma once

#include "proc_help.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static inline void link_text(const char *path, char *buf, size_t size)
{
	ssize_t n = readlink(path, buf, size - 1);

	buf[n < 0 ? 0 : n] = 0;
}

static inline int ns_file(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static inline unsigned long ns_ino(const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return stat(path, &st) ? 0 : st.st_ino;
}

static inline long clone_flags(unsigned long flags)
{
	return syscall(SYS_clone, flags, 0, 0, 0, 0);
}

static inline long clone3(struct clone_args *a)
{
	return syscall(SYS_clone3, a, sizeof(*a));
}
