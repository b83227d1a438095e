/* /proc and /sys as trees: every file can be read, variables keep their bounds. */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err = errno;
	close(fd);
	return err;
}

static long read_number(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	close(fd);
	return atol(text);
}

/* Names of a directory that appear in it; both ways agree. */
static int look_around(const char *path, int depth)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int n = 0;

	if (!dir)
		return 0;
	while ((e = readdir(dir))) {
		char name[512];
		struct stat st;

		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		CHECK_EQ(lstat(name, &st), 0);
		CHECK_EQ(st.st_mode >> 12, e->d_type);
		n++;
		if (S_ISDIR(st.st_mode) && depth)
			n += look_around(name, depth - 1);
	}
	closedir(dir);
	return n;
}

TEST(variables_have_bounds)
{
	if (geteuid())
		return;
	long before = read_number("/proc/sys/kernel/panic_on_oops");

	CHECK_EQ(write_text("/proc/sys/kernel/panic_on_oops", "1\n"), 0);
	CHECK_EQ(read_number("/proc/sys/kernel/panic_on_oops"), 1);
	int fd = open("/proc/sys/kernel/panic_on_oops", O_WRONLY | O_TRUNC);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "1\n", 2), 2);
	close(fd);
	CHECK_EQ(truncate("/proc/sys/kernel/panic_on_oops", 100), 0);
	CHECK_EQ(write_text("/proc/sys/kernel/panic_on_oops", before ? "1" : "0"), 0);
	CHECK_EQ(write_text("/proc/sys/vm/overcommit_memory", "17"), EINVAL);
	CHECK_EQ(write_text("/proc/sys/vm/overcommit_memory", "x"), EINVAL);
	CHECK(write_text("/proc/sys/kernel/osrelease", "x") != 0);
}

TEST(names_that_are_listed_are_there)
{
	CHECK(look_around("/proc/sys", 4) > 20);
	CHECK(look_around("/proc/self", 0) > 20);
	CHECK(look_around("/sys/devices/system/cpu", 1) > 3);
}

TEST(names_that_are_not_there)
{
	struct stat st;

	CHECK_ERR(stat("/proc/sys/kernel/pid", &st), ENOENT);
	CHECK_ERR(stat("/proc/sys/kernel/pid_max_", &st), ENOENT);
	CHECK_ERR(stat("/proc/sy", &st), ENOENT);
	CHECK_ERR(stat("/proc/sys/kernel/pid_max/x", &st), ENOTDIR);
	CHECK_ERR(open("/proc/sys/kernel/no_such", O_CREAT | O_WRONLY, 0644), ENOENT);
}

static int contains(const char *path, const char *text)
{
	static char buf[65536];
	int fd = open(path, O_RDONLY);
	ssize_t n, len = 0;

	if (fd < 0)
		return 0;
	while ((n = read(fd, buf + len, sizeof(buf) - 1 - (size_t)len)) > 0)
		len += n;
	close(fd);
	buf[len] = 0;
	return strstr(buf, text) != NULL;
}

TEST(files_of_the_machine)
{
	CHECK(contains("/proc/execdomains", "0-0\tLinux           \t[kernel]\n"));
	CHECK(contains("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"));
	CHECK(contains("/proc/dma", " 4: cascade\n"));
	CHECK(contains("/proc/softirqs", "     HRTIMER:"));
	CHECK_EQ(access("/proc/misc", R_OK), 0);
	CHECK(contains("/sys/devices/system/node/node0/distance", "10\n"));
	CHECK(contains("/sys/devices/system/node/online", "0\n"));
	CHECK(contains("/sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: "));
	CHECK(contains("/proc/sys/kernel/arch", "x86_64\n"));
}

TEST(bytes_in_sysfs_have_an_end)
{
	int fd = open("/sys/bus/pci/devices/0000:00:00.0/config", O_RDONLY);
	unsigned short vendor = 0;
	struct stat st;

	if (fd < 0)
		exit(0); /* a machine without PCI */
	REQUIRE(!fstat(fd, &st));
	CHECK(st.st_size == 256 || st.st_size == 4096);
	CHECK_EQ(lseek(fd, 0, SEEK_END), st.st_size);
	CHECK_EQ(read(fd, &vendor, 2), 0);
	CHECK_EQ(lseek(fd, -st.st_size, SEEK_CUR), 0);
	CHECK_EQ(read(fd, &vendor, 2), 2);
	CHECK(vendor && vendor != 0xffff);
	close(fd);
}

/* Addresses of the heap and of mappings in two runs of this program. */
static void print_places(void)
{
	int local;

	printf("%p %p\n", sbrk(0), (void *)&local);
}

static void run_places(char *out, size_t size)
{
	int p[2];
	ssize_t n;

	REQUIRE(pipe(p) == 0);
	pid_t pid = fork();
	if (!pid) {
		dup2(p[1], 1);
		execl("/proc/self/exe", "proc", "places", NULL);
		_exit(1);
	}
	close(p[1]);
	n = read(p[0], out, size - 1);
	out[n > 0 ? n : 0] = 0;
	close(p[0]);
	waitpid(pid, NULL, 0);
}

TEST(randomize_va_space_acts)
{
	char a[80], b[80];

	if (geteuid())
		return;
	run_places(a, sizeof(a));
	run_places(b, sizeof(b));
	CHECK(strcmp(a, b) != 0);
	CHECK_EQ(write_text("/proc/sys/kernel/randomize_va_space", "0"), 0);
	run_places(a, sizeof(a));
	run_places(b, sizeof(b));
	CHECK(a[0] && strcmp(a, b) == 0);
	CHECK_EQ(write_text("/proc/sys/kernel/randomize_va_space", "2"), 0);
}

TEST(file_limits_act)
{
	if (geteuid())
		return;
	long before = read_number("/proc/sys/fs/nr_open");

	CHECK(before >= 1024);
	CHECK_EQ(write_text("/proc/sys/fs/nr_open", "4096"), 0);
	struct rlimit r = {4097, 4097};
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &r), EPERM);
	r = (struct rlimit){4096, 4096};
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &r), 0);
	CHECK_ERR(dup2(0, 4096), EBADF);
	CHECK_EQ(dup2(0, 4095), 4095);
	CHECK_EQ(write_text("/proc/sys/fs/nr_open", "1048576"), 0);
	CHECK(read_number("/proc/sys/fs/file-max") >= 8192);
}

/* What is open already is too much for a copy of the table. */
TEST(nr_open_and_copies)
{
	int status;
	pid_t pid;

	if (!in_test_machine())
		return;
	REQUIRE(dup2(2, 130) == 130);
	CHECK_EQ(write_text("/proc/sys/fs/nr_open", "100"), 0);
	errno = 0;
	pid = fork();
	if (!pid)
		_exit(0);
	CHECK_EQ(pid, -1);
	CHECK_EQ(errno, EMFILE);
	if (pid > 0)
		waitpid(pid, &status, 0);
	/* Counted in words of 64. */
	CHECK_EQ(dup2(2, 99), 99);
	CHECK_EQ(close(130), 0);
	CHECK_EQ(write_text("/proc/sys/fs/nr_open", "128"), 0);
	pid = fork();
	if (!pid)
		_exit(0);
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_EQ(write_text("/proc/sys/fs/nr_open", "1048576"), 0);
}

TEST(kmsg_is_the_log)
{
	char text[4096];

	if (geteuid())
		return;
	int fd = open("/proc/kmsg", O_RDONLY | O_NONBLOCK);
	REQUIRE(fd >= 0);
	while (read(fd, text, sizeof(text)) > 0)
		;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(write_text("/dev/kmsg", "<12>a line for the test\n"), 0);
	struct pollfd p = {fd, POLLIN, 0};
	CHECK_EQ(poll(&p, 1, 2000), 1);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	REQUIRE(n > 0);
	text[n] = 0;
	CHECK(strstr(text, "a line for the test\n") != NULL);
	CHECK(!strncmp(text, "<12>", 4));
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	close(fd);
}

TEST(sysrq_trigger)
{
	if (geteuid())
		return;
	CHECK_EQ(write_text("/proc/sysrq-trigger", "h"), 0);
	CHECK_EQ(write_text("/proc/sysrq-trigger", "s"), 0);
	CHECK_EQ(write_text("/proc/sysrq-trigger", "t"), 0);
}

static int names_poll(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLPRI};

	CHECK_EQ(poll(&p, 1, 0), 1);
	return p.revents;
}

/* A new name of the machine is told once to each who has the file open. */
TEST(names_of_the_machine_tell_changes)
{
	int host = open("/proc/sys/kernel/hostname", O_RDONLY);
	int host2 = open("/proc/sys/kernel/hostname", O_RDONLY);
	int domain = open("/proc/sys/kernel/domainname", O_RDONLY);
	int other = open("/proc/sys/kernel/osrelease", O_RDONLY), ep = epoll_create1(0);
	struct epoll_event e = {.events = 0};
	char old[65];

	if (geteuid())
		return;
	REQUIRE(host >= 0 && host2 >= 0 && domain >= 0 && other >= 0);
	CHECK_EQ(gethostname(old, sizeof(old)), 0);
	CHECK_EQ(names_poll(host), POLLIN);
	CHECK_EQ(names_poll(other), POLLIN);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, host, &e), 0);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	CHECK_EQ(sethostname("told", 4), 0);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 1);
	CHECK(e.events & EPOLLERR);
	CHECK_EQ(names_poll(host2), POLLIN | POLLERR | POLLPRI);
	CHECK_EQ(names_poll(host2), POLLIN);
	CHECK_EQ(names_poll(domain), POLLIN);
	CHECK_EQ(write_text("/proc/sys/kernel/domainname", "told\n"), 0);
	CHECK_EQ(names_poll(domain), POLLIN | POLLERR | POLLPRI);
	CHECK_EQ(write_text("/proc/sys/kernel/domainname", "(none)\n"), 0);
	CHECK_EQ(sethostname(old, strlen(old)), 0);
}

static void *wait_there(void *from)
{
	char c;

	CHECK_EQ(read(*(int *)from, &c, 1), 0);
	return NULL;
}

/* /proc/PID/task has a link for each thread. */
TEST(links_of_threads)
{
	pthread_t t;
	struct stat st;
	int p[2];

	CHECK_EQ(stat("/proc/self/task", &st), 0);
	CHECK_EQ(st.st_nlink, 3);
	REQUIRE(!pipe(p));
	REQUIRE(!pthread_create(&t, NULL, wait_there, &p[0]));
	CHECK_EQ(stat("/proc/self/task", &st), 0);
	CHECK_EQ(st.st_nlink, 4);
	close(p[1]);
	pthread_join(t, NULL);
}

/* An open directory of a process: it stands for the process; and when that has gone. */
TEST(directory_of_a_process)
{
	char name[64], buf[64];
	pid_t pid = fork();
	int dir, thread, status;

	if (!pid) {
		pause();
		_exit(0);
	}
	snprintf(name, sizeof(name), "/proc/%d/task/%d", pid, pid);
	thread = open(name, O_RDONLY | O_DIRECTORY);
	snprintf(name, sizeof(name), "/proc/%d", pid);
	dir = open(name, O_RDONLY | O_DIRECTORY);
	REQUIRE(dir >= 0 && thread >= 0);
	CHECK(readlinkat(dir, "exe", buf, sizeof(buf)) > 0);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, thread, SIGKILL, NULL, 0), EBADF);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, open("/proc", O_RDONLY), SIGKILL, NULL, 0), EBADF);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, open(name, O_PATH), SIGKILL, NULL, 0), EBADF);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, dir, 0, NULL, 0), 0);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, dir, SIGKILL, NULL, 0), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, dir, 0, NULL, 0), ESRCH);
	CHECK_ERR(readlinkat(dir, "exe", buf, sizeof(buf)), ESRCH);
	CHECK_ERR(readlinkat(dir, "ns/user", buf, sizeof(buf)), ESRCH);
	CHECK_ERR(openat(dir, "stat", O_RDONLY), ESRCH);
	CHECK_ERR(open(name, O_RDONLY), ENOENT);
}

/* Names that were not there are found when they are. */
TEST(names_that_come)
{
	char path[64];

	CHECK_ERR(access("/proc/self/fd/77", F_OK), ENOENT);
	CHECK_ERR(access("/proc/self/fdinfo/77", F_OK), ENOENT);
	REQUIRE(dup2(0, 77) == 77);
	CHECK_EQ(access("/proc/self/fd/77", F_OK), 0);
	CHECK_EQ(access("/proc/self/fdinfo/77", F_OK), 0);
	close(77);
	CHECK_ERR(access("/proc/self/fd/77", F_OK), ENOENT);
	REQUIRE(dup2(0, 77) == 77);
	CHECK_EQ(access("/proc/self/fd/77", F_OK), 0);
	/* The next number, or one soon behind it. */
	for (int i = 1; i < 10; i++) {
		snprintf(path, sizeof(path), "/proc/%d", getpid() + i);
		(void)access(path, F_OK);
	}
	pid_t pid = fork();

	if (!pid) {
		pause();
		_exit(0);
	}
	snprintf(path, sizeof(path), "/proc/%d", pid);
	CHECK_EQ(access(path, F_OK), 0);
	kill(pid, 9);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "places")) {
		print_places();
		return 0;
	}
	return test_run();
}
