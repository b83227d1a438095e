/*
 * One-shot timers.
 *
 * Each CPU has a tree of its timers by expiry; the first is cached, so the interrupt and the
 * decision whether to program the hardware look at one node.  The order is that of the latest
 * moments; an interrupt takes all that may expire by then.  The hardware is programmed only when
 * something earlier than what it is set for comes up.  Cancelling leaves it alone: an interrupt for
 * nothing costs less than programming it twice for each timeout that does not happen.
 *
 * A timer lives on the CPU that armed it; t->cpu changes only under the lock of the CPU that it
 * leaves. While its function runs it is not queued, but base->running names it, and whoever re-arms
 * it from another CPU then puts it back on that same CPU, so that cancelling knows where to look.
 */
#include <kernel/arch_up.h>
#include <kernel/printk/printk.h>
#include <kernel/rcu/rcu.h>
#include <kernel/sched/sched.h>
#include <kernel/time/time_impl.h>
#include <kern/bug.h>
#include <asm/clock.h>
#include <asm/cpu.h>

enum { TIMER_IDLE, TIMER_QUEUED };

struct timer_base {
	struct spinlock lock; /* LK_TIMER */
	struct rb_root tree;
	struct timer *running; /* its function is being called */
	u32 cpu;	       /* [I] */
	u64 programmed_ns;     /* this CPU only: what the hardware is set for; U64_MAX: nothing */
	u64 tick_ns;	       /* this CPU only: the scheduler's tick; 0: none */
};

static DEFINE_PERCPU(struct timer_base, timer_base);

static inline struct timer_base *base_of(unsigned int cpu)
{
	return per_cpu_ptr(timer_base, cpu);
}

void timer_init_cpu(unsigned int cpu)
{
	struct timer_base *b = base_of(cpu);

	spin_init(&b->lock, LK_TIMER);
	b->tree = RB_ROOT;
	b->cpu = cpu;
	b->programmed_ns = U64_MAX;
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	t->fn = fn;
	t->cpu = (u16)cpu_id();
	t->state = TIMER_IDLE;
	t->expires_ns = 0;
}

static void timer_program(struct timer_base *b, u64 when_ns, u64 now_ns)
{
	u64 delta = when_ns > now_ns ? when_ns - now_ns : 0;

	b->programmed_ns = when_ns;
	arch_timer_program(delta);
}

static inline bool timer_before(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct timer, node)->latest_ns <
	       rb_entry(b, struct timer, node)->latest_ns;
}

/* Base locked. */
static void timer_insert(struct timer_base *b, struct timer *t, u64 expires_ns, u64 slack_ns)
{
	u64 latest_ns = deadline_after(expires_ns, slack_ns);

	t->expires_ns = expires_ns;
	t->latest_ns = latest_ns;
	t->state = TIMER_QUEUED;
	if (rb_add(&t->node, &b->tree, timer_before) && latest_ns < b->programmed_ns &&
	    b->cpu == cpu_id())
		timer_program(b, latest_ns, time_mono_ns());
}

static inline void timer_remove(struct timer_base *b, struct timer *t)
{
	rb_erase(&t->node, &b->tree);
	t->state = TIMER_IDLE;
}

/* Locks the base that @t belongs to; interrupts off. */
static struct timer_base *timer_lock_base(struct timer *t)
{
	for (;;) {
		struct timer_base *b = base_of(READ_ONCE(t->cpu));

		spin_lock(&b->lock);
		if (likely(b->cpu == t->cpu))
			return b;
		spin_unlock(&b->lock);
	}
}

void timer_start_range(struct timer *t, u64 expires_ns, u64 slack_ns)
{
	unsigned long flags = irqs_save();
	struct timer_base *here = this_cpu_ptr(timer_base), *b;

	for (;;) {
		b = timer_lock_base(t);
		if (t->state == TIMER_QUEUED)
			timer_remove(b, t);
		if (likely(b == here) || b->running == t)
			break;
		t->cpu = (u16)here->cpu;
		spin_unlock(&b->lock);
		b = here;
		spin_lock(&b->lock);
		if (t->cpu == here->cpu && t->state == TIMER_IDLE)
			break;
		/* Somebody else armed it in between: start over. */
		spin_unlock(&b->lock);
	}
	timer_insert(b, t, expires_ns, slack_ns);
	spin_unlock(&b->lock);
	irqs_restore(flags);
}

void timer_start(struct timer *t, u64 expires_ns)
{
	timer_start_range(t, expires_ns, 0);
}

bool timer_cancel(struct timer *t)
{
	unsigned long flags = irqs_save();
	struct timer_base *b = timer_lock_base(t);
	bool pending = t->state == TIMER_QUEUED;

	if (pending)
		timer_remove(b, t);
	spin_unlock(&b->lock);
	irqs_restore(flags);
	return pending;
}

bool timer_cancel_sync(struct timer *t)
{
	bool pending = false;

	for (;;) {
		unsigned long flags = irqs_save();
		struct timer_base *b = timer_lock_base(t);
		bool running = b->running == t && b->cpu != cpu_id();

		if (t->state == TIMER_QUEUED) {
			timer_remove(b, t);
			pending = true;
		}
		spin_unlock(&b->lock);
		irqs_restore(flags);
		if (likely(!running))
			return pending;
		cpu_relax();
	}
}

bool timer_pending(const struct timer *t)
{
	return READ_ONCE(t->state) == TIMER_QUEUED;
}

static inline u64 timer_first_ns(const struct timer_base *b)
{
	struct rb_node *n = rb_first(&b->tree);

	return n ? rb_entry(n, struct timer, node)->latest_ns : U64_MAX;
}

u64 timer_next_ns(unsigned int cpu)
{
	struct timer_base *b = base_of(cpu);
	unsigned long flags = spin_lock_irqsave(&b->lock);
	u64 ns = timer_first_ns(b);

	spin_unlock_irqrestore(&b->lock, flags);
	return ns;
}

static void timer_run_expired(struct timer_base *b, u64 now)
{
	struct rb_node *n;

	while ((n = rb_first(&b->tree))) {
		struct timer *t = rb_entry(n, struct timer, node);
		void (*fn)(struct timer * t) = t->fn;

		if (t->expires_ns > now)
			break;
		timer_remove(b, t);
		b->running = t;
		spin_unlock(&b->lock);
		fn(t);
		spin_lock(&b->lock);
		b->running = NULL;
	}
}

void time_interrupt(void)
{
	struct timer_base *b = this_cpu_ptr(timer_base);
	bool from_user = rcu_irq_was_user();
	u64 now = time_mono_ns(), next;

	b->programmed_ns = U64_MAX;
	spin_lock(&b->lock);
	timer_run_expired(b, now);
	spin_unlock(&b->lock);
	if (b->tick_ns && b->tick_ns <= now)
		b->tick_ns = sched_tick(now, from_user);
	spin_lock(&b->lock);
	next = timer_first_ns(b);
	if (b->tick_ns && b->tick_ns < next)
		next = b->tick_ns;
	if (next < b->programmed_ns)
		timer_program(b, next, time_mono_ns());
	spin_unlock(&b->lock);
	printk_run_deferred();
}

void time_tick_start(u64 now_ns)
{
	struct timer_base *b = this_cpu_ptr(timer_base);

	if (b->tick_ns)
		return;
	b->tick_ns = now_ns + SCHED_TICK_NS;
	if (b->tick_ns < b->programmed_ns)
		timer_program(b, b->tick_ns, now_ns);
}
