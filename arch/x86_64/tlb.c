/*
 * Translation caches.
 *
 * Every flush of an address space bumps its generation. A CPU remembers for each context (PCID) it
 * keeps translations of which generation they were good for; loading an address space whose
 * generation has moved on flushes. A CPU that has the address space loaded is interrupted. The
 * order that makes this safe: a loader sets its bit in mm->cpus before it reads the generation, a
 * flusher bumps the generation before it reads the bits; both are locked instructions.
 *
 * Without PCID there is one context and each load of cr3 flushes it.
 *
 * Where the kernel is isolated (pti.c) a context is two, the kernel's and user mode's, and a flush
 * of user addresses is one of both. The kernel's own translations are not global then, so that
 * other contexts have to forget them as well.
 */
#include <asm/tlb.h>

#include <asm/irqflags.h>
#include <asm/preempt.h>
#include <asm/smp.h>
#include <kern/string.h>

#include "apic_impl.h"
#include "contexts_impl.h"
#include "x86_impl.h"

#define CR4_PGE (1UL << 7)
/* Beyond this many pages one full flush is cheaper than one page at a time. */
#define RANGE_PAGES_MAX 32u

struct tlb_cpu {
	struct arch_mm *loaded; /* NULL: the kernel's own root */
	struct tlb_contexts contexts;
};

static DEFINE_PERCPU(struct tlb_cpu, tlb_cpu);
static u64 context_ids; /* atomic */

void arch_mm_init(struct arch_mm *am, pte_t *root)
{
	pt_root_init(root);
	am->root_phys = virt_to_phys(root);
	am->context_id = __atomic_add_fetch(&context_ids, 1, __ATOMIC_RELAXED);
	am->tlb_gen = 1;
	am->cpus = CPUMASK_NONE;
	am->vdso = 0;
}

/* The loaded context is left: a flush on the way to user mode does not come to be. */
static void keep_user_stale(struct tlb_cpu *t)
{
	if (cpu_has(CPU_PTI_PCID) && pti_flush_pending())
		t->contexts.slot[t->contexts.loaded].user_stale = true;
}

static void load_pcid(struct tlb_cpu *t, struct arch_mm *am)
{
	u64 gen = __atomic_load_n(&am->tlb_gen, __ATOMIC_SEQ_CST);
	struct tlb_load l = tlb_contexts_load(&t->contexts, am->context_id, gen);

	write_cr3(am->root_phys | l.context | (l.keep ? CR3_NO_FLUSH : 0));
	if (cpu_has(CPU_PTI))
		pti_load(am->root_phys, l.context, l.keep_user);
}

/* With contexts, or isolated, or both. */
static void load_contexts(struct tlb_cpu *t, struct arch_mm *prev, struct arch_mm *am)
{
	if (cpu_has(CPU_PCID)) {
		if (prev)
			keep_user_stale(t);
		load_pcid(t, am);
		return;
	}
	write_cr3(am->root_phys);
	pti_load(am->root_phys, 0, false);
}

void arch_mm_switch(struct arch_mm *next)
{
	struct tlb_cpu *t = this_cpu_ptr(tlb_cpu);
	struct arch_mm *prev = t->loaded;

	if (prev == next)
		return; /* flushes have reached this CPU all the time */
	unsigned int cpu = cpu_id();

	cpumask_set(&next->cpus, cpu);
	t->loaded = next;
	if (cpu_feature_bits & (1ull << CPU_PCID | 1ull << CPU_PTI))
		load_contexts(t, prev, next);
	else
		write_cr3(next->root_phys);
	/* Not before: the tables of @prev may be freed once no bit is left. */
	if (prev)
		cpumask_clear(&prev->cpus, cpu);
}

void arch_mm_leave(void)
{
	unsigned long flags = irqs_save();
	struct tlb_cpu *t = this_cpu_ptr(tlb_cpu);

	if (t->loaded) {
		keep_user_stale(t);
		write_cr3(virt_to_phys(kernel_pt_root));
		cpumask_clear(&t->loaded->cpus, cpu_id());
		t->loaded = NULL;
	}
	irqs_restore(flags);
}

static void leave_if_loaded(void *arg)
{
	if (this_cpu_ptr(tlb_cpu)->loaded == arg)
		arch_mm_leave();
}

void arch_mm_destroy(struct arch_mm *am)
{
	struct cpumask cpus = cpumask_read(&am->cpus);

	if (!cpumask_empty(cpus))
		smp_call(cpus, leave_if_loaded, am, true);
}

void tlb_flush_local_all(void)
{
	unsigned long flags = irqs_save(), cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" : : "r"(cr4 ^ CR4_PGE) : "memory");
	asm volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
	irqs_restore(flags);
}

struct tlb_flush {
	struct arch_mm *am;
	unsigned long start, end;
	u64 gen; /* of the address space after this flush */
	bool all;
};

/* On a CPU that has, or had a moment ago, the address space loaded; interrupts off. */
static void flush_here(void *arg)
{
	const struct tlb_flush *f = arg;
	struct tlb_cpu *t = this_cpu_ptr(tlb_cpu);

	if (t->loaded != f->am)
		return;
	struct tlb_context *c = &t->contexts.slot[t->contexts.loaded];

	/* A range only helps if nothing before it was missed. */
	if (!f->all && (!cpu_has(CPU_PCID) || c->gen + 1 == f->gen)) {
		for (unsigned long at = f->start; at < f->end; at += PAGE_SIZE)
			tlb_flush_local_page(at);
		c->gen = f->gen;
		return;
	}
	u64 gen = __atomic_load_n(&f->am->tlb_gen, __ATOMIC_SEQ_CST);

	write_cr3(f->am->root_phys | (cpu_has(CPU_PCID) ? t->contexts.loaded + 1 : 0));
	if (cpu_has_unlikely(CPU_PTI_PCID))
		pti_flush_later();
	c->gen = gen;
}

static void flush_remote(void *arg)
{
	apic_count(COUNT_TLB);
	flush_here(arg);
}

static void flush(struct tlb_flush *f)
{
	f->gen = __atomic_add_fetch(&f->am->tlb_gen, 1, __ATOMIC_SEQ_CST);
	preempt_disable();
	struct cpumask cpus = cpumask_read(&f->am->cpus);
	unsigned int self = cpu_id();

	if (cpumask_test(&cpus, self)) {
		unsigned long flags = irqs_save();

		flush_here(f);
		irqs_restore(flags);
		cpus = cpumask_without(cpus, self);
	}
	if (!cpumask_empty(cpus))
		smp_call(cpus, flush_remote, f, true);
	preempt_enable();
}

void tlb_flush_mm_range(struct arch_mm *am, unsigned long start, unsigned long end,
			bool freed_tables)
{
	/* A page at a time also drops cached intermediate entries of that page. */
	bool all = end - start > RANGE_PAGES_MAX * PAGE_SIZE || freed_tables;

	flush(&(struct tlb_flush){.am = am, .start = start, .end = end, .all = all});
}

void tlb_flush_mm_all(struct arch_mm *am)
{
	flush(&(struct tlb_flush){.am = am, .all = true});
}

/* Contexts that are not loaded are flushed when they are the next time. */
static void forget_others(void)
{
	unsigned long flags = irqs_save();
	struct tlb_cpu *t = this_cpu_ptr(tlb_cpu);

	tlb_contexts_forget(&t->contexts, t->loaded);
	irqs_restore(flags);
}

static void flush_kernel_here(void *arg)
{
	const struct tlb_flush *f = arg;

	if (f->all) {
		tlb_flush_local_all();
		return;
	}
	for (unsigned long at = f->start; at < f->end; at += PAGE_SIZE)
		asm volatile("invlpg (%0)" : : "r"(at) : "memory");
	if (cpu_has_unlikely(CPU_PTI_PCID))
		forget_others();
}

void tlb_flush_kernel(unsigned long start, unsigned long end)
{
	struct tlb_flush f = {.start = start, .end = end};

	f.all = end - start > RANGE_PAGES_MAX * PAGE_SIZE;
	/* During start-up, with interrupts off, there is only this CPU. */
	if (cpumask_weight(cpumask_read(&cpu_online_mask)) == 1)
		flush_kernel_here(&f);
	else
		smp_call(CPUMASK_ALL, flush_kernel_here, &f, true);
}
