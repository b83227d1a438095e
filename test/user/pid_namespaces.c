/* Pid namespaces: numbers, init and orphans, /proc, reboot. */
#include "ns.h"
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/socket.h>

/* Exit status of @pid, or -1. */
__attribute__((unused)) static int reap(pid_t pid)
{
	int st;

	return waitpid(pid, &st, 0) == pid && WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

/* ---- pid namespaces ---- */

/* Runs @fn as init of a new pid namespace; its exit status, 256 + signal, or -1. */
static int in_pid_ns(int (*fn)(void *), void *arg)
{
	pid_t pid = (pid_t)clone_flags(CLONE_NEWPID | SIGCHLD);
	int st;

	if (!pid) {
		int r = fn(arg);

		fflush(stdout);
		_exit(r || test_failures);
	}
	if (pid < 0 || waitpid(pid, &st, 0) != pid)
		return -1;
	return WIFEXITED(st) ? WEXITSTATUS(st) : 256 + WTERMSIG(st);
}

static int init_basics(void *arg)
{
	(void)arg;
	CHECK_EQ(getpid(), 1);
	CHECK_EQ(syscall(SYS_gettid), 1);
	CHECK_EQ(getppid(), 0);
	CHECK_EQ(getpgrp(), 0);
	CHECK_EQ(getsid(0), 0);
	pid_t child = fork();

	if (!child)
		_exit(getpid() == 2 && getppid() == 1 ? 42 : 1);
	CHECK_EQ(child, 2);
	CHECK_EQ(reap(child), 42);
	CHECK_EQ(setsid(), 1);
	CHECK_EQ(getpgrp(), 1);
	CHECK_ERR(kill(getpid() + 100, 0), ESRCH);
	/* Nothing from inside ends init, not even SIGKILL. */
	CHECK_EQ(kill(1, SIGKILL), 0);
	CHECK_EQ(kill(1, SIGTERM), 0);
	CHECK_EQ(kill(1, SIGSTOP), 0);
	/* A handler counts. */
	return 0;
}

TEST(pid_namespace_basics)
{
	CHECK_EQ(in_pid_ns(init_basics, NULL), 0);
}

static int go_pipe[2];

static int init_sleeps(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++) {
		if (!fork()) {
			pause();
			_exit(0);
		}
	}
	if (write(go_pipe[1], "x", 1) != 1)
		return 1;
	close(go_pipe[1]);
	pause();
	return 0;
}

TEST(init_dies_with_all)
{
	char c;
	int st;

	REQUIRE(!pipe(go_pipe));
	pid_t pid = (pid_t)clone_flags(CLONE_NEWPID | SIGCHLD);

	if (!pid)
		_exit(init_sleeps(NULL));
	close(go_pipe[1]);
	CHECK_EQ(read(go_pipe[0], &c, 1), 1);
	CHECK_EQ(kill(pid, SIGTERM), 0); /* from outside too only what cannot be refused */
	usleep(50000);
	CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	/* The children hold the pipe: its end means that they are gone. */
	CHECK_EQ(read(go_pipe[0], &c, 1), 0);
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
}

static int init_exits_first(void *arg)
{
	(void)arg;
	if (!fork())
		for (;;)
			pause();
	return 7;
}

TEST(unshare_pid)
{
	unsigned long mine = ns_ino("pid");
	char text[64];

	CHECK_EQ(unshare(CLONE_NEWPID), 0);
	CHECK_EQ(ns_ino("pid"), mine);
	CHECK_ERR(readlink("/proc/self/ns/pid_for_children", text, sizeof(text)), ENOENT);
	CHECK_ERR(unshare(CLONE_NEWPID), EINVAL);
	CHECK_ERR(clone_flags(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM), EINVAL);
	pid_t pid = fork();

	if (!pid)
		_exit(getpid() == 1 ? init_exits_first(NULL) : 1);
	CHECK(pid > 1);
	CHECK_EQ(reap(pid), 7);
	/* Without an init there are no more processes in it. */
	CHECK_ERR(fork(), ENOMEM);
}

static int init_orphans(void *arg)
{
	(void)arg;
	int st, p[2];
	pid_t got;
	char c = 0;

	if (pipe(p))
		return 1;
	pid_t child = fork();

	if (!child) {
		if (!fork()) {
			close(p[1]);
			while (getppid() != 1)
				usleep(1000);
			_exit(9);
		}
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &st, 0), child);
	got = wait(&st);
	CHECK_EQ(got, 3);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 9);
	(void)c;
	return 0;
}

TEST(orphans_go_to_the_namespace_init)
{
	CHECK_EQ(in_pid_ns(init_orphans, NULL), 0);
}

static pid_t si_pid_seen;

static void note_sender(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	si_pid_seen = si->si_pid;
}

TEST(sender_is_translated)
{
	struct sigaction sa = {.sa_sigaction = note_sender, .sa_flags = SA_SIGINFO};
	sigset_t set, old;

	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	si_pid_seen = -1;
	pid_t pid = (pid_t)clone_flags(CLONE_NEWPID | SIGCHLD);

	if (!pid) {
		sigsuspend(&old);
		_exit(si_pid_seen == 0 ? 5 : 6); /* the sender has no number here */
	}
	CHECK_EQ(kill(pid, SIGUSR1), 0);
	CHECK_EQ(reap(pid), 5);
}

static int scm_child(int fd)
{
	char data, control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = {&data, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct ucred u = {0};

	if (recvmsg(fd, &m, 0) != 1)
		return -1;
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	if (!h || h->cmsg_type != SCM_CREDENTIALS)
		return -2;
	memcpy(&u, CMSG_DATA(h), sizeof(u));
	return u.pid;
}

TEST(scm_credentials_are_translated)
{
	int sv[2], on = 1;

	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	setsockopt(sv[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	pid_t pid = (pid_t)clone_flags(CLONE_NEWPID | SIGCHLD);

	if (!pid) {
		int seen = scm_child(sv[1]);

		if (write(sv[1], "y", 1) != 1)
			_exit(1);
		_exit(seen == 0 ? 0 : 2);
	}
	CHECK_EQ(write(sv[0], "x", 1), 1);
	CHECK_EQ(scm_child(sv[0]), pid);
	CHECK_EQ(reap(pid), 0);
}

static int chosen_pid(void *arg)
{
	pid_t tids[2] = {77, 0};
	struct clone_args a = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)tids, .set_tid_size = 1};
	pid_t pid = (pid_t)clone3(&a);

	(void)arg;
	if (!pid)
		_exit(getpid() == 77 ? 3 : 4);
	CHECK_EQ(pid, 77);
	CHECK_EQ(reap(pid), 3);
	pid = (pid_t)clone3(&a);
	if (!pid) {
		pause();
		_exit(0);
	}
	CHECK_ERR(clone3(&a), EEXIST);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	a.set_tid_size = 3;
	CHECK_ERR(clone3(&a), EINVAL);
	a.set_tid_size = 0;
	CHECK_ERR(clone3(&a), EINVAL);
	a.set_tid_size = 1;
	tids[0] = 0;
	CHECK_ERR(clone3(&a), EINVAL);
	tids[0] = 90;
	a.flags = CLONE_NEWPID;
	CHECK_ERR(clone3(&a), EINVAL); /* the first of a namespace is 1 */
	a.set_tid_size = 2;
	tids[0] = 1;
	tids[1] = 91;
	pid = (pid_t)clone3(&a);
	if (!pid)
		_exit(getpid() == 1 ? 8 : 9);
	CHECK_EQ(pid, 91);
	CHECK_EQ(reap(pid), 8);
	return 0;
}

TEST(set_tid)
{
	CHECK_EQ(in_pid_ns(chosen_pid, NULL), 0);
	pid_t tid = 4000;
	struct clone_args a = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&tid, .set_tid_size = 1};

	REQUIRE(!setresuid(1000, 1000, 1000));
	CHECK_ERR(clone3(&a), EPERM);
}

static int last_pid(void *arg)
{
	(void)arg;
	CHECK_EQ(write_text("/proc/sys/kernel/ns_last_pid", "500"), 0);
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	CHECK_EQ(pid, 501);
	waitpid(pid, NULL, 0);
	return 0;
}

TEST(ns_last_pid)
{
	CHECK_EQ(in_pid_ns(last_pid, NULL), 0);
}

static int status_line(const char *path, const char *name, char *out, size_t size)
{
	char line[256];
	FILE *f = fopen(path, "r");
	int found = 0;

	while (f && !found && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, strlen(name))) {
			snprintf(out, size, "%s", line + strlen(name));
			found = 1;
		}
	}
	if (f)
		fclose(f);
	return found;
}

static int own_proc(void *arg)
{
	char text[64];

	(void)arg;
	link_text("/proc/self", text, sizeof(text));
	CHECK(atoi(text) > 1); /* that /proc is of the namespace above */
	if (mkdir("/tmp", 0777) && errno != EEXIST)
		return 1;
	if (mkdir("/tmp/proc", 0755) && errno != EEXIST)
		return 1;
	CHECK_EQ(mount("proc", "/tmp/proc", "proc", 0, NULL), 0);
	link_text("/tmp/proc/self", text, sizeof(text));
	CHECK(!strcmp(text, "1"));
	CHECK(status_line("/tmp/proc/1/status", "NSpid:", text, sizeof(text)));
	CHECK(!strcmp(text, "\t1\n"));
	CHECK(status_line("/tmp/proc/1/status", "PPid:", text, sizeof(text)));
	CHECK(!strcmp(text, "\t0\n"));
	CHECK_ERR(access("/tmp/proc/2", F_OK), ENOENT);
	CHECK_EQ(umount("/tmp/proc"), 0);
	return 0;
}

TEST(proc_of_a_namespace)
{
	char text[64], want[64];
	pid_t pid = (pid_t)clone_flags(CLONE_NEWPID | SIGCHLD);

	if (!pid) {
		pause();
		_exit(0);
	}
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	snprintf(want, sizeof(want), "\t%d\t1\n", pid);
	CHECK(status_line(path, "NSpid:", text, sizeof(text)));
	CHECK(!strcmp(text, want));
	CHECK(status_line(path, "NStgid:", text, sizeof(text)));
	CHECK(!strcmp(text, want));
	CHECK(status_line(path, "NSpgid:", text, sizeof(text)));
	snprintf(want, sizeof(want), "\t%d\t0\n", getpgrp());
	CHECK(!strcmp(text, want));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pid = (pid_t)clone_flags(CLONE_NEWPID | SIGCHLD);
	if (!pid) {
		int r = own_proc(NULL);

		fflush(stdout);
		_exit(r || test_failures);
	}
	CHECK_EQ(reap(pid), 0);
}

TEST(proc_options)
{
	struct stat st;

	mkdir("/tmp", 0777);
	mkdir("/tmp/p2", 0755);
	CHECK_ERR(mount("proc", "/tmp/p2", "proc", 0, "hidepid=3"), EINVAL);
	CHECK_ERR(mount("proc", "/tmp/p2", "proc", 0, "subset=all"), EINVAL);
	CHECK_EQ(mount("proc", "/tmp/p2", "proc", 0, "hidepid=2,subset=pid"), 0);
	CHECK_ERR(stat("/tmp/p2/meminfo", &st), ENOENT);
	CHECK_EQ(stat("/tmp/p2/1", &st), 0);
	CHECK_EQ(stat("/tmp/p2/self/status", &st), 0);
	pid_t pid = fork();

	if (!pid) {
		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(1);
		CHECK_ERR(stat("/tmp/p2/1", &st), ENOENT);
		CHECK_ERR(stat("/tmp/p2/1/status", &st), ENOENT);
		CHECK_EQ(stat("/tmp/p2/self", &st), 0);
		fflush(stdout);
		_exit(test_failures != 0);
	}
	CHECK_EQ(reap(pid), 0);
	CHECK_EQ(umount("/tmp/p2"), 0);
}

static long reboot_call(unsigned int cmd)
{
	return syscall(SYS_reboot, 0xfee1dead, 672274793, cmd, NULL);
}

/* The init of a pid namespace waits, and a child of it asks for @cmd. */
static int reboot_inside(unsigned int cmd)
{
	int st;
	pid_t pid = (pid_t)clone_flags(CLONE_NEWPID | SIGCHLD);

	if (!pid) {
		if (!fork()) {
			if (reboot_call(0x89abcdef) != -1 || errno != EINVAL)
				_exit(1);
			reboot_call(cmd);
			_exit(2);
		}
		waitpid(-1, &st, 0);
		pause();
		_exit(3);
	}
	return waitpid(pid, &st, 0) == pid ? st : -1;
}

TEST(reboot_in_a_pid_namespace)
{
	CHECK_EQ(reboot_inside(0x01234567), SIGHUP); /* restart */
	CHECK_EQ(reboot_inside(0xcdef0123), SIGINT); /* halt */
	CHECK_EQ(reboot_inside(0x4321fedc), SIGINT); /* power off */
	/* By init itself. */
	int st = 0;
	pid_t pid = (pid_t)clone_flags(CLONE_NEWPID | CLONE_NEWUSER | SIGCHLD);

	if (!pid) {
		reboot_call(0x01234567);
		_exit(2);
	}
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_EQ(st, SIGHUP);
	/* A namespace of one's own, but no rights over it. */
	pid = (pid_t)clone_flags(CLONE_NEWPID | SIGCHLD);
	if (!pid) {
		if (setresuid(1000, 1000, 1000))
			_exit(2);
		_exit(reboot_call(0x01234567) == -1 && errno == EPERM ? 0 : 1);
	}
	CHECK_EQ(reap(pid), 0);
}

static int locks_of(const char *path, int nr)
{
	char line[160], want[32];
	int n = 0;
	FILE *f = fopen(path, "r");

	snprintf(want, sizeof(want), " %d ", nr);
	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "ADVISORY") && strstr(line, want);
	if (f)
		fclose(f);
	return f ? n : -1;
}

static int total_locks(const char *path)
{
	char line[160];
	int n = 0;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		n++;
	if (f)
		fclose(f);
	return f ? n : -1;
}

static int lock_inside(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_len = 1};
	int fd = open("/tmp/ns-lock", O_RDWR);

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 1;
	mkdir("/tmp/lp", 0755);
	CHECK_EQ(mount("proc", "/tmp/lp", "proc", 0, NULL), 0);
	/* The lock of a stranger is not there. */
	CHECK_EQ(total_locks("/tmp/lp/locks"), 0);
	l.l_start = 10;
	CHECK_EQ(fcntl(fd, F_SETLK, &l), 0);
	CHECK_EQ(locks_of("/tmp/lp/locks", 1), 1);
	CHECK_EQ(total_locks("/tmp/lp/locks"), 1);
	/* As the first namespace numbers it, here too. */
	CHECK_EQ(total_locks("/proc/locks"), 2);
	CHECK_EQ(locks_of("/proc/locks", 1), 0);
	return 0;
}

TEST(locks_of_a_namespace)
{
	struct flock l = {.l_type = F_WRLCK, .l_len = 1};
	int fd = open("/tmp/ns-lock", O_CREAT | O_RDWR, 0644);

	CHECK_EQ(fcntl(fd, F_SETLK, &l), 0);
	CHECK_EQ(locks_of("/proc/locks", getpid()), 1);
	pid_t pid = (pid_t)clone_flags(CLONE_NEWPID | SIGCHLD);

	if (!pid) {
		int r = lock_inside();

		fflush(stdout);
		_exit(r || test_failures);
	}
	CHECK_EQ(reap(pid), 0);
	close(fd);
	unlink("/tmp/ns-lock");
}

TEST(nested_setns_pid)
{
	int old = ns_file("pid_for_children");
	char c;

	REQUIRE(!pipe(go_pipe));
	pid_t pid = (pid_t)clone_flags(CLONE_NEWPID | SIGCHLD);

	if (!pid)
		_exit(init_sleeps(NULL));
	CHECK_EQ(read(go_pipe[0], &c, 1), 1);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	int inner = open(path, O_RDONLY);

	CHECK_EQ(setns(inner, CLONE_NEWPID), 0);
	pid_t guest = fork();

	if (!guest)
		_exit(getpid() == 5 && getppid() == 0 ? 11 : 12);
	CHECK_EQ(reap(guest), 11);
	CHECK_EQ(setns(old, 0), 0);
	int parent = ioctl(inner, NS_GET_PARENT);
	struct stat a, b;

	CHECK(parent >= 0 && !fstat(parent, &a) && !fstat(old, &b) && a.st_ino == b.st_ino);
	CHECK_ERR(ioctl(old, NS_GET_PARENT), EPERM);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	return test_run();
}
