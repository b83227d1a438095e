/* /proc/PID/map_files: proc(5). */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define P 4096ul
#define RW (PROT_READ | PROT_WRITE)

static const char *dir = "/proc/self/map_files";

static const char *name_of(const char *format, unsigned long start, unsigned long end)
{
	static char path[128];
	int len = snprintf(path, sizeof(path), "%s/", dir);

	snprintf(path + len, sizeof(path) - (size_t)len, format, start, end);
	return path;
}

static const char *link_of(const void *p, size_t len)
{
	return name_of("%lx-%lx", (unsigned long)p, (unsigned long)p + len);
}

static int has(const void *p, size_t len)
{
	char to[256];

	return readlink(link_of(p, len), to, sizeof(to)) > 0;
}

static int make(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	REQUIRE(fd >= 0 && write(fd, "map_files", 9) == 9 && !ftruncate(fd, 8 * P));
	close(fd);
	fd = open(path, flags);
	REQUIRE(fd >= 0);
	return fd;
}

TEST(links_of_mappings)
{
	int ro = make("/tmp/mf.a", O_RDONLY), rw = make("/tmp/mf.b", O_RDWR);
	char *a = mmap(NULL, 4 * P, PROT_READ, MAP_PRIVATE, ro, 0), to[256], c[9];
	char *b = mmap(NULL, 4 * P, RW, MAP_SHARED, rw, 0);
	struct stat st, file;

	REQUIRE(a != MAP_FAILED && b != MAP_FAILED);
	ssize_t n = readlink(link_of(a, 4 * P), to, sizeof(to));

	CHECK(n == 9 && !memcmp(to, "/tmp/mf.a", 9));
	CHECK_EQ(readlink(link_of(a, 4 * P), to, 3), 3);
	CHECK(!lstat(link_of(a, 4 * P), &st));
	CHECK_EQ(st.st_mode, S_IFLNK | 0400);
	CHECK_EQ(st.st_size, 64);
	CHECK(!lstat(link_of(b, 4 * P), &st));
	CHECK_EQ(st.st_mode, S_IFLNK | 0600);
	CHECK(!stat(dir, &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 0500);
	CHECK(!stat(link_of(a, 4 * P), &st) && !fstat(ro, &file));
	CHECK_EQ(st.st_ino, file.st_ino);
	CHECK(!unlink("/tmp/mf.b"));
	n = readlink(link_of(b, 4 * P), to, sizeof(to));
	CHECK(n == 19 && !memcmp(to, "/tmp/mf.b (deleted)", 19));
	/* No path leads there, but this. */
	int fd = open(link_of(b, 4 * P), O_RDONLY);

	CHECK(fd >= 0 && read(fd, c, 9) == 9 && !memcmp(c, "map_files", 9));
	CHECK_ERR(unlink(link_of(a, 4 * P)), EPERM);
	CHECK_ERR(open(name_of("new", 0, 0), O_CREAT | O_RDWR, 0644), ENOENT);
	unlink("/tmp/mf.a");
}

TEST(only_exact_names)
{
	int fd = make("/tmp/mf.c", O_RDWR);
	char *p = mmap(NULL, 4 * P, PROT_READ, MAP_PRIVATE, fd, 0), to[64];
	unsigned long a = (unsigned long)p, b = a + 4 * P;
	static const char *const bad[] = {
		"%lx-%lx ",    " %lx-%lx", "0%lx-%lx", "%lx-0%lx", "%lx %lx",  "%lx-",	     "-%lx",
		"0x%lx-0x%lx", "%lx--%lx", "%lx-%lx-", "%lx",	   "%lx-%lxg", "1%016lx-%lx"};

	REQUIRE(p != MAP_FAILED);
	unlink("/tmp/mf.c");
	CHECK(readlink(name_of("%lx-%lx", a, b), to, sizeof(to)) > 0);
	CHECK(readlink(name_of("%lX-%lX", a, b), to, sizeof(to)) > 0);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_ERR(readlink(name_of(bad[i], a, b), to, sizeof(to)), ENOENT);
#pragma GCC diagnostic pop
	CHECK_ERR(readlink(name_of("%lx-%lx", a + P, b), to, sizeof(to)), ENOENT);
	CHECK_ERR(readlink(name_of("%lx-%lx", a, b - P), to, sizeof(to)), ENOENT);
	CHECK_ERR(readlink(name_of("%lx-%lx", a, b + P), to, sizeof(to)), ENOENT);
	CHECK_ERR(readlink(name_of("%lx-%lx", a + 1, b), to, sizeof(to)), ENOENT);
	/* Parts have names of their own, and the whole has none. */
	REQUIRE(!mprotect(p + P, P, PROT_NONE));
	CHECK(!has(p, 4 * P) && has(p, P) && has(p + P, P) && has(p + 2 * P, 2 * P));
	REQUIRE(!mprotect(p + P, P, PROT_READ));
	CHECK(has(p, 4 * P) && !has(p, P));
	REQUIRE(!munmap(p + 3 * P, P));
	CHECK(!has(p, 4 * P) && has(p, 3 * P));
	REQUIRE(!munmap(p, 3 * P));
	CHECK_ERR(readlink(link_of(p, 3 * P), to, sizeof(to)), ENOENT);
	p = mmap(NULL, P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_ERR(readlink(link_of(p, P), to, sizeof(to)), ENOENT);
}

/* Private memory of /dev/zero keeps the file's name. */
TEST(dev_zero)
{
	int fd = open("/dev/zero", O_RDWR);
	char *p = mmap(NULL, 2 * P, RW, MAP_PRIVATE, fd, 0), to[64];

	REQUIRE(p != MAP_FAILED);
	CHECK(readlink(link_of(p, 2 * P), to, sizeof(to)) == 9 && !memcmp(to, "/dev/zero", 9));
	p[0] = 1;
	p[P] = 2;
	CHECK_EQ(p[0] + p[1] + p[P], 3);
	/* Anonymous all the same. */
	CHECK(!madvise(p, P, MADV_FREE));
	CHECK_ERR(madvise(p, P, MADV_WIPEONFORK), EINVAL);
	CHECK(!madvise(p, 2 * P, MADV_DONTNEED));
	CHECK_EQ(p[0] + p[P], 0);
	/* Next to memory without a file: each for itself. */
	char *q = mmap(NULL, 4 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(mmap(q + P, P, RW, MAP_PRIVATE | MAP_FIXED, fd, 0) == q + P);
	CHECK(has(q + P, P));
	REQUIRE(mmap(q + 2 * P, P, RW, MAP_PRIVATE | MAP_FIXED, fd, P) == q + 2 * P);
	CHECK(has(q + P, 2 * P));
	REQUIRE(mmap(q + 3 * P, P, RW, MAP_PRIVATE | MAP_FIXED, fd, P) == q + 3 * P);
	CHECK(has(q + P, 2 * P) && has(q + 3 * P, P));
	q[P] = 5;
	pid_t pid = fork();

	if (!pid)
		_exit(q[P] != 5 || !has(q + P, 2 * P));
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && !status);
	if (getuid() || !(p = mmap(NULL, P, PROT_NONE, MAP_PRIVATE | MAP_FIXED, fd, 0)))
		CHECK(getuid() || has(NULL, P));
}

/* The directory tells the same as maps. */
TEST(listing)
{
	static char in_dir[64][40], in_maps[64][40];
	int listed = 0, mapped = 0, dots = 0, fd = make("/tmp/mf.d", O_RDWR);
	char line[512], path[256];
	struct dirent *e;

	unlink("/tmp/mf.d");
	for (int i = 0; i < 10; i++)
		REQUIRE(mmap(NULL, P, i & 1 ? RW : PROT_READ, MAP_SHARED, fd,
			     3 * (i & 1) * (off_t)P) != MAP_FAILED);
	DIR *d = opendir(dir);

	REQUIRE(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.') {
			dots++;
			continue;
		}
		CHECK_EQ(e->d_type, DT_LNK);
		if (listed < 64 && strlen(e->d_name) < 40)
			strcpy(in_dir[listed++], e->d_name);
	}
	closedir(d);
	FILE *f = fopen("/proc/self/maps", "r");

	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end, ino;

		path[0] = 0;
		if (sscanf(line, "%lx-%lx %*s %*s %*s %lu %255s", &start, &end, &ino, path) < 4)
			continue;
		if (path[0] == '/' && mapped < 64)
			snprintf(in_maps[mapped++], 40, "%lx-%lx", start, end);
	}
	fclose(f);
	CHECK_EQ(dots, 2);
	CHECK(listed >= 11);
	CHECK_EQ(listed, mapped);
	for (int i = 0; i < listed && i < mapped; i++)
		CHECK(!strcmp(in_dir[i], in_maps[i]));
	snprintf(path, sizeof(path), "/proc/self/task/%d/map_files", getpid());
	CHECK_ERR(access(path, F_OK), ENOENT);
}

static void be_user(void)
{
	REQUIRE(!setresgid(1000, 1000, 1000) && !setresuid(1000, 1000, 1000));
	REQUIRE(!prctl(PR_SET_DUMPABLE, 1));
}

TEST(who_may)
{
	int fd = make("/tmp/mf.e", O_RDONLY);
	char *p = mmap(NULL, P, PROT_READ, MAP_PRIVATE, fd, 0), to[64], other[64];

	if (getuid())
		return;
	unlink("/tmp/mf.e");
	snprintf(other, sizeof(other), "/proc/%d/map_files", getppid());
	be_user();
	/* One's own may be read and not followed. */
	CHECK(readlink(link_of(p, P), to, sizeof(to)) > 0);
	CHECK_ERR(open(link_of(p, P), O_RDONLY), EPERM);
	struct stat st;

	CHECK_ERR(stat(link_of(p, P), &st), EPERM);
	CHECK(!lstat(link_of(p, P), &st));
	CHECK(!opendir(other) && errno == EACCES);
	dir = other;
	CHECK_ERR(readlink(link_of(p, P), to, sizeof(to)), EACCES);
}

/* Either capability will do. */
TEST(capabilities)
{
	int fd = make("/tmp/mf.f", O_RDONLY);
	char *p = mmap(NULL, P, PROT_READ, MAP_PRIVATE, fd, 0);
	static const unsigned int enough[] = {CAP_SYS_ADMIN, CAP_CHECKPOINT_RESTORE};
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};

	if (getuid())
		return;
	unlink("/tmp/mf.f");
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct __user_cap_data_struct d[2] = {{0}};

			if (i < 2)
				d[enough[i] / 32].effective = d[enough[i] / 32].permitted =
					1u << enough[i] % 32;
			REQUIRE(!prctl(PR_SET_KEEPCAPS, 1));
			REQUIRE(!setresuid(1000, 1000, 1000));
			REQUIRE(!syscall(SYS_capset, &h, d));
			REQUIRE(!prctl(PR_SET_DUMPABLE, 1));
			if (i < 2)
				CHECK(open(link_of(p, P), O_RDONLY) >= 0);
			else
				CHECK_ERR(open(link_of(p, P), O_RDONLY), EPERM);
			_exit(test_failures);
		}
		int status;

		CHECK(waitpid(pid, &status, 0) == pid && !status);
	}
}

TEST(of_one_that_has_ended)
{
	pid_t pid = fork();
	char path[64], to[64];
	siginfo_t si;
	int n = 0;

	if (!pid)
		_exit(0);
	REQUIRE(!waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	snprintf(path, sizeof(path), "/proc/%d/map_files", pid);
	dir = path;
	CHECK_ERR(readlink(link_of(&n, P), to, sizeof(to)), ESRCH);
	DIR *d = opendir(path);

	REQUIRE(d);
	while (readdir(d))
		n++;
	CHECK_EQ(n, 2);
	closedir(d);
	waitpid(pid, NULL, 0);
	CHECK(!opendir(path) && errno == ENOENT);
}

int main(void)
{
	return test_run();
}
