/* MAP_DROPPABLE: memory that the kernel may take, and what it refuses to be. */
#include "proc_help.h"

#include <sys/mman.h>

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#define PAGE 4096ul
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define RW (PROT_READ | PROT_WRITE)

static void *droppable(size_t len)
{
	void *p = mmap(NULL, len, RW, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);

	/* Since Linux 6.11. */
	if (p == MAP_FAILED && errno == EINVAL) {
		printf("# no MAP_DROPPABLE\n");
		exit(0);
	}
	REQUIRE(p != MAP_FAILED);
	return p;
}

TEST(memory_as_other)
{
	unsigned char *p = droppable(4 * PAGE), vec[4];

	CHECK_EQ(p[3 * PAGE], 0);
	memset(p, 7, 4 * PAGE);
	CHECK_EQ(p[4 * PAGE - 1], 7);
	CHECK_EQ(mprotect(p, PAGE, PROT_READ), 0);
	CHECK_EQ(mprotect(p, PAGE, RW), 0);
	CHECK_EQ(mincore(p, 4 * PAGE, vec), 0);
	CHECK_EQ(madvise(p, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(p[0], 0);
	p = mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	REQUIRE(p != MAP_FAILED);
	CHECK_EQ(p[PAGE], 7);
	CHECK_EQ(p[7 * PAGE], 0);
	CHECK_EQ(munmap(p, 8 * PAGE), 0);
}

TEST(what_it_cannot_be)
{
	FILE *f = tmpfile();

	droppable(PAGE);
	REQUIRE(f);
	CHECK_ERR((long)mmap(NULL, PAGE, RW, MAP_DROPPABLE, fileno(f), 0), EINVAL);
	CHECK_ERR((long)mmap(NULL, PAGE, RW, MAP_DROPPABLE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0),
		  EINVAL);
	CHECK_ERR((long)mmap(NULL, PAGE, RW, MAP_DROPPABLE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0),
		  EINVAL);
	fclose(f);
}

TEST(advice)
{
	char *p = droppable(2 * PAGE);

	/* What keeps it is refused; what goes further is not. */
	CHECK_ERR(madvise(p, PAGE, MADV_KEEPONFORK), EINVAL);
	CHECK_ERR(madvise(p, PAGE, MADV_DODUMP), EINVAL);
	CHECK_EQ(madvise(p, 2 * PAGE, MADV_WIPEONFORK), 0);
	CHECK_EQ(madvise(p, 2 * PAGE, MADV_DONTDUMP), 0);
	/* Accepted, without effect. */
	CHECK_EQ(mlock(p, 2 * PAGE), 0);
	CHECK(strstr(smaps_field(p, "VmFlags"), " dp"));
	CHECK(strstr(smaps_field(p, "VmFlags"), " wf"));
	CHECK(strstr(smaps_field(p, "VmFlags"), " dd"));
	CHECK(strstr(smaps_field(p, "VmFlags"), " nr"));
	CHECK(!strstr(smaps_field(p, "VmFlags"), " lo"));
	CHECK(!strstr(smaps_field(p, "VmFlags"), " ac"));
}

/* Children down to @depth find it empty; what each writes is its own. */
static void descend(unsigned char *p, int depth)
{
	int status;

	*p = (unsigned char)depth;
	if (!depth)
		return;
	pid_t pid = fork();

	REQUIRE(pid >= 0);
	if (!pid) {
		CHECK_EQ(*p, 0);
		descend(p, depth - 1);
		_exit(test_failures);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(*p, depth);
}

TEST(empty_in_a_child)
{
	descend(droppable(PAGE), 3);
}

TEST(wiped_memory_can_be_kept_again)
{
	unsigned char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED);
	for (int keep = 0; keep < 2; keep++) {
		int status;

		*p = 5;
		CHECK_EQ(madvise(p, PAGE, keep ? MADV_KEEPONFORK : MADV_WIPEONFORK), 0);
		pid_t pid = fork();

		REQUIRE(pid >= 0);
		if (!pid)
			_exit(*p);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, keep ? 5 << 8 : 0);
	}
}

#define MIB (1ul << 20)

/* Memory that stays: all that is free but @spare, in huge pages where there are some. */
static void fill_memory_but(size_t spare)
{
	size_t len = ((size_t)meminfo("MemFree") * 1024 - spare) / (2 * MIB) * (2 * MIB);
	char *p = mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED);
	madvise(p, len, MADV_HUGEPAGE);
	REQUIRE(!madvise(p, len, MADV_POPULATE_WRITE));
}

/* More than there is: what can be dropped is, and nobody dies for it. */
TEST(gives_way)
{
	size_t len = 48 * MIB, more = 72 * MIB, kept = 0, dropped = 0;
	int status;

	if (!in_test_machine() || meminfo("MemFree") < 200 * 1024) {
		printf("# needs a machine of its own\n");
		return;
	}
	alarm(300); /* as long as it takes */
	fill_memory_but(96 * MIB);
	unsigned char *p = droppable(len);

	for (size_t at = 0; at < len; at += PAGE)
		p[at] = p[at + PAGE - 1] = 1;
	pid_t pid = fork();

	REQUIRE(pid >= 0);
	if (!pid) {
		unsigned char *q = mmap(NULL, more, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (q == MAP_FAILED)
			_exit(2);
		for (size_t at = 0; at < more; at += PAGE)
			q[at] = 1;
		for (size_t at = 0; at < more; at += PAGE)
			if (q[at] != 1)
				_exit(3);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	for (size_t at = 0; at < len; at += PAGE) {
		CHECK_EQ(p[at], p[at + PAGE - 1]); /* a page goes as a whole */
		if (p[at])
			kept++;
		else
			dropped++;
	}
	CHECK(dropped >= 8 * MIB / PAGE);
	printf("# %zu pages kept, %zu dropped\n", kept, dropped);
}

int main(void)
{
	return test_run();
}
