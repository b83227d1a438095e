/* Alternate stacks, codes of faults, frames that lie. */
#include "signal_help.h"
#include <setjmp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* ---- alternate stack ---- */

static char *volatile handler_sp;
static stack_t in_handler;

static void on_stack(int sig)
{
	handler_sp = __builtin_frame_address(0);
	sigaltstack(NULL, &in_handler);
	if (++hits < 2)
		raise(sig);
}

TEST(autodisarm)
{
	static char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)}, now;

	ss.ss_flags = (int)SS_AUTODISARM;
	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	CHECK_EQ(sigaltstack(NULL, &now), 0);
	CHECK_EQ((unsigned int)now.ss_flags, SS_AUTODISARM);
	install(SIGUSR1, on_stack, SA_ONSTACK | SA_NODEFER);
	raise(SIGUSR1);
	CHECK_EQ(hits, 2);
	CHECK(handler_sp > stack && handler_sp < stack + sizeof(stack));
	CHECK_EQ(in_handler.ss_flags, SS_DISABLE);
	CHECK_EQ(sigaltstack(NULL, &now), 0);
	CHECK_EQ((unsigned int)now.ss_flags, SS_AUTODISARM);
	CHECK(now.ss_sp == stack);
	/* Without it the stack is in use and cannot be changed. */
	ss.ss_flags = SS_ONSTACK;
	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	hits = 0;
	raise(SIGUSR1);
	CHECK_EQ(in_handler.ss_flags, SS_ONSTACK);
}

#ifdef __x86_64__
static char *low_end;

/* Goes on where no second frame fits. */
static void eat_stack(int sig)
{
	__asm__ volatile("mov %0, %%rsp; syscall" ::"r"(low_end + 600), "a"(SYS_tgkill),
			 "D"(getpid()), "S"(getpid()), "d"(sig)
			 : "rcx", "r11", "memory");
	_exit(0);
}

TEST(an_alternate_stack_that_overflows)
{
	int st;
	pid_t pid = fork();

	if (!pid) {
		char *area = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		stack_t ss = {.ss_sp = area + (1 << 19), .ss_size = 32768};

		low_end = ss.ss_sp;
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		sigaltstack(&ss, NULL);
		install(SIGUSR1, eat_stack, SA_ONSTACK | SA_NODEFER);
		raise(SIGUSR1);
		_exit(0);
	}
	/* Although there is memory below: the frame would leave the stack. */
	waitpid(pid, &st, 0);
	CHECK(WIFSIGNALED(st));
	CHECK_EQ(WTERMSIG(st), SIGSEGV);
}
#endif

/* ---- faults ---- */

#ifdef __x86_64__
static sigjmp_buf env;
static greg_t last_trap, last_err;

static void on_fault(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)sig;
	last = *si;
	last_trap = uc->uc_mcontext.gregs[REG_TRAPNO];
	last_err = uc->uc_mcontext.gregs[REG_ERR];
	siglongjmp(env, 1);
}

#define FAULT(code, sig, sicode)                \
	do {                                    \
		memset(&last, 0, sizeof(last)); \
		if (!sigsetjmp(env, 1)) {       \
			code;                   \
		}                               \
		CHECK_EQ(last.si_signo, sig);   \
		CHECK_EQ(last.si_code, sicode); \
	} while (0)

static void sse_unmask(unsigned int masked_off)
{
	unsigned int mxcsr = 0x1f80 & ~masked_off;

	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
}

/* Emulators may leave these exceptions out. */
static bool sse_traps(void)
{
	volatile double zero = 0, r;

	memset(&last, 0, sizeof(last));
	if (!sigsetjmp(env, 1)) {
		sse_unmask(0x200);
		r = 1 / zero;
		(void)r;
	}
	sse_unmask(0);
	return last.si_signo == SIGFPE;
}

static void map_past_the_end(volatile char **out)
{
	int fd = (int)syscall(SYS_memfd_create, "x", 0);

	REQUIRE(fd >= 0 && !ftruncate(fd, 4096));
	*out = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(*out != MAP_FAILED);
}

TEST(codes_of_faults)
{
	volatile char *p, *past;
	volatile double zero = 0, one = 1, huge = 1e308, r;

	for (int s = 0; s < 5; s++)
		install((int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}[s], on_fault, SA_SIGINFO);
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FAULT(*p = 1, SIGSEGV, SEGV_ACCERR);
	CHECK(last.si_addr == (void *)p);
	CHECK_EQ(last_trap, 14);
	munmap((void *)p, 4096);
	FAULT(*p = 1, SIGSEGV, SEGV_MAPERR);
	CHECK_EQ(last_err, 6);
	/* A kernel address looks mapped to all, and a non-canonical one is no page fault. */
	FAULT(*(volatile char *)0xffffffff81000000 = 1, SIGSEGV, SEGV_MAPERR);
	CHECK_EQ(last_err, 7);
	FAULT(*(volatile char *)0x8000000000000000 = 1, SIGSEGV, SI_KERNEL);
	CHECK_EQ(last_trap, 13);
	CHECK(last.si_addr == NULL);
	map_past_the_end(&past);
	FAULT(past[4096] = 1, SIGBUS, BUS_ADRERR);
	CHECK(last.si_addr == past + 4096);
	FAULT(__asm__ volatile("ud2"), SIGILL, ILL_ILLOPN);
	CHECK(last.si_addr != NULL);
	FAULT(__asm__ volatile("int3"), SIGTRAP, SI_KERNEL);
	CHECK_EQ(last_trap, 3);
	FAULT(__asm__ volatile("int $0x2d"), SIGSEGV, SI_KERNEL);
	FAULT(__asm__ volatile("hlt"), SIGSEGV, SI_KERNEL);
	FAULT(__asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop" ::
				       : "memory", "cc"),
	      SIGTRAP, TRAP_TRACE);
	FAULT(__asm__ volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx" ::
				       : "eax", "ecx", "edx"),
	      SIGFPE, FPE_INTDIV);
	if (sse_traps()) {
		FAULT(sse_unmask(0x200); r = one / zero, SIGFPE, FPE_FLTDIV);
		FAULT(sse_unmask(0x400); r = huge * huge, SIGFPE, FPE_FLTOVF);
		FAULT(sse_unmask(0x80); r = zero / zero, SIGFPE, FPE_FLTINV);
		FAULT(sse_unmask(0x1000); r = one / 3, SIGFPE, FPE_FLTRES);
		sse_unmask(0);
	}
	FAULT(__asm__ volatile("fninit; pushq $0x37b; fldcw (%%rsp); popq %%rax; fld1; fldz;"
			       "fdivrp; fwait" ::
				       : "rax", "memory"),
	      SIGFPE, FPE_FLTDIV);
	(void)r;
}

/* A stack pointer that is no address: stack faults and frames that do not fit. */
TEST(a_stack_that_is_no_address)
{
	static char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};

	sigaltstack(&ss, NULL);
	install(SIGBUS, on_fault, SA_SIGINFO | SA_ONSTACK);
	install(SIGSEGV, on_fault, SA_SIGINFO | SA_ONSTACK);
	if (!sigsetjmp(env, 1))
		__asm__ volatile("movabs $0x8000000000000000, %%rsp; push %%rax" ::: "memory");
	/* A stack fault; some emulators make it a protection fault. */
	CHECK_EQ(last_trap, last.si_signo == SIGBUS ? 12 : 13);
	CHECK_EQ(last.si_code, SI_KERNEL);
}

/* ---- frames ---- */

static void (*spoil)(ucontext_t *uc);

static void on_spoil(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)si;
	spoil(uc);
}

static unsigned char *fp_of(ucontext_t *uc)
{
	return (unsigned char *)uc->uc_mcontext.fpregs;
}

static unsigned int get32(const void *p)
{
	unsigned int v;

	memcpy(&v, p, 4);
	return v;
}

static void put64(void *p, uint64_t v)
{
	memcpy(p, &v, 8);
}

static unsigned int magic1, extended_size, magic2, xstate_size;
static unsigned long uc_flags;

static void note_frame(ucontext_t *uc)
{
	unsigned char *fp = fp_of(uc);

	uc_flags = uc->uc_flags;
	magic1 = get32(fp + 464);
	extended_size = get32(fp + 468);
	xstate_size = get32(fp + 480);
	magic2 = get32(fp + xstate_size);
	/* xmm5 gets another value, and the frame says it is in use. */
	put64(fp + 160 + 5 * 16, 0x1234567812345678);
	put64(fp + 512, 3 | get32(fp + 512));
}

TEST(floating_point_state_in_frames)
{
	uint64_t xmm = 1;
	long r;

	install(SIGUSR1, on_spoil, SA_SIGINFO);
	spoil = note_frame;
	/* The system call in place, so that nothing else uses the register. */
	__asm__ volatile("movq %2, %%xmm5; syscall; movq %%xmm5, %1"
			 : "=a"(r), "=r"(xmm)
			 : "r"(7ul), "0"(SYS_tgkill), "D"(getpid()), "S"(getpid()), "d"(SIGUSR1)
			 : "rcx", "r11", "xmm5", "memory");
	CHECK_EQ(r, 0);
	CHECK_EQ(magic1, 0x46505853);
	CHECK_EQ(magic2, 0x46505845);
	CHECK_EQ(extended_size, xstate_size + 4);
	CHECK_EQ(uc_flags, 7);
	CHECK_EQ(xmm, 0x1234567812345678);
}

static void bad_cs(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_CSGSFS] = (uc->uc_mcontext.gregs[REG_CSGSFS] & ~0xffffll) | 0x2b;
}
static void null_cs(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_CSGSFS] &= ~0xffffll;
}
static void kernel_cs(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_CSGSFS] = (uc->uc_mcontext.gregs[REG_CSGSFS] & ~0xffffll) | 0x10;
}
static void bad_ss(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_CSGSFS] =
		(uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffffffffffffll) | 0x33ll << 48;
}
static void bad_ip(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)0x8000000000000000;
}
static void kernel_ip(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)0xffffffff81000000;
}
static void bad_sp(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_RSP] = (greg_t)0x8000000000000000;
}
static void bad_mxcsr(ucontext_t *uc)
{
	memset(fp_of(uc) + 24, 0xff, 4);
}
static void bad_header(ucontext_t *uc)
{
	memset(fp_of(uc) + 512, 0xff, 64);
}
static void bad_compaction(ucontext_t *uc)
{
	put64(fp_of(uc) + 520, 1ull << 63);
}
static void bad_fp_pointer(ucontext_t *uc)
{
	uc->uc_mcontext.fpregs = (void *)0x10;
}
static void kernel_fp_pointer(ucontext_t *uc)
{
	uc->uc_mcontext.fpregs = (void *)0xffffffff81000000;
}
static void crooked_fp_pointer(ucontext_t *uc)
{
	uc->uc_mcontext.fpregs = (void *)(fp_of(uc) + 1);
}

static int status_of(void (*fn)(ucontext_t *uc))
{
	int st = -1;
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		spoil = fn;
		install(SIGUSR1, on_spoil, SA_SIGINFO);
		raise(SIGUSR1);
		_exit(0);
	}
	waitpid(pid, &st, 0);
	return st;
}

static void all_flags(ucontext_t *uc)
{
	/* IOPL, IF off, NT, VM: only those of the program are taken. */
	uc->uc_mcontext.gregs[REG_EFL] |= 0x3000 | 0x4000 | 0x20000 | 0x100000;
	uc->uc_mcontext.gregs[REG_EFL] &= ~0x200ll;
}
static void no_fp(ucontext_t *uc)
{
	uc->uc_mcontext.fpregs = NULL;
}
static void no_magic(ucontext_t *uc)
{
	memset(fp_of(uc) + 464, 0, 4);
}
static void odd_size(ucontext_t *uc)
{
	memset(fp_of(uc) + 480, 0xff, 4);
}
static void mask_of_all(ucontext_t *uc)
{
	memset(&uc->uc_sigmask, 0xff, 8);
}
static void bad_altstack(ucontext_t *uc)
{
	uc->uc_stack.ss_flags = 77;
}

TEST(frames_that_lie)
{
	CHECK_EQ(status_of(bad_cs), SIGSEGV);
	CHECK_EQ(status_of(null_cs), SIGSEGV);
	CHECK_EQ(status_of(kernel_cs), SIGSEGV);
	CHECK_EQ(status_of(bad_ss), SIGSEGV);
	CHECK_EQ(status_of(bad_ip), SIGSEGV);
	CHECK_EQ(status_of(kernel_ip), SIGSEGV);
	CHECK(WTERMSIG(status_of(bad_sp)));
	int st = status_of(bad_mxcsr);

	CHECK(st == SIGSEGV || !st); /* some emulators take it */
	CHECK_EQ(status_of(bad_header), SIGSEGV);
	CHECK_EQ(status_of(bad_compaction), SIGSEGV);
	CHECK_EQ(status_of(bad_fp_pointer), SIGSEGV);
	CHECK_EQ(status_of(kernel_fp_pointer), SIGSEGV);
	CHECK_EQ(status_of(crooked_fp_pointer), SIGSEGV);
}

TEST(frames_with_harmless_lies)
{
	CHECK_EQ(status_of(all_flags), 0);
	CHECK_EQ(status_of(no_fp), 0);
	CHECK_EQ(status_of(no_magic), 0);
	CHECK_EQ(status_of(odd_size), 0);
	CHECK_EQ(status_of(mask_of_all), 0);
	CHECK_EQ(status_of(bad_altstack), 0);
}

TEST(sigreturn_without_a_frame)
{
	int st;
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		__asm__ volatile("mov $16, %%rsp; mov $15, %%eax; syscall" ::: "memory");
	}
	waitpid(pid, &st, 0);
	CHECK_EQ(st, SIGSEGV);
}
#endif

int main(void)
{
	return test_run();
}
