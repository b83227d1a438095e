/*
 * The lock checker of debug kernels.
 *
 * Each task carries the stack of locks it holds; an interrupt pushes on the stack of the task that
 * it interrupted, so an order that only exists across an interrupt is checked as well.  An acquire
 * is judged when it is made, before it can deadlock, and needs no history: a wrong order is
 * reported the first time a single thread executes it.
 */
#include <kernel/lock/check_impl.h>
#include <kernel/lock/lock.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <kernel/symbol/symbol.h>
#include <kernel/task/task.h>
#include <kern/string.h>

enum lock_kind { SLEEP, SPIN, IRQ };

struct lock_class_info {
	const char *name;
	enum lock_kind kind;
};

static const struct lock_class_info lock_classes[] = {
#define LOCK_CLASS(name, kind, what) {#name, kind},
#include <kernel/lock/order.def>
#undef LOCK_CLASS
};
static_assert(ARRAY_SIZE(lock_classes) == LK_COUNT, "one entry a class");
static_assert(LK_COUNT <= 255, "held locks store the class in a byte");

bool lock_debug_on = true;
static bool lock_debug_sleep_checks;
lock_report_hook lock_debug_hook;

void lock_debug_scheduler_up(void)
{
	lock_debug_sleep_checks = true;
}

void lock_debug_init(struct lock_debug *d, enum lock_class class)
{
	d->class = (u8) class;
	d->owner = NULL;
	d->ip = 0;
}

static void lock_print_site(const char *what, unsigned int class, const void *lock,
			    unsigned long ip)
{
	char sym[SYMBOL_NAME_MAX + 32];

	symbol_format(ip, sym, sizeof(sym));
	pr_err("  %s %s (%lx) at %s\n", what, lock_classes[class].name, (unsigned long)lock, sym);
}

static void lock_print_held(const struct task *t)
{
	for (u32 i = 0; i < t->held_count; i++)
		lock_print_site("holds", t->held[i].class, t->held[i].lock, t->held[i].ip);
}

/* @other: index in held of the lock that conflicts, or -1. */
static void lock_report(const char *what, const struct lock_debug *d, const void *lock,
			unsigned long ip, int other)
{
	struct task *t = current;

	if (lock_debug_hook) {
		lock_debug_hook(what, (enum lock_class)d->class);
		return;
	}
	if (!__atomic_exchange_n(&lock_debug_on, false, __ATOMIC_SEQ_CST))
		return;
	pr_err("lock check: %s\n", what);
	lock_print_site("takes", d->class, lock, ip);
	if (other >= 0)
		lock_print_site("while holding", t->held[other].class, t->held[other].lock,
				t->held[other].ip);
	lock_print_held(t);
	bug_warn_fmt(__FILE__, __LINE__, "lock order", "%s", what);
}

static const char *lock_context_error(enum lock_kind kind, bool try_only)
{
	if (kind == IRQ && !irqs_are_off())
		return "interrupt-safe lock taken with interrupts on";
	if (kind == SPIN && in_irq() && !try_only)
		return "lock that is not interrupt-safe taken in an interrupt";
	if (kind == SLEEP && !try_only && lock_debug_sleep_checks &&
	    (preempt_count() || irqs_are_off()))
		return "sleeping lock taken in atomic context";
	return NULL;
}

/*
 * Classes that an interrupt has taken. What is not interrupt-safe must not be taken under them: the
 * interrupt that waits for the outer lock may have come to a CPU that holds the inner one.
 */
static u8 lock_seen_in_irq[LK_COUNT];

static const char *lock_order_error(const struct task *t, const struct lock_debug *d,
				    const void *lock, unsigned int sub, bool try_only, int *other)
{
	enum lock_kind kind = lock_classes[d->class].kind;
	bool irq = in_irq();

	if (irq)
		lock_seen_in_irq[d->class] = 1;
	for (u32 i = 0; i < t->held_count; i++) {
		*other = (int)i;
		if (t->held[i].lock == lock)
			return "lock taken twice";
		if (try_only)
			continue;
		if (kind == SPIN && lock_seen_in_irq[t->held[i].class])
			return "lock that is not interrupt-safe taken under one that interrupts "
			       "take";
		/* Those that the interrupted code holds: the rule above makes them harmless. */
		if (irq && lock_classes[t->held[i].class].kind != IRQ)
			continue;
		if (t->held[i].class > d->class)
			return "wrong lock order";
		if (t->held[i].class == d->class && t->held[i].sub >= sub)
			return "two locks of one class without nesting";
	}
	*other = -1;
	return NULL;
}

static void lock_check_and_push(struct lock_debug *d, void *lock, unsigned int sub, bool shared,
				bool try_only, unsigned long ip)
{
	struct task *t = current;
	const char *error;
	unsigned long flags;
	int other = -1;

	if (!lock_debug_on || !t)
		return;
	error = lock_context_error(lock_classes[d->class].kind, try_only);
	flags = irqs_save();
	if (!error)
		error = lock_order_error(t, d, lock, sub, try_only, &other);
	if (error)
		lock_report(error, d, lock, ip, other);
	if (t->held_count < ARRAY_SIZE(t->held)) {
		t->held[t->held_count].lock = lock;
		t->held[t->held_count].class = d->class;
		t->held[t->held_count].sub = (u8)sub;
		t->held[t->held_count].shared = shared;
		t->held[t->held_count].since = lock_stat_now();
		t->held[t->held_count].ip = ip;
		t->held_count++;
	} else {
		lock_report("too many locks held", d, lock, ip, -1);
	}
	if (!shared)
		d->owner = t;
	d->ip = ip;
	irqs_restore(flags);
}

noinline void lock_debug_acquire(struct lock_debug *d, void *lock, unsigned int sub, bool shared,
				 bool try_only)
{
	/* The caller of spin_lock() and its kin is the site that a reader wants. */
	lock_check_and_push(d, lock, sub, shared, try_only,
			    (unsigned long)__builtin_return_address(0));
}

void lock_debug_release(struct lock_debug *d, void *lock)
{
	struct task *t = current;
	unsigned long flags;
	u32 i;

	if (!lock_debug_on || !t)
		return;
	flags = irqs_save();
	for (i = t->held_count; i > 0; i--) {
		if (t->held[i - 1].lock == lock)
			break;
	}
	if (i) {
		lock_stat_held(t->held[i - 1].class, t->held[i - 1].shared, t->held[i - 1].since);
		memmove(&t->held[i - 1], &t->held[i], (t->held_count - i) * sizeof(t->held[0]));
		t->held_count--;
	} else {
		lock_report("release of a lock that is not held", d, lock,
			    (unsigned long)__builtin_return_address(0), -1);
	}
	if (d->owner == t)
		d->owner = NULL;
	irqs_restore(flags);
}

void lock_debug_waited(struct lock_debug *d, const void *lock, int err)
{
	struct task *t = current;
	unsigned long flags;
	u32 i;

	if (!lock_debug_on || !t)
		return;
	flags = irqs_save();
	for (i = t->held_count; i > 0 && t->held[i - 1].lock != lock; i--)
		;
	if (i) {
		lock_stat_waited(d->class, t->held[i - 1].shared, t->held[i - 1].since);
		t->held[i - 1].since = err ? 0 : lock_stat_now();
	}
	irqs_restore(flags);
}

void lock_debug_assert(const struct lock_debug *d, const void *lock, bool locked)
{
	if (lock_debug_on && (!locked || d->owner != current))
		lock_report("a lock should be held here", d, lock,
			    (unsigned long)__builtin_return_address(0), -1);
}

void lock_debug_exit_check(void)
{
	struct task *t = current;

	if (!lock_debug_on || !t->held_count)
		return;
	lock_print_held(t);
	bug_warn_fmt(__FILE__, __LINE__, "held_count", "%u locks held at exit", t->held_count);
}

void might_sleep_check(const char *file, int line)
{
	if (!lock_debug_sleep_checks || !lock_debug_on || preempt_may_sleep())
		return;
	if (lock_debug_hook) {
		lock_debug_hook("sleeping function called in atomic context", LK_COUNT);
		return;
	}
	if (!__atomic_exchange_n(&lock_debug_on, false, __ATOMIC_SEQ_CST))
		return;
	lock_print_held(current);
	bug_warn_fmt(file, line, "might_sleep",
		     "sleeping function called in atomic context: preempt %x, interrupts %s",
		     preempt_count(), irqs_are_off() ? "off" : "on");
}
