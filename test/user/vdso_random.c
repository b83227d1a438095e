/* getrandom in the vDSO: its query, its answers, and that nobody gets what another got. */
#include "test.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/random.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>

#define PAGE 4096ul

struct params {
	uint32_t size, prot, flags, reserved[13];
};
typedef long (*vdso_fn)(void *, size_t, unsigned int, void *, size_t);

static vdso_fn fn;
static struct params params;

/* The symbol by the ELF hash table; checks that there is a GNU one too. */
static void *find(const char *name)
{
	const char *base = (void *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *e = (void *)base;
	const Elf64_Phdr *p = (void *)(base + e->e_phoff);
	const Elf64_Sym *symbols = NULL;
	const char *strings = NULL;
	const uint32_t *hash = NULL, *gnu = NULL;
	const Elf64_Dyn *d = NULL;

	if (!base)
		return NULL;
	for (int i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_DYNAMIC)
			d = (void *)(base + p[i].p_offset);
	for (; d && d->d_tag; d++) {
		const void *at = base + d->d_un.d_ptr;

		symbols = d->d_tag == DT_SYMTAB ? at : symbols;
		strings = d->d_tag == DT_STRTAB ? at : strings;
		hash = d->d_tag == DT_HASH ? at : hash;
		gnu = d->d_tag == DT_GNU_HASH ? at : gnu;
	}
	for (uint32_t i = 0; hash && gnu && i < hash[1]; i++)
		if (!strcmp(strings + symbols[i].st_name, name))
			return (void *)(base + symbols[i].st_value);
	return NULL;
}

/* Linux 6.11 and later; ends the test where there is none. */
static void need(void)
{
	fn = (vdso_fn)(uintptr_t)find("__vdso_getrandom");
	if (!fn) {
		printf("# no getrandom in the vDSO\n");
		exit(0);
	}
	REQUIRE(fn(NULL, 0, 0, &params, ~0ul) == 0);
}

static void *new_state(void)
{
	void *p = mmap(NULL, PAGE, (int)params.prot, (int)params.flags, -1, 0);

	REQUIRE(p != MAP_FAILED);
	return p;
}

TEST(query)
{
	memset(&params, 0xff, sizeof(params));
	need();
	CHECK_EQ(params.size, 144);
	CHECK_EQ(params.prot, PROT_READ | PROT_WRITE);
	CHECK_EQ(params.flags, 0x08 | MAP_ANONYMOUS);
	for (int i = 0; i < 13; i++)
		CHECK_EQ(params.reserved[i], 0);
}

TEST(answers)
{
	char buf[16], *state;

	need();
	state = new_state();
	CHECK_EQ(fn(buf, 16, 0, state, params.size), 16);
	CHECK_EQ(fn(buf, 0, 0, state, params.size), 0);
	CHECK_EQ(fn(NULL, 0, 0, state, params.size), 0);
	/* Both RANDOM and INSECURE, which the system call refuses, are not looked at here. */
	for (unsigned int flags = 0; flags < 10; flags++)
		CHECK_EQ(fn(buf, 16, flags, state, params.size), flags < 8 ? 16 : -EINVAL);
	/* Not across a page; and what the kernel says where the state is of no use. */
	CHECK_EQ(fn(buf, 16, 0, state + PAGE - 143, params.size), -EFAULT);
	CHECK_EQ(fn(buf, 16, 0, state + PAGE - 144, params.size), 16);
	CHECK_EQ(fn(buf, 16, 0, state, params.size - 1), 16);
	CHECK_EQ(fn(NULL, 16, 0, state, params.size - 1), -EFAULT);
	CHECK_EQ(fn(buf, 16, 0, state, 0), 16);
}

static bool looks_random(const unsigned char *p, size_t n)
{
	size_t ones = 0;

	for (size_t i = 0; i < n; i++)
		ones += (size_t)__builtin_popcount(p[i]);
	return ones * 100 > n * 8 * 45 && ones * 100 < n * 8 * 55;
}

TEST(every_length)
{
	static unsigned char buf[70000], old[16];
	char *state;

	need();
	state = new_state();
	for (size_t n = 1; n < 600; n++) {
		memset(buf, 0xaa, n + 17);
		CHECK_EQ(fn(buf + n % 16, n, 0, state, params.size), n);
		CHECK_EQ(buf[n + n % 16], 0xaa); /* not further */
		CHECK(n < 16 || memcmp(old, buf + n % 16, 16));
		CHECK(n < 16 || memcmp(buf + n % 16, "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa", 8));
		memcpy(old, buf + n % 16, 16);
	}
	CHECK_EQ(fn(buf, sizeof(buf), 0, state, params.size), sizeof(buf));
	CHECK(looks_random(buf, sizeof(buf)));
	for (size_t at = 64; at < sizeof(buf) - 64; at += 64)
		CHECK(memcmp(buf, buf + at, 64));
}

/* The state holds nothing of what it gave. */
TEST(forgets)
{
	unsigned char buf[32], *state;

	need();
	state = new_state();
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(fn(buf, 16, 0, state, params.size), 16);
		for (size_t at = 0; at + 16 <= params.size; at++)
			CHECK(memcmp(state + at, buf, 16));
	}
}

TEST(a_zeroed_state_is_renewed)
{
	unsigned char a[2][32], *state;

	need();
	state = new_state();
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(fn(a[i], 32, 0, state, params.size), 32);
		CHECK_EQ(madvise(state, PAGE, MADV_DONTNEED), 0);
	}
	CHECK(memcmp(a[0], a[1], 32));
	CHECK(memcmp(a[1], (char[32]){0}, 32));
}

TEST(a_child_goes_its_own_way)
{
	unsigned char mine[32], its[32], *state;
	int fds[2];

	need();
	state = new_state();
	REQUIRE(!pipe(fds));
	CHECK_EQ(fn(mine, 32, 0, state, params.size), 32);
	pid_t pid = fork();

	REQUIRE(pid >= 0);
	CHECK_EQ(fn(mine, 32, 0, state, params.size), 32);
	if (!pid) {
		CHECK_EQ(write(fds[1], mine, 32), 32);
		_exit(test_failures);
	}
	CHECK_EQ(read(fds[0], its, 32), 32);
	CHECK(memcmp(mine, its, 32));
	CHECK_EQ(wait(NULL), pid);
}

/* A reseed of the kernel's source makes the key in the state stale. */
TEST(follows_a_reseed)
{
	unsigned char buf[8];
	uint64_t *state, generation;

	need();
	if (getuid()) {
		printf("# not root\n");
		return;
	}
	int fd = open("/dev/random", O_RDWR);

	state = new_state();
	CHECK_EQ(fn(buf, 8, 0, state, params.size), 8);
	generation = state[16];
	CHECK(generation != 0);
	CHECK_EQ(ioctl(fd, RNDRESEEDCRNG, 0), 0);
	CHECK_EQ(fn(buf, 8, 0, state, params.size), 8);
	CHECK(state[16] != generation);
	close(fd);
}

static char *shared_state;
static volatile int in_handler, failures_in_handler;
static uint64_t last_in_handler;

static void on_alarm(int sig)
{
	uint64_t v = 0;

	(void)sig;
	in_handler++;
	if (fn(&v, 8, 0, shared_state, params.size) != 8 || v == last_in_handler)
		failures_in_handler++;
	last_in_handler = v;
}

/* A signal handler comes in the middle and uses the same state. */
TEST(reentered)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	struct itimerval it = {.it_interval = {.tv_usec = 500}, .it_value = {.tv_usec = 500}};
	static unsigned char buf[3000];

	need();
	shared_state = new_state();
	REQUIRE(!sigaction(SIGALRM, &sa, NULL));
	REQUIRE(!setitimer(ITIMER_REAL, &it, NULL));
	while (in_handler < 100)
		CHECK_EQ(fn(buf, sizeof(buf), 0, shared_state, params.size), sizeof(buf));
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	CHECK_EQ(failures_in_handler, 0);
}

enum { THREADS = 4, WORDS = 20000 };
static uint64_t words[THREADS * WORDS];
static volatile bool stop;

static void *draw(void *arg)
{
	void *state = new_state();
	uint64_t *to = arg;

	for (int i = 0; i < WORDS; i++)
		if (fn(&to[i], 8, 0, state, params.size) != 8)
			return (void *)1;
	return NULL;
}

/* Takes the pages away, and reseeds, as fast as it can. */
static void *disturb(void *arg)
{
	int fd = open("/dev/random", O_RDWR);

	(void)arg;
	while (!stop) {
		ioctl(fd, RNDRESEEDCRNG, 0);
		usleep(200);
	}
	close(fd);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

TEST(threads_with_states_of_their_own)
{
	pthread_t t[THREADS], d;
	void *ret;

	need();
	REQUIRE(!pthread_create(&d, NULL, disturb, NULL));
	for (int i = 0; i < THREADS; i++)
		REQUIRE(!pthread_create(&t[i], NULL, draw, &words[i * WORDS]));
	for (int i = 0; i < THREADS; i++) {
		CHECK_EQ(pthread_join(t[i], &ret), 0);
		CHECK(!ret);
	}
	stop = true;
	pthread_join(d, NULL);
	CHECK(looks_random((unsigned char *)words, sizeof(words)));
	/* 80000 words of 64 bits: two are equal once in 10^9. */
	qsort(words, THREADS * WORDS, 8, by_value);
	for (int i = 1; i < THREADS * WORDS; i++)
		CHECK(words[i] != words[i - 1]);
}

#define STORM_WORDS 100000u

static struct storm {
	unsigned int used; /* atomic */
	uint64_t word[STORM_WORDS];
} * storm;

/* A few words for all to see; false: there is no more room. */
static bool draw_shared(void *state)
{
	for (int i = 0; i < 8; i++) {
		uint64_t word;
		unsigned int at;

		if (fn(&word, 8, 0, state, params.size) != 8)
			return false;
		at = __atomic_fetch_add(&storm->used, 1, __ATOMIC_RELAXED);
		if (at >= STORM_WORDS)
			return false;
		storm->word[at] = word;
	}
	return true;
}

/* Children begin with their parent's state, and go on after it was killed in the middle of drawing.
 */
TEST(killed_in_a_storm_of_forks)
{
	unsigned int words = 0;
	int status;

	need();
	void *state = new_state();

	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	REQUIRE(storm != MAP_FAILED);
	for (unsigned int i = 0; i < 60; i++) {
		CHECK(draw_shared(state));
		pid_t child = fork();

		REQUIRE(child >= 0);
		if (!child) {
			for (int n = 0; n < 40 && draw_shared(state); n++)
				if (n == 3 && !fork()) {
					for (n = 0; n < 40; n++)
						draw_shared(state);
					_exit(0);
				}
			pause();
		}
		usleep(200 + 300 * (i % 9));
		CHECK(!kill(child, SIGKILL) && waitpid(child, &status, 0) == child);
	}
	CHECK(storm->used > 500);
	/* Who was killed has left places empty. */
	for (unsigned int i = 0; i < storm->used && i < STORM_WORDS; i++)
		if (storm->word[i])
			storm->word[words++] = storm->word[i];
	qsort(storm->word, words, 8, by_value);
	for (unsigned int i = 1; i < words; i++)
		CHECK(storm->word[i] != storm->word[i - 1]);
}

/* CRIU expects the data of the vDSO right below its code. */
TEST(data_below_code)
{
	char line[256];
	unsigned long start, end, data_end = 0, code = 0;
	FILE *f = fopen("/proc/self/maps", "r");

	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		if (strstr(line, "[vvar"))
			data_end = end;
		if (strstr(line, "[vdso]"))
			code = start;
	}
	fclose(f);
	CHECK(code);
	CHECK_EQ(data_end, code);
	CHECK_EQ(code, getauxval(AT_SYSINFO_EHDR));
}

int main(void)
{
	return test_run();
}
