/*
 * Kernel stacks.
 *
 * A stack sits in the middle of a slot twice its size, so unmapped pages lie on both sides.  A few
 * freed stacks stay mapped per CPU, which makes thread creation free of page-table work; what is
 * beyond gives its frames back, and its slot waits until translations have been flushed.
 */
#include "vmap_impl.h"

#include <asm/irqflags.h>
#include <asm/percpu.h>
#include <asm/tlb.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kernel/frame/frame.h>
#include <kernel/kasan/kasan.h>
#include <kernel/slab/slab.h>

#define CACHED 4u
#define SLOTS_PER_CHUNK (PAGE_SIZE / sizeof(u32))
#define DIRTY_MAX 16u
#define NO_SLOT (~0u)

struct stack_cache {
	u32 count;
	void *stack[CACHED];
};

static DEFINE_PERCPU(struct stack_cache, stack_cache);

/* vmap_lock: links of free slots, in pages that come as slots are first used. */
static u32 *chunks[STACK_SLOTS / SLOTS_PER_CHUNK];
static u32 clean = NO_SLOT, dirty = NO_SLOT, fresh;
static u32 dirty_count;

static u32 *slot_link(u32 slot)
{
	return &chunks[slot / SLOTS_PER_CHUNK][slot % SLOTS_PER_CHUNK];
}

static void *slot_stack(u32 slot)
{
	return (void *)(STACK_BASE + ((unsigned long)slot << STACK_SLOT_SHIFT) + THREAD_SIZE / 2);
}

static u32 stack_slot(const void *stack)
{
	return (u32)(((unsigned long)stack - STACK_BASE) >> STACK_SLOT_SHIFT);
}

/* All slots that were freed since the last flush become usable. */
static void flush_dirty(void)
{
	spin_lock(&vmap_lock);
	u32 list = dirty;

	dirty = NO_SLOT;
	dirty_count = 0;
	spin_unlock(&vmap_lock);
	if (list == NO_SLOT)
		return;
	tlb_flush_kernel(STACK_BASE,
			 STACK_BASE + ((unsigned long)READ_ONCE(fresh) << STACK_SLOT_SHIFT));
	spin_lock(&vmap_lock);
	while (list != NO_SLOT) {
		u32 next = *slot_link(list);

		*slot_link(list) = clean;
		clean = list;
		list = next;
	}
	spin_unlock(&vmap_lock);
}

static int slot_take(u32 *out)
{
	if (READ_ONCE(dirty_count) > DIRTY_MAX && READ_ONCE(clean) == NO_SLOT)
		flush_dirty();
	spin_lock(&vmap_lock);
	u32 slot = clean;

	if (slot != NO_SLOT) {
		clean = *slot_link(slot);
	} else if (fresh < STACK_SLOTS) {
		u32 **chunk = &chunks[fresh / SLOTS_PER_CHUNK];

		if (!*chunk)
			*chunk = frame_alloc_virt(0, GFP_ATOMIC);
		if (*chunk)
			slot = fresh++;
	}
	spin_unlock(&vmap_lock);
	if (slot == NO_SLOT)
		return -ENOMEM;
	*out = slot;
	return 0;
}

static void slot_give(u32 slot)
{
	spin_lock(&vmap_lock);
	*slot_link(slot) = dirty;
	dirty = slot;
	dirty_count++;
	spin_unlock(&vmap_lock);
}

void *vmap_stack_alloc(void)
{
	void *stack = NULL;
	u32 slot;

	if (slab_should_fail())
		return NULL;
	unsigned long irq = irqs_save();
	struct stack_cache *c = this_cpu_ptr(stack_cache);

	if (c->count)
		stack = c->stack[--c->count];
	irqs_restore(irq);
	if (!stack) {
		if (slot_take(&slot))
			return NULL;
		stack = slot_stack(slot);
		if (kasan_populate(stack, THREAD_SIZE) ||
		    vmap_back((unsigned long)stack, THREAD_SIZE >> PAGE_SHIFT, FRAME_STACK)) {
			slot_give(slot);
			return NULL;
		}
	}
	kasan_unpoison(stack, THREAD_SIZE);
	return stack;
}

void vmap_stack_free(void *stack)
{
	if (!stack)
		return;
	unsigned long irq = irqs_save();
	struct stack_cache *c = this_cpu_ptr(stack_cache);
	bool kept = c->count < CACHED;

	if (kept)
		c->stack[c->count++] = stack;
	irqs_restore(irq);
	if (kept)
		return;
	vmap_unback((unsigned long)stack, THREAD_SIZE >> PAGE_SHIFT);
	slot_give(stack_slot(stack));
}

/* By the direct map: the stack may be given back meanwhile, but not its frames under the lock. */
static __no_sanitize_address size_t zero_bytes(const void *page)
{
	const volatile unsigned long *at = page;
	size_t n = 0;

	while (n < PAGE_SIZE / sizeof(*at) && !at[n])
		n++;
	return n * sizeof(*at);
}

size_t vmap_stack_unused(const void *stack)
{
	size_t unused = 0, n = PAGE_SIZE;

	if ((unsigned long)stack - STACK_BASE >= STACK_END - STACK_BASE)
		return 0;
	spin_lock(&vmap_lock);
	for (unsigned long at = (unsigned long)stack; unused < THREAD_SIZE && n == PAGE_SIZE;
	     at += PAGE_SIZE) {
		pte_t *e = vmap_entry(at, false);

		if (!e || !pte_present(pte_read(e))) {
			unused = 0;
			break;
		}
		n = zero_bytes(phys_to_virt(pte_phys(pte_read(e))));
		unused += n;
	}
	spin_unlock(&vmap_lock);
	return unused;
}
