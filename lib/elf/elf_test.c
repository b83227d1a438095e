#include <kern/ktest.h>
#include <kern/errno.h>
#include <lib/elf/elf.h>

#define PAGE 4096ull
#define LIMIT 0x7ffffffff000ull

static struct {
	Elf64_Ehdr h;
	Elf64_Phdr p[8];
} file;

static struct elf_header header;
static struct elf_plan plan;

static void reset(u16 type, u16 phnum)
{
	memset(&file, 0, sizeof(file));
	memcpy(file.h.e_ident, ELFMAG, SELFMAG);
	file.h.e_ident[EI_CLASS] = ELFCLASS64;
	file.h.e_ident[EI_DATA] = ELFDATA2LSB;
	file.h.e_type = type;
	file.h.e_machine = EM_X86_64;
	file.h.e_phentsize = sizeof(Elf64_Phdr);
	file.h.e_phoff = sizeof(Elf64_Ehdr);
	file.h.e_phnum = phnum;
	file.h.e_entry = 0x401000;
}

static void load(unsigned int i, u64 vaddr, u64 memsz, u64 offset, u64 filesz, u32 flags)
{
	file.p[i] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = flags,
		.p_offset = offset,
		.p_vaddr = vaddr,
		.p_filesz = filesz,
		.p_memsz = memsz,
		.p_align = PAGE,
	};
}

static int plan_it(void)
{
	int err = elf_read_header(&file, sizeof(file), EM_X86_64, &header);

	return err ? err : elf_make_plan(&header, file.p, PAGE, LIMIT, &plan);
}

KTEST(elf, static_program)
{
	reset(ET_EXEC, 5);
	load(0, 0x400000, 0x500, 0, 0x500, PF_R);
	load(1, 0x401000, 0x8000, 0x1000, 0x8000, PF_R | PF_X);
	load(2, 0x40a000, 0x2000, 0x9000 + 0x1000, 0x800, PF_R | PF_W);
	file.p[3] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
	file.p[4] = (Elf64_Phdr){.p_type = PT_TLS, .p_filesz = ~0ull};
	EXPECT_EQ(plan_it(), 0);
	EXPECT_FALSE(plan.dyn);
	EXPECT_EQ(plan.segments, 3);
	EXPECT_EQ(plan.entry, 0x401000);
	EXPECT_EQ(plan.phdr_vaddr, 0x400040);
	EXPECT_EQ(plan.phdr_count, 5);
	EXPECT_EQ(plan.low, 0x400000);
	EXPECT_EQ(plan.high, 0x40c000);
	EXPECT_EQ(plan.start_code, 0x401000);
	EXPECT_EQ(plan.end_code, 0x409000);
	EXPECT_EQ(plan.start_data, 0x40a000);
	EXPECT_EQ(plan.end_data, 0x40a800);
	EXPECT_EQ(plan.brk, 0x40c000);
	EXPECT_EQ(plan.stack, ELF_STACK_NOEXEC);
	EXPECT_FALSE(plan.writable_exec);
	EXPECT_EQ(plan.interp_size, 0);
	EXPECT_EQ(plan.align, PAGE);
}

KTEST(elf, shared_object)
{
	reset(ET_DYN, 4);
	load(0, 0x10, 0x100, 0x10, 0x100, PF_R | PF_W | PF_X);
	file.p[0].p_align = 0x200000;
	file.p[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 0x318, .p_filesz = 28};
	file.p[2] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W | PF_X};
	load(3, 0x5000, 0, 0x5000, 0, PF_R);
	EXPECT_EQ(plan_it(), 0);
	EXPECT_TRUE(plan.dyn);
	EXPECT_EQ(plan.segments, 1);
	EXPECT_EQ(plan.low, 0);
	EXPECT_EQ(plan.high, 0x1000);
	EXPECT_EQ(plan.align, 0x200000);
	EXPECT_TRUE(plan.writable_exec);
	EXPECT_EQ(plan.stack, ELF_STACK_EXEC);
	EXPECT_EQ(plan.interp_offset, 0x318);
	EXPECT_EQ(plan.interp_size, 28);
}

KTEST(elf, not_a_program)
{
	reset(ET_EXEC, 1);
	load(0, 0x400000, 0x1000, 0, 0x1000, PF_R | PF_X);
	EXPECT_EQ(plan_it(), 0);
	EXPECT_EQ(elf_read_header(&file, 63, EM_X86_64, &header), -ENOEXEC);
	EXPECT_EQ(elf_read_header(&file, 64, EM_AARCH64, &header), -ENOEXEC);
	file.h.e_type = ET_REL;
	EXPECT_EQ(plan_it(), -ENOEXEC);
	file.h.e_type = ET_EXEC;
	file.h.e_phnum = 0;
	EXPECT_EQ(plan_it(), -ENOEXEC);
	file.h.e_phnum = 2000;
	EXPECT_EQ(plan_it(), -ENOEXEC);
	file.h.e_phnum = 1;
	file.h.e_phoff = ~0ull - 10;
	EXPECT_EQ(plan_it(), -ENOEXEC);
	file.h.e_phoff = 64;
	file.h.e_ident[EI_CLASS] = ELFCLASS32;
	EXPECT_EQ(plan_it(), -ENOEXEC);
}

KTEST(elf, bad_segments)
{
	static const struct {
		u64 vaddr, memsz, offset, filesz;
	} bad[] = {
		{0x400000, 0x1000, 0, 0x1001},	      /* more in the file than in memory */
		{0x400010, 0x1000, 0, 0x1000},	      /* offset within the page differs */
		{~0xfffull, 0x2000, 0, 0x1000},	      /* wraps */
		{LIMIT - 0x1000, 0x1001, 0, 0x1000},  /* beyond the end */
		{0x1000, ~0ull, 0x1000, 0x1000},      /* wraps */
		{0x1000, ~0ull, 0x1000, ~0ull},	      /* file range wraps */
		{0x1000, 0x1000, 1ull << 63, 0x1000}, /* not an offset */
		{0x1000, 1ull << 48, 0x1000, 0},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		reset(ET_EXEC, 1);
		load(0, bad[i].vaddr, bad[i].memsz, bad[i].offset, bad[i].filesz, PF_R);
		EXPECT_EQ(plan_it(), -EINVAL);
	}
	reset(ET_EXEC, 1);
	load(0, LIMIT - 0x1000, 0x1000, 0, 0x1000, PF_R);
	EXPECT_EQ(plan_it(), 0);
	file.p[0].p_type = PT_NULL;
	EXPECT_EQ(plan_it(), -EINVAL);
	file.p[0] = (Elf64_Phdr){.p_type = PT_INTERP, .p_filesz = 1};
	EXPECT_EQ(plan_it(), -ENOEXEC);
	file.p[0].p_filesz = 4097;
	EXPECT_EQ(plan_it(), -ENOEXEC);
}
