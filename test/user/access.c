/* Who may look into whom: ptrace(2), "Ptrace access mode checking", and proc(5). */
#include "test.h"
#include <fcntl.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>

static char byte;

static int wait_for(pid_t pid)
{
	int st = -1;

	return waitpid(pid, &st, __WALL) == pid ? st : -1;
}

/* The child and the parent take turns. */
static int there[2], back[2];

#define BACK 40 /* back[1], known to programs as well */

static void turns(void)
{
	REQUIRE(!pipe(there) && !pipe(back));
	REQUIRE(dup2(back[1], BACK) == BACK);
}
static void go_on(void)
{
	REQUIRE(write(there[1], "x", 1) == 1);
}
static void wait_turn(void)
{
	if (read(there[0], &byte, 1) != 1)
		_exit(1);
}
static void done(void)
{
	REQUIRE(write(back[1], "x", 1) == 1);
}
static void wait_done(void)
{
	REQUIRE(read(back[0], &byte, 1) == 1);
}

static void be(unsigned int id)
{
	REQUIRE(!syscall(SYS_setresgid, id, id, id));
	REQUIRE(!syscall(SYS_setresuid, id, id, id));
}

static int open_of(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, flags);
}

static long owner_of(pid_t pid, const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return stat(path, &st) ? -errno : (long)st.st_uid;
}

/* Runs the statements as user 1000 beside a child of the same user. */
#define AS_USER(...)                               \
	do {                                       \
		pid_t user_ = fork();              \
		if (!user_) {                      \
			be(1000);                  \
			prctl(PR_SET_DUMPABLE, 1); \
			__VA_ARGS__;               \
			_exit(test_failures);      \
		}                                  \
		CHECK_EQ(wait_for(user_), 0);      \
	} while (0)

static void touch_all(pid_t pid, int err)
{
	static const char *const readable[] = {"maps",	  "smaps",     "environ",     "auxv",
					       "pagemap", "numa_maps", "smaps_rollup"};
	char buf[64];
	struct iovec iov = {buf, 8}, far = {&byte, 1};
	int fd;

	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++) {
		fd = open_of(pid, readable[i], O_RDONLY);
		if (err)
			CHECK(fd < 0 && errno == EACCES);
		else
			CHECK(fd >= 0);
		if (fd >= 0)
			close(fd);
	}
	fd = open_of(pid, "mem", O_RDWR);
	CHECK(err ? fd < 0 && errno == EACCES : fd >= 0);
	fd = open_of(pid, "clear_refs", O_WRONLY);
	CHECK(err ? fd < 0 && errno == EACCES : fd >= 0);
	snprintf(buf, sizeof(buf), "/proc/%d/exe", pid);
	char to[128];

	CHECK(err ? readlink(buf, to, sizeof(to)) < 0 && errno == EACCES
		  : readlink(buf, to, sizeof(to)) > 0);
	iov.iov_len = 1;
	CHECK_EQ(process_vm_readv(pid, &iov, 1, &far, 1, 0), err ? -1 : 1);
	CHECK_EQ(ptrace(PTRACE_SEIZE, pid, 0, 0), err ? -1 : 0);
	if (!err)
		return;
	CHECK_EQ(errno, EPERM);
}

TEST(dumpable_memory)
{
	turns();
	AS_USER({
		pid_t pid = fork();

		if (!pid) {
			wait_turn();
			_exit(0);
		}
		CHECK_EQ(owner_of(pid, "maps"), 1000);
		CHECK_EQ(owner_of(pid, ""), 1000);
		touch_all(pid, 0);
		go_on();
		CHECK_EQ(wait_for(pid), 0);
	});
}

TEST(memory_that_is_not_dumpable)
{
	turns();
	AS_USER({
		pid_t pid = fork();

		if (!pid) {
			prctl(PR_SET_DUMPABLE, 0);
			done();
			wait_turn();
			prctl(PR_SET_DUMPABLE, 1);
			done();
			wait_turn();
			_exit(0);
		}
		wait_done();
		/* Files are root's, directories still tell whose it is. */
		CHECK_EQ(owner_of(pid, "maps"), 0);
		CHECK_EQ(owner_of(pid, "status"), 0);
		CHECK_EQ(owner_of(pid, "fd"), 0);
		CHECK_EQ(owner_of(pid, ""), 1000);
		CHECK_EQ(owner_of(pid, "task"), 1000);
		touch_all(pid, EPERM);
		go_on();
		wait_done();
		CHECK_EQ(owner_of(pid, "maps"), 1000);
		touch_all(pid, 0);
		go_on();
		CHECK_EQ(wait_for(pid), 0);
	});
}

/* With the capability all is open. */
TEST(root_sees_it)
{
	turns();
	pid_t pid = fork();

	if (!pid) {
		be(1000);
		done();
		wait_turn();
		_exit(0);
	}
	wait_done();
	CHECK_EQ(owner_of(pid, "maps"), 0);
	touch_all(pid, 0);
	go_on();
	CHECK_EQ(wait_for(pid), 0);
}

static void write_map(pid_t pid, const char *name, const char *text)
{
	int fd = open_of(pid, name, O_WRONLY);

	REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/*
 * Root of a user namespace has every right over its tasks, but not over memory that holds a program
 * from outside which that root may not read.
 */
static void unreadable_inside(const char *program, int readable)
{
	turns();
	pid_t root = fork();

	if (!root) {
		be(1000);
		prctl(PR_SET_DUMPABLE, 1);
		REQUIRE(!unshare(CLONE_NEWUSER));
		done();
		wait_turn();
		pid_t pid = fork();

		if (!pid) {
			execl(program, "access", "wait", NULL);
			_exit(9);
		}
		wait_done(); /* by the program */
		int fd = open_of(pid, "maps", O_RDONLY);

		CHECK_EQ(fd >= 0, readable);
		fd = open_of(pid, "mem", O_RDWR);
		CHECK_EQ(fd >= 0, readable);
		long r = ptrace(PTRACE_SEIZE, pid, 0, 0);

		CHECK_EQ(r, readable ? 0 : -1);
		if (!r)
			ptrace(PTRACE_INTERRUPT, pid, 0, 0);
		kill(pid, SIGKILL);
		_exit(test_failures);
	}
	wait_done();
	write_map(root, "uid_map", "0 1000 1");
	write_map(root, "setgroups", "deny");
	write_map(root, "gid_map", "0 1000 1");
	go_on();
	CHECK_EQ(wait_for(root), 0);
}

/* A copy of this program that others may only execute. */
static void copy_self(const char *to, unsigned int mode)
{
	int in = open("/proc/self/exe", O_RDONLY),
	    out = open(to, O_WRONLY | O_CREAT | O_TRUNC, mode);
	static char buf[65536];
	ssize_t n;

	REQUIRE(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		REQUIRE(write(out, buf, (size_t)n) == n);
	close(in);
	close(out);
	chmod(to, mode);
}

TEST(program_that_a_namespace_may_read)
{
	copy_self("/tmp/access-readable", 0755);
	unreadable_inside("/tmp/access-readable", 1);
	unlink("/tmp/access-readable");
}

TEST(program_that_a_namespace_may_not_read)
{
	copy_self("/tmp/access-secret", 0711);
	unreadable_inside("/tmp/access-secret", 0);
	unlink("/tmp/access-secret");
}

/* A tracee executes what its tracer may not read: it goes on, but its memory is out of reach. */
static void trace_exec(const char *program, int ok)
{
	turns();
	AS_USER({
		pid_t pid = fork();

		if (!pid) {
			ptrace(PTRACE_TRACEME, 0, 0, 0);
			execl(program, "access", "wait", NULL);
			_exit(9);
		}
		CHECK_EQ(wait_for(pid), SIGTRAP << 8 | 0x7f);
		errno = 0;
		long r = ptrace(PTRACE_PEEKDATA, pid, &byte, 0);

		CHECK(ok ? r != -1 || !errno : r == -1 && errno == EIO);
		CHECK_EQ(ptrace(PTRACE_POKEDATA, pid, &byte, 1), ok ? 0 : -1);
		kill(pid, SIGKILL);
		CHECK_EQ(wait_for(pid), SIGKILL);
	});
}

TEST(tracee_that_becomes_unreadable)
{
	copy_self("/tmp/access-secret", 0711);
	copy_self("/tmp/access-readable", 0755);
	trace_exec("/tmp/access-readable", 1);
	trace_exec("/tmp/access-secret", 0);
	unlink("/tmp/access-secret");
	unlink("/tmp/access-readable");
}

/* Who writes to clear_refs is judged when it opens it. */
TEST(clear_refs_of_a_descriptor)
{
	int ready[2];

	turns();
	REQUIRE(!pipe(ready));
	pid_t pid = fork();

	if (!pid) {
		REQUIRE(!syscall(SYS_setresuid, 1000, 1000, 0));
		prctl(PR_SET_DUMPABLE, 1);
		done();
		wait_turn();
		REQUIRE(!syscall(SYS_setresuid, 0, 0, 0));
		done();
		wait_turn();
		_exit(0);
	}
	wait_done();
	pid_t user = fork();

	if (!user) {
		be(1000);
		int fd = open_of(pid, "clear_refs", O_WRONLY);

		REQUIRE(fd >= 0);
		go_on();
		wait_done();
		CHECK_EQ(write(fd, "1", 1), 1);
		CHECK_ERR(open_of(pid, "clear_refs", O_WRONLY), EACCES);
		_exit(test_failures);
	}
	CHECK_EQ(wait_for(user), 0);
	go_on();
	CHECK_EQ(wait_for(pid), 0);
}

/* ---- signals that nobody may stop ---- */

static void no_stack(int sig)
{
	(void)sig;
}

/* A tracee whose SIGSEGV handler has no stack. */
static pid_t overflowing(void)
{
	pid_t pid = fork();

	if (!pid) {
		struct sigaction sa = {.sa_handler = no_stack};

		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		sigaction(SIGSEGV, &sa, NULL);
		asm volatile("mov %0, %%rsp; movq $0, 0" ::"r"(64ul) : "memory");
		_exit(3);
	}
	return pid;
}

TEST(forced_signals_are_shown_to_a_tracer)
{
	pid_t pid = overflowing();

	CHECK_EQ(wait_for(pid), SIGSTOP << 8 | 0x7f);
	CHECK_EQ(ptrace(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(wait_for(pid), SIGSEGV << 8 | 0x7f);
	/* There is no room for the frame: forced, without a handler, and shown again. */
	CHECK_EQ(ptrace(PTRACE_CONT, pid, 0, SIGSEGV), 0);
	CHECK_EQ(wait_for(pid), SIGSEGV << 8 | 0x7f);
	/* Suppressed, it goes on where it was. */
	CHECK_EQ(ptrace(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(wait_for(pid), SIGSEGV << 8 | 0x7f);
	CHECK_EQ(ptrace(PTRACE_CONT, pid, 0, SIGSEGV), 0);
	int st = wait_for(pid);

	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
}

/* What system call dispatch cannot read its selector for is fatal. */
TEST(fatal_signals_are_not_shown)
{
	pid_t pid = fork();

	if (!pid) {
		void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		sigset_t all;

		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		signal(SIGSEGV, SIG_IGN);
		prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, page);
		munmap(page, 4096);
		syscall(SYS_getpid);
		_exit(3);
	}
	CHECK_EQ(wait_for(pid), SIGSTOP << 8 | 0x7f);
	CHECK_EQ(ptrace(PTRACE_CONT, pid, 0, 0), 0);
	int st = wait_for(pid);

	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
}

/* ---- membarrier(2): registered is the memory ---- */

static int membarrier(int cmd)
{
	return (int)syscall(SYS_membarrier, cmd, 0, 0);
}

static int shares_memory(void *arg)
{
	(void)arg;
	return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) ? 1 : 0;
}

TEST(membarrier_registers_memory)
{
	static char stack[65536] __attribute__((aligned(16)));

	CHECK_ERR(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED), EPERM);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED), 0);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED), 0);
	/* Another process with the same memory, and one with a copy. */
	pid_t pid = clone(shares_memory, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);

	CHECK_EQ(wait_for(pid), 0);
	pid = fork();
	if (!pid)
		_exit(shares_memory(NULL));
	CHECK_EQ(wait_for(pid), 0);
	/* A new program has new memory. */
	pid = fork();
	if (!pid) {
		execl("/proc/self/exe", "access", "membarrier", NULL);
		_exit(9);
	}
	CHECK_EQ(wait_for(pid), EPERM << 8);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "wait")) {
		(void)!write(BACK, "x", 1);
		for (;;)
			pause();
	}
	if (argc > 1 && !strcmp(argv[1], "membarrier"))
		return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) ? errno : 0;
	return test_run();
}
