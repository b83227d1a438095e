/* ptrace(2): attaching and letting go, who may, memory and registers, what else looks into tasks.
 */
#include "tracee.h"
#include <elf.h>
#include <linux/kcmp.h>
#include <linux/ptrace.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/user.h>

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
	if (argc > 1 && !strcmp(argv[1], "be-set-id"))
		return be_set_id();
	return test_run();
}
