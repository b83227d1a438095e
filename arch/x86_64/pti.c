/*
 * Page-table isolation: on CPUs that read kernel memory ahead of the check whether they may
 * (Meltdown), user mode runs on tables without the kernel.
 *
 * A user root is two pages. The first is the kernel's: everything, but user space cannot be
 * executed. The second is loaded in user mode: the same user space, and of the kernel what an entry
 * touches before it has loaded the first, all at the addresses that it has in the kernel's tables:
 *
 *	entry.S		.text.entry, whole pages, read and execute
 *	idt		one page
 *	.percpu.entry	the first page of each CPU's area: GDT, roots, scratch
 *	exception stacks of each CPU
 *	struct pti_cpu	of each CPU: task-state segment with its ports, entry stack
 *
 * Entries take the roots from pti_kernel_cr3 and pti_user_cr3, which tlb.c loads with an address
 * space (pti_load). With contexts (PCID) each address space has two on a CPU: user mode's has bit
 * 11 set. What is flushed in the kernel's context is flushed in user mode's at once with INVPCID,
 * or wholly on the way out: pti_user_cr3 without its bit 63. No translation of the kernel is
 * global.
 *
 * All is chosen at boot, by alternatives: see entry.S for the jumps. Intel, "Retpoline and
 * KPTI"-era guidance is in Linux's Documentation/x86/pti.rst; the layout here is our own.
 */
#include <asm/irqflags.h>
#include <asm/tlb.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/frame/frame.h>

#include "x86_impl.h"

#define CR3_USER_ROOT PAGE_SIZE
#define CR3_USER_CONTEXT 0x800u
#define MSR_ARCH_CAPABILITIES 0x10au
#define ARCH_CAPABILITIES_RDCL_NO 1u
#define LEAF7_EDX_ARCH_CAPABILITIES (1u << 29)

/* What the hardware uses of a CPU in user mode: pages of its own. */
struct pti_cpu {
	struct x86_tss tss;
	u8 ports[PORT_MAP_SIZE + sizeof(long)];
	u8 stack[] __aligned(16); /* to the end of the pages */
};
#define PTI_CPU_ORDER 2u
#define PTI_CPU_SIZE (PAGE_SIZE << PTI_CPU_ORDER)
#define TSS_SIZE offsetof(struct pti_cpu, stack)
static_assert(TSS_SIZE + 1024 <= PTI_CPU_SIZE, "room for the entry stack");

/* Read and written by entry.S under both roots; of their CPU, with interrupts off. */
PERCPU_ENTRY u64 pti_kernel_cr3;
PERCPU_ENTRY u64 pti_user_cr3;
PERCPU_ENTRY u64 pti_entry_sp;
PERCPU_ENTRY u64 pti_scratch;

static DEFINE_PERCPU(struct pti_cpu *, pti_cpu);
pte_t *pti_root; /* [I] */

/* Models of family 6 that run nothing ahead. */
static const u8 intel_in_order[] = {0x1c, 0x26, 0x27, 0x35, 0x36};

static bool has_meltdown(void)
{
	const struct cpu_ident *c = &cpu_ident;

	if (cpu_vendor_is("AuthenticAMD") || cpu_vendor_is("HygonGenuine"))
		return false;
	if (c->family < 6)
		return false;
	if (cpu_vendor_is("GenuineIntel") && c->family == 6 &&
	    memchr(intel_in_order, (int)c->model, sizeof(intel_in_order)))
		return false;
	return !((c->leaf7_edx & LEAF7_EDX_ARCH_CAPABILITIES) &&
		 (msr_read(MSR_ARCH_CAPABILITIES) & ARCH_CAPABILITIES_RDCL_NO));
}

/* kernel-parameters(7) of Linux: pti= counts before nopti and mitigations=. */
static bool wanted(void)
{
	char mode[8] = "";

	if (cmdline_value("pti", mode, sizeof(mode))) {
		if (!strcmp(mode, "off"))
			return false;
		if (!strcmp(mode, "on"))
			return true;
	}
	if (strcmp(mode, "auto") != 0 &&
	    (cmdline_has("nopti") ||
	     (cmdline_value("mitigations", mode, sizeof(mode)) && !strcmp(mode, "off"))))
		return false;
	return cpu_has(CPU_MELTDOWN);
}

/* Pages of the kernel, as they are in its tables, for user mode's roots. */
static int share(const void *from, size_t len, pgprot_t prot, u64 (*alloc)(void))
{
	unsigned long at = (unsigned long)from, end = at + len;
	u64 phys;
	int err = 0;

	for (; at < end && !err; at += PAGE_SIZE) {
		if (!paging_phys(at, &phys))
			return -EFAULT;
		err = paging_map(pti_root, at, phys, PAGE_SIZE, prot.bits, alloc);
	}
	return err;
}

void pti_init(void)
{
	u64 ram_end = 0;

	if (has_meltdown())
		cpu_feature_bits |= 1ull << CPU_MELTDOWN;
	if (!wanted())
		return;
	cpu_feature_bits |= 1ull << CPU_PTI;
	if (cpu_has(CPU_PCID))
		cpu_feature_bits |= 1ull << CPU_PTI_PCID;
	for (unsigned int i = 0; i < boot_info.mem_count; i++) {
		if (boot_info.mem[i].type == BOOT_MEM_RAM && boot_info.mem[i].end > ram_end)
			ram_end = boot_info.mem[i].end;
	}
	pti_root = phys_to_virt(early_page_alloc());
	/* Where areas and stacks of CPUs will be: roots copy the top level once. */
	paging_prepare(pti_root, DIRECT_MAP_BASE, ram_end);
	paging_prepare(pti_root, VMALLOC_BASE, VMALLOC_SIZE);
	if (share(entry_text_start, (size_t)(entry_text_end - entry_text_start), PGPROT_KERNEL_RX,
		  early_page_alloc) ||
	    share(idt, PAGE_SIZE, PGPROT_KERNEL_RO, early_page_alloc))
		early_fatal("tables of user mode");
}

static u64 table_alloc(void)
{
	void *page = frame_alloc_virt(0, GFP_ZERO);

	return page ? virt_to_phys(page) : 0;
}

int pti_prepare_cpu(unsigned int cpu, const struct ist_stacks *ist)
{
	struct pti_cpu *p;
	int err;

	if (!cpu_has(CPU_PTI))
		return 0;
	p = frame_alloc_virt(PTI_CPU_ORDER, GFP_ZERO);
	if (!p)
		return -ENOMEM;
	p->tss.iomap = TSS_SIZE;
	p->tss.rsp[0] = (u64)(unsigned long)p + PTI_CPU_SIZE;
	per_cpu(pti_cpu, cpu) = p;
	*per_cpu_ptr(pti_entry_sp, cpu) = p->tss.rsp[0];
	err = share(p, PTI_CPU_SIZE, PGPROT_KERNEL, table_alloc);
	if (!err)
		err = share(per_cpu_ptr(cpu_user_sp, cpu), 1, PGPROT_KERNEL, table_alloc);
	for (unsigned int i = 0; i < IST_COUNT && !err; i++)
		err = share(ist->stack[i], IST_STACK_SIZE, PGPROT_KERNEL, table_alloc);
	return err;
}

void pti_start_cpu(void)
{
	struct pti_cpu *p = this_cpu_read(pti_cpu);

	if (!p)
		return;
	memcpy(p->tss.ist, this_cpu_ptr(cpu_tss)->ist, sizeof(p->tss.ist));
	desc_load_tss(&p->tss, TSS_SIZE);
}

void pti_load_ports(const struct x86_tss *tss)
{
	struct pti_cpu *p = this_cpu_read(pti_cpu);

	if (tss)
		memcpy(p->ports, (const char *)tss + tss->iomap, sizeof(p->ports));
	p->tss.iomap = tss ? offsetof(struct pti_cpu, ports) : TSS_SIZE;
}

void pti_load(u64 root_phys, unsigned int context, bool keep)
{
	u64 user = root_phys | CR3_USER_ROOT;

	if (context) {
		root_phys |= context | CR3_NO_FLUSH;
		user |= context | CR3_USER_CONTEXT | (keep ? CR3_NO_FLUSH : 0);
	}
	this_cpu_write(pti_kernel_cr3, root_phys);
	this_cpu_write(pti_user_cr3, user);
}

void pti_flush_later(void)
{
	this_cpu_write(pti_user_cr3, this_cpu_read(pti_user_cr3) & ~CR3_NO_FLUSH);
}

bool pti_flush_pending(void)
{
	return !(this_cpu_read(pti_user_cr3) & CR3_NO_FLUSH);
}

void tlb_flush_user_page(unsigned long addr)
{
	unsigned long flags = irqs_save();
	struct {
		u64 context, addr;
	} what = {this_cpu_read(pti_user_cr3) & (PAGE_SIZE - 1), addr};

	if (cpu_has(CPU_INVPCID))
		asm volatile("invpcid %0, %1" : : "m"(what), "r"(0ul) : "memory");
	else
		pti_flush_later();
	irqs_restore(flags);
}
