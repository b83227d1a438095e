/* debugfs: mounting, the options of its root, who may; as Linux's. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include "test.h"

#define AT "/tmp/dbg"

static void playground(void)
{
	if (geteuid())
		exit(0);
	REQUIRE(!unshare(CLONE_NEWNS));
	REQUIRE(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	mkdir(AT, 0755);
}

TEST(debugfs_is_root_only_by_default)
{
	struct stat st;
	struct statfs fs;

	playground();
	REQUIRE(!mount("none", AT, "debugfs", 0, "uid=0,gid=0,mode=0700"));
	REQUIRE(!stat(AT, &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 0700);
	CHECK_EQ(st.st_uid, 0);
	REQUIRE(!statfs(AT, &fs));
	CHECK_EQ(fs.f_type, DEBUGFS_MAGIC);
	CHECK_ERR(mkdir(AT "/x", 0755), EPERM);
	CHECK_ERR(open(AT "/x", O_CREAT | O_WRONLY, 0644), EACCES);
	REQUIRE(!umount(AT));
}

TEST(debugfs_options_hold_for_all_mounts)
{
	struct stat st;

	playground();
	REQUIRE(!mount("none", AT, "debugfs", 0, "uid=7,gid=8,mode=751,whatever=3"));
	REQUIRE(!stat(AT, &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 0751);
	CHECK_EQ(st.st_uid, 7);
	CHECK_EQ(st.st_gid, 8);
	mkdir(AT "2", 0755);
	REQUIRE(!mount("none", AT "2", "debugfs", 0, "mode=700"));
	REQUIRE(!stat(AT, &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 0700);
	REQUIRE(!umount(AT));
	/* What is no number is ignored, what is too large is not. */
	REQUIRE(!mount("none", AT, "debugfs", 0, "mode=9,uid=x"));
	REQUIRE(!umount(AT));
	CHECK_ERR(mount("none", AT, "debugfs", 0, "gid=4294967295"), EINVAL);
	REQUIRE(!mount("none", AT "2", "debugfs", MS_REMOUNT, "uid=0,gid=0,mode=700"));
	REQUIRE(!stat(AT "2", &st));
	CHECK_EQ(st.st_uid, 0);
	REQUIRE(!umount(AT "2"));
}

TEST(debugfs_needs_the_first_user_namespace)
{
	if (geteuid())
		exit(0);
	mkdir(AT, 0755);
	REQUIRE(!unshare(CLONE_NEWUSER | CLONE_NEWNS));
	CHECK_ERR(mount("none", AT, "debugfs", 0, NULL), EPERM);
}

/* Not on Linux. */
TEST(every_use_of_memory_has_a_name)
{
	char text[2048];

	playground();
	REQUIRE(!mount("none", AT, "debugfs", 0, NULL));
	int fd = open(AT "/page_types", O_RDONLY);

	if (fd < 0)
		exit(0);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	REQUIRE(n > 0);
	text[n] = 0;
	CHECK(strstr(text, "\nkernel "));
	CHECK(strstr(text, "\ncma "));
	CHECK(!strstr(text, "(null)"));
}

TEST(debugfs_place_in_sysfs)
{
	struct stat st;

	if (stat("/sys/kernel", &st))
		exit(0); /* sysfs is not mounted */
	REQUIRE(!stat("/sys/kernel/debug", &st));
	CHECK(S_ISDIR(st.st_mode));
}

/* Neighbours of the same size and permissions are one line, from the first address on. */
TEST(debugfs_page_tables_are_runs)
{
	char line[128], last[128] = "";
	const size_t tail = strlen("0x0000000000000000-0x0000000000000000   123456789K");
	unsigned int lines = 0;
	FILE *f;

	playground();
	REQUIRE(!mount("none", AT, "debugfs", 0, NULL));
	f = fopen(AT "/page_tables/kernel", "r");
	if (!f && !in_test_machine())
		exit(0);
	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		int mark = !strncmp(line, "---[", 4);

		REQUIRE(mark || strlen(line) > tail);
		CHECK(mark || strcmp(line + tail, last));
		strcpy(last, mark ? "" : line + tail);
		lines += !mark;
	}
	CHECK(lines > 10);
	fclose(f);
	REQUIRE(!umount(AT));
}

int main(void)
{
	return test_run();
}
