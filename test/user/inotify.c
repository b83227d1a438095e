/* inotify(7). */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "test.h"

static int in;
static char buf[65536];

static void begin(void)
{
	char dir[] = "/tmp/inXXXXXX";

	mkdir("/tmp", 01777);
	REQUIRE(mkdtemp(dir) && !chdir(dir));
	in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	REQUIRE(in >= 0);
}

static int touch(const char *path)
{
	int fd = open(path, O_CREAT | O_RDWR, 0644);

	REQUIRE(fd >= 0);
	close(fd);
	return 0;
}

/* What has been queued, in words: "wd:mask:name;" with masks in hexadecimal. */
static const char *events(void)
{
	static char out[16384];
	ssize_t n;

	out[0] = 0;
	while ((n = read(in, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			struct inotify_event *e = (struct inotify_event *)p;

			snprintf(out + strlen(out), sizeof(out) - strlen(out), "%d:%x:%s;", e->wd,
				 e->mask, e->len ? e->name : "");
			p += sizeof(*e) + e->len;
		}
	}
	return out;
}

#define EVENTS(want)                                                                 \
	do {                                                                         \
		const char *got_ = events();                                         \
		if (strcmp(got_, want)) {                                            \
			printf("# line %d: got %s, not %s\n", __LINE__, got_, want); \
			test_failures++;                                             \
		}                                                                    \
	} while (0)

TEST(arguments)
{
	int fd;

	begin();
	CHECK_ERR(inotify_init1(1), EINVAL);
	CHECK_ERR(inotify_add_watch(in, ".", 0), EINVAL);
	CHECK_ERR(inotify_add_watch(in, ".", 0x00800000), EINVAL);
	CHECK_ERR(inotify_add_watch(-1, ".", IN_CREATE), EBADF);
	CHECK_ERR(inotify_add_watch(0x7ff, ".", IN_CREATE), EBADF);
	fd = open("/", O_RDONLY);
	CHECK_ERR(inotify_add_watch(fd, ".", IN_CREATE), EINVAL);
	CHECK_ERR(inotify_rm_watch(fd, 1), EINVAL);
	close(fd);
	CHECK_ERR(inotify_add_watch(in, "missing", IN_CREATE), ENOENT);
	touch("f");
	CHECK_ERR(inotify_add_watch(in, "f", IN_CREATE | IN_ONLYDIR), ENOTDIR);
	CHECK_ERR(inotify_add_watch(in, "f", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
	CHECK_ERR(inotify_add_watch(in, (char *)1, IN_OPEN), EFAULT);
	CHECK_ERR(inotify_rm_watch(in, 1), EINVAL);
	CHECK_ERR(inotify_rm_watch(in, -1), EINVAL);
	CHECK_ERR(read(in, buf, 100), EAGAIN);
	CHECK_EQ(inotify_add_watch(in, "f", IN_OPEN), 1);
	CHECK_EQ(inotify_add_watch(in, "f", IN_CLOSE), 1);
	CHECK_ERR(inotify_add_watch(in, "f", IN_OPEN | IN_MASK_CREATE), EEXIST);
	CHECK_EQ(inotify_add_watch(in, ".", IN_OPEN | IN_MASK_CREATE), 2);
	CHECK_EQ(inotify_rm_watch(in, 1), 0);
	EVENTS("1:8000:;");
	CHECK_ERR(inotify_rm_watch(in, 1), EINVAL);
	/* Numbers are not used again soon. */
	CHECK_EQ(inotify_add_watch(in, "f", IN_OPEN), 3);
	CHECK_EQ(symlink("f", "l"), 0);
	CHECK_EQ(inotify_add_watch(in, "l", IN_OPEN), 3);
	CHECK_EQ(inotify_add_watch(in, "l", IN_OPEN | IN_DONT_FOLLOW), 4);
	chmod("f", 0);
	if (!geteuid() && !fork()) {
		REQUIRE(!setresuid(65534, 65534, 65534));
		CHECK_ERR(inotify_add_watch(in, "/proc/self/mem", IN_OPEN), 0 ? 0 : EACCES);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
}

TEST(what_happens_in_a_directory)
{
	int fd;
	char c;

	begin();
	mkdir("d", 0755);
	CHECK_EQ(inotify_add_watch(in, "d", IN_ALL_EVENTS), 1);
	touch("d/a");
	EVENTS("1:100:a;1:20:a;1:8:a;");
	fd = open("d/a", O_RDWR);
	CHECK_EQ(write(fd, "xy", 2), 2);
	CHECK_EQ(write(fd, "xy", 2), 2); /* the same again: told once */
	CHECK_EQ(pread(fd, &c, 1, 0), 1);
	CHECK_EQ(ftruncate(fd, 1), 0);
	CHECK_EQ(fchmod(fd, 0600), 0);
	close(fd);
	EVENTS("1:20:a;1:2:a;1:1:a;1:2:a;1:4:a;1:8:a;");
	CHECK_EQ(link("d/a", "d/b"), 0);
	EVENTS("1:100:b;"); /* the link count is news for a itself only */
	CHECK_EQ(unlink("d/b"), 0);
	EVENTS("1:200:b;");
	CHECK_EQ(symlink("x", "d/l"), 0);
	CHECK_EQ(mkdir("d/sub", 0755), 0);
	CHECK_EQ(mkfifo("d/p", 0600), 0);
	EVENTS("1:100:l;1:40000100:sub;1:100:p;");
	fd = open("d/sub", O_RDONLY | O_DIRECTORY);
	close(fd);
	EVENTS("1:40000020:sub;1:40000010:sub;");
	CHECK_EQ(rmdir("d/sub"), 0);
	CHECK_EQ(unlink("d/p"), 0);
	EVENTS("1:40000200:sub;1:200:p;");
	fd = open("d/a", O_RDONLY);
	close(fd);
	EVENTS("1:20:a;1:10:a;");
	/* O_PATH and stat tell nothing. */
	fd = open("d/a", O_PATH);
	close(fd);
	struct stat st;
	CHECK_EQ(stat("d/a", &st), 0);
	EVENTS("");
	struct timespec t[2] = {{1, 0}, {1, 0}};
	CHECK_EQ(utimensat(AT_FDCWD, "d/a", t, 0), 0);
	EVENTS("1:4:a;");
	/* Of the directory itself. */
	CHECK_EQ(chmod("d", 0700), 0);
	EVENTS("1:40000004:;");
	fd = open("d", O_RDONLY);
	CHECK(syscall(SYS_getdents64, fd, buf, sizeof(buf)) > 0);
	close(fd);
	EVENTS("1:40000020:;1:40000001:;1:40000010:;");
}

TEST(moves)
{
	struct inotify_event *e;
	unsigned int from = 0, to = 0;
	ssize_t n;

	begin();
	mkdir("a", 0755);
	mkdir("b", 0755);
	touch("a/f");
	touch("b/old");
	mkdir("a/d", 0755);
	CHECK_EQ(inotify_add_watch(in, "a", IN_ALL_EVENTS), 1);
	CHECK_EQ(inotify_add_watch(in, "b", IN_ALL_EVENTS), 2);
	CHECK_EQ(inotify_add_watch(in, "a/f", IN_ALL_EVENTS), 3);
	CHECK_EQ(inotify_add_watch(in, "a/d", IN_ALL_EVENTS), 4);
	CHECK_EQ(rename("a/f", "b/g"), 0);
	n = read(in, buf, sizeof(buf));
	for (char *p = buf; p < buf + n; p += sizeof(*e) + e->len) {
		e = (struct inotify_event *)p;
		if (e->mask == IN_MOVED_FROM)
			from = e->cookie;
		else if (e->mask == IN_MOVED_TO)
			to = e->cookie;
		else
			CHECK(e->mask == IN_MOVE_SELF && e->wd == 3 && !e->cookie);
	}
	CHECK(from && from == to);
	CHECK_EQ(rename("a/d", "b/d"), 0);
	EVENTS("1:40000040:d;2:40000080:d;4:800:;");
	/* Over another. */
	CHECK_EQ(inotify_add_watch(in, "b/old", IN_ATTRIB | IN_DELETE_SELF), 5);
	CHECK_EQ(rename("b/g", "b/old"), 0);
	EVENTS("2:40:g;2:80:old;5:4:;3:800:;5:400:;5:8000:;");
	CHECK_EQ(inotify_rm_watch(in, 2), 0);
	EVENTS("2:8000:;");
	CHECK_EQ(rename("b/old", "a/back"), 0);
	EVENTS("1:80:back;3:800:;");
}

TEST(a_file_to_its_end)
{
	int fd;

	begin();
	touch("f");
	CHECK_EQ(inotify_add_watch(in, "f", IN_ALL_EVENTS), 1);
	fd = open("f", O_WRONLY);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(unlink("f"), 0);
	EVENTS("1:20:;1:2:;1:4:;");
	CHECK_EQ(write(fd, "x", 1), 1);
	EVENTS("1:2:;");
	CHECK_EQ(posix_fallocate(fd, 0, 10), 0);
	EVENTS("1:2:;");
	close(fd);
	EVENTS("1:8:;1:400:;1:8000:;");
	CHECK_ERR(inotify_rm_watch(in, 1), EINVAL);
	mkdir("d", 0755);
	CHECK_EQ(inotify_add_watch(in, "d", IN_ALL_EVENTS), 2);
	CHECK_EQ(rmdir("d"), 0);
	EVENTS("2:400:;2:8000:;");
	/* A second name keeps it alive. */
	touch("g");
	CHECK_EQ(link("g", "h"), 0);
	CHECK_EQ(inotify_add_watch(in, "g", IN_ALL_EVENTS), 3);
	CHECK_EQ(unlink("g"), 0);
	EVENTS("3:4:;");
	CHECK_EQ(unlink("h"), 0);
	EVENTS("3:4:;3:400:;3:8000:;");
}

TEST(the_end_and_the_name)
{
	int fd;

	begin();
	mkdir("d", 0755);
	mkdir("d/sub", 0755);
	touch("d/f");
	touch("d/open");
	CHECK_EQ(inotify_add_watch(in, "d", IN_DELETE), 1);
	CHECK_EQ(inotify_add_watch(in, "d/f", IN_ATTRIB | IN_DELETE_SELF), 2);
	CHECK_EQ(inotify_add_watch(in, "d/sub", IN_ATTRIB | IN_DELETE_SELF), 3);
	CHECK_EQ(inotify_add_watch(in, "d/open", IN_ATTRIB | IN_DELETE_SELF), 4);
	CHECK_EQ(unlink("d/f"), 0);
	EVENTS("2:4:;2:400:;2:8000:;1:200:f;");
	CHECK_EQ(rmdir("d/sub"), 0);
	EVENTS("3:400:;3:8000:;1:40000200:sub;");
	/* An open file ends with its last user. */
	fd = open("d/open", O_RDONLY);
	CHECK_EQ(unlink("d/open"), 0);
	EVENTS("4:4:;1:200:open;");
	close(fd);
	EVENTS("4:400:;4:8000:;");
}

TEST(flags)
{
	int fd;

	begin();
	mkdir("d", 0755);
	touch("d/f");
	CHECK_EQ(inotify_add_watch(in, "d", IN_OPEN | IN_ONESHOT), 1);
	close(open("d/f", O_RDONLY));
	close(open("d/f", O_RDONLY));
	EVENTS("1:20:f;1:8000:;");
	CHECK_EQ(inotify_add_watch(in, "d", IN_OPEN), 2);
	CHECK_EQ(inotify_add_watch(in, "d", IN_CLOSE_NOWRITE | IN_MASK_ADD), 2);
	close(open("d/f", O_RDONLY));
	EVENTS("2:20:f;2:10:f;");
	CHECK_EQ(inotify_add_watch(in, "d", IN_CLOSE_NOWRITE), 2);
	close(open("d/f", O_RDONLY));
	EVENTS("2:10:f;");
	/* Unlinked files are told of, unless excluded. */
	CHECK_EQ(inotify_add_watch(in, "d", IN_MODIFY), 2);
	fd = open("d/f", O_WRONLY);
	CHECK_EQ(unlink("d/f"), 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	EVENTS("2:2:f;");
	CHECK_EQ(inotify_add_watch(in, "d", IN_MODIFY | IN_EXCL_UNLINK), 2);
	CHECK_EQ(write(fd, "x", 1), 1);
	EVENTS("");
	close(fd);
}

TEST(reading)
{
	struct inotify_event *e = (struct inotify_event *)buf;
	struct pollfd p;
	int n = -1, st;
	char path[80], line[200];

	begin();
	mkdir("d", 0755);
	CHECK_EQ(inotify_add_watch(in, "d", IN_CREATE), 1);
	CHECK_EQ(ioctl(in, FIONREAD, &n), 0);
	CHECK_EQ(n, 0);
	p = (struct pollfd){.fd = in, .events = POLLIN};
	CHECK_EQ(poll(&p, 1, 0), 0);
	touch("d/short");
	touch("d/a_name_of_more_than_sixteen");
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(ioctl(in, FIONREAD, &n), 0);
	CHECK_EQ(n, 16 + 16 + 16 + 32);
	CHECK_ERR(read(in, buf, 16), EINVAL);
	CHECK_EQ(read(in, buf, 40), 32);
	CHECK_EQ(e->len, 16);
	CHECK(!strcmp(e->name, "short"));
	CHECK_EQ(read(in, buf, 100), 48);
	/* A sleeper is woken; a signal interrupts it. */
	fcntl(in, F_SETFL, 0);
	pid_t pid = fork();
	if (!pid) {
		usleep(30000);
		touch("d/late");
		_exit(0);
	}
	CHECK_EQ(read(in, buf, 100), 32);
	waitpid(pid, &st, 0);
	fcntl(in, F_SETFL, O_NONBLOCK);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", in);
	FILE *f = fopen(path, "r");
	int found = 0;
	REQUIRE(f);
	while (fgets(line, sizeof(line), f))
		found += !strncmp(line, "inotify wd:1 ino:", 17) && strstr(line, " mask:100 ");
	CHECK_EQ(found, 1);
	fclose(f);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", in);
	n = (int)readlink(path, line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = 0;
	CHECK(!strcmp(line, "anon_inode:inotify"));
	CHECK_EQ(lseek(in, 5, SEEK_SET), 0);
	CHECK_ERR(pread(in, buf, sizeof(buf), 0), ESPIPE);
}

static int sysctl_set(const char *name, int value)
{
	char path[100];
	int old = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/fs/inotify/%s", name);
	f = fopen(path, "r+");
	if (!f || fscanf(f, "%d", &old) != 1)
		return -1;
	rewind(f);
	fprintf(f, "%d\n", value);
	fclose(f);
	return old;
}

TEST(limits)
{
	char name[32];
	int old, fds[8];

	begin();
	if (geteuid())
		return;
	mkdir("d", 0755);
	old = sysctl_set("max_queued_events", 4);
	CHECK_EQ(old, 16384);
	close(in);
	in = inotify_init1(IN_NONBLOCK);
	CHECK_EQ(inotify_add_watch(in, "d", IN_CREATE), 1);
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		touch(name);
	}
	EVENTS("1:100:0;1:100:1;1:100:2;1:100:3;-1:4000:;");
	touch("d/more");
	EVENTS("1:100:more;");
	CHECK_EQ(sysctl_set("max_queued_events", old), 4);
	old = sysctl_set("max_user_instances", 3);
	CHECK(old > 0);
	int n;
	for (n = 0; n < 8; n++) {
		fds[n] = inotify_init();
		if (fds[n] < 0)
			break;
	}
	CHECK(n <= 2);
	CHECK_EQ(errno, EMFILE);
	while (n)
		close(fds[--n]);
	sysctl_set("max_user_instances", old);
	old = sysctl_set("max_user_watches", 2);
	CHECK(old > 100);
	touch("e");
	touch("g");
	CHECK_EQ(inotify_add_watch(in, "e", IN_OPEN), 2);
	CHECK_ERR(inotify_add_watch(in, "g", IN_OPEN), ENOSPC);
	sysctl_set("max_user_watches", old);
	CHECK(inotify_add_watch(in, "g", IN_OPEN) > 2);
}

TEST(unmount)
{
	begin();
	if (geteuid() || unshare(CLONE_NEWNS))
		return;
	CHECK_EQ(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	mkdir("m", 0755);
	CHECK_EQ(mount("t", "m", "tmpfs", 0, NULL), 0);
	touch("m/f");
	CHECK_EQ(inotify_add_watch(in, "m", IN_OPEN), 1);
	CHECK_EQ(inotify_add_watch(in, "m/f", IN_CLOSE), 2);
	CHECK_EQ(umount("m"), 0);
	const char *got = events();
	CHECK(strstr(got, "1:40002000:;1:8000:;"));
	CHECK(strstr(got, "2:2000:;2:8000:;"));
}

TEST(many_threads_of_work)
{
	begin();
	mkdir("d", 0755);
	for (int i = 0; i < 4; i++) {
		if (fork())
			continue;
		for (int n = 0; n < 150; n++) {
			char a[32], b[32];
			int wd;

			snprintf(a, sizeof(a), "d/a%d", i);
			snprintf(b, sizeof(b), "d/b%d", (i + 1) % 4);
			touch(a);
			wd = inotify_add_watch(in, a, IN_ALL_EVENTS);
			(void)!rename(a, b);
			if (n & 1)
				(void)inotify_rm_watch(in, wd);
			(void)unlink(b);
			if (n % 16 == 0)
				(void)!read(in, buf, sizeof(buf));
		}
		_exit(0);
	}
	CHECK(inotify_add_watch(in, "d", IN_ALL_EVENTS) > 0);
	for (int i = 0; i < 4; i++) {
		int st;
		wait(&st);
		CHECK_EQ(st, 0);
	}
	CHECK(strlen(events()) > 0);
}

int main(void)
{
	return test_run();
}
