/* Core dumps: where they go, what is in them. */
#include "test.h"
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef NT_SIGINFO
#define NT_SIGINFO 0x53494749
#endif
#ifndef NT_FILE
#define NT_FILE 0x46494c45
#endif

static void sysctl_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	REQUIRE(fd >= 0);
	REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void pattern(const char *text)
{
	sysctl_write("/proc/sys/kernel/core_pattern", text);
}

static void enter_scratch(void)
{
	static char dir[] = "/tmp/core-XXXXXX";

	REQUIRE(mkdtemp(dir) && !chdir(dir));
}

static void limit(rlim_t n)
{
	const struct rlimit r = {n, RLIM_INFINITY};

	REQUIRE(setrlimit(RLIMIT_CORE, &r) == 0);
}

static int run(void (*fn)(void), pid_t *pid)
{
	int st = -1;

	*pid = fork();
	if (!*pid) {
		fn();
		_exit(1);
	}
	waitpid(*pid, &st, 0);
	return st;
}

static void die(void)
{
	signal(SIGABRT, SIG_DFL);
	kill(getpid(), SIGABRT);
}

static char *image;
static size_t image_size;

static bool load(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st))
		return false;
	image_size = (size_t)st.st_size;
	image = mmap(NULL, image_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return image != MAP_FAILED && !memcmp(image, ELFMAG, SELFMAG);
}

static Elf64_Phdr *headers(int *count)
{
	Elf64_Ehdr *e = (Elf64_Ehdr *)image;

	*count = e->e_phnum;
	return (Elf64_Phdr *)(image + e->e_phoff);
}

/* The n-th note of the type; its contents. */
static char *note(unsigned int type, int n, size_t *size)
{
	int count;
	Elf64_Phdr *p = headers(&count);
	char *at = image + p->p_offset, *end = at + p->p_filesz;

	while (at < end) {
		Elf64_Nhdr *h = (Elf64_Nhdr *)at;
		char *data = at + sizeof(*h) + ((h->n_namesz + 3) & ~3u);

		if (h->n_type == type && !n--) {
			*size = h->n_descsz;
			return data;
		}
		at = data + ((h->n_descsz + 3) & ~3u);
	}
	*size = 0;
	return NULL;
}

static Elf64_Phdr *segment_of(unsigned long addr)
{
	int count;
	Elf64_Phdr *p = headers(&count);

	for (int i = 0; i < count; i++) {
		if (p[i].p_type == PT_LOAD && addr >= p[i].p_vaddr &&
		    addr < p[i].p_vaddr + p[i].p_memsz)
			return &p[i];
	}
	return NULL;
}

/* The byte at the address, -1: not in the dump. */
static int byte_at(const void *p)
{
	unsigned long addr = (unsigned long)p;
	Elf64_Phdr *s = segment_of(addr);

	if (!s || addr - s->p_vaddr >= s->p_filesz || s->p_offset + addr - s->p_vaddr >= image_size)
		return -1;
	return (unsigned char)image[s->p_offset + addr - s->p_vaddr];
}

static char marker[8192] = "the marker";

TEST(a_file_in_the_current_directory)
{
	struct stat s;
	pid_t pid;
	int st;

	enter_scratch();
	pattern("core");
	sysctl_write("/proc/sys/kernel/core_uses_pid", "0");
	limit(RLIM_INFINITY);
	st = run(die, &pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGABRT && WCOREDUMP(st));
	CHECK_EQ(stat("core", &s), 0);
	CHECK_EQ(s.st_mode & 07777, 0600);
	REQUIRE(load("core"));
	CHECK_EQ(((Elf64_Ehdr *)image)->e_type, ET_CORE);
	CHECK_EQ(((Elf64_Ehdr *)image)->e_machine, EM_X86_64);
	CHECK_EQ(byte_at(marker), 't');
	CHECK_EQ(byte_at(&st) >= 0, 1); /* the stack */
	limit(0);
	CHECK_EQ(unlink("core"), 0);
	st = run(die, &pid);
	CHECK_EQ(st, SIGABRT);
	CHECK_ERR(stat("core", &s), ENOENT);
	limit(1000); /* less than a page: none either */
	st = run(die, &pid);
	CHECK_EQ(st, SIGABRT);
	limit(8192); /* cut short, but a dump */
	st = run(die, &pid);
	CHECK_EQ(st, SIGABRT | 0x80);
	CHECK_EQ(stat("core", &s), 0);
	CHECK(s.st_size <= 8192);
}

TEST(names)
{
	char want[256];
	struct stat s;
	pid_t pid;

	enter_scratch();
	limit(RLIM_INFINITY);
	pattern("c.%p.%s.%u.%d.%%.%c.%q.%e%");
	prctl(PR_SET_NAME, "a/b");
	CHECK_EQ(run(die, &pid), SIGABRT | 0x80);
	snprintf(want, sizeof(want), "c.%d.6.0.1.%%.%lu..a!b", pid, ~0ul);
	CHECK_EQ(stat(want, &s), 0);
	pattern("core");
	sysctl_write("/proc/sys/kernel/core_uses_pid", "1");
	CHECK_EQ(run(die, &pid), SIGABRT | 0x80);
	snprintf(want, sizeof(want), "core.%d", pid);
	CHECK_EQ(stat(want, &s), 0);
	sysctl_write("/proc/sys/kernel/core_uses_pid", "0");
	/* A directory that is not there; a link that somebody put. */
	pattern("nowhere/core");
	CHECK_EQ(run(die, &pid), SIGABRT);
	pattern("");
	CHECK_EQ(run(die, &pid), SIGABRT);
	pattern("core");
	CHECK_EQ(mkdir("core", 0700), 0);
	CHECK_EQ(run(die, &pid), SIGABRT);
}

static void not_dumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	die();
}

static void handled_elsewhere(void)
{
	raise(SIGTERM);
}

TEST(no_dump)
{
	struct stat s;
	pid_t pid;

	enter_scratch();
	pattern("core");
	limit(RLIM_INFINITY);
	CHECK_EQ(run(not_dumpable, &pid), SIGABRT);
	CHECK_EQ(run(handled_elsewhere, &pid), SIGTERM);
	CHECK_ERR(stat("core", &s), ENOENT);
}

static volatile int ready;

static void *spin_with_registers(void *arg)
{
	asm volatile("movq $0x7eadbeef, %%r14; movl $1, %0; 1: pause; jmp 1b"
		     : "=m"(ready)
		     :
		     : "r14");
	return arg;
}

static void crash_with_threads(void)
{
	pthread_t t;

	pthread_create(&t, NULL, spin_with_registers, NULL);
	while (!ready)
		usleep(1000);
	asm volatile("movq $0x1234567, %%r15; movq $0x18, %%rax; movb $1, (%%rax)"
		     :
		     :
		     : "r15", "rax", "memory");
}

TEST(notes_of_threads)
{
	size_t size;
	unsigned long r;
	char *n;
	int sig, code;
	pid_t pid, who;
	unsigned long addr;

	enter_scratch();
	pattern("core");
	limit(RLIM_INFINITY);
	CHECK_EQ(run(crash_with_threads, &pid), SIGSEGV | 0x80);
	REQUIRE(load("core"));
	/* First the thread that crashed. */
	n = note(NT_PRSTATUS, 0, &size);
	CHECK_EQ(size, 336);
	REQUIRE(n);
	memcpy(&sig, n, 4);
	CHECK_EQ(sig, SIGSEGV);
	memcpy(&who, n + 32, 4);
	CHECK_EQ(who, pid);
	memcpy(&r, n + 112, 8);
	CHECK_EQ(r, 0x1234567);
	n = note(NT_PRSTATUS, 1, &size);
	REQUIRE(n);
	memcpy(&r, n + 112 + 8, 8);
	CHECK_EQ(r, 0x7eadbeef);
	CHECK(!note(NT_PRSTATUS, 2, &size));
	n = note(NT_PRPSINFO, 0, &size);
	CHECK_EQ(size, 136);
	REQUIRE(n);
	CHECK_EQ(n[1], 'R');
	memcpy(&who, n + 24, 4);
	CHECK_EQ(who, pid);
	n = note(NT_SIGINFO, 0, &size);
	CHECK_EQ(size, 128);
	REQUIRE(n);
	memcpy(&code, n + 8, 4);
	CHECK_EQ(code, SEGV_MAPERR);
	memcpy(&addr, n + 16, 8);
	CHECK_EQ(addr, 0x18);
	n = note(NT_AUXV, 0, &size);
	CHECK(n && size >= 16 * 16);
	n = note(NT_FILE, 0, &size);
	REQUIRE(n);
	memcpy(&r, n, 8);
	CHECK(r >= 2);
	CHECK(note(NT_PRFPREG, 1, &size) && size == 512);
	n = note(NT_X86_XSTATE, 0, &size);
	CHECK(!n || size >= 576);
}

static char *areas[4];
#define AREA 65536

static void die_with_areas(void)
{
	madvise(areas[1], AREA, MADV_DONTDUMP);
	die();
}

static void die_without_anonymous(void)
{
	sysctl_write("/proc/self/coredump_filter", "0x2");
	die();
}

TEST(which_memory)
{
	char text[16] = "";
	struct stat s;
	pid_t pid;
	int fd;

	enter_scratch();
	pattern("core");
	limit(RLIM_INFINITY);
	fd = open("/proc/self/coredump_filter", O_RDONLY);
	CHECK_EQ(read(fd, text, sizeof(text) - 1), 9);
	CHECK(!strcmp(text, "00000033\n"));
	close(fd);
	fd = open("data", O_RDWR | O_CREAT, 0600);
	REQUIRE(fd >= 0 && !ftruncate(fd, AREA));
	for (int i = 0; i < 4; i++) {
		areas[i] = mmap(NULL, AREA, PROT_READ | PROT_WRITE,
				i < 2	 ? MAP_PRIVATE | MAP_ANONYMOUS
				: i == 2 ? MAP_SHARED | MAP_ANONYMOUS
					 : MAP_SHARED,
				i < 3 ? -1 : fd, 0);
		REQUIRE(areas[i] != MAP_FAILED);
		areas[i][0] = (char)('a' + i);
		areas[i][AREA - 1] = 'z';
	}
	CHECK_EQ(run(die_with_areas, &pid), SIGABRT | 0x80);
	REQUIRE(load("core"));
	CHECK_EQ(byte_at(areas[0]), 'a');
	CHECK_EQ(byte_at(areas[0] + AREA - 1), 'z');
	CHECK_EQ(byte_at(areas[1]), -1);
	CHECK(segment_of((unsigned long)areas[1]) != NULL);
	CHECK_EQ(byte_at(areas[2]), 'c');
	CHECK_EQ(byte_at(areas[3]), -1);
	/* The untouched middle takes no room in the file. */
	CHECK_EQ(stat("core", &s), 0);
	CHECK_EQ(run(die_without_anonymous, &pid), SIGABRT | 0x80);
	REQUIRE(load("core"));
	CHECK_EQ(byte_at(areas[0]), -1);
	CHECK_EQ(byte_at(areas[2]), 'c');
}

static void die_with_a_hole(void)
{
	char *p = mmap(NULL, 256u << 20, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	p[0] = p[(256u << 20) - 1] = 1;
	die();
}

TEST(holes)
{
	struct stat s;
	pid_t pid;

	enter_scratch();
	pattern("core");
	limit(RLIM_INFINITY);
	CHECK_EQ(run(die_with_a_hole, &pid), SIGABRT | 0x80);
	CHECK_EQ(stat("core", &s), 0);
	CHECK(s.st_size >= 256l << 20);
	CHECK(s.st_blocks * 512 < 64l << 20);
}

/* ---- huge pages ---- */

#define HUGE_SIZE (2ul << 20)

/* Two huge pages if the machine gives them; every page says which it is. */
static unsigned char *huge_memory(void)
{
	char *raw = mmap(NULL, 3 * HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	unsigned char *p = (void *)(((uintptr_t)raw + HUGE_SIZE - 1) & ~(HUGE_SIZE - 1));

	REQUIRE(raw != MAP_FAILED);
	madvise(p, 2 * HUGE_SIZE, MADV_HUGEPAGE);
	for (size_t i = 0; i < 2 * HUGE_SIZE; i += 4096) {
		p[i] = (unsigned char)(i >> 12);
		p[i + 4095] = (unsigned char)~(i >> 12);
	}
	return p;
}

static unsigned char *huge;

static void die_with_huge_memory(void)
{
	mprotect(huge + HUGE_SIZE + 4096, 4096, PROT_NONE); /* one of them is split */
	die();
}

TEST(huge_pages_are_dumped)
{
	int bad = 0;
	pid_t pid;

	enter_scratch();
	pattern("core");
	limit(RLIM_INFINITY);
	huge = huge_memory();
	CHECK_EQ(run(die_with_huge_memory, &pid), SIGABRT | 0x80);
	REQUIRE(load("core"));
	for (size_t i = 0; i < 2 * HUGE_SIZE; i += 4096)
		bad += byte_at(huge + i) != (unsigned char)(i >> 12) ||
		       byte_at(huge + i + 4095) != (unsigned char)~(i >> 12);
	CHECK_EQ(bad, 0);
}

TEST(huge_pages_of_another_process)
{
	static unsigned char got[2 * HUGE_SIZE];
	char path[64];
	int st, fd;
	pid_t pid;

	huge = huge_memory();
	pid = fork();
	if (!pid) {
		memset(huge, 0x5a, HUGE_SIZE); /* a copy of its own */
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(huge[HUGE_SIZE + 77] == 0x33 && huge[HUGE_SIZE - 1] == 0x44 ? 3 : 4);
	}
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	struct iovec to = {got, sizeof(got)}, from = {huge, sizeof(got)};

	CHECK_EQ(process_vm_readv(pid, &to, 1, &from, 1, 0), sizeof(got));
	CHECK_EQ(got[12345], 0x5a);
	CHECK(!memcmp(got + HUGE_SIZE, huge + HUGE_SIZE, HUGE_SIZE));
	errno = 0;
	CHECK_EQ(ptrace(PTRACE_PEEKDATA, pid, huge + 8000, 0), 0x5a5a5a5a5a5a5a5a);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR);
	REQUIRE(fd >= 0);
	memset(got, 0, sizeof(got));
	CHECK_EQ(pread(fd, got, sizeof(got), (off_t)(uintptr_t)huge), sizeof(got));
	CHECK_EQ(got[HUGE_SIZE - 1], 0x5a);
	CHECK(!memcmp(got + HUGE_SIZE, huge + HUGE_SIZE, HUGE_SIZE));
	/* Writing splits or copies: the parent's page stays as it was. */
	CHECK_EQ(pwrite(fd, "\x33", 1, (off_t)(uintptr_t)(huge + HUGE_SIZE + 77)), 1);
	CHECK_EQ(pwrite(fd, "\x44", 1, (off_t)(uintptr_t)(huge + HUGE_SIZE - 1)), 1);
	CHECK(huge[HUGE_SIZE + 77] != 0x33);
	ptrace(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_EQ(st, 3 << 8);
}

TEST(a_program_takes_it)
{
	char self[200], text[256], want[64], got[256] = "";
	pid_t pid;
	int fd;
	ssize_t n;

	enter_scratch();
	limit(0); /* means nothing to a pipe */
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	REQUIRE(n > 0);
	self[n] = 0;
	unlink("/tmp/core-piped");
	snprintf(text, sizeof(text), "|%s core-helper %%p  %%s %%c", self);
	pattern(text);
	CHECK_EQ(run(die, &pid), SIGABRT | 0x80);
	for (int i = 0; i < 200 && access("/tmp/core-piped", R_OK); i++)
		usleep(50000);
	fd = open("/tmp/core-piped", O_RDONLY);
	REQUIRE(fd >= 0);
	CHECK(read(fd, got, sizeof(got) - 1) > 0);
	close(fd);
	snprintf(want, sizeof(want), "%d 6 0 elf /", pid);
	CHECK(!strcmp(got, want));
	if (strcmp(got, want))
		printf("# got: %s, want: %s\n", got, want);
	limit(1);
	unlink("/tmp/core-piped");
	CHECK_EQ(run(die, &pid), SIGABRT);
	pattern("|/nowhere/at/all");
	limit(RLIM_INFINITY);
	CHECK_EQ(run(die, &pid), SIGABRT);
	pattern("core");
}

/* The helper: arguments, whether the input is a core, and where it runs. */
static int helper(char **argv)
{
	char buf[65536], cwd[128], text[256];
	ssize_t n;
	bool elf = false;
	size_t total = 0;

	while ((n = read(0, buf, sizeof(buf))) > 0) {
		if (!total)
			elf = !memcmp(buf, ELFMAG, SELFMAG);
		total += (size_t)n;
	}
	if (!getcwd(cwd, sizeof(cwd)))
		return 1;
	n = snprintf(text, sizeof(text), "%s %s %s %s %s", argv[2], argv[3], argv[4],
		     elf && total > 65536 && getuid() == 0 ? "elf" : "bad", cwd);
	int fd = open("/tmp/core-piped.new", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (write(fd, text, (size_t)n) != n)
		return 1;
	return rename("/tmp/core-piped.new", "/tmp/core-piped");
}

int main(int argc, char **argv)
{
	if (argc > 4 && !strcmp(argv[1], "core-helper"))
		return helper(argv);
	return test_run();
}
