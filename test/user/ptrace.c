/* ptrace(2): every request and every kind of stop. */
#include "test.h"
#include <elf.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/ptrace.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <time.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

/* glibc's wrapper changes PEEK; the kernel's own interface is tested. */
static long pt(long req, pid_t pid, unsigned long addr, unsigned long data)
{
	return syscall(SYS_ptrace, req, (long)pid, addr, data);
}
#define P(x) ((unsigned long)(x))

static int wait_for(pid_t pid)
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

static void nap(void)
{
	nanosleep(&(struct timespec){0, 50000000}, NULL);
}

static char state_of(pid_t pid)
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

static volatile long shared_word = 0x1122334455667788;

/* ---- beginning and end ---- */

TEST(traceme_stop_and_continue)
{
	TRACED_CHILD(pid);
	CHECK_EQ(state_of(pid), 't');
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 7);
	CHECK_ERR(pt(PTRACE_CONT, pid, 0, 0), ESRCH);
}

TEST(traceme_twice)
{
	TRACED_CHILD(pid, _exit(pt(PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM));
	pt(PTRACE_CONT, pid, 0, 0);
	CHECK_EXIT(pid, 1);
}

TEST(refusals)
{
	TRACED_CHILD(pid);
	long v;
	siginfo_t si;

	CHECK_ERR(pt(PTRACE_ATTACH, getpid(), 0, 0), EPERM);
	CHECK_ERR(pt(PTRACE_ATTACH, 999999, 0, 0), ESRCH);
	CHECK_ERR(pt(PTRACE_ATTACH, pid, 0, 0), EPERM);
	CHECK_ERR(pt(PTRACE_SEIZE, pid, 0, 0), EPERM);
	CHECK_ERR(pt(PTRACE_SEIZE, pid, 1, 0), EIO);
	CHECK_ERR(pt(PTRACE_SEIZE, pid, 0, 1ul << 30), EIO);
	CHECK_ERR(pt(PTRACE_SETOPTIONS, pid, 0, 1ul << 30), EINVAL);
	CHECK_ERR(pt(PTRACE_CONT, pid, 0, 65), EIO);
	CHECK_ERR(pt(PTRACE_DETACH, pid, 0, 65), EIO);
	CHECK_ERR(pt(PTRACE_INTERRUPT, pid, 0, 0), EIO);
	CHECK_ERR(pt(PTRACE_LISTEN, pid, 0, 0), EIO);
	CHECK_ERR(pt(PTRACE_PEEKDATA, pid, 8, P(&v)), EIO);
	CHECK_ERR(pt(PTRACE_POKEDATA, pid, 8, 1), EIO);
	CHECK_ERR(pt(PTRACE_PEEKDATA, pid, P(&shared_word), 8), EFAULT);
	CHECK_ERR(pt(PTRACE_PEEKUSR, pid, 3, P(&v)), EIO);
	CHECK_ERR(pt(PTRACE_PEEKUSR, pid, 928, P(&v)), EIO);
	CHECK_ERR(pt(PTRACE_POKEUSR, pid, offsetof(struct user, u_tsize), 0), EIO);
	CHECK_ERR(pt(12345, pid, 0, 0), EIO);
	CHECK_ERR(pt(PTRACE_GETSIGMASK, pid, 4, P(&v)), EINVAL);
	CHECK_ERR(pt(PTRACE_GETREGSET, pid, 0x9999, P(&v)), EINVAL);
	CHECK_ERR(pt(PTRACE_GETREGSET, pid, NT_PRSTATUS, 8), EFAULT);
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(si.si_signo, SIGSTOP);
	CHECK_EQ(si.si_code, SI_TKILL);
	CHECK_EQ(si.si_pid, pid);
	pt(PTRACE_KILL, pid, 0, 0);
	CHECK_EQ(wait_for(pid), SIGKILL);
	CHECK_ERR(pt(PTRACE_PEEKDATA, getppid(), P(&shared_word), P(&v)), ESRCH);
	CHECK_ERR(pt(PTRACE_KILL, getppid(), 0, 0), ESRCH);
}

TEST(a_running_tracee_answers_esrch)
{
	TRACED_CHILD(pid, pause());
	struct user_regs_struct r;

	pt(PTRACE_CONT, pid, 0, 0);
	CHECK_ERR(pt(PTRACE_GETREGS, pid, 0, P(&r)), ESRCH);
	CHECK_ERR(pt(PTRACE_CONT, pid, 0, 0), ESRCH);
	CHECK_ERR(pt(PTRACE_DETACH, pid, 0, 0), ESRCH);
	CHECK_EQ(pt(PTRACE_KILL, pid, 0, 0), 0);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

TEST(attach_and_detach)
{
	pid_t pid = fork();

	if (!pid) {
		for (;;)
			pause();
	}
	nap();
	CHECK_EQ(pt(PTRACE_ATTACH, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_DETACH, pid, 0, 0), 0);
	nap();
	CHECK_EQ(state_of(pid), 'S');
	CHECK_EQ(waitpid(pid, NULL, WNOHANG | WUNTRACED), 0);
	/* Detached with a signal. */
	CHECK_EQ(pt(PTRACE_ATTACH, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_DETACH, pid, 0, SIGTERM), 0);
	CHECK_EQ(wait_for(pid), SIGTERM);
}

TEST(attach_to_a_stopped_process)
{
	pid_t pid = fork();
	siginfo_t si;
	int st;

	if (!pid) {
		raise(SIGSTOP);
		_exit(3);
	}
	CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
	CHECK_EQ(pt(PTRACE_ATTACH, pid, 0, 0), 0);
	/* The group stop becomes a trap at once: no wait is needed before it shows. */
	CHECK_EQ(state_of(pid), 't');
	CHECK_STOP(pid, SIGSTOP, 0);
	CHECK_ERR(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), EINVAL);
	CHECK_EQ(pt(PTRACE_DETACH, pid, 0, 0), 0);
	nap();
	/* The stop of the group holds again. */
	CHECK_EQ(state_of(pid), 'T');
	kill(pid, SIGKILL);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

TEST(children_of_others_are_seen_by_their_tracer)
{
	int p[2];
	pid_t pid = -1, mid;

	CHECK_EQ(pipe(p), 0);
	mid = fork();
	if (!mid) {
		pid_t g = fork();
		int st;

		if (!g) {
			pause();
			_exit(5);
		}
		(void)!write(p[1], &g, sizeof(g));
		waitpid(g, &st, 0);
		_exit(WIFSIGNALED(st) && WTERMSIG(st) == SIGUSR1 ? 9 : 1);
	}
	REQUIRE(read(p[0], &pid, sizeof(pid)) == sizeof(pid));
	CHECK_EQ(pt(PTRACE_SEIZE, pid, 0, 0), 0);
	kill(pid, SIGUSR1);
	CHECK_STOP(pid, SIGUSR1, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGUSR1), 0);
	/* First the debugger sees the end, then the parent. */
	CHECK_EQ(wait_for(pid), SIGUSR1);
	CHECK_EXIT(mid, 9);
	CHECK_ERR(waitpid(pid, NULL, __WALL), ECHILD);
}

TEST(tracer_death_lets_go)
{
	int p[2];
	pid_t pid, tracer;

	CHECK_EQ(pipe(p), 0);
	pid = fork();
	if (!pid) {
		for (;;)
			pause();
	}
	tracer = fork();
	if (!tracer) {
		pt(PTRACE_ATTACH, pid, 0, 0);
		wait_for(pid);
		_exit(0);
	}
	CHECK_EXIT(tracer, 0);
	nap();
	CHECK_EQ(state_of(pid), 'S');
	tracer = fork();
	if (!tracer) {
		pt(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL);
		_exit(0);
	}
	CHECK_EXIT(tracer, 0);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

TEST(permission)
{
	pid_t pid = fork(), other;

	if (!pid) {
		for (;;)
			pause();
	}
	other = fork();
	if (!other) {
		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(1);
		_exit(pt(PTRACE_ATTACH, pid, 0, 0) == -1 && errno == EPERM ? 0 : 2);
	}
	CHECK_EXIT(other, 0);
	other = fork();
	if (!other) {
		/* Same ids, but not dumpable after the change. */
		int p[2], q[2];
		char c;

		if (pipe(p) || pipe(q) || setresgid(1000, 1000, 1000) ||
		    setresuid(1000, 1000, 1000))
			_exit(1);
		prctl(PR_SET_DUMPABLE, 1);
		pid_t b = fork();

		if (!b) {
			prctl(PR_SET_DUMPABLE, 0);
			(void)!write(p[1], "x", 1);
			(void)!read(q[0], &c, 1);
			prctl(PR_SET_DUMPABLE, 1);
			(void)!write(p[1], "x", 1);
			(void)!read(q[0], &c, 1);
			_exit(0);
		}
		(void)!read(p[0], &c, 1);
		if (pt(PTRACE_SEIZE, b, 0, 0) != -1 || errno != EPERM)
			_exit(2);
		(void)!write(q[1], "x", 1);
		(void)!read(p[0], &c, 1);
		if (pt(PTRACE_SEIZE, b, 0, 0))
			_exit(3);
		kill(b, SIGKILL);
		_exit(wait_for(b) == SIGKILL ? 0 : 4);
	}
	CHECK_EXIT(other, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

static void as_user(void)
{
	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000) || prctl(PR_SET_DUMPABLE, 1))
		_exit(90);
}

/* This program as one of root's with the set-user-id bit. */
static const char *make_set_id(void)
{
	static const char path[] = "/ptrace-set-id"; /* /tmp may forbid it */
	char buf[65536];
	ssize_t n;

	int from = open("/proc/self/exe", O_RDONLY), to = open(path, O_CREAT | O_RDWR, 0755);

	while ((n = read(from, buf, sizeof(buf))) > 0)
		CHECK_EQ(write(to, buf, (size_t)n), n);
	CHECK_EQ(fchmod(to, 04755), 0);
	close(from);
	close(to);
	return path;
}

static volatile unsigned long secret;

/* What the set-user-id program does: says that it runs, and waits for the end of its input. */
static int be_set_id(void)
{
	char c;

	if (geteuid())
		return 1;
	secret = 0x5ec2e7;
	if (write(1, "x", 1) != 1 || read(0, &c, 1) != 0)
		return 2;
	return 0;
}

struct set_id_child {
	pid_t pid;
	int go, out;
};

/* Waits for a byte, executes @path, goes on when `go` is closed. */
static struct set_id_child start_set_id(const char *path)
{
	int go[2], out[2];

	if (pipe(go) || pipe(out))
		_exit(91);
	struct set_id_child c = {.pid = fork(), .go = go[1], .out = out[0]};

	if (!c.pid) {
		char b;

		close(go[1]);
		dup2(go[0], 0);
		dup2(out[1], 1);
		if (read(0, &b, 1) == 1)
			execl(path, "ptrace", "be-set-id", NULL);
		_exit(92);
	}
	close(go[0]);
	close(out[1]);
	return c;
}

static int open_of(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, flags);
}

/* Files of /proc that an ordinary user opened show nothing of a program with other rights. */
TEST(opened_before_a_set_id_program)
{
	const char *path = make_set_id();

	as_user();
	struct set_id_child c = start_set_id(path);
	char buf[4096];
	int maps = open_of(c.pid, "maps", O_RDONLY);
	int mem = open_of(c.pid, "mem", O_RDWR);

	CHECK(maps >= 0 && mem >= 0);
	CHECK(read(maps, buf, sizeof(buf)) > 0);
	CHECK_EQ(lseek(maps, 0, SEEK_SET), 0);
	CHECK_EQ(write(c.go, "x", 1), 1);
	CHECK_EQ(read(c.out, buf, 1), 1);
	CHECK_EQ(read(maps, buf, sizeof(buf)), 0);
	CHECK(pread(mem, buf, 8, (off_t)P(&secret)) <= 0);
	CHECK_ERR(open_of(c.pid, "mem", O_RDONLY), EACCES);
	close(c.go);
	CHECK_EXIT(c.pid, 0);
}

/* Nor can they be opened in the middle of its exec. */
TEST(opened_during_a_set_id_exec)
{
	const char *path = make_set_id();
	int in_time = 0;

	as_user();
	for (int i = 0; i < 60; i++) {
		struct set_id_child c = start_set_id(path);
		unsigned long seen = 0;
		int mem = -1, next;
		char b;

		CHECK_EQ(write(c.go, "x", 1), 1);
		while ((next = open_of(c.pid, "mem", O_RDWR)) >= 0) {
			close(mem);
			mem = next;
			in_time++;
		}
		CHECK_EQ(read(c.out, &b, 1), 1);
		CHECK(pread(mem, &seen, sizeof(seen), (off_t)P(&secret)) <= 0);
		CHECK_EQ(seen, 0);
		close(mem);
		close(c.go);
		close(c.out);
		CHECK_EXIT(c.pid, 0);
	}
	CHECK(in_time > 0);
}

/* A child is traced by who made its user namespace: it has every right there. */
TEST(traceme_in_a_user_namespace)
{
	as_user();
	pid_t pid = fork();

	if (!pid) {
		if (unshare(CLONE_NEWUSER) || pt(PTRACE_TRACEME, 0, 0, 0))
			_exit(1);
		raise(SIGSTOP);
		_exit(0);
	}
	CHECK_STOP(pid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 0);
}

/* ---- memory and registers ---- */

static const volatile char text_bytes[4096] __attribute__((aligned(4096))) = "read only";

TEST(peek_and_poke)
{
	TRACED_CHILD(pid, _exit(shared_word == 42 && text_bytes[0] == 'R' ? 0 : 1));
	long v = 0;

	CHECK_EQ(pt(PTRACE_PEEKDATA, pid, P(&shared_word), P(&v)), 0);
	CHECK_EQ(v, 0x1122334455667788);
	CHECK_EQ(pt(PTRACE_PEEKTEXT, pid, P(&shared_word) + 3, P(&v)), 0);
	CHECK_EQ(v & 0xffffffffff, 0x1122334455);
	CHECK_EQ(pt(PTRACE_POKEDATA, pid, P(&shared_word), 42), 0);
	/* Read-only private memory can be changed too, and only there. */
	CHECK_EQ(pt(PTRACE_PEEKTEXT, pid, P(text_bytes), P(&v)), 0);
	CHECK_EQ(pt(PTRACE_POKETEXT, pid, P(text_bytes), (P(v) & ~0xfful) | 'R'), 0);
	CHECK_EQ(text_bytes[0], 'r');
	CHECK_EQ(shared_word, 0x1122334455667788);
	pt(PTRACE_CONT, pid, 0, 0);
	CHECK_EXIT(pid, 0);
}

static long call_with(long nr, long a, long b, long c)
{
	register long r15 asm("r15") = 0x1515;
	long ret;

	asm volatile("syscall"
		     : "=a"(ret), "+r"(r15)
		     : "a"(nr), "D"(a), "S"(b), "d"(c)
		     : "rcx", "r11", "memory");
	return ret + r15 - 0x1515;
}

TEST(registers_of_a_system_call)
{
	TRACED_CHILD(pid, _exit(call_with(SYS_kill, getpid(), SIGUSR1, 5) == 100 ? 0 : 1));
	struct user_regs_struct r, s;
	long v;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGUSR1, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(r.orig_rax, SYS_kill);
	CHECK_EQ(r.rax, 0);
	CHECK_EQ(r.rdi, pid);
	CHECK_EQ(r.rsi, SIGUSR1);
	CHECK_EQ(r.rdx, 5);
	CHECK_EQ(r.r15, 0x1515);
	CHECK_EQ(r.cs, 0x33);
	CHECK_EQ(r.ss, 0x2b);
	CHECK_EQ(r.rcx, r.rip);
	CHECK(r.fs_base != 0);
	CHECK_EQ(pt(PTRACE_PEEKUSR, pid, offsetof(struct user_regs_struct, rip), P(&v)), 0);
	CHECK_EQ(v, r.rip);
	CHECK_EQ(pt(PTRACE_PEEKUSR, pid, offsetof(struct user_regs_struct, fs_base), P(&v)), 0);
	CHECK_EQ(v, r.fs_base);
	r.rax = 100;
	CHECK_EQ(pt(PTRACE_SETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&s)), 0);
	CHECK_EQ(s.rax, 100);
	/* The debugger chooses the signal: none. */
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 0);
}

TEST(registers_that_are_refused)
{
	TRACED_CHILD(pid);
	struct user_regs_struct r, s;
	struct iovec iov = {&s, sizeof(s)};

	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_ERR(pt(PTRACE_POKEUSR, pid, offsetof(struct user_regs_struct, cs), 0x10), EIO);
	CHECK_ERR(pt(PTRACE_POKEUSR, pid, offsetof(struct user_regs_struct, ss), 0), EIO);
	CHECK_ERR(pt(PTRACE_POKEUSR, pid, offsetof(struct user_regs_struct, fs_base), 1ul << 63),
		  EIO);
	/* Privileged flags do not change. */
	CHECK_EQ(
		pt(PTRACE_POKEUSR, pid, offsetof(struct user_regs_struct, eflags), ~0ul & ~0x100ul),
		0);
	CHECK_EQ(pt(PTRACE_GETREGSET, pid, NT_PRSTATUS, P(&iov)), 0);
	CHECK_EQ(iov.iov_len, sizeof(s));
	CHECK_EQ(s.eflags & 0x3000, 0); /* IOPL */
	CHECK_EQ(s.eflags & 0x200, 0x200);
	CHECK_EQ(s.eflags & 0x4cd5, 0x4cd5);
	CHECK_EQ(pt(PTRACE_SETREGS, pid, 0, P(&r)), 0);
	iov.iov_len = 16;
	CHECK_EQ(pt(PTRACE_GETREGSET, pid, NT_PRSTATUS, P(&iov)), 0);
	CHECK_EQ(iov.iov_len, 16);
	CHECK_EQ(s.r15, r.r15);
	iov.iov_len = 13;
	CHECK_ERR(pt(PTRACE_GETREGSET, pid, NT_PRSTATUS, P(&iov)), EINVAL);
	pt(PTRACE_CONT, pid, 0, 0);
	CHECK_EXIT(pid, 7);
}

static void load_xmm(unsigned long v)
{
	asm volatile("movq %0, %%xmm5; int3; movq %%xmm5, %%rdi; mov $60, %%eax; syscall" ::"r"(v)
		     : "rdi", "rax");
}

TEST(floating_point_registers)
{
	TRACED_CHILD(pid, load_xmm(0xabcdef));
	struct user_fpregs_struct f;
	static char x[16384] __attribute__((aligned(64)));
	struct iovec iov = {x, sizeof(x)};

	pt(PTRACE_CONT, pid, 0, 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETFPREGS, pid, 0, P(&f)), 0);
	CHECK_EQ(f.cwd, 0x37f);
	CHECK_EQ(f.mxcsr, 0x1f80);
	CHECK_EQ(f.xmm_space[20], 0xabcdef);
	f.mxcsr = 0xffffffff;
	CHECK_ERR(pt(PTRACE_SETFPREGS, pid, 0, P(&f)), EINVAL);
	f.mxcsr = 0x1f80;
	f.xmm_space[20] = 33;
	CHECK_EQ(pt(PTRACE_SETFPREGS, pid, 0, P(&f)), 0);
	if (!pt(PTRACE_GETREGSET, pid, NT_X86_XSTATE, P(&iov))) {
		unsigned long xcr0, bv;

		memcpy(&xcr0, x + 464, 8);
		memcpy(&bv, x + 512, 8);
		CHECK_EQ(xcr0 & 3, 3);
		CHECK_EQ(bv & 2, 2);
		CHECK_EQ(x[160 + 5 * 16], 33);
		CHECK(iov.iov_len >= 576);
		x[160 + 5 * 16] = 34;
		CHECK_EQ(pt(PTRACE_SETREGSET, pid, NT_X86_XSTATE, P(&iov)), 0);
		iov.iov_len = 576 - 8;
		CHECK_ERR(pt(PTRACE_SETREGSET, pid, NT_X86_XSTATE, P(&iov)), EFAULT);
		x[520] = 1;
		iov.iov_len = sizeof(x);
		CHECK_ERR(pt(PTRACE_SETREGSET, pid, NT_X86_XSTATE, P(&iov)), EINVAL);
		pt(PTRACE_CONT, pid, 0, 0);
		CHECK_EXIT(pid, 34);
		return;
	}
	CHECK_EQ(errno, ENODEV);
	pt(PTRACE_CONT, pid, 0, 0);
	CHECK_EXIT(pid, 33);
}

/* ---- system calls ---- */

#define NEXT_CALL(pid) CHECK_EQ(pt(PTRACE_SYSCALL, pid, 0, 0), 0)

TEST(system_call_stops)
{
	TRACED_CHILD(pid, _exit(call_with(SYS_getppid, 1, 2, 3) == getppid() ? 0 : 1));
	struct ptrace_syscall_info info;
	struct user_regs_struct r;
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
	CHECK_EQ(pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), P(&info)), 24);
	CHECK_EQ(info.op, PTRACE_SYSCALL_INFO_NONE);
	NEXT_CALL(pid);
	CHECK_STOP(pid, SIGTRAP | 0x80, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(r.rax, -ENOSYS);
	while (r.orig_rax != SYS_getppid) {
		NEXT_CALL(pid);
		CHECK_STOP(pid, SIGTRAP | 0x80, 0);
		REQUIRE(pt(PTRACE_GETREGS, pid, 0, P(&r)) == 0);
	}
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(si.si_signo, SIGTRAP);
	CHECK_EQ(si.si_code, SIGTRAP | 0x80);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), P(&info)), 80);
	CHECK_EQ(info.op, PTRACE_SYSCALL_INFO_ENTRY);
	CHECK_EQ(info.arch, 0xc000003e);
	CHECK_EQ(info.entry.nr, SYS_getppid);
	CHECK_EQ(info.entry.args[2], 3);
	CHECK_EQ(info.instruction_pointer, r.rip);
	CHECK_EQ(info.stack_pointer, r.rsp);
	NEXT_CALL(pid);
	CHECK_STOP(pid, SIGTRAP | 0x80, 0);
	CHECK_EQ(pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), P(&info)), 33);
	CHECK_EQ(info.op, PTRACE_SYSCALL_INFO_EXIT);
	CHECK_EQ(info.exit.rval, getpid());
	CHECK_EQ(info.exit.is_error, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 0);
}

TEST(system_calls_are_changed)
{
	TRACED_CHILD(pid, long a = call_with(SYS_getppid, 3, 0, 0);
		     long b = call_with(SYS_getppid, 3, 0, 0);
		     _exit(a == -77 && b == getpid() ? 0 : 1));
	struct user_regs_struct r;

	for (int i = 0; i < 2; i++) {
		do {
			NEXT_CALL(pid);
			CHECK_STOP(pid, SIGTRAP, 0);
			REQUIRE(pt(PTRACE_GETREGS, pid, 0, P(&r)) == 0);
		} while (r.orig_rax != SYS_getppid || r.rax != P(-ENOSYS));
		/* First: none at all, with a result of our own. Then another one. */
		r.orig_rax = i ? SYS_getpid : P(-1);
		CHECK_EQ(pt(PTRACE_SETREGS, pid, 0, P(&r)), 0);
		NEXT_CALL(pid);
		CHECK_STOP(pid, SIGTRAP, 0);
		CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
		CHECK_EQ(r.rax, i ? pid : -ENOSYS);
		if (!i) {
			r.rax = P(-77);
			CHECK_EQ(pt(PTRACE_SETREGS, pid, 0, P(&r)), 0);
		}
	}
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 0);
}

TEST(emulated_calls)
{
	TRACED_CHILD(pid, _exit(call_with(SYS_getppid, 3, 0, 0) == 1234 ? 0 : 1));
	struct user_regs_struct r;

	do {
		CHECK_EQ(pt(PTRACE_SYSEMU, pid, 0, 0), 0);
		CHECK_STOP(pid, SIGTRAP, 0);
		REQUIRE(pt(PTRACE_GETREGS, pid, 0, P(&r)) == 0);
		if (r.orig_rax == SYS_getppid)
			r.rax = 1234;
		else
			r.rax = 0;
		REQUIRE(pt(PTRACE_SETREGS, pid, 0, P(&r)) == 0);
	} while (r.orig_rax != SYS_getppid);
	CHECK_EQ(pt(PTRACE_SYSEMU_SINGLESTEP, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 0);
}

TEST(a_restarted_call_stops_again)
{
	int p[2];
	char c;

	CHECK_EQ(pipe(p), 0);
	TRACED_CHILD(pid, _exit(read(p[0], &c, 1) == 1 ? 0 : 1));
	struct user_regs_struct r;

	do {
		NEXT_CALL(pid);
		CHECK_STOP(pid, SIGTRAP, 0);
		REQUIRE(pt(PTRACE_GETREGS, pid, 0, P(&r)) == 0);
	} while (r.orig_rax != SYS_read);
	NEXT_CALL(pid);
	nap();
	kill(pid, SIGWINCH);
	/* The exit of the interrupted call, the signal, and the entry of the same call again. */
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(r.rax, -512);
	NEXT_CALL(pid);
	CHECK_STOP(pid, SIGWINCH, 0);
	CHECK_EQ(pt(PTRACE_SYSCALL, pid, 0, SIGWINCH), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(r.orig_rax, SYS_read);
	CHECK_EQ(r.rax, -ENOSYS);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 0);
}

/* ---- signals ---- */

static volatile sig_atomic_t got;
static void on_signal(int sig)
{
	got = sig;
}

TEST(signals_are_shown_changed_and_dropped)
{
	TRACED_CHILD(pid, signal(SIGUSR2, on_signal); raise(SIGUSR1); raise(SIGUSR1); _exit(got));
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGUSR1, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0); /* dropped */
	CHECK_STOP(pid, SIGUSR1, 0);
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(si.si_signo, SIGUSR1);
	si.si_signo = SIGUSR2;
	CHECK_EQ(pt(PTRACE_SETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGUSR2), 0);
	CHECK_EXIT(pid, SIGUSR2);
}

TEST(ignored_signals_are_shown)
{
	TRACED_CHILD(pid, signal(SIGUSR1, SIG_IGN); raise(SIGUSR1); raise(SIGCHLD); _exit(6));

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGUSR1, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGUSR1), 0);
	CHECK_STOP(pid, SIGCHLD, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGCHLD), 0);
	CHECK_EXIT(pid, 6);
}

TEST(queues_and_masks)
{
	TRACED_CHILD(
		pid, sigset_t s; sigemptyset(&s); sigaddset(&s, SIGRTMIN); sigaddset(&s, SIGUSR1);
		sigprocmask(SIG_BLOCK, &s, NULL); for (int i = 0; i < 3; i++)
			sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
		raise(SIGUSR1); raise(SIGSTOP); signal(SIGUSR1, on_signal); pause(); _exit(got));
	struct ptrace_peeksiginfo_args a = {.off = 1, .flags = PTRACE_PEEKSIGINFO_SHARED, .nr = 10};
	unsigned long mask = 0;
	siginfo_t si[10];

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_PEEKSIGINFO, pid, P(&a), P(si)), 2);
	CHECK_EQ(si[0].si_value.sival_int, 1);
	CHECK_EQ(si[1].si_value.sival_int, 2);
	CHECK_EQ(si[1].si_code, SI_QUEUE);
	a.flags = 0;
	a.off = 0;
	CHECK_EQ(pt(PTRACE_PEEKSIGINFO, pid, P(&a), P(si)), 1);
	CHECK_EQ(si[0].si_signo, SIGUSR1);
	a.flags = 2;
	CHECK_ERR(pt(PTRACE_PEEKSIGINFO, pid, P(&a), P(si)), EINVAL);
	CHECK_EQ(pt(PTRACE_GETSIGMASK, pid, 8, P(&mask)), 0);
	CHECK_EQ(mask, 1ul << (SIGUSR1 - 1) | 1ul << (SIGRTMIN - 1));
	mask = 1ul << (SIGRTMIN - 1) | 1ul << (SIGKILL - 1);
	CHECK_EQ(pt(PTRACE_SETSIGMASK, pid, 8, P(&mask)), 0);
	CHECK_EQ(pt(PTRACE_GETSIGMASK, pid, 8, P(&mask)), 0);
	CHECK_EQ(mask, 1ul << (SIGRTMIN - 1));
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGUSR1, 0); /* now unblocked */
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	nap();
	kill(pid, SIGKILL);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

TEST(group_stop_of_an_attached_tracee)
{
	TRACED_CHILD(pid, for (;;) pause());
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	kill(pid, SIGTSTP);
	CHECK_STOP(pid, SIGTSTP, 0);
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGSTOP), 0);
	CHECK_STOP(pid, SIGSTOP, 0); /* the group stop: no siginfo */
	CHECK_ERR(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), EINVAL);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	nap();
	CHECK_EQ(state_of(pid), 'S'); /* runs though its group is stopped */
	kill(pid, SIGCONT);
	CHECK_STOP(pid, SIGCONT, 0);
	pt(PTRACE_KILL, pid, 0, 0);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

TEST(seize_interrupt_listen)
{
	pid_t pid = fork();
	siginfo_t si;

	if (!pid) {
		for (;;)
			pause();
	}
	CHECK_EQ(pt(PTRACE_SEIZE, pid, 0, 0), 0);
	nap();
	CHECK_EQ(waitpid(pid, NULL, WNOHANG | __WALL), 0);
	CHECK_EQ(pt(PTRACE_INTERRUPT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_STOP);
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(si.si_code, SIGTRAP | PTRACE_EVENT_STOP << 8);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	kill(pid, SIGSTOP);
	CHECK_STOP(pid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGSTOP), 0);
	CHECK_STOP(pid, SIGSTOP, PTRACE_EVENT_STOP);
	CHECK_EQ(pt(PTRACE_LISTEN, pid, 0, 0), 0);
	CHECK_ERR(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), ESRCH);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG | __WALL), 0);
	kill(pid, SIGCONT);
	/* Told that the stop is over; then the signal itself. */
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_STOP);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGCONT, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	/* Interrupted while it listens. */
	kill(pid, SIGSTOP);
	CHECK_STOP(pid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGSTOP), 0);
	CHECK_STOP(pid, SIGSTOP, PTRACE_EVENT_STOP);
	CHECK_EQ(pt(PTRACE_LISTEN, pid, 0, 0), 0);
	CHECK_EQ(pt(PTRACE_INTERRUPT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGSTOP, PTRACE_EVENT_STOP);
	CHECK_EQ(pt(PTRACE_DETACH, pid, 0, 0), 0);
	nap();
	CHECK_EQ(state_of(pid), 'T');
	kill(pid, SIGKILL);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

TEST(waitid_of_a_tracee)
{
	TRACED_CHILD(pid, raise(SIGUSR1); _exit(8));
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOWAIT), 0);
	CHECK_EQ(si.si_code, CLD_TRAPPED);
	CHECK_EQ(si.si_status, SIGUSR1);
	CHECK_EQ(si.si_pid, pid);
	memset(&si, 0, sizeof(si));
	/* Shown also to those who asked for ends only. */
	CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WEXITED), 0);
	CHECK_EQ(si.si_code, CLD_TRAPPED);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOHANG), 0);
	CHECK_EQ(si.si_pid, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 8);
}

/* ---- events ---- */

#define EVENT_MESSAGE(pid, m) CHECK_EQ(pt(PTRACE_GETEVENTMSG, pid, 0, P(&(m))), 0)

TEST(fork_vfork_clone_events)
{
	TRACED_CHILD(pid, pid_t c = (pid_t)syscall(SYS_fork); if (!c) _exit(1); wait_for(c);
		     c = vfork(); if (!c) _exit(2); wait_for(c);
		     c = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0); if (!c) _exit(3); wait_for(c);
		     _exit(4));
	static const int events[] = {PTRACE_EVENT_FORK, PTRACE_EVENT_VFORK, PTRACE_EVENT_CLONE};
	unsigned long child, m;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0,
		    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
			    PTRACE_O_TRACEVFORKDONE),
		 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_STOP(pid, SIGTRAP, events[i]);
		EVENT_MESSAGE(pid, child);
		CHECK_STOP((pid_t)child, SIGSTOP, 0);
		CHECK_EQ(pt(PTRACE_CONT, (pid_t)child, 0, 0), 0);
		CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
		CHECK_EXIT((pid_t)child, i + 1);
		if (events[i] == PTRACE_EVENT_VFORK) {
			CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_VFORK_DONE);
			EVENT_MESSAGE(pid, m);
			CHECK_EQ(m, child);
			CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
		}
		if (i < 2) {
			CHECK_STOP(pid, SIGCHLD, 0);
			CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
		}
	}
	CHECK_EXIT(pid, 4);
}

TEST(seized_children_stop_without_a_signal)
{
	unsigned long child = 0;
	int p[2];
	pid_t pid;
	char c;

	CHECK_EQ(pipe(p), 0);
	pid = fork();
	if (!pid) {
		pid_t g;

		(void)!read(p[0], &c, 1);
		g = fork();
		if (!g)
			_exit(1);
		_exit(wait_for(g) >> 8);
	}
	CHECK_EQ(pt(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEFORK), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_FORK);
	EVENT_MESSAGE(pid, child);
	CHECK_STOP((pid_t)child, SIGTRAP, PTRACE_EVENT_STOP);
	CHECK_EQ(pt(PTRACE_DETACH, (pid_t)child, 0, 0), 0);
	CHECK_EQ(pt(PTRACE_DETACH, pid, 0, 0), 0);
	CHECK_EXIT(pid, 1);
}

TEST(exit_event)
{
	TRACED_CHILD(pid, _exit(9));
	unsigned long m;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_EXIT);
	EVENT_MESSAGE(pid, m);
	CHECK_EQ(m, 9 << 8);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 9);
}

TEST(exit_event_of_a_killed_one)
{
	TRACED_CHILD(pid, for (;;) pause());
	unsigned long m;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	kill(pid, SIGKILL);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_EXIT);
	EVENT_MESSAGE(pid, m);
	CHECK_EQ(m, SIGKILL);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

static char *const no_env[] = {NULL};

/* This program itself, told by its name to end at once. */
static void exec_self(void)
{
	char *const argv[] = {(char *)"exec-target", NULL};

	execve("/proc/self/exe", argv, no_env);
	_exit(99);
}

TEST(exec_stops)
{
	TRACED_CHILD(pid, exec_self());
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0); /* without the option: a signal */
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(si.si_code, SI_USER);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 55);
}

TEST(exec_event)
{
	TRACED_CHILD(pid, exec_self());
	unsigned long m;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_EXEC);
	EVENT_MESSAGE(pid, m);
	CHECK_EQ(m, pid);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 55);
}

static void *exec_thread(void *arg)
{
	(void)arg;
	nap();
	exec_self();
	return NULL;
}

TEST(exec_by_a_thread)
{
	TRACED_CHILD(pid, pthread_t t; pthread_create(&t, NULL, exec_thread, NULL); pause());
	unsigned long tid = 0, m;
	int st;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_CLONE);
	EVENT_MESSAGE(pid, tid);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP((pid_t)tid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_CONT, (pid_t)tid, 0, 0), 0);
	/* The thread takes the leader's number; the leader is never seen to end. */
	CHECK_EQ(waitpid(-1, &st, __WALL), pid);
	CHECK_EQ(st >> 8, SIGTRAP | PTRACE_EVENT_EXEC << 8);
	EVENT_MESSAGE(pid, m);
	CHECK_EQ(m, tid);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 55);
	CHECK_ERR(waitpid((pid_t)tid, NULL, __WALL), ECHILD);
}

static void *pausing_thread(void *arg)
{
	pause();
	return arg;
}

static void *plain_thread(void *arg)
{
	(void)arg;
	return NULL;
}

TEST(threads_end_before_their_leader)
{
	TRACED_CHILD(pid, pthread_t t; pthread_create(&t, NULL, plain_thread, NULL);
		     pthread_join(t, NULL); _exit(4));
	unsigned long tid = 0;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_CLONE);
	EVENT_MESSAGE(pid, tid);
	CHECK_STOP((pid_t)tid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_CONT, (pid_t)tid, 0, 0), 0);
	CHECK_EXIT((pid_t)tid, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 4);
}

TEST(group_stop_of_threads)
{
	TRACED_CHILD(pid, pthread_t t; pthread_create(&t, NULL, pausing_thread, NULL); pause());
	unsigned long tid = 0;
	int seen = 0, st;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_CLONE);
	EVENT_MESSAGE(pid, tid);
	CHECK_STOP((pid_t)tid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_CONT, (pid_t)tid, 0, 0), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	nap();
	syscall(SYS_tgkill, pid, pid, SIGSTOP);
	CHECK_STOP(pid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGSTOP), 0);
	for (int i = 0; i < 2; i++) {
		pid_t got_pid = waitpid(-1, &st, __WALL);

		CHECK_EQ(st >> 8, SIGSTOP);
		seen |= got_pid == pid ? 1 : got_pid == (pid_t)tid ? 2 : 4;
	}
	CHECK_EQ(seen, 3);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_for((pid_t)tid), SIGKILL);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

/* ---- steps and breakpoints ---- */

TEST(single_steps)
{
	TRACED_CHILD(pid, asm volatile("int3; nop; nop; nop" ::: "memory"));
	struct user_regs_struct r, s;
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(si.si_code, SI_KERNEL);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	for (int i = 1; i <= 3; i++) {
		CHECK_EQ(pt(PTRACE_SINGLESTEP, pid, 0, 0), 0);
		CHECK_STOP(pid, SIGTRAP, 0);
		CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&s)), 0);
		CHECK_EQ(s.rip, r.rip + (unsigned)i);
		CHECK_EQ(s.eflags & 0x100, 0);
		CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
		CHECK_EQ(si.si_code, TRAP_TRACE);
		CHECK_EQ(si.si_addr, s.rip);
	}
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 7);
}

TEST(step_over_a_system_call)
{
	TRACED_CHILD(pid, asm volatile("mov $39, %%eax; int3; syscall; nop" ::
					       : "rax", "rcx", "r11", "memory"));
	struct user_regs_struct r, s;
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(pt(PTRACE_SINGLESTEP, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&s)), 0);
	CHECK_EQ(s.rip, r.rip + 2);
	CHECK_EQ(s.rax, pid);
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(si.si_code, TRAP_BRKPT);
	CHECK_EQ(pt(PTRACE_SINGLESTEP, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&s)), 0);
	CHECK_EQ(s.rip, r.rip + 3);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 7);
}

TEST(step_into_a_handler)
{
	TRACED_CHILD(pid, signal(SIGUSR1, on_signal); asm volatile("int3; nop; nop"); _exit(got));
	struct user_regs_struct r;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	kill(pid, SIGUSR1);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGUSR1, 0);
	CHECK_EQ(pt(PTRACE_SINGLESTEP, pid, 0, SIGUSR1), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(r.rip, P(on_signal)); /* before its first instruction */
	CHECK_EQ(r.rdi, SIGUSR1);
	CHECK_EQ(r.eflags & 0x100, 0);
	CHECK_EQ(pt(PTRACE_SINGLESTEP, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, SIGUSR1);
}

#define DEBUGREG(n) (offsetof(struct user, u_debugreg) + (n)*8)

static __attribute__((noinline)) void write_word(void)
{
	asm volatile("int3");
	shared_word = 1;
	asm volatile("nop");
	shared_word++;
	(void)shared_word;
}

TEST(watchpoints)
{
	TRACED_CHILD(pid, write_word(); write_word());
	struct user_regs_struct r;
	siginfo_t si;
	long v;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(0), P(&shared_word)), 0);
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0x90101), 0); /* writes, 8 bytes */
	CHECK_EQ(pt(PTRACE_PEEKUSR, pid, DEBUGREG(0), P(&v)), 0);
	CHECK_EQ(v, P(&shared_word));
	CHECK_EQ(pt(PTRACE_PEEKUSR, pid, DEBUGREG(7), P(&v)), 0);
	CHECK_EQ(v, 0x90101);
	for (long i = 1; i <= 2; i++) {
		CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
		CHECK_STOP(pid, SIGTRAP, 0);
		CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
		CHECK_EQ(si.si_code, TRAP_HWBKPT);
		CHECK_EQ(pt(PTRACE_PEEKUSR, pid, DEBUGREG(6), P(&v)), 0);
		CHECK_EQ(v & 0xf, 1);
		CHECK_EQ(pt(PTRACE_PEEKDATA, pid, P(&shared_word), P(&v)), 0);
		CHECK_EQ(v, i);
	}
	/* An instruction, before it runs; it must not hit for ever. */
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0), 0);
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(1), P(write_word)), 0);
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0x4), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(r.rip, P(write_word));
	CHECK_EQ(pt(PTRACE_PEEKUSR, pid, DEBUGREG(6), P(&v)), 0);
	CHECK_EQ(v & 0xf, 2);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0); /* its int3 */
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 7);
}

TEST(watchpoints_that_are_refused)
{
	TRACED_CHILD(pid);

	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(0), P(&shared_word) + 1), 0);
	CHECK_ERR(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0x90101), EINVAL); /* not aligned */
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(0), P(&shared_word)), 0);
	CHECK_ERR(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0xa0101), EINVAL); /* ports */
	CHECK_ERR(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0x80101), EINVAL); /* code of 8 bytes */
	CHECK_ERR(pt(PTRACE_POKEUSR, pid, DEBUGREG(4), 1), EIO);
	pt(PTRACE_CONT, pid, 0, 0);
	CHECK_EXIT(pid, 7);
}

TEST(breakpoints_are_not_inherited)
{
	TRACED_CHILD(
		pid, int st; if (!fork()) {
			shared_word = 5;
			_exit(3);
		} wait(&st);
		_exit(st >> 8));

	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(0), P(&shared_word)), 0);
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0x90101), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGCHLD, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 3);
}

/* ---- the rest ---- */

TEST(arch_prctl_and_rseq)
{
	TRACED_CHILD(pid);
	struct user_regs_struct r;
	struct {
		uint64_t pointer;
		uint32_t size, signature, flags, pad;
	} rseq;
	unsigned long base;

	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(pt(30 /* ARCH_PRCTL */, pid, P(&base), 0x1003 /* ARCH_GET_FS */), 0);
	CHECK_EQ(base, r.fs_base);
	CHECK_EQ(pt(0x420f /* GET_RSEQ_CONFIGURATION */, pid, sizeof(rseq), P(&rseq)), 24);
	CHECK(rseq.size == 0 || rseq.size == 32);
	pt(PTRACE_CONT, pid, 0, 0);
	CHECK_EXIT(pid, 7);
}

TEST(tracer_pid_in_status)
{
	TRACED_CHILD(pid);
	char path[64], buf[2048], want[64];
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY);
	n = (int)read(fd, buf, sizeof(buf) - 1);
	buf[n > 0 ? n : 0] = 0;
	snprintf(want, sizeof(want), "\nTracerPid:\t%d\n", getpid());
	CHECK(strstr(buf, want) != NULL);
	CHECK(strstr(buf, "t (tracing stop)") != NULL);
	pt(PTRACE_KILL, pid, 0, 0);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

static void *wait_elsewhere(void *arg)
{
	pid_t pid = *(pid_t *)arg;
	int st;

	errno = 0;
	if (waitpid(pid, &st, __WALL | __WNOTHREAD) != -1 || errno != ECHILD)
		return (void *)1;
	/* Requests are the tracing thread's alone. */
	if (pt(PTRACE_CONT, pid, 0, 0) != -1 || errno != ESRCH)
		return (void *)2;
	return NULL;
}

TEST(other_threads_of_the_tracer)
{
	TRACED_CHILD(pid);
	pthread_t t;
	void *ret;

	pthread_create(&t, NULL, wait_elsewhere, &pid);
	pthread_join(t, &ret);
	CHECK_EQ(ret, 0);
	pt(PTRACE_CONT, pid, 0, 0);
	CHECK_EXIT(pid, 7);
}

static void *parent_thread(void *arg)
{
	int *p = arg;

	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGUSR1);
		signal(SIGUSR1, on_signal);
		(void)!write(p[1], "r", 1);
		for (int i = 0; i < 100 && !got; i++)
			nap();
		_exit(got ? 11 : 12);
	}
	char c;

	(void)!read(p[0], &c, 1);
	return NULL;
}

TEST(parent_death_signal_is_of_the_thread)
{
	pthread_t t;
	int p[2], st;

	CHECK_EQ(pipe(p), 0);
	pthread_create(&t, NULL, parent_thread, p);
	pthread_join(t, NULL);
	CHECK(wait(&st) > 0);
	CHECK_EQ(st, 11 << 8);
}

/* The report of a call that nobody looked at is no signal. */
TEST(tracer_ends_without_a_look)
{
	int p[2], st;
	char c;

	CHECK_EQ(pipe(p), 0);
	pid_t tracer = fork();

	if (!tracer) {
		pid_t pid = fork();

		if (!pid) {
			prctl(PR_SET_PDEATHSIG, 0);
			pt(PTRACE_TRACEME, 0, 0, 0);
			raise(SIGSTOP);
			for (int i = 0; i < 10; i++)
				getppid();
			(void)!write(p[1], "x", 1);
			_exit(0);
		}
		close(p[1]);
		CHECK_STOP(pid, SIGSTOP, 0);
		CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
		CHECK_EQ(pt(PTRACE_SYSCALL, pid, 0, 0), 0);
		while (state_of(pid) != 't')
			sched_yield();
		_exit(test_failures);
	}
	close(p[1]);
	CHECK_EQ(waitpid(tracer, &st, 0), tracer);
	CHECK_EQ(st, 0);
	CHECK_EQ(read(p[0], &c, 1), 1);
}

TEST(steps_under_load)
{
	TRACED_CHILD(pid, for (int i = 0; i < 100; i++) getppid(); _exit(0));
	int st = 0, n = 0;

	for (;;) {
		if (pt(PTRACE_SINGLESTEP, pid, 0, 0))
			break;
		st = wait_for(pid);
		if (!WIFSTOPPED(st))
			break;
		n++;
	}
	CHECK(n > 400);
	CHECK_EQ(st, 0);
}

TEST(kill_while_being_worked_on)
{
	for (int i = 0; i < 20; i++) {
		TRACED_CHILD(pid, for (;;) getppid());
		struct user_regs_struct r;
		pid_t killer = fork();

		if (!killer) {
			kill(pid, SIGKILL);
			_exit(0);
		}
		while (!pt(PTRACE_GETREGS, pid, 0, P(&r)) && !pt(PTRACE_SETREGS, pid, 0, P(&r)))
			;
		CHECK_EQ(errno, ESRCH);
		CHECK_EQ(wait_for(pid), SIGKILL);
		CHECK_EXIT(killer, 0);
	}
}

/* ---- what else looks into tasks ---- */

TEST(kcmp_of_files_and_epoll)
{
	struct kcmp_epoll_slot slot = {.toff = 0};
	struct epoll_event ev = {.events = EPOLLIN};
	int p[2], q[2], e = epoll_create1(0);
	pid_t me = getpid();

	REQUIRE(!pipe(p) && !pipe(q) && e >= 0);
	CHECK_EQ(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev), 0);
	CHECK_EQ(syscall(SYS_kcmp, me, me, KCMP_FILE, p[0], dup(p[0])), 0);
	CHECK(syscall(SYS_kcmp, me, me, KCMP_FILE, p[0], q[0]) > 0);
	slot.efd = (unsigned)e;
	slot.tfd = (unsigned)p[0];
	CHECK_EQ(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, p[0], &slot), 0);
	CHECK(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, q[0], &slot) > 0);
	slot.toff = 1;
	CHECK_ERR(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, p[0], &slot), ENOENT);
	slot.efd = (unsigned)p[0];
	CHECK_ERR(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, p[0], &slot), EINVAL);
	slot.efd = 999;
	CHECK_ERR(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, p[0], &slot), EBADF);
	CHECK_ERR(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, p[0], 8), EFAULT);
	CHECK_ERR(syscall(SYS_kcmp, me, me, 99, 0, 0), EINVAL);
}

static int read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : (int)read(fd, buf, size - 1);
	buf[n > 0 ? n : 0] = 0;
	close(fd);
	return n;
}

TEST(where_a_task_sleeps)
{
	char buf[4096];
	int p[2];
	long nr, fd;

	CHECK_EQ(pipe(p), 0);
	pid_t pid = fork();

	if (!pid) {
		char c;

		(void)!read(p[0], &c, 1);
		for (;;)
			;
	}
	nap();
	CHECK(read_proc(pid, "syscall", buf, sizeof(buf)) > 0);
	CHECK_EQ(sscanf(buf, "%ld 0x%lx", &nr, (unsigned long *)&fd), 2);
	CHECK_EQ(nr, SYS_read);
	CHECK_EQ(fd, p[0]);
	CHECK(read_proc(pid, "stack", buf, sizeof(buf)) > 0);
	CHECK(strstr(buf, "[<0>] ") && strstr(buf, "pipe"));
	CHECK(read_proc(pid, "wchan", buf, sizeof(buf)) > 0);
	CHECK(strlen(buf) > 1);
	CHECK_EQ(write(p[1], "x", 1), 1);
	nap();
	CHECK(read_proc(pid, "syscall", buf, sizeof(buf)) > 0);
	CHECK(!strcmp(buf, "running\n") || buf[0] == '-');
	kill(pid, SIGKILL);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

int main(int argc, char **argv)
{
	if (!strcmp(argv[0], "exec-target"))
		return 55;
	if (argc > 1 && !strcmp(argv[1], "be-set-id"))
		return be_set_id();
	return test_run();
}
