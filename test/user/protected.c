/* /proc/sys/fs/protected_*, pipe-max-size, pipe-user-pages-*. */
#include "test.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

static int sysctl_set(const char *name, const char *value)
{
	char path[128];
	int fd, err;

	snprintf(path, sizeof(path), "/proc/sys/fs/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	err = write(fd, value, strlen(value)) < 0 ? -1 : 0;
	close(fd);
	return err;
}

static const char *sysctl_get(const char *name)
{
	static char text[64];
	char path[128];
	int fd;
	long n;

	snprintf(path, sizeof(path), "/proc/sys/fs/%s", name);
	fd = open(path, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n - 1 : 0] = 0;
	return text;
}

/* A directory as /tmp, of uid 100. */
static void make_dir(mode_t mode)
{
	umask(0);
	REQUIRE(mkdir("/tmp/prot", 0777) == 0);
	REQUIRE(chown("/tmp/prot", 100, 100) == 0);
	REQUIRE(chmod("/tmp/prot", mode) == 0);
	REQUIRE(chdir("/tmp/prot") == 0);
}

static void as(uid_t uid, void (*fn)(void))
{
	int st;

	fflush(stdout);
	if (!fork()) {
		if (syscall(SYS_setgid, uid) || syscall(SYS_setuid, uid))
			_exit(9);
		fn();
		fflush(stdout);
		_exit(test_failures != 0);
	}
	REQUIRE(wait(&st) > 0);
	CHECK_EQ(st, 0);
}

static void remove_all(void)
{
	static const char *const names[] = {"/tmp/prot/link", "/tmp/prot/mine", "/tmp/prot/fifo",
					    "/tmp/prot/reg",  "/tmp/prot/own",	"/tmp/prot/hard",
					    "/tmp/target"};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(names[i]);
	REQUIRE(chdir("/") == 0);
	CHECK_EQ(rmdir("/tmp/prot"), 0);
}

static void follow_foreign(void)
{
	struct stat st;

	CHECK_ERR(open("link", O_RDONLY), EACCES);
	CHECK_ERR(open("link", O_RDWR | O_CREAT, 0600), EACCES);
	CHECK_ERR(stat("link", &st), EACCES);
	CHECK_EQ(lstat("link", &st), 0);
	CHECK_EQ(symlink("/tmp/target", "mine"), 0);
	CHECK_EQ(stat("mine", &st), 0);
	unlink("mine");
}

static void follow_allowed(void)
{
	struct stat st;

	CHECK_EQ(stat("link", &st), 0);
}

TEST(symlinks)
{
	CHECK(!strcmp(sysctl_get("protected_symlinks"), "1"));
	close(open("/tmp/target", O_CREAT | O_WRONLY, 0666));
	make_dir(01777);
	REQUIRE(symlink("/tmp/target", "link") == 0);
	REQUIRE(lchown("link", 200, 200) == 0);
	as(300, follow_foreign);
	as(200, follow_allowed);
	follow_foreign(); /* root too */
	REQUIRE(lchown("link", 100, 100) == 0);
	as(300, follow_allowed); /* the directory's owner's */
	REQUIRE(lchown("link", 200, 200) == 0);
	REQUIRE(chmod("/tmp/prot", 0777) == 0);
	as(300, follow_allowed);
	REQUIRE(chmod("/tmp/prot", 01777) == 0);
	CHECK_EQ(sysctl_set("protected_symlinks", "0"), 0);
	as(300, follow_allowed);
	CHECK_EQ(sysctl_set("protected_symlinks", "1"), 0);
	CHECK_ERR(sysctl_set("protected_symlinks", "2"), EINVAL);
	remove_all();
}

static void through_foreign(void)
{
	struct stat st;

	CHECK_EQ(stat("link/reg", &st), 0); /* not the last component */
	CHECK_ERR(stat("link/", &st), EACCES);
}

TEST(links_in_the_middle)
{
	make_dir(01777);
	close(open("reg", O_CREAT | O_WRONLY, 0666));
	REQUIRE(symlink("/tmp/prot", "link") == 0);
	REQUIRE(lchown("link", 200, 200) == 0);
	as(300, through_foreign);
	remove_all();
}

static void link_refused(void)
{
	CHECK_ERR(link("/tmp/target", "hard"), EPERM);
}

static void link_granted(void)
{
	CHECK_EQ(link("/tmp/target", "hard"), 0);
	CHECK_EQ(unlink("hard"), 0);
}

TEST(hardlinks)
{
	CHECK(!strcmp(sysctl_get("protected_hardlinks"), "1"));
	umask(0);
	close(open("/tmp/target", O_CREAT | O_WRONLY, 0644));
	REQUIRE(chown("/tmp/target", 100, 100) == 0);
	make_dir(0777);
	as(300, link_refused); /* cannot write it */
	as(100, link_granted);
	link_granted(); /* CAP_FOWNER */
	REQUIRE(chmod("/tmp/target", 0666) == 0);
	as(300, link_granted);
	REQUIRE(chmod("/tmp/target", 04666) == 0);
	as(300, link_refused);
	REQUIRE(chmod("/tmp/target", 02676) == 0);
	as(300, link_refused);
	CHECK_EQ(sysctl_set("protected_hardlinks", "0"), 0);
	as(300, link_granted);
	CHECK_EQ(sysctl_set("protected_hardlinks", "1"), 0);
	remove_all();
}

static void create_on_granted(void)
{
	int fd = open("reg", O_RDWR | O_CREAT, 0600);

	CHECK(fd >= 0);
	fd = open("fifo", O_RDWR | O_CREAT | O_NONBLOCK, 0600);
	CHECK(fd >= 0);
}

static void create_on_refused(void)
{
	CHECK_ERR(open("reg", O_RDWR | O_CREAT, 0600), EACCES);
	CHECK_ERR(open("fifo", O_RDWR | O_CREAT | O_NONBLOCK, 0600), EACCES);
	CHECK_ERR(open("reg", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK(open("reg", O_RDWR) >= 0); /* nothing to be created */
	CHECK(open("own", O_RDWR | O_CREAT, 0600) >= 0);
	CHECK(open("own", O_RDWR | O_CREAT, 0600) >= 0);
	unlink("own");
}

static void set_both(const char *value)
{
	CHECK_EQ(sysctl_set("protected_regular", value), 0);
	CHECK_EQ(sysctl_set("protected_fifos", value), 0);
}

TEST(fifos_and_regular)
{
	CHECK(!strcmp(sysctl_get("protected_fifos"), "0"));
	CHECK(!strcmp(sysctl_get("protected_regular"), "0"));
	make_dir(01777);
	close(open("reg", O_CREAT | O_WRONLY, 0666));
	REQUIRE(mkfifo("fifo", 0666) == 0);
	REQUIRE(chown("reg", 200, 200) == 0 && chown("fifo", 200, 200) == 0);
	as(300, create_on_granted);
	set_both("1");
	as(300, create_on_refused);
	as(200, create_on_granted);
	REQUIRE(chmod("/tmp/prot", 01775) == 0);
	as(300, create_on_granted);
	set_both("2");
	create_on_refused();
	set_both("0");
	REQUIRE(chmod("/tmp/prot", 0777) == 0);
	remove_all();
}

static void grow_refused(void)
{
	int p[2];

	REQUIRE(pipe(p) == 0);
	CHECK_ERR(fcntl(p[0], F_SETPIPE_SZ, 262144), EPERM);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 131072), 131072);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 1), 4096);
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 4096);
}

static void default_is_less(void)
{
	int p[2];

	REQUIRE(pipe(p) == 0);
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 8192);
}

TEST(pipe_max_size)
{
	int p[2];

	CHECK(!strcmp(sysctl_get("pipe-max-size"), "1048576"));
	CHECK_EQ(sysctl_set("pipe-max-size", "100000"), 0);
	CHECK(!strcmp(sysctl_get("pipe-max-size"), "131072"));
	as(300, grow_refused);
	REQUIRE(pipe(p) == 0);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 262144), 262144);
	CHECK_ERR(fcntl(p[0], F_SETPIPE_SZ, 0x80000001u), EINVAL);
	CHECK_EQ(sysctl_set("pipe-max-size", "8192"), 0);
	as(300, default_is_less);
	CHECK_ERR(sysctl_set("pipe-max-size", "4294967296"), EINVAL);
	CHECK_EQ(sysctl_set("pipe-max-size", "1048576"), 0);
}

static void soft_limit(void)
{
	int p[2], q[2];

	REQUIRE(pipe(p) == 0 && pipe(q) == 0);
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
	CHECK_EQ(fcntl(q[0], F_GETPIPE_SZ), 8192);
	CHECK_ERR(fcntl(q[0], F_SETPIPE_SZ, 65536), EPERM);
	close(p[0]);
	close(p[1]);
	CHECK_EQ(fcntl(q[0], F_SETPIPE_SZ, 65536), 65536);
}

static void hard_limit(void)
{
	int p[2], q[2];

	REQUIRE(pipe(p) == 0);
	CHECK_ERR(pipe(q), ENFILE);
	close(p[0]);
	close(p[1]);
	CHECK_EQ(pipe(q), 0);
}

TEST(pipe_user_pages)
{
	CHECK(!strcmp(sysctl_get("pipe-user-pages-soft"), "16384"));
	CHECK(!strcmp(sysctl_get("pipe-user-pages-hard"), "0"));
	CHECK_EQ(sysctl_set("pipe-user-pages-soft", "17"), 0);
	as(301, soft_limit);
	CHECK_EQ(sysctl_set("pipe-user-pages-hard", "16"), 0);
	CHECK_EQ(sysctl_set("pipe-user-pages-soft", "0"), 0);
	as(302, hard_limit);
	CHECK_EQ(sysctl_set("pipe-user-pages-hard", "0"), 0);
	CHECK_EQ(sysctl_set("pipe-user-pages-soft", "16384"), 0);
}

TEST(edge_only_at_transitions)
{
	static char block[4096];
	struct epoll_event ev = {EPOLLIN | EPOLLET, {0}};
	int p[2], e = epoll_create1(0);

	REQUIRE(pipe2(p, O_NONBLOCK) == 0);
	REQUIRE(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev) == 0);
	CHECK_EQ(write(p[1], block, 2048), 2048);
	CHECK_EQ(epoll_wait(e, &ev, 1, 0), 1);
	CHECK_EQ(read(p[0], block, 1024), 1024);
	CHECK_EQ(epoll_wait(e, &ev, 1, 0), 0); /* a reader is not news to readers */
}

int main(void)
{
	return test_run();
}
