/* ptrace(2) with its neighbours: seccomp, set-id programs, pid namespaces, dumps in progress. */
#include "tracee.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <time.h>

/* getppid answers @action; everything else is allowed. */
static void filter_getppid(unsigned int action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(99);
}

/* ---- seccomp ---- */

#ifdef __x86_64__
TEST(seccomp_event)
{
	struct user_regs_struct regs;
	unsigned long msg = 0;

	TRACED_CHILD(pid, filter_getppid(SECCOMP_RET_TRACE | 0x1234); long a = syscall(SYS_getppid);
		     long b = syscall(SYS_getppid); _exit(a == getpid() && b == -1 ? 3 : 4));
	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_SECCOMP);
	CHECK_EQ(pt(PTRACE_GETEVENTMSG, pid, 0, P(&msg)), 0);
	CHECK_EQ(msg, 0x1234);
	/* The stop is before the call, which can become another one. */
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&regs)), 0);
	CHECK_EQ(regs.orig_rax, SYS_getppid);
	CHECK_EQ((long)regs.rax, -ENOSYS);
	regs.orig_rax = SYS_getpid;
	CHECK_EQ(pt(PTRACE_SETREGS, pid, 0, P(&regs)), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	/* Or none. */
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_SECCOMP);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&regs)), 0);
	regs.orig_rax = (unsigned long)-1;
	regs.rax = (unsigned long)-EPERM;
	CHECK_EQ(pt(PTRACE_SETREGS, pid, 0, P(&regs)), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(wait_for(pid), 3 << 8);
}
#endif

TEST(seccomp_event_without_the_option)
{
	TRACED_CHILD(pid, filter_getppid(SECCOMP_RET_TRACE);
		     _exit(syscall(SYS_getppid) == -1 && errno == ENOSYS ? 3 : 4));
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(wait_for(pid), 3 << 8);
}

TEST(seccomp_is_suspended)
{
	TRACED_CHILD(pid, filter_getppid(SECCOMP_RET_ERRNO | EDOM);
		     if (syscall(SYS_getppid) != -1 || errno != EDOM) _exit(4); raise(SIGSTOP);
		     if (syscall(SYS_getppid) <= 0) _exit(5); raise(SIGSTOP);
		     _exit(syscall(SYS_getppid) == -1 ? 3 : 6));
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_SUSPEND_SECCOMP), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, 0), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(wait_for(pid), 3 << 8);
}

/* Not for those without rights over the machine, and not for the filtered. */
TEST(who_may_suspend_seccomp)
{
	pid_t outer = fork();

	if (!outer) {
		if (setresuid(4711, 4711, 4711))
			_exit(90);
		TRACED_CHILD(pid, (void)0);
		CHECK_ERR(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_SUSPEND_SECCOMP), EPERM);
		kill(pid, SIGKILL);
		_exit(test_failures != 0);
	}
	CHECK_EQ(wait_for(outer), 0);
	outer = fork();
	if (!outer) {
		TRACED_CHILD(pid, (void)0);
		filter_getppid(SECCOMP_RET_ERRNO | EDOM);
		CHECK_ERR(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_SUSPEND_SECCOMP), EPERM);
		kill(pid, SIGKILL);
		_exit(test_failures != 0);
	}
	CHECK_EQ(wait_for(outer), 0);
}

/* ---- set-id programs ---- */

static char copy_path[] = "/tmp/tracing-mount/suid";

static void copy_self_suid(uid_t owner)
{
	char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY);
	int out = open(copy_path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	ssize_t n;

	REQUIRE(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		REQUIRE(write(out, buf, (size_t)n) == n);
	REQUIRE(!fchown(out, owner, 0) && !fchmod(out, 04755));
	close(in);
	close(out);
}

static int effective_id_after_exec(uid_t tracer, bool attach)
{
	int st, gate[2];
	char c;

	REQUIRE(!pipe(gate));
	pid_t pid = fork();

	if (!pid) {
		/* The tracer, with a tracee of an ordinary user. */
		pid_t tracee;

		if (setresuid(tracer, tracer, tracer))
			_exit(90);
		tracee = fork();
		if (!tracee) {
			if (setresuid(4711, 4711, 4711))
				_exit(91);
			if (!attach) {
				pt(PTRACE_TRACEME, 0, 0, 0);
				raise(SIGSTOP);
			} else if (read(gate[0], &c, 1) != 1) {
				_exit(96);
			}
			execl(copy_path, copy_path, "say-euid", NULL);
			_exit(92);
		}
		if (attach && pt(PTRACE_ATTACH, tracee, 0, 0))
			_exit(97);
		if (!WIFSTOPPED(wait_for(tracee)) || (attach && write(gate[1], "x", 1) != 1))
			_exit(93);
		pt(PTRACE_CONT, tracee, 0, 0);
		st = wait_for(tracee);
		if (!WIFSTOPPED(st) || WSTOPSIG(st) != SIGTRAP)
			_exit(94);
		pt(PTRACE_CONT, tracee, 0, 0);
		st = wait_for(tracee);
		_exit(WIFEXITED(st) ? WEXITSTATUS(st) : 95);
	}
	st = wait_for(pid);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

TEST(set_id_exec_under_trace)
{
	int st;
	pid_t pid;

	/* Set-id bits count for nothing on many a /tmp. */
	mkdir("/tmp/tracing-mount", 0755);
	REQUIRE(!unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	REQUIRE(!mount("tmpfs", "/tmp/tracing-mount", "tmpfs", 0, "mode=755"));
	copy_self_suid(42);
	pid = fork();
	if (!pid) {
		if (setresuid(4711, 4711, 4711))
			_exit(91);
		execl(copy_path, copy_path, "say-euid", NULL);
		_exit(92);
	}
	st = wait_for(pid);
	CHECK_EQ(st, 42 << 8);
	CHECK_EQ(effective_id_after_exec(4711, false), 4711 & 0xff);
	/* A tracer with CAP_SYS_PTRACE is trusted, unless the tracee made it its tracer. */
	CHECK_EQ(effective_id_after_exec(0, true), 42);
	CHECK_EQ(effective_id_after_exec(0, false), 4711 & 0xff);
	unlink(copy_path);
}

/* ---- pid namespaces ---- */

/* The tracer sees the numbers of its own namespace. */
TEST(messages_in_the_namespace_of_the_tracer)
{
	unsigned long msg = 0;
	siginfo_t si;

	TRACED_CHILD(
		pid, if (unshare(CLONE_NEWPID)) _exit(90); pid_t in = fork(); if (!in) {
			pid_t deeper = fork();
			if (!deeper)
				_exit(0);
			waitpid(deeper, NULL, 0);
			_exit(deeper == 2 ? 3 : 4);
		} int st = -1;
		waitpid(in, &st, 0); _exit(st >> 8));
	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_FORK);
	CHECK_EQ(pt(PTRACE_GETEVENTMSG, pid, 0, P(&msg)), 0);
	pid_t first = (pid_t)msg;

	CHECK_STOP(first, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(pt(PTRACE_CONT, first, 0, 0), 0);
	/* The first of the new namespace forks: number 2 there, another here. */
	CHECK_STOP(first, SIGTRAP, PTRACE_EVENT_FORK);
	CHECK_EQ(pt(PTRACE_GETEVENTMSG, first, 0, P(&msg)), 0);
	CHECK(msg > 2 && (pid_t)msg != first);
	/* What the stop itself says is by the stopped one's own reckoning. */
	CHECK_EQ(pt(PTRACE_GETSIGINFO, first, 0, P(&si)), 0);
	CHECK_EQ(si.si_pid, 1);
	CHECK_STOP((pid_t)msg, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_DETACH, (pid_t)msg, 0, 0), 0);
	CHECK_EQ(pt(PTRACE_DETACH, first, 0, 0), 0);
	for (;;) {
		int st = wait_for(pid);

		if (st == -1 || !WIFSTOPPED(st)) {
			CHECK_EQ(st, 3 << 8);
			break;
		}
		pt(PTRACE_CONT, pid, 0, (unsigned long)WSTOPSIG(st));
	}
}

static void sysctl_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	REQUIRE(fd >= 0);
	REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void enter_scratch(void)
{
	static char dir[] = "/tmp/tracing-XXXXXX";
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	REQUIRE(mkdtemp(dir) && !chdir(dir) && !setrlimit(RLIMIT_CORE, &all));
}

TEST(names_of_dumps_in_a_namespace)
{
	char name[64];
	struct stat st;
	pid_t helper = fork();

	enter_scratch();
	if (!helper)
		_exit(0);
	waitpid(helper, NULL, 0);
	sysctl_write("/proc/sys/kernel/core_pattern", "core-%p-%P-%i-%I");
	int report[2];

	REQUIRE(!pipe(report));
	pid_t pid = fork();

	if (!pid) {
		pid_t in;

		if (unshare(CLONE_NEWPID))
			_exit(90);
		in = fork();
		if (!in) {
			pid_t second = fork();

			if (!second)
				abort();
			waitpid(second, NULL, 0);
			_exit(0);
		}
		(void)!write(report[1], &in, sizeof(in));
		waitpid(in, NULL, 0);
		_exit(0);
	}
	pid_t in = 0;

	CHECK_EQ(read(report[0], &in, sizeof(in)), sizeof(in));
	CHECK_EQ(wait_for(pid), 0);
	sysctl_write("/proc/sys/kernel/core_pattern", "core");
	int found = 0;

	for (pid_t outer = in; outer < in + 50 && !found; outer++) {
		snprintf(name, sizeof(name), "core-2-%d-2-%d", outer, outer);
		found = !stat(name, &st);
	}
	CHECK(found);
}

/* ---- a dump that is killed ---- */

TEST(a_dump_is_killed)
{
	struct timespec tick = {0, 1000000};
	struct stat s = {0};
	int st;
	pid_t pid;

	enter_scratch();
	sysctl_write("/proc/sys/kernel/core_pattern", "core");
	pid = fork();
	if (!pid) {
		size_t len = 192u << 20;
		char *p =
			mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (size_t i = 0; i < len; i += 4096)
			p[i] = 1;
		abort();
	}
	while (stat("core", &s) || s.st_size < 4096)
		nanosleep(&tick, NULL);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	st = wait_for(pid);
	/* Whatever it is said to end by, it has no mark of a complete dump. */
	CHECK(WIFSIGNALED(st));
	CHECK(!WCOREDUMP(st));
	CHECK_EQ(stat("core", &s), 0);
	CHECK(s.st_blocks * 512l < 192l << 20);
	unlink("core");
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "say-euid"))
		return (int)(geteuid() & 0xff);
	return test_run();
}
