/* exec(2) while the file changes hands. */
#include "test.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>

#define PROGRAM "/exec-races" /* where set-id bits count */
#define SECONDS 5

/* What a copy of this program exits with. */
enum { AS_ROOT = 11, AS_OWNER, AS_CALLER, NOT_RUN };

static void copy_self(void)
{
	int in, out = open(PROGRAM, O_CREAT | O_TRUNC | O_WRONLY, 0755);
	struct stat st;
	off_t at = 0;

	mkdir("/proc", 0555);
	if (access("/proc/self", F_OK))
		mount("proc", "/proc", "proc", 0, NULL);
	in = open("/proc/self/exe", O_RDONLY);
	REQUIRE(in >= 0 && out >= 0 && !fstat(in, &st));
	while (at < st.st_size)
		REQUIRE(sendfile(out, in, &at, (size_t)(st.st_size - at)) > 0);
	close(in);
	close(out);
}

static void give_to_and_fro(void)
{
	for (;;) {
		if (chown(PROGRAM, 1000, -1) || chmod(PROGRAM, 04755) || chown(PROGRAM, 0, -1))
			_exit(1);
	}
}

static int run_as_somebody(void)
{
	pid_t pid = fork();
	int status = -1;

	if (!pid) {
		if (!setresgid(1001, 1001, 1001) && !setresuid(1001, 1001, 1001))
			execl(PROGRAM, PROGRAM, "who", NULL);
		_exit(NOT_RUN);
	}
	return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
}

/* The bit is of the owner who set it: never of root, to whom chown(2) gives a file without it. */
TEST(set_user_id_bit_and_owner_belong_together)
{
	time_t end = time(NULL) + SECONDS;
	int root = 0;

	copy_self();
	pid_t giver = fork();

	if (!giver)
		give_to_and_fro();
	while (time(NULL) < end)
		root += run_as_somebody() == AS_ROOT;
	CHECK_EQ(root, 0);
	REQUIRE(giver > 0 && !kill(giver, SIGKILL) && waitpid(giver, NULL, 0) == giver);
	CHECK(!chown(PROGRAM, 1000, -1) && !chmod(PROGRAM, 04755));
	CHECK_EQ(run_as_somebody(), AS_OWNER);
	CHECK(!chmod(PROGRAM, 0755));
	CHECK_EQ(run_as_somebody(), AS_CALLER);
	unlink(PROGRAM);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return geteuid() == 0 ? AS_ROOT : geteuid() == 1000 ? AS_OWNER : AS_CALLER;
	return test_run();
}
