/* Mount namespaces, propagation, flags, umount, pivot_root: mount(2), mount_namespaces(7). */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include "test.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000
#endif

static char line_buf[8192];

/* The line of mountinfo whose mount point is @at, or NULL; the last one counts. */
static char *info_of(const char *who, const char *at)
{
	char path[64], want[256], *found = NULL;
	FILE *f;
	char *line = NULL;
	size_t cap = 0;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", who);
	f = fopen(path, "r");
	REQUIRE(f);
	while (getline(&line, &cap, f) > 0) {
		char mp[256];

		if (sscanf(line, "%*d %*d %*s %*s %255s", mp) == 1 && !strcmp(mp, at)) {
			snprintf(line_buf, sizeof(line_buf), "%s", line);
			found = line_buf;
		}
	}
	(void)want;
	free(line);
	fclose(f);
	return found;
}

static int mount_count(const char *at)
{
	FILE *f = fopen("/proc/self/mountinfo", "r");
	char *line = NULL, mp[256];
	size_t cap = 0;
	int n = 0;

	REQUIRE(f);
	while (getline(&line, &cap, f) > 0)
		n += sscanf(line, "%*d %*d %*s %*s %255s", mp) == 1 && !strcmp(mp, at);
	free(line);
	fclose(f);
	return n;
}

static int number_after(const char *line, const char *tag)
{
	const char *p = line ? strstr(line, tag) : NULL;

	return p ? atoi(p + strlen(tag)) : 0;
}

static int has(const char *at, const char *text)
{
	const char *l = info_of("self", at);

	return l && strstr(l, text);
}

/* A namespace of our own with /tmp/m, a private tmpfs, to play in. */
static void playground(void)
{
	if (geteuid())
		exit(0);
	REQUIRE(!unshare(CLONE_NEWNS));
	REQUIRE(!mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	mkdir("/proc", 0755);
	if (access("/proc/self", F_OK))
		REQUIRE(!mount("proc", "/proc", "proc", 0, NULL));
	mkdir("/tmp", 01777);
	mkdir("/tmp/m", 0755);
	REQUIRE(!mount("play", "/tmp/m", "tmpfs", 0, NULL));
	REQUIRE(!chdir("/tmp/m"));
}

static void touch(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0644);

	REQUIRE(fd >= 0);
	close(fd);
}

TEST(unshare_copies_the_tree)
{
	struct stat a, b;
	int sync1[2], sync2[2];
	char c = 0;
	pid_t pid;

	playground();
	REQUIRE(!pipe(sync1) && !pipe(sync2));
	pid = fork();
	if (!pid) {
		CHECK_EQ(unshare(CLONE_NEWNS), 0);
		/* The working directory moved along. */
		CHECK_EQ(mkdir("inside", 0755), 0);
		CHECK_EQ(mount("t", "inside", "tmpfs", 0, NULL), 0);
		touch("/tmp/m/inside/f");
		CHECK(write(sync1[1], "x", 1) == 1);
		CHECK(read(sync2[0], &c, 1) == 1);
		_exit(test_failures != 0);
	}
	CHECK(read(sync1[0], &c, 1) == 1);
	CHECK_ERR(stat("/tmp/m/inside/f", &a), ENOENT);
	CHECK(!has("/tmp/m/inside", "tmpfs"));
	char who[16];
	snprintf(who, sizeof(who), "%d", pid);
	CHECK(info_of(who, "/tmp/m/inside"));
	/* Not a mount point here: may be removed, and that takes the other's mount off. */
	CHECK_EQ(rmdir("/tmp/m/inside"), 0);
	CHECK(!info_of(who, "/tmp/m/inside"));
	CHECK(write(sync2[1], "x", 1) == 1);
	int st;
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	CHECK_EQ(stat("/proc/self/ns/mnt", &a), 0);
	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	CHECK_EQ(stat("/proc/self/ns/mnt", &b), 0);
	CHECK(a.st_ino != b.st_ino);
}

TEST(setns_goes_back)
{
	struct stat st;
	int fd;

	playground();
	fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	mkdir("d", 0755);
	CHECK_EQ(mount("t", "d", "tmpfs", 0, NULL), 0);
	touch("d/f");
	CHECK_EQ(setns(fd, CLONE_NEWNS), 0);
	CHECK_ERR(stat("/tmp/m/d/f", &st), ENOENT);
	char cwd[64];
	CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/"));
	CHECK_ERR(setns(fd, CLONE_NEWUTS), EINVAL);
}

TEST(propagation_between_peers_and_slaves)
{
	playground();
	mkdir("a", 0755);
	mkdir("b", 0755);
	mkdir("c", 0755);
	CHECK_EQ(mount("a", "a", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount(NULL, "a", NULL, MS_SHARED, NULL), 0);
	mkdir("a/x", 0755);
	mkdir("a/y", 0755);
	CHECK_EQ(mount("a", "b", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(mount("a", "c", NULL, MS_BIND, NULL), 0);
	int group = number_after(info_of("self", "/tmp/m/a"), "shared:");
	CHECK(group > 0);
	CHECK_EQ(number_after(info_of("self", "/tmp/m/b"), "shared:"), group);
	CHECK_EQ(mount(NULL, "c", NULL, MS_SLAVE, NULL), 0);
	CHECK_EQ(number_after(info_of("self", "/tmp/m/c"), "shared:"), 0);
	CHECK_EQ(number_after(info_of("self", "/tmp/m/c"), "master:"), group);
	/* From a peer to all. */
	CHECK_EQ(mount("x", "b/x", "tmpfs", 0, NULL), 0);
	CHECK(has("/tmp/m/a/x", "shared:"));
	CHECK(has("/tmp/m/c/x", "master:"));
	CHECK(!has("/tmp/m/c/x", "shared:"));
	/* From a slave to nobody. */
	CHECK_EQ(mount("y", "c/y", "tmpfs", 0, NULL), 0);
	CHECK(!info_of("self", "/tmp/m/a/y"));
	/* Umount goes the same way. */
	CHECK_EQ(umount("a/x"), 0);
	CHECK(!info_of("self", "/tmp/m/b/x"));
	CHECK(!info_of("self", "/tmp/m/c/x"));
	/* A slave that is shared itself. */
	CHECK_EQ(mount(NULL, "c", NULL, MS_SHARED, NULL), 0);
	int own = number_after(info_of("self", "/tmp/m/c"), "shared:");
	CHECK(own > 0 && own != group);
	CHECK_EQ(number_after(info_of("self", "/tmp/m/c"), "master:"), group);
	mkdir("d", 0755);
	CHECK_EQ(mount("c", "d", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(mount("x", "a/x", "tmpfs", 0, NULL), 0);
	CHECK_EQ(number_after(info_of("self", "/tmp/m/c/x"), "shared:"),
		 number_after(info_of("self", "/tmp/m/d/x"), "shared:"));
	CHECK_EQ(number_after(info_of("self", "/tmp/m/d/x"), "master:"),
		 number_after(info_of("self", "/tmp/m/a/x"), "shared:"));
	CHECK_EQ(umount2("a/x", MNT_DETACH), 0);
	CHECK(!info_of("self", "/tmp/m/d/x"));
	/* The last of a group leaves: its slaves are private. */
	CHECK_EQ(umount("b"), 0);
	CHECK_EQ(mount(NULL, "a", NULL, MS_PRIVATE, NULL), 0);
	CHECK_EQ(number_after(info_of("self", "/tmp/m/c"), "master:"), 0);
}

TEST(propagation_into_another_namespace)
{
	int sync1[2], sync2[2];
	char c;
	pid_t pid;
	int st;

	playground();
	CHECK_EQ(mount(NULL, "/tmp/m", NULL, MS_SHARED, NULL), 0);
	REQUIRE(!pipe(sync1) && !pipe(sync2));
	mkdir("d", 0755);
	pid = fork();
	if (!pid) {
		CHECK_EQ(unshare(CLONE_NEWNS), 0);
		CHECK(write(sync1[1], "x", 1) == 1);
		CHECK(read(sync2[0], &c, 1) == 1);
		CHECK(info_of("self", "/tmp/m/d"));
		CHECK_EQ(umount("/tmp/m/d"), 0);
		_exit(test_failures != 0);
	}
	CHECK(read(sync1[0], &c, 1) == 1);
	CHECK_EQ(mount("t", "d", "tmpfs", 0, NULL), 0);
	CHECK(write(sync2[1], "x", 1) == 1);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	CHECK(!info_of("self", "/tmp/m/d"));
}

TEST(propagate_from)
{
	playground();
	mkdir("a", 0755);
	mkdir("jail", 0755);
	mkdir("jail/b", 0755);
	mkdir("jail/proc", 0755);
	mkdir("c", 0755);
	CHECK_EQ(mount("a", "a", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount(NULL, "a", NULL, MS_SHARED, NULL), 0);
	CHECK_EQ(mount("a", "jail/b", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(mount("a", "c", NULL, MS_BIND, NULL), 0);
	/* jail/b: peer of a; jail/d: slave of c, which is slave of a. */
	CHECK_EQ(mount(NULL, "c", NULL, MS_SLAVE, NULL), 0);
	CHECK_EQ(mount(NULL, "c", NULL, MS_SHARED, NULL), 0);
	mkdir("jail/d", 0755);
	CHECK_EQ(mount("c", "jail/d", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(mount(NULL, "jail/d", NULL, MS_SLAVE, NULL), 0);
	int top = number_after(info_of("self", "/tmp/m/a"), "shared:");
	int mid = number_after(info_of("self", "/tmp/m/c"), "shared:");
	CHECK_EQ(mount("proc", "jail/proc", "proc", 0, NULL), 0);
	CHECK_EQ(chroot("jail"), 0);
	CHECK_EQ(chdir("/"), 0);
	char *l = info_of("self", "/d");
	CHECK_EQ(number_after(l, "master:"), mid);
	CHECK_EQ(number_after(l, "propagate_from:"), top);
	/* What is outside of the root is not shown. */
	CHECK(!info_of("self", "/tmp/m/a"));
}

TEST(recursive_changes_and_binds)
{
	playground();
	mkdir("a", 0755);
	mkdir("b", 0755);
	CHECK_EQ(mount("a", "a", "tmpfs", 0, NULL), 0);
	mkdir("a/s", 0755);
	mkdir("a/u", 0755);
	CHECK_EQ(mount("s", "a/s", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount("u", "a/u", "tmpfs", 0, NULL), 0);
	touch("a/s/f");
	CHECK_EQ(mount(NULL, "a", NULL, MS_REC | MS_SHARED, NULL), 0);
	CHECK(has("/tmp/m/a/s", "shared:"));
	CHECK_EQ(mount(NULL, "a", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	CHECK(!has("/tmp/m/a/s", "shared:"));
	CHECK_EQ(mount(NULL, "a/u", NULL, MS_UNBINDABLE, NULL), 0);
	CHECK(has("/tmp/m/a/u", " unbindable"));
	CHECK_EQ(mount("a", "b", NULL, MS_BIND, NULL), 0);
	CHECK(!info_of("self", "/tmp/m/b/s"));
	CHECK_ERR(access("b/s/f", F_OK), ENOENT);
	CHECK_EQ(umount("b"), 0);
	CHECK_EQ(mount("a", "b", NULL, MS_BIND | MS_REC, NULL), 0);
	CHECK(info_of("self", "/tmp/m/b/s"));
	CHECK(!info_of("self", "/tmp/m/b/u"));
	CHECK_ERR(mount("a/u", "b/u", NULL, MS_BIND, NULL), EINVAL);
	CHECK_ERR(umount("b"), EBUSY);
	CHECK_EQ(umount2("b", MNT_DETACH), 0);
	/* Of a directory inside, and of a file. */
	mkdir("a/s/deep", 0755);
	CHECK_EQ(mount("a/s/deep", "b", NULL, MS_BIND, NULL), 0);
	CHECK(has("/tmp/m/b", " /deep /tmp/m/b "));
	CHECK_EQ(umount("b"), 0);
	touch("file");
	CHECK_EQ(mount("a/s/f", "file", NULL, MS_BIND, NULL), 0);
	CHECK_ERR(mount("a/s/f", "b", NULL, MS_BIND, NULL), ENOTDIR);
	CHECK_ERR(mount("a", "file", NULL, MS_BIND, NULL), ENOTDIR);
	CHECK_EQ(unlink("a/s/f"), 0);
	CHECK(has("/tmp/m/file", " /f//deleted /tmp/m/file "));
	CHECK_ERR(unlink("file"), EBUSY);
	CHECK_EQ(umount("file"), 0);
	CHECK_ERR(mount(NULL, "a", NULL, MS_SHARED | MS_PRIVATE, NULL), EINVAL);
	CHECK_ERR(mount(NULL, "a/s/deep", NULL, MS_SHARED, NULL), EINVAL);
	CHECK_ERR(mount("", "b", NULL, MS_BIND, NULL), EINVAL);
	CHECK_ERR(mount(NULL, "b", NULL, MS_BIND, NULL), EINVAL);
}

TEST(bind_into_itself_when_shared)
{
	playground();
	CHECK_EQ(mount(NULL, "/tmp/m", NULL, MS_SHARED, NULL), 0);
	mkdir("d", 0755);
	CHECK_EQ(mount("/tmp/m", "d", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(number_after(info_of("self", "/tmp/m/d"), "shared:"),
		 number_after(info_of("self", "/tmp/m"), "shared:"));
	CHECK_EQ(mount_count("/tmp/m/d"), 1);
	/* d is on d/d too: no, the copy is not a receiver of its own making. */
	CHECK_EQ(mount_count("/tmp/m/d/d"), 0);
	mkdir("e", 0755);
	CHECK_EQ(mount("t", "e", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount_count("/tmp/m/d/e"), 1);
	CHECK_EQ(umount("d/e"), 0);
	CHECK_EQ(mount_count("/tmp/m/e"), 0);
}

TEST(tucked_below_what_is_there)
{
	playground();
	mkdir("a", 0755);
	mkdir("b", 0755);
	CHECK_EQ(mount("a", "a", "tmpfs", 0, NULL), 0);
	mkdir("a/x", 0755);
	CHECK_EQ(mount(NULL, "a", NULL, MS_SHARED, NULL), 0);
	CHECK_EQ(mount("a", "b", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(mount(NULL, "b", NULL, MS_SLAVE, NULL), 0);
	CHECK_EQ(mount("own", "b/x", "tmpfs", 0, NULL), 0);
	touch("b/x/own");
	CHECK_EQ(mount("lower", "a/x", "tmpfs", 0, NULL), 0);
	touch("a/x/lower");
	/* What was on b/x stays on top. */
	CHECK_EQ(access("b/x/own", F_OK), 0);
	CHECK_EQ(mount_count("/tmp/m/b/x"), 2);
	CHECK_EQ(umount("a/x"), 0);
	CHECK_EQ(mount_count("/tmp/m/b/x"), 1);
	CHECK_EQ(access("b/x/own", F_OK), 0);
	CHECK_EQ(umount("b/x"), 0);
	CHECK_EQ(mount_count("/tmp/m/b/x"), 0);
}

TEST(moves)
{
	playground();
	mkdir("a", 0755);
	mkdir("b", 0755);
	mkdir("s", 0755);
	CHECK_EQ(mount("a", "a", "tmpfs", 0, NULL), 0);
	mkdir("a/in", 0755);
	CHECK_EQ(mount("in", "a/in", "tmpfs", 0, NULL), 0);
	touch("a/in/f");
	CHECK_ERR(mount("a", "a/in", NULL, MS_MOVE, NULL), ELOOP);
	CHECK_EQ(mount("a", "b", NULL, MS_MOVE, NULL), 0);
	CHECK_EQ(access("b/in/f", F_OK), 0);
	CHECK(!info_of("self", "/tmp/m/a"));
	CHECK_ERR(mount("a", "s", NULL, MS_MOVE, NULL), EINVAL);
	CHECK_EQ(mount("s", "s", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount(NULL, "s", NULL, MS_SHARED, NULL), 0);
	mkdir("s/x", 0755);
	CHECK_EQ(mount("s", "a", NULL, MS_BIND, NULL), 0);
	/* Into a shared place: all peers get it. */
	CHECK_EQ(mount("b", "s/x", NULL, MS_MOVE, NULL), 0);
	CHECK_EQ(access("a/x/in/f", F_OK), 0);
	CHECK(has("/tmp/m/s/x", "shared:"));
	/* Out of a shared parent: no. */
	CHECK_ERR(mount("s/x", "b", NULL, MS_MOVE, NULL), EINVAL);
	CHECK_EQ(mount("u", "b", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount(NULL, "b", NULL, MS_UNBINDABLE, NULL), 0);
	CHECK_ERR(mount("b", "s", NULL, MS_MOVE, NULL), EINVAL);
	CHECK_ERR(mount("nothing", "b", NULL, MS_MOVE, NULL), ENOENT);
}

TEST(flags_act)
{
	struct stat st, st2;
	struct statvfs vfs;
	struct statfs sfs;
	int fd;

	playground();
	mkdir("a", 0755);
	mkdir("b", 0755);
	CHECK_EQ(mount("a", "a", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL), 0);
	CHECK(has("/tmp/m/a", " rw,nosuid,nodev,noexec,relatime "));
	CHECK_EQ(mknod("a/null", S_IFCHR | 0666, 0x103), 0);
	CHECK_ERR(open("a/null", O_RDWR), EACCES);
	touch("a/prog");
	chmod("a/prog", 0755);
	char *argv[] = {"prog", NULL};
	CHECK_ERR(execv("a/prog", argv), EACCES);
	CHECK_ERR(access("a/prog", X_OK), EACCES);
	CHECK_EQ(statvfs("a", &vfs), 0);
	CHECK_EQ(vfs.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_RDONLY),
		 ST_NOSUID | ST_NODEV | ST_NOEXEC);
	/* A bind mount has the flags of its origin, and then its own. */
	CHECK_EQ(mount("a", "b", NULL, MS_BIND | MS_RDONLY, NULL), 0);
	CHECK(has("/tmp/m/b", " rw,nosuid,nodev,noexec,relatime "));
	CHECK_EQ(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOATIME, NULL), 0);
	CHECK(has("/tmp/m/b", " ro,noatime "));
	CHECK(has("/tmp/m/b", "- tmpfs a rw"));
	CHECK(has("/tmp/m/a", " rw,nosuid"));
	CHECK_ERR(open("b/new", O_CREAT | O_WRONLY, 0644), EROFS);
	CHECK_ERR(open("b/prog", O_WRONLY), EROFS);
	CHECK_ERR(mkdir("b/d", 0755), EROFS);
	CHECK_ERR(unlink("b/prog"), EROFS);
	CHECK_ERR(chmod("b/prog", 0700), EROFS);
	CHECK_ERR(access("b/prog", W_OK), EROFS);
	touch("a/new");
	/* Read-only while something is open for writing. */
	fd = open("a/new", O_WRONLY);
	CHECK_ERR(mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EBUSY);
	CHECK_ERR(mount(NULL, "a", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	close(fd);
	CHECK_EQ(mount(NULL, "a", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	CHECK(has("/tmp/m/a", "- tmpfs a ro"));
	CHECK(has("/tmp/m/b", "- tmpfs a ro"));
	CHECK_EQ(mount(NULL, "a", NULL, MS_REMOUNT, NULL), 0);
	/* Access times. */
	CHECK_EQ(mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_STRICTATIME, NULL), 0);
	CHECK(has("/tmp/m/a", " rw - "));
	struct timespec old[2] = {{1000, 0}, {2000000000, 0}};
	fd = open("a/new", O_RDWR);
	CHECK(write(fd, "x", 1) == 1);
	CHECK_EQ(futimens(fd, old), 0);
	char c;
	CHECK(pread(fd, &c, 1, 0) == 1);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(st.st_atime != 1000);
	CHECK_EQ(futimens(fd, old), 0);
	close(fd);
	fd = open("b/new", O_RDONLY);
	CHECK(pread(fd, &c, 1, 0) == 1);
	CHECK_EQ(fstat(fd, &st2), 0);
	CHECK_EQ(st2.st_atime, 1000);
	close(fd);
	/* A remount that does not mention access times keeps them. */
	CHECK_EQ(mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_NODEV, NULL), 0);
	CHECK(has("/tmp/m/a", " rw,nodev - "));
	/* No symbolic links. */
	CHECK_EQ(symlink("new", "a/link"), 0);
	CHECK_EQ(mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_NOSYMFOLLOW, NULL), 0);
	CHECK(has("/tmp/m/a", ",nosymfollow"));
	CHECK_ERR(open("a/link", O_RDONLY), ELOOP);
	CHECK_EQ(lstat("a/link", &st), 0);
	CHECK_EQ(statfs("a", &sfs), 0);
	CHECK(sfs.f_flags & ST_NOSYMFOLLOW);
	CHECK_ERR(mount(NULL, "a/new", NULL, MS_REMOUNT | MS_BIND, NULL), EINVAL);
	CHECK_ERR(mount("x", "a", "nosuchfs", 0, NULL), ENODEV);
	CHECK_ERR(mount("x", "a", NULL, 0, NULL), EINVAL);
	CHECK_ERR(mount("x", "a", "tmpfs", 0, "nosuchoption=1"), EINVAL);
	CHECK_ERR(mount("x", "missing", "tmpfs", 0, NULL), ENOENT);
}

TEST(umount_rules)
{
	int fd;

	playground();
	mkdir("a", 0755);
	CHECK_EQ(mount("a", "a", "tmpfs", 0, NULL), 0);
	CHECK_ERR(umount2("a", 0x40), EINVAL);
	CHECK_ERR(umount("missing"), ENOENT);
	mkdir("a/d", 0755);
	CHECK_ERR(umount("a/d"), EINVAL);
	fd = open("a/d", O_RDONLY);
	CHECK_ERR(umount("a"), EBUSY);
	CHECK_ERR(umount2("a", MNT_FORCE), EBUSY);
	CHECK_EQ(umount2("a", MNT_DETACH), 0);
	/* Still there for who is in it. */
	CHECK_EQ(mkdirat(fd, "more", 0755), 0);
	CHECK_EQ(fchdir(fd), 0);
	char buf[64];
	CHECK(syscall(SYS_getcwd, buf, sizeof(buf)) > 0);
	CHECK(!strncmp(buf, "(unreachable)", 13));
	CHECK_EQ(chdir("/tmp/m"), 0);
	close(fd);
	/* Expiry: marks, then takes off what was not used. */
	CHECK_EQ(mount("a", "a", "tmpfs", 0, NULL), 0);
	CHECK_ERR(umount2("a", MNT_EXPIRE | MNT_FORCE), EINVAL);
	CHECK_ERR(umount2("a", MNT_EXPIRE), EAGAIN);
	touch("a/used");
	CHECK_ERR(umount2("a", MNT_EXPIRE), EAGAIN);
	CHECK_EQ(umount2("a", MNT_EXPIRE), 0);
	CHECK(!info_of("self", "/tmp/m/a"));
	CHECK_EQ(mount("a", "a", "tmpfs", 0, NULL), 0);
	fd = open("a", O_RDONLY);
	CHECK_ERR(umount2("a", MNT_EXPIRE), EBUSY);
	close(fd);
	CHECK_EQ(symlink("a", "l"), 0);
	CHECK_ERR(umount2("l", UMOUNT_NOFOLLOW), EINVAL);
	CHECK_EQ(umount("l"), 0);
	/* Stacked: the newest first. */
	CHECK_EQ(mount("one", "a", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount("two", "a", "tmpfs", 0, NULL), 0);
	CHECK(has("/tmp/m/a", "- tmpfs two"));
	CHECK_EQ(umount("a"), 0);
	CHECK(has("/tmp/m/a", "- tmpfs one"));
	CHECK_EQ(umount("a"), 0);
}

TEST(poll_tells_of_changes)
{
	struct pollfd p = {.events = POLLPRI};
	char buf[4096];

	playground();
	p.fd = open("/proc/self/mounts", O_RDONLY);
	REQUIRE(p.fd >= 0);
	while (read(p.fd, buf, sizeof(buf)) > 0)
		;
	CHECK_EQ(poll(&p, 1, 0), 0);
	mkdir("a", 0755);
	CHECK_EQ(mount("a", "a", "tmpfs", 0, NULL), 0);
	CHECK_EQ(poll(&p, 1, 1000), 1);
	CHECK_EQ(p.revents, POLLPRI | POLLERR);
	CHECK_EQ(poll(&p, 1, 0), 0);
	/* A sleeper is woken. */
	pid_t pid = fork();
	if (!pid) {
		usleep(50000);
		_exit(umount("/tmp/m/a") != 0);
	}
	CHECK_EQ(poll(&p, 1, 5000), 1);
	int st;
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	p.events = POLLIN;
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK(p.revents & POLLIN);
	/* mountstats. */
	FILE *f = fopen("/proc/self/mountstats", "r");
	int found = 0;
	REQUIRE(f);
	while (fgets(buf, sizeof(buf), f))
		found += !strcmp(buf, "device play mounted on /tmp/m with fstype tmpfs\n");
	CHECK_EQ(found, 1);
	fclose(f);
}

static int pivot_root(const char *new_root, const char *put_old)
{
	return (int)syscall(SYS_pivot_root, new_root, put_old);
}

/* A root that is mounted on something, so that it can be moved. */
static void jail(void)
{
	playground();
	mkdir("root", 0755);
	REQUIRE(!mount("root", "root", "tmpfs", 0, NULL));
	REQUIRE(!chroot("root") && !chdir("/"));
	mkdir("/new", 0755);
	mkdir("/proc", 0755);
	mkdir("/dir", 0755);
	REQUIRE(!mount("proc", "/proc", "proc", 0, NULL));
	REQUIRE(!mount("new", "/new", "tmpfs", 0, NULL));
	mkdir("/new/old", 0755);
	mkdir("/new/proc", 0755);
}

TEST(pivot_root_rules)
{
	jail();
	CHECK_ERR(pivot_root("/dir", "/dir"), EBUSY);
	CHECK_ERR(pivot_root("/", "/new"), EBUSY);
	CHECK_ERR(pivot_root("/new", "/dir"), EBUSY);
	CHECK_ERR(pivot_root("/new/old", "/new/old"), EINVAL);
	CHECK_ERR(pivot_root("/new", "/missing"), ENOENT);
	CHECK_EQ(mount(NULL, "/new", NULL, MS_SHARED, NULL), 0);
	CHECK_ERR(pivot_root("/new", "/new/old"), EINVAL);
	CHECK_EQ(mount(NULL, "/new", NULL, MS_PRIVATE, NULL), 0);
	touch("/file");
	CHECK_ERR(pivot_root("/file", "/new/old"), ENOTDIR);
	CHECK_EQ(pivot_root("/new", "/new/old"), 0);
	CHECK_EQ(access("/old/file", F_OK), 0);
	CHECK_EQ(access("/file", F_OK), -1);
	CHECK_EQ(mount("proc", "/proc", "proc", 0, NULL), 0);
	CHECK(has("/", "- tmpfs new"));
	CHECK(has("/old", "- tmpfs root"));
	CHECK_EQ(umount2("/old", MNT_DETACH), 0);
	CHECK_EQ(access("/old/file", F_OK), -1);
}

TEST(pivot_root_dot_dot)
{
	jail();
	touch("/was_here");
	CHECK_EQ(chdir("/new"), 0);
	touch("is_here");
	CHECK_EQ(pivot_root(".", "."), 0);
	/* The old root is on top of the new one, and "/" still names what is below. */
	CHECK_EQ(umount2(".", MNT_DETACH), 0);
	CHECK_EQ(access("/is_here", F_OK), 0);
	CHECK_EQ(access("/was_here", F_OK), -1);
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(access("is_here", F_OK), 0);
}

TEST(less_privileged_namespaces_keep_what_is_locked)
{
	playground();
	mkdir("a", 0755);
	mkdir("b", 0755);
	CHECK_EQ(mount("a", "a", "tmpfs", MS_NODEV | MS_NOSUID | MS_RDONLY, NULL), 0);
	CHECK_EQ(mount("cover", "b", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount(NULL, "/tmp/m", NULL, MS_SHARED, NULL), 0);
	pid_t pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) {
			CHECK_EQ(errno, 0);
			_exit(1);
		}
		CHECK(has("/tmp/m", "master:"));
		CHECK_ERR(umount("/tmp/m/b"), EINVAL);
		CHECK_ERR(umount2("/tmp/m/b", MNT_DETACH), EINVAL);
		CHECK_ERR(mount("/tmp/m/b", "/tmp/m/a", NULL, MS_MOVE, NULL), EINVAL);
		CHECK_ERR(mount(NULL, "/tmp/m/a", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM);
		CHECK_ERR(mount(NULL, "/tmp/m/a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV,
				NULL),
			  EPERM);
		CHECK_ERR(
			mount(NULL, "/tmp/m/a", NULL,
			      MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOATIME,
			      NULL),
			EPERM);
		CHECK_EQ(mount(NULL, "/tmp/m/a", NULL,
			       MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC,
			       NULL),
			 0);
		CHECK_ERR(mount(NULL, "/tmp/m/a", NULL,
				MS_REMOUNT | MS_RDONLY | MS_NODEV | MS_NOSUID, NULL),
			  EPERM);
		/* A copy without what covers it would show it. */
		CHECK_ERR(mount("/tmp/m", "/tmp/m/b", NULL, MS_BIND, NULL), EINVAL);
		CHECK_EQ(mount("/tmp/m", "/tmp/m/b", NULL, MS_BIND | MS_REC, NULL), 0);
		CHECK_EQ(umount2("/tmp/m/b", MNT_DETACH), 0);
		/* tmpfs may be mounted, what is made there has no devices. */
		CHECK_EQ(mount("t", "/tmp/m/b", "tmpfs", 0, NULL), 0);
		CHECK_EQ(umount("/tmp/m/b"), 0);
		CHECK_ERR(mount("t", "/tmp/m/b", "devtmpfs", 0, NULL), EPERM);
		_exit(test_failures != 0);
	}
	int st;
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
}

TEST(needs_capability)
{
	playground();
	mkdir("a", 0755);
	chmod("a", 0777);
	if (!fork()) {
		REQUIRE(!setresuid(65534, 65534, 65534));
		CHECK_ERR(mount("t", "a", "tmpfs", 0, NULL), EPERM);
		CHECK_ERR(umount("/tmp/m"), EPERM);
		CHECK_ERR(umount2("/tmp/m", 0x80), EINVAL);
		CHECK_ERR(pivot_root("a", "a"), EPERM);
		CHECK_ERR(unshare(CLONE_NEWNS), EPERM);
		_exit(test_failures != 0);
	}
	int st;
	wait(&st);
	CHECK_EQ(st, 0);
}

TEST(old_calls)
{
	struct stat st;
	char buf[64] = "";
	long n;

	playground();
	CHECK_EQ(stat("/tmp/m", &st), 0);
	CHECK_EQ(syscall(SYS_ustat, (unsigned int)st.st_dev, buf), 0);
	CHECK_ERR(syscall(SYS_ustat, 0xffffu, buf), EINVAL);
	CHECK_ERR(syscall(SYS_ustat, (unsigned int)st.st_dev, NULL), EFAULT);
	n = syscall(SYS_sysfs, 3);
	CHECK(n > 3);
	n = syscall(SYS_sysfs, 1, "tmpfs");
	CHECK(n >= 0);
	CHECK_EQ(syscall(SYS_sysfs, 2, n, buf), 0);
	CHECK(!strcmp(buf, "tmpfs"));
	CHECK_ERR(syscall(SYS_sysfs, 1, "nosuchfs"), EINVAL);
	CHECK_ERR(syscall(SYS_sysfs, 2, 100000, buf), EINVAL);
	CHECK_ERR(syscall(SYS_sysfs, 4), EINVAL);
}

TEST(mount_max)
{
	FILE *f;
	int max = 0, used = 0;
	char *line = NULL;
	size_t cap = 0;

	playground();
	f = fopen("/proc/sys/fs/mount-max", "r");
	REQUIRE(f);
	CHECK_EQ(fscanf(f, "%d", &max), 1);
	fclose(f);
	CHECK(max >= 1000);
	f = fopen("/proc/self/mountinfo", "r");
	while (getline(&line, &cap, f) > 0) {
		char where[256];
		int id, parent;

		used++;
		/* A root that lies on another, which nothing here shows. */
		if (sscanf(line, "%d %d %*s %*s %255s", &id, &parent, where) == 3 &&
		    !strcmp(where, "/") && id != parent)
			used++;
	}
	free(line);
	fclose(f);
	f = fopen("/proc/sys/fs/mount-max", "w");
	REQUIRE(f);
	fprintf(f, "%d", used + 2);
	CHECK_EQ(fclose(f), 0);
	mkdir("a", 0755);
	CHECK_EQ(mount("t", "a", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount("t", "a", "tmpfs", 0, NULL), 0);
	CHECK_ERR(mount("t", "a", "tmpfs", 0, NULL), ENOSPC);
	CHECK_ERR(mount("/tmp", "a", NULL, MS_BIND, NULL), ENOSPC);
	f = fopen("/proc/sys/fs/mount-max", "w");
	fprintf(f, "%d", max);
	CHECK_EQ(fclose(f), 0);
}

TEST(many_at_once)
{
	playground();
	CHECK_EQ(mount(NULL, "/tmp/m", NULL, MS_SHARED, NULL), 0);
	for (int i = 0; i < 4; i++) {
		if (fork())
			continue;
		char d[32];
		snprintf(d, sizeof(d), "/tmp/m/d%d", i);
		mkdir(d, 0755);
		for (int n = 0; n < 60; n++) {
			if (n % 3 == 0)
				CHECK_EQ(unshare(CLONE_NEWNS), 0);
			CHECK_EQ(mount("t", d, "tmpfs", 0, NULL), 0);
			struct stat st;
			for (int k = 0; k < 4; k++) {
				char o[40];
				snprintf(o, sizeof(o), "/tmp/m/d%d/../d%d", k, (k + i) % 4);
				(void)stat(o, &st);
			}
			/* Somebody may look at it just now, or stand on it. */
			CHECK_EQ(umount2(d, MNT_DETACH), 0);
		}
		_exit(test_failures != 0);
	}
	for (int i = 0; i < 4; i++) {
		int st;
		wait(&st);
		CHECK_EQ(st, 0);
	}
}

int main(void)
{
	return test_run();
}
