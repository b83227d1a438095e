/* The ELF file: header, program headers, notes, memory. elf(5). */
#include <kernel/coredump/coredump_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/frame/frame.h>
#include <kernel/sched/sched.h>
#include <kernel/mm/dump.h>
#include <kernel/slab/slab.h>
#include <asm/elf_arch.h>
#include <linux/elf.h>

static void fill_header(Elf64_Ehdr *e, u32 segments)
{
	memset(e, 0, sizeof(*e));
	memcpy(e->e_ident, ELFMAG, SELFMAG);
	e->e_ident[EI_CLASS] = ELFCLASS64;
	e->e_ident[EI_DATA] = ELFDATA2LSB;
	e->e_ident[EI_VERSION] = EV_CURRENT;
	e->e_type = ET_CORE;
	e->e_machine = ELF_ARCH_MACHINE;
	e->e_version = EV_CURRENT;
	e->e_phoff = sizeof(*e);
	e->e_ehsize = sizeof(*e);
	e->e_phentsize = sizeof(Elf64_Phdr);
	e->e_phnum = (Elf64_Half)segments;
}

static u32 permissions(u64 flags)
{
	return (flags & VM_READ ? PF_R : 0) | (flags & VM_WRITE ? PF_W : 0) |
	       (flags & VM_EXEC ? PF_X : 0);
}

static bool write_headers(struct core_out *o, const struct core_map *m, size_t notes)
{
	u64 offset = sizeof(Elf64_Ehdr) + (m->count + 1) * sizeof(Elf64_Phdr);
	Elf64_Ehdr e;
	Elf64_Phdr p = {.p_type = PT_NOTE, .p_offset = offset, .p_filesz = notes};

	fill_header(&e, m->count + 1);
	if (!core_emit(o, &e, sizeof(e)) || !core_emit(o, &p, sizeof(p)))
		return false;
	offset = (offset + notes + PAGE_SIZE - 1) & PAGE_MASK;
	for (u32 i = 0; i < m->count; i++) {
		const struct core_area *a = &m->area[i];

		p = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = permissions(a->flags),
			.p_offset = offset,
			.p_vaddr = a->start,
			.p_filesz = a->dumped,
			.p_memsz = a->end - a->start,
			.p_align = PAGE_SIZE,
		};
		offset += a->dumped;
		if (!core_emit(o, &p, sizeof(p)))
			return false;
	}
	return true;
}

static bool write_memory(struct core_out *o, const struct core_map *m, void *page)
{
	struct mm *mm = current->mm;

	for (u32 i = 0; i < m->count; i++) {
		const struct core_area *a = &m->area[i];

		for (u64 at = a->start; at < a->start + a->dumped; at += PAGE_SIZE) {
			bool ok = mm_dump_page(mm, at, page) ? core_emit(o, page, PAGE_SIZE)
							     : core_skip(o, PAGE_SIZE);

			if (!ok)
				return false;
			sched_cond_resched();
		}
	}
	return true;
}

/* True: there is a dump, though it may have been cut short by the limit. */
bool core_write_elf(struct core_out *o, const struct siginfo *info)
{
	struct core_map m;
	void *notes = NULL, *page = NULL;
	size_t size;
	bool begun = false;

	if (core_map_take(current->mm, &m))
		return false;
	/* The header counts segments in 16 bits. */
	if (m.count + 1 < PN_XNUM && !core_notes(info, &m, &notes, &size)) {
		begun = true;
		page = frame_alloc_virt(0, GFP_KERNEL);
		if (page && write_headers(o, &m, size) && core_emit(o, notes, size) &&
		    core_align(o, PAGE_SIZE))
			(void)write_memory(o, &m, page);
	}
	frame_free_virt(page);
	kvfree(notes);
	core_map_free(&m);
	return begun;
}
