/* Shared by the files of kernel/init. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

/* report.c: records for the launcher (docs/launcher-protocol.md). */
void report_init(void);
void report_line(const char *line);
__noreturn void machine_exit(u8 status);
__noreturn void machine_poweroff(void);
__noreturn void machine_restart(void);
__noreturn void machine_halt(void);

/* ktest.c: runs the tests that the command line names, and powers off. */
#ifdef CONFIG_KTEST
void ktest_run_if_asked(void);
#else
static inline void ktest_run_if_asked(void)
{
}
#endif
