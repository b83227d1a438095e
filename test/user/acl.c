/* POSIX access control lists, acl(5), as attributes: what they say, who may change them, what they
 * do to modes and to new files. */
#include "test.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

struct list {
	struct posix_acl_xattr_header h;
	struct posix_acl_xattr_entry e[16];
};

static void enter(void)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "/tmp/acl.%d", getpid());
	REQUIRE(!mkdir(dir, 0755));
	if (mount("what", dir, "tmpfs", 0, "mode=777")) {
		printf("# cannot mount here: errno %d\n", errno);
		exit(errno != EPERM);
	}
	REQUIRE(!chdir(dir));
	umask(022);
}

/* "u:: rw", "u:5 r", "g:: r", "m r", "o r": "uU7,u5:6,..." is shorter: see parse. */
static size_t parse(const char *s, struct list *l)
{
	static const struct {
		char letter;
		int plain, named;
	} tags[] = {{'u', ACL_USER_OBJ, ACL_USER},
		    {'g', ACL_GROUP_OBJ, ACL_GROUP},
		    {'m', ACL_MASK, ACL_MASK},
		    {'o', ACL_OTHER, ACL_OTHER}};
	size_t n = 0;

	l->h.a_version = POSIX_ACL_XATTR_VERSION;
	while (*s) {
		int tag = 0, id = -1, perm, used = 0;

		for (int i = 0; i < 4; i++) {
			if (tags[i].letter == *s)
				tag = s[1] == '=' ? tags[i].plain : tags[i].named;
		}
		if (sscanf(s + 1, "%d=%d%n", &id, &perm, &used) != 2 &&
		    sscanf(s + 1, "=%d%n", &perm, &used) != 1)
			REQUIRE(!"list");
		l->e[n].e_tag = (uint16_t)tag;
		l->e[n].e_perm = (uint16_t)perm;
		l->e[n++].e_id = (uint32_t)id;
		s += 1 + used;
		s += *s == ',';
	}
	return sizeof(l->h) + n * sizeof(l->e[0]);
}

static int set(const char *file, const char *which, const char *text)
{
	struct list l;
	size_t size = parse(text, &l);

	return setxattr(file, which, &l, size, 0);
}

static const char *get(const char *file, const char *which)
{
	static char text[200];
	struct list l;
	ssize_t size = getxattr(file, which, &l, sizeof(l));
	char *p = text;

	if (size < 0)
		return errno == ENODATA ? "none" : "error";
	for (size_t i = 0; i < ((size_t)size - sizeof(l.h)) / sizeof(l.e[0]); i++) {
		char c = l.e[i].e_tag & (ACL_USER_OBJ | ACL_USER)     ? 'u'
			 : l.e[i].e_tag & (ACL_GROUP_OBJ | ACL_GROUP) ? 'g'
			 : l.e[i].e_tag == ACL_MASK		      ? 'm'
								      : 'o';
		p += sprintf(p, i ? ",%c" : "%c", c);
		if (l.e[i].e_tag & (ACL_USER | ACL_GROUP))
			p += sprintf(p, "%d", (int)l.e[i].e_id);
		p += sprintf(p, "=%d", l.e[i].e_perm);
	}
	return text;
}

static int mode_of(const char *file)
{
	struct stat st;

	return stat(file, &st) ? -1 : (int)(st.st_mode & 07777);
}

#define CHECK_STR(a, b)                                                                      \
	do {                                                                                 \
		const char *a_ = (a), *b_ = (b);                                             \
		if (strcmp(a_, b_)) {                                                        \
			printf("# %s:%d: \"%s\", not \"%s\"\n", __FILE__, __LINE__, a_, b_); \
			test_failures++;                                                     \
		}                                                                            \
	} while (0)

/* What user @uid in groups @gid and @more may do with @file: the sum of R_OK, W_OK, X_OK. */
static int rights(const char *file, int uid, int gid, int more)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		gid_t groups[1] = {(gid_t)more};
		int r = 0;

		if (setgroups(more >= 0, groups) || setgid((gid_t)gid) || setuid((uid_t)uid))
			_exit(100);
		for (int bit = 1; bit <= 4; bit *= 2)
			r |= access(file, bit) ? 0 : bit;
		_exit(r);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(lists_and_modes)
{
	enter();
	close(open("f", O_CREAT | O_RDWR, 0640));
	CHECK_STR(get("f", ACCESS), "none");
	CHECK(!set("f", ACCESS, "u=7,u5=6,g=4,m=7,o=1"));
	CHECK_STR(get("f", ACCESS), "u=7,u5=6,g=4,m=7,o=1");
	CHECK_EQ(mode_of("f"), 0771);
	CHECK(!chmod("f", 0640));
	CHECK_STR(get("f", ACCESS), "u=6,u5=6,g=4,m=4,o=0");
	/* As much as a mode says: no list is kept. */
	CHECK(!set("f", ACCESS, "u=7,g=5,o=4"));
	CHECK_STR(get("f", ACCESS), "none");
	CHECK_EQ(mode_of("f"), 0754);
	CHECK(!set("f", ACCESS, "u=6,g=2,m=6,o=1"));
	CHECK_STR(get("f", ACCESS), "u=6,g=2,m=6,o=1");
	CHECK_EQ(mode_of("f"), 0661);
	CHECK(!removexattr("f", ACCESS));
	CHECK_STR(get("f", ACCESS), "none");
	CHECK_EQ(mode_of("f"), 0661);
	CHECK(!removexattr("f", ACCESS));
}

TEST(lists_that_are_none)
{
	static const char *const bad[] = {
		"u=7",
		"u=7,g=7",
		"u=7,u5=7,g=7,o=7",
		"g=7,u=7,o=7",
		"u=7,g=7,g5=7,o=7",
		"u=8,g=7,o=7",
		"u=7,g=7,o=7,o=7",
		"u=7,g=7,m=7,m=7,o=7",
		"u=7,u5=7,g=7,o=7,m=7",
		"u=7,u=7,g=7,o=7",
	};
	struct list l;
	size_t size = parse("u=7,g=7,o=7", &l);

	enter();
	close(open("f", O_CREAT | O_RDWR, 0640));
	CHECK(!mkdir("d", 0755) && !symlink("f", "l"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!set("f", ACCESS, bad[i]) || errno != EINVAL) {
			printf("# %s: errno %d\n", bad[i], errno);
			test_failures++;
		}
	}
	CHECK(!set("f", ACCESS, "u=7,u5=1,u5=2,g=7,m=7,o=7"));
	CHECK(!removexattr("f", ACCESS));
	CHECK_ERR(setxattr("f", ACCESS, &l, size - 1, 0), EINVAL);
	CHECK_ERR(setxattr("f", ACCESS, &l, 3, 0), EINVAL);
	CHECK(!setxattr("f", ACCESS, &l, sizeof(l.h), 0));
	l.h.a_version = 3;
	CHECK_ERR(setxattr("f", ACCESS, &l, size, 0), EOPNOTSUPP);
	CHECK_EQ(mode_of("f"), 0777);
	CHECK_ERR(set("f", DEFAULT, "u=7,g=7,o=7"), EACCES);
	CHECK(!removexattr("f", DEFAULT));
	CHECK_STR(get("f", DEFAULT), "none");
	CHECK_ERR(lgetxattr("l", ACCESS, &l, sizeof(l)), EOPNOTSUPP);
	l.h.a_version = 2;
	CHECK_ERR(lsetxattr("l", ACCESS, &l, size, 0), EOPNOTSUPP);
	CHECK(!set("d", DEFAULT, "u=7,g=5,o=0"));
	CHECK_STR(get("d", DEFAULT), "u=7,g=5,o=0");
	CHECK_EQ(getxattr("d", DEFAULT, NULL, 0), (long)size);
	CHECK_ERR(getxattr("d", DEFAULT, &l, size - 1), ERANGE);
	CHECK_EQ(mode_of("d"), 0755);
}

TEST(rights_by_list)
{
	enter();
	close(open("f", O_CREAT | O_RDWR, 0640));
	CHECK(!chown("f", 1, 2));
	CHECK(!set("f", ACCESS, "u=6,u5=7,u6=0,g=1,g7=4,g8=2,m=6,o=1"));
	CHECK_EQ(rights("f", 1, 9, -1), R_OK | W_OK); /* the owner: the mask is no matter */
	CHECK_EQ(rights("f", 5, 9, -1), R_OK | W_OK); /* named, less the mask */
	CHECK_EQ(rights("f", 6, 7, -1), 0);	      /* named comes before groups */
	CHECK_EQ(rights("f", 9, 7, -1), R_OK);
	CHECK_EQ(rights("f", 9, 7, 8), R_OK | W_OK); /* one after another */
	CHECK_EQ(rights("f", 9, 2, -1), 0);	     /* masked */
	CHECK_EQ(rights("f", 9, 9, -1), X_OK);
	CHECK_EQ(rights("f", 0, 0, -1), R_OK | W_OK | X_OK);
	/* A mask of nothing switches the list off for the group class: the mode decides. */
	CHECK(!chmod("f", 0604));
	CHECK_STR(get("f", ACCESS), "u=6,u5=7,u6=0,g=1,g7=4,g8=2,m=0,o=4");
	CHECK_EQ(rights("f", 5, 9, -1), R_OK);
	CHECK_EQ(rights("f", 9, 2, -1), 0);
	CHECK_EQ(rights("f", 9, 9, -1), R_OK);
}

TEST(rights_on_the_way)
{
	enter();
	CHECK(!mkdir("d", 0700));
	close(open("d/f", O_CREAT | O_RDWR, 0644));
	CHECK_EQ(rights("d/f", 5, 5, -1), 0);
	CHECK(!set("d", ACCESS, "u=7,u5=1,g=0,m=1,o=0"));
	CHECK_EQ(rights("d/f", 5, 5, -1), R_OK);
	CHECK_EQ(rights("d/f", 6, 6, -1), 0);
	CHECK(!removexattr("d", ACCESS));
	CHECK_EQ(mode_of("d"), 0710);
	CHECK_EQ(rights("d/f", 5, 5, -1), 0);
}

TEST(who_may_change_them)
{
	int status;

	enter();
	close(open("f", O_CREAT | O_RDWR, 0644));
	close(open("g", O_CREAT | O_RDWR, 0644));
	CHECK(!chown("g", 5, 7) && !chmod("g", 02775));
	if (!fork()) {
		gid_t none;

		if (setgroups(0, &none) || setgid(6) || setuid(5))
			_exit(2);
		CHECK_ERR(set("f", ACCESS, "u=7,g=7,o=7"), EPERM);
		CHECK_ERR(removexattr("f", ACCESS), EPERM);
		CHECK_STR(get("f", ACCESS), "none");
		/* Not of the group: set-group-id goes. */
		CHECK(!set("g", ACCESS, "u=7,u9=7,g=7,m=7,o=7"));
		CHECK_EQ(mode_of("g"), 0777);
		_exit(test_failures);
	}
	CHECK(wait(&status) > 0 && !status);
}

TEST(inheritance)
{
	char names[100];

	enter();
	umask(077);
	CHECK(!mkdir("d", 0755));
	CHECK(!set("d", DEFAULT, "u=7,u5=6,g=5,m=7,o=1"));
	close(open("d/f", O_CREAT | O_RDWR, 0666));
	CHECK_STR(get("d/f", ACCESS), "u=6,u5=6,g=5,m=6,o=0");
	CHECK_STR(get("d/f", DEFAULT), "none");
	CHECK_EQ(mode_of("d/f"), 0660);
	CHECK(!mkdir("d/e", 0751));
	CHECK_STR(get("d/e", ACCESS), "u=7,u5=6,g=5,m=5,o=1");
	CHECK_STR(get("d/e", DEFAULT), "u=7,u5=6,g=5,m=7,o=1");
	CHECK_EQ(mode_of("d/e"), 0751);
	CHECK_EQ(listxattr("d/e", names, sizeof(names)), sizeof(ACCESS) + sizeof(DEFAULT));
	CHECK_STR(names, ACCESS);
	CHECK_STR(names + sizeof(ACCESS), DEFAULT);
	CHECK(!mkfifo("d/p", 0640));
	CHECK_EQ(mode_of("d/p"), 0640);
	CHECK_STR(get("d/p", ACCESS), "u=6,u5=6,g=5,m=4,o=0");
	CHECK(!symlink("x", "d/l"));
	/* A default list that a mode can say: no umask, no list. */
	CHECK(!set("d", DEFAULT, "u=7,g=5,o=4"));
	close(open("d/h", O_CREAT | O_RDWR, 0666));
	CHECK_STR(get("d/h", ACCESS), "none");
	CHECK_EQ(mode_of("d/h"), 0644);
	int fd = open("d", O_TMPFILE | O_RDWR, 0666);
	struct stat st;

	CHECK(fd >= 0 && !fstat(fd, &st));
	CHECK_EQ(st.st_mode & 07777, 0644);
	CHECK(!removexattr("d", DEFAULT));
	close(open("d/i", O_CREAT | O_RDWR, 0666));
	CHECK_EQ(mode_of("d/i"), 0600);
}

/* Ids in a list are those of the user namespace that reads or writes it. */
static void in_user_namespace(int ready, int mapped)
{
	char c;

	REQUIRE(!unshare(CLONE_NEWUSER));
	REQUIRE(write(ready, "x", 1) == 1 && read(mapped, &c, 1) == 1);
	REQUIRE(!setresgid(0, 0, 0) && !setresuid(0, 0, 0));
	CHECK_STR(get("f", ACCESS), "u=7,u3=4,u-1=2,g=7,g-1=1,m=7,o=7");
	CHECK_ERR(set("f", ACCESS, "u=7,u20=4,g=7,m=7,o=7"), EINVAL);
	CHECK_ERR(set("f", ACCESS, "u=7,g=7,g20=4,m=7,o=7"), EINVAL);
	CHECK(!set("f", ACCESS, "u=7,u1=6,u2=5,g=7,g9=4,m=7,o=7"));
	CHECK_STR(get("f", ACCESS), "u=7,u1=6,u2=5,g=7,g9=4,m=7,o=7");
	fflush(stdout);
	_exit(test_failures != 0);
}

static int write_map(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	int fd = open(path, O_WRONLY);
	ssize_t n = write(fd, "0 1000 10\n", 10);

	close(fd);
	return n == 10 ? 0 : -1;
}

TEST(user_namespaces)
{
	int ready[2], mapped[2], status;
	char c;

	if (geteuid())
		return;
	enter();
	close(open("f", O_CREAT | O_WRONLY, 0777));
	CHECK(!chown("f", 1000, 1000));
	CHECK(!set("f", ACCESS, "u=7,u1003=4,u2000=2,g=7,g55=1,m=7,o=7"));
	REQUIRE(!pipe(ready) && !pipe(mapped));
	pid_t pid = fork();

	if (!pid)
		in_user_namespace(ready[1], mapped[0]);
	CHECK_EQ(read(ready[0], &c, 1), 1);
	CHECK(!write_map(pid, "uid_map") && !write_map(pid, "gid_map"));
	CHECK_EQ(write(mapped[1], "x", 1), 1);
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	CHECK_STR(get("f", ACCESS), "u=7,u1001=6,u1002=5,g=7,g1009=4,m=7,o=7");
}

int main(void)
{
	return test_run();
}
