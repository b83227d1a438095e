/* open_tree(2), move_mount(2), fsopen(2), fsconfig(2), fsmount(2), fspick(2), mount_setattr(2). */
#include <fcntl.h>
#include <grp.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include "test.h"

/* mount(2): <sys/mount.h> and <linux/mount.h> do not agree. */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
	  const void *data);
int umount2(const char *target, int flags);
#define MNT_DETACH 2

static int open_tree(int dfd, const char *path, unsigned int flags)
{
	return (int)syscall(SYS_open_tree, dfd, path, flags);
}
static int move_mount(int from, const char *from_path, int to, const char *to_path,
		      unsigned int flags)
{
	return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}
static int fsopen(const char *type, unsigned int flags)
{
	return (int)syscall(SYS_fsopen, type, flags);
}
static int fsconfig(int fd, unsigned int cmd, const char *key, const void *value, int aux)
{
	return (int)syscall(SYS_fsconfig, fd, cmd, key, value, aux);
}
static int fsmount(int fd, unsigned int flags, unsigned int attr)
{
	return (int)syscall(SYS_fsmount, fd, flags, attr);
}
static int fspick(int dfd, const char *path, unsigned int flags)
{
	return (int)syscall(SYS_fspick, dfd, path, flags);
}
static int mount_setattr(int dfd, const char *path, unsigned int flags, struct mount_attr *attr,
			 size_t size)
{
	return (int)syscall(SYS_mount_setattr, dfd, path, flags, attr, size);
}

static char line_buf[4096];

static const char *info_of(const char *at)
{
	FILE *f = fopen("/proc/self/mountinfo", "r");
	char *line = NULL, mp[256];
	const char *found = NULL;
	size_t cap = 0;

	REQUIRE(f);
	while (getline(&line, &cap, f) > 0) {
		if (sscanf(line, "%*d %*d %*s %*s %255s", mp) == 1 && !strcmp(mp, at)) {
			snprintf(line_buf, sizeof(line_buf), "%s", line);
			found = line_buf;
		}
	}
	free(line);
	fclose(f);
	return found;
}

static int has(const char *at, const char *text)
{
	const char *l = info_of(at);

	return l && strstr(l, text);
}

static void playground(void)
{
	if (geteuid())
		exit(0);
	REQUIRE(!unshare(CLONE_NEWNS));
	REQUIRE(!mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	mkdir("/tmp", 01777);
	mkdir("/tmp/n", 0755);
	REQUIRE(!mount("play", "/tmp/n", "tmpfs", 0, NULL));
	REQUIRE(!chdir("/tmp/n"));
	mkdir("a", 0755);
	mkdir("b", 0755);
	mkdir("c", 0755);
}

static void touch(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0644);

	REQUIRE(fd >= 0);
	close(fd);
}

/* The context that made the super of "a" changes it, and one that picks it. */
static void reconfigure(int fs)
{
	CHECK_EQ(fsconfig(fs, FSCONFIG_SET_STRING, "size", "2m", 0), 0);
	CHECK_EQ(fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0), 0);
	CHECK(has("/tmp/n/a", "size=2048k"));
	close(fs);
	fs = fspick(AT_FDCWD, "a", FSPICK_CLOEXEC);
	REQUIRE(fs >= 0);
	CHECK_EQ(fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0), 0);
	CHECK_EQ(fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0), 0);
	CHECK(has("/tmp/n/a", "- tmpfs mine ro,"));
	CHECK_ERR(open("a/x", O_CREAT | O_WRONLY, 0600), EROFS);
	CHECK_EQ(fsconfig(fs, FSCONFIG_SET_FLAG, "rw", NULL, 0), 0);
	CHECK_EQ(fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0), 0);
	touch("a/x");
	CHECK_ERR(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), EBUSY);
	close(fs);
	CHECK_ERR(fspick(AT_FDCWD, "a/x", 0), EINVAL);
	CHECK_ERR(fspick(AT_FDCWD, "a", 0x100), EINVAL);
}

TEST(a_new_file_system_step_by_step)
{
	int fs, m, fd;
	char msg[200];
	ssize_t n;
	struct statfs sfs;

	playground();
	CHECK_ERR(fsopen("nosuchfs", 0), ENODEV);
	CHECK_ERR(fsopen("tmpfs", 2), EINVAL);
	CHECK_ERR(fsopen(NULL, 0), EFAULT);
	fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	REQUIRE(fs >= 0);
	CHECK_EQ(fcntl(fs, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(read(fs, msg, sizeof(msg)), ENODATA);
	CHECK_ERR(fsmount(fs, 0, 0), EINVAL);
	CHECK_EQ(fsconfig(fs, FSCONFIG_SET_STRING, "source", "mine", 0), 0);
	CHECK_ERR(fsconfig(fs, FSCONFIG_SET_STRING, "source", "again", 0), EINVAL);
	CHECK_EQ(fsconfig(fs, FSCONFIG_SET_STRING, "size", "1m", 0), 0);
	CHECK_EQ(fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0), 0);
	CHECK_EQ(fsconfig(fs, FSCONFIG_SET_FLAG, "inode64", NULL, 0), 0);
	n = read(fs, msg, sizeof(msg) - 1);
	msg[n > 0 ? n : 0] = 0;
	CHECK(!strncmp(msg, "e ", 2) && strstr(msg, "Multiple sources"));
	CHECK_ERR(fsconfig(fs, FSCONFIG_SET_STRING, "nonsense", "1", 0), EINVAL);
	CHECK_ERR(fsconfig(fs, FSCONFIG_SET_STRING, "uid", "text", 0), EINVAL);
	CHECK_ERR(read(fs, msg, 4), EMSGSIZE);
	n = read(fs, msg, sizeof(msg) - 1);
	msg[n > 0 ? n : 0] = 0;
	CHECK(strstr(msg, "tmpfs: Unknown parameter 'nonsense'"));
	n = read(fs, msg, sizeof(msg) - 1);
	msg[n > 0 ? n : 0] = 0;
	CHECK(strstr(msg, "tmpfs: Bad value for 'uid'"));
	CHECK_ERR(read(fs, msg, sizeof(msg)), ENODATA);
	/* What does not go together. */
	CHECK_ERR(fsconfig(fs, FSCONFIG_SET_FLAG, "ro", "x", 0), EINVAL);
	CHECK_ERR(fsconfig(fs, FSCONFIG_SET_FLAG, NULL, NULL, 0), EINVAL);
	CHECK_ERR(fsconfig(fs, FSCONFIG_SET_STRING, "size", NULL, 0), EINVAL);
	CHECK_ERR(fsconfig(fs, FSCONFIG_SET_STRING, "size", "1", 1), EINVAL);
	CHECK_ERR(fsconfig(fs, FSCONFIG_CMD_CREATE, "x", NULL, 0), EINVAL);
	CHECK_ERR(fsconfig(fs, 77, NULL, NULL, 0), EOPNOTSUPP);
	CHECK_ERR(fsconfig(-1, FSCONFIG_CMD_CREATE, NULL, NULL, 0), EINVAL);
	CHECK_ERR(fsconfig(0x7ff, FSCONFIG_CMD_CREATE, NULL, NULL, 0), EBADF);
	fd = open("/", O_RDONLY);
	CHECK_ERR(fsconfig(fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0), EINVAL);
	CHECK_ERR(fsmount(fd, 0, 0), EINVAL);
	close(fd);
	CHECK_ERR(fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0), EBUSY);
	CHECK_EQ(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), 0);
	CHECK_ERR(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), EBUSY);
	CHECK_ERR(fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0), EBUSY);
	CHECK_ERR(fsmount(fs, 2, 0), EINVAL);
	CHECK_ERR(fsmount(fs, 0, 0x1000000), EINVAL);
	m = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);
	REQUIRE(m >= 0);
	CHECK_EQ(fcntl(m, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(fsmount(fs, 0, 0), EBUSY);
	/* It can be used before it is anywhere. */
	fd = openat(m, "early", O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0);
	close(fd);
	CHECK(!info_of("/tmp/n/a"));
	CHECK_EQ(move_mount(m, "", AT_FDCWD, "a", MOVE_MOUNT_F_EMPTY_PATH), 0);
	CHECK_EQ(access("a/early", F_OK), 0);
	CHECK(has("/tmp/n/a", " rw,nodev,noatime - tmpfs mine rw,"));
	CHECK(has("/tmp/n/a", "size=1024k"));
	CHECK(has("/tmp/n/a", "mode=700"));
	CHECK_EQ(statfs("a", &sfs), 0);
	CHECK_EQ(sfs.f_blocks, 256);
	close(m);
	/* The descriptor was not all that held it. */
	CHECK_EQ(access("a/early", F_OK), 0);
	reconfigure(fs);
}

TEST(an_unused_mount_goes_with_its_descriptor)
{
	int fs, m, d;

	playground();
	fs = fsopen("tmpfs", 0);
	CHECK_EQ(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), 0);
	m = fsmount(fs, 0, 0);
	REQUIRE(m >= 0);
	CHECK_EQ(mkdirat(m, "d", 0755), 0);
	d = openat(m, "d", O_RDONLY);
	close(m);
	close(fs);
	/* Who is in it stays in it; it cannot be attached any more. */
	CHECK_EQ(mkdirat(d, "deeper", 0755), 0);
	CHECK_ERR(move_mount(d, "", AT_FDCWD, "a", MOVE_MOUNT_F_EMPTY_PATH), EINVAL);
	close(d);
}

TEST(other_types)
{
	static const char *const types[] = {"proc", "sysfs", "devpts"};

	playground();
	for (unsigned int i = 0; i < 3; i++) {
		int fs = fsopen(types[i], 0), m;

		CHECK(fs >= 0);
		if (strcmp(types[i], "devpts")) /* Linux's is of the old kind: judged at the end */
			CHECK_ERR(fsconfig(fs, FSCONFIG_SET_STRING, "nonsense", "1", 0), EINVAL);
		CHECK_EQ(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), 0);
		m = fsmount(fs, 0, MOUNT_ATTR_NOSUID);
		CHECK(m >= 0);
		CHECK_EQ(move_mount(m, "", AT_FDCWD, "a", MOVE_MOUNT_F_EMPTY_PATH), 0);
		CHECK(has("/tmp/n/a", types[i]));
		CHECK_EQ(umount2("a", MNT_DETACH), 0);
		close(m);
		close(fs);
	}
}

/* Looks at /proc mounted at /tmp/hp as user 1000, with group @gid: what 1 and we ourselves show. */
static int sees(gid_t gid, int shown, int entered)
{
	pid_t pid = fork();
	struct stat st;
	int status;

	if (!pid) {
		if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(1000, 1000, 1000))
			_exit(2);
		CHECK_EQ(!stat("/tmp/hp/1", &st), shown);
		CHECK_EQ(!stat("/tmp/hp/1/status", &st), entered);
		CHECK_EQ(stat("/tmp/hp/self/status", &st), 0);
		fflush(stdout);
		_exit(test_failures != 0);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* Changes an option of the mounted one. */
static int proc_option(const char *key, const char *value)
{
	int fs = fspick(AT_FDCWD, "/tmp/hp", 0);
	int err = fs < 0 ? -1 : fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0);

	if (!err)
		err = fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
	close(fs);
	return err;
}

/* Errno of a value that is bad: told at once, or when the file system is made. */
static int proc_refuses(const char *key, const char *value)
{
	int fs = fsopen("proc", 0);

	errno = 0;
	if (!fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0))
		fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	int err = errno;

	close(fs);
	return err;
}

TEST(options_of_proc)
{
	int fs = fsopen("proc", 0);
	struct stat st;

	REQUIRE(fs >= 0);
	mkdir("/tmp/hp", 0755);
	CHECK_ERR(fsconfig(fs, FSCONFIG_SET_FLAG, "hidepid", NULL, 0), EINVAL);
	CHECK_ERR(fsconfig(fs, FSCONFIG_SET_STRING, "gid", "wheel", 0), EINVAL);
	CHECK_ERR(fsconfig(fs, FSCONFIG_SET_STRING, "size", "1m", 0), EINVAL);
	CHECK_EQ(proc_refuses("hidepid", "3"), EINVAL);
	CHECK_EQ(proc_refuses("hidepid", "5"), EINVAL);
	CHECK_EQ(proc_refuses("hidepid", "hidden"), EINVAL);
	CHECK_EQ(proc_refuses("hidepid", "-1"), EINVAL);
	CHECK_EQ(proc_refuses("subset", "sys"), EINVAL);
	CHECK_EQ(fsconfig(fs, FSCONFIG_SET_STRING, "hidepid", "invisible", 0), 0);
	CHECK_EQ(fsconfig(fs, FSCONFIG_SET_STRING, "gid", "55", 0), 0);
	CHECK_EQ(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), 0);
	int mnt = fsmount(fs, 0, 0);

	CHECK(mnt >= 0);
	CHECK_EQ(move_mount(mnt, "", AT_FDCWD, "/tmp/hp", MOVE_MOUNT_F_EMPTY_PATH), 0);
	close(mnt);
	close(fs);
	CHECK(has("/tmp/hp", "rw,gid=55,hidepid=invisible"));
	CHECK_EQ(sees(1000, 0, 0), 0);
	CHECK_EQ(sees(55, 1, 1), 0);
	CHECK_EQ(stat("/tmp/hp/1/status", &st), 0);
	CHECK_EQ(proc_option("hidepid", "1"), 0);
	CHECK_EQ(sees(1000, 1, 0), 0);
	CHECK(has("/tmp/hp", "rw,gid=55,hidepid=noaccess"));
	CHECK_EQ(proc_option("hidepid", "0"), 0);
	CHECK_EQ(sees(1000, 1, 1), 0);
	/* Nobody who may not trace sees it; the group does not help. */
	CHECK_EQ(proc_option("hidepid", "ptraceable"), 0);
	CHECK_EQ(sees(1000, 0, 0), 0);
	CHECK_EQ(sees(55, 0, 0), 0);
	CHECK_EQ(stat("/tmp/hp/1/status", &st), 0);
	CHECK(has("/tmp/hp", "rw,gid=55,hidepid=ptraceable"));
	CHECK_EQ(proc_option("subset", "pid"), 0);
	CHECK_ERR(stat("/tmp/hp/meminfo", &st), ENOENT);
	CHECK_ERR(stat("/tmp/hp/sys", &st), ENOENT);
	CHECK_EQ(stat("/tmp/hp/self", &st), 0);
	CHECK_EQ(umount2("/tmp/hp", 0), 0);
}

TEST(copies_of_trees)
{
	int t, fd;

	playground();
	CHECK_EQ(mount("s", "a", "tmpfs", 0, NULL), 0);
	mkdir("a/in", 0755);
	CHECK_EQ(mount("in", "a/in", "tmpfs", 0, NULL), 0);
	touch("a/in/f");
	CHECK_ERR(open_tree(AT_FDCWD, "a", AT_RECURSIVE), EINVAL);
	CHECK_ERR(open_tree(AT_FDCWD, "a", 0x4), EINVAL);
	CHECK_ERR(open_tree(AT_FDCWD, "missing", OPEN_TREE_CLONE), ENOENT);
	/* Without CLONE: as O_PATH. */
	t = open_tree(AT_FDCWD, "a", OPEN_TREE_CLOEXEC);
	CHECK(t >= 0);
	CHECK_EQ(fcntl(t, F_GETFL) & O_PATH, O_PATH);
	CHECK_EQ(fcntl(t, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(move_mount(t, "", AT_FDCWD, "b", MOVE_MOUNT_F_EMPTY_PATH), 0);
	CHECK_EQ(access("b/in/f", F_OK), 0);
	CHECK_EQ(access("a/in", F_OK), -1);
	close(t);
	t = open_tree(AT_FDCWD, "b", OPEN_TREE_CLONE | AT_RECURSIVE);
	CHECK(t >= 0);
	CHECK_EQ(faccessat(t, "in/f", F_OK, 0), 0);
	CHECK_EQ(move_mount(t, "", AT_FDCWD, "c", MOVE_MOUNT_F_EMPTY_PATH), 0);
	CHECK_EQ(access("c/in/f", F_OK), 0);
	CHECK_EQ(access("b/in/f", F_OK), 0);
	close(t);
	CHECK_EQ(umount2("c", MNT_DETACH), 0);
	t = open_tree(AT_FDCWD, "b", OPEN_TREE_CLONE);
	CHECK_EQ(faccessat(t, "in/f", F_OK, 0), -1);
	/* Into a shared place it goes to all peers. */
	CHECK_EQ(mount("sh", "a", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount(NULL, "a", NULL, MS_SHARED, NULL), 0);
	mkdir("a/x", 0755);
	CHECK_EQ(mount("a", "c", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(move_mount(t, "", AT_FDCWD, "a/x", MOVE_MOUNT_F_EMPTY_PATH), 0);
	CHECK(has("/tmp/n/c/x", "shared:"));
	CHECK_ERR(move_mount(AT_FDCWD, "b", AT_FDCWD, "a/x", 0x1000), EINVAL);
	CHECK_ERR(move_mount(AT_FDCWD, "", AT_FDCWD, "a/x", 0), ENOENT);
	CHECK_ERR(move_mount(AT_FDCWD, "b/in", AT_FDCWD, "b/in/f", 0), EINVAL);
	CHECK_ERR(move_mount(AT_FDCWD, "b", AT_FDCWD, "b/in", 0), ELOOP);
	close(t);
	/* Of a file. */
	touch("file");
	t = open_tree(AT_FDCWD, "b/in/f", OPEN_TREE_CLONE);
	CHECK(t >= 0);
	CHECK_ERR(move_mount(t, "", AT_FDCWD, "a", MOVE_MOUNT_F_EMPTY_PATH), EINVAL);
	CHECK_EQ(move_mount(t, "", AT_FDCWD, "file", MOVE_MOUNT_F_EMPTY_PATH), 0);
	fd = open("file", O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	close(t);
}

TEST(attributes)
{
	struct mount_attr a = {.attr_set = MOUNT_ATTR_RDONLY};
	int t, fd;

	playground();
	CHECK_EQ(mount("s", "a", "tmpfs", 0, NULL), 0);
	mkdir("a/in", 0755);
	CHECK_EQ(mount("in", "a/in", "tmpfs", 0, NULL), 0);
	CHECK_ERR(mount_setattr(AT_FDCWD, "a", 0, &a, 8), EINVAL);
	CHECK_ERR(mount_setattr(AT_FDCWD, "a", 0, &a, 8192), E2BIG);
	CHECK_ERR(mount_setattr(AT_FDCWD, "a", 0x10, &a, sizeof(a)), EINVAL);
	CHECK_ERR(mount_setattr(AT_FDCWD, "b", 0, &a, sizeof(a)), EINVAL);
	CHECK_ERR(mount_setattr(AT_FDCWD, "missing", 0, &a, sizeof(a)), ENOENT);
	CHECK_EQ(mount_setattr(AT_FDCWD, "a", 0, &a, sizeof(a)), 0);
	CHECK(has("/tmp/n/a", " ro,relatime"));
	CHECK(has("/tmp/n/a/in", " rw,relatime"));
	a = (struct mount_attr){.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					    MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODIRATIME |
					    MOUNT_ATTR_NOSYMFOLLOW,
				.attr_clr = MOUNT_ATTR_RDONLY};
	CHECK_EQ(mount_setattr(AT_FDCWD, "a", AT_RECURSIVE, &a, sizeof(a)), 0);
	CHECK(has("/tmp/n/a", " rw,nosuid,nodev,noexec,nodiratime,relatime,nosymfollow "));
	CHECK(has("/tmp/n/a/in", " rw,nosuid,nodev,noexec,nodiratime,relatime,nosymfollow "));
	/* Access times are one of three. */
	a = (struct mount_attr){.attr_set = MOUNT_ATTR_NOATIME};
	CHECK_ERR(mount_setattr(AT_FDCWD, "a", 0, &a, sizeof(a)), EINVAL);
	a.attr_clr = MOUNT_ATTR_NOATIME;
	CHECK_ERR(mount_setattr(AT_FDCWD, "a", 0, &a, sizeof(a)), EINVAL);
	a.attr_clr = MOUNT_ATTR__ATIME;
	CHECK_EQ(mount_setattr(AT_FDCWD, "a", 0, &a, sizeof(a)), 0);
	CHECK(has("/tmp/n/a", ",noatime,nodiratime,"));
	a.attr_set = MOUNT_ATTR_STRICTATIME;
	CHECK_EQ(mount_setattr(AT_FDCWD, "a", 0, &a, sizeof(a)), 0);
	CHECK(!has("/tmp/n/a", "noatime"));
	/* Propagation. */
	a = (struct mount_attr){.propagation = MS_SHARED};
	CHECK_EQ(mount_setattr(AT_FDCWD, "a", AT_RECURSIVE, &a, sizeof(a)), 0);
	CHECK(has("/tmp/n/a/in", " shared:"));
	a.propagation = MS_SHARED | MS_PRIVATE;
	CHECK_ERR(mount_setattr(AT_FDCWD, "a", 0, &a, sizeof(a)), EINVAL);
	a.propagation = MS_NODEV;
	CHECK_ERR(mount_setattr(AT_FDCWD, "a", 0, &a, sizeof(a)), EINVAL);
	a.propagation = MS_PRIVATE;
	CHECK_EQ(mount_setattr(AT_FDCWD, "a", AT_RECURSIVE, &a, sizeof(a)), 0);
	/* All or nothing: a writer below. */
	fd = open("a/in/f", O_CREAT | O_WRONLY, 0644);
	a = (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY};
	CHECK_ERR(mount_setattr(AT_FDCWD, "a", AT_RECURSIVE, &a, sizeof(a)), EBUSY);
	CHECK(has("/tmp/n/a", " rw,"));
	close(fd);
	/* No idmapped tmpfs in 6.1. */
	a = (struct mount_attr){.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = 0x7ff};
	CHECK_ERR(mount_setattr(AT_FDCWD, "a", 0, &a, sizeof(a)), EBADF);
	a.userns_fd = (unsigned long)open("/proc/self/ns/user", O_RDONLY);
	CHECK_ERR(mount_setattr(AT_FDCWD, "a", 0, &a, sizeof(a)), EPERM);
	a.attr_set = 1u << 28;
	CHECK_ERR(mount_setattr(AT_FDCWD, "a", 0, &a, sizeof(a)), EINVAL);
	/* Of a tree that is nowhere yet. */
	t = open_tree(AT_FDCWD, "a", OPEN_TREE_CLONE | AT_RECURSIVE);
	a = (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY};
	CHECK_EQ(mount_setattr(t, "", AT_EMPTY_PATH | AT_RECURSIVE, &a, sizeof(a)), 0);
	CHECK_EQ(move_mount(t, "", AT_FDCWD, "b", MOVE_MOUNT_F_EMPTY_PATH), 0);
	CHECK(has("/tmp/n/b/in", " ro,"));
	CHECK(has("/tmp/n/a/in", " rw,"));
	a = (struct mount_attr){0};
	CHECK_EQ(mount_setattr(AT_FDCWD, "missing", 0, &a, sizeof(a)), 0);
}

TEST(set_group)
{
	playground();
	CHECK_EQ(mount("s", "a", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount("a", "b", NULL, MS_BIND, NULL), 0);
	CHECK_ERR(move_mount(AT_FDCWD, "a", AT_FDCWD, "b", MOVE_MOUNT_SET_GROUP), EINVAL);
	CHECK_EQ(mount(NULL, "a", NULL, MS_SHARED, NULL), 0);
	CHECK_ERR(move_mount(AT_FDCWD, "a", AT_FDCWD, "c", MOVE_MOUNT_SET_GROUP), EINVAL);
	CHECK_EQ(move_mount(AT_FDCWD, "a", AT_FDCWD, "b", MOVE_MOUNT_SET_GROUP), 0);
	CHECK_ERR(move_mount(AT_FDCWD, "a", AT_FDCWD, "b", MOVE_MOUNT_SET_GROUP), EINVAL);
	mkdir("a/x", 0755);
	CHECK_EQ(mount("x", "a/x", "tmpfs", 0, NULL), 0);
	CHECK(info_of("/tmp/n/b/x"));
}

TEST(needs_capability)
{
	int st;

	playground();
	if (!fork()) {
		struct mount_attr a = {.attr_set = MOUNT_ATTR_RDONLY};

		REQUIRE(!setresuid(65534, 65534, 65534));
		CHECK_ERR(fsopen("tmpfs", 0), EPERM);
		CHECK_ERR(fsmount(0, 0, 0), EPERM);
		CHECK_ERR(fspick(AT_FDCWD, "/tmp/n", 0), EPERM);
		CHECK_ERR(open_tree(AT_FDCWD, "/tmp/n", OPEN_TREE_CLONE), EPERM);
		CHECK(open_tree(AT_FDCWD, "/tmp/n", 0) >= 0);
		CHECK_ERR(move_mount(AT_FDCWD, "/tmp/n", AT_FDCWD, "/tmp", 0), EPERM);
		CHECK_ERR(mount_setattr(AT_FDCWD, "/tmp/n", 0, &a, sizeof(a)), EPERM);
		_exit(test_failures != 0);
	}
	wait(&st);
	CHECK_EQ(st, 0);
}

int main(void)
{
	return test_run();
}
