#include <lib/elf/elf.h>

#define LIMIT 0x7ffffffff000ull

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Whatever is accepted lies below the limit and in a file's range of offsets. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct elf_header h;
	struct elf_plan p;

	if (elf_read_header(data, size, EM_X86_64, &h))
		return 0;
	if (h.phdr_offset > size || h.phdr_bytes > size - h.phdr_offset)
		return 0;
	if (elf_make_plan(&h, data + h.phdr_offset, 4096, LIMIT, &p))
		return 0;
	for (u32 i = 0; i < p.segments; i++) {
		const struct elf_segment *s = &p.segment[i];

		if (s->vaddr < p.low || s->vaddr + s->memsz > p.high || s->filesz > s->memsz ||
		    !s->memsz || (s->vaddr ^ s->offset) % 4096 || (s64)(s->offset + s->filesz) < 0)
			__builtin_trap();
	}
	if (p.high > LIMIT || p.low >= p.high || p.interp_size > 4096)
		__builtin_trap();
	return 0;
}
