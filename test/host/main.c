/*
 * Runs the unit tests of pure code on the build machine and prints TAP.
 *
 *	run [SUBSTRING]		only tests whose "suite.case" contains SUBSTRING
 */
#include <stdio.h>
#include <stdlib.h>
#include "host.h"
#include <kern/ktest.h>

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : "";
	unsigned int n = 0, bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
	for (const struct ktest *k = __start_ktest; k < __stop_ktest; k++) {
		struct ktest_ctx t = {0};
		char *name = host_name(k->suite, k->name);

		if (host_contains(name, only)) {
			k->fn(&t);
			printf("%s %u - %s%s%s\n", t.failures ? "not ok" : "ok", ++n, name,
			       t.skipped ? " # SKIP " : "", t.skipped ? t.skipped : "");
			bad += !!t.failures;
		}
		free(name);
	}
	printf("1..%u\n# %u passed, %u failed\n", n, n - bad, bad);
	return bad != 0;
}
