/* Programs whose segments share pages: the later one is what is there. */
#include "test.h"
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#define BASE 0x400000ul
#define PROGRAM "/segments"
#define EXIT_STATUS 42

/* exit(EXIT_STATUS), at 0x800 of the file. */
static const unsigned char code[] = {0xb8, 60, 0, 0, 0, 0xbf, EXIT_STATUS, 0, 0, 0, 0x0f, 0x05};

static Elf64_Phdr load(unsigned long offset, unsigned long filesz, unsigned long memsz, int flags)
{
	return (Elf64_Phdr){.p_type = PT_LOAD,
			    .p_flags = (Elf64_Word)flags,
			    .p_offset = offset,
			    .p_vaddr = BASE + offset,
			    .p_filesz = filesz,
			    .p_memsz = memsz,
			    .p_align = 4096};
}

static int run(Elf64_Phdr first, Elf64_Phdr second)
{
	static struct {
		Elf64_Ehdr h;
		Elf64_Phdr p[2];
		unsigned char rest[0x3000];
	} f;
	int fd, status = -1;

	memset(&f, 0, sizeof(f));
	memcpy(f.h.e_ident, ELFMAG, SELFMAG);
	f.h.e_ident[EI_CLASS] = ELFCLASS64;
	f.h.e_ident[EI_DATA] = ELFDATA2LSB;
	f.h.e_ident[EI_VERSION] = EV_CURRENT;
	f.h.e_type = ET_EXEC;
	f.h.e_machine = EM_X86_64;
	f.h.e_version = EV_CURRENT;
	f.h.e_entry = BASE + 0x800;
	f.h.e_phoff = sizeof(f.h);
	f.h.e_ehsize = sizeof(f.h);
	f.h.e_phentsize = sizeof(f.p[0]);
	f.h.e_phnum = 2;
	f.p[0] = first;
	f.p[1] = second;
	memcpy((char *)&f + 0x800, code, sizeof(code));
	unlink(PROGRAM);
	fd = open(PROGRAM, O_CREAT | O_WRONLY, 0755);
	REQUIRE(fd >= 0 && write(fd, &f, sizeof(f)) == sizeof(f) && !close(fd));
	pid_t pid = fork();

	if (!pid) {
		execl(PROGRAM, PROGRAM, NULL);
		_exit(1);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	unlink(PROGRAM);
	return status;
}

TEST(two_parts_of_one_page)
{
	int status = run(load(0, 0x100, 0x100, PF_R), load(0x800, 0x100, 0x100, PF_R | PF_X));

	CHECK_EQ(status, EXIT_STATUS << 8);
}

TEST(a_segment_over_memory_of_the_one_before)
{
	Elf64_Phdr over = load(0x1000, 0x100, 0x100, PF_R | PF_W);

	over.p_vaddr += 0x1000;
	CHECK_EQ(run(load(0, 0x1000, 0x5000, PF_R | PF_X), over), EXIT_STATUS << 8);
}

/* Nothing to execute is left where the program begins. */
TEST(the_later_one_counts)
{
	int status = run(load(0, 0x1000, 0x1000, PF_R | PF_X), load(0x800, 0x800, 0x800, PF_R));

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int main(void)
{
	return test_run();
}
