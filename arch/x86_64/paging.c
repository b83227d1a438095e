/*
 * The kernel's page tables.
 *
 * paging_init() builds them once, from pages right behind the image (boot_info.kernel_end grows
 * over them). Later additions come through arch_map_kernel() and kernel/vmap. Top-level entries of
 * all regions exist afterwards, so that user roots copy them and stay valid.
 */
#include <asm/init.h>
#include <asm/protect.h>
#include <asm/tlb.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/frame/frame.h>
#include <kernel/patch/patch.h>

#include "x86_impl.h"

u64 pte_nx_mask;
pte_t *kernel_pt_root;
unsigned int pt_root_level __ro_after_init = PT_TOP_LEVEL;
unsigned long user_end __ro_after_init = USER_END_DEFAULT;
DEFINE_STATIC_KEY(pt_five_levels);
/* Read by the trampoline of secondary CPUs. */
u32 ap_boot_cr4, ap_boot_root;

static u64 early_next, early_limit;

/* Free RAM from the image's end up to the first thing in the way. */
static void early_alloc_init(void)
{
	u64 from = boot_info.kernel_end;

	early_next = from;
	early_limit = from;
	for (unsigned int i = 0; i < boot_info.mem_count; i++) {
		const struct boot_mem *m = &boot_info.mem[i];

		if (m->type == BOOT_MEM_RAM && m->start <= from - 1 && m->end > from)
			early_limit = m->end;
	}
	if (early_limit > 4ULL << 30)
		early_limit = 4ULL << 30;
	for (unsigned int i = 0; i < boot_info.initrd_count; i++) {
		u64 start = boot_info.initrd[i].start & PAGE_MASK;

		if (boot_info.initrd[i].end > from && start < early_limit)
			early_limit = start > from ? start : from;
	}
}

u64 early_page_alloc(void)
{
	u64 page = early_next;

	if (page + PAGE_SIZE > early_limit)
		early_fatal("no room for page tables behind the kernel image");
	memset(phys_to_virt(page), 0, PAGE_SIZE);
	early_next = page + PAGE_SIZE;
	boot_info.kernel_end = early_next;
	return page;
}

static int table_get(pte_t *at, u64 (*alloc)(void), pte_t **out)
{
	if (!pte_present(*at)) {
		u64 page = alloc();

		if (!page)
			return -ENOMEM;
		pte_write(at, pte_make_table(page, false));
	}
	*out = pte_table(*at);
	return 0;
}

static bool leaf_fits(unsigned int level, unsigned long va, u64 phys, u64 left)
{
	u64 size = PT_SIZE(level);

	if (level == 0)
		return true;
	if (level > 2 || (level == 2 && !cpu_has(CPU_GB_PAGES)))
		return false;
	return left >= size && !((va | phys) & (size - 1));
}

/* Maps one leaf at @va and says how long it is. */
static int map_one(pte_t *table, unsigned long va, u64 phys, u64 left, u64 prot_bits,
		   u64 (*alloc)(void), u64 *out_len)
{
	unsigned int level = PT_ROOT_LEVEL;

	while (!leaf_fits(level, va, phys, left)) {
		pte_t *at = &table[pt_index(level, va)];

		if (level <= 2 && pte_present(*at) && pte_huge(*at))
			return -EEXIST;
		int err = table_get(at, alloc, &table);

		if (err)
			return err;
		level--;
	}
	pte_t *at = &table[pt_index(level, va)];

	if (level && pte_present(*at) && !pte_huge(*at)) {
		/* A finer table is there already: fill it instead. */
		table = pte_table(*at);
		level--;
		if (level && pte_present(table[pt_index(level, va)]) &&
		    !pte_huge(table[pt_index(level, va)])) {
			table = pte_table(table[pt_index(level, va)]);
			level--;
		}
		at = &table[pt_index(level, va)];
	}
	pgprot_t prot = PGPROT(prot_bits);

	pte_write(at, level ? pte_make_huge(phys, prot) : pte_make(phys, prot));
	*out_len = PT_SIZE(level);
	return 0;
}

int paging_map(pte_t *root, unsigned long va, u64 phys, u64 len, u64 prot_bits, u64 (*alloc)(void))
{
	while (len) {
		u64 done;
		int err = map_one(root, va, phys, len, prot_bits, alloc, &done);

		if (err)
			return err;
		va += done;
		phys += done;
		len -= done < len ? done : len;
	}
	return 0;
}

int arch_map_kernel(unsigned long va, u64 phys, u64 len, u64 prot_bits, u64 (*alloc)(void))
{
	return paging_map(kernel_pt_root, va, phys, len, prot_bits, alloc);
}

static void map_early(unsigned long va, u64 phys, u64 len, pgprot_t prot)
{
	if (arch_map_kernel(va, phys, len, prot.bits, early_page_alloc))
		early_fatal("kernel page tables");
}

static bool directly_mapped(const struct boot_mem *m)
{
	return m->type == BOOT_MEM_RAM || m->type == BOOT_MEM_ACPI || m->type == BOOT_MEM_NVS;
}

static void map_direct(void)
{
	/* Low memory: firmware tables are looked for there. */
	u64 start = 0, end = 0x100000;

	for (unsigned int i = 0; i < boot_info.mem_count; i++) {
		const struct boot_mem *m = &boot_info.mem[i];

		if (!directly_mapped(m))
			continue;
		if (m->start > end) {
			map_early(DIRECT_MAP_BASE + start, start, end - start, PGPROT_KERNEL);
			start = m->start;
		}
		end = m->end;
	}
	map_early(DIRECT_MAP_BASE + start, start, end - start, PGPROT_KERNEL);
}

static void map_image_part(const char *from, const char *to, pgprot_t prot)
{
	unsigned long start = (unsigned long)from & PAGE_MASK;
	unsigned long end = ((unsigned long)to + PAGE_SIZE - 1) & PAGE_MASK;

	/* Page by page: parts are protected, freed and guarded one by one later. */
	for (; start < end; start += PAGE_SIZE)
		map_early(start, start - KERNEL_IMAGE_BASE, PAGE_SIZE, prot);
}

/*
 * The loader may have left five levels on, with firmware that runs so. Changing their number takes
 * a moment without paging, as long as there is nothing but the boot tables.
 */
void paging_choose_levels(void)
{
	bool want = cpu_has(CPU_LA57) && !cmdline_has("no5lvl");
	unsigned long cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	if (want != !!(cr4 & CR4_LA57))
		boot_set_paging(kernel_sym_to_phys(want ? boot_pgd5 : boot_pgd), cr4 ^ CR4_LA57);
	ap_boot_cr4 = (u32)(CR4_PAE | (want ? CR4_LA57 : 0));
	ap_boot_root = (u32)kernel_sym_to_phys(want ? boot_pgd5 : boot_pgd);
	if (!want) {
		cpu_drop_la57();
		return;
	}
	pt_root_level = PT_TOP_LEVEL + 1;
	user_end = USER_END_LA57;
}

void paging_patch_levels(void)
{
	if (pt_root_level != PT_TOP_LEVEL)
		static_key_enable_boot(&pt_five_levels);
}

pte_t *paging_kernel_top(void)
{
	if (pt_root_level == PT_TOP_LEVEL)
		return kernel_pt_root;
	return pte_table(kernel_pt_root[PT_ENTRIES - 1]);
}

/* With five levels the kernel half is the last entry of the root, and laid out as with four. */
static void make_root(void)
{
	kernel_pt_root = phys_to_virt(early_page_alloc());
	if (pt_root_level != PT_TOP_LEVEL)
		pte_write(&kernel_pt_root[PT_ENTRIES - 1],
			  pte_make_table(early_page_alloc(), false));
}

struct pt_leaf paging_leaf(unsigned long va)
{
	pte_t *table = kernel_pt_root;

	for (unsigned int level = PT_ROOT_LEVEL;; level--) {
		pte_t *at = &table[pt_index(level, va)], e = pte_read(at);

		if (!(e.raw & PTE_PRESENT))
			return (struct pt_leaf){NULL};
		if (!level || !pte_is_table(e))
			return (struct pt_leaf){at, e, level};
		table = pte_table(e);
	}
}

bool paging_allows(unsigned long va, bool write)
{
	struct pt_leaf leaf = paging_leaf(va);

	return leaf.at && (!write || pte_writable(leaf.e));
}

bool paging_phys(unsigned long va, u64 *out)
{
	struct pt_leaf leaf = paging_leaf(va);
	u64 inside = PT_SIZE(leaf.level) - 1;

	if (!leaf.at)
		return false;
	*out = (pte_phys(leaf.e) & ~inside) + (va & inside);
	return true;
}

static void image_unmap_page(const char *at)
{
	pte_t *pte = paging_leaf((unsigned long)at).at;

	if (pte)
		pte_write(pte, (pte_t){0});
}

void paging_prepare(pte_t *root, unsigned long base, unsigned long size)
{
	for (unsigned long off = 0; off < size; off += PT_SIZE(PT_ROOT_LEVEL)) {
		pte_t *table;

		if (table_get(&root[pt_index(PT_ROOT_LEVEL, base + off)], early_page_alloc, &table))
			early_fatal("kernel page tables");
	}
}

void paging_init(void)
{
	early_alloc_init();
	pte_nx_mask = cpu_has(CPU_NX) ? PTE_NX : 0;
	/* Bit 12 of a loaded root says that it is user mode's (pti.c): this one has it clear. */
	early_next = (early_next + 2 * PAGE_SIZE - 1) & ~(2 * PAGE_SIZE - 1);
	make_root();
	map_direct();
	map_image_part(text_start, text_end, PGPROT_KERNEL_RX);
	map_image_part(rodata_start, rodata_end, PGPROT_KERNEL); /* read-only in arch_init_late */
	map_image_part(init_start, init_data_start, PGPROT_KERNEL_RX);
	map_image_part(init_data_start, init_end, PGPROT_KERNEL);
	map_image_part(data_start, bss_end, PGPROT_KERNEL);
	image_unmap_page(boot_stack_guard);
	for (unsigned int i = 0; i <= IST_COUNT; i++)
		image_unmap_page(boot_ist_stacks + i * (IST_STACK_SIZE + PAGE_SIZE) - PAGE_SIZE);
	paging_prepare(kernel_pt_root, VMALLOC_BASE, VMALLOC_SIZE);
	paging_prepare(kernel_pt_root, FRAME_MAP_BASE, FRAME_MAP_SIZE);
	kasan_arch_early();
	write_cr3(virt_to_phys(kernel_pt_root));
}

static void copy_kernel_half(pte_t *to, const pte_t *from)
{
	memcpy(to + PT_ROOT_USER_ENTRIES, from + PT_ROOT_USER_ENTRIES,
	       (PT_ENTRIES - PT_ROOT_USER_ENTRIES) * sizeof(*to));
}

void pt_root_init(pte_t *root)
{
	copy_kernel_half(root, kernel_pt_root);
	if (cpu_has(CPU_PTI))
		copy_kernel_half(root + PT_ENTRIES, pti_root);
}

static void image_protect(const char *from, const char *to, pgprot_t prot)
{
	for (const char *at = from; at < to; at += PAGE_SIZE) {
		pte_t *pte = paging_leaf((unsigned long)at).at;

		if (pte)
			pte_write(pte, pte_make(kernel_sym_to_phys(at), prot));
	}
}

void arch_init_late(void)
{
	poke_init();
	image_protect(rodata_start, rodata_end, PGPROT_KERNEL_RO);
	tlb_flush_kernel((unsigned long)rodata_start, (unsigned long)rodata_end);
	protect_image();
}

/* Secondary CPUs have been made from the per-CPU template by now. */
void arch_free_init(void)
{
	for (const char *at = init_start; at < init_end; at += PAGE_SIZE)
		image_unmap_page(at);
	tlb_flush_kernel((unsigned long)init_start, (unsigned long)init_end);
	frame_free_range(kernel_sym_to_phys(init_start), kernel_sym_to_phys(init_end));
	arch_check_wx();
}
