/* Shared by the files of prctl(2). */
#pragma once

#include <kernel/task/task_impl.h>

/* prctl_mm.c: PR_SET_MM. */
long prctl_set_mm(unsigned long what, unsigned long addr, unsigned long size, unsigned long rest);
