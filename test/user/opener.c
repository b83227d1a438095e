/* Files of /proc that tell more to the privileged: it counts who opened them. */
#include "test.h"
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define FRAME ((1ull << 55) - 1)

static uint64_t word_of(int fd, const void *page)
{
	uint64_t word = 0;

	CHECK_EQ(pread(fd, &word, sizeof(word), (off_t)((uintptr_t)page / 4096 * sizeof(word))),
		 sizeof(word));
	return word;
}

TEST(pagemap_names_frames_to_a_privileged_opener)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int by_root, by_user;

	mkdir("/proc", 0555);
	if (access("/proc/self", F_OK))
		REQUIRE(!mount("proc", "/proc", "proc", 0, NULL));
	REQUIRE(page != MAP_FAILED);
	*page = 1;
	by_root = open("/proc/self/pagemap", O_RDONLY);
	REQUIRE(by_root >= 0);
	REQUIRE(!setresuid(-1, 65534, -1) && !prctl(PR_SET_DUMPABLE, 1));
	by_user = open("/proc/self/pagemap", O_RDONLY);
	REQUIRE(by_user >= 0);
	CHECK(word_of(by_root, page) & FRAME);
	CHECK(!(word_of(by_user, page) & FRAME));
	REQUIRE(!setresuid(-1, 0, -1));
	CHECK(word_of(by_root, page) & FRAME);
	CHECK(!(word_of(by_user, page) & FRAME));
}

int main(void)
{
	return test_run();
}
