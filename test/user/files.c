/* Files: open, read and write, stat and times, descriptors, locks, seals, copies. */
#include "file_help.h"
#include <limits.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <utime.h>

TEST(open_errors)
{
	struct stat st;

	enter();
	CHECK_ERR(open("none", O_RDONLY), ENOENT);
	CHECK_ERR(open("", O_RDONLY), ENOENT);
	CHECK_ERR(open((char *)8, O_RDONLY), EFAULT);
	CHECK(!make("f", "text"));
	CHECK_ERR(open("f/x", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("f/", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open("f", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
	CHECK_ERR(open(".", O_WRONLY), EISDIR);
	CHECK_ERR(open("new/", O_CREAT | O_WRONLY, 0644), EISDIR);
	CHECK(!symlink("f", "l"));
	CHECK_ERR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK(!symlink("loop", "loop"));
	CHECK_ERR(open("loop", O_RDONLY), ELOOP);
	CHECK(!symlink("target", "dangling"));
	CHECK_ERR(open("dangling", O_RDONLY), ENOENT);
	int fd = open("dangling", O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0);
	close(fd);
	CHECK(!stat("target", &st) && st.st_mode == (S_IFREG | 0600));
	char longname[300];
	memset(longname, 'a', sizeof(longname));
	longname[299] = 0;
	CHECK_ERR(open(longname, O_RDONLY), ENAMETOOLONG);
	longname[255] = 0;
	CHECK(!make(longname, "x"));
	CHECK(content_is(longname, "x"));
	CHECK(!unlink(longname));
	static char path[PATH_MAX + 10];
	memset(path, '/', PATH_MAX + 5);
	CHECK_ERR(open(path, O_RDONLY), ENAMETOOLONG);
	path[PATH_MAX - 1] = 0;
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	CHECK_ERR(open("f", O_RDONLY | O_TMPFILE | O_CREAT, 0600), EINVAL);
}

TEST(reading_and_writing)
{
	char buf[100];
	int fd;

	enter();
	fd = open("f", O_CREAT | O_RDWR, 0644);
	CHECK_EQ(write(fd, "hello world", 11), 11);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
	CHECK_EQ(read(fd, buf, 10), 0);
	CHECK_EQ(lseek(fd, 6, SEEK_SET), 6);
	CHECK_EQ(read(fd, buf, 100), 5);
	CHECK(!memcmp(buf, "world", 5));
	CHECK_EQ(pread(fd, buf, 5, 0), 5);
	CHECK(!memcmp(buf, "hello", 5));
	CHECK_EQ(pwrite(fd, "HE", 2, 0), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, 0, 77), EINVAL);
	CHECK_ERR(pread(fd, buf, 1, -1), EINVAL);
	lseek(fd, 0, SEEK_SET);
	CHECK_ERR(syscall(SYS_read, fd, 8L, 5), EFAULT);
	CHECK_EQ(lseek(fd, 10000, SEEK_SET), 10000);
	CHECK_EQ(write(fd, "x", 1), 1);
	struct stat st;
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_size, 10001);
	CHECK_EQ(pread(fd, buf, 1, 5000), 1);
	CHECK_EQ(buf[0], 0);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 4096);
	CHECK_EQ(lseek(fd, 4096, SEEK_DATA), 8192);
	CHECK_ERR(lseek(fd, 10001, SEEK_DATA), ENXIO);
	struct iovec v[3] = {{buf, 2}, {buf + 10, 0}, {buf + 20, 9}};
	lseek(fd, 0, SEEK_SET);
	CHECK_EQ(readv(fd, v, 3), 11);
	CHECK(!memcmp(buf, "HE", 2) && !memcmp(buf + 20, "llo world", 9));
	CHECK_EQ(pwritev(fd, v, 3, 100), 11);
	CHECK_EQ(preadv2(fd, v, 1, 100, 0), 2);
	close(fd);
	CHECK_ERR(read(fd, buf, 1), EBADF);
	fd = open("f", O_WRONLY | O_APPEND);
	CHECK_ERR(read(fd, buf, 1), EBADF);
	CHECK_EQ(pwrite(fd, "end", 3, 0), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 10004);
	CHECK(!ftruncate(fd, 5));
	CHECK_EQ(lseek(fd, 0, SEEK_END), 5);
	close(fd);
	CHECK(content_is("f", "HEllo"));
	CHECK(!truncate("f", 8));
	CHECK(!truncate("f", 3));
	CHECK(content_is("f", "HEl"));
	CHECK_ERR(truncate("f", -1), EINVAL);
	CHECK_ERR(truncate(".", 0), EISDIR);
	fd = open("f", O_RDONLY);
	CHECK_ERR(ftruncate(fd, 0), EINVAL);
	CHECK_ERR(write(fd, "x", 1), EBADF);
	close(fd);
	fd = open(".", O_RDONLY);
	CHECK_ERR(read(fd, buf, 1), EISDIR);
	close(fd);
}

TEST(size_limit)
{
	struct rlimit r = {1000, 1000};
	char buf[600];
	int fd;

	enter();
	signal(SIGXFSZ, SIG_IGN);
	fd = open("f", O_CREAT | O_RDWR, 0644);
	CHECK(!setrlimit(RLIMIT_FSIZE, &r));
	CHECK_EQ(write(fd, buf, 600), 600);
	CHECK_EQ(write(fd, buf, 600), 400);
	CHECK_ERR(write(fd, buf, 600), EFBIG);
	CHECK_ERR(ftruncate(fd, 2000), EFBIG);
}

TEST(stat_and_times)
{
	struct stat a, b;
	struct timespec ts[2] = {{1000, 5}, {2000, 7}};
	struct statx sx;

	enter();
	CHECK(!make("f", "12345"));
	CHECK(!stat("f", &a));
	CHECK_EQ(a.st_mode, S_IFREG | 0644);
	CHECK_EQ(a.st_nlink, 1);
	CHECK_EQ(a.st_size, 5);
	CHECK_EQ(a.st_blocks, 8);
	CHECK(!link("f", "g"));
	CHECK(!stat("g", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(b.st_nlink, 2);
	CHECK_ERR(link("f", "g"), EEXIST);
	CHECK_ERR(link(".", "h"), EPERM);
	CHECK(!utimensat(AT_FDCWD, "f", ts, 0));
	CHECK(!stat("f", &a));
	CHECK_EQ(a.st_atim.tv_sec, 1000);
	CHECK_EQ(a.st_mtim.tv_nsec, 7);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	CHECK(!utimensat(AT_FDCWD, "f", ts, 0));
	CHECK(!stat("f", &a));
	CHECK_EQ(a.st_atim.tv_sec, 1000);
	CHECK(a.st_mtim.tv_sec > 2000);
	ts[0].tv_nsec = 1000000000;
	CHECK_ERR(utimensat(AT_FDCWD, "f", ts, 0), EINVAL);
	CHECK(!statx(AT_FDCWD, "f", 0, STATX_ALL, &sx));
	CHECK_EQ(sx.stx_size, 5);
	CHECK(sx.stx_mask & STATX_BASIC_STATS);
	CHECK_ERR(statx(AT_FDCWD, "f", 0x40000000, STATX_ALL, &sx), EINVAL);
	CHECK_ERR(stat("f", (void *)8), EFAULT);
	CHECK(!symlink("f", "l"));
	CHECK(!lstat("l", &a) && S_ISLNK(a.st_mode));
	CHECK_EQ(a.st_size, 1);
	CHECK(!fstatat(AT_FDCWD, "l", &a, 0) && S_ISREG(a.st_mode));
	int fd = open("f", O_RDONLY);
	CHECK(!fstatat(fd, "", &a, AT_EMPTY_PATH));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_ERR(fstatat(fd, "x", &a, 0), ENOTDIR);
	CHECK_ERR(fstatat(99, "x", &a, 0), EBADF);
	CHECK_ERR(fstat(99, &a), EBADF);
	close(fd);
	CHECK(!chmod("f", 04711));
	CHECK(!stat("f", &a));
	CHECK_EQ(a.st_mode & 07777, 04711);
	CHECK(!access("f", R_OK | W_OK));
	CHECK_ERR(access("none", F_OK), ENOENT);
	CHECK_ERR(access("f", 16), EINVAL);
}

TEST(descriptors)
{
	int fd, fd2;

	enter();
	fd = open("f", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | 0100000);
	fd2 = dup(fd);
	CHECK_EQ(fcntl(fd2, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 100), 100);
	CHECK_EQ(fcntl(100, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(dup2(fd, 200), 200);
	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_ERR(dup2(99, 99), EBADF);
	CHECK_ERR(syscall(SYS_dup3, fd, fd, 0), EINVAL);
	CHECK_EQ(syscall(SYS_dup3, fd, 300, O_CLOEXEC), 300);
	CHECK(!fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
	CHECK_EQ(fcntl(fd2, F_GETFL), O_RDWR | O_APPEND | O_NONBLOCK | 0100000);
	CHECK(!syscall(SYS_close_range, 100, 250, 0));
	CHECK_ERR(fcntl(100, F_GETFD), EBADF);
	CHECK_ERR(fcntl(200, F_GETFD), EBADF);
	CHECK_EQ(fcntl(300, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(close(100), EBADF);
	CHECK_ERR(syscall(SYS_close_range, 5, 4, 0), EINVAL);
	struct rlimit r = {10, 10};
	CHECK(!setrlimit(RLIMIT_NOFILE, &r));
	while ((fd = dup(0)) >= 0)
		;
	CHECK_EQ(errno, EMFILE);
	CHECK_ERR(dup2(0, 10), EBADF);
	CHECK_ERR(fcntl(0, F_DUPFD, 10), EINVAL);
	int on = 1;
	CHECK_ERR(ioctl(fd2, TCGETS, &on), ENOTTY);
	CHECK(!ioctl(fd2, FIOCLEX));
	CHECK_EQ(fcntl(fd2, F_GETFD), FD_CLOEXEC);
	int p = open("f", O_PATH);
	(void)p;
}

TEST(o_path_and_tmpfile)
{
	char text[64], link_name[64];
	int fd;

	enter();
	CHECK(!make("f", "data"));
	fd = open("f", O_PATH);
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, text, 1), EBADF);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
	struct stat st;
	CHECK(!fstat(fd, &st));
	close(fd);
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "anonymous", 9), 9);
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	if (!access("/proc/self/fd", F_OK)) {
		snprintf(link_name, sizeof(link_name), "/proc/self/fd/%d", fd);
		CHECK(!linkat(AT_FDCWD, link_name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
		CHECK(content_is("named", "anonymous"));
	}
	close(fd);
	CHECK_ERR(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
}

TEST(openat2_scopes)
{
	struct open_how how = {.flags = O_RDONLY};

	enter();
	CHECK(!mkdir("d", 0755) && !make("d/f", "x") && !symlink("/etc", "d/abs") &&
	      !symlink("../up", "d/up") && !make("up", "y"));
	int d = open("d", O_RDONLY | O_DIRECTORY);
	how.resolve = RESOLVE_BENEATH;
	int fd = (int)syscall(SYS_openat2, d, "f", &how, sizeof(how));
	CHECK(fd >= 0);
	close(fd);
	CHECK_ERR(syscall(SYS_openat2, d, "../up", &how, sizeof(how)), EXDEV);
	CHECK_ERR(syscall(SYS_openat2, d, "up", &how, sizeof(how)), EXDEV);
	CHECK_ERR(syscall(SYS_openat2, d, "abs", &how, sizeof(how)), EXDEV);
	CHECK_ERR(syscall(SYS_openat2, d, "/f", &how, sizeof(how)), EXDEV);
	how.resolve = RESOLVE_IN_ROOT;
	fd = (int)syscall(SYS_openat2, d, "/f", &how, sizeof(how));
	CHECK(fd >= 0);
	close(fd);
	fd = (int)syscall(SYS_openat2, d, "../../f", &how, sizeof(how));
	CHECK(fd >= 0);
	close(fd);
	CHECK_ERR(syscall(SYS_openat2, d, "up", &how, sizeof(how)),
		  ELOOP); /* "up" is itself there */
	how.resolve = RESOLVE_NO_SYMLINKS;
	CHECK_ERR(syscall(SYS_openat2, d, "up", &how, sizeof(how)), ELOOP);
	how.resolve = 0x1000;
	CHECK_ERR(syscall(SYS_openat2, d, "f", &how, sizeof(how)), EINVAL);
	CHECK_ERR(syscall(SYS_openat2, d, "f", &how, 8), EINVAL);
}

TEST(permissions)
{
	int fd;

	enter();
	if (getuid())
		exit(0);
	CHECK(!mkdir("closed", 0700) && !make("closed/f", "x") && !make("secret", "x") &&
	      !chmod("secret", 0600) && !mkdir("sticky", 0777) && !chmod("sticky", 01777) &&
	      !make("sticky/f", "x") && !mkdir("sg", 0777) && !chown("sg", 0, 77) &&
	      !chmod("sg", 02777));
	fd = open("sg/f", O_CREAT | O_WRONLY, 0644);
	struct stat st;
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_gid, 77);
	close(fd);
	CHECK(!mkdir("sg/d", 0755) && !stat("sg/d", &st));
	CHECK_EQ(st.st_mode & 07777, 02755);
	REQUIRE(!setgid(1000) && !setuid(1000));
	CHECK_ERR(open("closed/f", O_RDONLY), EACCES);
	CHECK_ERR(open("secret", O_RDONLY), EACCES);
	CHECK_ERR(access("secret", R_OK), EACCES);
	CHECK_ERR(chmod("secret", 0666), EPERM);
	CHECK_ERR(chown("secret", 1000, 1000), EPERM);
	CHECK_ERR(unlink("sticky/f"), EPERM);
	CHECK_ERR(unlink("secret"), EACCES);
	CHECK_ERR(mkdir("x", 0777), EACCES);
	CHECK(!make("sticky/mine", "x") && !unlink("sticky/mine"));
	CHECK_ERR(mount("none", "sticky", "tmpfs", 0, NULL), EPERM);
	CHECK_ERR(chroot("/"), EPERM);
	CHECK_ERR(mknod("sticky/dev", S_IFCHR | 0600, 0x103), EPERM);
	CHECK(!mknod("sticky/fifo", S_IFIFO | 0600, 0));
}

TEST(record_locks)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
	int fd, status;

	enter();
	fd = open("f", O_CREAT | O_RDWR, 0644);
	CHECK(!fcntl(fd, F_SETLK, &l));
	pid_t pid = fork();
	if (!pid) {
		struct flock g = {
			.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
		int ok = !fcntl(fd, F_GETLK, &g) && g.l_type == F_WRLCK && g.l_start == 10 &&
			 g.l_len == 10 && g.l_pid == getppid();

		g = (struct flock){
			.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 15, .l_len = 1};
		ok = ok && fcntl(fd, F_SETLK, &g) == -1 && errno == EAGAIN;
		g.l_start = 20;
		ok = ok && !fcntl(fd, F_SETLK, &g);
		/* Waits until the parent lets go. */
		g.l_start = 15;
		ok = ok && !fcntl(fd, F_SETLKW, &g);
		_exit(!ok);
	}
	usleep(50000);
	l.l_type = F_UNLCK;
	CHECK(!fcntl(fd, F_SETLK, &l));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	l.l_type = F_WRLCK;
	l.l_pid = 0;
	CHECK(!fcntl(fd, F_OFD_SETLK, &l));
	int fd2 = open("f", O_RDWR);
	CHECK_ERR(fcntl(fd2, F_OFD_SETLK, &l), EAGAIN);
	close(fd);
	CHECK(!fcntl(fd2, F_OFD_SETLK, &l));
	CHECK(!flock(fd2, LOCK_EX));
	int fd3 = open("f", O_RDWR);
	CHECK_ERR(flock(fd3, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK(!flock(fd2, LOCK_SH));
	CHECK(!flock(fd3, LOCK_SH | LOCK_NB));
	CHECK_ERR(flock(fd3, 77), EINVAL);
}

TEST(mounts)
{
	struct statfs fs;
	struct stat a, b;

	enter();
	if (getuid())
		exit(0);
	CHECK(!mkdir("m", 0755) && !mkdir("b", 0755));
	if (mount("none", "m", "tmpfs", 0, "size=64k,nr_inodes=10,mode=700")) {
		if (errno == EPERM)
			exit(0); /* a container */
		CHECK(0);
	}
	CHECK(!statfs("m", &fs));
	CHECK_EQ(fs.f_type, 0x01021994);
	CHECK_EQ(fs.f_blocks, 16);
	CHECK_EQ(fs.f_files, 10);
	CHECK(!stat("m", &a) && !stat(".", &b));
	CHECK(a.st_dev != b.st_dev);
	CHECK_EQ(a.st_mode & 07777, 0700);
	CHECK(!stat("m/..", &a));
	CHECK_EQ(a.st_ino, b.st_ino);
	int fd = open("m/f", O_CREAT | O_RDWR, 0644);
	static char buf[70000];
	CHECK_EQ(write(fd, buf, sizeof(buf)), 65536);
	CHECK_ERR(write(fd, buf, 1), ENOSPC);
	CHECK_ERR(umount("m"), EBUSY);
	CHECK(!ftruncate(fd, 0));
	CHECK_EQ(write(fd, buf, 10), 10);
	close(fd);
	for (int i = 0; i < 8; i++) {
		char name[16];

		snprintf(name, sizeof(name), "m/%d", i);
		CHECK(!make(name, ""));
	}
	CHECK_ERR(open("m/many", O_CREAT | O_WRONLY, 0644), ENOSPC);
	CHECK(!mount("m", "b", NULL, MS_BIND, NULL));
	CHECK(!access("b/3", F_OK));
	CHECK_ERR(rename("m/3", "b/33"), EXDEV);
	CHECK(!mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	CHECK_ERR(open("b/3", O_WRONLY), EROFS);
	CHECK_ERR(unlink("b/3"), EROFS);
	CHECK(!unlink("m/3"));
	CHECK_ERR(rmdir("m"), EBUSY);
	CHECK(!umount("b"));
	CHECK_ERR(umount("b"), EINVAL);
	CHECK_ERR(mount("none", "m", "nonesuch", 0, NULL), ENODEV);
	CHECK_ERR(mount("none", "m", "tmpfs", 0, "bogus=1"), EINVAL);
	CHECK(!mount(NULL, "m", NULL, MS_PRIVATE, NULL));
	CHECK(!mkdir("m2", 0755) && !mount("m", "m2", NULL, MS_MOVE, NULL));
	CHECK(!access("m2/4", F_OK));
	fd = open("m2/4", O_RDONLY);
	CHECK(!umount2("m2", MNT_DETACH));
	CHECK(fd >= 0 && access("m2/4", F_OK));
	close(fd);
}

TEST(extended_attributes)
{
	char buf[64];

	enter();
	CHECK(!make("f", ""));
	if (setxattr("f", "trusted.a", "value", 5, 0)) {
		CHECK(errno == EPERM || errno == ENOTSUP);
		exit(0);
	}
	CHECK_EQ(getxattr("f", "trusted.a", buf, sizeof(buf)), 5);
	CHECK_EQ(getxattr("f", "trusted.a", buf, 0), 5);
	CHECK_ERR(getxattr("f", "trusted.a", buf, 2), ERANGE);
	CHECK_ERR(getxattr("f", "trusted.none", buf, 2), ENODATA);
	CHECK_ERR(setxattr("f", "trusted.a", "v", 1, XATTR_CREATE), EEXIST);
	CHECK_ERR(setxattr("f", "trusted.b", "v", 1, XATTR_REPLACE), ENODATA);
	CHECK(listxattr("f", buf, sizeof(buf)) >= 10);
	CHECK(!removexattr("f", "trusted.a"));
	CHECK_ERR(removexattr("f", "trusted.a"), ENODATA);
	CHECK_ERR(setxattr("f", "bogus", "v", 1, 0), EOPNOTSUPP);
}

TEST(memfd_and_seals)
{
	int fd = memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char *p;

	enter();
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && p[3] == '3');
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	munmap(p, 4096);
	CHECK(!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	CHECK_ERR(ftruncate(fd, 5), EPERM);
	CHECK_ERR(ftruncate(fd, 50), EPERM);
	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	CHECK(!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL));
	CHECK_ERR(pwrite(fd, "x", 1, 0), EPERM);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	CHECK_EQ((long)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), -1);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && p[0] == 'x');
	close(fd);
	fd = memfd_create("name", 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERR(memfd_create("name", 0x100), EINVAL);
	close(fd);
	fd = open("f", O_CREAT | O_RDWR, 0644);
	CHECK(!fallocate(fd, 0, 0, 10000));
	CHECK_EQ(lseek(fd, 0, SEEK_END), 10000);
	CHECK_EQ(pwrite(fd, "data", 4, 5000), 4);
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096));
	char c = 1;
	CHECK_EQ(pread(fd, &c, 1, 5000), 1);
	CHECK_EQ(c, 0);
	CHECK_ERR(fallocate(fd, 0, -1, 10), EINVAL);
}

TEST(times_left_alone)
{
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};

	/* Nothing to do, so nothing is looked at. */
	CHECK_EQ(utimensat(AT_FDCWD, "/no/such/place", t, 0), 0);
	CHECK_EQ(utimensat(-5, "x", t, 0xffff), 0);
	t[1].tv_nsec = UTIME_NOW;
	CHECK_ERR(utimensat(AT_FDCWD, "/no/such/place", t, 0), ENOENT);
	CHECK_ERR(utimensat(-5, "x", t, 0xffff), EINVAL);
}

TEST(positions_of_sendfile)
{
	off_t off = 0, *fixed;
	int a, b;

	enter();
	CHECK(!make("a", "0123456789"));
	a = open("a", O_RDONLY);
	b = open("b", O_CREAT | O_RDWR, 0644);
	off = 0x7ffffffffffffffe;
	CHECK_ERR(sendfile(b, a, &off, 3), EINVAL);
	CHECK_EQ(sendfile(b, a, &off, 1), 0);
	off = -1;
	CHECK_ERR(sendfile(b, a, &off, 1), EINVAL);
	CHECK_ERR(sendfile(b, -1, &off, 1), EBADF);
	/* The position is written back though nothing has moved. */
	fixed = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(fixed != MAP_FAILED);
	CHECK_ERR(sendfile(b, a, fixed, 0), EFAULT);
	CHECK_ERR(sendfile(b, -1, fixed, 1), EFAULT);
	CHECK_ERR(sendfile(b, a, (off_t *)8, 1), EFAULT);
}

TEST(copies_between_files)
{
	char buf[64];
	off_t off = 2;
	int a, b, p[2];

	enter();
	CHECK(!make("a", "0123456789"));
	a = open("a", O_RDONLY);
	b = open("b", O_CREAT | O_RDWR, 0644);
	CHECK_EQ(sendfile(b, a, &off, 5), 5);
	CHECK_EQ(off, 7);
	CHECK_EQ(sendfile(b, a, NULL, 100), 10);
	CHECK(content_is("b", "234560123456789"));
	loff_t in = 0, out = 1;
	CHECK_EQ(copy_file_range(a, &in, b, &out, 3, 0), 3);
	CHECK(content_is("b", "201260123456789"));
	CHECK(!pipe(p));
	off = 0;
	CHECK_EQ(sendfile(p[1], a, &off, 4), 4);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 4);
	CHECK(!memcmp(buf, "0123", 4));
	in = 1;
	CHECK_EQ(splice(a, &in, p[1], NULL, 4, 0), 4);
	CHECK_EQ(splice(p[0], NULL, b, NULL, 4, 0), 4);
	CHECK(content_is("b", "2012601234567891234"));
}

/* The calls that differ from others by how they name a file. */
TEST(other_forms)
{
	struct timeval tv[2] = {{10, 5}, {20, 6}};
	struct utimbuf ut = {30, 40};
	struct iovec v = {(char *)"abc", 3};
	char buf[300];
	struct statfs fs;
	struct stat st;
	int d, fd;

	enter();
	d = open(".", O_RDONLY | O_DIRECTORY);
	fd = creat("f", 0640);
	CHECK(fd >= 0);
	CHECK_EQ(writev(fd, &v, 1), 3);
	CHECK_EQ(syscall(SYS_pwrite64, fd, "xy", 2L, 3L), 2);
	CHECK_EQ(pwritev2(fd, &v, 1, 5, 0), 3);
	CHECK_ERR(syscall(SYS_pwritev2, fd, &v, 1L, 5L, 0L, 0x1000), EOPNOTSUPP);
	CHECK(!fsync(fd) && !fdatasync(fd) && !syncfs(fd) && !sync_file_range(fd, 0, 0, 2));
	CHECK_ERR(sync_file_range(fd, -1, 0, 0), EINVAL);
	sync();
	CHECK(!fchmod(fd, 0600) && !fchown(fd, getuid(), getgid()) && !lchown("f", getuid(), -1));
	CHECK(!fstatfs(fd, &fs));
	CHECK_EQ(fs.f_namelen, 255);
	close(fd);
	fd = (int)syscall(SYS_openat, d, "f", O_RDONLY, 0);
	v.iov_base = buf;
	CHECK_EQ(syscall(SYS_pread64, fd, buf, 8L, 0L), 8);
	CHECK(!memcmp(buf, "abcxyabc", 8));
	CHECK_EQ(preadv(fd, &v, 1, 3), 3);
	CHECK(!memcmp(buf, "xya", 3));
	CHECK(!utime("f", &ut) && !stat("f", &st));
	CHECK_EQ(st.st_mtime, 40);
	CHECK(!utimes("f", tv) && !stat("f", &st));
	CHECK_EQ(st.st_mtim.tv_nsec, 6000);
	CHECK(!futimesat(d, "f", tv));
	CHECK(!mkdirat(d, "sub", 0755) && !fchdir(d));
	CHECK_ERR(fchdir(fd), ENOTDIR);
	CHECK(!mknodat(d, "fifo", S_IFIFO | 0600, 0) && !symlinkat("f", d, "link"));
	CHECK_EQ(readlinkat(d, "link", buf, sizeof(buf)), 1);
	CHECK(!syscall(SYS_newfstatat, d, "link", &st, AT_SYMLINK_NOFOLLOW) && S_ISLNK(st.st_mode));
	CHECK(!syscall(SYS_fchmodat, d, "f", 0444) &&
	      !fchownat(d, "link", -1, -1, AT_SYMLINK_NOFOLLOW));
	CHECK(!syscall(SYS_faccessat, d, "f", R_OK));
	long r = syscall(SYS_faccessat2, d, "link", F_OK, AT_SYMLINK_NOFOLLOW);
	CHECK(!r || errno == ENOSYS);
	CHECK(!renameat(d, "link", d, "renamed"));
	CHECK(syscall(SYS_getdents64, d, buf, sizeof(buf)) > 0);
	lseek(d, 0, SEEK_SET);
	CHECK(syscall(SYS_getdents, d, buf, sizeof(buf)) > 0);
	CHECK_ERR(lsetxattr("none", "trusted.a", "x", 1, 0), ENOENT);
	CHECK_ERR(fsetxattr(99, "trusted.a", "x", 1, 0), EBADF);
	CHECK_ERR(lgetxattr("none", "trusted.a", buf, 1), ENOENT);
	CHECK_ERR(fgetxattr(99, "trusted.a", buf, 1), EBADF);
	CHECK(llistxattr("f", buf, sizeof(buf)) >= 0 && flistxattr(fd, buf, sizeof(buf)) >= 0);
	CHECK_ERR(lremovexattr("none", "trusted.a"), ENOENT);
	CHECK_ERR(fremovexattr(99, "trusted.a"), EBADF);
	fd = dup(fd);
	CHECK(!close_range((unsigned int)fd, (unsigned int)fd, 0));
	CHECK_ERR(fcntl(fd, F_GETFD), EBADF);
}

int main(void)
{
	return test_run();
}
