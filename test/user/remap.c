/* mremap(2) and MAP_FIXED at their limits: what is no user memory, RLIMIT_AS. */
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

int main(void)
{
	return test_run();
}
