/* Namespaces: uts, ipc, setns by file and by process, ioctls of nsfs, limits. */
#include "ns.h"
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/utsname.h>

TEST(initial_numbers)
{
	static const struct {
		const char *name, *text;
		unsigned long ino;
	} kinds[] = {
		{"uts", "uts", 4026531838},
		{"user", "user", 4026531837},
		{"cgroup", "cgroup", 4026531835},
		{"net", "net", 0},
	};
	char path[64], text[64], want[64];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unsigned long ino = ns_ino(kinds[i].name);

		CHECK(ino >= 4026531834);
		if (kinds[i].ino)
			CHECK_EQ(ino, kinds[i].ino);
		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i].name);
		snprintf(want, sizeof(want), "%s:[%lu]", kinds[i].text, ino);
		link_text(path, text, sizeof(text));
		CHECK(!strcmp(text, want));
	}
	struct stat st;

	CHECK_EQ(lstat("/proc/self/ns/uts", &st), 0);
	CHECK_EQ(st.st_mode, S_IFLNK | 0777);
	CHECK_EQ(stat("/proc/self/ns", &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 0511);
	CHECK_EQ(stat("/proc/self/ns/uts", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0444);
	CHECK_ERR(open("/proc/self/ns/nothing", O_RDONLY), ENOENT);
	CHECK_ERR(open("/proc/self/ns/uts", O_RDWR), EPERM);
}

TEST(uts_is_apart)
{
	struct utsname u;
	unsigned long before = ns_ino("uts");
	int old = ns_file("uts");

	REQUIRE(old >= 0);
	CHECK_EQ(sethostname("outside", 7), 0);
	CHECK_EQ(unshare(CLONE_NEWUTS), 0);
	CHECK(ns_ino("uts") != before);
	CHECK_EQ(sethostname("inside", 6), 0);
	CHECK_EQ(setdomainname("dom", 3), 0);
	uname(&u);
	CHECK(!strcmp(u.nodename, "inside"));
	int inner = ns_file("uts");

	CHECK_EQ(setns(old, CLONE_NEWUTS), 0);
	CHECK_EQ(ns_ino("uts"), before);
	uname(&u);
	CHECK(!strcmp(u.nodename, "outside"));
	CHECK_EQ(setns(inner, 0), 0);
	uname(&u);
	CHECK(!strcmp(u.nodename, "inside"));
	CHECK(!strcmp(u.domainname, "dom"));
}

TEST(setns_refuses)
{
	int uts = ns_file("uts"), other = open("/proc/self/status", O_RDONLY);

	CHECK_ERR(setns(-1, 0), EBADF);
	CHECK_ERR(setns(other, 0), EINVAL);
	CHECK_ERR(setns(uts, CLONE_NEWNET), EINVAL);
	CHECK_ERR(setns(uts, CLONE_NEWUTS | CLONE_NEWNET), EINVAL);
	CHECK_EQ(setns(uts, CLONE_NEWUTS), 0);
	REQUIRE(!setresuid(1000, 1000, 1000));
	CHECK_ERR(setns(uts, CLONE_NEWUTS), EPERM);
	CHECK_ERR(unshare(CLONE_NEWUTS), EPERM);
	CHECK_ERR(clone_flags(SIGCHLD | CLONE_NEWUTS), EPERM);
}

TEST(setns_by_process)
{
	int go[2];
	char c;

	REQUIRE(!pipe(go));
	pid_t pid = (pid_t)clone_flags(SIGCHLD | CLONE_NEWUTS | CLONE_NEWNET);

	if (!pid) {
		sethostname("child", 5);
		close(go[0]);
		(void)!write(go[1], "x", 1);
		pause();
		_exit(0);
	}
	REQUIRE(pid > 0);
	CHECK_EQ(read(go[0], &c, 1), 1);
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct utsname u;

	CHECK_ERR(setns(pidfd, 0), EINVAL);
	CHECK_ERR(setns(pidfd, 0x40), EINVAL);
	CHECK_ERR(setns(pidfd, CLONE_NEWUTS | CLONE_FS), EINVAL);
	CHECK_ERR(setns(pidfd, CLONE_NEWUTS | CLONE_NEWUSER), EINVAL);
	uname(&u);
	CHECK(strcmp(u.nodename, "child"));
	CHECK_EQ(setns(pidfd, CLONE_NEWUTS | CLONE_NEWNET), 0);
	uname(&u);
	CHECK(!strcmp(u.nodename, "child"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_ERR(setns(pidfd, CLONE_NEWUTS), ESRCH);
}

TEST(nsfs_ioctls)
{
	int uts = ns_file("uts"), user = ns_file("user");
	uid_t owner = 77;
	struct stat a, b;

	CHECK_EQ(ioctl(uts, NS_GET_NSTYPE), CLONE_NEWUTS);
	CHECK_EQ(ioctl(user, NS_GET_NSTYPE), CLONE_NEWUSER);
	CHECK_ERR(ioctl(uts, NS_GET_PARENT), EINVAL);
	CHECK_ERR(ioctl(user, NS_GET_PARENT), EPERM);
	CHECK_ERR(ioctl(user, NS_GET_USERNS), EPERM);
	CHECK_ERR(ioctl(uts, NS_GET_OWNER_UID, &owner), EINVAL);
	CHECK_EQ(ioctl(user, NS_GET_OWNER_UID, &owner), 0);
	CHECK_EQ(owner, 0);
	CHECK_ERR(ioctl(uts, 0x1234), ENOTTY);
	int got = ioctl(uts, NS_GET_USERNS);

	CHECK(got >= 0);
	CHECK_EQ(fcntl(got, F_GETFD), FD_CLOEXEC);
	fstat(got, &a);
	fstat(user, &b);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(a.st_dev, b.st_dev);
	CHECK_EQ(unshare(CLONE_NEWUSER), 0);
	int inner = ns_file("user");

	CHECK_ERR(ioctl(inner, NS_GET_PARENT), EPERM);
	CHECK_ERR(ioctl(uts, NS_GET_USERNS), EPERM);
}

TEST(flag_combinations)
{
	CHECK_ERR(clone_flags(CLONE_NEWNS | CLONE_FS | SIGCHLD), EINVAL);
	CHECK_ERR(clone_flags(CLONE_NEWUSER | CLONE_FS | SIGCHLD), EINVAL);
	CHECK_ERR(clone_flags(CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM), EINVAL);
	CHECK_ERR(clone_flags(CLONE_NEWPID | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM), EINVAL);
	CHECK_ERR(clone_flags(CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD), EINVAL);
	CHECK_ERR(unshare(CLONE_PARENT), EINVAL);
	CHECK_ERR(unshare(CLONE_PIDFD), EINVAL);
	struct clone_args a = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = 0};

	CHECK_ERR(clone3(&a), EBADF);
	a = (struct clone_args){.exit_signal = 65};
	CHECK_ERR(clone3(&a), EINVAL);
	a = (struct clone_args){.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM,
				.exit_signal = SIGCHLD};
	CHECK_ERR(clone3(&a), EINVAL);
	a = (struct clone_args){.flags = CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM,
				.exit_signal = SIGCHLD};
	CHECK_ERR(clone3(&a), EINVAL);
}

TEST(limits)
{
	char old[32] = {0};
	int fd = open("/proc/sys/user/max_uts_namespaces", O_RDONLY);

	REQUIRE(fd >= 0);
	CHECK(read(fd, old, sizeof(old) - 1) > 0);
	CHECK_EQ(write_text("/proc/sys/user/max_uts_namespaces", "1"), 0);
	CHECK_EQ(unshare(CLONE_NEWUTS), 0);
	CHECK_ERR(unshare(CLONE_NEWUTS), ENOSPC);
	CHECK_ERR(clone_flags(CLONE_NEWUTS | SIGCHLD), ENOSPC);
	CHECK_EQ(write_text("/proc/sys/user/max_uts_namespaces", "0"), 0);
	CHECK_ERR(unshare(CLONE_NEWUTS), ENOSPC);
	CHECK_EQ(write_text("/proc/sys/user/max_uts_namespaces", old), 0);
	CHECK_EQ(unshare(CLONE_NEWUTS), 0);
}

TEST(deep_user_namespaces)
{
	int made = 0;

	while (made < 40 && !unshare(CLONE_NEWUSER)) {
		made++;
		if (write_text("/proc/self/setgroups", "deny") ||
		    write_text("/proc/self/uid_map", "0 0 1") ||
		    write_text("/proc/self/gid_map", "0 0 1"))
			break;
	}
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(made, 33);
}

/* ---- pid namespaces ---- */

int main(void)
{
	return test_run();
}
