/* What the runner needs from libc under names that <kern/string.h> does not map. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* "suite.case", to be freed. */
char *host_name(const char *suite, const char *test);
bool host_contains(const char *s, const char *what);
/* libc's snprintf. */
int host_snprintf(char *buf, size_t size, const char *fmt, ...);
