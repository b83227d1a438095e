/* fcntl(F_NOTIFY): signals about a directory. */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SIG SIGRTMIN

static char base[64];

/* An open directory of its own. */
static int make_dir(void)
{
	int fd;

	snprintf(base, sizeof(base), "/tmp/dnotify.XXXXXX");
	REQUIRE(mkdtemp(base));
	REQUIRE(chdir(base) == 0);
	fd = open(".", O_RDONLY | O_DIRECTORY);
	REQUIRE(fd >= 0);
	return fd;
}

static void block(int sig)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, sig);
	REQUIRE(sigprocmask(SIG_BLOCK, &s, NULL) == 0);
}

/* Signals of number @sig that wait, taken; *last: what the last one said. */
static int taken(int sig, siginfo_t *last)
{
	struct timespec now = {0, 0};
	siginfo_t si;
	sigset_t s;
	int n = 0;

	sigemptyset(&s);
	sigaddset(&s, sig);
	while (sigtimedwait(&s, &si, &now) == sig) {
		n++;
		if (last)
			*last = si;
	}
	return n;
}

static int watch(unsigned long what)
{
	int fd = make_dir();

	block(SIG);
	CHECK_EQ(fcntl(fd, F_SETSIG, SIG), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, what), 0);
	return fd;
}

static int make_file(const char *name)
{
	int fd = open(name, O_CREAT | O_RDWR, 0644);

	REQUIRE(fd >= 0);
	return fd;
}

TEST(arguments)
{
	int fd = make_dir(), file = make_file("f"), path = open(".", O_PATH), p[2];

	CHECK_ERR(fcntl(file, F_NOTIFY, DN_ACCESS), ENOTDIR);
	CHECK_EQ(fcntl(file, F_NOTIFY, 0), 0);
	CHECK_EQ(fcntl(file, F_NOTIFY, DN_MULTISHOT), 0);
	CHECK_ERR(fcntl(path, F_NOTIFY, DN_ACCESS), EBADF);
	CHECK_ERR(fcntl(-1, F_NOTIFY, DN_ACCESS), EBADF);
	REQUIRE(pipe(p) == 0);
	CHECK_ERR(fcntl(p[0], F_NOTIFY, DN_ACCESS), ENOTDIR);
	CHECK_EQ(fcntl(fd, F_NOTIFY, 0x40000000), 0); /* nothing that there is */
	CHECK_EQ(fcntl(fd, F_NOTIFY, 0), 0);
}

TEST(who_is_told)
{
	int fd = make_dir();

	CHECK_EQ(fcntl(fd, F_GETOWN), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE), 0);
	CHECK_EQ(fcntl(fd, F_GETOWN), getpid());
	close(fd);
	fd = open(".", O_RDONLY);
	CHECK_EQ(fcntl(fd, F_SETOWN, getppid()), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE), 0);
	CHECK_EQ(fcntl(fd, F_GETOWN), getppid());
}

TEST(what_a_signal_says)
{
	siginfo_t si = {0};
	int fd = watch(DN_CREATE);

	close(make_file("f"));
	CHECK_EQ(taken(SIG, &si), 1);
	CHECK_EQ(si.si_signo, SIG);
	CHECK_EQ(si.si_code, POLL_MSG);
	CHECK_EQ(si.si_fd, fd);
	CHECK_EQ(si.si_band, POLLIN | POLLRDNORM | POLLMSG);
	/* Once. */
	close(make_file("g"));
	CHECK_EQ(taken(SIG, NULL), 0);
}

TEST(plain_sigio)
{
	siginfo_t si = {0};
	int fd = make_dir();

	block(SIGIO);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT), 0);
	close(make_file("f"));
	CHECK_EQ(taken(SIGIO, &si), 1);
	CHECK_EQ(si.si_code, SI_KERNEL);
	CHECK_EQ(si.si_fd, 0);
	close(make_file("g"));
	close(make_file("h"));
	CHECK_EQ(taken(SIGIO, &si), 1);
}

/* What is told of @what when all of it happens. */
static void happens(unsigned long what, int created, int modified, int read_, int attributes,
		    int renamed, int moved_out, int deleted)
{
	int fd = watch(what | DN_MULTISHOT), file;
	char c[2] = "x";

	REQUIRE(mkdir("sub", 0755) == 0);
	CHECK_EQ(taken(SIG, NULL), created);
	file = make_file("f");
	CHECK_EQ(taken(SIG, NULL), created);
	CHECK_EQ(write(file, "ab", 2), 2);
	CHECK_EQ(taken(SIG, NULL), modified);
	CHECK_EQ(ftruncate(file, 1), 0);
	CHECK_EQ(taken(SIG, NULL), modified);
	CHECK_EQ(pread(file, c, 1, 0), 1);
	CHECK_EQ(taken(SIG, NULL), read_);
	CHECK_EQ(fchmod(file, 0600), 0);
	CHECK_EQ(taken(SIG, NULL), attributes);
	CHECK_EQ(chmod("sub", 0700), 0);
	CHECK_EQ(taken(SIG, NULL), attributes);
	CHECK_EQ(chmod(".", 0700), 0);
	CHECK_EQ(taken(SIG, NULL), attributes);
	CHECK_EQ(rename("f", "g"), 0);
	CHECK_EQ(taken(SIG, NULL), renamed);
	CHECK_EQ(rename("g", "sub/g"), 0);
	CHECK_EQ(taken(SIG, NULL), moved_out);
	CHECK_EQ(rename("sub/g", "g"), 0);
	CHECK_EQ(taken(SIG, NULL), created);
	CHECK_EQ(unlink("g"), 0);
	CHECK_EQ(taken(SIG, NULL), deleted);
	CHECK_EQ(rmdir("sub"), 0);
	CHECK_EQ(taken(SIG, NULL), deleted);
	close(file);
	close(fd);
}

TEST(events)
{
	happens(DN_CREATE, 1, 0, 0, 0, 1, 0, 0);
	happens(DN_MODIFY, 0, 1, 0, 0, 0, 0, 0);
	happens(DN_ACCESS, 0, 0, 1, 0, 0, 0, 0);
	happens(DN_ATTRIB, 0, 0, 0, 1, 0, 0, 0);
	happens(DN_RENAME, 0, 0, 0, 0, 1, 0, 0);
	happens(DN_DELETE, 0, 0, 0, 0, 1, 1, 1);
	happens(DN_CREATE | DN_DELETE | DN_RENAME, 1, 0, 0, 0, 3, 1, 1);
}

TEST(reading_the_directory)
{
	char entries[1024];
	int fd = watch(DN_ACCESS | DN_MULTISHOT);

	CHECK(syscall(SYS_getdents64, fd, entries, sizeof(entries)) > 0);
	CHECK_EQ(taken(SIG, NULL), 1);
}

TEST(more_is_asked)
{
	int fd = watch(DN_CREATE), file = make_file("f");

	CHECK_EQ(taken(SIG, NULL), 1);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_MODIFY), 0);
	CHECK_EQ(write(file, "a", 1), 1);
	/* That was all of it. */
	close(make_file("g"));
	CHECK_EQ(taken(SIG, NULL), 1);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_MODIFY), 0);
	CHECK_EQ(write(file, "a", 1), 1);
	close(make_file("h"));
	CHECK_EQ(taken(SIG, NULL), 2);
	CHECK_EQ(fcntl(fd, F_NOTIFY, 0), 0);
	close(make_file("i"));
	CHECK_EQ(taken(SIG, NULL), 0);
}

TEST(several_watch)
{
	int fd = watch(DN_CREATE | DN_MULTISHOT), again = open(".", O_RDONLY), copy = dup(fd);
	siginfo_t si;

	CHECK_EQ(fcntl(again, F_SETSIG, SIG), 0);
	CHECK_EQ(fcntl(again, F_NOTIFY, DN_CREATE), 0);
	close(make_file("f"));
	CHECK_EQ(taken(SIG, NULL), 2);
	close(make_file("g"));
	CHECK_EQ(taken(SIG, &si), 1);
	CHECK_EQ(si.si_fd, fd);
	/* The same open file: the last number counts. */
	CHECK_EQ(fcntl(copy, F_NOTIFY, DN_CREATE), 0);
	close(make_file("h"));
	CHECK_EQ(taken(SIG, &si), 1);
	CHECK_EQ(si.si_fd, copy);
}

TEST(any_close_ends_it)
{
	int fd = watch(DN_CREATE | DN_MULTISHOT), copy = dup(fd);

	close(copy);
	close(make_file("f"));
	CHECK_EQ(taken(SIG, NULL), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT), 0);
	REQUIRE(dup2(0, fd) == fd);
	close(make_file("g"));
	CHECK_EQ(taken(SIG, NULL), 0);
}

/* But not one in the table of another process, nor does that one have it. */
TEST(fork_and_close)
{
	int fd = watch(DN_CREATE | DN_MULTISHOT), st = -1;
	pid_t pid = fork();

	if (!pid) {
		close(fd);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	close(make_file("f"));
	CHECK_EQ(taken(SIG, NULL), 1);
	close(fd);
	close(make_file("g"));
	CHECK_EQ(taken(SIG, NULL), 0);
}

TEST(the_directory_goes)
{
	int fd = watch(DN_DELETE | DN_CREATE | DN_MULTISHOT), sub, file;

	REQUIRE(mkdir("sub", 0755) == 0);
	sub = open("sub", O_RDONLY);
	CHECK_EQ(fcntl(sub, F_SETSIG, SIG), 0);
	CHECK_EQ(fcntl(sub, F_NOTIFY, DN_DELETE | DN_CREATE | DN_ATTRIB | DN_MULTISHOT), 0);
	CHECK_EQ(taken(SIG, NULL), 1);
	file = openat(sub, "f", O_CREAT | O_RDWR, 0600);
	CHECK(file >= 0);
	CHECK_EQ(unlinkat(sub, "f", 0), 0);
	CHECK_EQ(taken(SIG, NULL), 2);
	CHECK_EQ(rmdir("sub"), 0);
	CHECK(taken(SIG, NULL) >= 1);
	CHECK_EQ(fcntl(sub, F_NOTIFY, DN_CREATE), 0);
	close(sub);
	close(file);
	close(fd);
}

TEST(the_switch)
{
	int fd = make_dir(), sysctl = open("/proc/sys/fs/dir-notify-enable", O_RDWR);
	char c = 0;

	if (sysctl < 0 && (errno == EACCES || errno == EROFS))
		return;
	REQUIRE(sysctl >= 0);
	CHECK_EQ(pread(sysctl, &c, 1, 0), 1);
	CHECK_EQ(c, '1');
	CHECK_EQ(pwrite(sysctl, "0\n", 2, 0), 2);
	CHECK_ERR(fcntl(fd, F_NOTIFY, DN_CREATE), EINVAL);
	CHECK_EQ(pwrite(sysctl, "1\n", 2, 0), 2);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE), 0);
}

static volatile int stop;

static void *opens_and_closes(void *arg)
{
	while (!stop) {
		int fd = open(".", O_RDONLY);

		fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT);
		close(fd);
	}
	return arg;
}

static void *asks(void *arg)
{
	/* Numbers that the other thread closes. */
	while (!stop)
		for (int fd = 3; fd < 12; fd++)
			fcntl(fd, F_NOTIFY, DN_CREATE);
	return arg;
}

TEST(closing_and_asking_at_once)
{
	pthread_t a, b;

	make_dir();
	signal(SIGIO, SIG_IGN);
	REQUIRE(!pthread_create(&a, NULL, opens_and_closes, NULL));
	REQUIRE(!pthread_create(&b, NULL, asks, NULL));
	for (int i = 0; i < 300; i++) {
		close(make_file("f"));
		unlink("f");
	}
	stop = 1;
	pthread_join(a, NULL);
	pthread_join(b, NULL);
}

int main(void)
{
	return test_run();
}
