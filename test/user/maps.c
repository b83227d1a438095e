/* /proc/PID/maps, smaps, smaps_rollup, numa_maps: proc(5). */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define P 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define COUNT 200

static const char *const files[] = {"maps", "smaps", "numa_maps", "smaps_rollup"};
#define FILES 4
#define ROLLUP 3

static int open_of(pid_t pid, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, O_RDONLY);
}

static char *room; /* a run of pages that are VMAs of their own, so large that no read takes all */

static void make_many(void)
{
	room = mmap(NULL, COUNT * 2 * P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		    0);
	REQUIRE(room != MAP_FAILED);
	for (int i = 0; i < COUNT; i++)
		REQUIRE(!mprotect(room + i * 2 * P, P, RW));
}

/* Reads in pieces of @size until the end, @between after each. */
static void read_text(int fd, size_t size, char *text, size_t max, void (*between)(void))
{
	size_t have = 0;

	while (have + size < max) {
		ssize_t n = read(fd, text + have, size);

		CHECK(n >= 0);
		if (n <= 0)
			break;
		have += (size_t)n;
		if (between)
			between();
	}
	text[have] = 0;
}

static char *read_all(int fd, size_t size, void (*between)(void))
{
	char *text = malloc(4 << 20);

	read_text(fd, size, text, 4 << 20, between);
	return text;
}

static int count_lines(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Areas are in order and do not overlap; how many of them are in the room. */
static int in_order(const char *text)
{
	unsigned long start, end, last = 0;
	int found = 0;

	for (; text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL) {
		if (sscanf(text, "%lx-%lx ", &start, &end) != 2)
			continue;
		CHECK(start >= last && end > start);
		last = end;
		found += start >= (unsigned long)room && end <= (unsigned long)room + COUNT * 2 * P;
	}
	return found;
}

TEST(pieces_make_the_whole)
{
	static const size_t sizes[3][3] = {
		{33, 1000, 65536}, {777, 4096, 65536}, {99, 3000, 65536}};
	static char text[4 << 20];

	make_many();
	for (int i = 0; i < 3; i++) {
		int fd = open_of(getpid(), files[i]), lines = 0;

		REQUIRE(fd >= 0);
		for (int k = 2; k >= 0; k--) {
			CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
			read_text(fd, sizes[i][k], text, sizeof(text), NULL);
			lines = lines ? lines : count_lines(text);
			CHECK(lines >= 2 * COUNT);
			CHECK_EQ(count_lines(text), lines);
			CHECK(in_order(text) >= (i < 2 ? COUNT : 0));
		}
		close(fd);
	}
}

static int turn;

/* Areas behind the reader and before it come, go and change. */
static void disturb(void)
{
	int i = turn++ % COUNT;

	munmap(room + (COUNT - 1 - i) * 2 * P, P);
	mprotect(room + i * 2 * P, 2 * P, RW);
	mprotect(room + i * 2 * P + P, P, PROT_NONE);
}

TEST(a_map_that_changes)
{
	for (int i = 0; i < 2; i++) {
		turn = 0;
		make_many();
		int fd = open_of(getpid(), files[i]);
		char *text = read_all(fd, i ? 3000 : 300, disturb);

		in_order(text);
		CHECK(turn > 10);
		free(text);
		close(fd);
	}
}

/* Each area that stays is there, once, whatever happens beside it. */
TEST(what_stays_is_seen_once)
{
	make_many();
	char *stays = room + COUNT * P + (COUNT & 1 ? P : 0), *text, mark[40];
	int fd = open_of(getpid(), "maps"), found = 0;

	REQUIRE(!mprotect(stays, P, PROT_READ));
	char *low = room;
	size_t max = 1 << 20, have = 0;
	ssize_t n;

	text = malloc(max);
	while ((n = read(fd, text + have, 200)) > 0) {
		have += (size_t)n;
		if (low < stays - 4 * P) {
			munmap(low, 2 * P);
			low += 2 * P;
		}
	}
	text[have] = 0;
	snprintf(mark, sizeof(mark), "%lx-%lx r--p", (unsigned long)stays,
		 (unsigned long)stays + P);
	for (char *at = text; (at = strstr(at, mark)); at++)
		found++;
	CHECK_EQ(found, 1);
}

TEST(another_place)
{
	char a[64], b[64];
	int fd = open_of(getpid(), "maps");

	make_many();
	CHECK_EQ(pread(fd, a, 64, 9000), 64);
	CHECK_EQ(pread(fd, b, 64, 9032), 64);
	CHECK(!memcmp(a + 32, b, 32));
	CHECK_EQ(pread(fd, b, 64, 9000), 64);
	CHECK(!memcmp(a, b, 64));
	CHECK_EQ(pread(fd, b, 64, 1 << 28), 0);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(write(fd, a, 1), EBADF);
}

TEST(read_into_bad_memory)
{
	char *page = mmap(NULL, 2 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open_of(getpid(), "maps");

	munmap(page + P, P);
	CHECK_ERR(read(fd, page + P, 10), EFAULT);
	CHECK_EQ(read(fd, page + P - 10, 100), 10);
	CHECK(page[P - 10] != 0);
}

/* --- the address space of the open, and no other --- */

static int to_child[2], from_child[2];

static char *self_path(void)
{
	static char path[256];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	REQUIRE(n > 0);
	return path;
}

static void pipes(void)
{
	REQUIRE(!pipe(to_child) && !pipe(from_child));
}

static void wait_child(void)
{
	char c;

	REQUIRE(read(from_child[0], &c, 1) == 1);
}

static void let_child(void)
{
	REQUIRE(write(to_child[1], "x", 1) == 1);
}

static void wait_parent(void)
{
	char c;

	REQUIRE(read(to_child[0], &c, 1) == 1);
}

static void check_empty(const int *fd, int zombie_gone)
{
	char buf[100];

	for (int i = 0; i < FILES; i++) {
		if (i == ROLLUP || zombie_gone)
			CHECK_ERR(read(fd[i], buf, sizeof(buf)), ESRCH);
		else
			CHECK_EQ(read(fd[i], buf, sizeof(buf)), 0);
	}
}

static void open_all(pid_t pid, int *fd)
{
	for (int i = 0; i < FILES; i++) {
		fd[i] = open_of(pid, files[i]);
		CHECK(fd[i] >= 0);
	}
}

static void close_all(const int *fd)
{
	for (int i = 0; i < FILES; i++)
		close(fd[i]);
}

TEST(after_exec_and_exit)
{
	int fd[FILES], late[FILES], halfway[FILES];
	char buf[100];

	pipes();
	pid_t pid = fork();

	if (!pid) {
		char in[8], out[8];

		wait_parent();
		snprintf(in, sizeof(in), "%d", to_child[0]);
		snprintf(out, sizeof(out), "%d", from_child[1]);
		execl(self_path(), "maps", "wait", in, out, NULL);
		_exit(9);
	}
	open_all(pid, fd);
	open_all(pid, halfway);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(read(halfway[i], buf, 10), 10);
	let_child();
	wait_child(); /* it runs the program */
	check_empty(fd, 0);
	/* What was in the buffer still comes, the rest does not. */
	for (int i = 0; i < 2; i++)
		CHECK(strlen(read_all(halfway[i], 1000, NULL)) < 8192);
	close_all(fd);
	open_all(pid, fd);
	for (int i = 0; i < FILES; i++) {
		CHECK(read(fd[i], buf, sizeof(buf)) > 0);
		CHECK_EQ(lseek(fd[i], 0, SEEK_SET), 0);
	}
	let_child();
	siginfo_t si;

	REQUIRE(!waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	check_empty(fd, 0);
	open_all(pid, late);
	check_empty(late, 0);
	REQUIRE(waitpid(pid, NULL, 0) == pid);
	check_empty(fd, 1);
	check_empty(late, 1);
	CHECK_ERR(open_of(pid, "maps"), ENOENT);
}

/* An open file does not keep the memory: what was shared is let go of. */
TEST(memory_is_not_kept)
{
	int fd[FILES], hold[2];
	char c;

	pipes();
	REQUIRE(!pipe(hold));
	pid_t pid = fork();

	if (!pid) {
		wait_parent();
		_exit(0);
	}
	open_all(pid, fd);
	close(hold[1]);
	let_child();
	REQUIRE(waitpid(pid, NULL, 0) == pid);
	CHECK_EQ(read(hold[0], &c, 1), 0);
	check_empty(fd, 1);
}

TEST(judged_at_the_open)
{
	pipes();
	pid_t pid = fork(), reader;

	if (!pid) {
		wait_parent();
		_exit(0);
	}
	reader = fork();
	if (!reader) {
		int fd[FILES];
		char buf[100];

		open_all(pid, fd);
		REQUIRE(!setresgid(1000, 1000, 1000) && !setresuid(1000, 1000, 1000));
		for (int i = 0; i < FILES; i++) {
			CHECK(read(fd[i], buf, sizeof(buf)) > 0);
			CHECK_ERR(open_of(pid, files[i]), EACCES);
		}
		_exit(test_failures);
	}
	int status;

	REQUIRE(waitpid(reader, &status, 0) == reader);
	CHECK_EQ(status, 0);
	let_child();
	waitpid(pid, NULL, 0);
}

static pid_t kernel_thread(void)
{
	for (pid_t pid = 2; pid < 40; pid++) {
		char path[40], line[400], *at;
		unsigned int flags = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (fgets(line, sizeof(line), f) && (at = strrchr(line, ')')))
			sscanf(at, ") %*c %*d %*d %*d %*d %*d %u", &flags);
		fclose(f);
		if (flags & 0x00200000)
			return pid;
	}
	return 0;
}

TEST(of_a_kernel_thread)
{
	pid_t pid = kernel_thread();
	int fd[FILES];

	REQUIRE(pid);
	open_all(pid, fd);
	check_empty(fd, 0);
}

TEST(of_a_thread)
{
	char name[64], buf[100];

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "task/%d/%s", getpid(), files[i]);
		int fd = open_of(getpid(), name);

		CHECK(fd >= 0 && read(fd, buf, sizeof(buf)) > 0);
		close(fd);
	}
}

/* --- figures --- */

static long field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtol(at + strlen(name), NULL, 10) : -1;
}

TEST(figures_of_a_sparse_area)
{
	size_t size = 64ul << 20;
	char *p = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char head[40];

	REQUIRE(p != MAP_FAILED && !madvise(p, size, MADV_NOHUGEPAGE));
	for (size_t at = 0; at < size; at += size / 16 + P)
		p[at] = 1;
	char *text = read_all(open_of(getpid(), "smaps"), 65536, NULL);

	snprintf(head, sizeof(head), "%lx-", (unsigned long)p);
	char *mine = strstr(text, head);

	REQUIRE(mine);
	CHECK_EQ(field(mine, "\nSize:"), 64 << 10);
	CHECK_EQ(field(mine, "\nRss:"), 16 * 4);
	CHECK_EQ(field(mine, "\nPrivate_Dirty:"), 16 * 4);
	CHECK_EQ(field(mine, "\nAnonymous:"), 16 * 4);
	CHECK_EQ(field(mine, "\nLocked:"), 0);
}

/* smaps_rollup is the sum of smaps. */
TEST(rollup)
{
	static const char *const names[] = {"\nRss:", "\nAnonymous:", "\nPrivate_Dirty:"};
	long sum[3] = {0};

	make_many();
	for (int i = 0; i < COUNT; i += 2)
		room[i * 2 * P] = 1;
	char *roll = malloc(65536), *text = malloc(8 << 20);
	size_t have = 0;
	ssize_t n;

	memset(text, 1, 8 << 20);
	memset(roll, 1, 65536);
	int fd = open_of(getpid(), "smaps");

	while ((n = read(fd, text + have, 65536)) > 0)
		have += (size_t)n;
	text[have] = 0;
	n = read(open_of(getpid(), "smaps_rollup"), roll, 65535);
	REQUIRE(n > 0);
	roll[n] = 0;
	CHECK(strstr(roll, "[rollup]\n"));
	CHECK_EQ(field(roll, "\nSize:"), -1);
	for (int i = 0; i < 3; i++) {
		for (char *at = text; (at = strstr(at, names[i])); at++)
			sum[i] += field(at, names[i]);
		CHECK_EQ(field(roll, names[i]), sum[i]);
	}
}

/* --- an address space without anything --- */

static const char empty_rollup[] =
	"00000000-00000000 ---p 00000000 00:00 0                                  [rollup]\n"
	"Rss:                   0 kB\nPss:                   0 kB\nPss_Dirty:             0 kB\n"
	"Pss_Anon:              0 kB\nPss_File:              0 kB\nPss_Shmem:             0 kB\n"
	"Shared_Clean:          0 kB\nShared_Dirty:          0 kB\nPrivate_Clean:         0 kB\n"
	"Private_Dirty:         0 kB\nReferenced:            0 kB\nAnonymous:             0 kB\n"
	"LazyFree:              0 kB\nAnonHugePages:         0 kB\nShmemPmdMapped:        0 kB\n"
	"FilePmdMapped:         0 kB\nShared_Hugetlb:        0 kB\nPrivate_Hugetlb:       0 kB\n"
	"Swap:                  0 kB\nSwapPss:               0 kB\nLocked:                0 kB\n";

/* Unmaps all there is while its parent looks on: it stops at the first instruction that is not
 * there, being traced. */
TEST(an_empty_address_space)
{
	pid_t pid = fork();
	char text[4096];
	int status;

	if (!pid) {
		syscall(SYS_ptrace, 0 /* PTRACE_TRACEME */, 0, 0, 0);
		for (unsigned long top = 1ul << 47;;) {
			register unsigned long len __asm__("rsi") = top - P;

			__asm__ volatile("syscall"
					 :
					 : "a"(SYS_munmap), "D"(0), "r"(len)
					 : "rcx", "r11", "memory");
		}
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSEGV);
	for (int i = 0; i < FILES; i++) {
		ssize_t n = read(open_of(pid, files[i]), text, sizeof(text) - 1);

		REQUIRE(n >= 0);
		text[n] = 0;
		if (i == ROLLUP)
			CHECK(!strcmp(text, empty_rollup));
		else
			CHECK(!n || strstr(text, "[vsyscall]"));
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "wait")) {
		char c;

		return write(atoi(argv[3]), "x", 1) != 1 || read(atoi(argv[2]), &c, 1) != 1;
	}
	return test_run();
}
