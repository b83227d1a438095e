/* /proc/kpageflags, kpagecount and what pagemap says of pages: the kernel's text on pagemap. */
#include <sys/mman.h>
#include <sys/wait.h>
#include <linux/kernel-page-flags.h>
#include "proc_help.h"

#define PAGE 4096ul
#define PM_EXCLUSIVE (1ull << 56)
#define PM_FILE (1ull << 61)
#define PM_PRESENT (1ull << 63)
#define PM_PFN ((1ull << 55) - 1)
#define FLAG(name) (1ull << KPF_##name)

static uint64_t word(const char *path, uint64_t nr)
{
	uint64_t w;
	int fd = open(path, O_RDONLY);

	REQUIRE(fd >= 0);
	REQUIRE(pread(fd, &w, 8, (off_t)(nr * 8)) == 8);
	close(fd);
	return w;
}

static uint64_t flags_of(const void *p)
{
	return word("/proc/kpageflags", pagemap_word(p) & PM_PFN);
}

static uint64_t count_of(const void *p)
{
	return word("/proc/kpagecount", pagemap_word(p) & PM_PFN);
}

static char *map(size_t len, int flags, int fd)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, fd, 0);

	REQUIRE(p != MAP_FAILED);
	return p;
}

static void wait_for(pid_t pid)
{
	int status;

	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
}

TEST(anonymous_pages)
{
	const uint64_t want = FLAG(MMAP) | FLAG(ANON) | FLAG(SWAPBACKED) | FLAG(UPTODATE);

	if (!in_test_machine())
		exit(0);
	char *p = map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	*p = 1;
	CHECK((pagemap_word(p) & (PM_PRESENT | PM_FILE)) == PM_PRESENT);
	CHECK(pagemap_word(p) & PM_EXCLUSIVE);
	CHECK_EQ(flags_of(p) & want, want);
	CHECK_EQ(flags_of(p) & (FLAG(SLAB) | FLAG(BUDDY) | FLAG(THP) | FLAG(NOPAGE)), 0);
	CHECK_EQ(count_of(p), 1);
	pid_t pid = fork();

	if (!pid) {
		CHECK_EQ(count_of(p), 2);
		CHECK(!(pagemap_word(p) & PM_EXCLUSIVE));
		*p = 2; /* a copy of its own */
		CHECK_EQ(count_of(p), 1);
		CHECK(pagemap_word(p) & PM_EXCLUSIVE);
		_exit(test_failures != 0);
	}
	wait_for(pid);
	CHECK_EQ(count_of(p), 1);
}

TEST(the_zero_page)
{
	if (!in_test_machine())
		exit(0);
	char *p = map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	CHECK_EQ(*(volatile char *)p, 0);
	CHECK(flags_of(p) & FLAG(ZERO_PAGE));
	CHECK_EQ(flags_of(p) & (FLAG(ANON) | FLAG(LRU)), 0);
	CHECK_EQ(pagemap_word(p) & (PM_FILE | PM_PRESENT), PM_PRESENT);
}

TEST(pages_of_files_are_counted_by_mappings)
{
	const uint64_t want = FLAG(MMAP) | FLAG(UPTODATE) | FLAG(SWAPBACKED);
	char buf[PAGE];

	if (!in_test_machine())
		exit(0);
	int fd = memfd_create("pages", 0);

	REQUIRE(fd >= 0 && !ftruncate(fd, 16 * PAGE));
	char *maps[5];

	for (unsigned int i = 0; i < 5; i++) {
		maps[i] = map(16 * PAGE, MAP_SHARED, fd);
		maps[i][3 * PAGE] = (char)i;
		CHECK_EQ(count_of(maps[0] + 3 * PAGE), i + 1);
	}
	CHECK_EQ(flags_of(maps[0] + 3 * PAGE) & want, want);
	CHECK_EQ(flags_of(maps[0] + 3 * PAGE) & FLAG(ANON), 0);
	CHECK(pagemap_word(maps[0] + 3 * PAGE) & PM_FILE);
	CHECK(!(pagemap_word(maps[0] + 3 * PAGE) & PM_EXCLUSIVE));
	/* A neighbour has its own count. */
	maps[2][4 * PAGE] = 1;
	CHECK_EQ(count_of(maps[2] + 4 * PAGE), 1);
	/* A private copy is another page. */
	char *own = map(16 * PAGE, MAP_PRIVATE, fd);

	CHECK_EQ(own[3 * PAGE], 4);
	CHECK_EQ(count_of(maps[0] + 3 * PAGE), 6);
	own[3 * PAGE] = 9;
	CHECK_EQ(count_of(maps[0] + 3 * PAGE), 5);
	CHECK(flags_of(own + 3 * PAGE) & FLAG(ANON));
	CHECK_EQ(count_of(own + 3 * PAGE), 1);
	/* A mapping somewhere else in the file does not count. */
	char *tail = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 8 * PAGE);

	REQUIRE(tail != MAP_FAILED);
	buf[0] = tail[0];
	CHECK_EQ(buf[0], 0);
	CHECK_EQ(count_of(maps[0] + 3 * PAGE), 5);
	for (unsigned int i = 1; i < 5; i++)
		munmap(maps[i], 16 * PAGE);
	CHECK_EQ(count_of(maps[0] + 3 * PAGE), 1);
}

TEST(frames_are_of_many_kinds)
{
	static uint64_t words[1 << 16];
	uint64_t seen = 0, all = 0;
	ssize_t n;

	if (!in_test_machine())
		exit(0);
	int fd = open("/proc/kpageflags", O_RDONLY);

	REQUIRE(fd >= 0);
	while ((n = read(fd, words, sizeof(words))) > 0) {
		for (ssize_t i = 0; i < n / 8; i++, all++)
			seen |= words[i];
	}
	CHECK(all > 4096);
	CHECK(seen & FLAG(SLAB));
	CHECK(seen & FLAG(BUDDY));
	CHECK(seen & FLAG(PGTABLE));
	CHECK(seen & FLAG(LRU));
	CHECK(seen & FLAG(COMPOUND_HEAD));
	CHECK(seen & FLAG(COMPOUND_TAIL));
	CHECK(seen & 1ull << 32); /* reserved */
	CHECK_ERR(pread(fd, words, 4, 0), EINVAL);
	CHECK_ERR(pread(fd, words, 8, 3), EINVAL);
	close(fd);
}

TEST(frame_numbers_are_secret)
{
	if (!in_test_machine())
		exit(0);
	char *p = map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	*p = 1;
	CHECK(pagemap_word(p) & PM_PFN);
	pid_t pid = fork();

	if (!pid) {
		*p = 2;
		REQUIRE(!setgid(65534) && !setuid(65534));
		CHECK_ERR(open("/proc/kpageflags", O_RDONLY), EACCES);
		CHECK_ERR(open("/proc/kpagecount", O_RDONLY), EACCES);
		_exit(test_failures != 0);
	}
	wait_for(pid);
}

TEST(descriptors_have_a_price)
{
	long total = meminfo("MemTotal"), memmap = meminfo("Memmap");

	CHECK(total > 0);
	if (memmap < 0)
		exit(0); /* this kernel does not say */
	/* 16 bytes for 4096, and little more. */
	CHECK(memmap >= total / 256 * 9 / 10);
	CHECK(memmap < total / 100 + 256);
}

int main(void)
{
	return test_run();
}
