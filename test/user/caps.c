/*
 * capabilities(7): files that carry capabilities, what exec makes of them, the securebits, ambient
 * capabilities, and set-id programs seen from a user namespace.
 */
#include "test.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define CAPS "security.capability"
#define BIT(cap) (1ull << (cap))
#define DIR "/tmp/caps"
#define PROGRAM DIR "/program"

/* What the program found when it began. */
struct report {
	unsigned long long permitted, effective, inheritable;
	int raw_ambient; /* CAP_NET_RAW is ambient */
	int secure;
	uid_t uid, euid;
};

static int get_caps(struct report *r)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d))
		return -1;
	r->permitted = d[0].permitted | (unsigned long long)d[1].permitted << 32;
	r->effective = d[0].effective | (unsigned long long)d[1].effective << 32;
	r->inheritable = d[0].inheritable | (unsigned long long)d[1].inheritable << 32;
	return 0;
}

static int set_caps(unsigned long long p, unsigned long long e, unsigned long long i)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {
		{(unsigned int)e, (unsigned int)p, (unsigned int)i},
		{(unsigned int)(e >> 32), (unsigned int)(p >> 32), (unsigned int)(i >> 32)},
	};

	return (int)syscall(SYS_capset, &h, d);
}

static void tell(int fd)
{
	struct report r;

	if (get_caps(&r))
		_exit(1);
	r.raw_ambient = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0, 0);
	r.secure = (int)getauxval(AT_SECURE);
	r.uid = getuid();
	r.euid = geteuid();
	_exit(write(fd, &r, sizeof(r)) != sizeof(r));
}

/* A copy of this program on a file system of its own. */
static void setup(void)
{
	char buf[65536];
	ssize_t n;

	mkdir("/tmp", 01777);
	mkdir(DIR, 0755);
	REQUIRE(!unshare(CLONE_NEWNS));
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	REQUIRE(!mount("none", DIR, "tmpfs", 0, "mode=755"));
	int from = open("/proc/self/exe", O_RDONLY), to = open(PROGRAM, O_CREAT | O_WRONLY, 0755);

	REQUIRE(from >= 0 && to >= 0);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		REQUIRE(write(to, buf, (size_t)n) == n);
	close(from);
	close(to);
}

static int be_user(void)
{
	return setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000);
}

/* Runs the program in a child after @before; 0, or the errno of execve. */
static int run(int (*before)(void), struct report *r)
{
	char fd[16];
	int p[2], st;

	memset(r, 0, sizeof(*r));
	REQUIRE(!pipe(p));
	pid_t pid = fork();

	if (!pid) {
		snprintf(fd, sizeof(fd), "%d", p[1]);
		if (before && before())
			_exit(255);
		execl(PROGRAM, PROGRAM, "--tell", fd, (char *)NULL);
		_exit(errno);
	}
	close(p[1]);
	ssize_t n = read(p[0], r, sizeof(*r));

	close(p[0]);
	REQUIRE(waitpid(pid, &st, 0) == pid && WIFEXITED(st));
	CHECK(n == sizeof(*r) || WEXITSTATUS(st));
	return WEXITSTATUS(st);
}

static struct vfs_cap_data v2(unsigned long long p, unsigned long long i, int effective)
{
	return (struct vfs_cap_data){
		.magic_etc = VFS_CAP_REVISION_2 | (effective ? VFS_CAP_FLAGS_EFFECTIVE : 0),
		.data = {{(unsigned int)p, (unsigned int)i},
			 {(unsigned int)(p >> 32), (unsigned int)(i >> 32)}},
	};
}

static int give(unsigned long long p, unsigned long long i, int effective)
{
	struct vfs_cap_data v = v2(p, i, effective);

	return setxattr(PROGRAM, CAPS, &v, sizeof(v), 0);
}

TEST(values_are_judged)
{
	struct vfs_cap_data v = v2(BIT(CAP_NET_RAW), 0, 1), got;
	struct vfs_ns_cap_data n = {.magic_etc = VFS_CAP_REVISION_3, .rootid = 1000}, ngot;
	char big[64] = {0};

	memcpy(big, &v, sizeof(v));
	setup();
	CHECK_EQ(setxattr(PROGRAM, CAPS, &v, sizeof(v), 0), 0);
	CHECK_EQ(getxattr(PROGRAM, CAPS, &got, sizeof(got)), sizeof(got));
	CHECK(!memcmp(&v, &got, sizeof(v)));
	CHECK_EQ(getxattr(PROGRAM, CAPS, NULL, 0), sizeof(got));
	CHECK_ERR(getxattr(PROGRAM, CAPS, &got, sizeof(got) - 1), ERANGE);
	CHECK_ERR(setxattr(PROGRAM, CAPS, &v, sizeof(v) - 1, 0), EINVAL);
	CHECK_ERR(setxattr(PROGRAM, CAPS, big, sizeof(v) + 4, 0), EINVAL);
	CHECK_ERR(setxattr(PROGRAM, CAPS, big, sizeof(big), 0), EINVAL);
	v.magic_etc = VFS_CAP_REVISION_1;
	CHECK_ERR(setxattr(PROGRAM, CAPS, &v, XATTR_CAPS_SZ_1, 0), EINVAL);
	v.magic_etc = VFS_CAP_REVISION_2 | 2;
	CHECK_ERR(setxattr(PROGRAM, CAPS, &v, sizeof(v), 0), EINVAL);
	CHECK_EQ(setxattr(PROGRAM, CAPS, &n, sizeof(n), 0), 0);
	CHECK_EQ(getxattr(PROGRAM, CAPS, &ngot, sizeof(ngot)), sizeof(ngot));
	CHECK(!memcmp(&n, &ngot, sizeof(n)));
	n.rootid = 0;
	CHECK_EQ(setxattr(PROGRAM, CAPS, &n, sizeof(n), 0), 0);
	CHECK_EQ(getxattr(PROGRAM, CAPS, &ngot, sizeof(ngot)), XATTR_CAPS_SZ_2);
	CHECK_EQ(ngot.magic_etc, VFS_CAP_REVISION_2);
	CHECK_EQ(chown(PROGRAM, 1000, 1000), 0);
	CHECK_ERR(getxattr(PROGRAM, CAPS, NULL, 0), ENODATA);
	CHECK_EQ(give(BIT(CAP_NET_RAW), 0, 0), 0);
	REQUIRE(!be_user());
	v.magic_etc = VFS_CAP_REVISION_2;
	CHECK_ERR(setxattr(PROGRAM, CAPS, &v, sizeof(v), 0), EPERM);
	CHECK_ERR(setxattr(PROGRAM, CAPS, &v, 3, 0), EINVAL);
	CHECK_EQ(getxattr(PROGRAM, CAPS, &got, sizeof(got)), sizeof(got));
}

TEST(changes_of_the_file_take_them_away)
{
	setup();
	CHECK_EQ(give(BIT(CAP_NET_RAW), 0, 0), 0);
	CHECK_EQ(chmod(PROGRAM, 0711), 0);
	CHECK_EQ(getxattr(PROGRAM, CAPS, NULL, 0), XATTR_CAPS_SZ_2);
	int fd = open(PROGRAM, O_WRONLY | O_APPEND);

	REQUIRE(fd >= 0);
	CHECK_EQ(getxattr(PROGRAM, CAPS, NULL, 0), XATTR_CAPS_SZ_2);
	CHECK_EQ(write(fd, "x", 1), 1); /* root too */
	CHECK_ERR(getxattr(PROGRAM, CAPS, NULL, 0), ENODATA);
	CHECK_EQ(give(BIT(CAP_NET_RAW), 0, 0), 0);
	CHECK_EQ(ftruncate(fd, 1 << 20), 0);
	CHECK_ERR(getxattr(PROGRAM, CAPS, NULL, 0), ENODATA);
	CHECK_EQ(give(BIT(CAP_NET_RAW), 0, 0), 0);
	CHECK_EQ(fchown(fd, (uid_t)-1, (gid_t)-1), 0);
	CHECK_ERR(getxattr(PROGRAM, CAPS, NULL, 0), ENODATA);
	CHECK_EQ(give(BIT(CAP_NET_RAW), 0, 0), 0);
	CHECK_EQ(removexattr(PROGRAM, CAPS), 0);
	CHECK_ERR(removexattr(PROGRAM, CAPS), ENODATA);
	close(fd);
}

TEST(exec_gives_a_user_the_permitted_ones)
{
	struct report r;

	setup();
	CHECK_EQ(run(be_user, &r), 0);
	CHECK_EQ(r.permitted, 0);
	CHECK_EQ(r.secure, 0);
	CHECK_EQ(give(BIT(CAP_NET_RAW) | BIT(CAP_BPF), 0, 1), 0);
	CHECK_EQ(run(be_user, &r), 0);
	CHECK_EQ(r.permitted, BIT(CAP_NET_RAW) | BIT(CAP_BPF));
	CHECK_EQ(r.effective, BIT(CAP_NET_RAW) | BIT(CAP_BPF));
	CHECK_EQ(r.secure, 1);
	CHECK_EQ(r.euid, 1000);
	CHECK_EQ(give(BIT(CAP_NET_RAW), 0, 0), 0);
	CHECK_EQ(run(be_user, &r), 0);
	CHECK_EQ(r.permitted, BIT(CAP_NET_RAW));
	CHECK_EQ(r.effective, 0);
	CHECK_EQ(r.secure, 1);
	/* Bits that name no capability are nothing. */
	CHECK_EQ(give(~0ull, 0, 1), 0);
	CHECK_EQ(run(be_user, &r), 0);
	CHECK_EQ(r.permitted, (1ull << 41) - 1);
}

static int drop_raw_from_bounds(void)
{
	return prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0) || be_user();
}

static int no_new_privs(void)
{
	return be_user() || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int remount_nosuid(void)
{
	return unshare(CLONE_NEWNS) ||
	       mount(NULL, DIR, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL) || be_user();
}

TEST(bounds_no_new_privs_nosuid)
{
	struct report r;

	setup();
	CHECK_EQ(give(BIT(CAP_NET_RAW) | BIT(CAP_CHOWN), 0, 0), 0);
	CHECK_EQ(run(drop_raw_from_bounds, &r), 0);
	CHECK_EQ(r.permitted, BIT(CAP_CHOWN));
	CHECK_EQ(give(BIT(CAP_NET_RAW) | BIT(CAP_CHOWN), 0, 1), 0);
	CHECK_EQ(run(drop_raw_from_bounds, &r), EPERM);
	CHECK_EQ(run(no_new_privs, &r), 0);
	CHECK_EQ(r.permitted, 0);
	CHECK_EQ(r.euid, 1000);
	CHECK_EQ(run(remount_nosuid, &r), 0);
	CHECK_EQ(r.permitted, 0);
	CHECK_EQ(r.secure, 0);
}

static int raw_inheritable(void)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || be_user())
		return -1;
	return set_caps(BIT(CAP_NET_RAW), 0, BIT(CAP_NET_RAW));
}

static int raw_ambient(void)
{
	return raw_inheritable() || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
}

TEST(inheritable_and_ambient)
{
	struct report r;

	setup();
	CHECK_EQ(run(raw_inheritable, &r), 0);
	CHECK_EQ(r.permitted, 0);
	CHECK_EQ(r.inheritable, BIT(CAP_NET_RAW));
	CHECK_EQ(run(raw_ambient, &r), 0);
	CHECK_EQ(r.permitted, BIT(CAP_NET_RAW));
	CHECK_EQ(r.effective, BIT(CAP_NET_RAW));
	CHECK_EQ(r.raw_ambient, 1);
	CHECK_EQ(r.secure, 0);
	/* The file's own, even others, end the ambient ones. */
	CHECK_EQ(give(0, BIT(CAP_NET_RAW) | BIT(CAP_CHOWN), 1), 0);
	CHECK_EQ(run(raw_ambient, &r), 0);
	CHECK_EQ(r.permitted, BIT(CAP_NET_RAW));
	CHECK_EQ(r.raw_ambient, 0);
	CHECK_EQ(r.secure, 1);
	CHECK_EQ(give(0, 0, 0), 0);
	CHECK_EQ(run(raw_ambient, &r), 0);
	CHECK_EQ(r.permitted, 0);
}

static int noroot(void)
{
	return prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0);
}

static int few_and_no_new_privs(void)
{
	return set_caps(BIT(CAP_CHOWN), BIT(CAP_CHOWN), 0) ||
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

TEST(root_and_set_user_id_root)
{
	struct report r;

	setup();
	CHECK_EQ(run(NULL, &r), 0);
	CHECK_EQ(r.effective, (1ull << 41) - 1);
	CHECK_EQ(r.secure, 0);
	CHECK_EQ(run(few_and_no_new_privs, &r), 0);
	CHECK_EQ(r.permitted, BIT(CAP_CHOWN));
	CHECK_EQ(run(noroot, &r), 0);
	CHECK_EQ(r.permitted, 0);
	CHECK_EQ(give(BIT(CAP_NET_RAW), 0, 1), 0);
	CHECK_EQ(run(noroot, &r), 0);
	CHECK_EQ(r.effective, BIT(CAP_NET_RAW));
	CHECK_EQ(run(NULL, &r), 0);
	CHECK_EQ(r.effective, (1ull << 41) - 1);
	CHECK_EQ(chmod(PROGRAM, 04755), 0);
	CHECK_EQ(run(be_user, &r), 0); /* such a program gets the file's alone */
	CHECK_EQ(r.euid, 0);
	CHECK_EQ(r.permitted, BIT(CAP_NET_RAW));
	CHECK_EQ(r.secure, 1);
}

static int own_namespace(uid_t root)
{
	char map[32];
	int fd;

	if (setresgid(root, root, root) || setresuid(root, root, root))
		return -1;
	/* The files of /proc belong to root until it can be dumped again. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) || unshare(CLONE_NEWUSER))
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", root);
	fd = open("/proc/self/uid_map", O_WRONLY);
	if (fd < 0 || write(fd, map, strlen(map)) < 0)
		return -1;
	close(fd);
	fd = open("/proc/self/setgroups", O_WRONLY);
	if (fd < 0 || write(fd, "deny", 4) != 4)
		return -1;
	close(fd);
	fd = open("/proc/self/gid_map", O_WRONLY);
	if (fd < 0 || write(fd, map, strlen(map)) < 0)
		return -1;
	return close(fd);
}

static int namespace_of_1000(void)
{
	return own_namespace(1000);
}

/* A user who is not root in his namespace: what an exec leaves is what the file gives. */
static int namespace_of_1000_without_root(void)
{
	return own_namespace(1000) || prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0);
}

static int namespace_of_1001_without_root(void)
{
	return own_namespace(1001) || prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0);
}

TEST(root_of_a_parent_is_out_of_reach)
{
	struct report r;

	setup();
	CHECK_EQ(chmod(PROGRAM, 04755), 0);
	CHECK_EQ(run(be_user, &r), 0);
	CHECK_EQ(r.euid, 0);
	CHECK_EQ(run(namespace_of_1000, &r), 0);
	CHECK_EQ(r.uid, 0);
	CHECK_EQ(r.euid, 0); /* its own root: 1000 outside */
	CHECK_EQ(r.secure, 0);
	CHECK_EQ(run(namespace_of_1000_without_root, &r), 0);
	CHECK_EQ(r.permitted, 0);
}

TEST(root_user_in_the_attribute)
{
	struct vfs_ns_cap_data n = {.magic_etc = VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE,
				    .data = {{BIT(CAP_NET_RAW), 0}},
				    .rootid = 1000};
	struct report r;

	setup();
	CHECK_EQ(setxattr(PROGRAM, CAPS, &n, sizeof(n), 0), 0);
	CHECK_EQ(run(be_user, &r), 0); /* not in the first namespace */
	CHECK_EQ(r.permitted, 0);
	CHECK_EQ(run(namespace_of_1000_without_root, &r), 0);
	CHECK_EQ(r.permitted, BIT(CAP_NET_RAW));
	CHECK_EQ(run(namespace_of_1001_without_root, &r), 0);
	CHECK_EQ(r.permitted, 0);
}

TEST(attribute_written_in_a_namespace)
{
	struct vfs_cap_data v = v2(BIT(CAP_NET_RAW), 0, 1), got;
	struct vfs_ns_cap_data ngot;
	int st;

	setup();
	CHECK_EQ(chown(PROGRAM, 1000, 1000), 0);
	pid_t pid = fork();

	if (!pid) {
		REQUIRE(!own_namespace(1000));
		CHECK_EQ(setxattr(PROGRAM, CAPS, &v, sizeof(v), 0), 0);
		CHECK_EQ(getxattr(PROGRAM, CAPS, &got, sizeof(got)), sizeof(got));
		CHECK(!memcmp(&v, &got, sizeof(v)));
		CHECK_ERR(setxattr(DIR, CAPS, &v, sizeof(v), 0), EPERM);
		fflush(stdout);
		_exit(test_failures != 0);
	}
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	CHECK_EQ(getxattr(PROGRAM, CAPS, &ngot, sizeof(ngot)), sizeof(ngot));
	CHECK_EQ(ngot.magic_etc, VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE);
	CHECK_EQ(ngot.rootid, 1000);
	pid = fork();
	if (!pid) {
		REQUIRE(!own_namespace(1001));
		CHECK_ERR(getxattr(PROGRAM, CAPS, &ngot, sizeof(ngot)), EOVERFLOW);
		fflush(stdout);
		_exit(test_failures != 0);
	}
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
}

TEST(securebits_and_their_locks)
{
	CHECK_ERR(prctl(PR_SET_SECUREBITS, 1 << 8, 0, 0, 0), EPERM);
	CHECK_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE, 0, 0, 0), 0);
	CHECK_EQ(set_caps(~0ull >> 23, ~0ull >> 23, BIT(CAP_NET_RAW)), 0);
	CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0), EPERM);
	CHECK_EQ(
		prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_SETUID_FIXUP, 0, 0, 0),
		0);
	CHECK_ERR(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), EPERM);
	CHECK_ERR(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0), EPERM);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0), 0);
	CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), EPERM);
	CHECK_ERR(prctl(PR_CAP_AMBIENT, 9, CAP_CHOWN, 0, 0), EINVAL);
	/* With no fix-up a change of user keeps them all. */
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0, 0), 1);
	/* An ambient one goes with the inheritable one. */
	CHECK_EQ(set_caps(BIT(CAP_NET_RAW), 0, 0), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0, 0), 0);
	CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED, 0, 0, 0), EPERM);
}

TEST(capset_versions)
{
	struct __user_cap_header_struct h = {0x12345678, 0};
	struct __user_cap_data_struct d[2] = {{0}, {0}};

	CHECK_ERR(syscall(SYS_capget, &h, d), EINVAL);
	CHECK_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
	h.version = 0;
	CHECK_EQ(syscall(SYS_capget, &h, NULL), 0);
	h.version = _LINUX_CAPABILITY_VERSION_1;
	CHECK_EQ(syscall(SYS_capget, &h, d), 0);
	CHECK_EQ(d[0].permitted, ~0u);
	CHECK_EQ(d[1].permitted, 0);
	h.pid = -1;
	CHECK_ERR(syscall(SYS_capget, &h, d), EINVAL);
	h.pid = 1 << 22;
	CHECK_ERR(syscall(SYS_capget, &h, d), ESRCH);
	h.pid = 1;
	CHECK_ERR(syscall(SYS_capset, &h, d), EPERM);
	h.pid = 0;
	CHECK_EQ(syscall(SYS_capset, &h, d), 0); /* drops the upper half too */
	h.version = _LINUX_CAPABILITY_VERSION_2;
	CHECK_EQ(syscall(SYS_capget, &h, d), 0);
	CHECK_EQ(d[1].permitted, 0);
	d[0].effective = 1;
	d[0].permitted = 0;
	CHECK_ERR(syscall(SYS_capset, &h, d), EPERM);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--tell"))
		tell(atoi(argv[2]));
	return test_run();
}
