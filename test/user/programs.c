/* exec: arguments, environment, scripts, auxv, errors; ids, capabilities, prctl, pidfds. */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

extern char **environ;
static const char *self;
static void *volatile bad_address = (void *)1;

static int run(char *const argv[], char *const envp[])
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execve(argv[0], argv, envp);
		_exit(errno);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(arguments_and_environment_arrive)
{
	char *argv[] = {(char *)self, "--child", "args", "one", "", "three words here", NULL};
	char *envp[] = {"A=1", "LONGER=variable with blanks", NULL};

	CHECK_EQ(run(argv, envp), 44);
}

TEST(auxiliary_vector)
{
	char *argv[] = {(char *)self, "--child", "auxv", NULL};

	CHECK_EQ(run(argv, environ), 45);
}

TEST(big_arguments)
{
	size_t size = 100000;
	char *big = malloc(size + 1), *huge = malloc(140000);
	char *argv[] = {(char *)self, "--child", "big", big, big, big, NULL};
	char *argv2[] = {(char *)self, huge, NULL};

	memset(big, 'x', size);
	big[size] = 0;
	CHECK_EQ(run(argv, environ), 46);
	memset(huge, 'y', 139999);
	huge[139999] = 0;
	CHECK_EQ(run(argv2, environ), E2BIG);
}

static void write_file(const char *name, const void *data, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0700);

	REQUIRE(fd >= 0);
	REQUIRE(write(fd, data, len) == (ssize_t)len);
	REQUIRE(fchmod(fd, mode) == 0);
	close(fd);
}

TEST(errors)
{
	char *argv[] = {"x", NULL};
	char truncated[64] = "\177ELF\2\1\1";

	mkdir("d", 0755);
	write_file("plain", "hello\n", 6, 0755);
	write_file("empty", "", 0, 0755);
	write_file("noexec", "#!/bin/sh\n", 10, 0644);
	write_file("nointerp", "#!/no/such/program\n", 19, 0755);
	write_file("short", truncated, sizeof(truncated), 0755);
	CHECK_ERR(execve("./missing", argv, environ), ENOENT);
	CHECK_ERR(execve("", argv, environ), ENOENT);
	CHECK_ERR(execve("./d", argv, environ), EACCES);
	CHECK_ERR(execve("./plain", argv, environ), ENOEXEC);
	CHECK_ERR(execve("./empty", argv, environ), ENOEXEC);
	CHECK_ERR(execve("./noexec", argv, environ), EACCES);
	CHECK_ERR(execve("./nointerp", argv, environ), ENOENT);
	CHECK_ERR(execve("./short", argv, environ), ENOEXEC);
	CHECK_ERR(execve("./plain/x", argv, environ), ENOTDIR);
	CHECK_ERR(execve(bad_address, argv, environ), EFAULT);
	CHECK_ERR(execve(self, (char **)bad_address, environ), EFAULT);
}

TEST(a_running_program_is_not_written)
{
	char buf[65536], *argv[] = {"./copy", "--child", "sleep", NULL};
	int in = open(self, O_RDONLY), out = open("copy", O_WRONLY | O_CREAT | O_TRUNC, 0755),
	    status;
	ssize_t n;
	pid_t pid;

	REQUIRE(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		REQUIRE(write(out, buf, (size_t)n) == n);
	CHECK_ERR(execve("./copy", argv, environ), ETXTBSY);
	close(out);
	pid = fork();
	if (!pid) {
		execve("./copy", argv, environ);
		_exit(1);
	}
	usleep(100000);
	CHECK_ERR(open("copy", O_WRONLY), ETXTBSY);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	out = open("copy", O_WRONLY);
	CHECK(out >= 0);
}

TEST(scripts)
{
	char text[5000];
	char *argv[] = {"./script", "last", NULL};

	snprintf(text, sizeof(text), "#! %s  --child script  \n", self);
	/* One argument at most: it contains the blank. */
	write_file("script", text, strlen(text), 0755);
	CHECK_EQ(run(argv, environ), 47);
}

TEST(close_on_exec)
{
	char *argv[] = {(char *)self, "--child", "fds", NULL};
	int a = open("/", O_RDONLY), b = open("/", O_RDONLY | O_CLOEXEC);

	dup2(a, 20);
	fcntl(b, F_DUPFD_CLOEXEC, 21);
	dup3(a, 21, O_CLOEXEC);
	CHECK_EQ(run(argv, environ), 48);
}

TEST(execveat_of_a_descriptor)
{
	char *argv[] = {"x", "--child", "plain", NULL};
	int status, fd = open(self, O_PATH);
	pid_t pid = fork();

	if (!pid) {
		syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(WEXITSTATUS(status), 49);
	CHECK_ERR(syscall(SYS_execveat, fd, "", argv, environ, 0), ENOENT);
	CHECK_ERR(syscall(SYS_execveat, fd, "x", argv, environ, 0x8), EINVAL);
}

/* What keeps a container from writing to its manager's program: it runs from a sealed copy. */
TEST(execveat_of_a_sealed_copy)
{
	char *argv[] = {"x", "--child", "plain", NULL};
	int status, from = open(self, O_RDONLY), fd = memfd_create("copy", MFD_ALLOW_SEALING);
	struct stat st;
	pid_t pid;

	CHECK_EQ(fstat(from, &st), 0);
	CHECK_EQ(sendfile(fd, from, NULL, (size_t)st.st_size), st.st_size);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
		 0);
	pid = fork();
	if (!pid) {
		syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(WEXITSTATUS(status), 49);
	close(fd);
	close(from);
}

TEST(signals_over_exec)
{
	char *argv[] = {(char *)self, "--child", "signals", NULL};
	sigset_t set;

	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, (void (*)(int))1000);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_EQ(run(argv, environ), 50);
}

/* ---- ids ---- */

TEST(user_and_group_ids)
{
	uid_t r, e, s;
	gid_t groups[4] = {7, 5, 6, 5};

	if (geteuid())
		return;
	CHECK_EQ(setgroups(4, groups), 0);
	CHECK_EQ(getgroups(0, NULL), 4);
	CHECK_ERR(getgroups(2, groups), EINVAL);
	CHECK_EQ(setresgid(100, 101, 102), 0);
	CHECK_EQ(setresuid(1000, 1001, 1002), 0);
	CHECK_EQ(getresuid(&r, &e, &s), 0);
	CHECK(r == 1000 && e == 1001 && s == 1002);
	CHECK_EQ(getuid(), 1000);
	CHECK_EQ(geteuid(), 1001);
	CHECK_EQ(setuid(1002), 0);
	CHECK_EQ(geteuid(), 1002);
	CHECK_ERR(setuid(0), EPERM);
	CHECK_ERR(setgroups(0, NULL), EPERM);
	CHECK_ERR(setresuid(5, -1, -1), EPERM);
	CHECK_EQ(setreuid(-1, 1000), 0);
	CHECK_EQ(syscall(SYS_setfsuid, -1), 1000);
	CHECK_EQ(syscall(SYS_setfsgid, -1), 101);
}

TEST(capabilities)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2], none[2] = {{0}};

	CHECK_EQ(syscall(SYS_capget, &h, d), 0);
	h.version = 1;
	CHECK_ERR(syscall(SYS_capget, &h, d), EINVAL);
	CHECK_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
	CHECK_EQ(syscall(SYS_capset, &h, none), 0);
	CHECK_EQ(syscall(SYS_capget, &h, d), 0);
	CHECK_EQ(d[0].permitted | d[0].effective | d[1].permitted, 0);
	d[0].permitted = 1;
	CHECK_ERR(syscall(SYS_capset, &h, d), EPERM);
	CHECK_ERR(sethostname("x", 1), EPERM);
}

TEST(prctl_options)
{
	char name[16];
	int v;

	CHECK_EQ(prctl(PR_SET_NAME, "a name that is far too long"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK_EQ(strcmp(name, "a name that is "), 0);
	CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
	CHECK_EQ(prctl(PR_GET_PDEATHSIG, &v), 0);
	CHECK_EQ(v, SIGUSR1);
	CHECK_ERR(prctl(PR_SET_PDEATHSIG, 99), EINVAL);
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	CHECK_ERR(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 0), 0);
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
	CHECK_ERR(prctl(PR_SET_DUMPABLE, 5), EINVAL);
	CHECK_EQ(prctl(PR_SET_TIMERSLACK, 1234), 0);
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 1234);
	CHECK_EQ(prctl(PR_CAPBSET_READ, 0) >= 0, 1);
	CHECK_ERR(prctl(PR_CAPBSET_READ, 64), EINVAL);
	CHECK_ERR(prctl(123456), EINVAL);
}

TEST(uname_and_personality)
{
	struct utsname u;

	CHECK_EQ(uname(&u), 0);
	CHECK_EQ(strcmp(u.sysname, "Linux"), 0);
	CHECK_EQ(personality(0xffffffff) & PER_MASK, PER_LINUX);
	CHECK_EQ(personality(ADDR_NO_RANDOMIZE), 0);
	CHECK_EQ(personality(0xffffffff), ADDR_NO_RANDOMIZE);
	CHECK_ERR(getpriority(77, 0), EINVAL);
	errno = 0;
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
	CHECK_ERR(setpriority(PRIO_PROCESS, 999999, 5), ESRCH);
}

TEST(pidfds)
{
	struct pollfd p = {.events = POLLIN};
	siginfo_t si;
	pid_t pid = fork();
	int fd;

	if (!pid) {
		for (;;)
			pause();
	}
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	REQUIRE(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	p.fd = fd;
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0), 0);
	CHECK_EQ(poll(&p, 1, 5000), 1);
	CHECK_EQ(waitid(P_PIDFD, (id_t)fd, &si, WEXITED), 0);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_status, SIGTERM);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0), ESRCH);
	CHECK_ERR(syscall(SYS_pidfd_open, 999999, 0), ESRCH);
	CHECK_ERR(syscall(SYS_pidfd_open, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, 0, SIGTERM, NULL, 0), EBADF);
}

TEST(unshare_and_namespaces)
{
	CHECK_EQ(unshare(CLONE_FILES | CLONE_FS), 0);
	CHECK_ERR(unshare(0x40), EINVAL);
	CHECK_EQ(unshare(0), 0);
}

/* ---- in the executed program ---- */

static int child(int argc, char **argv)
{
	const char *what = argv[2];

	if (!strcmp(what, "args"))
		return argc == 6 && !strcmp(argv[3], "one") && !*argv[4] &&
				       !strcmp(argv[5], "three words here") &&
				       !strcmp(getenv("A"), "1") && environ[2] == NULL
			       ? 44
			       : 1;
	if (!strcmp(what, "auxv"))
		return getauxval(AT_PAGESZ) == 4096 && getauxval(AT_UID) == getuid() &&
				       getauxval(AT_RANDOM) && getauxval(AT_PHDR) &&
				       getauxval(AT_ENTRY) && getauxval(AT_CLKTCK) == 100 &&
				       !getauxval(AT_SECURE) &&
				       strlen((char *)getauxval(AT_EXECFN)) &&
				       strlen((char *)getauxval(AT_PLATFORM))
			       ? 45
			       : 1;
	if (!strcmp(what, "big"))
		return argc == 6 && strlen(argv[5]) == 100000 ? 46 : 1;
	if (!strcmp(what, "fds"))
		return fcntl(20, F_GETFD) == 0 && fcntl(21, F_GETFD) == -1 ? 48 : 1;
	if (!strcmp(what, "plain"))
		return 49;
	if (!strcmp(what, "sleep"))
		return (int)sleep(10);
	if (!strcmp(what, "signals")) {
		struct sigaction a, b;
		sigset_t set;

		sigaction(SIGUSR1, NULL, &a);
		sigaction(SIGUSR2, NULL, &b);
		sigprocmask(SIG_BLOCK, NULL, &set);
		return a.sa_handler == SIG_IGN && b.sa_handler == SIG_DFL &&
				       sigismember(&set, SIGHUP) == 1
			       ? 50
			       : 1;
	}
	return 2;
}

int main(int argc, char **argv)
{
	static char path[4096];

	if (argc > 2 && !strcmp(argv[1], "--child"))
		return child(argc, argv);
	/* As the interpreter of the script: program, its one argument, the script, its argument. */
	if (argc == 4 && !strcmp(argv[1], "--child script"))
		return !strcmp(argv[2], "./script") && !strcmp(argv[3], "last") ? 47 : 3;
	self = readlink("/proc/self/exe", path, sizeof(path) - 1) > 0 ? path : argv[0];
	return test_run();
}
