/*
 * Panic, oops, warnings.
 *
 * A panic belongs to the first CPU that asks for it.  It stops the others, prints past all locks
 * (the consoles see panic_in_progress), tells the notifiers, and obeys panic=.  A second panic from
 * the same CPU while it does so means that reporting itself is broken: it is not reported again.
 *
 * An oops kills the task that caused it, unless that is impossible (interrupt, idle, init) or not
 * wanted (panic_on_oops): then it is a panic.
 */
#include <kernel/panic/panic.h>
#include <kernel/arch_up.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/printk/printk.h>
#include <kernel/symbol/symbol.h>
#include <kernel/task/task.h>
#include <kern/bug.h>
#include <kern/string.h>
#include <asm/clock.h>
#include <asm/cpu.h>
#include <asm/init.h>
#include <asm/irqflags.h>
#include <asm/power.h>
#include <asm/preempt.h>
#include <asm/smp.h>
#include <asm/stack.h>
#include <generated/version.h>

#define NO_CPU (~0u)
#define TRACE_MAX 48
#define MESSAGE_MAX 256

unsigned long panic_taint;
bool panic_in_progress;
int panic_timeout_s, panic_on_oops, panic_on_warn;

static u32 panic_cpu = NO_CPU; /* atomic */
static struct panic_notifier *panic_notifiers;
static char panic_message[MESSAGE_MAX];
static u32 oops_count; /* atomic */

void panic_add_taint(enum panic_taint_bit bit)
{
	__atomic_fetch_or(&panic_taint, 1ul << bit, __ATOMIC_RELAXED);
}

void panic_register_notifier(struct panic_notifier *n)
{
	n->next = __atomic_load_n(&panic_notifiers, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&panic_notifiers, &n->next, n, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		cpu_relax();
}

/* panic=, oops=panic, panic_on_warn: read when first needed, so that early failures obey them. */
static void panic_read_options(void)
{
	static bool done;
	char value[16];
	u64 seconds;

	if (done)
		return;
	done = true;
	if (cmdline_u64("panic", &seconds))
		panic_timeout_s = (int)min_t(u64, seconds, INT_MAX);
	else if (cmdline_value("panic", value, sizeof(value)) && value[0] == '-')
		panic_timeout_s = -1;
	if (cmdline_value("oops", value, sizeof(value)) && !strcmp(value, "panic"))
		panic_on_oops = 1;
	if (cmdline_has("panic_on_warn"))
		panic_on_warn = 1;
}

/* --- back traces --- */

static void trace_print(const unsigned long *addrs, unsigned int n)
{
	char sym[SYMBOL_NAME_MAX + 32];

	pr_err("Call Trace:\n");
	for (unsigned int i = 0; i < n; i++) {
		/* A call that does not return may be the last instruction of its function. */
		symbol_format(addrs[i] - 1, sym, sizeof(sym));
		pr_err(" [<%016lx>] %s\n", addrs[i], sym);
	}
}

/* Where a walk of the interrupted code begins: at its frame, or without frames at its stack
 * pointer. */
#ifdef CONFIG_FRAME_POINTER
#define trace_start(regs) regs_fp(regs)
#else
#define trace_start(regs) regs_sp(regs)
#endif

void backtrace_print(struct regs *regs)
{
	unsigned long addrs[TRACE_MAX];
	unsigned int n = stack_walk(regs ? trace_start(regs) : 0, addrs, TRACE_MAX);

	trace_print(addrs, n);
}

void backtrace_print_task(const struct task *t)
{
	unsigned long addrs[TRACE_MAX];

	trace_print(addrs, stack_walk_task(t, addrs, TRACE_MAX));
}

static void taint_text(char out[16])
{
	size_t n = 0;

	if (!panic_taint) {
		(void)strscpy(out, "Not tainted", 16);
		return;
	}
	n += (size_t)scnprintf(out, 16, "Tainted: ");
	if (panic_taint & (1ul << TAINT_DIE))
		out[n++] = 'D';
	if (panic_taint & (1ul << TAINT_WARN))
		out[n++] = 'W';
	out[n] = '\0';
}

/* Who was running what: the line above every report. */
static void context_print(void)
{
	struct task *t = current;
	char taint[16];

	taint_text(taint);
	pr_err("CPU: %u PID: %d Comm: %s %s %s\n", cpu_id(), t && t->pid ? t->pid->nr : 0,
	       t ? t->comm : "boot", taint, CORBEL_UTS_RELEASE " " CORBEL_UTS_VERSION);
}

/* --- panic --- */

static __noreturn void panic_end(void)
{
	if (panic_timeout_s > 0) {
		pr_emerg("Rebooting in %d seconds..\n", panic_timeout_s);
		printk_flush_panic();
		for (int i = 0; i < panic_timeout_s * 10; i++)
			arch_delay_us(100000);
	}
	if (panic_timeout_s)
		arch_reboot();
	arch_halt();
}

static __noreturn void panic_report(void)
{
	console_loglevel = 15;
	smp_stop_others();
	pr_emerg("Kernel panic - not syncing: %s\n", panic_message);
	context_print();
	backtrace_print(NULL);
	pr_emerg("---[ end Kernel panic - not syncing: %s ]---\n", panic_message);
	printk_flush_panic();
	for (struct panic_notifier *n = panic_notifiers; n; n = n->next)
		n->fn(n, panic_message);
	panic_end();
}

void panic(const char *fmt, ...)
{
	u32 nobody = NO_CPU, self = cpu_id();
	__builtin_va_list ap;

	irqs_off();
	preempt_disable();
	panic_read_options();
	if (!__atomic_compare_exchange_n(&panic_cpu, &nobody, self, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST)) {
		if (nobody != self)
			cpu_stop();
		for (const char *s = "\npanic within a panic\n"; *s; s++)
			arch_early_putc(*s);
		arch_halt();
	}
	panic_in_progress = true;
	__builtin_va_start(ap, fmt);
	vscnprintf(panic_message, sizeof(panic_message), fmt, ap);
	__builtin_va_end(ap);
	if (panic_message[0] && panic_message[strlen(panic_message) - 1] == '\n')
		panic_message[strlen(panic_message) - 1] = '\0';
	panic_report();
}

/* --- oops --- */

static bool oops_is_fatal(const struct task *t, bool in_interrupt)
{
	return in_interrupt || panic_on_oops || !t || (t->flags & TF_IDLE) || t == init_task ||
	       !t->pid || printk_is_showing();
}

void oops_report(struct regs *regs, const char *what, unsigned long error)
{
	bool in_interrupt = in_irq();
	struct task *t = current;
	u32 number;

	panic_read_options();
	if (panic_in_progress)
		panic("oops");
	console_loglevel = 15;
	number = __atomic_add_fetch(&oops_count, 1, __ATOMIC_RELAXED);
	pr_emerg("%s\n", what);
	pr_emerg("Oops: %04lx [#%u]\n", error, number);
	context_print();
	if (regs)
		regs_print(regs);
	backtrace_print(regs);
	panic_add_taint(TAINT_DIE);
	pr_emerg("---[ end trace ]---\n");
	if (oops_is_fatal(t, in_interrupt))
		panic(in_interrupt ? "Fatal exception in interrupt" : "Fatal exception");
}

/* The task was anywhere: whatever it held stays held, but it must be able to switch. */
void oops_exit(void)
{
	unsigned int count = preempt_count() & PREEMPT_MASK;

	if (irqs_are_off())
		pr_notice("note: %s[%d] exited with irqs disabled\n", current->comm,
			  current->pid->nr);
	if (count)
		pr_notice("note: %s[%d] exited with preempt_count %u\n", current->comm,
			  current->pid->nr, count);
	while (preempt_count() & PREEMPT_MASK)
		preempt_enable_no_resched();
	irqs_on();
	task_exit(SIGSEGV);
}

void oops(struct regs *regs, const char *what, unsigned long error)
{
	oops_report(regs, what, error);
	oops_exit();
}

void die(struct regs *regs, const char *what, unsigned long error)
{
	oops(regs, what, error);
}

/* --- WARN_ON, BUG_ON --- */

static void warn_begin(const char *file, int line, const char *expr)
{
	panic_read_options();
	pr_warn("------------[ cut here ]------------\n");
	pr_warn("WARNING: CPU: %u PID: %d at %s:%d: %s\n", cpu_id(),
		current && current->pid ? current->pid->nr : 0, file, line, expr);
}

static void warn_end(void)
{
	context_print();
	backtrace_print(NULL);
	pr_warn("---[ end trace ]---\n");
	panic_add_taint(TAINT_WARN);
	if (panic_on_warn && !panic_in_progress) {
		panic_on_warn = 0;
		panic("panic_on_warn set ...");
	}
}

void bug_warn(const char *file, int line, const char *expr)
{
	warn_begin(file, line, expr);
	warn_end();
}

void bug_warn_fmt(const char *file, int line, const char *expr, const char *fmt, ...)
{
	char buf[MESSAGE_MAX];
	__builtin_va_list ap;

	warn_begin(file, line, expr);
	__builtin_va_start(ap, fmt);
	vscnprintf(buf, sizeof(buf), fmt, ap);
	__builtin_va_end(ap);
	pr_warn("%s\n", buf);
	warn_end();
}

void bug_fatal(const char *file, int line, const char *expr)
{
	char buf[MESSAGE_MAX];

	scnprintf(buf, sizeof(buf), "kernel BUG at %s:%d: %s", file, line, expr);
	oops(NULL, buf, 0);
}

#ifdef CONFIG_STACK_CANARY
void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
	panic("stack-protector: kernel stack is corrupted in %lx",
	      (unsigned long)__builtin_return_address(0));
}
#endif
