/* Address-space layout and the fixed virtual regions: 4 KiB granule, 48-bit addresses. */
#pragma once

#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))

#define THREAD_SHIFT 14
#define THREAD_SIZE (1UL << THREAD_SHIFT)

#ifdef __ASSEMBLY__
#define KERNEL_IMAGE_BASE 0xffffffff80000000
#define LOAD_PHYS 0x40200000
#else
#define DIRECT_MAP_BASE 0xffff000000000000UL
#define DIRECT_MAP_SIZE (1UL << 46)
#define VMALLOC_BASE 0xffff800000000000UL
#define VMALLOC_SIZE (1UL << 39)
#define FRAME_MAP_BASE 0xffffea0000000000UL
#define FRAME_MAP_SIZE (1UL << 39)
#define KASAN_SHADOW_BASE 0xffffec0000000000UL
#define KERNEL_IMAGE_BASE 0xffffffff80000000UL
#define KERNEL_IMAGE_SIZE (1UL << 30)
#define MODULE_BASE 0xffffffffc0000000UL
#define MODULE_SIZE (1UL << 29)
#define USER_END 0x0000fffffffff000UL
#define USER_END_DEFAULT USER_END

#include <kern/types.h>

static inline void *phys_to_virt(u64 phys)
{
	return (void *)(phys + DIRECT_MAP_BASE);
}

static inline u64 virt_to_phys(const void *virt)
{
	return (u64)(unsigned long)virt - DIRECT_MAP_BASE;
}

static inline u64 kernel_sym_to_phys(const void *sym)
{
	return (u64)(unsigned long)sym - KERNEL_IMAGE_BASE;
}

static inline bool addr_is_kernel(unsigned long addr)
{
	return (long)addr < 0;
}
#endif
