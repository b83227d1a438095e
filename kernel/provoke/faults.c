/* Faults of code and stack: assertions, exceptions, stacks that are too small. */
#include <kernel/provoke/provoke_impl.h>

#include <asm/irqflags.h>
#include <asm/page.h>
#include <asm/stack.h>
#include <kern/bug.h>
#include <kern/string.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <kernel/task/task.h>

#define FRAME_BYTES 512
#define FRAMES (4 * THREAD_SIZE / FRAME_BYTES) /* more than any stack has room for */

static void run_panic(void)
{
	panic("dumptest");
}

static void run_bug(void)
{
	BUG();
}

/* Not WARN_ON(), which tells each place once. */
static void run_warning(void)
{
	bug_warn(__FILE__, __LINE__, "1");
}

static void run_warning_message(void)
{
	static unsigned int count;

	bug_warn_fmt(__FILE__, __LINE__, "1", "Warning message trigger count: %u", ++count);
}

static void run_exception(void)
{
	*(volatile int *)provoke_hide(NULL) = 0;
	pr_err("FAIL: survived a write to address 0!\n");
}

static noinline unsigned long recurse(unsigned long left)
{
	u8 frame[FRAME_BYTES];

	memset(provoke_hide(frame), (int)left, sizeof(frame));
	return left ? recurse(left - 1) + frame[left % FRAME_BYTES] : frame[0];
}

/* Interrupts are off: one that found too little room would make it its own fault, a panic. */
static void run_exhaust_stack(void)
{
	pr_info("Calling function with %d frame size to depth %lu ...\n", FRAME_BYTES, FRAMES);
	irqs_off();
	(void)recurse(FRAMES);
	irqs_on();
	pr_err("FAIL: survived without exhausting stack?!\n");
}

static void run_guard_leading(void)
{
	const volatile u8 *at = (const u8 *)provoke_hide(current->stack) - 1;

	pr_info("attempting bad read from page below current stack\n");
	pr_err("FAIL: accessed page before stack! (byte: %x)\n", *at);
}

static void run_guard_trailing(void)
{
	const volatile u8 *at = (const u8 *)provoke_hide(current->stack) + THREAD_SIZE;

	pr_info("attempting bad read from page above current stack\n");
	pr_err("FAIL: accessed page after stack! (byte: %x)\n", *at);
}

static void run_report_stack(void)
{
	unsigned long here = (unsigned long)__builtin_frame_address(0);

	pr_info("Stack offset: %ld\n", (long)((unsigned long)current->stack + THREAD_SIZE - here));
}

const struct provoke_type provoke_faults[] = {
	{"PANIC", run_panic},
	{"BUG", run_bug},
	{"WARNING", run_warning},
	{"WARNING_MESSAGE", run_warning_message},
	{"EXCEPTION", run_exception},
	{"EXHAUST_STACK", run_exhaust_stack},
	{"STACK_GUARD_PAGE_LEADING", run_guard_leading},
	{"STACK_GUARD_PAGE_TRAILING", run_guard_trailing},
	{"REPORT_STACK", run_report_stack},
	{.name = NULL},
};
