/*
 * Page-table isolation as programs see it, and the ways in and out of the kernel that it changes:
 * meant to be run with pti=on and pti=off.
 */
#include "proc_help.h"
#include <sched.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <ucontext.h>

static char *text_of(const char *path)
{
	static char text[65536];

	(void)read_text(path, text, sizeof(text));
	return text;
}

/* Is @word in the line of /proc/cpuinfo that begins with @name? */
static bool cpuinfo_has(const char *name, const char *word)
{
	char *line = strstr(text_of("/proc/cpuinfo"), name), *end, *w;

	if (!line)
		return false;
	end = strchr(line, '\n');
	if (end)
		*end = 0;
	for (w = strtok(line, " \t"); w; w = strtok(NULL, " \t"))
		if (!strcmp(w, word))
			return true;
	return false;
}

TEST(what_is_told_agrees)
{
	const char *path = "/sys/devices/system/cpu/vulnerabilities/meltdown";
	bool bug, on;
	char said[64];

	mkdir("/sys", 0755);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	bug = cpuinfo_has("bugs\t", "cpu_meltdown");
	on = cpuinfo_has("flags\t", "pti");
	snprintf(said, sizeof(said), "%.40s", text_of(path));
	CHECK(said[0]);
	if (!bug)
		CHECK(!strcmp(said, "Not affected\n"));
	else
		CHECK(!strcmp(said, on ? "Mitigation: PTI\n" : "Vulnerable\n"));
	/* A word for it on the command line decides. */
	if (strstr(text_of("/proc/cmdline"), "pti=on"))
		CHECK(on);
	if (strstr(text_of("/proc/cmdline"), "nopti") ||
	    strstr(text_of("/proc/cmdline"), "pti=off"))
		CHECK(!on);
}

static sigjmp_buf back;
static volatile sig_atomic_t caught;
static volatile unsigned long caught_err;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)si;
	caught = sig;
	caught_err = (unsigned long)((ucontext_t *)uc)->uc_mcontext.gregs[REG_ERR];
	siglongjmp(back, 1);
}

static void catch (int sig)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};

	CHECK(!sigaction(sig, &sa, NULL));
}

/* Whatever is there, user mode cannot tell it from what is not. */
TEST(addresses_of_the_kernel_all_look_alike)
{
	static const unsigned long at[] = {
		0xffff888000000000ul, 0xffff888001000000ul, 0xffffc90000000000ul,
		0xffffffff80200000ul, 0xffffffff80201000ul, 0xffffffff81000000ul,
		0xffffffff812345e0ul, 0xffffea0000000000ul,
	};

	catch (SIGSEGV);
	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		caught = 0;
		if (!sigsetjmp(back, 1))
			(void)*(volatile char *)at[i];
		CHECK(caught == SIGSEGV);
		CHECK(caught_err == 5); /* user mode, protection */
	}
}

static int what_is_bad;

/* Frames that IRETQ refuses, if the kernel does not before. */
static void spoil(int sig, siginfo_t *si, void *uc)
{
	greg_t *r = ((ucontext_t *)uc)->uc_mcontext.gregs;

	(void)sig;
	(void)si;
	if (what_is_bad == 0)
		((unsigned short *)&r[REG_CSGSFS])[0] = 0x7b; /* a descriptor that is not there */
	else if (what_is_bad == 1)
		r[REG_RIP] = (greg_t)(1ul << 63); /* an address that no register holds */
	else
		r[REG_RIP] = (greg_t)(1ul << 47);
}

TEST(a_frame_that_the_cpu_refuses)
{
	struct sigaction sa = {.sa_sigaction = spoil, .sa_flags = SA_SIGINFO};
	int status;

	for (int i = 0; i < 30; i++) {
		what_is_bad = i % 3;
		pid_t pid = fork();

		if (!pid) {
			sigaction(SIGUSR1, &sa, NULL);
			raise(SIGUSR1);
			_exit(1);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	}
}

/* Each instruction of a child, system calls, faults and signals with them, traps. */
TEST(steps_through_every_way_in)
{
	pid_t pid = fork();
	int status, steps = 0;

	if (!pid) {
		volatile char *page;

		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		page[0] = 1;
		syscall(SYS_getppid);
		_exit(page[0] == 1 ? 7 : 8);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	while (steps < 20000) {
		CHECK(!ptrace(PTRACE_SINGLESTEP, pid, 0, 0));
		CHECK(waitpid(pid, &status, 0) == pid);
		if (!WIFSTOPPED(status))
			break;
		steps++;
	}
	CHECK(steps > 20);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static volatile int traps;

static void on_trap(int sig)
{
	(void)sig;
	traps++;
}

/* A program that steps itself: a debug exception after each instruction, on any stack. */
TEST(steps_of_its_own)
{
	signal(SIGTRAP, on_trap);
	traps = 0;
	for (int i = 0; i < 200; i++)
		__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop; nop;"
				 "pushfq; andq $~0x100, (%%rsp); popfq" ::
					 : "memory", "cc");
	CHECK(traps >= 200 * 5);
	traps = 0;
	__asm__ volatile("int3");
	CHECK(traps == 1);
	__asm__ volatile("int3");
	CHECK(traps == 2);
}

/* Registers over system calls, faults and switches between address spaces. */
TEST(registers_survive)
{
	pid_t pid = fork();
	int status;

	for (int i = 0; i < 2000; i++) {
		unsigned long in = 0x123456789abcdef0ul + (unsigned long)i, di = in, si = ~in,
			      dx = in * 3, r8 = in * 5, r9 = in * 7, ax = SYS_sched_yield;
		register unsigned long r10 __asm__("r10") = in * 11;
		register unsigned long r8r __asm__("r8") = r8;
		register unsigned long r9r __asm__("r9") = r9;

		__asm__ volatile("syscall"
				 : "+a"(ax), "+D"(di), "+S"(si), "+d"(dx), "+r"(r10), "+r"(r8r),
				   "+r"(r9r)
				 :
				 : "rcx", "r11", "memory");
		CHECK(ax == 0 && di == in && si == ~in && dx == in * 3 && r10 == in * 11 &&
		      r8r == r8 && r9r == r9);
	}
	if (!pid)
		_exit(test_failures != 0);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status));
}

/* Another thread's view must go at once, also that of a CPU in user mode. */
static volatile char *shared_page;
static volatile int stop;

static int reader(void *arg)
{
	(void)arg;
	while (!stop)
		(void)shared_page[0];
	return 0;
}

TEST(what_is_unmapped_is_gone_on_other_cpus)
{
	static char stack[65536] __attribute__((aligned(16)));

	for (int i = 0; i < 20; i++) {
		int status;
		pid_t pid;

		stop = 0;
		shared_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0);
		CHECK(shared_page != MAP_FAILED);
		shared_page[0] = 1;
		pid = clone(reader, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
		CHECK(pid > 0);
		usleep(2000);
		CHECK(!mprotect((void *)shared_page, 4096, PROT_NONE));
		/* It reads on until it is scheduled, and dies of the next access. */
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
		munmap((void *)shared_page, 4096);
	}
}

/* What the kernel writes to a page of a copy is what user mode reads, whoever had it cached. */
TEST(a_copy_made_by_the_kernel_is_seen)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fds[2], status;

	CHECK(page != MAP_FAILED && !pipe(fds));
	for (int i = 0; i < 50; i++) {
		page[0] = 'a';
		pid_t pid = fork();

		if (!pid) {
			char c = ((volatile char *)page)[0];

			if (c != 'a' || read(fds[0], page, 1) != 1)
				_exit(1);
			_exit(((volatile char *)page)[0] == 'b' ? 0 : 2);
		}
		CHECK(write(fds[1], "b", 1) == 1);
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status));
		CHECK(page[0] == 'a');
	}
	close(fds[0]);
	close(fds[1]);
	munmap(page, 4096);
}

int main(void)
{
	return test_run();
}
