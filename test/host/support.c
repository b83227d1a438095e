/* The hooks that pure code expects: memory, failures, warnings. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host.h"

/* Of <kern/ktest.h> and <kern/bug.h>, which this file does not include to stay with libc's names.
 */
struct ktest_ctx {
	unsigned int failures;
	const char *skipped;
};
void ktest_fail(struct ktest_ctx *t, const char *file, int line, const char *fmt, ...);
void *ktest_alloc(size_t size);
void ktest_free(void *p);
void bug_warn(const char *file, int line, const char *expr);
void bug_warn_fmt(const char *file, int line, const char *expr, const char *fmt, ...);
void bug_fatal(const char *file, int line, const char *expr);

char *host_name(const char *suite, const char *test)
{
	char *s;

	if (asprintf(&s, "%s.%s", suite, test) < 0)
		abort();
	return s;
}

bool host_contains(const char *s, const char *what)
{
	return strstr(s, what) != NULL;
}

int host_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(buf, size, fmt, args);

	va_end(args);
	return n;
}

void ktest_fail(struct ktest_ctx *t, const char *file, int line, const char *fmt, ...)
{
	va_list args;

	/* A loop that fails a million times need not say so a million times. */
	if (t->failures++ >= 20)
		return;
	printf("# %s:%d: ", file, line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

void *ktest_alloc(size_t size)
{
	return malloc(size);
}

void ktest_free(void *p)
{
	free(p);
}

void bug_warn(const char *file, int line, const char *expr)
{
	fprintf(stderr, "WARN at %s:%d: %s\n", file, line, expr);
	abort();
}

void bug_warn_fmt(const char *file, int line, const char *expr, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "WARN at %s:%d: %s: ", file, line, expr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	abort();
}

void bug_fatal(const char *file, int line, const char *expr)
{
	fprintf(stderr, "BUG at %s:%d: %s\n", file, line, expr);
	abort();
}
