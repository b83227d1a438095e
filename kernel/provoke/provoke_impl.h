/* Private to kernel/provoke. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

/* A function that provokes something; it runs as the task that asked.  If it returns, it says in
 * the log what did not happen ("FAIL: ..."), or what cannot here ("XFAIL: ..."). */
struct provoke_type {
	const char *name;
	void (*run)(void);
};

extern const struct provoke_type provoke_faults[]; /* faults.c; a NULL name ends it */
extern const struct provoke_type provoke_access[]; /* access.c */

/* The compiler does not see that @p is what it is. */
static inline void *provoke_hide(const void *p)
{
	unsigned long v = (unsigned long)p;

	hide_var(v);
	return (void *)v;
}
