/*
 * ELF64 programs: checks a file's headers and says what has to be mapped where.
 *
 * Two steps, as the program headers may lie anywhere in the file: elf_read_header() with the first
 * bytes, then elf_make_plan() with the program headers. Nothing is trusted, nothing is allocated.
 * References: System V ABI (gABI) chapters 4 and 5; elf(5).
 */
#pragma once

#include <kern/types.h>
#include <linux/elf.h>

#define ELF_HEADER_SIZE 64
#define ELF_PHDRS_BYTES_MAX 65536 /* as on Linux */
#define ELF_SEGMENTS_MAX 32

/* What the file header says. */
struct elf_header {
	bool dyn; /* ET_DYN: may be loaded anywhere; else ET_EXEC */
	u64 entry;
	u64 phdr_offset;
	u32 phdr_count;
	u32 phdr_bytes; /* to be read at phdr_offset */
};

/* One PT_LOAD with memory. Addresses without load bias. */
struct elf_segment {
	u64 vaddr, memsz;
	u64 offset, filesz; /* offset and vaddr agree modulo the page size; filesz <= memsz */
	u32 flags;	    /* PF_R PF_W PF_X */
};

enum elf_stack {
	ELF_STACK_DEFAULT, /* no PT_GNU_STACK */
	ELF_STACK_NOEXEC,
	ELF_STACK_EXEC,
};

struct elf_plan {
	bool dyn;
	bool writable_exec; /* a segment is both */
	enum elf_stack stack;
	u64 entry;
	u64 phdr_vaddr; /* for AT_PHDR; 0 if no segment holds the program headers */
	u32 phdr_count;
	u64 interp_offset, interp_size; /* PT_INTERP with its terminator; size 0: none */
	u64 low, high;			/* page-rounded extent of all segments */
	u64 align;			/* largest valid p_align, at least a page */
	/* For /proc/PID/stat and brk, as Linux computes them. */
	u64 start_code, end_code, start_data, end_data, brk;
	u32 segments;
	struct elf_segment segment[ELF_SEGMENTS_MAX];
};

/*
 * Checks the first @len bytes of the file. -ENOEXEC if it is not a program for @machine (EM_*) in
 * the running byte order.
 */
int elf_read_header(const void *file, size_t len, u16 machine, struct elf_header *out) __must_check;

/*
 * Checks the program headers (h->phdr_bytes at @phdrs, any alignment). Addresses must lie below
 * @limit; page_size is a power of two. -ENOEXEC: not a program that can be loaded (bad PT_INTERP,
 * too many segments). -EINVAL: segments that contradict themselves, overflow or have no place.
 */
int elf_make_plan(const struct elf_header *h, const void *phdrs, u64 page_size, u64 limit,
		  struct elf_plan *out) __must_check;
