/* seccomp(2): strict mode, filters and their actions, TSYNC, user notification. */
#include "test.h"
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <time.h>

#define NR_LOAD BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define RET(v) BPF_STMT(BPF_RET | BPF_K, (v))
/* Answers @ret to call @nr and allows the others. */
#define FILTER_ONE(name, nr, ret)                                                             \
	struct sock_filter name##_insns[] = {NR_LOAD,                                         \
					     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), \
					     RET(ret), RET(SECCOMP_RET_ALLOW)};               \
	struct sock_fprog name = {4, name##_insns}

static long seccomp(unsigned int op, unsigned int flags, void *args)
{
	return syscall(SYS_seccomp, op, flags, args);
}

static void no_new_privs(void)
{
	REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

static long status_line(const char *name)
{
	char line[256];
	long value = -1;
	FILE *f = fopen("/proc/self/status", "r");

	if (!f)
		return -2;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, strlen(name)))
			value = atol(line + strlen(name));
	}
	fclose(f);
	return value;
}

/* Runs @fn in a child; its wait status. */
static int status_of(void (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		fn();
		_exit(99);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	return status;
}

static void strict_read_write_exit(void)
{
	char c;
	int p[2];

	if (pipe(p) || write(p[1], "x", 1) != 1)
		_exit(1);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	if (read(p[0], &c, 1) != 1)
		syscall(SYS_exit, 2);
	syscall(SYS_exit, 7);
}

static void strict_other(void)
{
	seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL);
	syscall(SYS_getpid);
}

static void strict_exit_group(void)
{
	seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL);
	syscall(SYS_exit_group, 0);
}

TEST(strict_mode)
{
	int st = status_of(strict_read_write_exit);

	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 7);
	st = status_of(strict_other);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
	st = status_of(strict_exit_group);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
}

TEST(arguments)
{
	FILTER_ONE(f, SYS_getppid, SECCOMP_RET_ALLOW);
	uint32_t action = SECCOMP_RET_TRAP;
	struct seccomp_notif_sizes sizes = {0};

	CHECK_EQ(prctl(PR_GET_SECCOMP), 0);
	CHECK_ERR(prctl(PR_SET_SECCOMP, 0), EINVAL);
	CHECK_ERR(prctl(PR_SET_SECCOMP, 3), EINVAL);
	CHECK_ERR(seccomp(17, 0, NULL), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_STRICT, 0, &f), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 64, &f), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &f),
		  EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER,
			  SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER, &f),
		  EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, NULL), EFAULT);
	CHECK_ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 1, &action), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL), EFAULT);
	CHECK_EQ(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action), 0);
	action = 0x00010000;
	CHECK_ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action), EOPNOTSUPP);
	CHECK_EQ(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes), 0);
	CHECK_EQ(sizes.seccomp_notif, sizeof(struct seccomp_notif));
	CHECK_EQ(sizes.seccomp_notif_resp, sizeof(struct seccomp_notif_resp));
	CHECK_EQ(sizes.seccomp_data, sizeof(struct seccomp_data));
	CHECK_ERR(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, NULL), EFAULT);
	f.len = 0;
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, &f), EINVAL);
	f.len = 4;
	f.filter = (struct sock_filter *)8;
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, &f), EFAULT);
	if (getuid() == 0) {
		REQUIRE(setuid(1000) == 0);
		f.filter = f_insns;
		CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, &f), EACCES);
		no_new_privs();
		CHECK_EQ(seccomp(SECCOMP_SET_MODE_FILTER, 0, &f), 0);
		CHECK_ERR(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL), EINVAL);
		CHECK_EQ(prctl(PR_GET_SECCOMP), 2);
	}
}

TEST(bad_programs)
{
	static const struct sock_filter bad[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3),
		BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0),
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32),
		BPF_STMT(BPF_LD | BPF_MEM, 3),
		BPF_STMT(BPF_JMP | BPF_JA, 1),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(0xff, 0),
	};
	struct sock_filter p[] = {NR_LOAD, RET(SECCOMP_RET_ALLOW)};
	struct sock_fprog f = {2, p};

	no_new_privs();
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		p[0] = bad[i];
		CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, &f), EINVAL);
	}
	p[1] = p[0] = (struct sock_filter)NR_LOAD;
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, &f), EINVAL);
}

TEST(errno_and_precedence)
{
	FILTER_ONE(e, SYS_getppid, SECCOMP_RET_ERRNO | 77);
	FILTER_ONE(big, SYS_getppid, SECCOMP_RET_ERRNO | 0xffff);
	FILTER_ONE(trace, SYS_getppid, SECCOMP_RET_TRACE | 1);
	FILTER_ONE(log, SYS_getppid, SECCOMP_RET_LOG);

	no_new_privs();
	REQUIRE(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, &log) == 0);
	CHECK(syscall(SYS_getppid) > 0);
	REQUIRE(seccomp(SECCOMP_SET_MODE_FILTER, 0, &trace) == 0);
	CHECK_ERR(syscall(SYS_getppid), ENOSYS);
	REQUIRE(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &e) == 0);
	CHECK_ERR(syscall(SYS_getppid), 77);
	/* The same action: the newest wins; the number is limited. */
	REQUIRE(seccomp(SECCOMP_SET_MODE_FILTER, 0, &big) == 0);
	CHECK_ERR(syscall(SYS_getppid), 4095);
	CHECK_EQ(status_line("Seccomp:"), 2);
	CHECK_EQ(status_line("Seccomp_filters:"), 4);
	CHECK_EQ(status_line("NoNewPrivs:"), 1);
	pid_t pid = fork();

	if (!pid)
		_exit(syscall(SYS_getppid) == -1 && errno == 4095 &&
				      status_line("Seccomp_filters:") == 4
			      ? 0
			      : 1);
	int st;

	REQUIRE(waitpid(pid, &st, 0) == pid);
	CHECK_EQ(st, 0);
}

/* The 64-bit arguments, the instruction pointer and the architecture. */
TEST(data)
{
	struct sock_filter p[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		RET(SECCOMP_RET_KILL_PROCESS),
		NR_LOAD,
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0),
		RET(SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5]) + 4),
		BPF_STMT(BPF_ST, 1),
		BPF_STMT(BPF_LDX | BPF_MEM, 1),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog f = {sizeof(p) / sizeof(p[0]), p};

	no_new_privs();
	REQUIRE(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &f) == 0);
	CHECK_ERR(syscall(SYS_getppid, 40, 0, 0, 0, 0, 2l << 32), 42);
	CHECK(getpid() > 0);
}

static siginfo_t trap_info;
static volatile int trapped;

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	trap_info = *info;
	trapped++;
	uc->uc_mcontext.gregs[REG_RAX] = 1234;
}

TEST(trap)
{
	FILTER_ONE(f, SYS_getppid, SECCOMP_RET_TRAP | 55);
	struct sigaction sa = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};

	no_new_privs();
	sigaction(SIGSYS, &sa, NULL);
	REQUIRE(seccomp(SECCOMP_SET_MODE_FILTER, 0, &f) == 0);
	CHECK_EQ(syscall(SYS_getppid), 1234);
	CHECK_EQ(trapped, 1);
	CHECK_EQ(trap_info.si_signo, SIGSYS);
	CHECK_EQ(trap_info.si_code, 1 /* SYS_SECCOMP */);
	CHECK_EQ(trap_info.si_errno, 55);
	CHECK_EQ(trap_info.si_syscall, SYS_getppid);
	CHECK_EQ(trap_info.si_arch, AUDIT_ARCH_X86_64);
	CHECK(trap_info.si_call_addr != NULL);
}

static void die_process(void)
{
	FILTER_ONE(f, SYS_getppid, SECCOMP_RET_KILL_PROCESS);

	signal(SIGSYS, SIG_IGN);
	no_new_privs();
	seccomp(SECCOMP_SET_MODE_FILTER, 0, &f);
	syscall(SYS_getppid);
}

static void die_unknown(void)
{
	FILTER_ONE(f, SYS_getppid, 0x00020000);

	no_new_privs();
	seccomp(SECCOMP_SET_MODE_FILTER, 0, &f);
	syscall(SYS_getppid);
}

static void *call_getppid(void *arg)
{
	syscall(SYS_getppid);
	return arg;
}

static int in_thread(uint32_t action)
{
	FILTER_ONE(f, SYS_getppid, action);
	pthread_t t;

	no_new_privs();
	seccomp(SECCOMP_SET_MODE_FILTER, 0, &f);
	if (pthread_create(&t, NULL, call_getppid, NULL))
		return 1;
	/* The thread ends without its clean-up; join sees the cleared word. */
	pthread_join(t, NULL);
	return 5;
}

static void die_thread(void)
{
	_exit(in_thread(SECCOMP_RET_KILL_THREAD));
}

static void die_thread_process(void)
{
	_exit(in_thread(SECCOMP_RET_KILL_PROCESS));
}

TEST(kill_actions)
{
	int st = status_of(die_process);

	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSYS);
	st = status_of(die_unknown);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSYS);
	st = status_of(die_thread);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 5);
	st = status_of(die_thread_process);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSYS);
}

TEST(limits)
{
	static struct sock_filter insns[BPF_MAXINSNS + 1];
	struct sock_fprog f = {BPF_MAXINSNS, insns};
	int n = 0;

	for (int i = 0; i <= BPF_MAXINSNS; i++)
		insns[i] = (struct sock_filter)RET(SECCOMP_RET_ALLOW);
	no_new_privs();
	while (n < 100 && seccomp(SECCOMP_SET_MODE_FILTER, 0, &f) == 0)
		n++;
	CHECK(n >= 3 && n <= 8);
	CHECK_EQ(errno, ENOMEM);
	f.len = BPF_MAXINSNS + 1;
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, &f), EINVAL);
}

/* --- threads --- */

static volatile int go, ready;
static pid_t thread_tid;

static void *wait_and_call(void *arg)
{
	thread_tid = (pid_t)syscall(SYS_gettid);
	if (arg) {
		no_new_privs();
		seccomp(SECCOMP_SET_MODE_FILTER, 0, arg);
	}
	ready = 1;
	while (!go)
		usleep(1000);
	long r = syscall(SYS_getppid);

	return (void *)(r == -1 ? (long)errno : 0l);
}

TEST(tsync)
{
	FILTER_ONE(f, SYS_getppid, SECCOMP_RET_ERRNO | 33);
	pthread_t t;
	void *result;

	REQUIRE(pthread_create(&t, NULL, wait_and_call, NULL) == 0);
	while (!ready)
		usleep(1000);
	no_new_privs();
	CHECK_EQ(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &f), 0);
	go = 1;
	pthread_join(t, &result);
	CHECK_EQ((long)result, 33);
}

TEST(tsync_diverged)
{
	FILTER_ONE(own, SYS_getppid, SECCOMP_RET_ERRNO | 22);
	FILTER_ONE(f, SYS_getppid, SECCOMP_RET_ERRNO | 33);
	pthread_t t;
	void *result;

	REQUIRE(pthread_create(&t, NULL, wait_and_call, &own) == 0);
	while (!ready)
		usleep(1000);
	no_new_privs();
	CHECK_EQ(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &f), thread_tid);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER,
			  SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, &f),
		  ESRCH);
	go = 1;
	pthread_join(t, &result);
	CHECK_EQ((long)result, 22);
	CHECK(syscall(SYS_getppid) > 0);
}

/* --- user notification --- */

static int listener(unsigned int nr, unsigned int flags)
{
	FILTER_ONE(f, nr, SECCOMP_RET_USER_NOTIF);

	no_new_privs();
	return (int)seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, &f);
}

static int wait_events(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	return poll(&p, 1, 5000) == 1 ? p.revents : -1;
}

TEST(notify_basic)
{
	int fd = listener(SYS_getppid, 0), st;

	REQUIRE(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(listener(SYS_getpgrp, 0), EBUSY);
	for (int round = 0; round < 5; round++) {
		struct seccomp_notif req = {0};
		struct seccomp_notif_resp resp = {0};
		pid_t pid = fork();

		if (!pid) {
			long r = syscall(SYS_getppid, 11, 22);

			if (round == 0)
				_exit(r == 4321 ? 0 : 1);
			if (round == 1)
				_exit(r == -1 && errno == EBADMSG ? 0 : 1);
			_exit(r > 0 && r != 4321 ? 0 : 1);
		}
		CHECK(wait_events(fd) & POLLIN);
		if (round == 3) {
			req.pid = 1; /* must be zero */
			CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req), EINVAL);
			req.pid = 0;
			CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, NULL), EFAULT);
		}
		REQUIRE(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req) == 0);
		CHECK_EQ(req.pid, pid);
		CHECK_EQ(req.data.nr, SYS_getppid);
		CHECK_EQ(req.data.args[0], 11);
		CHECK_EQ(req.data.args[1], 22);
		CHECK_EQ(req.flags, 0);
		CHECK(wait_events(fd) & POLLOUT);
		CHECK_EQ(ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &req.id), 0);
		resp.id = req.id + 100;
		CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp), ENOENT);
		CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &resp.id), ENOENT);
		resp.id = req.id;
		resp.flags = 8;
		CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp), EINVAL);
		resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		resp.val = 1;
		CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp), EINVAL);
		resp.flags = round < 2 ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		resp.val = round == 0 ? 4321 : 0;
		resp.error = round == 1 ? -EBADMSG : 0;
		CHECK_EQ(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp), 0);
		REQUIRE(waitpid(pid, &st, 0) == pid);
		CHECK_EQ(st, 0);
		CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp), ENOENT);
	}
	CHECK_ERR(ioctl(fd, 0x1234, NULL), EINVAL);
}

TEST(notify_killed_and_closed)
{
	int fd = listener(SYS_getppid, 0), st;
	struct seccomp_notif req = {0};
	struct seccomp_notif_resp resp = {0};
	pid_t pid;

	REQUIRE(fd >= 0);
	pid = fork();
	if (!pid)
		_exit(syscall(SYS_getppid) > 0);
	REQUIRE(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req) == 0);
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
	resp.id = req.id;
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &req.id), ENOENT);
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp), ENOENT);
	/* The listener goes while a call waits, and before another. */
	pid = fork();
	if (!pid) {
		close(fd);
		long r = syscall(SYS_getppid);

		if (r != -1 || errno != ENOSYS)
			_exit(1);
		r = syscall(SYS_getppid);
		_exit(r == -1 && errno == ENOSYS ? 0 : 2);
	}
	CHECK(wait_events(fd) & POLLIN);
	usleep(20000);
	close(fd);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
}

static void on_alarm(int sig)
{
	(void)sig;
}

TEST(notify_interrupted)
{
	int fd = listener(SYS_getppid, 0), st;
	struct seccomp_notif req = {0}, req2 = {0};
	struct seccomp_notif_resp resp = {.val = 9};
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	REQUIRE(fd >= 0);
	sigaction(SIGUSR1, &sa, NULL);
	pid_t pid = fork();

	if (!pid)
		_exit(syscall(SYS_getppid) == 9 ? 0 : 1);
	REQUIRE(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req) == 0);
	kill(pid, SIGUSR1);
	/* The restarted call asks anew. */
	REQUIRE(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req2) == 0);
	CHECK(req2.id != req.id);
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &req.id), ENOENT);
	resp.id = req2.id;
	CHECK_EQ(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp), 0);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
}

TEST(notify_wait_killable)
{
	int fd = listener(SYS_getppid, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV), st;
	struct seccomp_notif req = {0};
	struct seccomp_notif_resp resp = {.val = 9};
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	REQUIRE(fd >= 0);
	sigaction(SIGUSR1, &sa, NULL);
	pid_t pid = fork();

	if (!pid)
		_exit(syscall(SYS_getppid) == 9 ? 0 : 1);
	REQUIRE(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req) == 0);
	kill(pid, SIGUSR1);
	usleep(50000);
	CHECK_EQ(ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &req.id), 0);
	resp.id = req.id;
	CHECK_EQ(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp), 0);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
}

TEST(notify_addfd)
{
	int fd = listener(SYS_getppid, 0), st, mem;
	struct seccomp_notif req = {0};
	struct seccomp_notif_resp resp = {0};
	struct seccomp_notif_addfd add = {0};

	REQUIRE(fd >= 0);
	mem = memfd_create("given", 0);
	REQUIRE(write(mem, "gift", 4) == 4);
	pid_t pid = fork();

	if (!pid) {
		char buf[4];

		close(mem);
		int a = (int)syscall(SYS_getppid), b = (int)syscall(SYS_getppid);

		if (a != 50 || pread(a, buf, 4, 0) != 4 || memcmp(buf, "gift", 4))
			_exit(1);
		if (fcntl(a, F_GETFD) != 0)
			_exit(2);
		_exit(b > 2 && pread(b, buf, 4, 0) == 4 && fcntl(b, F_GETFD) == FD_CLOEXEC ? 0 : 3);
	}
	REQUIRE(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req) == 0);
	add.id = req.id;
	add.srcfd = 999;
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add), EBADF);
	add.srcfd = (uint32_t)mem;
	add.newfd = 50;
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add), EINVAL);
	add.flags = 16;
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add), EINVAL);
	add.flags = SECCOMP_ADDFD_FLAG_SETFD;
	add.newfd_flags = O_NONBLOCK;
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add), EINVAL);
	add.newfd_flags = 0;
	add.id += 1000;
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add), ENOENT);
	add.id -= 1000;
	CHECK_EQ(ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add), 50);
	resp.id = req.id;
	resp.val = 50;
	CHECK_EQ(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp), 0);
	/* With the reply in one step. */
	memset(&req, 0, sizeof(req));
	REQUIRE(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req) == 0);
	add = (struct seccomp_notif_addfd){.id = req.id,
					   .srcfd = (uint32_t)mem,
					   .flags = SECCOMP_ADDFD_FLAG_SEND,
					   .newfd_flags = O_CLOEXEC};
	CHECK(ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add) > 2);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
}

/* POLLHUP once nobody is left whom the filter judges. */
TEST(notify_hangup)
{
	int pair[2], st, fd = -1;
	char c[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {&fd, 1};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof(c)};

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	pid_t pid = fork();

	if (!pid) {
		int l = listener(SYS_getppid, 0);
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);

		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &l, sizeof(l));
		_exit(sendmsg(pair[1], &m, 0) == 1 ? 0 : 1);
	}
	REQUIRE(recvmsg(pair[0], &m, 0) == 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	CHECK(wait_events(fd) & POLLHUP);
}

/* RET_TRACE stops for a tracer that wants it, which may change or skip the call. */
TEST(trace_event)
{
	FILTER_ONE(f, SYS_getppid, SECCOMP_RET_TRACE | 321);
	unsigned long message = 0;
	int st;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		no_new_privs();
		if (seccomp(SECCOMP_SET_MODE_FILTER, 0, &f))
			_exit(1);
		_exit(syscall(SYS_getppid) == getpid() ? 0 : 2);
	}
	REQUIRE(waitpid(pid, &st, 0) == pid && WIFSTOPPED(st));
	CHECK_EQ(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP), 0);
	CHECK_EQ(ptrace(PTRACE_CONT, pid, 0, 0), 0);
	REQUIRE(waitpid(pid, &st, 0) == pid);
	CHECK_EQ(st >> 8, SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
	CHECK_EQ(ptrace(PTRACE_GETEVENTMSG, pid, 0, &message), 0);
	CHECK_EQ(message, 321);
	CHECK_EQ(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax),
			SYS_getpid),
		 0);
	CHECK_EQ(ptrace(PTRACE_CONT, pid, 0, 0), 0);
	REQUIRE(waitpid(pid, &st, 0) == pid);
	CHECK_EQ(st, 0);
}

static int read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	close(fd);
	buf[n > 0 ? n : 0] = 0;
	return (int)n;
}

TEST(sysctls)
{
	char buf[256];
	int fd;

	read_text("/proc/sys/kernel/seccomp/actions_avail", buf, sizeof(buf));
	CHECK(!strcmp(buf, "kill_process kill_thread trap errno user_notif trace log allow\n"));
	read_text("/proc/sys/kernel/seccomp/actions_logged", buf, sizeof(buf));
	CHECK(!strcmp(buf, "kill_process kill_thread trap errno user_notif trace log\n"));
	if (getuid())
		return;
	fd = open("/proc/sys/kernel/seccomp/actions_logged", O_WRONLY);
	REQUIRE(fd >= 0);
	CHECK_ERR(write(fd, "trap allow", 10), EINVAL);
	CHECK_ERR(write(fd, "never", 5), EINVAL);
	CHECK_EQ(write(fd, "trap errno", 10), 10);
	read_text("/proc/sys/kernel/seccomp/actions_logged", buf, sizeof(buf));
	CHECK(!strcmp(buf, "trap errno\n"));
	CHECK_EQ(pwrite(fd, "kill_process kill_thread trap errno user_notif trace log", 56, 0), 56);
	close(fd);
}

/* Forks and filters from several threads at once. */
static void *fork_often(void *arg)
{
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();
		int st;

		if (!pid)
			_exit(0);
		waitpid(pid, &st, 0);
	}
	return arg;
}

TEST(threads_and_forks)
{
	FILTER_ONE(f, SYS_getpgrp, SECCOMP_RET_ERRNO | 3);
	pthread_t t[3];

	no_new_privs();
	for (int i = 0; i < 3; i++)
		REQUIRE(pthread_create(&t[i], NULL, fork_often, NULL) == 0);
	for (int i = 0; i < 30; i++)
		CHECK_EQ(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &f), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK_ERR(syscall(SYS_getpgrp), 3);
}

int main(void)
{
	return test_run();
}
