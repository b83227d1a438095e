/* /proc/PID/fail-nth of a debug kernel: the n-th allocation from now on fails, as on Linux with
 * CONFIG_FAULT_INJECTION.  0: none is to fail, or the one that was has failed. */
#include "mm_impl.h"

#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>

static int show_nth(struct seq *s, struct task *t)
{
	bool armed = READ_ONCE(t->fail_times);

	seq_printf(s, "%llu\n", armed ? (unsigned long long)READ_ONCE(t->fail_after) + 1 : 0);
	return 0;
}

static int store_nth(struct task *t, const char *text)
{
	int n;

	if (!proc_parse_int(text, &n) || n < 0)
		return -EINVAL;
	WRITE_ONCE(t->fail_times, 0);
	WRITE_ONCE(t->fail_interval, 1);
	WRITE_ONCE(t->fail_after, n ? (u64)n - 1 : 0);
	WRITE_ONCE(t->fail_times, n ? 1 : 0);
	return 0;
}

PROC_TASK_FILE("fail-nth", 0644, show_nth, store_nth);
