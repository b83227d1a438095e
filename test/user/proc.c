/* /proc and /sys as trees: every file can be read, variables keep their bounds. */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>

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

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "places")) {
		print_places();
		return 0;
	}
	return test_run();
}
