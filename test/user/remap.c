/* mremap(2) and MAP_FIXED at their limits: what is no user memory, RLIMIT_AS; which neighbours
 * become one mapping. */
#include "test.h"
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096ul

static char *map(size_t len)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED);
	return p;
}

static void refused(void *old, size_t old_len, int flags, void *new, int why)
{
	errno = 0;
	CHECK(mremap(old, old_len, PAGE, flags, new) == MAP_FAILED);
	CHECK_EQ(errno, why);
}

/* With five levels of page tables it ends far beyond what is given without asking. */
static unsigned long end_of_user_memory(void)
{
	void *at = (void *)(1ul << 48);

	if (mmap(at, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at)
		return (1ul << 47) - PAGE;
	munmap(at, PAGE);
	return (1ul << 56) - PAGE;
}

TEST(nothing_is_cut_off_behind_user_memory)
{
	char *p = map(2 * PAGE), *elsewhere = p - (1 << 20);
	/* To the end of user memory and one page more, of all addresses, and around. */
	size_t lens[] = {end_of_user_memory() - (unsigned long)p + PAGE,
			 0ul - (unsigned long)p - PAGE, 0ul - PAGE};

	for (int i = 0; i < 3; i++) {
		refused(p, lens[i], 0, NULL, EINVAL);
		refused(p, lens[i], MREMAP_MAYMOVE, NULL, EINVAL);
		refused(p, lens[i], MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere, EINVAL);
	}
	p[0] = p[PAGE] = 1;
}

TEST(the_lowest_addresses_are_privileged)
{
	char *p = map(2 * PAGE);

	CHECK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)PAGE) == (void *)PAGE);
	REQUIRE(!setresuid(65534, 65534, 65534));
	refused(p + PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)(2 * PAGE), EPERM);
	refused(p + PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, NULL, EPERM);
	p[PAGE] = 1;
}

TEST(what_is_replaced_does_not_count_for_the_limit)
{
	size_t len = 1 << 20;
	char *p = map(len), *one = MAP_FAILED;
	struct rlimit r = {0, RLIM_INFINITY};

	/* One page more than there is. */
	for (r.rlim_cur = len; one == MAP_FAILED; r.rlim_cur += PAGE) {
		REQUIRE(!setrlimit(RLIMIT_AS, &r));
		one = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	REQUIRE(!munmap(one, PAGE));
	CHECK(mmap(p, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == p);
	CHECK(mmap(p, len + 2 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
	CHECK_EQ(errno, ENOMEM);
}

/* Is [start, end) one line of /proc/self/maps? */
static int is_one_mapping(const void *start, const void *end)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	int found = 0;

	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		void *from, *to;

		if (sscanf(line, "%p-%p ", &from, &to) == 2 && from == start && to == end)
			found = 1;
	}
	fclose(f);
	return found;
}

/* Room for @pages between pages that nothing merges with. */
static char *hole(size_t pages)
{
	char *p = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED);
	CHECK(!munmap(p + PAGE, pages * PAGE));
	return p + PAGE;
}

static void put(char *at, size_t pages, int prot)
{
	CHECK(mmap(at, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
}

TEST(growing_up_to_a_neighbour)
{
	char *p = hole(4);

	put(p, 4, PROT_READ | PROT_WRITE);
	for (int i = 0; i < 4; i++)
		p[i * PAGE] = (char)('a' + i);
	CHECK(!munmap(p + PAGE, 2 * PAGE));
	/* Not yet: there is a page between them. */
	CHECK(mremap(p, PAGE, 2 * PAGE, 0) == p);
	CHECK(is_one_mapping(p, p + 2 * PAGE) && is_one_mapping(p + 3 * PAGE, p + 4 * PAGE));
	CHECK(mremap(p, 2 * PAGE, 3 * PAGE, 0) == p);
	CHECK(is_one_mapping(p, p + 4 * PAGE));
	CHECK(p[0] == 'a' && !p[PAGE] && !p[2 * PAGE] && p[3 * PAGE] == 'd');
	CHECK(!munmap(p, 4 * PAGE));

	/* Another protection stays another mapping. */
	put(p, 1, PROT_READ | PROT_WRITE);
	put(p + 2 * PAGE, 1, PROT_READ);
	CHECK(mremap(p, PAGE, 2 * PAGE, 0) == p);
	CHECK(is_one_mapping(p, p + 2 * PAGE) && is_one_mapping(p + 2 * PAGE, p + 3 * PAGE));
}

/* The same with pages of a file, which go on in the neighbour, or do not. */
static void grow_in_file(int fd, char *p, off_t second, int becomes_one)
{
	char *q = p + 2 * PAGE;

	CHECK(mmap(p, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == p);
	CHECK(mmap(q, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, second) == q);
	CHECK(mremap(p, PAGE, 2 * PAGE, 0) == p);
	CHECK_EQ(is_one_mapping(p, q + PAGE), becomes_one);
	CHECK_EQ(*q, 'a' + second / (long)PAGE);
	CHECK(!munmap(p, 3 * PAGE));
}

TEST(growing_up_to_the_same_file)
{
	int fd = memfd_create("pages", 0);
	char *p = hole(3);

	REQUIRE(fd >= 0);
	for (int i = 0; i < 3; i++)
		CHECK(pwrite(fd, "abc" + i, 1, i * (off_t)PAGE) == 1);
	grow_in_file(fd, p, 2 * PAGE, 1);
	grow_in_file(fd, p, PAGE, 0);
	close(fd);
}

/* What is mapped behind three pages at @p becomes one with them, or does not. */
static void check_new_neighbour(char *p, int becomes_one)
{
	put(p + 3 * PAGE, 3, PROT_READ | PROT_WRITE);
	p[3 * PAGE] = 1;
	CHECK_EQ(is_one_mapping(p, p + 6 * PAGE), becomes_one);
	CHECK_EQ(is_one_mapping(p + 3 * PAGE, p + 6 * PAGE), !becomes_one);
}

/* What came with its pages from a parent is no longer one with what is new; it is with itself. */
TEST(after_a_fork)
{
	char *p = hole(6);

	put(p, 3, PROT_READ | PROT_WRITE);
	*p = 1;
	pid_t pid = fork();

	if (!pid) {
		*p = 2;
		check_new_neighbour(p, 0);
		CHECK(!mprotect(p + PAGE, PAGE, PROT_READ));
		CHECK(is_one_mapping(p, p + PAGE) && is_one_mapping(p + PAGE, p + 2 * PAGE));
		CHECK(!mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE));
		CHECK(is_one_mapping(p, p + 3 * PAGE));
		fflush(stdout);
		_exit(test_failures != 0);
	}
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && !status);
	check_new_neighbour(p, 1);
	CHECK_EQ(*p, 1);
}

int main(void)
{
	return test_run();
}
