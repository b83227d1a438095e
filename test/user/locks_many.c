/* Record locks in numbers, those that wait for them, and how they are shown: fcntl(2), proc(5). */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include "test.h"

/* Linux needs minutes for so many under emulation: it walks a list. */
#define MANY 10000

static int begin(void)
{
	char dir[] = "/tmp/lmXXXXXX";
	int fd;

	mkdir("/tmp", 01777);
	REQUIRE(mkdtemp(dir) && !chdir(dir));
	fd = open("f", O_CREAT | O_RDWR, 0644);
	REQUIRE(fd >= 0);
	return fd;
}

static int lk(int fd, int cmd, int type, long start, long len)
{
	struct flock l = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	return fcntl(fd, cmd, &l);
}

static pid_t child(void)
{
	pid_t pid = fork();

	REQUIRE(pid >= 0);
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static int ended(pid_t pid)
{
	int st = -1;

	CHECK_EQ(waitpid(pid, &st, 0), pid);
	return st;
}

/* Lines of /proc/locks about the file; the last that waits is left in @out. */
static int shown(int fd, int waits, char *out, size_t size)
{
	char line[256], at[80];
	struct stat st;
	int n = 0;
	FILE *f = fopen("/proc/locks", "r");

	REQUIRE(f && !fstat(fd, &st));
	snprintf(at, sizeof(at), "%02x:%02x:%lu ", (unsigned)(st.st_dev >> 8) & 0xfff,
		 (unsigned)st.st_dev & 0xff, st.st_ino);
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, at) || !strstr(line, "-> ") != !waits)
			continue;
		n++;
		if (out)
			snprintf(out, size, "%s", strchr(line, ':') + 1);
	}
	fclose(f);
	return n;
}

static void until_waiting(int fd, int n)
{
	while (shown(fd, 1, NULL, 0) < n)
		usleep(1000);
}

TEST(ten_thousand_ranges)
{
	struct flock l = {.l_type = F_WRLCK, .l_start = 2 * (MANY - 1)};
	int fd = begin(), bad = 0;

	for (long i = 0; i < MANY; i++)
		bad += lk(fd, F_SETLK, i & 1 ? F_RDLCK : F_WRLCK, i * 2, 1) != 0;
	CHECK_EQ(bad, 0);
	CHECK_EQ(shown(fd, 0, NULL, 0), MANY);
	pid_t pid = child();
	if (!pid) {
		CHECK_EQ(fcntl(fd, F_GETLK, &l), 0);
		CHECK(l.l_type == F_RDLCK && l.l_start == 2 * (MANY - 1) && l.l_len == 1);
		/* Between them, and where readers are. */
		for (long i = 0; i < MANY; i++)
			bad += lk(fd, F_SETLK, F_WRLCK, i * 2 + 1, 1) != 0;
		CHECK_EQ(bad, 0);
		CHECK_EQ(lk(fd, F_SETLK, F_RDLCK, 2 * 777, 1), 0);
		CHECK_ERR(lk(fd, F_SETLK, F_RDLCK, 2 * 778, 1), EAGAIN);
		CHECK_ERR(lk(fd, F_SETLK, F_WRLCK, 2 * 777, 1), EAGAIN);
		_exit(test_failures != 0);
	}
	CHECK_EQ(ended(pid), 0);
	/* One that covers all, a hole in it, and the end of all. */
	CHECK_EQ(lk(fd, F_SETLK, F_RDLCK, 0, 2 * MANY), 0);
	CHECK_EQ(shown(fd, 0, NULL, 0), 1);
	CHECK_EQ(lk(fd, F_SETLK, F_UNLCK, MANY, 1), 0);
	CHECK_EQ(shown(fd, 0, NULL, 0), 2);
	close(open("f", O_RDONLY));
	CHECK_EQ(shown(fd, 0, NULL, 0), 0);
}

/* Every process holds the same range for reading; a writer gets it when the last lets go. */
TEST(many_readers)
{
	enum { KIDS = 20 };
	int fd = begin(), p[2], go[2];
	pid_t pids[KIDS];
	char c;

	REQUIRE(!pipe(p) && !pipe(go));
	for (int i = 0; i < KIDS; i++) {
		pids[i] = child();
		if (pids[i])
			continue;
		CHECK_EQ(lk(fd, F_SETLK, F_RDLCK, 0, 0), 0);
		CHECK_EQ(write(p[1], "x", 1), 1);
		CHECK_EQ(read(go[0], &c, 1), 1);
		_exit(test_failures != 0);
	}
	for (int i = 0; i < KIDS; i++)
		CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_ERR(lk(fd, F_SETLK, F_WRLCK, 5, 1), EAGAIN);
	CHECK_EQ(write(go[1], "xxxxxxxxxxxxxxxxxxxx", KIDS), KIDS);
	CHECK_EQ(lk(fd, F_SETLKW, F_WRLCK, 5, 1), 0);
	for (int i = 0; i < KIDS; i++)
		CHECK_EQ(ended(pids[i]), 0);
}

/* More that wait than a chain of requests is long, each counts under its lock. */
TEST(a_queue_of_writers)
{
	enum { KIDS = 80 };
	int fd = begin(), *count;
	pid_t pids[KIDS];

	count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	for (int i = 0; i < KIDS; i++) {
		pids[i] = child();
		if (pids[i])
			continue;
		CHECK_EQ(lk(fd, F_SETLKW, F_WRLCK, 3, 5), 0);
		int old = *(volatile int *)count;
		sched_yield();
		*(volatile int *)count = old + 1;
		_exit(test_failures != 0);
	}
	until_waiting(fd, KIDS);
	CHECK_EQ(*count, 0);
	/* One that waits in the middle is killed: those behind it still get their turn. */
	kill(pids[10], SIGKILL);
	CHECK_EQ(ended(pids[10]), SIGKILL);
	CHECK_EQ(lk(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	for (int i = 0; i < KIDS; i++) {
		if (i != 10)
			CHECK_EQ(ended(pids[i]), 0);
	}
	CHECK_EQ(*count, KIDS - 1);
	CHECK_EQ(shown(fd, 0, NULL, 0), 0);
}

/* Part of the lock goes: who wanted that gets it, the other waits on. */
TEST(part_of_a_lock)
{
	int fd = begin();
	pid_t a, b;

	CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 0, 100), 0);
	a = child();
	if (!a)
		_exit(lk(fd, F_SETLKW, F_WRLCK, 10, 10));
	b = child();
	if (!b)
		_exit(lk(fd, F_SETLKW, F_WRLCK, 90, 10));
	until_waiting(fd, 2);
	CHECK_EQ(lk(fd, F_SETLK, F_UNLCK, 5, 20), 0);
	CHECK_EQ(ended(a), 0);
	/* The other may have looked again. */
	until_waiting(fd, 1);
	CHECK_EQ(shown(fd, 0, NULL, 0), 2);
	/* To read what was to write lets a reader in. */
	CHECK_EQ(lk(fd, F_SETLK, F_RDLCK, 25, 75), 0);
	a = child();
	if (!a)
		_exit(lk(fd, F_SETLKW, F_RDLCK, 30, 1));
	CHECK_EQ(ended(a), 0);
	CHECK_EQ(lk(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	CHECK_EQ(ended(b), 0);
}

TEST(text)
{
	char line[256], want[256];
	struct stat st;
	int fd = begin(), n = 0;
	FILE *f;

	CHECK_EQ(lk(fd, F_SETLK, F_WRLCK, 5, 10), 0);
	CHECK_EQ(flock(fd, LOCK_EX), 0);
	pid_t pid = child();
	if (!pid)
		_exit(lk(fd, F_SETLKW, F_RDLCK, 7, 0));
	until_waiting(fd, 1);
	REQUIRE(!fstat(fd, &st));
	CHECK_EQ(shown(fd, 1, line, sizeof(line)), 1);
	snprintf(want, sizeof(want), " -> POSIX  ADVISORY  READ %d %02x:%02x:%lu 7 EOF\n", pid,
		 (unsigned)(st.st_dev >> 8) & 0xfff, (unsigned)st.st_dev & 0xff, st.st_ino);
	CHECK(!strcmp(line, want));
	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	f = fopen(line, "r");
	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		n += !strncmp(line, "lock:\t1: FLOCK  ADVISORY  WRITE ", 32);
		if (strncmp(line, "lock:\t2: ", 9))
			continue;
		n += 10;
		snprintf(want, sizeof(want), "POSIX  ADVISORY  WRITE %d %02x:%02x:%lu 5 14\n",
			 getpid(), (unsigned)(st.st_dev >> 8) & 0xfff, (unsigned)st.st_dev & 0xff,
			 st.st_ino);
		CHECK(!strcmp(line + 9, want));
	}
	fclose(f);
	CHECK_EQ(n, 11);
	CHECK_EQ(lk(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	CHECK_EQ(ended(pid), 0);
}

#define CELLS 64

/* One turn: locks a range and sees that nobody else is in it in a way that it excludes. */
static int turn(int fd, int *writer, int *readers, unsigned int *seed, int me, int cmd)
{
	long start = rand_r(seed) % CELLS, len = 1 + rand_r(seed) % (CELLS - start);
	int write = rand_r(seed) & 1, bad = 0;

	while (lk(fd, cmd, write ? F_WRLCK : F_RDLCK, start, len)) {
		if (errno != EINTR)
			return -1;
	}
	for (long i = start; i < start + len; i++) {
		if (write)
			bad += __atomic_exchange_n(&writer[i], me, __ATOMIC_SEQ_CST) != 0;
		else
			__atomic_add_fetch(&readers[i], 1, __ATOMIC_SEQ_CST);
		bad += write ? __atomic_load_n(&readers[i], __ATOMIC_SEQ_CST) != 0
			     : __atomic_load_n(&writer[i], __ATOMIC_SEQ_CST) != 0;
	}
	if (rand_r(seed) % 4 == 0)
		sched_yield();
	for (long i = start; i < start + len; i++) {
		if (write)
			bad += __atomic_exchange_n(&writer[i], 0, __ATOMIC_SEQ_CST) != me;
		else
			__atomic_sub_fetch(&readers[i], 1, __ATOMIC_SEQ_CST);
	}
	/* In two halves, or all. */
	if (len > 1 && rand_r(seed) % 2 == 0)
		bad += lk(fd, cmd, F_UNLCK, start, len / 2) != 0;
	bad += lk(fd, cmd, F_UNLCK, start, len) != 0;
	return bad;
}

static void stress(int cmd)
{
	enum { KIDS = 8, TURNS = 150 };
	pid_t pids[KIDS];
	int fd = begin(), *cells;

	cells = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < KIDS; i++) {
		unsigned int seed = (unsigned)i + 1;

		pids[i] = child();
		if (pids[i])
			continue;
		int own = open("f", O_RDWR);
		for (int t = 0; t < TURNS; t++)
			CHECK_EQ(turn(own, cells, cells + CELLS, &seed, i + 1, cmd), 0);
		_exit(test_failures != 0);
	}
	for (int i = 0; i < KIDS; i++)
		CHECK_EQ(ended(pids[i]), 0);
	CHECK_EQ(shown(fd, 0, NULL, 0), 0);
}

TEST(eight_processes)
{
	stress(F_SETLKW);
}

TEST(eight_open_files)
{
	stress(F_OFD_SETLKW);
}

/* Two that each want what the other has, again and again: one is always refused, none hangs. */
TEST(deadlocks_are_always_broken)
{
	enum { KIDS = 4, TURNS = 40 };
	pid_t pids[KIDS];
	int fd = begin();

	for (int i = 0; i < KIDS; i++) {
		pids[i] = child();
		if (pids[i])
			continue;
		for (int t = 0; t < TURNS; t++) {
			if (!lk(fd, F_SETLKW, F_WRLCK, i, 1)) {
				int r = lk(fd, F_SETLKW, F_WRLCK, (i + 1) % KIDS, 1);
				CHECK(!r || errno == EDEADLK);
			} else {
				CHECK_EQ(errno, EDEADLK);
			}
			CHECK_EQ(lk(fd, F_SETLK, F_UNLCK, 0, 0), 0);
		}
		_exit(test_failures != 0);
	}
	for (int i = 0; i < KIDS; i++)
		CHECK_EQ(ended(pids[i]), 0);
}

int main(void)
{
	return test_run();
}
