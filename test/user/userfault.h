/* What tests of userfaultfd(2) share. */
#pragma once

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define PAGE 4096l

static inline int uffd_new(int flags)
{
	return (int)syscall(SYS_userfaultfd, flags);
}

static inline int uffd_api(int fd, unsigned long long features)
{
	struct uffdio_api a = {.api = UFFD_API, .features = features};

	return ioctl(fd, UFFDIO_API, &a);
}

/* Blocking, with the handshake done. */
static inline int uffd_open(unsigned long long features)
{
	int fd = uffd_new(O_CLOEXEC);

	REQUIRE(fd >= 0);
	REQUIRE(!uffd_api(fd, features));
	return fd;
}

static inline int uffd_register(int fd, void *p, long len, unsigned long long mode)
{
	struct uffdio_register r = {.range = {(unsigned long)p, (unsigned long)len}, .mode = mode};

	return ioctl(fd, UFFDIO_REGISTER, &r);
}

static inline char *anon(long len)
{
	char *p =
		mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED);
	return p;
}

static inline char *filled(long len, char c)
{
	char *p = anon(len);

	memset(p, c, (size_t)len);
	return p;
}

/* Does smaps show the flag for the mapping that contains @p? */
static inline bool has_vmflag(const void *p, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	char line[512], want[8];
	bool inside = false, found = false;

	snprintf(want, sizeof(want), " %s", flag);
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && strchr(line, '-') < line + 17)
			inside = (unsigned long)p >= start && (unsigned long)p < end;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, want) != NULL;
	}
	if (f)
		fclose(f);
	return found;
}

static inline void fdinfo_line(int fd, const char *name, char *out, size_t size)
{
	char path[48], line[256];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, strlen(name)))
			snprintf(out, size, "%s", line);
	}
	if (f)
		fclose(f);
}

static inline long fdinfo_count(int fd, const char *name)
{
	char line[256] = "";

	fdinfo_line(fd, name, line, sizeof(line));
	return strlen(line) > strlen(name) ? atol(line + strlen(name)) : -1;
}

/* A thread that copies a page of 'm' to where something is missing. */
struct monitor {
	int fd;
	bool poll_first;
	volatile int faults;
	volatile struct uffd_msg last;
	pthread_t thread;
	char *src;
};

static void *monitor_main(void *arg)
{
	struct monitor *m = arg;

	for (;;) {
		struct pollfd p = {m->fd, POLLIN, 0};
		struct uffd_msg msg;

		if (m->poll_first)
			poll(&p, 1, -1);
		if (read(m->fd, &msg, sizeof(msg)) != sizeof(msg)) {
			if (errno == EAGAIN)
				continue;
			return NULL;
		}
		m->last = msg;
		m->faults++;
		struct uffdio_copy c = {msg.arg.pagefault.address & -(unsigned long)PAGE,
					(unsigned long)m->src, PAGE, 0, 0};

		if (ioctl(m->fd, UFFDIO_COPY, &c) && errno != EEXIST)
			return NULL;
	}
}

static inline void monitor_start(struct monitor *m)
{
	m->src = filled(PAGE, 'm');
	if (m->poll_first)
		fcntl(m->fd, F_SETFL, O_NONBLOCK);
	pthread_create(&m->thread, NULL, monitor_main, m);
}

static inline void monitor_stop(struct monitor *m)
{
	pthread_cancel(m->thread);
	pthread_join(m->thread, NULL);
}
