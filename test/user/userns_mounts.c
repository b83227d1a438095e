/* What root of a user namespace may mount of the namespaces that it did not make. */
#include "test.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME)

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* Root of a user namespace, of a mount namespace and of what @flags say, and nobody outside. */
static void enter(int flags)
{
	mkdir("/proc", 0555);
	if (access("/proc/self", F_OK))
		mount("proc", "/proc", "proc", FLAGS, NULL);
	mkdir("/sys", 0555);
	if (access("/sys/kernel", F_OK))
		mount("sysfs", "/sys", "sysfs", FLAGS, NULL);
	mkdir("/tmp", 01777);
	REQUIRE(!mkdir("/tmp/place", 0777) || errno == EEXIST);
	REQUIRE(!setresgid(1000, 1000, 1000) && !setresuid(1000, 1000, 1000));
	REQUIRE(!prctl(PR_SET_DUMPABLE, 1));
	REQUIRE(!unshare(CLONE_NEWUSER | CLONE_NEWNS | flags));
	write_text("/proc/self/uid_map", "0 1000 1");
	write_text("/proc/self/setgroups", "deny");
	write_text("/proc/self/gid_map", "0 1000 1");
}

TEST(not_of_the_namespaces_outside)
{
	enter(0);
	CHECK_ERR(mount("none", "/tmp/place", "proc", FLAGS, NULL), EPERM);
	CHECK_ERR(mount("none", "/tmp/place", "sysfs", FLAGS, NULL), EPERM);
	CHECK_ERR(mount("none", "/tmp/place", "mqueue", FLAGS, NULL), EPERM);
	CHECK_EQ(mount("none", "/tmp/place", "tmpfs", FLAGS, NULL), 0);
}

TEST(nor_by_a_context)
{
	enter(0);
	int fd = (int)syscall(SYS_fsopen, "proc", 0);

	REQUIRE(fd >= 0);
	CHECK_ERR(syscall(SYS_fsconfig, fd, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0), EPERM);
}

TEST(of_its_own_namespaces)
{
	int status = -1;

	enter(CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET);
	CHECK_EQ(mount("none", "/tmp/place", "mqueue", FLAGS, NULL), 0);
	CHECK_EQ(mount("none", "/tmp/place", "sysfs", FLAGS, NULL), 0);
	/* Its own is that of its children. */
	CHECK_ERR(mount("none", "/tmp/place", "proc", FLAGS, NULL), EPERM);
	pid_t pid = fork();

	if (!pid)
		_exit(mount("none", "/tmp/place", "proc", FLAGS, NULL) ? errno : 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/* A /proc whose super is read-only, while its mount is not. */
static void replace_proc(void)
{
	int fd = (int)syscall(SYS_fsopen, "proc", 0), m;

	REQUIRE(fd >= 0 && !syscall(SYS_fsconfig, fd, 0 /* FSCONFIG_SET_FLAG */, "ro", NULL, 0));
	REQUIRE(!syscall(SYS_fsconfig, fd, 6, NULL, NULL, 0));
	m = (int)syscall(SYS_fsmount, fd, 0, 0xe /* as FLAGS */);
	while (!umount2("/proc", MNT_DETACH))
		;
	REQUIRE(m >= 0 && !syscall(SYS_move_mount, m, "", AT_FDCWD, "/proc", 4));
}

TEST(not_writable_where_all_there_is_is_not)
{
	int status = -1;

	mkdir("/proc", 0555);
	mkdir("/tmp", 01777);
	REQUIRE(!mkdir("/tmp/place", 0777) || errno == EEXIST);
	REQUIRE(!unshare(CLONE_NEWNS) && !mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	replace_proc();
	REQUIRE(!unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID));
	pid_t pid = fork();

	if (!pid) {
		CHECK_ERR(mount("none", "/tmp/place", "proc", FLAGS, NULL), EPERM);
		CHECK_EQ(mount("none", "/tmp/place", "proc", FLAGS | MS_RDONLY, NULL), 0);
		CHECK_ERR(mount("", "/tmp/place", NULL, MS_REMOUNT | MS_BIND | FLAGS, NULL), EPERM);
		fflush(stdout);
		_exit(test_failures);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

int main(void)
{
	return test_run();
}
