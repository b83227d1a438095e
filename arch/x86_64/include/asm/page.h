/* Address-space layout and the fixed virtual regions. */
#pragma once

#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))

/* Kernel stacks: mapped with a guard page on both sides. */
#define THREAD_SHIFT 14
#define THREAD_SIZE (1UL << THREAD_SHIFT)

#ifdef __ASSEMBLY__
#define KERNEL_IMAGE_BASE 0xffffffff80000000
#define PAGE_SIZE_LDS 4096
#define DIRECT_MAP_BASE 0xffff888000000000
#else
/*
 * The kernel half, lowest first. Every region's top-level entries exist before the first
 * address space is made, so a new root only copies them and never has to be synchronised.
 */
#define DIRECT_MAP_BASE 0xffff888000000000UL /* all RAM, 64 TiB at most */
#define DIRECT_MAP_SIZE (1UL << 46)
#define VMALLOC_BASE 0xffffc90000000000UL /* 32 TiB reserved, VMALLOC_SIZE of it in use */
#define VMALLOC_SIZE (1UL << 39)
#define FRAME_MAP_BASE 0xffffea0000000000UL /* array of 16-byte frame descriptors */
#define FRAME_MAP_SIZE (1UL << 39)
#define KASAN_SHADOW_BASE 0xffffec0000000000UL /* one byte for eight, whole kernel half */
#define KERNEL_IMAGE_BASE 0xffffffff80000000UL /* plus physical address */
#define KERNEL_IMAGE_SIZE (1UL << 30)
#define MODULE_BASE 0xffffffffc0000000UL
#define MODULE_SIZE (1UL << 29)

#include <kern/types.h>

/*
 * First address that no user mapping reaches: one guard page below the canonical hole, which is
 * elsewhere with five levels of page tables.  What did not ask for more lies below
 * USER_END_DEFAULT.
 */
#define USER_END_DEFAULT 0x00007ffffffff000UL
#define USER_END_LA57 0x00fffffffffff000UL
#define USER_END user_end
extern unsigned long user_end; /* [I] after start-up */

static inline void *phys_to_virt(u64 phys)
{
	return (void *)(phys + DIRECT_MAP_BASE);
}

/* Only for direct-map addresses (anything from the frame or slab allocators). */
static inline u64 virt_to_phys(const void *virt)
{
	return (u64)(unsigned long)virt - DIRECT_MAP_BASE;
}

/* Only for symbols of the kernel image. */
static inline u64 kernel_sym_to_phys(const void *sym)
{
	return (u64)(unsigned long)sym - KERNEL_IMAGE_BASE;
}

/* True for an address in the kernel half. */
static inline bool addr_is_kernel(unsigned long addr)
{
	return (long)addr < 0;
}
#endif
