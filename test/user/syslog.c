/* syslog(2), the kernel's log as dmesg and klogd read it. */
#include "test.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>

enum {
	READ = 2,
	READ_ALL,
	READ_CLEAR,
	CLEAR,
	CONSOLE_OFF,
	CONSOLE_ON,
	CONSOLE_LEVEL,
	UNREAD,
	BUFFER
};

static long sys_log(int action, char *buf, int len)
{
	return syscall(SYS_syslog, action, buf, len);
}

static void say(const char *text)
{
	int fd = open("/dev/kmsg", O_WRONLY);

	REQUIRE(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

TEST(bad_arguments)
{
	char c;

	if (sys_log(BUFFER, NULL, 0) < 0) {
		CHECK_EQ(errno, EPERM);
		return;
	}
	CHECK_ERR(sys_log(-1, &c, 1), EINVAL);
	CHECK_ERR(sys_log(11, &c, 1), EINVAL);
	CHECK_ERR(sys_log(READ, NULL, 1), EINVAL);
	CHECK_ERR(sys_log(READ, &c, -1), EINVAL);
	CHECK_EQ(sys_log(READ, &c, 0), 0);
	CHECK_EQ(sys_log(READ_ALL, &c, 0), 0);
	CHECK_ERR(sys_log(CONSOLE_LEVEL, NULL, 0), EINVAL);
	CHECK_ERR(sys_log(CONSOLE_LEVEL, NULL, 9), EINVAL);
	CHECK_EQ(sys_log(0, NULL, 0), 0);
	CHECK_EQ(sys_log(1, NULL, 0), 0);
}

TEST(the_last_lines)
{
	char buf[200];
	long n;

	if (!in_test_machine())
		return;
	say("<13>corbel: a line\n");
	CHECK_ERR(sys_log(READ_ALL, (char *)8, 100), EFAULT);
	say("<13>corbel: two\nlines\n");
	/* Whole records, the newest that fit. */
	n = sys_log(READ_ALL, buf, sizeof(buf) - 1);
	REQUIRE(n > 0);
	buf[n] = '\0';
	CHECK(strstr(buf, "] corbel: a line\n") != NULL);
	CHECK_EQ(buf[0], '<');
	CHECK_EQ(buf[n - 1], '\n');
	CHECK(strstr(buf, "<13>[") != NULL);
}

TEST(clearing)
{
	char buf[4096];
	long n, unread;

	if (!in_test_machine())
		return;
	say("<13>corbel: before\n");
	unread = sys_log(UNREAD, NULL, 0);
	CHECK(unread > 0);
	n = sys_log(READ_CLEAR, buf, sizeof(buf) - 1);
	REQUIRE(n > 0);
	buf[n] = '\0';
	CHECK(strstr(buf, "corbel: before") != NULL);
	CHECK_EQ(sys_log(READ_ALL, buf, sizeof(buf)), 0);
	/* What was cleared is not read: READ has a place of its own. */
	CHECK_EQ(sys_log(UNREAD, NULL, 0), unread);
	say("<13>corbel: after\n");
	n = sys_log(READ_ALL, buf, sizeof(buf) - 1);
	REQUIRE(n > 0);
	buf[n] = '\0';
	CHECK(strstr(buf, "corbel: after") != NULL && strstr(buf, "corbel: before") == NULL);
	CHECK_EQ(sys_log(CLEAR, NULL, 0), 0);
	CHECK_EQ(sys_log(READ_ALL, buf, sizeof(buf)), 0);
}

TEST(reading_takes)
{
	char buf[1 << 12];
	int status, p[2];
	pid_t pid;

	if (!in_test_machine())
		return;
	while (sys_log(UNREAD, NULL, 0) > 0)
		REQUIRE(sys_log(READ, buf, sizeof(buf)) > 0);
	CHECK_EQ(sys_log(UNREAD, NULL, 0), 0);
	/* A reader waits for the next line. */
	REQUIRE(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		long n = sys_log(READ, buf, sizeof(buf) - 1);

		buf[n > 0 ? n : 0] = '\0';
		_exit(strstr(buf, "corbel: wake up\n") ? 0 : 1);
	}
	usleep(20000);
	say("<13>corbel: wake up\n");
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	/* In pieces: the rest of a record stays for the next call. */
	say("<13>corbel: pieces\n");
	REQUIRE(sys_log(READ, buf, 6) == 6);
	CHECK(memcmp(buf, "<13>[", 5) == 0);
	CHECK(sys_log(READ, buf + 6, sizeof(buf) - 7) > 0);
	CHECK_EQ(sys_log(UNREAD, NULL, 0), 0);
}

TEST(without_privilege)
{
	char buf[64];

	if (!in_test_machine())
		return;
	REQUIRE(setresuid(65534, 65534, 65534) == 0);
	CHECK_ERR(sys_log(READ, buf, sizeof(buf)), EPERM);
	CHECK_ERR(sys_log(READ_CLEAR, buf, sizeof(buf)), EPERM);
	CHECK_ERR(sys_log(CLEAR, NULL, 0), EPERM);
	CHECK_ERR(sys_log(CONSOLE_OFF, NULL, 0), EPERM);
	CHECK_ERR(sys_log(CONSOLE_LEVEL, NULL, 4), EPERM);
	CHECK_ERR(sys_log(UNREAD, NULL, 0), EPERM);
}

int main(void)
{
	return test_run();
}
