/* Mappings that change while others look for them: sealing, truncation, taking memory away. */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define PAGE 4096ul
#define SECONDS 3

static volatile int stop;
static int fd;
static char *map;
static pthread_barrier_t both;

/* --- a writable mapping and the seal that forbids it: one of them wins --- */

static void *map_when_told(void *arg)
{
	for (;;) {
		pthread_barrier_wait(&both);
		if (stop)
			return arg;
		map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		pthread_barrier_wait(&both);
	}
}

TEST(no_writable_mapping_of_a_sealed_file)
{
	time_t end = time(NULL) + SECONDS;
	int sealed_and_mapped = 0;
	pthread_t t;

	REQUIRE(!pthread_barrier_init(&both, NULL, 2));
	REQUIRE(!pthread_create(&t, NULL, map_when_told, NULL));
	for (int i = 0; time(NULL) < end; i++) {
		fd = memfd_create("sealed", MFD_ALLOW_SEALING);
		REQUIRE(fd >= 0 && !ftruncate(fd, PAGE));
		pthread_barrier_wait(&both);
		for (volatile int wait = 0; wait < i % 400; wait++)
			;
		int err = fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);

		pthread_barrier_wait(&both);
		if (map != MAP_FAILED) {
			sealed_and_mapped += !err;
			munmap(map, PAGE);
		}
		close(fd);
	}
	CHECK_EQ(sealed_and_mapped, 0);
	stop = 1;
	pthread_barrier_wait(&both);
	pthread_join(t, NULL);
}

/* --- truncation finds the pages of parts that just become one, or change hands --- */

static void *join_three(void *arg)
{
	while (!stop) {
		mprotect(map + PAGE, PAGE, PROT_READ);
		mprotect(map + PAGE, PAGE, PROT_READ | PROT_WRITE);
	}
	return arg;
}

static void *hand_over(void *arg)
{
	while (!stop) {
		mprotect(map + PAGE, 2 * PAGE, PROT_READ);
		mprotect(map + PAGE, PAGE, PROT_READ | PROT_WRITE);
		mprotect(map, 3 * PAGE, PROT_READ | PROT_WRITE);
	}
	return arg;
}

static void truncate_against(void *(*change)(void *arg))
{
	time_t end = time(NULL) + SECONDS;
	int left = 0;
	pthread_t t;

	fd = memfd_create("cut", 0);
	REQUIRE(fd >= 0 && !ftruncate(fd, 3 * PAGE));
	map = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(map != MAP_FAILED);
	REQUIRE(!pthread_create(&t, NULL, change, NULL));
	for (int i = 1; time(NULL) < end; i++) {
		volatile int *there = (int *)(map + PAGE);

		REQUIRE(pwrite(fd, &i, sizeof(i), PAGE) == sizeof(i));
		left += *there != i;
		REQUIRE(!ftruncate(fd, 0) && !ftruncate(fd, 3 * PAGE));
		left += *there != 0;
	}
	CHECK_EQ(left, 0);
	stop = 1;
	pthread_join(t, NULL);
}

TEST(truncation_while_parts_are_joined)
{
	truncate_against(join_three);
}

TEST(truncation_while_parts_change_hands)
{
	truncate_against(hand_over);
}

/* --- process_mrelease(2) of one that shares its memory with somebody who lives on --- */

static int leave_traced(void *arg)
{
	(void)arg;
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	syscall(SYS_exit_group, 0);
	return 0;
}

TEST(memory_that_others_use_is_not_released)
{
	static char stack[65536] __attribute__((aligned(16)));
	volatile int *mine =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid = clone(leave_traced, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	int status;

	*mine = 42;
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	REQUIRE(!ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEEXIT));
	REQUIRE(!ptrace(PTRACE_CONT, pid, NULL, NULL));
	REQUIRE(waitpid(pid, &status, 0) == pid);
	REQUIRE(status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8));
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	REQUIRE(pidfd >= 0);
	CHECK_ERR(syscall(SYS_process_mrelease, pidfd, 0), EINVAL);
	CHECK_EQ(*mine, 42);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
}

/* --- the same of one whose memory is being written to a core dump --- */

#define STARTED "/tmp/release-started"
#define GO "/tmp/release-go"

static void make(const char *path)
{
	close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void wait_for(const char *path)
{
	while (access(path, F_OK))
		usleep(10000);
}

/* The program behind the pipe: does not read for a while. */
static int keep_waiting(void)
{
	static char buf[65536];

	make(STARTED);
	wait_for(GO);
	while (read(0, buf, sizeof(buf)) > 0)
		;
	return 0;
}

static void set_core_pattern(const char *text)
{
	int f = open("/proc/sys/kernel/core_pattern", O_WRONLY);

	REQUIRE(f >= 0 && write(f, text, strlen(text)) == (ssize_t)strlen(text));
	close(f);
}

static void dump_much(void)
{
	const struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};
	char *much = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	REQUIRE(much != MAP_FAILED && !setrlimit(RLIMIT_CORE, &r));
	signal(SIGABRT, SIG_DFL);
	kill(getpid(), SIGABRT);
}

TEST(memory_that_is_being_dumped_is_not_released)
{
	char self[256] = "", text[300];
	int status;

	mkdir("/tmp", 01777);
	mkdir("/proc", 0555);
	if (access("/proc/self", F_OK))
		mount("proc", "/proc", "proc", 0, NULL);
	REQUIRE(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	snprintf(text, sizeof(text), "|%s wait", self);
	set_core_pattern(text);
	unlink(STARTED);
	unlink(GO);
	pid_t pid = fork();

	if (!pid) {
		dump_much();
		_exit(1);
	}
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	wait_for(STARTED);
	CHECK_ERR(syscall(SYS_process_mrelease, pidfd, 0), EINVAL);
	make(GO);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WCOREDUMP(status));
	set_core_pattern("core");
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "wait"))
		return keep_waiting();
	return test_run();
}
