/* /proc and /sys as trees: every file can be read, variables keep their bounds. */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
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

int main(void)
{
	return test_run();
}
