/* /sys/devices/system/cpu: lists of CPUs, how they belong together, their caches. */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#define CPU_DIR "/sys/devices/system/cpu/"
#define CPUS_MAX 1024

/* The text of a file without its newline, which must be its last byte; "" when it is not there. */
static const char *text_of(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = 0;

	text[0] = 0;
	if (fd < 0)
		return text;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	CHECK(n > 0 && text[n - 1] == '\n');
	text[n > 0 ? n - 1 : 0] = 0;
	return text;
}

static const char *cache_text(int cpu, int index, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), CPU_DIR "cpu%d/cache/index%d/%s", cpu, index, name);
	return text_of(path);
}

static long cache_number(int cpu, int index, const char *name)
{
	const char *text = cache_text(cpu, index, name);
	char *end;
	long n = strtol(text, &end, 10);

	return *text && (!*end || !strcmp(end, "K")) ? n : -1;
}

/* "0-2,5" into set; how many. */
static int parse_list(const char *text, unsigned char set[CPUS_MAX])
{
	int count = 0;

	memset(set, 0, CPUS_MAX);
	while (*text) {
		char *end;
		long first = strtol(text, &end, 10), last = first;

		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		REQUIRE(end != text && first >= 0 && first <= last && last < CPUS_MAX);
		for (long i = first; i <= last; i++, count++)
			set[i] = 1;
		text = *end == ',' ? end + 1 : end;
		REQUIRE(!*end || *end == ',');
	}
	return count;
}

/* "3,0000000f" into set; how many. */
static int parse_map(const char *text, unsigned char set[CPUS_MAX])
{
	int count = 0, bit = 0;

	memset(set, 0, CPUS_MAX);
	for (const char *p = text + strlen(text); p-- > text;) {
		char digit[2] = {*p, 0};

		if (*p == ',') {
			CHECK_EQ(bit % 32, 0);
			continue;
		}
		long v = strtol(digit, NULL, 16);

		for (int i = 0; i < 4 && bit < CPUS_MAX; i++, bit++) {
			set[bit] = v >> i & 1;
			count += set[bit];
		}
	}
	return count;
}

static int online(unsigned char set[CPUS_MAX])
{
	return parse_list(text_of(CPU_DIR "online"), set);
}

TEST(lists_of_cpus)
{
	unsigned char on[CPUS_MAX], set[CPUS_MAX];
	int count = online(on);

	CHECK_EQ(count, sysconf(_SC_NPROCESSORS_ONLN));
	CHECK(parse_list(text_of(CPU_DIR "possible"), set) >= count);
	CHECK(parse_list(text_of(CPU_DIR "present"), set) >= count);
	CHECK(atol(text_of(CPU_DIR "kernel_max")) >= count - 1);
	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		char path[64];
		struct stat st;

		snprintf(path, sizeof(path), CPU_DIR "cpu%d/topology", cpu);
		if (on[cpu])
			CHECK_EQ(stat(path, &st), 0);
	}
}

/* The line of /proc/self/status that begins with @name, without it; "" when there is none. */
static const char *status_of(const char *name)
{
	static char line[4096];
	FILE *f = fopen("/proc/self/status", "re");
	size_t n = strlen(name);

	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, n) != 0 || line[n] != ':' || line[n + 1] != '\t')
			continue;
		fclose(f);
		line[strcspn(line, "\n")] = 0;
		return line + n + 2;
	}
	fclose(f);
	return "";
}

/* The map of /proc/PID/status has a digit for each four CPUs that may be there, zeros too. */
TEST(cpus_allowed)
{
	unsigned char set[CPUS_MAX], list[CPUS_MAX];
	cpu_set_t mask, one;
	int digits = 0, possible;

	/* CPUs that may not be there are not counted: possible is 0 to n - 1. */
	possible = parse_list(text_of(CPU_DIR "possible"), set);
	REQUIRE(sched_getaffinity(0, sizeof(mask), &mask) == 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &mask))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
		CHECK_EQ(parse_list(status_of("Cpus_allowed_list"), list), 1);
		CHECK_EQ(list[cpu], 1);

		const char *map = status_of("Cpus_allowed");

		CHECK_EQ(parse_map(map, set), 1);
		CHECK_EQ(set[cpu], 1);
		digits = 0;
		for (; *map; map++)
			digits += *map != ',';
		CHECK_EQ(digits, (possible + 3) / 4);
	}
	CHECK(digits > 0);
}

/* Each CPU is among its own neighbours, and list and map agree. */
TEST(neighbours)
{
	static const char *const names[] = {"thread_siblings", "core_cpus", "core_siblings",
					    "die_cpus", "package_cpus"};
	unsigned char on[CPUS_MAX], list[CPUS_MAX], map[CPUS_MAX];

	REQUIRE(online(on) > 0);
	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		for (unsigned int i = 0; on[cpu] && i < sizeof(names) / sizeof(*names); i++) {
			char path[128];

			snprintf(path, sizeof(path), CPU_DIR "cpu%d/topology/%s_list", cpu,
				 names[i]);
			CHECK(parse_list(text_of(path), list) > 0);
			snprintf(path, sizeof(path), CPU_DIR "cpu%d/topology/%s", cpu, names[i]);
			CHECK(parse_map(text_of(path), map) > 0);
			CHECK(list[cpu]);
			CHECK(!memcmp(list, map, sizeof(list)));
		}
	}
}

/* As wide as the possible CPUs need. */
TEST(maps_have_leading_zeros)
{
	unsigned char set[CPUS_MAX];
	int highest = 0, digits;
	const char *text;

	parse_list(text_of(CPU_DIR "possible"), set);
	for (int i = 0; i < CPUS_MAX; i++)
		highest = set[i] ? i : highest;
	digits = (highest + 4) / 4;
	text = text_of(CPU_DIR "cpu0/topology/thread_siblings");
	CHECK_EQ(strlen(text), digits + (digits - 1) / 8);
	text = text_of("/sys/devices/system/node/node0/cpumap");
	CHECK_EQ(strlen(text), digits + (digits - 1) / 8);
}

static void check_cache(int cpu, int index, const unsigned char on[CPUS_MAX])
{
	unsigned char list[CPUS_MAX], map[CPUS_MAX], other[CPUS_MAX];
	long level = cache_number(cpu, index, "level");
	long size = cache_number(cpu, index, "size");
	long line = cache_number(cpu, index, "coherency_line_size");
	long ways = cache_number(cpu, index, "ways_of_associativity");
	long sets = cache_number(cpu, index, "number_of_sets");
	long partitions = cache_number(cpu, index, "physical_line_partition");
	const char *text = cache_text(cpu, index, "type");

	CHECK(!strcmp(text, "Data") || !strcmp(text, "Instruction") || !strcmp(text, "Unified"));
	CHECK(level >= 1 && level <= 4);
	CHECK(line >= 16 && line <= 256);
	CHECK(ways > 0 && sets > 0 && partitions > 0 && size > 0);
	if (partitions == 1)
		CHECK_EQ(size, ways * sets * line / 1024);
	CHECK(cache_number(cpu, index, "id") >= 0);
	text = cache_text(cpu, index, "size");
	CHECK_EQ(text[strlen(text) - 1], 'K');

	CHECK(parse_list(cache_text(cpu, index, "shared_cpu_list"), list) > 0);
	parse_map(cache_text(cpu, index, "shared_cpu_map"), map);
	CHECK(!memcmp(list, map, sizeof(list)));
	CHECK(list[cpu]);
	for (int i = 0; i < CPUS_MAX; i++) {
		if (!list[i])
			continue;
		CHECK(on[i]);
		parse_list(cache_text(i, index, "shared_cpu_list"), other);
		CHECK(!memcmp(list, other, sizeof(list)));
	}
}

static int has_cache(int cpu, int index)
{
	return *cache_text(cpu, index, "level") != 0;
}

/* Every CPU has as many as the first; their shape fits their size; sharing is mutual. */
TEST(caches)
{
	unsigned char on[CPUS_MAX];
	int count = 0;

	REQUIRE(online(on) > 0);
	while (has_cache(0, count))
		count++;
	if (!count)
		printf("# the CPU tells nothing of its caches\n");
	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		if (!on[cpu])
			continue;
		for (int i = 0; i < count; i++)
			check_cache(cpu, i, on);
		CHECK(!has_cache(cpu, count));
	}
}

#ifdef __x86_64__
/* What the C library reads out of the CPU itself. */
static void check_with_library(int level, const char *type, int size_name, int line_name)
{
	for (int i = 0; has_cache(0, i); i++) {
		if (cache_number(0, i, "level") != level || strcmp(cache_text(0, i, "type"), type))
			continue;
		CHECK_EQ(cache_number(0, i, "size") * 1024, sysconf(size_name));
		CHECK_EQ(cache_number(0, i, "coherency_line_size"), sysconf(line_name));
		return;
	}
	CHECK(sysconf(size_name) <= 0);
}

TEST(caches_are_those_of_the_cpu)
{
	unsigned int eax, ebx, ecx, edx;
	int found = 0;

	/* AMD's leaves of old, which QEMU fills for any CPU of AMD that it plays. */
	if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx) || ebx != signature_AMD_ebx ||
	    !__get_cpuid(0x80000006, &eax, &ebx, &ecx, &edx)) {
		printf("# not of AMD\n");
		return;
	}
	while (has_cache(0, found))
		found++;
	CHECK(found >= 3);
	check_with_library(1, "Data", _SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL1_DCACHE_LINESIZE);
	check_with_library(2, "Unified", _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL2_CACHE_LINESIZE);
}
#endif

TEST(files_cannot_be_written)
{
	int fd = open(CPU_DIR "cpu0/topology/core_id", O_WRONLY);

	if (fd < 0) {
		CHECK_EQ(errno, EACCES);
		return;
	}
	CHECK_ERR(write(fd, "1\n", 2), EIO);
	close(fd);
}

/* A CPU and its node point at each other. */
TEST(node_of_a_cpu)
{
	struct stat a, b;

	REQUIRE(stat("/sys/devices/system/node/node0/cpu0", &a) == 0);
	CHECK_EQ(stat(CPU_DIR "cpu0", &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(stat(CPU_DIR "cpu0/node0", &a), 0);
	CHECK_EQ(stat("/sys/devices/system/node/node0", &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
}

int main(void)
{
	return test_run();
}
