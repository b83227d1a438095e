/* openat2(2): RESOLVE_* and the rules of struct open_how; O_PATH, O_TMPFILE. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "test.h"

static int dir;

static int openat2(int dfd, const char *path, unsigned long long flags, unsigned long long resolve)
{
	struct open_how how = {.flags = flags, .resolve = resolve};

	return (int)syscall(SYS_openat2, dfd, path, &how, sizeof(how));
}

static void begin(void)
{
	char name[] = "/tmp/oaXXXXXX";
	int fd;

	mkdir("/tmp", 01777);
	REQUIRE(mkdtemp(name) && !chdir(name));
	mkdir("d", 0755);
	mkdir("d/sub", 0755);
	fd = open("d/f", O_CREAT | O_RDWR, 0644);
	close(fd);
	fd = open("out", O_CREAT | O_RDWR, 0644);
	close(fd);
	(void)!symlink("f", "d/rel");
	(void)!symlink("../out", "d/up");
	(void)!symlink("/f", "d/abs");
	(void)!symlink("/proc/self/exe", "d/magic");
	(void)!symlink("loop", "d/loop");
	dir = open("d", O_RDONLY | O_DIRECTORY);
	REQUIRE(dir >= 0);
}

static void opens(int dfd, const char *path, unsigned long long resolve)
{
	int fd = openat2(dfd, path, O_RDONLY, resolve);

	if (fd < 0) {
		printf("# %s with %llx: errno %d\n", path, resolve, errno);
		test_failures++;
		return;
	}
	close(fd);
}

TEST(scopes)
{
	begin();
	opens(dir, "f", RESOLVE_BENEATH);
	opens(dir, "rel", RESOLVE_BENEATH);
	opens(dir, "sub/../f", RESOLVE_BENEATH);
	opens(dir, "sub/..", RESOLVE_BENEATH);
	CHECK_ERR(openat2(dir, "..", 0, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(openat2(dir, "sub/../..", 0, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(openat2(dir, "up", 0, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(openat2(dir, "abs", 0, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(openat2(dir, "/f", 0, RESOLVE_BENEATH), EXDEV);
	opens(dir, "/f", RESOLVE_IN_ROOT);
	opens(dir, "abs", RESOLVE_IN_ROOT);
	opens(dir, "../../f", RESOLVE_IN_ROOT);
	CHECK_ERR(openat2(dir, "up", 0, RESOLVE_IN_ROOT), ENOENT);
	CHECK_ERR(openat2(dir, "rel", 0, RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK_ERR(openat2(dir, "loop", 0, 0), ELOOP);
	int fd = openat2(dir, "rel", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	CHECK(fd >= 0);
	close(fd);
	if (!access("/proc/self/exe", F_OK)) {
		CHECK_ERR(openat2(AT_FDCWD, "/proc/self/exe", 0, RESOLVE_NO_MAGICLINKS), ELOOP);
		opens(AT_FDCWD, "/proc/self/exe", 0);
		CHECK_ERR(openat2(AT_FDCWD, "/proc/self/status", 0, RESOLVE_NO_XDEV), EXDEV);
		CHECK_ERR(openat2(dir, "/proc/self/cwd", 0, RESOLVE_IN_ROOT), ENOENT);
	}
	opens(dir, "sub/../f", RESOLVE_NO_XDEV);
	opens(dir, "f", RESOLVE_CACHED);
	CHECK_ERR(openat2(dir, "f", O_TRUNC | O_WRONLY, RESOLVE_CACHED), EAGAIN);
}

TEST(how)
{
	struct open_how how = {.flags = O_RDONLY};
	struct {
		struct open_how how;
		unsigned long long more;
	} big = {.how = {.flags = O_RDONLY}};
	int fd;

	begin();
	CHECK_ERR(syscall(SYS_openat2, dir, "f", &how, 0), EINVAL);
	CHECK_ERR(syscall(SYS_openat2, dir, "f", &how, 16), EINVAL);
	CHECK_ERR(syscall(SYS_openat2, dir, "f", &how, 8192), E2BIG);
	CHECK_ERR(syscall(SYS_openat2, dir, "f", NULL, sizeof(how)), EFAULT);
	fd = (int)syscall(SYS_openat2, dir, "f", &big, sizeof(big));
	CHECK(fd >= 0);
	close(fd);
	big.more = 1;
	CHECK_ERR(syscall(SYS_openat2, dir, "f", &big, sizeof(big)), E2BIG);
	how.mode = 0644;
	CHECK_ERR(syscall(SYS_openat2, dir, "f", &how, sizeof(how)), EINVAL);
	how = (struct open_how){.flags = O_CREAT | O_RDWR, .mode = 010000};
	CHECK_ERR(syscall(SYS_openat2, dir, "f", &how, sizeof(how)), EINVAL);
	CHECK_ERR(openat2(dir, "f", 1ull << 40, 0), EINVAL);
	CHECK_ERR(openat2(dir, "f", 0, 0x100), EINVAL);
	CHECK_ERR(openat2(dir, "f", 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
	CHECK_ERR(openat2(dir, "f", O_PATH | O_RDWR, 0), EINVAL);
	CHECK_ERR(openat2(dir, "sub", O_TMPFILE | O_RDONLY, 0), EINVAL);
	CHECK_ERR(openat2(dir, "f", O_DIRECTORY, 0), ENOTDIR);
	CHECK_ERR(openat2(99, "f", 0, 0), EBADF);
	CHECK_ERR(openat2(dir, "", 0, 0), ENOENT);
}

TEST(places)
{
	struct stat st;
	char buf[64], path[64];
	int fd, f2;

	begin();
	fd = openat(dir, "f", O_PATH);
	CHECK_ERR(read(fd, buf, 1), EBADF);
	CHECK_ERR(write(fd, buf, 1), EBADF);
	CHECK_ERR(fchmod(fd, 0600), EBADF);
	CHECK_ERR(ftruncate(fd, 0), EBADF);
	CHECK_ERR(ioctl(fd, 0x541B, &f2), EBADF);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
	CHECK_ERR(fcntl(fd, F_SETFL, 0), EBADF);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!access("/proc/self", F_OK)) {
		f2 = open(path, O_RDWR);
		CHECK(f2 >= 0);
		CHECK_EQ(write(f2, "x", 1), 1);
		close(f2);
	}
	close(fd);
	fd = openat(dir, "rel", O_PATH | O_NOFOLLOW);
	CHECK_EQ(readlinkat(fd, "", buf, sizeof(buf)), 1);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	close(fd);
	fd = openat(dir, "sub", O_PATH);
	CHECK_EQ(fchdir(fd), 0);
	f2 = openat(fd, "new", O_CREAT | O_WRONLY, 0600);
	CHECK(f2 >= 0);
	close(f2);
	close(fd);
}

TEST(tmpfiles)
{
	struct stat st;
	char path[64];
	int fd;

	begin();
	CHECK_ERR(openat(dir, "f", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
	CHECK_ERR(openat(dir, "nothing", O_TMPFILE | O_RDWR, 0600), ENOENT);
	fd = openat(dir, "sub", O_TMPFILE | O_RDWR, 0600);
	REQUIRE(fd >= 0);
	CHECK_EQ(write(fd, "text", 4), 4);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	mkdir("d/sub", 0755);
	if (!access("/proc/self", F_OK))
		CHECK_EQ(linkat(AT_FDCWD, path, dir, "named", AT_SYMLINK_FOLLOW), 0);
	if (!geteuid())
		CHECK_EQ(linkat(fd, "", dir, "again", AT_EMPTY_PATH), 0);
	CHECK_EQ(fstatat(dir, "again", &st, 0), 0);
	CHECK_EQ(st.st_size, 4);
	close(fd);
	fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
	CHECK(fd >= 0);
	CHECK_ERR(linkat(fd, "", dir, "never", AT_EMPTY_PATH), ENOENT);
	close(fd);
}

int main(void)
{
	return test_run();
}
