/*
 * Interrupt lines.
 *
 * A line's handlers are a list that the dispatcher walks without a lock: adding publishes with a
 * release store; removing unlinks, then waits until no CPU is inside the line. One CPU is inside at
 * a time: when a line moves, the new CPU may get the next interrupt while the old one is at work,
 * and leaves it to that one.
 *
 * Counts are 64 bits wide, of one CPU each, and only ever incremented. irq_count_start=N on the
 * command line lets them begin at N, so that tests see them cross 2^32.
 */
#include <kernel/irq/irq.h>

#include <asm/clock.h>
#include <asm/cpumask.h>
#include <asm/irqchip.h>
#include <asm/smp.h>
#include <kern/bit.h>
#include <kern/errno.h>
#include <kernel/arch_up.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/lock/lock.h>
#include <kernel/printk/printk.h>

#define SPURIOUS_LIMIT 100000u

struct irq_line {
	struct irq_action *actions; /* irq_lock for change */
	u32 flags;		    /* irq_lock */
	u32 running;		    /* atomic: interrupts that are not through yet */
	u32 unhandled_row;	    /* of who is inside */
	u64 handled, unhandled;	    /* of who is inside */
	bool in_use, is_msi;	    /* irq_lock */
	bool placed;		    /* irq_lock: cpus was asked for */
	u16 cpu;		    /* irq_lock: gets it */
	struct cpumask cpus;	    /* irq_lock: allowed */
};

static struct irq_line lines[IRQ_LINES];
static struct spinlock irq_lock = SPINLOCK_INIT(LK_IRQ);
static DEFINE_PERCPU(u64, irq_counts[IRQ_LINES]);
static unsigned int next_cpu; /* irq_lock */
struct cpumask irq_default_cpus = CPUMASK_ALL;
#define LINES_ALWAYS 16u /* those of the old controller */

void irq_init(void)
{
	if (irqchip_gsi_count() >= IRQ_LINES)
		pr_warn("irq: lines from %u on are not usable\n", IRQ_LINES);
}

/* Nobody wants it: a line that only storms would keep its CPU busy for good. */
static void unhandled(struct irq_line *l, unsigned int irq)
{
	l->unhandled++;
	if (++l->unhandled_row < SPURIOUS_LIMIT)
		return;
	l->unhandled_row = 0;
	pr_err("irq %u: %u interrupts that no handler wants, line switched off\n", irq,
	       SPURIOUS_LIMIT);
	if (!l->is_msi)
		irqchip_disable_gsi(irq);
}

struct irq_noise {
	u64 v[IRQ_NOISE_WORDS];
	u64 since; /* cycles when it was given last */
	u32 count; /* interrupts since */
};
static DEFINE_PERCPU(struct irq_noise, irq_noise); /* interrupts off */
static void (*noise_hook)(const u64 noise[IRQ_NOISE_WORDS], u32 count);

void irq_set_noise_hook(void (*hook)(const u64 noise[IRQ_NOISE_WORDS], u32 count))
{
	__atomic_store_n(&noise_hook, hook, __ATOMIC_RELEASE);
}

u64 irq_noise_peek(void)
{
	return this_cpu_ptr(irq_noise)->v[0];
}

static noinline void give_noise(struct irq_noise *n, u64 now)
{
	void (*hook)(const u64 noise[IRQ_NOISE_WORDS], u32 count) =
		__atomic_load_n(&noise_hook, __ATOMIC_ACQUIRE);

	if (hook)
		hook(n->v, n->count);
	n->count = 0;
	n->since = now;
}

/* A round of SipHash: each bit of the moment reaches the whole state within some interrupts. */
static __always_inline void note_moment(unsigned int irq)
{
	struct irq_noise *n = this_cpu_ptr(irq_noise);
	u64 now = clock_cycles(), m = now ^ (u64)irq << 56;
	u64 a = n->v[0], b = n->v[1], c = n->v[2], d = n->v[3] ^ m;

	a += b;
	c += d;
	b = rol64(b, 13) ^ a;
	d = rol64(d, 16) ^ c;
	a = rol64(a, 32) + d;
	c += b;
	b = rol64(b, 17) ^ c;
	d = rol64(d, 21) ^ a;
	n->v[0] = a ^ m;
	n->v[1] = b;
	n->v[2] = rol64(c, 32);
	n->v[3] = d;
	if (unlikely(++n->count >= IRQ_NOISE_MANY || now - n->since > arch_clock.hz))
		give_noise(n, now);
}

void irq_dispatch(unsigned int irq)
{
	struct irq_line *l = &lines[irq];
	u32 seen = 1;

	(*this_cpu_ptr(irq_counts))[irq]++;
	note_moment(irq);
	if (unlikely(__atomic_fetch_add(&l->running, 1, __ATOMIC_SEQ_CST)))
		return;
	do {
		bool handled = false;

		for (struct irq_action *a = __atomic_load_n(&l->actions, __ATOMIC_ACQUIRE); a;
		     a = __atomic_load_n(&a->next, __ATOMIC_ACQUIRE))
			handled |= a->handler(a->ctx);
		if (unlikely(!handled)) {
			unhandled(l, irq);
		} else {
			l->handled++;
			l->unhandled_row = 0;
		}
		seen = __atomic_sub_fetch(&l->running, seen, __ATOMIC_ACQ_REL);
	} while (unlikely(seen));
}

/* Lines are spread over the CPUs of @cpus that are online now; some is. */
static unsigned int pick_cpu(struct cpumask cpus)
{
	cpus = cpumask_and(cpus, cpumask_read(&cpu_online_mask));
	do {
		next_cpu = (next_cpu + 1) % NR_CPUS_MAX;
	} while (!cpumask_test(&cpus, next_cpu));
	return next_cpu;
}

/* Before the line is switched on: who asked for CPUs before still has them. */
static unsigned int place(struct irq_line *l)
{
	if (!l->placed)
		l->cpus = cpumask_and(cpumask_read(&irq_default_cpus), cpu_possible_mask);
	l->cpu = (u16)pick_cpu(l->cpus);
	return l->cpu;
}

static int move(struct irq_line *l, unsigned int irq, unsigned int cpu)
{
	const struct irq_action *a = l->actions;
	struct irq_msi msi;

	if (!l->in_use || cpu == l->cpu)
		return 0;
	if (!l->is_msi)
		return irqchip_route_gsi(irq, cpu);
	if (!a->send)
		return -EIO;
	irqchip_route_msi(irq, cpu, &msi);
	a->send(&msi, a->sender);
	return 0;
}

int irq_set_cpus(unsigned int irq, struct cpumask cpus)
{
	struct cpumask usable = cpumask_and(cpus, cpumask_read(&cpu_online_mask));

	if (irq >= IRQ_LINES || cpumask_empty(usable))
		return -EINVAL;
	struct irq_line *l = &lines[irq];
	unsigned long flags = spin_lock_irqsave(&irq_lock);
	unsigned int cpu = cpumask_test(&usable, l->cpu) ? l->cpu : pick_cpu(usable);
	int err = move(l, irq, cpu);

	if (!err) {
		l->cpu = (u16)cpu;
		l->cpus = cpus;
		l->placed = true;
	}
	spin_unlock_irqrestore(&irq_lock, flags);
	return err;
}

static void link_action(struct irq_line *l, struct irq_action *a, unsigned int irq)
{
	a->irq = irq;
	a->next = l->actions;
	__atomic_store_n(&l->actions, a, __ATOMIC_RELEASE);
}

int irq_request_gsi(struct irq_action *a, unsigned int gsi, u32 flags)
{
	if (gsi >= irqchip_gsi_count() || gsi >= IRQ_LINES)
		return -EINVAL;
	struct irq_line *l = &lines[gsi];
	unsigned long irq_flags = spin_lock_irqsave(&irq_lock);
	int err = 0;

	if (l->in_use && l->flags != flags) {
		err = -EINVAL;
	} else {
		link_action(l, a, gsi);
		if (!l->in_use)
			err = irqchip_enable_gsi(gsi, flags, place(l));
		if (err)
			l->actions = a->next;
		else
			l->in_use = true;
		l->flags = flags;
	}
	spin_unlock_irqrestore(&irq_lock, irq_flags);
	return err;
}

int irq_request_isa(struct irq_action *a, unsigned int isa_irq)
{
	u32 flags;
	unsigned int gsi = irqchip_isa_gsi(isa_irq, &flags);

	return irq_request_gsi(a, gsi, flags);
}

int irq_request_msi(struct irq_action *a, struct irq_msi *out)
{
	unsigned long irq_flags = spin_lock_irqsave(&irq_lock);
	unsigned int irq = irqchip_gsi_count();
	int err = -ENOSPC;

	while (irq < IRQ_LINES && lines[irq].in_use)
		irq++;
	if (irq < IRQ_LINES) {
		link_action(&lines[irq], a, irq);
		lines[irq].placed = false; /* that was another's */
		err = irqchip_enable_msi(irq, place(&lines[irq]), out);
		if (err)
			lines[irq].actions = a->next;
		else
			lines[irq].in_use = lines[irq].is_msi = true;
	}
	spin_unlock_irqrestore(&irq_lock, irq_flags);
	return err;
}

void irq_free(struct irq_action *a)
{
	struct irq_line *l = &lines[a->irq];
	unsigned long irq_flags = spin_lock_irqsave(&irq_lock);

	for (struct irq_action **at = &l->actions; *at; at = &(*at)->next) {
		if (*at == a) {
			__atomic_store_n(at, a->next, __ATOMIC_SEQ_CST);
			break;
		}
	}
	if (!l->actions) {
		if (l->is_msi)
			irqchip_disable_msi(a->irq);
		else
			irqchip_disable_gsi(a->irq);
		l->in_use = l->is_msi = false;
	}
	spin_unlock_irqrestore(&irq_lock, irq_flags);
	while (__atomic_load_n(&l->running, __ATOMIC_SEQ_CST))
		cpu_relax();
}

bool irq_info_any(unsigned int irq, struct irq_info *out)
{
	if (irq >= IRQ_LINES || (irq >= LINES_ALWAYS && !lines[irq].in_use))
		return false;
	const struct irq_line *l = &lines[irq];

	*out = (struct irq_info){
		.chip = l->is_msi ? "PCI-MSI" : "IO-APIC",
		.pin = irq,
		.level = l->flags & IRQ_LEVEL,
		.actions = l->actions,
		.cpus = l->in_use || l->placed ? l->cpus : cpumask_read(&irq_default_cpus),
		.cpu = l->cpu,
		.handled = READ_ONCE(l->handled),
		.unhandled = READ_ONCE(l->unhandled),
	};
	out->cpus = cpumask_and(out->cpus, cpu_possible_mask);
	return true;
}

bool irq_info(unsigned int irq, struct irq_info *out)
{
	return irq < IRQ_LINES && lines[irq].in_use && irq_info_any(irq, out);
}

static void count_from(void *arg)
{
	const u64 *from = arg;

	for (unsigned int irq = 0; irq < IRQ_LINES; irq++)
		(*this_cpu_ptr(irq_counts))[irq] += *from;
	irqchip_count_from(*from);
}

/* Each CPU its own, with interrupts off: none that has been counted is lost. */
static void irq_count_start(void)
{
	u64 from;

	if (cmdline_u64("irq_count_start", &from))
		smp_call(CPUMASK_ALL, count_from, &from, true);
}
INITCALL(irq_count_start);

u64 irq_count(unsigned int irq, unsigned int cpu)
{
	return irq < IRQ_LINES ? READ_ONCE((*per_cpu_ptr(irq_counts, cpu))[irq]) : 0;
}

const char *irq_arch_name(unsigned int index, const char **what)
{
	return irqchip_arch_name(index, what);
}

u64 irq_arch_count(unsigned int index, unsigned int cpu)
{
	return irqchip_arch_count(index, cpu);
}
