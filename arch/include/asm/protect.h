/* Protection of kernel memory after it has been written: read-only views, and rare writes. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

/*
 * The direct map's view of [phys, phys + len), whole pages of RAM, becomes read-only or writable
 * again; one flush of all CPUs.  Larger pages are split where it must be: -ENOMEM, nothing has
 * changed then.  Interrupts on.
 */
int arch_direct_protect(u64 phys, u64 len, bool writable) __must_check;

/*
 * Writes @len bytes over kernel memory at @to, which may be read-only: through a mapping in tables
 * of its own that only this CPU has loaded, with interrupts off, until the bytes are there.  @from
 * is kernel memory.  -EFAULT: @to is not mapped; bytes of pages before may have been written.
 */
int arch_poke(void *to, const void *from, size_t len) __must_check;

/* Do the kernel's tables let a read of each page of [p, p + len) through, but no write? */
bool arch_is_read_only(const void *p, size_t len);

/* The first writable mapping in the kernel's tables of the frame at @phys; 0: none. */
unsigned long arch_writable_alias(u64 phys);

/* Looks for pages of the kernel that may be written and run; says what it found in the log. */
void arch_check_wx(void);
