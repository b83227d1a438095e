/*
 * Tier B: runs the kernel's own tests when the command line says ktest or ktest=SUITE[.CASE],...
 * and ends the machine.  TAP on the console.
 */
#include <kernel/init/init_impl.h>

#include <kern/ktest.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/printk/printk.h>
#include <kernel/slab/slab.h>

void ktest_fail(struct ktest_ctx *t, const char *file, int line, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	t->failures++;
	pr_notice("# %s:%d: %s\n", file, line, text);
}

void *ktest_alloc(size_t size)
{
	return kvmalloc(size, GFP_KERNEL);
}

void ktest_free(void *p)
{
	kvfree(p);
}

/* Does one word of "a,b.c" name the test? */
static bool wanted(const struct ktest *k, const char *filter)
{
	while (*filter) {
		const char *end = strchrnul(filter, ',');
		char name[96];
		size_t len = (size_t)(end - filter);

		snprintf(name, sizeof(name), "%s.%s", k->suite, k->name);
		if (!strncmp(name, filter, len) && (name[len] == '.' || !name[len]))
			return true;
		filter = *end ? end + 1 : end;
	}
	return false;
}

static bool run_one(const struct ktest *k, unsigned int n)
{
	struct ktest_ctx t = {0};

	k->fn(&t);
	pr_notice("%s %u - %s.%s%s%s\n", t.failures ? "not ok" : "ok", n, k->suite, k->name,
		  t.skipped ? " # SKIP " : "", t.skipped ? t.skipped : "");
	return !t.failures;
}

void ktest_run_if_asked(void)
{
	unsigned int total = 0, n = 0, failed = 0;
	char filter[256] = "";

	if (!cmdline_has("ktest"))
		return;
	bool all = !cmdline_value("ktest", filter, sizeof(filter));

	console_loglevel = 7;
	for (const struct ktest *k = __start_ktest; k < __stop_ktest; k++)
		total += all || wanted(k, filter);
	pr_notice("TAP version 13\n");
	pr_notice("1..%u\n", total);
	for (const struct ktest *k = __start_ktest; k < __stop_ktest; k++) {
		if (all || wanted(k, filter))
			failed += !run_one(k, ++n);
	}
	pr_notice("# %u passed, %u failed\n", n - failed, failed);
	machine_exit(failed != 0);
}
