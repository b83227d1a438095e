/* ptrace(2): single steps, breakpoints and watchpoints. */
#include "tracee.h"
#include <linux/ptrace.h>
#include <stddef.h>
#include <sys/user.h>

/* ---- steps and breakpoints ---- */

TEST(single_steps)
{
	TRACED_CHILD(pid, asm volatile("int3; nop; nop; nop" ::: "memory"));
	struct user_regs_struct r, s;
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(si.si_code, SI_KERNEL);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	for (int i = 1; i <= 3; i++) {
		CHECK_EQ(pt(PTRACE_SINGLESTEP, pid, 0, 0), 0);
		CHECK_STOP(pid, SIGTRAP, 0);
		CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&s)), 0);
		CHECK_EQ(s.rip, r.rip + (unsigned)i);
		CHECK_EQ(s.eflags & 0x100, 0);
		CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
		CHECK_EQ(si.si_code, TRAP_TRACE);
		CHECK_EQ(si.si_addr, s.rip);
	}
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 7);
}

TEST(step_over_a_system_call)
{
	TRACED_CHILD(pid, asm volatile("mov $39, %%eax; int3; syscall; nop" ::
					       : "rax", "rcx", "r11", "memory"));
	struct user_regs_struct r, s;
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(pt(PTRACE_SINGLESTEP, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&s)), 0);
	CHECK_EQ(s.rip, r.rip + 2);
	CHECK_EQ(s.rax, pid);
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(si.si_code, TRAP_BRKPT);
	CHECK_EQ(pt(PTRACE_SINGLESTEP, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&s)), 0);
	CHECK_EQ(s.rip, r.rip + 3);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 7);
}

TEST(step_into_a_handler)
{
	TRACED_CHILD(pid, signal(SIGUSR1, on_signal); asm volatile("int3; nop; nop"); _exit(got));
	struct user_regs_struct r;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	kill(pid, SIGUSR1);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGUSR1, 0);
	CHECK_EQ(pt(PTRACE_SINGLESTEP, pid, 0, SIGUSR1), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(r.rip, P(on_signal)); /* before its first instruction */
	CHECK_EQ(r.rdi, SIGUSR1);
	CHECK_EQ(r.eflags & 0x100, 0);
	CHECK_EQ(pt(PTRACE_SINGLESTEP, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, SIGUSR1);
}

#define DEBUGREG(n) (offsetof(struct user, u_debugreg) + (n)*8)

static __attribute__((noinline)) void write_word(void)
{
	asm volatile("int3");
	shared_word = 1;
	asm volatile("nop");
	shared_word++;
	(void)shared_word;
}

TEST(watchpoints)
{
	TRACED_CHILD(pid, write_word(); write_word());
	struct user_regs_struct r;
	siginfo_t si;
	long v;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(0), P(&shared_word)), 0);
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0x90101), 0); /* writes, 8 bytes */
	CHECK_EQ(pt(PTRACE_PEEKUSR, pid, DEBUGREG(0), P(&v)), 0);
	CHECK_EQ(v, P(&shared_word));
	CHECK_EQ(pt(PTRACE_PEEKUSR, pid, DEBUGREG(7), P(&v)), 0);
	CHECK_EQ(v, 0x90101);
	for (long i = 1; i <= 2; i++) {
		CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
		CHECK_STOP(pid, SIGTRAP, 0);
		CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
		CHECK_EQ(si.si_code, TRAP_HWBKPT);
		CHECK_EQ(pt(PTRACE_PEEKUSR, pid, DEBUGREG(6), P(&v)), 0);
		CHECK_EQ(v & 0xf, 1);
		CHECK_EQ(pt(PTRACE_PEEKDATA, pid, P(&shared_word), P(&v)), 0);
		CHECK_EQ(v, i);
	}
	/* An instruction, before it runs; it must not hit for ever. */
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0), 0);
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(1), P(write_word)), 0);
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0x4), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(r.rip, P(write_word));
	CHECK_EQ(pt(PTRACE_PEEKUSR, pid, DEBUGREG(6), P(&v)), 0);
	CHECK_EQ(v & 0xf, 2);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0); /* its int3 */
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 7);
}

TEST(watchpoints_that_are_refused)
{
	TRACED_CHILD(pid);

	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(0), P(&shared_word) + 1), 0);
	CHECK_ERR(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0x90101), EINVAL); /* not aligned */
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(0), P(&shared_word)), 0);
	CHECK_ERR(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0xa0101), EINVAL); /* ports */
	CHECK_ERR(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0x80101), EINVAL); /* code of 8 bytes */
	CHECK_ERR(pt(PTRACE_POKEUSR, pid, DEBUGREG(4), 1), EIO);
	pt(PTRACE_CONT, pid, 0, 0);
	CHECK_EXIT(pid, 7);
}

TEST(breakpoints_are_not_inherited)
{
	TRACED_CHILD(
		pid, int st; if (!fork()) {
			shared_word = 5;
			_exit(3);
		} wait(&st);
		_exit(st >> 8));

	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(0), P(&shared_word)), 0);
	CHECK_EQ(pt(PTRACE_POKEUSR, pid, DEBUGREG(7), 0x90101), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGCHLD, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 3);
}

/* ---- the rest ---- */

TEST(steps_under_load)
{
	TRACED_CHILD(pid, for (int i = 0; i < 40; i++) getppid(); _exit(0));
	int st = 0, n = 0;

	for (;;) {
		if (pt(PTRACE_SINGLESTEP, pid, 0, 0))
			break;
		st = wait_for(pid);
		if (!WIFSTOPPED(st))
			break;
		n++;
	}
	CHECK(n > 160);
	CHECK_EQ(st, 0);
}

/* ---- what else looks into tasks ---- */

int main(void)
{
	return test_run();
}
