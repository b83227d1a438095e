/* Kernel virtual memory: vmalloc, kernel stacks with guard pages, device mappings. */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

void vmap_init(void);
/* Page-granular, zeroed, with an unmapped guard page behind.  May sleep. */
void *vmalloc(size_t size) __must_check;
void vfree(const void *p);
bool vmap_contains(const void *p);
/* Maps device memory; cache: uncached unless said. */
enum vmap_cache { VMAP_UC, VMAP_WC, VMAP_WB };
void *ioremap(u64 phys, size_t size, enum vmap_cache cache) __must_check;
void iounmap(const void *p);
/*
 * The @n frames from @first on, which stay the caller's, at addresses of their own, writable; @what
 * is their name in /proc/vmallocinfo.  May sleep.
 */
struct frame;
void *vmap_frames(struct frame *first, size_t n, const char *what) __must_check;
/* Takes the permission to write away; the caller flushes. */
void vmap_write_protect(void *p, size_t n);
void vunmap_frames(const void *p);
/* A kernel stack of THREAD_SIZE with guard pages on both sides; cached per CPU. */
void *vmap_stack_alloc(void) __must_check;
void vmap_stack_free(void *stack);
/* Bytes at the low end of @stack that are zero, as all of it is at first; 0: it is none of
 * vmap_stack_alloc() (any more). */
size_t vmap_stack_unused(const void *stack);
/* Is @addr in a guard page?  For the double-fault report. */
bool vmap_is_guard(unsigned long addr);
struct vmap_stats {
	u64 total, used, largest; /* bytes */
};
void vmap_stats(struct vmap_stats *out);
