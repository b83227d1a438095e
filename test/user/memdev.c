/* /dev/null, /dev/zero, /dev/full. */
#include "test.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static char buf[10000];

TEST(null)
{
	int fd = open("/dev/null", O_RDWR);

	REQUIRE(fd >= 0);
	CHECK_EQ(read(fd, buf, 10), 0);
	CHECK_EQ(write(fd, buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(lseek(fd, 100, SEEK_SET), 0);
	CHECK_ERR(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0), ENODEV);
}

TEST(zero_and_full)
{
	int zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
	void *volatile bad = (void *)8;

	REQUIRE(zero >= 0 && full >= 0);
	memset(buf, 1, sizeof(buf));
	CHECK_EQ(read(zero, buf, sizeof(buf)), sizeof(buf));
	CHECK(buf[0] == 0 && buf[sizeof(buf) - 1] == 0);
	CHECK_EQ(write(zero, buf, 5), 5);
	CHECK_EQ(read(full, buf, 5), 5);
	CHECK_ERR(write(full, buf, 1), ENOSPC);
	CHECK_ERR(read(zero, bad, 5), EFAULT);
}

TEST(zero_mapped)
{
	int fd = open("/dev/zero", O_RDWR), st = -1;
	char *p, *s;

	REQUIRE(fd >= 0);
	p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
	s = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(p != MAP_FAILED && s != MAP_FAILED);
	close(fd);
	CHECK(p[0] == 0 && s[16383] == 0);
	pid_t pid = fork();

	if (!pid) {
		p[5] = 'p';
		s[9000] = 's';
		_exit(0);
	}
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	CHECK_EQ(p[5], 0);
	CHECK_EQ(s[9000], 's');
	CHECK_EQ(munmap(p, 16384), 0);
	CHECK_EQ(munmap(s, 16384), 0);
}

TEST(numbers)
{
	struct stat st;

	CHECK_EQ(stat("/dev/null", &st), 0);
	CHECK_EQ(st.st_rdev, 0x103);
	CHECK_EQ(st.st_mode, S_IFCHR | 0666);
	CHECK_EQ(stat("/dev/zero", &st), 0);
	CHECK_EQ(st.st_rdev, 0x105);
}

int main(void)
{
	return test_run();
}
