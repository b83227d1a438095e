/*
 * ELF64 programs. A plan is complete or is not made: whoever maps it needs no further check of the
 * numbers, only of the mappings' success.
 */
#include <lib/elf/elf.h>
#include <kern/align.h>
#include <kern/errno.h>
#include <kern/overflow.h>
#include <kern/string.h>

#define INTERP_MAX 4096

static_assert(sizeof(Elf64_Ehdr) == ELF_HEADER_SIZE, "layout");

int elf_read_header(const void *file, size_t len, u16 machine, struct elf_header *out)
{
	Elf64_Ehdr h;

	if (len < sizeof(h))
		return -ENOEXEC;
	memcpy(&h, file, sizeof(h));
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_ident[EI_CLASS] != ELFCLASS64 ||
	    h.e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if (h.e_type != ET_EXEC && h.e_type != ET_DYN)
		return -ENOEXEC;
	if (h.e_machine != machine || h.e_phentsize != sizeof(Elf64_Phdr) || !h.e_phnum)
		return -ENOEXEC;
	u32 bytes = h.e_phnum * (u32)sizeof(Elf64_Phdr);
	u64 end;

	/* The headers must be readable with file offsets, which are signed. */
	if (bytes > ELF_PHDRS_BYTES_MAX || check_add_overflow(h.e_phoff, bytes, &end) ||
	    end > S64_MAX)
		return -ENOEXEC;
	*out = (struct elf_header){
		.dyn = h.e_type == ET_DYN,
		.entry = h.e_entry,
		.phdr_offset = h.e_phoff,
		.phdr_count = h.e_phnum,
		.phdr_bytes = bytes,
	};
	return 0;
}

/* Is the PT_LOAD @p consistent, and does it end, page-rounded, at or below @limit? */
static bool load_ok(const Elf64_Phdr *p, u64 page_size, u64 limit)
{
	u64 end;

	if (p->p_filesz > p->p_memsz || (p->p_vaddr ^ p->p_offset) & (page_size - 1))
		return false;
	if (check_add_overflow(p->p_offset, p->p_filesz, &end) || end > S64_MAX - page_size)
		return false;
	return !check_add_overflow(p->p_vaddr, p->p_memsz, &end) && end <= limit &&
	       limit - end >= -end % page_size;
}

static int add_load(const Elf64_Phdr *p, u64 page_size, u64 limit, struct elf_plan *plan)
{
	if (!load_ok(p, page_size, limit))
		return -EINVAL;
	if (is_power_of_2(p->p_align))
		plan->align = max(plan->align, (u64)p->p_align);
	u64 start = p->p_vaddr, file_end = start + p->p_filesz, end = start + p->p_memsz;

	if (p->p_flags & PF_X) {
		plan->start_code = min(plan->start_code, start);
		plan->end_code = max(plan->end_code, file_end);
	}
	plan->start_data = max(plan->start_data, start);
	plan->end_data = max(plan->end_data, file_end);
	plan->brk = max(plan->brk, end);
	if (!p->p_memsz)
		return 0;
	if (plan->segments == ELF_SEGMENTS_MAX)
		return -ENOEXEC;
	plan->low = min(plan->low, ALIGN_DOWN(start, page_size));
	plan->high = max(plan->high, ALIGN(end, page_size));
	plan->writable_exec |= (p->p_flags & (PF_W | PF_X)) == (PF_W | PF_X);
	plan->segment[plan->segments++] = (struct elf_segment){
		.vaddr = start,
		.memsz = p->p_memsz,
		.offset = p->p_offset,
		.filesz = p->p_filesz,
		.flags = p->p_flags & (PF_R | PF_W | PF_X),
	};
	return 0;
}

static int set_interp(const Elf64_Phdr *p, struct elf_plan *plan)
{
	u64 end;

	/* The first one counts. */
	if (plan->interp_size)
		return 0;
	if (p->p_filesz > INTERP_MAX || p->p_filesz < 2 ||
	    check_add_overflow(p->p_offset, p->p_filesz, &end) || end > S64_MAX)
		return -ENOEXEC;
	plan->interp_offset = p->p_offset;
	plan->interp_size = p->p_filesz;
	return 0;
}

static void find_phdrs(const struct elf_header *h, struct elf_plan *plan)
{
	for (u32 i = 0; i < plan->segments; i++) {
		const struct elf_segment *s = &plan->segment[i];

		if (h->phdr_offset >= s->offset && h->phdr_offset - s->offset < s->filesz) {
			plan->phdr_vaddr = h->phdr_offset - s->offset + s->vaddr;
			return;
		}
	}
}

int elf_make_plan(const struct elf_header *h, const void *phdrs, u64 page_size, u64 limit,
		  struct elf_plan *plan)
{
	*plan = (struct elf_plan){
		.dyn = h->dyn,
		.entry = h->entry,
		.phdr_count = h->phdr_count,
		.align = page_size,
		.low = U64_MAX,
		.start_code = U64_MAX,
	};
	for (u32 i = 0; i < h->phdr_count; i++) {
		Elf64_Phdr p;
		int err = 0;

		memcpy(&p, (const u8 *)phdrs + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_LOAD)
			err = add_load(&p, page_size, limit, plan);
		else if (p.p_type == PT_INTERP)
			err = set_interp(&p, plan);
		else if (p.p_type == PT_GNU_STACK)
			plan->stack = p.p_flags & PF_X ? ELF_STACK_EXEC : ELF_STACK_NOEXEC;
		if (err)
			return err;
	}
	if (!plan->segments)
		return -EINVAL;
	find_phdrs(h, plan);
	return 0;
}
