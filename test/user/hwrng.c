/* /dev/hwrng and its files in /sys, on a machine with or without a random device. */
#include "proc_help.h"
#include <sys/syscall.h>

#define NODE "/dev/hwrng"
#define SYS "/sys/class/misc/hw_random/"

static int has_device(void)
{
	char text[64];

	return read_text(SYS "rng_current", text, sizeof(text)) > 0 && strcmp(text, "none\n");
}

static int there(void)
{
	return !access(NODE, R_OK) && !access(SYS, F_OK);
}

TEST(only_for_reading)
{
	if (!there()) {
		printf("# skipped: no /dev/hwrng here\n");
		return;
	}
	CHECK_ERR(open(NODE, O_RDWR), EINVAL);
	CHECK_ERR(open(NODE, O_WRONLY), EINVAL);
}

TEST(without_a_device)
{
	char buf[16];
	int fd;

	if (!there() || has_device()) {
		printf("# skipped: there is a device, or no /dev/hwrng\n");
		return;
	}
	fd = open(NODE, O_RDONLY);
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, buf, sizeof(buf)), ENODEV);
	CHECK(read(fd, buf, 0) == 0);
	close(fd);
	CHECK(read_text(SYS "rng_available", buf, sizeof(buf)) == 1 && buf[0] == '\n');
	CHECK(read_text(SYS "rng_selected", buf, sizeof(buf)) == 2 && !strcmp(buf, "0\n"));
	CHECK_EQ(write_text(SYS "rng_current", "virtio_rng.0\n"), 0); /* nobody of that name */
	CHECK_EQ(write_text(SYS "rng_current", "\n"), 0);
	CHECK(read_text(SYS "rng_quality", buf, sizeof(buf)) < 0);
}

TEST(with_a_device)
{
	unsigned char a[256], b[256];
	char name[64], all[64], text[64];
	int fd;

	if (!there() || !has_device()) {
		printf("# skipped: no random device\n");
		return;
	}
	fd = open(NODE, O_RDONLY);
	CHECK(fd >= 0);
	CHECK(read(fd, a, sizeof(a)) == sizeof(a));
	CHECK(read(fd, b, sizeof(b)) == sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	CHECK_ERR(syscall(SYS_read, fd, 8, 16), EFAULT);
	close(fd);
	CHECK(read_text(SYS "rng_current", name, sizeof(name)) > 1);
	CHECK(read_text(SYS "rng_available", all, sizeof(all)) > 1);
	name[strlen(name) - 1] = 0;
	CHECK(strstr(all, name) != NULL);
	CHECK_EQ(write_text(SYS "rng_current", "no-such-device"), 0);
	CHECK(read_text(SYS "rng_selected", text, sizeof(text)) > 0 && !strcmp(text, "0\n"));
	CHECK(write_text(SYS "rng_current", name) == 0);
	CHECK(read_text(SYS "rng_selected", text, sizeof(text)) > 0 && !strcmp(text, "1\n"));
	CHECK(write_text(SYS "rng_current", "\n") == 0);
	CHECK(read_text(SYS "rng_selected", text, sizeof(text)) > 0 && !strcmp(text, "0\n"));
	CHECK_ERR(write_text(SYS "rng_quality", "1025"), EINVAL);
}

TEST(listed)
{
	char text[256];

	if (access(SYS, F_OK)) {
		printf("# skipped: no /dev/hwrng here\n");
		return;
	}
	CHECK(read_text("/proc/misc", text, sizeof(text)) > 0);
	CHECK(strstr(text, "183 hw_random\n") != NULL);
	CHECK(read_text(SYS "dev", text, sizeof(text)) > 0 && !strcmp(text, "10:183\n"));
	CHECK(read_text(SYS "uevent", text, sizeof(text)) > 0);
	CHECK(strstr(text, "DEVNAME=hwrng\n") != NULL);
}

int main(void)
{
	return test_run();
}
