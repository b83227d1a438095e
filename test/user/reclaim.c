/* Names fill memory and give way: dentries that exist and that do not, drop_caches, mlock. */
#include "proc_help.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#define NAMES 150000 /* of each kind */
#define SECONDS 8    /* a slow machine makes fewer */

static bool drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0)
		return false;
	CHECK_EQ(write(fd, "3\n", 2), 2);
	close(fd);
	return true;
}

TEST(names_give_way_to_memory)
{
	struct stat st;
	char name[64];
	int here = 0, missing = 0, made = 0;
	time_t end = time(NULL) + SECONDS;

	if (getuid() || !drop_caches())
		return; /* needs a machine of its own */
	long before = meminfo("MemFree");

	REQUIRE(!mkdir("/tmp/names", 0755));
	REQUIRE(!chdir("/tmp/names"));
	for (int i = 0; i < NAMES && time(NULL) < end; i++, made++) {
		snprintf(name, sizeof(name), "there-%06d", i);
		int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);

		here += fd >= 0 && !fstat(fd, &st) && st.st_nlink == 1;
		close(fd);
		CHECK(!unlink(name));
		snprintf(name, sizeof(name), "a-longer-name-that-is-not-there-at-all-%06d", i);
		missing += stat(name, &st) == -1 && errno == ENOENT;
	}
	CHECK_EQ(here, made);
	CHECK_EQ(missing, made);
	CHECK(made > 1000);
	CHECK(meminfo("MemFree") > 0);
	CHECK(!chdir("/"));
	CHECK(!rmdir("/tmp/names"));
	CHECK(drop_caches());
	/* Slabs that a few objects hold together stay. */
	CHECK(meminfo("MemFree") > before - 4096);
}

TEST(locked_memory_is_counted)
{
	const long size = 2 << 20;
	long before = meminfo("Mlocked");
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED && before >= 0);
	if (mlock(p, size))
		return; /* no right to */
	/* Linux counts in batches for each CPU: a part shows late. */
	CHECK(meminfo("Mlocked") >= before + size / 2048);
	CHECK(meminfo("Unevictable") >= before + size / 2048);
	CHECK(!munlock(p, size));
	CHECK(meminfo("Mlocked") < before + size / 2048);
}

/* What /proc/buddyinfo lists fits in what is free. */
TEST(free_blocks_by_order)
{
	FILE *f = fopen("/proc/buddyinfo", "r");
	char line[256], zone[16];
	long kib = 0;
	int zones = 0;

	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		long n[11];

		CHECK_EQ(sscanf(line,
				"Node 0, zone %15s %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld",
				zone, n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8,
				n + 9, n + 10),
			 12);
		for (int i = 0; i < 11; i++)
			kib += n[i] * 4 << i;
		zones++;
	}
	fclose(f);
	CHECK(zones >= 1);
	CHECK(kib > 0 && kib <= meminfo("MemTotal"));
}

TEST(zones_have_marks)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	char line[256];
	long free = -1, low = -1, high = -1, managed = 0, n;

	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " pages free %ld", &n) == 1)
			free = n;
		else if (sscanf(line, " low %ld", &n) == 1)
			low = n;
		else if (sscanf(line, " high %ld", &n) == 1)
			high = n;
		else if (sscanf(line, " managed %ld", &n) == 1 && (managed += n, n))
			CHECK(free >= 0 && low > 0 && low <= high && high < n);
	}
	fclose(f);
	CHECK(managed * 4 >= meminfo("MemTotal"));
}

int main(void)
{
	return test_run();
}
