/* Programs that the kernel itself starts. */
#pragma once

#include <kern/compiler.h>

struct task;

/*
 * A kernel thread that will exec: root in the initial namespaces, with default handlers, without
 * files and root directory.  *out has a reference.
 */
int task_start_helper(int (*fn)(void *ctx), void *ctx, const char *name, struct task **out)
	__must_check;
