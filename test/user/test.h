/*
 * For the programs of test/user: TAP points, one per CHECK group.
 *
 *	TEST(name) { CHECK(expr); CHECK_ERR(call, errno); }
 *	int main(void) { return test_run(); }
 *
 * Tests run in the order of their definition, each in a child process.  TEST_ONLY=name in the
 * environment: that one alone, in the first process.
 */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct test {
	const char *name;
	void (*fn)(void);
	struct test *next;
};

static struct test *test_first, **test_last = &test_first;
static int test_failures;

#define TEST(name_)                                                     \
	static void test_##name_(void);                                 \
	__attribute__((constructor)) static void test_add_##name_(void) \
	{                                                               \
		static struct test t = {#name_, test_##name_, NULL};    \
		*test_last = &t;                                        \
		test_last = &t.next;                                    \
	}                                                               \
	static void test_##name_(void)

#define CHECK(c)                                                                           \
	do {                                                                               \
		if (!(c)) {                                                                \
			printf("# %s:%d: %s (errno %d)\n", __FILE__, __LINE__, #c, errno); \
			test_failures++;                                                   \
		}                                                                          \
	} while (0)
#define CHECK_EQ(a, b)                                                                           \
	do {                                                                                     \
		long a_ = (long)(a), b_ = (long)(b);                                             \
		if (a_ != b_) {                                                                  \
			printf("# %s:%d: %s is %ld, %s is %ld (errno %d)\n", __FILE__, __LINE__, \
			       #a, a_, #b, b_, errno);                                           \
			test_failures++;                                                         \
		}                                                                                \
	} while (0)
/* The call fails with this errno. */
#define CHECK_ERR(call, err)                                                                    \
	do {                                                                                    \
		errno = 0;                                                                      \
		long r_ = (long)(call);                                                         \
		if (r_ != -1 || errno != (err)) {                                               \
			printf("# %s:%d: %s gives %ld, errno %d, not %s\n", __FILE__, __LINE__, \
			       #call, r_, errno, #err);                                         \
			test_failures++;                                                        \
		}                                                                               \
	} while (0)
/* Ends the test. */
#define REQUIRE(c)                                                                           \
	do {                                                                                 \
		if (!(c)) {                                                                  \
			printf("# %s:%d: required: %s (errno %d)\n", __FILE__, __LINE__, #c, \
			       errno);                                                       \
			fflush(stdout);                                                      \
			_exit(1);                                                            \
		}                                                                            \
	} while (0)

/* Nobody else is in this machine: its clock and its log may be set. */
static inline int in_test_machine(void)
{
	char comm[16] = "";
	FILE *f = fopen("/proc/1/comm", "r");

	if (f && !fgets(comm, sizeof(comm), f))
		comm[0] = 0;
	if (f)
		fclose(f);
	comm[strcspn(comm, "\n")] = 0;
	return !getuid() && (!strcmp(comm, "init") || !strcmp(comm, "test-runner"));
}

static inline int test_run_one(const char *name)
{
	for (struct test *t = test_first; t; t = t->next)
		if (!strcmp(t->name, name)) {
			t->fn();
			return test_failures != 0;
		}
	return 2;
}

static inline int test_run(void)
{
	int bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (getenv("TEST_ONLY"))
		return test_run_one(getenv("TEST_ONLY"));
	for (struct test *t = test_first; t; t = t->next) {
		int status = -1;
		pid_t pid = fork();

		if (!pid) {
			alarm(20);
			t->fn();
			fflush(stdout);
			_exit(test_failures != 0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			status = -1;
		if (status)
			printf("# ended with status %#x\n", status);
		printf("%s - %s\n", status ? "not ok" : "ok", t->name);
		bad += status != 0;
	}
	return bad != 0;
}
