/* Calls that move data between files, and their relatives with flags: what they refuse. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include "test.h"

#ifndef RWF_APPEND
#define RWF_APPEND 16
#endif
#define CLOEXEC_RANGE 4u
#define UNSHARE_RANGE 2u

static int begin(void)
{
	char dir[] = "/tmp/mvXXXXXX";
	int fd;

	mkdir("/tmp", 01777);
	REQUIRE(mkdtemp(dir) && !chdir(dir));
	fd = open("f", O_CREAT | O_RDWR, 0644);
	REQUIRE(fd >= 0 && write(fd, "0123456789", 10) == 10);
	return fd;
}

static void *page(int prot)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED);
	memset(p, 0, 4096);
	REQUIRE(!mprotect(p, 4096, prot));
	return p;
}

TEST(sendfile_refuses)
{
	int fd = begin(), out = open("g", O_CREAT | O_RDWR, 0644), p[2];
	int rd = open("f", O_RDONLY), ap = open("g", O_RDWR | O_APPEND);
	int empty = open("e", O_CREAT | O_RDWR, 0644);
	off_t off = -1;

	REQUIRE(!pipe(p));
	CHECK_ERR(sendfile(out, fd, &off, 5), EINVAL);
	CHECK_ERR(sendfile(rd, fd, NULL, 5), EBADF);
	CHECK_ERR(sendfile(99, fd, NULL, 5), EBADF);
	CHECK_ERR(sendfile(out, 99, NULL, 5), EBADF);
	CHECK_ERR(sendfile(ap, fd, NULL, 5), EINVAL);
	off = 0;
	CHECK_ERR(sendfile(out, p[0], &off, 5), ESPIPE);
	/* The offset is stored whatever was moved. */
	CHECK_ERR(sendfile(out, fd, page(PROT_NONE), 5), EFAULT);
	CHECK_ERR(sendfile(out, empty, page(PROT_READ), 5), EFAULT);
	CHECK_ERR(sendfile(out, empty, page(PROT_READ | PROT_EXEC), 5), EFAULT);
	CHECK_ERR(sendfile(out, fd, (off_t *)-1L, 5), EFAULT);
	CHECK_EQ(lseek(out, 0, SEEK_CUR), 0);
	off = 3;
	CHECK_EQ(sendfile(out, fd, &off, 100), 7);
	CHECK_EQ(off, 10);
	CHECK_EQ(lseek(out, 0, SEEK_CUR), 7);
	CHECK_EQ(sendfile(out, fd, &off, 100), 0);
}

TEST(copy_file_range_refuses)
{
	int fd = begin(), rd = open("f", O_RDONLY), wr = open("f", O_WRONLY);
	int out = open("g", O_CREAT | O_RDWR, 0644), ap = open("g", O_RDWR | O_APPEND);
	int dir = open(".", O_RDONLY), p[2];
	off_t a = 0, b = 0;
	char got[16] = "";

	REQUIRE(!pipe(p));
	CHECK_ERR(copy_file_range(rd, NULL, out, NULL, 5, 1), EINVAL);
	CHECK_ERR(copy_file_range(wr, NULL, out, NULL, 5, 0), EBADF);
	CHECK_ERR(copy_file_range(rd, NULL, rd, NULL, 5, 0), EBADF);
	CHECK_ERR(copy_file_range(rd, NULL, ap, NULL, 5, 0), EBADF);
	CHECK_ERR(copy_file_range(rd, NULL, 99, NULL, 5, 0), EBADF);
	CHECK_ERR(copy_file_range(dir, NULL, out, NULL, 5, 0), EISDIR);
	CHECK_ERR(copy_file_range(p[0], NULL, out, NULL, 5, 0), EINVAL);
	CHECK_ERR(copy_file_range(rd, NULL, p[1], NULL, 5, 0), EINVAL);
	/* Overlapping ranges of one file. */
	b = 4;
	CHECK_ERR(copy_file_range(fd, &a, fd, &b, 5, 0), EINVAL);
	b = 5;
	CHECK_EQ(copy_file_range(fd, &a, fd, &b, 5, 0), 5);
	CHECK_EQ(pread(fd, got, 10, 0), 10);
	CHECK(!strcmp(got, "0123401234"));
	CHECK_EQ(a, 5);
	CHECK_EQ(b, 10);
	/* Behind the end there is nothing. */
	a = 10;
	CHECK_EQ(copy_file_range(rd, &a, out, NULL, 5, 0), 0);
	a = 0;
	b = 0x7fffffffffffffff;
	CHECK_EQ(copy_file_range(rd, &a, out, &b, 5, 0), -1);
	CHECK(errno == EOVERFLOW || errno == EFBIG);
	CHECK_ERR(copy_file_range(rd, page(PROT_NONE), out, NULL, 5, 0), EFAULT);
}

TEST(limits_of_size)
{
	int fd = begin(), out = open("g", O_CREAT | O_RDWR, 0644);
	off_t a = 0, b = 4;
	struct rlimit r = {6, 6};

	signal(SIGXFSZ, SIG_IGN);
	REQUIRE(!setrlimit(RLIMIT_FSIZE, &r));
	CHECK_EQ(copy_file_range(fd, &a, out, &b, 5, 0), 2);
	b = 6;
	a = 0;
	CHECK_ERR(copy_file_range(fd, &a, out, &b, 5, 0), EFBIG);
	CHECK_EQ(lseek(out, 6, SEEK_SET), 6);
	CHECK_ERR(sendfile(out, fd, &a, 5), EFBIG);
}

TEST(splice_refuses)
{
	int fd = begin(), p[2], q[2], ap = open("f", O_RDWR | O_APPEND);
	loff_t off = 0;
	char got[8];

	REQUIRE(!pipe(p) && !pipe(q));
	CHECK_EQ(splice(99, NULL, 99, NULL, 0, 0), 0);
	CHECK_ERR(splice(99, NULL, p[1], NULL, 1, 0), EBADF);
	CHECK_ERR(splice(fd, NULL, fd, NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(fd, NULL, p[1], NULL, 1, 0x100), EINVAL);
	CHECK_ERR(splice(fd, NULL, p[1], &off, 1, 0), ESPIPE);
	CHECK_ERR(splice(fd, NULL, p[0], NULL, 1, 0), EBADF);
	CHECK_EQ(splice(fd, &off, p[1], NULL, 4, 0), 4);
	CHECK_EQ(off, 4);
	CHECK_ERR(splice(p[0], NULL, ap, NULL, 4, 0), EINVAL);
	CHECK_ERR(splice(p[0], &off, q[1], NULL, 4, 0), ESPIPE);
	CHECK_EQ(tee(p[0], q[1], 100, 0), 4);
	CHECK_EQ(splice(p[0], NULL, q[1], NULL, 2, 0), 2);
	CHECK_EQ(read(q[0], got, 8), 6);
	CHECK(!memcmp(got, "012301", 6));
	CHECK_ERR(tee(p[0], p[1], 1, 0), EINVAL);
	CHECK_ERR(tee(fd, p[1], 1, 0), EINVAL);
	CHECK_EQ(read(p[0], got, 8), 2);
	CHECK_ERR(splice(p[0], NULL, q[1], NULL, 4, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(splice(fd, page(PROT_READ), p[1], NULL, 4, 0), EFAULT);
	CHECK_ERR(splice(fd, page(PROT_NONE), p[1], NULL, 4, 0), EFAULT);
	CHECK_ERR(vmsplice(fd, &(struct iovec){got, 4}, 1, 0), EBADF);
	CHECK_ERR(vmsplice(q[1], &(struct iovec){got, 4}, 1, 0x100), EINVAL);
	close(p[1]);
	while (read(p[0], got, 8) > 0)
		;
	CHECK_EQ(splice(p[0], NULL, fd, NULL, 4, 0), 0);
}

TEST(vectors_with_flags)
{
	int fd = begin(), rd = open("f", O_RDONLY), p[2];
	char got[16] = "";
	struct iovec v[2] = {{got, 2}, {got + 2, 3}};
	struct iovec w[1] = {{"xy", 2}};

	REQUIRE(!pipe(p));
	CHECK_EQ(preadv2(rd, v, 2, 1, 0), 5);
	CHECK(!strcmp(got, "12345"));
	CHECK_EQ(preadv2(rd, v, 2, -1, RWF_HIPRI), 5);
	CHECK_EQ(lseek(rd, 0, SEEK_CUR), 5);
	/* Neither files in memory nor pipes can promise that (later kernels do). */
	if (preadv2(rd, v, 2, 0, RWF_NOWAIT) != 5)
		CHECK_EQ(errno, EOPNOTSUPP);
	CHECK_ERR(preadv2(rd, v, 2, 0, 0x8000), EOPNOTSUPP);
	CHECK_ERR(preadv2(rd, v, 2, -2, 0), EINVAL);
	CHECK_ERR(pwritev2(rd, w, 1, 0, 0), EBADF);
	CHECK_EQ(pwritev2(fd, w, 1, 0, RWF_DSYNC), 2);
	CHECK_EQ(pwritev2(fd, w, 1, 0, RWF_SYNC), 2);
	/* Behind the end, wherever the call says; the position is the call's. */
	CHECK_EQ(pwritev2(fd, w, 1, 0, RWF_APPEND), 2);
	CHECK_EQ(pread(fd, got, 12, 0), 12);
	CHECK(!memcmp(got, "xy23456789xy", 12));
	lseek(fd, 3, SEEK_SET);
	CHECK_EQ(pwritev2(fd, w, 1, -1, RWF_APPEND), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 14);
	CHECK_EQ(preadv2(p[0], v, 2, -1, RWF_NOWAIT), -1);
	CHECK(errno == EAGAIN || errno == EOPNOTSUPP);
	CHECK_ERR(preadv2(p[0], v, 2, 0, 0), ESPIPE);
	CHECK_EQ(pwritev2(p[1], w, 1, -1, 0), 2);
	CHECK_EQ(preadv2(p[0], v, 2, -1, 0), 2);
}

TEST(ranges_of_descriptors)
{
	int a = begin(), b, c;

	b = fcntl(a, F_DUPFD, 100);
	c = fcntl(a, F_DUPFD, 200);
	CHECK_ERR(syscall(SYS_close_range, 101, 100, 0), EINVAL);
	CHECK_ERR(syscall(SYS_close_range, 100, 101, 1), EINVAL);
	CHECK_EQ(syscall(SYS_close_range, 100, 150, CLOEXEC_RANGE), 0);
	CHECK_EQ(fcntl(b, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(c, F_GETFD), 0);
	CHECK_EQ(syscall(SYS_close_range, 100, ~0u, UNSHARE_RANGE), 0);
	CHECK_ERR(fcntl(b, F_GETFD), EBADF);
	CHECK_ERR(fcntl(c, F_GETFD), EBADF);
	CHECK_EQ(fcntl(a, F_GETFD), 0);
	/* Of a table that two have, only the caller's copy. */
	b = fcntl(a, F_DUPFD, 100);
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		CHECK_EQ(syscall(SYS_close_range, 90, ~0u, UNSHARE_RANGE), 0);
		CHECK_ERR(fcntl(b, F_GETFD), EBADF);
		_exit(test_failures != 0);
	}
	int st;
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_EQ(st, 0);
	CHECK_EQ(fcntl(b, F_GETFD), 0);
}

TEST(access_with_flags)
{
	int fd = begin(), at_empty = 0x1000, eaccess = 0x200;

	CHECK_EQ(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0), 0);
	CHECK_ERR(syscall(SYS_faccessat2, AT_FDCWD, "f", 8, 0), EINVAL);
	CHECK_ERR(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 1), EINVAL);
	CHECK_ERR(syscall(SYS_faccessat2, fd, "", R_OK, 0), ENOENT);
	CHECK_EQ(syscall(SYS_faccessat2, fd, "", R_OK | W_OK, at_empty), 0);
	CHECK_ERR(syscall(SYS_faccessat2, fd, "", X_OK, at_empty), EACCES);
	CHECK(!symlink("nowhere", "l"));
	CHECK_ERR(syscall(SYS_faccessat2, AT_FDCWD, "l", F_OK, 0), ENOENT);
	CHECK_EQ(syscall(SYS_faccessat2, AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	/* The real id decides, unless asked for the effective one. */
	CHECK(!chmod("f", 0600) && !chmod(".", 0755));
	if (geteuid())
		return;
	REQUIRE(!setresuid(1000, 0, 0));
	CHECK_ERR(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0), EACCES);
	CHECK_EQ(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, eaccess), 0);
	REQUIRE(!setresuid(0, 1000, 0));
	CHECK_EQ(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0), 0);
	CHECK_ERR(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, eaccess), EACCES);
}

TEST(statx_masks)
{
	int fd = begin();
	struct statx x;
	struct stat st;

	REQUIRE(!fstat(fd, &st));
	CHECK(!statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &x));
	CHECK_EQ(x.stx_mask & (STATX_BASIC_STATS | STATX_BTIME), STATX_BASIC_STATS | STATX_BTIME);
	CHECK_EQ(x.stx_ino, st.st_ino);
	CHECK_EQ(x.stx_size, 10);
	CHECK_EQ(x.stx_mode, st.st_mode);
	CHECK(makedev(x.stx_dev_major, x.stx_dev_minor) == st.st_dev);
	CHECK(x.stx_btime.tv_sec > 0);
	CHECK_EQ(x.stx_attributes & ~x.stx_attributes_mask, 0);
	CHECK(x.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT);
	CHECK_EQ(x.stx_attributes_mask & 0x201000, 0x201000); /* AUTOMOUNT, DAX */
	CHECK(!(x.stx_attributes & STATX_ATTR_MOUNT_ROOT));
	CHECK(!statx(AT_FDCWD, "/", 0, 0x1000 /* STATX_MNT_ID */, &x));
	CHECK(x.stx_mask & 0x1000);
	CHECK(x.stx_attributes & STATX_ATTR_MOUNT_ROOT);
	CHECK_ERR(statx(AT_FDCWD, "f", 0, 0x80000000u, &x), EINVAL);
	CHECK_ERR(statx(AT_FDCWD, "f", 0x6000, 0, &x), EINVAL);
	CHECK_ERR(statx(AT_FDCWD, "f", 1, 0, &x), EINVAL);
	CHECK_EQ(statx(AT_FDCWD, "f", AT_STATX_DONT_SYNC, 0, &x), 0);
	CHECK_EQ(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC | AT_NO_AUTOMOUNT, 0, &x), 0);
	CHECK_ERR(statx(AT_FDCWD, "", 0, 0, &x), ENOENT);
	CHECK_ERR(statx(AT_FDCWD, "f", 0, 0, (struct statx *)8), EFAULT);
	CHECK(!symlink("f", "l"));
	CHECK_EQ(statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &x), 0);
	CHECK(S_ISLNK(x.stx_mode));
}

TEST(two_names_of_one_file)
{
	begin();
	CHECK(!link("f", "h"));
	CHECK_ERR(renameat2(AT_FDCWD, "f", AT_FDCWD, "f", RENAME_NOREPLACE), EEXIST);
	CHECK_ERR(renameat2(AT_FDCWD, "f", AT_FDCWD, "h", RENAME_NOREPLACE), EEXIST);
	CHECK_ERR(renameat2(AT_FDCWD, "f", AT_FDCWD, "h/", 0), ENOTDIR);
	CHECK_EQ(renameat2(AT_FDCWD, "f", AT_FDCWD, "h", 0), 0);
	CHECK_EQ(renameat2(AT_FDCWD, "f", AT_FDCWD, "h", RENAME_EXCHANGE), 0);
	CHECK(!access("f", F_OK) && !access("h", F_OK));
}

int main(void)
{
	return test_run();
}
