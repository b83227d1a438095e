/* What the processor's side of the kernel owes a program: registers, exceptions, signal frames,
 * vDSO. */
#include "test.h"
#include <asm/prctl.h>
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

#define ERR_PRESENT 1
#define ERR_WRITE 2
#define ERR_USER 4
#define ERR_INSN 16

static sigjmp_buf back;
static siginfo_t seen;
static greg_t seen_regs[NGREG];

static void catch (int sig, siginfo_t *info, void *uc)
{
	(void)sig;
	seen = *info;
	memcpy(seen_regs, ((ucontext_t *)uc)->uc_mcontext.gregs, sizeof(seen_regs));
	siglongjmp(back, 1);
}

static void catch_signal(int sig)
{
	struct sigaction sa = {.sa_sigaction = catch, .sa_flags = SA_SIGINFO};

	memset(&seen, 0, sizeof(seen));
	REQUIRE(!sigaction(sig, &sa, NULL));
}

#define FAULTS(sig, code_)                     \
	({                                     \
		catch_signal(sig);             \
		bool hit = sigsetjmp(back, 1); \
		if (!hit) {                    \
			code_;                 \
		}                              \
		hit &&seen.si_signo == (sig);  \
	})

TEST(page_faults_say_where_and_why)
{
	char *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED);
	REQUIRE(!munmap(p + 4096, 4096));
	CHECK(FAULTS(SIGSEGV, *(volatile char *)(p + 4096)));
	CHECK_EQ(seen.si_code, SEGV_MAPERR);
	CHECK(seen.si_addr == p + 4096);
	CHECK_EQ(seen_regs[REG_TRAPNO], 14);
	CHECK_EQ(seen_regs[REG_ERR], ERR_USER);
	CHECK_EQ(seen_regs[REG_CR2], (long)(p + 4096));
	CHECK(*(volatile char *)p == 0);
	CHECK(FAULTS(SIGSEGV, *(volatile char *)(p + 5) = 1));
	CHECK_EQ(seen.si_code, SEGV_ACCERR);
	CHECK(seen.si_addr == p + 5);
	CHECK_EQ(seen_regs[REG_ERR] & ERR_WRITE, ERR_WRITE);
	CHECK(FAULTS(SIGSEGV, ((void (*)(void))p)()));
	CHECK_EQ(seen.si_code, SEGV_ACCERR);
	CHECK_EQ(seen_regs[REG_ERR] & ERR_INSN, ERR_INSN);
	CHECK(FAULTS(SIGSEGV, *(volatile char *)NULL));
	CHECK(seen.si_addr == NULL);
}

TEST(kernel_addresses_look_unmapped)
{
	CHECK(FAULTS(SIGSEGV, *(volatile char *)0xffffffff80200000));
	CHECK_EQ(seen.si_code, SEGV_MAPERR);
	CHECK_EQ(seen_regs[REG_ERR] & (ERR_PRESENT | ERR_USER), ERR_PRESENT | ERR_USER);
	/* Not canonical: a general protection fault without an address. */
	CHECK(FAULTS(SIGSEGV, *(volatile char *)0x8000000000000000));
	CHECK_EQ(seen.si_code, SI_KERNEL);
	CHECK(seen.si_addr == NULL);
	CHECK_EQ(seen_regs[REG_TRAPNO], 13);
	CHECK(FAULTS(SIGSEGV, ((void (*)(void))0x8000000000000000)()));
	CHECK_EQ(seen.si_code, SI_KERNEL);
}

TEST(other_exceptions)
{
	volatile int zero = 0;

	CHECK(FAULTS(SIGFPE, zero = 100 / zero));
	CHECK_EQ(seen.si_code, FPE_INTDIV);
	CHECK_EQ((long)seen.si_addr, seen_regs[REG_RIP]);
	CHECK(FAULTS(SIGILL, asm volatile("ud2")));
	CHECK_EQ(seen.si_code, ILL_ILLOPN);
	CHECK_EQ((long)seen.si_addr, seen_regs[REG_RIP]);
	CHECK(FAULTS(SIGTRAP, asm volatile("int3")));
	CHECK_EQ(seen.si_code, SI_KERNEL);
	CHECK(FAULTS(SIGSEGV, asm volatile("hlt")));
	CHECK_EQ(seen.si_code, SI_KERNEL);
	CHECK(FAULTS(SIGSEGV, asm volatile("cli")));
	CHECK(FAULTS(SIGTRAP, asm volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop" ::
						   : "memory", "cc")));
	CHECK_EQ(seen.si_code, TRAP_TRACE);
}

/* By the x87 unit: QEMU's emulator raises no SSE exceptions. */
TEST(floating_point_exceptions)
{
	uint16_t cw = 0x37f & ~0x4u;

	CHECK(FAULTS(SIGFPE, {
		asm volatile("fnclex; fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(cw));
	}));
	CHECK_EQ(seen.si_code, FPE_FLTDIV);
	asm volatile("fnclex; fninit");
}

/* Everything but rax, rcx and r11 survives a system call. */
TEST(system_call_keeps_registers)
{
	uint64_t out[12];

	asm volatile("movq $39, %%rax\n\tmovq $1, %%rdi\n\tmovq $2, %%rsi\n\tmovq $3, %%rdx\n\t"
		     "movq $4, %%r8\n\tmovq $5, %%r9\n\tmovq $6, %%r10\n\tmovq $7, %%r12\n\t"
		     "movq $8, %%r13\n\tmovq $9, %%r14\n\tmovq $10, %%r15\n\tsyscall\n\t"
		     "movq %%rdi, 0(%0)\n\tmovq %%rsi, 8(%0)\n\tmovq %%rdx, 16(%0)\n\t"
		     "movq %%r8, 24(%0)\n\tmovq %%r9, 32(%0)\n\tmovq %%r10, 40(%0)\n\t"
		     "movq %%r12, 48(%0)\n\tmovq %%r13, 56(%0)\n\tmovq %%r14, 64(%0)\n\t"
		     "movq %%r15, 72(%0)\n\tmovq %%rax, 80(%0)"
		     :
		     : "b"(out)
		     : "rax", "rdi", "rsi", "rdx", "r8", "r9", "r10", "r12", "r13", "r14", "r15",
		       "rcx", "r11", "memory");
	for (int i = 0; i < 10; i++)
		CHECK_EQ(out[i], i + 1);
	CHECK_EQ(out[10], getpid());
}

static void usr1(int sig)
{
	double x = sig;

	/* Spoils vector registers. */
	asm volatile("movq %0, %%xmm0; movq %%xmm0, %%xmm7; pxor %%xmm15, %%xmm15"
		     :
		     : "r"(x)
		     : "xmm0", "xmm7", "xmm15");
}

TEST(handler_keeps_vector_registers)
{
	struct sigaction sa = {.sa_handler = usr1};
	uint64_t in = 0x1122334455667788, a, b, c;
	long pid = getpid(), tid = syscall(SYS_gettid);

	REQUIRE(!sigaction(SIGUSR1, &sa, NULL));
	register long r10 asm("r10") = 0;
	long nr = SYS_tgkill;

	asm volatile("movq %4, %%xmm0; movq %4, %%xmm7; movq %4, %%xmm15; syscall\n\t"
		     "movq %%xmm0, %0; movq %%xmm7, %1; movq %%xmm15, %2"
		     : "=&r"(a), "=&r"(b), "=&r"(c), "+a"(nr)
		     : "r"(in), "D"(pid), "S"(tid), "d"(SIGUSR1), "r"(r10)
		     : "rcx", "r11", "xmm0", "xmm7", "xmm15", "memory");
	CHECK_EQ(a, in);
	CHECK_EQ(b, in);
	CHECK_EQ(c, in);
}

static void *spin_vectors(void *arg)
{
	uint64_t mine = (uint64_t)(uintptr_t)arg * 0x0101010101010101, now;

	for (int i = 0; i < 20000; i++) {
		asm volatile("movq %1, %%xmm3; movq %1, %%xmm12\n\t"
			     "pause; pause; pause; pause; pause; pause; pause; pause\n\t"
			     "pxor %%xmm3, %%xmm12; movq %%xmm12, %0"
			     : "=r"(now)
			     : "r"(mine)
			     : "xmm3", "xmm12");
		if (now)
			return (void *)1;
		if (i % 100 == 0)
			syscall(SYS_sched_yield);
	}
	return NULL;
}

TEST(threads_keep_vector_registers)
{
	pthread_t t[4];
	void *bad;

	for (long i = 0; i < 4; i++)
		REQUIRE(!pthread_create(&t[i], NULL, spin_vectors, (void *)(i + 1)));
	for (int i = 0; i < 4; i++) {
		REQUIRE(!pthread_join(t[i], &bad));
		CHECK(bad == NULL);
	}
}

TEST(fork_copies_vector_registers)
{
	uint64_t in = 0xabcdef0123456789, out;
	long pid;

	asm volatile("movq %2, %%xmm9; syscall; movq %%xmm9, %1"
		     : "=a"(pid), "=&r"(out)
		     : "r"(in), "0"((long)SYS_fork)
		     : "rcx", "r11", "xmm9", "memory");
	if (pid == 0)
		_exit(out == in ? 0 : 1);
	int status;

	REQUIRE(waitpid((pid_t)pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(out, in);
}

static bool frame_ok;

static void check_frame(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;
	uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;
	uint32_t magic1, extended, magic2;

	memcpy(&magic1, fp + 464, 4);
	memcpy(&extended, fp + 468, 4);
	frame_ok = sig == SIGUSR2 && info->si_pid == getpid() && !((uintptr_t)fp & 63);
	if (uc->uc_flags & 1) { /* UC_FP_XSTATE */
		memcpy(&magic2, fp + extended - 4, 4);
		frame_ok = frame_ok && magic1 == 0x46505853 && magic2 == 0x46505845;
	}
	/* The psABI's alignment at a function's entry. */
	frame_ok = frame_ok && ((uintptr_t)__builtin_frame_address(0) & 15) == 0;
	uc->uc_mcontext.gregs[REG_R12] = 4711;
}

TEST(frame_is_as_libraries_expect)
{
	struct sigaction sa = {.sa_sigaction = check_frame, .sa_flags = SA_SIGINFO};
	register long r12 asm("r12") = 1;
	long nr = SYS_kill;

	REQUIRE(!sigaction(SIGUSR2, &sa, NULL));
	asm volatile("movq $1, %%r12; syscall"
		     : "+a"(nr), "+r"(r12)
		     : "D"((long)getpid()), "S"((long)SIGUSR2)
		     : "rcx", "r11", "memory");
	CHECK(frame_ok);
	/* What the handler wrote into the saved registers is what the program goes on with. */
	CHECK_EQ(r12, 4711);
}

static char *alt_low;
static bool on_alt;

static void on_altstack(int sig)
{
	char here;

	(void)sig;
	on_alt = &here >= alt_low && &here < alt_low + 65536;
	siglongjmp(back, 1);
}

static __attribute__((noinline)) int recurse(int n)
{
	volatile char pad[4096];

	pad[0] = (char)n;
	return n < (1 << 30) ? recurse(n + 1) + pad[0] : 0;
}

TEST(stack_overflow_reaches_the_alternate_stack)
{
	struct sigaction sa = {.sa_handler = on_altstack, .sa_flags = SA_ONSTACK};

	alt_low = malloc(65536);
	stack_t st = {.ss_sp = alt_low, .ss_size = 65536};

	REQUIRE(!sigaltstack(&st, NULL));
	REQUIRE(!sigaction(SIGSEGV, &sa, NULL));
	if (!sigsetjmp(back, 1))
		recurse(0);
	CHECK(on_alt);
}

TEST(arch_prctl_bases)
{
	unsigned long old, now;

	CHECK(!syscall(SYS_arch_prctl, ARCH_GET_FS, &old));
	CHECK(old != 0);
	CHECK(!syscall(SYS_arch_prctl, ARCH_SET_GS, 0x12345000));
	CHECK(!syscall(SYS_arch_prctl, ARCH_GET_GS, &now));
	CHECK_EQ(now, 0x12345000);
	for (int i = 0; i < 100; i++)
		syscall(SYS_sched_yield);
	CHECK(!syscall(SYS_arch_prctl, ARCH_GET_GS, &now));
	CHECK_EQ(now, 0x12345000);
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_SET_FS, 0xffff800000000000), EPERM);
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_GET_FS, 8), EFAULT);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x7777, 0), EINVAL);
	if (getauxval(AT_HWCAP2) & 2) {
		asm volatile("rdgsbase %0" : "=r"(now));
		CHECK_EQ(now, 0x12345000);
		asm volatile("wrgsbase %0" : : "r"(0x777000ul));
		syscall(SYS_sched_yield);
		CHECK(!syscall(SYS_arch_prctl, ARCH_GET_GS, &now));
		CHECK_EQ(now, 0x777000);
	}
}

/* Finds a symbol of the vDSO by its dynamic symbol table, as run-time systems do. */
static void *vdso_symbol(const char *name)
{
	const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *eh = (const void *)base;
	const Elf64_Phdr *ph = (const void *)(base + eh->e_phoff);
	const Elf64_Dyn *dyn = NULL;
	const Elf64_Sym *sym = NULL;
	const char *str = NULL;
	const uint32_t *hash = NULL;

	for (int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(base + ph[i].p_offset);
	}
	for (; dyn && dyn->d_tag; dyn++) {
		const void *at = base + dyn->d_un.d_ptr;

		if (dyn->d_tag == DT_SYMTAB)
			sym = at;
		else if (dyn->d_tag == DT_STRTAB)
			str = at;
		else if (dyn->d_tag == DT_HASH)
			hash = at;
	}
	for (uint32_t i = 0; hash && sym && str && i < hash[1]; i++) {
		if (!strcmp(str + sym[i].st_name, name) && sym[i].st_value)
			return (void *)(uintptr_t)(base + sym[i].st_value);
	}
	return NULL;
}

TEST(vdso_answers_without_the_kernel)
{
	int (*gettime)(int, struct timespec *) = vdso_symbol("__vdso_clock_gettime");
	long (*getcpu_)(unsigned *, unsigned *, void *) = vdso_symbol("__vdso_getcpu");
	time_t (*time_)(time_t *) = vdso_symbol("__vdso_time");
	struct timespec a, b;
	unsigned int cpu = ~0u, node = ~0u;

	REQUIRE(gettime && getcpu_ && time_);
	CHECK(vdso_symbol("__vdso_gettimeofday") && vdso_symbol("__vdso_clock_getres"));
	for (int i = 0; i < 10000; i++) {
		CHECK(!gettime(CLOCK_MONOTONIC, &a));
		CHECK(!gettime(CLOCK_MONOTONIC, &b));
		CHECK(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
	}
	CHECK(!gettime(CLOCK_REALTIME, &a));
	CHECK(!syscall(SYS_clock_gettime, CLOCK_REALTIME, &b));
	CHECK(b.tv_sec - a.tv_sec <= 1);
	CHECK(labs(time_(NULL) - b.tv_sec) <= 1);
	CHECK(!getcpu_(&cpu, &node, NULL));
	CHECK(cpu < 1024 && node == 0);
}

TEST(auxv_is_complete)
{
	CHECK(getauxval(AT_SYSINFO_EHDR) != 0);
	CHECK(getauxval(AT_HWCAP) != 0);
	CHECK(getauxval(AT_MINSIGSTKSZ) >= 1024);
	CHECK(!strcmp((const char *)getauxval(AT_PLATFORM), "x86_64"));
}

int main(void)
{
	return test_run();
}
