/* Looking for a process by its descriptor or number while its first thread changes and goes. */
#include "test.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#define SECONDS 4
#define LOOKERS 4

static void again(void)
{
	execl("/proc/self/exe", "leader_races", "loop", NULL);
}

static void *exec_in_thread(void *arg)
{
	again();
	return arg;
}

/* Another thread execs all the time, with some memory to take down. */
static int loop(void)
{
	pthread_t t;

	if (mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
		 -1, 0) == MAP_FAILED ||
	    pthread_create(&t, NULL, exec_in_thread, NULL))
		return 1;
	for (;;)
		pause();
}

static void look(pid_t pid, int pidfd)
{
	struct rlimit r;

	for (;;) {
		int fd = (int)syscall(SYS_pidfd_getfd, pidfd, 1, 0);

		if (fd >= 0)
			close(fd);
		syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0);
		kill(pid, 0);
		prlimit(pid, RLIMIT_NOFILE, NULL, &r);
	}
}

TEST(the_first_thread_may_change)
{
	time_t end = time(NULL) + SECONDS;
	pid_t looker[LOOKERS], pid = fork();

	if (!pid) {
		again();
		_exit(1);
	}
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	REQUIRE(pidfd >= 0);
	for (int i = 0; i < LOOKERS; i++) {
		looker[i] = fork();
		if (!looker[i])
			look(pid, pidfd);
	}
	while (time(NULL) < end)
		usleep(10000);
	CHECK_EQ(kill(pid, 0), 0);
	for (int i = 0; i < LOOKERS; i++) {
		kill(looker[i], SIGKILL);
		CHECK_EQ(waitpid(looker[i], NULL, 0), looker[i]);
	}
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_ERR(syscall(SYS_pidfd_getfd, pidfd, 1, 0), ESRCH);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0), ESRCH);
}

int main(int argc, char **argv)
{
	return argc > 1 && !strcmp(argv[1], "loop") ? loop() : test_run();
}
