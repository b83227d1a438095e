/* A pid namespace whose first process could not be made. */
#include "test.h"
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

TEST(numbers_that_are_taken_close_nothing)
{
	pid_t numbers[2] = {1, getpid()}, own = 0;
	struct clone_args a = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)numbers, .set_tid_size = 2};
	int ends[2], status = -1;

	REQUIRE(!unshare(CLONE_NEWPID) && !pipe(ends));
	CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EEXIST);
	pid_t pid = fork();

	if (!pid) {
		own = getpid();
		_exit(write(ends[1], &own, sizeof(own)) != sizeof(own));
	}
	REQUIRE(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(read(ends[0], &own, sizeof(own)), sizeof(own));
	CHECK_EQ(own, 1);
	/* That was its init. */
	CHECK_ERR(fork(), ENOMEM);
}

int main(void)
{
	return test_run();
}
