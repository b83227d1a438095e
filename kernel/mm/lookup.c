/*
 * Which VMA is at an address: four slots per thread in front of the tree.
 *
 * The slots are valid while the thread's sequence number equals that of its address space, which
 * every change of the tree bumps.  The number has 64 bits and never comes back.  A thread's slots
 * are only ever about the address space that it runs in: who looks at another one (ptrace,
 * process_vm_readv, /proc) goes to the tree, and changing to another one (exec, a kernel thread
 * that borrows) empties them.
 *
 * What changes mappings does not look here: its own last change has emptied the slots.
 *
 * One patched branch leads to whatever is not the usual way, so that measuring costs nothing when
 * nobody measures: no cache at all (vma_cache=off), slots chosen by page (vma_cache=page), counted
 * cycles (vma_cycles).
 */
#include "mm_impl.h"

#include <asm/clock.h>
#include <asm/current.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/patch/patch.h>
#include <kernel/printk/printk.h>
#include <kernel/task/task.h>

static DEFINE_STATIC_KEY(unusual);
static bool cache_off __ro_after_init, count_cycles __ro_after_init;
static unsigned int slot_shift __ro_after_init = PT_SHIFT(1);

void mm_changed(struct mm *mm)
{
	__atomic_store_n(&mm->seq, mm->seq + 1, __ATOMIC_RELEASE);
}

static __always_inline struct vma *lookup(struct mm *mm, u64 addr, unsigned int shift)
{
	struct vma_cache *c = &current->vma_cache;
	u64 seq = __atomic_load_n(&mm->seq, __ATOMIC_ACQUIRE);
	struct vma **slot = &c->slot[(addr >> shift) % VMA_CACHE_SLOTS];

	this_cpu_inc(mm_event.vmacache_calls);
	if (likely(c->seq == seq)) {
		struct vma *v = *slot;

		if (v && addr >= v->start && addr < v->end) {
			this_cpu_inc(mm_event.vmacache_hits);
			return v;
		}
	} else {
		memset(c->slot, 0, sizeof(c->slot));
		c->seq = seq;
		this_cpu_inc(mm_event.vmacache_flushes);
	}
	struct vma *v = btree_at(&mm->vmas, addr, NULL);

	/* A change between the two reads only costs a check that fails later. */
	*slot = v;
	return v;
}

static noinline struct vma *lookup_unusual(struct mm *mm, u64 addr)
{
	u64 from = count_cycles ? clock_cycles() : 0;
	struct vma *v;

	if (cache_off) {
		this_cpu_inc(mm_event.vmacache_calls);
		v = btree_at(&mm->vmas, addr, NULL);
	} else {
		v = lookup(mm, addr, slot_shift);
	}
	if (count_cycles)
		this_cpu_add(mm_event.vmacache_cycles, clock_cycles() - from);
	return v;
}

/* By 2 MiB: neighbours of that size do not evict each other. docs/performance.md. */
struct vma *vma_lookup(struct mm *mm, u64 addr)
{
	ASSERT(mm == current->mm);
	if (static_key_unlikely(&unusual))
		return lookup_unusual(mm, addr);
	return lookup(mm, addr, PT_SHIFT(1));
}

static void lookup_options(void)
{
	char how[8];

	if (cmdline_value("vma_cache", how, sizeof(how))) {
		cache_off = !strcmp(how, "off");
		if (!strcmp(how, "page"))
			slot_shift = PAGE_SHIFT;
		else if (!cache_off && strcmp(how, "on"))
			pr_warn("vma_cache=%s: is on, off or page\n", how);
	}
	count_cycles = cmdline_has("vma_cycles");
	if (cache_off || count_cycles || slot_shift == PAGE_SHIFT)
		static_key_enable(&unusual);
}
INITCALL(lookup_options);
