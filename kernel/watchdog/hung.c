/*
 * Tasks that stay blocked where only what they wait for can wake them (state D).
 *
 * A thread looks at all tasks once per time-out, as on Linux; a task is reported that has been
 * blocked for the whole of it. Tasks that a fatal signal would wake are not meant.
 */
#include <kernel/watchdog/watchdog_impl.h>

#include <kern/errno.h>
#include <kernel/boot/boot.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/rcu/rcu.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/wait/wait.h>
#include <kern/string.h>

static u64 timeout_s = 120, interval_s;
static int hung_panic, warnings_left = 10, check_count = 32768;
static u32 settings; /* counts changes of the times; atomic */
static struct wait_queue settings_wait = WAIT_QUEUE_INIT(settings_wait);

static void report(const struct task *t, u64 blocked_ns)
{
	if (!warnings_left && !hung_panic)
		return;
	if (warnings_left > 0)
		warnings_left--;
	pr_err("INFO: task %s:%d blocked for more than %llu seconds.\n", t->comm, task_tid(t),
	       (unsigned long long)(blocked_ns / NSEC_PER_SEC));
	pr_err("      %s\n", panic_taint ? "Tainted" : "Not tainted");
	pr_err("\"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\" disables this message.\n");
	pr_info("task:%-15.15s state:D pid:%-5d flags:0x%08x\n", t->comm, task_tid(t), t->flags);
	backtrace_print_task(t);
	if (!warnings_left)
		pr_info("Future hung task reports are suppressed, see sysctl "
			"kernel.hung_task_warnings\n");
	if (hung_panic)
		panic("hung_task: blocked tasks");
}

static bool is_hung(const struct task *t, u64 now, u64 timeout_ns)
{
	u32 state = READ_ONCE(t->state);
	u64 since = READ_ONCE(t->se.sleep_start_ns);

	return (state & TASK_UNINTERRUPTIBLE) && !(state & TASK_WAKEKILL) &&
	       !READ_ONCE(t->se.on_rq) && since && now - since > timeout_ns && now > since;
}

unsigned int hung_scan(u64 timeout_ns)
{
	u64 now = time_mono_ns();
	unsigned int found = 0;
	int left = check_count;
	struct task *leader, *t;

	rcu_read_lock();
	list_for_each_entry_rcu(leader, &tasklist, all_link)
	{
		list_for_each_entry_rcu(t, &leader->process->threads, thread_link)
		{
			if (left-- <= 0)
				goto out;
			if (!is_hung(t, now, timeout_ns))
				continue;
			found++;
			report(t, timeout_ns);
		}
	}
out:
	rcu_read_unlock();
	return found;
}

static int hung_thread(void *ctx)
{
	(void)ctx;
	for (;;) {
		u64 timeout = READ_ONCE(timeout_s), every = READ_ONCE(interval_s);
		u32 seen = __atomic_load_n(&settings, __ATOMIC_ACQUIRE);
		u64 until = WAIT_FOREVER;

		if (!every || every > timeout)
			every = timeout;
		if (timeout)
			until = deadline_after(time_mono_ns(), every * NSEC_PER_SEC);
		if (wait_event_deadline(&settings_wait, READ_ONCE(settings) != seen, until) ==
		    -ETIME)
			(void)hung_scan(timeout * NSEC_PER_SEC);
	}
	return 0;
}

static int store_seconds(const char *text, u64 *out)
{
	u64 s;

	if (proc_parse_u64s(text, &s, 1) != 1 || s > S64_MAX / NSEC_PER_SEC)
		return -EINVAL;
	WRITE_ONCE(*out, s);
	__atomic_fetch_add(&settings, 1, __ATOMIC_RELEASE);
	wake_up(&settings_wait);
	return 0;
}

static int show_timeout(char *buf, size_t size)
{
	return snprintf(buf, size, "%llu", (unsigned long long)timeout_s);
}

static int store_timeout(const char *text)
{
	return store_seconds(text, &timeout_s);
}

static int show_interval(char *buf, size_t size)
{
	return snprintf(buf, size, "%llu", (unsigned long long)interval_s);
}

static int store_interval(const char *text)
{
	return store_seconds(text, &interval_s);
}

SYSCTL_TEXT("kernel/hung_task_timeout_secs", 0644, show_timeout, store_timeout);
SYSCTL_TEXT("kernel/hung_task_check_interval_secs", 0644, show_interval, store_interval);
SYSCTL_INT("kernel/hung_task_check_count", 0644, &check_count, 0, 0x7fffffff);
SYSCTL_INT("kernel/hung_task_panic", 0644, &hung_panic, 0, 1);
SYSCTL_INT("kernel/hung_task_warnings", 0644, &warnings_left, -1, 0x7fffffff);

static void hung_start(void)
{
	if (kthread_start(hung_thread, NULL, "khungtaskd", NULL))
		pr_warn("watchdog: no thread to look for hung tasks\n");
}
INITCALL(hung_start);
