/* user_namespaces(7): maps, ids at every boundary, capabilities inside and outside. */
#include "ns.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int reap(pid_t pid)
{
	int st;

	return waitpid(pid, &st, 0) == pid && WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

/* A child in a new user namespace that waits until its maps are written, then runs @fn. */
static pid_t start_child(int (*fn)(void), int go[2])
{
	if (pipe(go))
		return -1;
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (!pid) {
		char c;

		close(go[1]);
		if (read(go[0], &c, 1) != 0)
			_exit(99);
		int r = fn();

		fflush(stdout);
		_exit(r || test_failures);
	}
	close(go[0]);
	return pid;
}

static void map_path(char *buf, size_t size, pid_t pid, const char *name)
{
	snprintf(buf, size, "/proc/%d/%s", pid, name);
}

static int map_child(pid_t pid, const char *name, const char *text)
{
	char path[64];

	map_path(path, sizeof(path), pid, name);
	return write_text(path, text);
}

TEST(first_namespace_is_identity)
{
	char text[128];

	CHECK(read_text("/proc/self/uid_map", text, sizeof(text)) >= 0);
	CHECK(!strcmp(text, "         0          0 4294967295\n"));
	CHECK(read_text("/proc/self/setgroups", text, sizeof(text)) >= 0);
	CHECK(!strcmp(text, "allow\n"));
	CHECK_ERR(write_text("/proc/self/uid_map", "0 0 1"), EPERM);
}

static int unmapped(void)
{
	struct stat st;

	CHECK_EQ(getuid(), 65534);
	CHECK_EQ(geteuid(), 65534);
	CHECK_EQ(getgid(), 65534);
	CHECK_EQ(stat("/proc/self", &st), 0);
	CHECK_EQ(st.st_uid, 65534);
	CHECK_ERR(setuid(0), EINVAL);
	CHECK_ERR(setgroups(0, NULL), EPERM);
	return 0;
}

TEST(without_maps_nobody_has_a_name)
{
	int go[2];
	pid_t pid = start_child(unmapped, go);

	REQUIRE(pid > 0);
	close(go[1]);
	CHECK_EQ(reap(pid), 0);
}

static int mapped(void)
{
	char text[256];
	uid_t r, e, s;
	struct stat st;

	CHECK_EQ(getuid(), 65534); /* 0 outside has no name here */
	CHECK_EQ(setresgid(0, 0, 0), 0);
	CHECK_EQ(setresuid(0, 0, 0), 0);
	CHECK_EQ(getuid(), 0);
	CHECK_EQ(getgid(), 0);
	CHECK(read_text("/proc/self/uid_map", text, sizeof(text)) >= 0);
	CHECK(!strcmp(text,
		      "         0     100000       1000\n      2000     200000          1\n"));
	gid_t groups[2] = {5, 7}, got[4];

	CHECK_EQ(setgroups(2, groups), 0);
	CHECK_EQ(getgroups(4, got), 2);
	CHECK_EQ(got[1], 7);
	groups[0] = 1000;
	CHECK_ERR(setgroups(2, groups), EINVAL);
	CHECK_ERR(setuid(1000), EINVAL);
	CHECK_EQ(setresuid(-1, 2000, -1), 0);
	CHECK_EQ(getresuid(&r, &e, &s), 0);
	CHECK_EQ(r, 0);
	CHECK_EQ(e, 2000);
	CHECK_EQ(seteuid(0), 0);
	int fd = open("/tmp/userns-file", O_CREAT | O_RDWR, 0600);

	CHECK(fd >= 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_uid, 0);
	CHECK_EQ(fchown(fd, 999, 999), 0);
	CHECK_ERR(fchown(fd, 1500, -1), EINVAL);
	close(fd);
	CHECK_EQ(stat("/tmp/userns-file", &st), 0);
	CHECK_EQ(st.st_uid, 999);
	CHECK_EQ(unlink("/tmp/userns-file") + 0, 0);
	/* Root's own things are out of reach. */
	CHECK_EQ(stat("/tmp/userns-root", &st), 0);
	CHECK_EQ(st.st_uid, 65534);
	CHECK_ERR(open("/tmp/userns-root", O_RDONLY), EACCES);
	CHECK_ERR(chown("/tmp/userns-root", 0, 0), EPERM);
	CHECK_ERR(chmod("/tmp/userns-root", 0777), EPERM);
	CHECK_ERR(mknod("/tmp/userns-dev", S_IFCHR | 0600, 0x103), EPERM);
	CHECK_ERR(kill(1, 0), EPERM);
	CHECK_ERR(sethostname("x", 1), EPERM);
	CHECK_EQ(unshare(CLONE_NEWUTS), 0);
	CHECK_EQ(sethostname("x", 1), 0);
	CHECK(read_text("/proc/self/status", text, sizeof(text)) >= 0);
	return 0;
}

TEST(ids_are_translated)
{
	int go[2];

	mkdir("/tmp", 01777);
	chmod("/tmp", 01777);
	close(open("/tmp/userns-root", O_CREAT | O_RDWR, 0600));
	pid_t pid = start_child(mapped, go);

	REQUIRE(pid > 0);
	CHECK_EQ(map_child(pid, "uid_map", "0 100000 1000\n2000 200000 1\n"), 0);
	CHECK_EQ(map_child(pid, "gid_map", "0 100000 1000"), 0);
	CHECK_ERR(map_child(pid, "gid_map", "0 100000 1000"), EPERM);
	char path[64], text[256];

	map_path(path, sizeof(path), pid, "uid_map");
	CHECK(read_text(path, text, sizeof(text)) >= 0);
	CHECK(!strcmp(text,
		      "         0     100000       1000\n      2000     200000          1\n"));
	close(go[1]);
	CHECK_EQ(reap(pid), 0);
	unlink("/tmp/userns-root");
}

static int nothing(void)
{
	return 0;
}

TEST(maps_are_judged)
{
	static const struct {
		const char *text;
		int err;
	} bad[] = {
		{"", 0},
		{"\n", EINVAL},
		{"0 0", EINVAL},
		{"0 0 0", EINVAL},
		{"a 0 1", EINVAL},
		{"0 0 1 1", EINVAL},
		{"-1 0 1", EINVAL},
		{"0 0 4294967296", EINVAL},
		{"4294967295 0 1", EINVAL},
		{"0 4294967295 1", EINVAL},
		{"0 4294967294 2", EINVAL},
		{"0 0 10\n5 100 1", EINVAL},
		{"0 0 10\n20 9 1", EINVAL},
		{"0 0 1\n\n1 1 1", EINVAL},
	};
	char path[64], *many = malloc(8000);
	int go[2];
	pid_t pid = start_child(nothing, go);

	REQUIRE(pid > 0 && many);
	for (size_t i = 1; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_ERR(map_child(pid, "uid_map", bad[i].text), bad[i].err);
	/* 340 are allowed, 341 are not. */
	int n = 0;

	for (int i = 0; i < 341; i++)
		n += snprintf(many + n, 8000 - (size_t)n, "%d %d 1\n", i * 2, i * 2);
	CHECK_ERR(map_child(pid, "uid_map", many), n >= 4096 ? EINVAL : EINVAL);
	n = 0;
	for (int i = 0; i < 340; i++)
		n += snprintf(many + n, 8000 - (size_t)n, "%d %d 1\n", i * 2, i * 2);
	if (n < 4096)
		CHECK_EQ(map_child(pid, "uid_map", many), 0);
	map_path(path, sizeof(path), pid, "gid_map");
	int fd = open(path, O_WRONLY);

	CHECK_ERR(pwrite(fd, "0 0 1", 5, 1), ESPIPE);
	CHECK_EQ(write(fd, "0 0 1", 5), 5);
	CHECK_ERR(write(fd, "0 0 1", 5), EINVAL);
	close(fd);
	CHECK_EQ(map_child(pid, "projid_map", "0 0 1"), 0);
	close(go[1]);
	CHECK_EQ(reap(pid), 0);
}

/* Two extents of the parent at the right distance are no single one: between are others' ids. */
static int maps_across_a_gap(void)
{
	int go[2];

	CHECK_EQ(setresgid(0, 0, 0), 0);
	CHECK_EQ(setresuid(0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	pid_t pid = start_child(nothing, go);

	if (pid < 0)
		return 1;
	CHECK_ERR(map_child(pid, "uid_map", "0 0 3000"), EPERM);
	CHECK_ERR(map_child(pid, "uid_map", "0 999 1002"), EPERM);
	CHECK_ERR(map_child(pid, "uid_map", "0 999 2"), EPERM);
	CHECK_ERR(map_child(pid, "gid_map", "0 0 3000"), EPERM);
	CHECK_EQ(map_child(pid, "uid_map", "0 0 1000\n1000 2000 1000"), 0);
	close(go[1]);
	return reap(pid);
}

TEST(a_map_lies_in_one_extent_of_the_parent)
{
	int go[2];
	pid_t pid = start_child(maps_across_a_gap, go);

	REQUIRE(pid > 0);
	CHECK_EQ(map_child(pid, "uid_map", "0 100000 1000\n2000 102000 1000"), 0);
	CHECK_EQ(map_child(pid, "gid_map", "0 100000 1000\n2000 102000 1000"), 0);
	close(go[1]);
	CHECK_EQ(reap(pid), 0);
}

TEST(ordinary_user)
{
	char text[128];

	REQUIRE(!setgroups(0, NULL) && !setresgid(1000, 1000, 1000) &&
		!setresuid(1000, 1000, 1000));
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	CHECK_EQ(unshare(CLONE_NEWUSER), 0);
	CHECK_ERR(write_text("/proc/self/uid_map", "0 0 1"), EPERM);
	CHECK_ERR(write_text("/proc/self/uid_map", "0 1000 2"), EPERM);
	CHECK_ERR(write_text("/proc/self/gid_map", "0 1000 1"), EPERM);
	CHECK_EQ(write_text("/proc/self/uid_map", "0 1000 1"), 0);
	CHECK_ERR(write_text("/proc/self/setgroups", "perhaps"), EINVAL);
	CHECK_EQ(write_text("/proc/self/setgroups", "deny"), 0);
	CHECK_ERR(write_text("/proc/self/setgroups", "allow"), EPERM);
	CHECK_EQ(write_text("/proc/self/gid_map", "0 1000 1"), 0);
	CHECK(read_text("/proc/self/setgroups", text, sizeof(text)) >= 0);
	CHECK(!strcmp(text, "deny\n"));
	CHECK_EQ(getuid(), 0);
	CHECK_EQ(getgid(), 0);
	CHECK_ERR(setgroups(0, NULL), EPERM);
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	CHECK_EQ(syscall(SYS_capget, &h, d), 0);
	CHECK_EQ(d[0].effective, 0xffffffff);
	CHECK_EQ(unshare(CLONE_NEWUTS), 0);
	CHECK_EQ(sethostname("mine", 4), 0);
	CHECK_ERR(mknod("/tmp/dev", S_IFCHR | 0600, 0x103), EPERM);
	CHECK_ERR(syscall(SYS_settimeofday, &(struct timeval){1, 0}, NULL), EPERM);
	CHECK_ERR(chroot("/nowhere"), ENOENT);
	CHECK_EQ(chroot("/"), 0);
	CHECK_ERR(setresuid(1, 1, 1), EINVAL);
	CHECK_EQ(setresuid(0, 0, 0), 0);
}

TEST(setns_into_a_user_namespace)
{
	int go[2];
	char path[64];

	pid_t pid = start_child(nothing, go);

	REQUIRE(pid > 0);
	CHECK_EQ(map_child(pid, "uid_map", "0 0 1"), 0);
	CHECK_EQ(map_child(pid, "gid_map", "0 0 1"), 0);
	map_path(path, sizeof(path), pid, "ns/user");
	int fd = open(path, O_RDONLY), own = open("/proc/self/ns/user", O_RDONLY);

	CHECK_ERR(setns(own, CLONE_NEWUSER), EINVAL);
	CHECK_EQ(setns(fd, CLONE_NEWUSER), 0);
	CHECK_EQ(getuid(), 0);
	CHECK_ERR(setns(fd, CLONE_NEWUSER), EINVAL);
	CHECK_ERR(setns(own, CLONE_NEWUSER), EPERM);
	CHECK_ERR(sethostname("x", 1), EPERM);
	close(go[1]);
	CHECK_EQ(reap(pid), 0);
}

static int write_max(const char *text)
{
	int fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY);

	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));

	close(fd);
	return n < 0 ? -1 : 0;
}

static long read_max(void)
{
	char buf[16] = "";
	int fd = open("/proc/sys/user/max_user_namespaces", O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	close(fd);
	return n > 0 ? atol(buf) : -1;
}

/* Whoever has no name may not make another namespace. */
static int become_mapped(void)
{
	return write_text("/proc/self/uid_map", "0 1000 1") ||
	       write_text("/proc/self/setgroups", "deny") ||
	       write_text("/proc/self/gid_map", "0 1000 1");
}

/* Who rules a user namespace limits it, and all below count for it. */
TEST(limits_of_a_user_namespace)
{
	long outside = read_max();
	pid_t pid = fork();

	if (!pid) {
		CHECK(!setresgid(1000, 1000, 1000) && !setresuid(1000, 1000, 1000));
		CHECK_ERR(write_max("5"), EACCES);
		CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
		REQUIRE(!unshare(CLONE_NEWUSER));
		REQUIRE(!become_mapped());
		CHECK_EQ(read_max(), 2147483647);
		CHECK_ERR(write_max("-1"), EINVAL);
		CHECK_EQ(write_max("1"), 0);
		CHECK_EQ(read_max(), 1);
		CHECK_EQ(unshare(CLONE_NEWUSER), 0);
		/* Inside its own limit is another; the one above is reached. */
		CHECK_EQ(read_max(), 2147483647);
		CHECK_ERR(unshare(CLONE_NEWUSER), ENOSPC);
		CHECK_EQ(write_max("10"), 0);
		CHECK_ERR(unshare(CLONE_NEWUSER), ENOSPC);
		fflush(stdout);
		_exit(test_failures != 0);
	}
	int st;

	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_EQ(st, 0);
	CHECK_EQ(read_max(), outside);
}

/* Variables of the machine ask who one is, not what capabilities one has. */
TEST(other_variables_take_root)
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		CHECK(!prctl(PR_SET_KEEPCAPS, 1) && !setresgid(1000, 1000, 1000) &&
		      !setgroups(0, NULL) && !setresuid(1000, 1000, 1000));
		struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
		struct __user_cap_data_struct d[2];

		CHECK_EQ(syscall(SYS_capget, &h, d), 0);
		d[0].effective = d[0].permitted;
		d[1].effective = d[1].permitted;
		CHECK_EQ(syscall(SYS_capset, &h, d), 0);
		CHECK_ERR(open("/proc/sys/kernel/hostname", O_WRONLY), EACCES);
		CHECK_ERR(open("/proc/sys/kernel/pid_max", O_WRONLY), EACCES);
		CHECK(open("/proc/sys/kernel/pid_max", O_RDONLY) >= 0);
		fflush(stdout);
		_exit(test_failures != 0);
	}
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_EQ(st, 0);
}

/* The tmpfs of a user namespace knows ten ids; those of others are nobody's there. */
TEST(strangers_in_a_file_system)
{
	int ready[2], done[2], status;
	char c, path[64], dir[64];

	if (geteuid())
		return;
	mkdir("/tmp", 01777);
	mkdir("/tmp/us", 0755);
	REQUIRE(!pipe(ready) && !pipe(done));
	pid_t pid = fork();

	if (!pid) {
		REQUIRE(!unshare(CLONE_NEWUSER | CLONE_NEWNS));
		REQUIRE(write(ready[1], "x", 1) == 1 && read(done[0], &c, 1) == 1);
		REQUIRE(!setresgid(0, 0, 0) && !setresuid(0, 0, 0));
		REQUIRE(!mount("t", "/tmp/us", "tmpfs", 0, "mode=777"));
		close(open("/tmp/us/f", O_CREAT | O_WRONLY, 0666));
		REQUIRE(write(ready[1], "x", 1) == 1 && read(done[0], &c, 1) == 1);
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	CHECK_EQ(write_text(path, "0 1000 10"), 0);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	CHECK_EQ(write_text(path, "0 1000 10"), 0);
	CHECK_EQ(write(done[1], "x", 1), 1);
	CHECK_EQ(read(ready[0], &c, 1), 1);
	snprintf(dir, sizeof(dir), "/proc/%d/root/tmp/us", pid);
	REQUIRE(!chdir(dir));
	CHECK_ERR(open("new", O_CREAT | O_WRONLY, 0600), EOVERFLOW);
	CHECK_ERR(mkdir("d", 0700), EOVERFLOW);
	CHECK_ERR(symlink("f", "l"), EOVERFLOW);
	CHECK_ERR(mknod("p", S_IFIFO | 0600, 0), EOVERFLOW);
	CHECK_ERR(link("f", "h"), EOVERFLOW);
	CHECK_ERR(rename("f", "g"), EOVERFLOW);
	int fd = open("f", O_CREAT | O_WRONLY, 0600);

	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(chown("f", 5, 5), 0);
	CHECK_EQ(chown("f", 1003, 1004), 0);
	CHECK_EQ(unlink("f"), 0);
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(write(done[1], "x", 1), 1);
	CHECK(waitpid(pid, &status, 0) == pid && !status);
}

TEST(chrooted_may_not)
{
	mkdir("/tmp", 01777);
	CHECK_EQ(chroot("/tmp"), 0);
	CHECK_ERR(unshare(CLONE_NEWUSER), EPERM);
}

TEST(unmapped_creator_may_not)
{
	int go[2];

	(void)go;
	CHECK_EQ(unshare(CLONE_NEWUSER), 0);
	CHECK_ERR(unshare(CLONE_NEWUSER), EPERM);
}

int main(void)
{
	return test_run();
}
