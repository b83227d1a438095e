/* Record locks of processes and of open files, flock(2), signals of F_SETOWN: fcntl(2). */
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include "test.h"

static void begin(void)
{
	char dir[] = "/tmp/lkXXXXXX";

	mkdir("/tmp", 01777);
	REQUIRE(mkdtemp(dir) && !chdir(dir));
}

static int file(const char *name)
{
	int fd = open(name, O_CREAT | O_RDWR, 0644);

	REQUIRE(fd >= 0);
	return fd;
}

static int lk(int fd, int cmd, int type, long start, long len)
{
	struct flock l = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	return fcntl(fd, cmd, &l);
}

/* What F_GETLK of a child says about the range: type, start, length, owner. */
static struct flock seen(const char *name, int cmd, int type, long start, long len)
{
	struct flock l = {.l_type = (short)type, .l_start = start, .l_len = len};
	int p[2], fd;

	REQUIRE(!pipe(p));
	if (!fork()) {
		fd = open(name, O_RDWR);
		if (fcntl(fd, cmd, &l))
			l.l_type = (short)-errno;
		_exit(write(p[1], &l, sizeof(l)) != sizeof(l));
	}
	REQUIRE(read(p[0], &l, sizeof(l)) == sizeof(l));
	wait(NULL);
	close(p[0]);
	close(p[1]);
	return l;
}

#define SEEN(l, type, start, len)                                                             \
	do {                                                                                  \
		struct flock l_ = l;                                                          \
		if (l_.l_type != (type) ||                                                    \
		    (l_.l_type != F_UNLCK && (l_.l_start != (start) || l_.l_len != (len)))) { \
			printf("# line %d: type %d start %ld len %ld\n", __LINE__, l_.l_type, \
			       (long)l_.l_start, (long)l_.l_len);                             \
			test_failures++;                                                      \
		}                                                                             \
	} while (0)

TEST(ranges_split_and_join)
{
	int fd;

	begin();
	fd = file("f");
	CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 10, 100), 0);
	SEEN(seen("f", F_GETLK, F_RDLCK, 0, 0), F_WRLCK, 10, 100);
	CHECK_EQ(seen("f", F_GETLK, F_RDLCK, 0, 0).l_pid, getpid());
	SEEN(seen("f", F_GETLK, F_WRLCK, 0, 10), F_UNLCK, 0, 0);
	CHECK_EQ(lk(fd, F_SETLK, F_UNLCK, 40, 10), 0);
	SEEN(seen("f", F_GETLK, F_RDLCK, 0, 0), F_WRLCK, 10, 30);
	SEEN(seen("f", F_GETLK, F_RDLCK, 40, 0), F_WRLCK, 50, 60);
	CHECK_EQ(lk(fd, F_SETLK, F_RDLCK, 20, 40), 0);
	SEEN(seen("f", F_GETLK, F_RDLCK, 0, 0), F_WRLCK, 10, 10);
	SEEN(seen("f", F_GETLK, F_WRLCK, 20, 0), F_RDLCK, 20, 40);
	SEEN(seen("f", F_GETLK, F_RDLCK, 20, 0), F_WRLCK, 60, 50);
	CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	SEEN(seen("f", F_GETLK, F_RDLCK, 5, 1), F_WRLCK, 0, 0);
	CHECK_EQ(lk(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	SEEN(seen("f", F_GETLK, F_WRLCK, 0, 0), F_UNLCK, 0, 0);
	/* Negative lengths, ends, and what does not fit. */
	CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 20, -5), 0);
	SEEN(seen("f", F_GETLK, F_RDLCK, 0, 0), F_WRLCK, 15, 5);
	CHECK_ERR(lk(fd, F_SETLK, F_WRLCK, 3, -5), EINVAL);
	CHECK_ERR(lk(fd, F_SETLK, F_WRLCK, -1, 5), EINVAL);
	CHECK_ERR(lk(fd, F_SETLK, F_WRLCK, 0x7fffffffffffffffl, 2), EOVERFLOW);
	CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 0x7fffffffffffffffl, 1), 0);
	CHECK_ERR(lk(fd, F_SETLK, 7, 0, 1), EINVAL);
	struct flock l = {.l_type = F_WRLCK, .l_whence = 9};
	CHECK_ERR(fcntl(fd, F_SETLK, &l), EINVAL);
	l = (struct flock){.l_type = F_UNLCK};
	CHECK_ERR(fcntl(fd, F_GETLK, &l), EINVAL);
	CHECK_ERR(fcntl(fd, F_SETLK, NULL), EFAULT);
	CHECK_EQ(ftruncate(fd, 1000), 0);
	l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -10, .l_len = 5};
	CHECK_EQ(fcntl(fd, F_SETLK, &l), 0);
	SEEN(seen("f", F_GETLK, F_RDLCK, 900, 100), F_WRLCK, 990, 5);
	int ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);
	CHECK_ERR(lk(ro, F_SETLK, F_WRLCK, 0, 1), EBADF);
	CHECK_ERR(lk(wo, F_SETLK, F_RDLCK, 0, 1), EBADF);
	/* Closing any descriptor of the file drops them all. */
	close(ro);
	SEEN(seen("f", F_GETLK, F_RDLCK, 0, 0), F_UNLCK, 0, 0);
}

TEST(of_a_process_and_of_an_open_file)
{
	int a, b, d;

	begin();
	a = file("f");
	b = open("f", O_RDWR);
	CHECK_EQ(lk(a, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
	CHECK_ERR(lk(b, F_OFD_SETLK, F_WRLCK, 5, 10), EAGAIN);
	CHECK_ERR(lk(b, F_SETLK, F_RDLCK, 5, 10), EAGAIN);
	SEEN(seen("f", F_GETLK, F_RDLCK, 0, 0), F_WRLCK, 0, 10);
	CHECK_EQ(seen("f", F_GETLK, F_RDLCK, 0, 0).l_pid, -1);
	struct flock l = {.l_type = F_RDLCK, .l_pid = 1};
	CHECK_ERR(fcntl(b, F_OFD_GETLK, &l), EINVAL);
	l.l_pid = 0;
	CHECK_EQ(fcntl(b, F_OFD_GETLK, &l), 0);
	CHECK_EQ(l.l_pid, -1);
	CHECK_EQ(l.l_type, F_WRLCK);
	/* A duplicate is the same open file; the lock goes with the last. */
	d = dup(a);
	close(a);
	CHECK_ERR(lk(b, F_OFD_SETLK, F_WRLCK, 5, 10), EAGAIN);
	close(d);
	CHECK_EQ(lk(b, F_OFD_SETLK, F_WRLCK, 5, 10), 0);
	/* It passes to children, a process's does not. */
	CHECK_EQ(lk(b, F_SETLK, F_WRLCK, 100, 10), 0);
	if (!fork()) {
		CHECK_EQ(lk(b, F_OFD_SETLK, F_UNLCK, 5, 10), 0);
		CHECK_ERR(lk(b, F_SETLK, F_WRLCK, 100, 10), EAGAIN);
		_exit(test_failures != 0);
	}
	int st;
	wait(&st);
	CHECK_EQ(st, 0);
	SEEN(seen("f", F_GETLK, F_RDLCK, 0, 50), F_UNLCK, 0, 0);
	SEEN(seen("f", F_GETLK, F_RDLCK, 0, 0), F_WRLCK, 100, 10);
}

static void on_alarm(int sig)
{
	(void)sig;
}

TEST(waiting)
{
	int fd, st;
	struct timespec t0, t1;
	struct sigaction sa = {.sa_handler = on_alarm};

	begin();
	fd = file("f");
	CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 0, 10), 0);
	pid_t pid = fork();
	if (!pid) {
		CHECK_EQ(lk(fd, F_SETLKW, F_WRLCK, 5, 1), 0);
		_exit(test_failures != 0);
	}
	usleep(50000);
	CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	CHECK_EQ(lk(fd, F_SETLK, F_UNLCK, 0, 10), 0);
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	CHECK_EQ(st, 0);
	/* A signal interrupts, SA_RESTART goes on waiting. */
	CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 0, 10), 0);
	pid = fork();
	if (!pid) {
		sigaction(SIGALRM, &sa, NULL);
		ualarm(30000, 0);
		CHECK_ERR(lk(fd, F_SETLKW, F_RDLCK, 0, 1), EINTR);
		ualarm(30000, 0);
		CHECK_ERR(lk(fd, F_OFD_SETLKW, F_RDLCK, 0, 1), EINTR);
		_exit(test_failures != 0);
	}
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	/* The end of the holder lets go. */
	CHECK_EQ(lk(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	int p[2];
	char c;
	REQUIRE(!pipe(p));
	pid = fork();
	if (!pid) {
		(void)lk(fd, F_SETLK, F_WRLCK, 0, 0);
		(void)!write(p[1], "x", 1);
		usleep(50000);
		_exit(0);
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(lk(fd, F_SETLKW, F_WRLCK, 0, 0), 0);
	wait(NULL);
}

TEST(deadlocks)
{
	int fd, st;

	begin();
	fd = file("f");
	CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 0, 1), 0);
	pid_t pid = fork();
	if (!pid) {
		CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 1, 1), 0);
		/* Waits for the parent, which is about to ask for byte 1. */
		CHECK_EQ(lk(fd, F_SETLKW, F_WRLCK, 0, 1), 0);
		_exit(test_failures != 0);
	}
	usleep(100000);
	CHECK_ERR(lk(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
	CHECK_EQ(lk(fd, F_SETLK, F_UNLCK, 0, 1), 0);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	/* A chain of five. */
	pid_t kids[5];
	CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 0, 1), 0);
	for (int i = 1; i < 5; i++) {
		kids[i] = fork();
		if (kids[i])
			continue;
		CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, i, 1), 0);
		usleep(50000 * (unsigned)i);
		CHECK_EQ(lk(fd, F_SETLKW, F_WRLCK, i - 1, 1), 0);
		_exit(test_failures != 0);
	}
	usleep(400000);
	CHECK_ERR(lk(fd, F_SETLKW, F_WRLCK, 4, 1), EDEADLK);
	CHECK_EQ(lk(fd, F_SETLK, F_UNLCK, 0, 1), 0);
	for (int i = 1; i < 5; i++) {
		waitpid(kids[i], &st, 0);
		CHECK_EQ(st, 0);
	}
}

TEST(flocks)
{
	int a, b, st;

	begin();
	a = file("f");
	b = open("f", O_RDONLY);
	CHECK_EQ(flock(a, LOCK_SH), 0);
	CHECK_EQ(flock(b, LOCK_SH), 0);
	CHECK_ERR(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	/* The refused conversion has cost the shared one. */
	CHECK_EQ(flock(b, LOCK_EX | LOCK_NB), 0);
	CHECK_ERR(flock(a, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(flock(b, LOCK_UN), 0);
	CHECK_EQ(flock(a, LOCK_EX), 0);
	CHECK_EQ(flock(a, LOCK_EX), 0);
	/* Of another world than fcntl's. */
	CHECK_EQ(lk(a, F_SETLK, F_WRLCK, 0, 0), 0);
	CHECK_ERR(flock(a, 0), EINVAL);
	CHECK_ERR(flock(a, 3), EINVAL);
	CHECK_ERR(flock(99, LOCK_SH), EBADF);
	pid_t pid = fork();
	if (!pid) {
		/* The same open file: no conflict with the parent's. */
		CHECK_EQ(flock(a, LOCK_SH | LOCK_NB), 0);
		int c = open("f", O_RDONLY);
		CHECK_ERR(flock(c, LOCK_EX | LOCK_NB), EWOULDBLOCK);
		close(a);
		CHECK_EQ(flock(c, LOCK_EX), 0);
		_exit(test_failures != 0);
	}
	usleep(50000);
	CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
	close(a);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
}

TEST(proc_locks)
{
	char line[200], want[200];
	struct stat st;
	int fd, found = 0;
	FILE *f;

	begin();
	fd = file("f");
	fstat(fd, &st);
	CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 5, 10), 0);
	int fd2 = open("f", O_RDWR);
	CHECK_EQ(flock(fd2, LOCK_SH), 0);
	CHECK_EQ(lk(fd2, F_OFD_SETLK, F_RDLCK, 100, 0), 0);
	f = fopen("/proc/locks", "r");
	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		char *rest = strchr(line, ':') + 1;
		snprintf(want, sizeof(want), " POSIX  ADVISORY  WRITE %d %02x:%02x:%lu 5 14\n",
			 getpid(), (unsigned)(st.st_dev >> 8) & 0xfff, (unsigned)st.st_dev & 0xff,
			 st.st_ino);
		found += !strcmp(rest, want);
		snprintf(want, sizeof(want), " FLOCK  ADVISORY  READ %d %02x:%02x:%lu 0 EOF\n",
			 getpid(), (unsigned)(st.st_dev >> 8) & 0xfff, (unsigned)st.st_dev & 0xff,
			 st.st_ino);
		found += !strcmp(rest, want);
		snprintf(want, sizeof(want), " OFDLCK ADVISORY  READ -1 %02x:%02x:%lu 100 EOF\n",
			 (unsigned)(st.st_dev >> 8) & 0xfff, (unsigned)st.st_dev & 0xff, st.st_ino);
		found += !strcmp(rest, want);
	}
	fclose(f);
	CHECK_EQ(found, 3);
}

TEST(many_ranges)
{
	int fd;
	struct timespec t0, t1;

	begin();
	fd = file("f");
	clock_gettime(CLOCK_MONOTONIC, &t0);
	for (long i = 0; i < 1000; i++)
		CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, i * 2, 1), 0);
	SEEN(seen("f", F_GETLK, F_WRLCK, 1998, 0), F_WRLCK, 1998, 1);
	SEEN(seen("f", F_GETLK, F_WRLCK, 1999, 0), F_UNLCK, 0, 0);
	CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	SEEN(seen("f", F_GETLK, F_RDLCK, 1999, 1), F_WRLCK, 0, 0);
	clock_gettime(CLOCK_MONOTONIC, &t1);
}

TEST(owners)
{
	struct f_owner_ex ex = {.type = F_OWNER_TID, .pid = getpid()};
	int s[2];

	begin();
	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_EQ(fcntl(s[0], F_GETOWN), 0);
	CHECK_EQ(fcntl(s[0], F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(s[0], F_GETOWN), getpid());
	CHECK_EQ(fcntl(s[0], F_SETOWN_EX, &ex), 0);
	ex = (struct f_owner_ex){0};
	CHECK_EQ(fcntl(s[0], F_GETOWN_EX, &ex), 0);
	CHECK_EQ(ex.type, F_OWNER_TID);
	CHECK_EQ(ex.pid, getpid());
	ex.type = 9;
	CHECK_ERR(fcntl(s[0], F_SETOWN_EX, &ex), EINVAL);
	CHECK_ERR(fcntl(s[0], F_SETOWN, 0x3fffffff), ESRCH);
	CHECK_ERR(fcntl(s[0], F_SETSIG, 65), EINVAL);
	CHECK_ERR(fcntl(s[0], F_SETSIG, -1), EINVAL);
}

int main(void)
{
	return test_run();
}
