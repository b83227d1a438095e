/*
 * Addresses above 47 bits: who asks by a hint gets them where the CPU has five levels of page
 * tables
 * ("la57" in /proc/cpuinfo); nobody else does, and elsewhere the hint is as good as none.
 */
#include "test.h"
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define P 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define HALF (1ul << 47) /* the end of user addresses with four levels, and a guard page */
#define LOW_END (HALF - P)
#define HIGH_END ((1ul << 56) - P)
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static int five_levels(void)
{
	char line[8192];
	FILE *f = fopen("/proc/cpuinfo", "r");
	int found = 0;

	REQUIRE(f);
	while (!found && fgets(line, sizeof(line), f))
		found = !strncmp(line, "flags", 5) && strstr(line, " la57");
	fclose(f);
	return found;
}

static unsigned long map_at(unsigned long hint, unsigned long len, int flags)
{
	return (unsigned long)mmap((void *)hint, len, RW, ANON | flags, -1, 0);
}

static sigjmp_buf out_of_fault;
static siginfo_t fault;

static void on_fault(int sig, siginfo_t *info, void *uc)
{
	(void)uc;
	fault = *info;
	siglongjmp(out_of_fault, sig);
}

static int try_read(unsigned long at)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	int sig = sigsetjmp(out_of_fault, 1);

	if (!sig)
		(void)*(volatile char *)at;
	return sig;
}

static int listed(unsigned long start, unsigned long end)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long a, b;
	int found = 0;

	REQUIRE(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx", &a, &b) == 2 && a <= start && b >= end)
			found = 1;
	fclose(f);
	return found;
}

static long table_kib(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	long v = -1;

	REQUIRE(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmPTE: %ld", &v);
	fclose(f);
	return v;
}

TEST(nothing_is_high_unless_asked_for)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long a, b;

	REQUIRE(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx", &a, &b) == 2 && !strstr(line, "[vsyscall]"))
			CHECK(b <= LOW_END);
	fclose(f);
	CHECK((unsigned long)&line < HALF);
	CHECK((unsigned long)sbrk(0) < HALF);
	CHECK(getauxval(AT_SYSINFO_EHDR) < HALF);
	CHECK(map_at(0, P, 0) < HALF);
}

TEST(hints_about_the_boundary)
{
	int five = five_levels();
	unsigned long at;

	/* The last page below, which the rules leave out only when it would reach the guard page.
	 */
	at = map_at(LOW_END - P, P, 0);
	CHECK_EQ(at, LOW_END - P);
	CHECK(!munmap((void *)at, P));
	/* From below across the end. */
	at = map_at(LOW_END - P, 2 * P, 0);
	CHECK(at + 2 * P <= LOW_END);
	/* Exactly at the end: still the lower part's. */
	at = map_at(LOW_END, P, 0);
	CHECK(at + P <= LOW_END);
	/* The first one that asks for more. */
	at = map_at(HALF, P, 0);
	if (five)
		CHECK_EQ(at, HALF);
	else
		CHECK(at + P <= LOW_END);
	at = map_at(HALF + P, 2 * P, 0);
	if (five)
		CHECK_EQ(at, HALF + P);
	else
		CHECK(at + 2 * P <= LOW_END);
}

TEST(taken_hints_and_impossible_ones)
{
	int five = five_levels();
	unsigned long first = map_at(HALF + (1ul << 40), P, 0);
	unsigned long second = map_at(HALF + (1ul << 40), P, 0);

	CHECK(first != (unsigned long)MAP_FAILED && second != (unsigned long)MAP_FAILED);
	CHECK(first != second);
	/* Another place for who asked for a high one is the highest that is free. */
	if (five) {
		CHECK_EQ(first, HALF + (1ul << 40));
		CHECK(second > HALF);
	} else {
		CHECK(first < HALF && second < HALF);
	}
	unsigned long top = map_at(~0ul & ~(P - 1), P, 0);

	CHECK(top != (unsigned long)MAP_FAILED);
	CHECK(five ? top > HALF && top < HIGH_END : top < HALF);
	*(char *)top = 1;
	CHECK(listed(top, top + P));
	/* Does not fit below. */
	CHECK_ERR(mmap(NULL, HALF, PROT_NONE, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
	char *big = mmap((void *)HALF, HALF, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	CHECK(five ? big != MAP_FAILED : big == MAP_FAILED && errno == ENOMEM);
	/* MAP_32BIT looks at no hint of that kind. */
	unsigned long low = map_at(HALF + P, P, MAP_32BIT);

	CHECK(low < 1ul << 31);
}

TEST(fixed_addresses)
{
	int five = five_levels();
	unsigned long across = HALF - 8 * P;

	if (!five) {
		CHECK_ERR(map_at(across, 16 * P, MAP_FIXED), ENOMEM);
		CHECK_ERR(map_at(HALF, P, MAP_FIXED), ENOMEM);
		CHECK_ERR(map_at(LOW_END, P, MAP_FIXED), ENOMEM);
		CHECK_ERR(map_at(HALF, P, MAP_FIXED_NOREPLACE), ENOMEM);
		CHECK_EQ(map_at(LOW_END - P, P, MAP_FIXED), LOW_END - P);
		return;
	}
	CHECK_EQ(map_at(across, 16 * P, MAP_FIXED), across);
	memset((void *)across, 7, 16 * P);
	CHECK(listed(across, across + 16 * P));
	CHECK(!mprotect((void *)(HALF - P), 2 * P, PROT_READ));
	CHECK_EQ(*(volatile char *)HALF, 7);
	CHECK_ERR(map_at(across, P, MAP_FIXED_NOREPLACE), EEXIST);
	CHECK(!munmap((void *)(HALF - P), 2 * P));
	CHECK_EQ(try_read(HALF), SIGSEGV);
	CHECK_EQ(fault.si_code, SEGV_MAPERR);
	CHECK(fault.si_addr == (void *)HALF);
	CHECK_EQ(*(volatile char *)(HALF + P), 7);
	CHECK_EQ(map_at(HIGH_END - P, P, MAP_FIXED), HIGH_END - P);
	*(char *)(HIGH_END - P) = 1;
	CHECK_ERR(map_at(HIGH_END, P, MAP_FIXED), ENOMEM);
	CHECK_ERR(map_at(HIGH_END - P, 2 * P, MAP_FIXED), ENOMEM);
	CHECK_ERR(map_at(1ul << 56, P, MAP_FIXED), ENOMEM);
}

TEST(mremap_stays_low_unless_told)
{
	int five = five_levels();
	unsigned long at = map_at(LOW_END - P, P, MAP_FIXED);

	REQUIRE(at == LOW_END - P);
	*(char *)at = 5;
	/* In place it grows across the boundary where there is something behind it. */
	char *grown = mremap((void *)at, P, 4 * P, 0);

	if (five)
		CHECK(grown == (void *)at);
	else
		CHECK(grown == MAP_FAILED && errno == ENOMEM);
	if (five) {
		grown[3 * P] = 6;
		CHECK(mremap(grown, 4 * P, P, 0) == grown);
	}
	char *moved = mremap((void *)at, P, 64 * P, MREMAP_MAYMOVE);

	CHECK(moved != MAP_FAILED);
	CHECK_EQ(moved[0], 5);
	char *high = mremap(moved, 64 * P, 64 * P, MREMAP_MAYMOVE | MREMAP_FIXED,
			    (void *)(HALF + (1ul << 50)));

	if (!five) {
		CHECK(high == MAP_FAILED && errno == EINVAL);
		return;
	}
	CHECK(high == (void *)(HALF + (1ul << 50)));
	CHECK_EQ(high[0], 5);
	/* And from there, without an address, back. */
	char *away = mmap(high + 64 * P, P, PROT_NONE, ANON | MAP_FIXED_NOREPLACE, -1, 0);

	CHECK(away == high + 64 * P);
	moved = mremap(high, 64 * P, 128 * P, MREMAP_MAYMOVE);
	CHECK((unsigned long)moved < HALF);
	CHECK_EQ(moved[0], 5);
}

TEST(kernel_copies_and_children)
{
	if (!five_levels())
		return;
	char *p = (char *)map_at(HALF + (3ul << 45), 4 * P, 0);
	int pipes[2], status;
	char buf[8];

	REQUIRE(p == (char *)(HALF + (3ul << 45)));
	strcpy(p, "high");
	CHECK(!pipe(pipes));
	CHECK_EQ(write(pipes[1], p, 5), 5);
	CHECK_EQ(read(pipes[0], p + 2 * P, 5), 5);
	CHECK(!strcmp(p + 2 * P, "high"));
	CHECK_ERR(write(pipes[1], p + 8 * P, 5), EFAULT);
	struct iovec to = {buf, 5}, from = {p, 5};

	CHECK_EQ(process_vm_readv(getpid(), &to, 1, &from, 1, 0), 5);
	CHECK(!strcmp(buf, "high"));
	pid_t child = fork();

	if (!child) {
		p[0] = 'H';
		_exit(strcmp(p, "High"));
	}
	CHECK(waitpid(child, &status, 0) == child && !status);
	CHECK(!strcmp(p, "high"));
	CHECK(!syscall(SYS_futex, p, 1 /* wake */, 1, NULL, NULL, 0));
}

#define TABLES 16

/* Pages alone in their 512 GiB from @base on: what their tables take, in KiB; it all goes again. */
static long tables_of_lone_pages(unsigned long base)
{
	long before = table_kib();
	unsigned long at[TABLES];

	for (unsigned long i = 0; i < TABLES; i++) {
		at[i] = map_at(base + (i << 39), P, MAP_FIXED_NOREPLACE);
		REQUIRE(at[i] == base + (i << 39));
		*(volatile char *)at[i] = 1;
	}
	long grown = table_kib() - before;

	for (int i = 0; i < TABLES; i++)
		CHECK(!munmap((void *)at[i], P));
	CHECK_EQ(table_kib(), before);
	return grown;
}

/* A table for each level below what they share. */
TEST(tables_of_lone_pages_and_no_more)
{
	int five = five_levels();

	table_kib(); /* what reading it takes */
	CHECK_EQ(tables_of_lone_pages(0x20ul << 39), TABLES * 3 * 4);
	if (!five)
		return;
	/* In 256 TiB of their own they share one more, which Linux does not count. */
	long grown = tables_of_lone_pages(5ul << 48);

	CHECK(grown == TABLES * 3 * 4 || grown == TABLES * 3 * 4 + 4);
}

TEST(addresses_that_are_none)
{
	static const unsigned long none[] = {1ul << 56,
					     1ul << 57,
					     1ul << 60,
					     0x8000000000000000ul,
					     0xfff0000000000000ul,
					     0xfeffffffffffffffull};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		CHECK_EQ(try_read(none[i]), SIGSEGV);
		CHECK_ERR(write(1, (void *)none[i], 1), EFAULT);
		CHECK_ERR(mprotect((void *)(none[i] & ~(P - 1)), P, PROT_READ), ENOMEM);
	}
	/* Kernel addresses: said not to tell what is mapped. */
	CHECK_EQ(try_read(0xffff888000000000ul), SIGSEGV);
	CHECK_EQ(try_read(0xffffffff81000000ul), SIGSEGV);
	CHECK_EQ(try_read(HALF), SIGSEGV);
	CHECK_EQ(fault.si_code, five_levels() ? SEGV_MAPERR : SI_KERNEL);
	CHECK_EQ(try_read(LOW_END), SIGSEGV);
}

static void jump_to(unsigned long at)
{
	pid_t child = fork();
	int status;

	if (!child) {
		((void (*)(void))at)();
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

TEST(jumps_to_nowhere)
{
	jump_to(HALF);
	jump_to(1ul << 56);
	jump_to(0x8000000000000000ul);
	jump_to(0xffff888000000000ul);
}

int main(void)
{
	return test_run();
}
