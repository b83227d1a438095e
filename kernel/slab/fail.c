/* Allocation failures on demand: of one task, or of all together. */
#include "slab_impl.h"

#include <asm/current.h>
#include <asm/preempt.h>
#include <kern/string.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/printk/printk.h>
#include <kernel/task/task.h>
#include <lib/parse/parse.h>

static u64 global_after, global_interval, global_times;

void slab_fail_set(u64 after, u64 interval, u64 times)
{
	current->fail_after = after;
	current->fail_interval = interval;
	current->fail_times = times;
}

void slab_fail_set_global(u64 after, u64 interval, u64 times)
{
	global_after = after;
	global_interval = interval;
	WRITE_ONCE(global_times, times);
}

void slab_fail_from_cmdline(void)
{
	u64 v[3] = {0, 1, 1};
	char text[64], *rest = text;

	if (!cmdline_value("slab_fail", text, sizeof(text)))
		return;
	for (unsigned int i = 0; i < 3 && rest; i++) {
		char *word = strsep(&rest, ",");

		if (parse_u64(word, 10, &v[i]))
			return;
	}
	pr_info("slab: allocations fail after %llu, each %llu, %llu times\n", v[0], v[1], v[2]);
	slab_fail_set_global(v[0], v[1], v[2]);
}

static bool count_down(u64 *after, const u64 *interval, u64 *times)
{
	if (*after) {
		--*after;
		return false;
	}
	--*times;
	*after = *interval ? *interval - 1 : 0;
	return true;
}

bool slab_should_fail(void)
{
	if (unlikely(READ_ONCE(global_times)))
		return count_down(&global_after, &global_interval, &global_times);
	if (in_irq() || !current || likely(!current->fail_times))
		return false;
	return count_down(&current->fail_after, &current->fail_interval, &current->fail_times);
}
