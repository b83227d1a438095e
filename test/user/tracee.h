/* What the tests of ptrace have in common: a tracee and its stops. */
#pragma once

#include "test.h"
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>

/* glibc's wrapper changes PEEK; the kernel's own interface is tested. */
static inline long pt(long req, pid_t pid, unsigned long addr, unsigned long data)
{
	return syscall(SYS_ptrace, req, (long)pid, addr, data);
}
#define P(x) ((unsigned long)(x))

static inline int wait_for(pid_t pid)
{
	int st = -1;

	if (waitpid(pid, &st, __WALL) != pid)
		return -1;
	return st;
}

/* The stop of @pid is by @sig with @event. */
#define CHECK_STOP(pid, sig, event)                       \
	do {                                              \
		int st_ = wait_for(pid);                  \
		CHECK(st_ != -1 && WIFSTOPPED(st_));      \
		CHECK_EQ(st_ >> 8, (sig) | (event) << 8); \
	} while (0)

#define CHECK_EXIT(pid, code)               \
	do {                                \
		int st_ = wait_for(pid);    \
		CHECK_EQ(st_, (code) << 8); \
	} while (0)

/* A child that is traced from its start, stopped by SIGSTOP. */
#define TRACED_CHILD(pid, ...)               \
	pid_t pid = fork();                  \
	if (!pid) {                          \
		pt(PTRACE_TRACEME, 0, 0, 0); \
		raise(SIGSTOP);              \
		__VA_ARGS__;                 \
		_exit(7);                    \
	}                                    \
	CHECK_STOP(pid, SIGSTOP, 0)

static inline void nap(void)
{
	nanosleep(&(struct timespec){0, 50000000}, NULL);
}

static inline char state_of(pid_t pid)
{
	char path[64], buf[512], *p;
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	n = (int)read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return '?';
	buf[n] = 0;
	p = strrchr(buf, ')');
	return p ? p[2] : '?';
}

__attribute__((unused)) static volatile long shared_word = 0x1122334455667788;

/* ---- memory and registers ---- */

static inline long call_with(long nr, long a, long b, long c)
{
	register long r15 asm("r15") = 0x1515;
	long ret;

	asm volatile("syscall"
		     : "=a"(ret), "+r"(r15)
		     : "a"(nr), "D"(a), "S"(b), "d"(c)
		     : "rcx", "r11", "memory");
	return ret + r15 - 0x1515;
}

/* ---- signals ---- */

__attribute__((unused)) static volatile sig_atomic_t got;
static inline void on_signal(int sig)
{
	got = sig;
}
