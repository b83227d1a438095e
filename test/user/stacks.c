/* How deep kernel stacks get: /sys/kernel/stack, which Linux has not, and kstack_* of /proc/vmstat.
 */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define DIR "/sys/kernel/stack/"
#define STACK_SIZE 16384u

static int here(void)
{
	return !access(DIR "enabled", F_OK);
}

static char text[65536];

static char *read_all(const char *path)
{
	int fd = open(path, O_RDONLY);
	size_t at = 0;
	ssize_t n;

	REQUIRE(fd >= 0);
	while ((n = read(fd, text + at, sizeof(text) - 1 - at)) > 0)
		at += (size_t)n;
	CHECK(!n);
	text[at] = 0;
	close(fd);
	return text;
}

static int write_to(const char *path, const char *what)
{
	int fd = open(path, O_WRONLY);

	REQUIRE(fd >= 0);
	ssize_t n = write(fd, what, strlen(what));
	int err = n < 0 ? errno : 0;

	close(fd);
	return err;
}

static unsigned int depth_of(const char *call)
{
	char *line = read_all(DIR "syscalls");
	unsigned int depth, count;
	char name[64];

	for (; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (sscanf(line, "%u %u %63s", &depth, &count, name) == 3 && !strcmp(name, call))
			return count ? depth : 0;
	return 0;
}

static unsigned long ended(void)
{
	char *line = read_all("/proc/vmstat");
	unsigned long sum = 0, n;
	unsigned int kib;

	while ((line = strstr(line, "\nkstack_"))) {
		if (sscanf(line, "\nkstack_%uk %lu", &kib, &n) == 2)
			sum += n;
		line++;
	}
	return sum;
}

static void *nothing(void *arg)
{
	return arg;
}

TEST(the_watch_measures_calls)
{
	struct stat st;

	if (!here())
		return;
	CHECK(!write_to(DIR "enabled", "1\n"));
	CHECK(!strcmp(read_all(DIR "enabled"), "1\n"));
	for (int i = 0; i < 3; i++) {
		CHECK(!stat("/proc/self/status", &st));
		read_all("/proc/self/maps");
		syscall(SYS_getppid);
	}
	unsigned int simple = depth_of("getppid"), deep = depth_of("openat");

	CHECK(simple >= 128 && simple < STACK_SIZE / 2);
	CHECK(deep > simple && deep < STACK_SIZE);
	unsigned int depth = 0, of = 0;

	CHECK_EQ(sscanf(read_all(DIR "deepest"), "depth %u of %u", &depth, &of), 2);
	CHECK_EQ(of, STACK_SIZE);
	CHECK(depth >= deep && depth < STACK_SIZE);
	CHECK(strstr(text, "\npid ") && strstr(text, " call ") && strstr(text, "+0x"));
}

TEST(tasks_that_end_are_counted)
{
	if (!here())
		return;
	unsigned long before = ended();
	pthread_t t;
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(0);
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	CHECK(!pthread_create(&t, NULL, nothing, NULL) && !pthread_join(t, NULL));
	/* The stack goes a moment after the task. */
	for (int i = 0; i < 1000 && ended() < before + 2; i++)
		usleep(1000);
	CHECK(ended() >= before + 2);
	CHECK(depth_of("exit_group") || depth_of("exit"));
}

TEST(each_task_has_its_figure)
{
	char want[32];
	unsigned int depth, left;
	int found = 0, pid;
	char *line;

	if (!here())
		return;
	snprintf(want, sizeof(want), "%d", getpid());
	for (line = read_all(DIR "tasks"); line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (sscanf(line, "%u %u %d", &depth, &left, &pid) != 3)
			continue;
		CHECK_EQ(depth + left, STACK_SIZE);
		CHECK(depth > 0 && left > 0);
		found += pid == getpid();
	}
	CHECK_EQ(found, 1);
}

TEST(switched_off_nothing_is_counted)
{
	if (!here())
		return;
	CHECK(!write_to(DIR "enabled", "0"));
	CHECK(!strcmp(read_all(DIR "enabled"), "0\n"));
	CHECK(!write_to(DIR "deepest", "0"));
	syscall(SYS_getppid);
	CHECK_EQ(depth_of("getppid"), 0);
	CHECK_EQ(write_to(DIR "enabled", "2"), EINVAL);
	CHECK_EQ(write_to(DIR "enabled", "yes"), EINVAL);
	/* Known all the same: memory of stacks is zero at first. */
	CHECK(strstr(read_all(DIR "tasks"), "comm"));
}

TEST(on_and_off_while_tasks_come_and_go)
{
	pthread_t t[4];
	int status;

	if (!here())
		return;
	for (int i = 0; i < 20; i++) {
		int err = write_to(DIR "enabled", i & 1 ? "0" : "1");

		CHECK(!err || err == EBUSY);
		for (int j = 0; j < 4; j++)
			CHECK(!pthread_create(&t[j], NULL, nothing, NULL));
		for (int j = 0; j < 4; j++)
			CHECK(!pthread_join(t[j], NULL));
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		CHECK(waitpid(pid, &status, 0) == pid && !status);
	}
	CHECK(!write_to(DIR "enabled", "0"));
}

int main(void)
{
	return test_run();
}
