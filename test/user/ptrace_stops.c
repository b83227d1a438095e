/* ptrace(2): stops at system calls, signals and events, group stops. */
#include "tracee.h"
#include <linux/ptrace.h>
#include <pthread.h>
#include <sys/user.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

/* ---- system calls ---- */

#define NEXT_CALL(pid) CHECK_EQ(pt(PTRACE_SYSCALL, pid, 0, 0), 0)

TEST(system_call_stops)
{
	TRACED_CHILD(pid, _exit(call_with(SYS_getppid, 1, 2, 3) == getppid() ? 0 : 1));
	struct ptrace_syscall_info info;
	struct user_regs_struct r;
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
	CHECK_EQ(pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), P(&info)), 24);
	CHECK_EQ(info.op, PTRACE_SYSCALL_INFO_NONE);
	NEXT_CALL(pid);
	CHECK_STOP(pid, SIGTRAP | 0x80, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(r.rax, -ENOSYS);
	while (r.orig_rax != SYS_getppid) {
		NEXT_CALL(pid);
		CHECK_STOP(pid, SIGTRAP | 0x80, 0);
		REQUIRE(pt(PTRACE_GETREGS, pid, 0, P(&r)) == 0);
	}
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(si.si_signo, SIGTRAP);
	CHECK_EQ(si.si_code, SIGTRAP | 0x80);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), P(&info)), 80);
	CHECK_EQ(info.op, PTRACE_SYSCALL_INFO_ENTRY);
	CHECK_EQ(info.arch, 0xc000003e);
	CHECK_EQ(info.entry.nr, SYS_getppid);
	CHECK_EQ(info.entry.args[2], 3);
	CHECK_EQ(info.instruction_pointer, r.rip);
	CHECK_EQ(info.stack_pointer, r.rsp);
	NEXT_CALL(pid);
	CHECK_STOP(pid, SIGTRAP | 0x80, 0);
	CHECK_EQ(pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), P(&info)), 33);
	CHECK_EQ(info.op, PTRACE_SYSCALL_INFO_EXIT);
	CHECK_EQ(info.exit.rval, getpid());
	CHECK_EQ(info.exit.is_error, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 0);
}

TEST(system_calls_are_changed)
{
	TRACED_CHILD(pid, long a = call_with(SYS_getppid, 3, 0, 0);
		     long b = call_with(SYS_getppid, 3, 0, 0);
		     _exit(a == -77 && b == getpid() ? 0 : 1));
	struct user_regs_struct r;

	for (int i = 0; i < 2; i++) {
		do {
			NEXT_CALL(pid);
			CHECK_STOP(pid, SIGTRAP, 0);
			REQUIRE(pt(PTRACE_GETREGS, pid, 0, P(&r)) == 0);
		} while (r.orig_rax != SYS_getppid || r.rax != P(-ENOSYS));
		/* First: none at all, with a result of our own. Then another one. */
		r.orig_rax = i ? SYS_getpid : P(-1);
		CHECK_EQ(pt(PTRACE_SETREGS, pid, 0, P(&r)), 0);
		NEXT_CALL(pid);
		CHECK_STOP(pid, SIGTRAP, 0);
		CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
		CHECK_EQ(r.rax, i ? pid : -ENOSYS);
		if (!i) {
			r.rax = P(-77);
			CHECK_EQ(pt(PTRACE_SETREGS, pid, 0, P(&r)), 0);
		}
	}
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 0);
}

TEST(emulated_calls)
{
	TRACED_CHILD(pid, _exit(call_with(SYS_getppid, 3, 0, 0) == 1234 ? 0 : 1));
	struct user_regs_struct r;

	do {
		CHECK_EQ(pt(PTRACE_SYSEMU, pid, 0, 0), 0);
		CHECK_STOP(pid, SIGTRAP, 0);
		REQUIRE(pt(PTRACE_GETREGS, pid, 0, P(&r)) == 0);
		if (r.orig_rax == SYS_getppid)
			r.rax = 1234;
		else
			r.rax = 0;
		REQUIRE(pt(PTRACE_SETREGS, pid, 0, P(&r)) == 0);
	} while (r.orig_rax != SYS_getppid);
	CHECK_EQ(pt(PTRACE_SYSEMU_SINGLESTEP, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 0);
}

TEST(a_restarted_call_stops_again)
{
	int p[2];
	char c;

	CHECK_EQ(pipe(p), 0);
	TRACED_CHILD(pid, _exit(read(p[0], &c, 1) == 1 ? 0 : 1));
	struct user_regs_struct r;

	do {
		NEXT_CALL(pid);
		CHECK_STOP(pid, SIGTRAP, 0);
		REQUIRE(pt(PTRACE_GETREGS, pid, 0, P(&r)) == 0);
	} while (r.orig_rax != SYS_read);
	NEXT_CALL(pid);
	nap();
	kill(pid, SIGWINCH);
	/* The exit of the interrupted call, the signal, and the entry of the same call again. */
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(r.rax, -512);
	NEXT_CALL(pid);
	CHECK_STOP(pid, SIGWINCH, 0);
	CHECK_EQ(pt(PTRACE_SYSCALL, pid, 0, SIGWINCH), 0);
	CHECK_STOP(pid, SIGTRAP, 0);
	CHECK_EQ(pt(PTRACE_GETREGS, pid, 0, P(&r)), 0);
	CHECK_EQ(r.orig_rax, SYS_read);
	CHECK_EQ(r.rax, -ENOSYS);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 0);
}

/* ---- signals ---- */

TEST(signals_are_shown_changed_and_dropped)
{
	TRACED_CHILD(pid, signal(SIGUSR2, on_signal); raise(SIGUSR1); raise(SIGUSR1); _exit(got));
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGUSR1, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0); /* dropped */
	CHECK_STOP(pid, SIGUSR1, 0);
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(si.si_signo, SIGUSR1);
	si.si_signo = SIGUSR2;
	CHECK_EQ(pt(PTRACE_SETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGUSR2), 0);
	CHECK_EXIT(pid, SIGUSR2);
}

TEST(ignored_signals_are_shown)
{
	TRACED_CHILD(pid, signal(SIGUSR1, SIG_IGN); raise(SIGUSR1); raise(SIGCHLD); _exit(6));

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGUSR1, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGUSR1), 0);
	CHECK_STOP(pid, SIGCHLD, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGCHLD), 0);
	CHECK_EXIT(pid, 6);
}

TEST(queues_and_masks)
{
	TRACED_CHILD(
		pid, sigset_t s; sigemptyset(&s); sigaddset(&s, SIGRTMIN); sigaddset(&s, SIGUSR1);
		sigprocmask(SIG_BLOCK, &s, NULL); for (int i = 0; i < 3; i++)
			sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
		raise(SIGUSR1); raise(SIGSTOP); signal(SIGUSR1, on_signal); pause(); _exit(got));
	struct ptrace_peeksiginfo_args a = {.off = 1, .flags = PTRACE_PEEKSIGINFO_SHARED, .nr = 10};
	unsigned long mask = 0;
	siginfo_t si[10];

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_PEEKSIGINFO, pid, P(&a), P(si)), 2);
	CHECK_EQ(si[0].si_value.sival_int, 1);
	CHECK_EQ(si[1].si_value.sival_int, 2);
	CHECK_EQ(si[1].si_code, SI_QUEUE);
	a.flags = 0;
	a.off = 0;
	CHECK_EQ(pt(PTRACE_PEEKSIGINFO, pid, P(&a), P(si)), 1);
	CHECK_EQ(si[0].si_signo, SIGUSR1);
	a.flags = 2;
	CHECK_ERR(pt(PTRACE_PEEKSIGINFO, pid, P(&a), P(si)), EINVAL);
	CHECK_EQ(pt(PTRACE_GETSIGMASK, pid, 8, P(&mask)), 0);
	CHECK_EQ(mask, 1ul << (SIGUSR1 - 1) | 1ul << (SIGRTMIN - 1));
	mask = 1ul << (SIGRTMIN - 1) | 1ul << (SIGKILL - 1);
	CHECK_EQ(pt(PTRACE_SETSIGMASK, pid, 8, P(&mask)), 0);
	CHECK_EQ(pt(PTRACE_GETSIGMASK, pid, 8, P(&mask)), 0);
	CHECK_EQ(mask, 1ul << (SIGRTMIN - 1));
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGUSR1, 0); /* now unblocked */
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	nap();
	kill(pid, SIGKILL);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

TEST(group_stop_of_an_attached_tracee)
{
	TRACED_CHILD(pid, for (;;) pause());
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	kill(pid, SIGTSTP);
	CHECK_STOP(pid, SIGTSTP, 0);
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGSTOP), 0);
	CHECK_STOP(pid, SIGSTOP, 0); /* the group stop: no siginfo */
	CHECK_ERR(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), EINVAL);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	nap();
	CHECK_EQ(state_of(pid), 'S'); /* runs though its group is stopped */
	kill(pid, SIGCONT);
	CHECK_STOP(pid, SIGCONT, 0);
	pt(PTRACE_KILL, pid, 0, 0);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

/* The running tracee is told to stop, stops as its group, and its tracer listens. */
static void listen_in_a_group_stop(pid_t pid)
{
	kill(pid, SIGSTOP);
	CHECK_STOP(pid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGSTOP), 0);
	CHECK_STOP(pid, SIGSTOP, PTRACE_EVENT_STOP);
	CHECK_EQ(pt(PTRACE_LISTEN, pid, 0, 0), 0);
}

TEST(seize_interrupt_listen)
{
	pid_t pid = fork();
	siginfo_t si;

	if (!pid) {
		for (;;)
			pause();
	}
	CHECK_EQ(pt(PTRACE_SEIZE, pid, 0, 0), 0);
	nap();
	CHECK_EQ(waitpid(pid, NULL, WNOHANG | __WALL), 0);
	CHECK_EQ(pt(PTRACE_INTERRUPT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_STOP);
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(si.si_code, SIGTRAP | PTRACE_EVENT_STOP << 8);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	listen_in_a_group_stop(pid);
	CHECK_ERR(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), ESRCH);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG | __WALL), 0);
	kill(pid, SIGCONT);
	/* Told that the stop is over; then the signal itself. */
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_STOP);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGCONT, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	/* Interrupted while it listens. */
	listen_in_a_group_stop(pid);
	CHECK_EQ(pt(PTRACE_INTERRUPT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGSTOP, PTRACE_EVENT_STOP);
	CHECK_EQ(pt(PTRACE_DETACH, pid, 0, 0), 0);
	nap();
	CHECK_EQ(state_of(pid), 'T');
	kill(pid, SIGKILL);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

TEST(waitid_of_a_tracee)
{
	TRACED_CHILD(pid, raise(SIGUSR1); _exit(8));
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOWAIT), 0);
	CHECK_EQ(si.si_code, CLD_TRAPPED);
	CHECK_EQ(si.si_status, SIGUSR1);
	CHECK_EQ(si.si_pid, pid);
	memset(&si, 0, sizeof(si));
	/* Shown also to those who asked for ends only. */
	CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WEXITED), 0);
	CHECK_EQ(si.si_code, CLD_TRAPPED);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOHANG), 0);
	CHECK_EQ(si.si_pid, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 8);
}

/* ---- events ---- */

#define EVENT_MESSAGE(pid, m) CHECK_EQ(pt(PTRACE_GETEVENTMSG, pid, 0, P(&(m))), 0)

TEST(fork_vfork_clone_events)
{
	TRACED_CHILD(pid, pid_t c = (pid_t)syscall(SYS_fork); if (!c) _exit(1); wait_for(c);
		     c = vfork(); if (!c) _exit(2); wait_for(c);
		     c = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0); if (!c) _exit(3); wait_for(c);
		     _exit(4));
	static const int events[] = {PTRACE_EVENT_FORK, PTRACE_EVENT_VFORK, PTRACE_EVENT_CLONE};
	unsigned long child, m;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0,
		    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
			    PTRACE_O_TRACEVFORKDONE),
		 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_STOP(pid, SIGTRAP, events[i]);
		EVENT_MESSAGE(pid, child);
		CHECK_STOP((pid_t)child, SIGSTOP, 0);
		CHECK_EQ(pt(PTRACE_CONT, (pid_t)child, 0, 0), 0);
		CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
		CHECK_EXIT((pid_t)child, i + 1);
		if (events[i] == PTRACE_EVENT_VFORK) {
			CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_VFORK_DONE);
			EVENT_MESSAGE(pid, m);
			CHECK_EQ(m, child);
			CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
		}
		if (i < 2) {
			CHECK_STOP(pid, SIGCHLD, 0);
			CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
		}
	}
	CHECK_EXIT(pid, 4);
}

TEST(seized_children_stop_without_a_signal)
{
	unsigned long child = 0;
	int p[2];
	pid_t pid;
	char c;

	CHECK_EQ(pipe(p), 0);
	pid = fork();
	if (!pid) {
		pid_t g;

		(void)!read(p[0], &c, 1);
		g = fork();
		if (!g)
			_exit(1);
		_exit(wait_for(g) >> 8);
	}
	CHECK_EQ(pt(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEFORK), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_FORK);
	EVENT_MESSAGE(pid, child);
	CHECK_STOP((pid_t)child, SIGTRAP, PTRACE_EVENT_STOP);
	CHECK_EQ(pt(PTRACE_DETACH, (pid_t)child, 0, 0), 0);
	CHECK_EQ(pt(PTRACE_DETACH, pid, 0, 0), 0);
	CHECK_EXIT(pid, 1);
}

TEST(exit_event)
{
	TRACED_CHILD(pid, _exit(9));
	unsigned long m;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_EXIT);
	EVENT_MESSAGE(pid, m);
	CHECK_EQ(m, 9 << 8);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 9);
}

TEST(exit_event_of_a_killed_one)
{
	TRACED_CHILD(pid, for (;;) pause());
	unsigned long m;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	kill(pid, SIGKILL);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_EXIT);
	EVENT_MESSAGE(pid, m);
	CHECK_EQ(m, SIGKILL);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

static char *const no_env[] = {NULL};

/* This program itself, told by its name to end at once. */
static void exec_self(void)
{
	char *const argv[] = {(char *)"exec-target", NULL};

	execve("/proc/self/exe", argv, no_env);
	_exit(99);
}

TEST(exec_stops)
{
	TRACED_CHILD(pid, exec_self());
	siginfo_t si;

	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, 0); /* without the option: a signal */
	CHECK_EQ(pt(PTRACE_GETSIGINFO, pid, 0, P(&si)), 0);
	CHECK_EQ(si.si_code, SI_USER);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 55);
}

TEST(exec_event)
{
	TRACED_CHILD(pid, exec_self());
	unsigned long m;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_EXEC);
	EVENT_MESSAGE(pid, m);
	CHECK_EQ(m, pid);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 55);
}

static void *exec_thread(void *arg)
{
	(void)arg;
	nap();
	exec_self();
	return NULL;
}

TEST(exec_by_a_thread)
{
	TRACED_CHILD(pid, pthread_t t; pthread_create(&t, NULL, exec_thread, NULL); pause());
	unsigned long tid = 0, m;
	int st;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_CLONE);
	EVENT_MESSAGE(pid, tid);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP((pid_t)tid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_CONT, (pid_t)tid, 0, 0), 0);
	/* The thread takes the leader's number; the leader is never seen to end. */
	CHECK_EQ(waitpid(-1, &st, __WALL), pid);
	CHECK_EQ(st >> 8, SIGTRAP | PTRACE_EVENT_EXEC << 8);
	EVENT_MESSAGE(pid, m);
	CHECK_EQ(m, tid);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 55);
	CHECK_ERR(waitpid((pid_t)tid, NULL, __WALL), ECHILD);
}

static void *pausing_thread(void *arg)
{
	pause();
	return arg;
}

static void *plain_thread(void *arg)
{
	(void)arg;
	return NULL;
}

TEST(threads_end_before_their_leader)
{
	TRACED_CHILD(pid, pthread_t t; pthread_create(&t, NULL, plain_thread, NULL);
		     pthread_join(t, NULL); _exit(4));
	unsigned long tid = 0;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_CLONE);
	EVENT_MESSAGE(pid, tid);
	CHECK_STOP((pid_t)tid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_CONT, (pid_t)tid, 0, 0), 0);
	CHECK_EXIT((pid_t)tid, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EXIT(pid, 4);
}

TEST(group_stop_of_threads)
{
	TRACED_CHILD(pid, pthread_t t; pthread_create(&t, NULL, pausing_thread, NULL); pause());
	unsigned long tid = 0;
	int seen = 0, st;

	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_CLONE);
	EVENT_MESSAGE(pid, tid);
	CHECK_STOP((pid_t)tid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_CONT, (pid_t)tid, 0, 0), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	nap();
	syscall(SYS_tgkill, pid, pid, SIGSTOP);
	CHECK_STOP(pid, SIGSTOP, 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, SIGSTOP), 0);
	for (int i = 0; i < 2; i++) {
		pid_t got_pid = waitpid(-1, &st, __WALL);

		CHECK_EQ(st >> 8, SIGSTOP);
		seen |= got_pid == pid ? 1 : got_pid == (pid_t)tid ? 2 : 4;
	}
	CHECK_EQ(seen, 3);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_for((pid_t)tid), SIGKILL);
	CHECK_EQ(wait_for(pid), SIGKILL);
}

/* ---- what else looks into tasks ---- */

int main(int argc, char **argv)
{
	(void)argc;
	if (!strcmp(argv[0], "exec-target"))
		return 55;
	return test_run();
}
