/* tmpfs(5): limits, mount options, extended attributes, fallocate(2), sizes. */
#include "test.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define P 4096l

static void enter(const char *options)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "/tmp/tmpfs.%d", getpid());
	REQUIRE(!mkdir(dir, 0755));
	if (mount("what", dir, "tmpfs", 0, options)) {
		printf("# cannot mount here: errno %d\n", errno);
		exit(errno != EPERM);
	}
	REQUIRE(!chdir(dir));
	umask(022);
}

/* The options of the mount at the working directory, as /proc/mounts has them. */
static const char *shown(void)
{
	static char line[512], opts[256];
	char cwd[128], where[128];
	FILE *f = fopen("/proc/mounts", "r");

	REQUIRE(f && getcwd(cwd, sizeof(cwd)));
	opts[0] = 0;
	while (fgets(line, sizeof(line), f)) {
		char got[256];

		if (sscanf(line, "%*s %127s tmpfs %255s", where, got) == 2 && !strcmp(where, cwd))
			strcpy(opts, got);
	}
	fclose(f);
	return opts;
}

static int remount(const char *options)
{
	return mount(NULL, ".", NULL, MS_REMOUNT, options);
}

static void fill(int fd, long pages, char first)
{
	char page[P];

	for (long i = 0; i < pages; i++) {
		memset(page, first + (char)i, P);
		REQUIRE(pwrite(fd, page, P, i * P) == P);
	}
}

/* First byte of each page, "." for a zero. */
static const char *pages_of(int fd)
{
	static char text[80];
	struct stat st;
	long n;

	fstat(fd, &st);
	n = (st.st_size + P - 1) / P;
	for (long i = 0; i < n && i < 79; i++) {
		char c = 0;

		CHECK_EQ(pread(fd, &c, 1, i * P), 1);
		text[i] = c ? c : '.';
	}
	text[n < 79 ? n : 79] = 0;
	return text;
}

#define CHECK_STR(a, b)                                                                      \
	do {                                                                                 \
		const char *a_ = (a), *b_ = (b);                                             \
		if (strcmp(a_, b_)) {                                                        \
			printf("# %s:%d: \"%s\", not \"%s\"\n", __FILE__, __LINE__, a_, b_); \
			test_failures++;                                                     \
		}                                                                            \
	} while (0)

TEST(options_are_shown)
{
	enter("size=64k,nr_inodes=10,mode=700,uid=3,gid=4");
	CHECK_STR(shown(), "rw,relatime,size=64k,nr_inodes=10,mode=700,uid=3,gid=4,inode64");
	CHECK(!remount("size=1m"));
	CHECK_STR(shown(), "rw,relatime,size=1024k,nr_inodes=10,mode=700,uid=3,gid=4,inode64");
	CHECK(!remount("nr_blocks=3,nr_inodes=2k,huge=never,inode32"));
	CHECK_STR(shown(), "rw,relatime,size=12k,nr_inodes=2048,mode=700,uid=3,gid=4,inode32");
	CHECK(!remount("mode=755,uid=9"));
	CHECK_STR(shown(), "rw,relatime,size=12k,nr_inodes=2048,mode=700,uid=3,gid=4,inode32");
	CHECK(!remount("huge=within_size,inode64"));
	CHECK_STR(shown(), "rw,relatime,size=12k,nr_inodes=2048,mode=700,uid=3,gid=4,inode64,"
			   "huge=within_size");
	CHECK(!remount("huge=always"));
	CHECK(!remount("huge=advise"));
	CHECK(!remount("size=0"));
	CHECK(strstr(shown(), ",size=0k"));
	CHECK_ERR(remount("size=1m"), EINVAL);
}

TEST(options_refused)
{
	static const char *const bad[] = {"size",	   "size=",	   "size=x",   "size=10%x",
					  "nr_blocks=-1x", "nr_inodes=1z", "mode=9",   "uid=-1",
					  "gid=x",	   "huge=maybe",   "huge",     "inode32=1",
					  "mpol=what",	   "bogus",	   "nr_inodes"};
	struct stat st;

	enter(NULL);
	CHECK_STR(shown(), "rw,relatime,inode64");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		if (mount("x", ".", "tmpfs", 0, bad[i]) != -1 || errno != EINVAL) {
			printf("# option %s: errno %d\n", bad[i], errno);
			test_failures++;
		}
	}
	CHECK(!mkdir("a", 0777) && !mount("x", "a", "tmpfs", 0, "mode=1755,,uid=0x10"));
	CHECK(!stat("a", &st));
	CHECK_EQ(st.st_mode & 07777, 01755);
	CHECK_EQ(st.st_uid, 16);
	CHECK(!umount("a"));
}

TEST(percent_and_default)
{
	struct statfs all, half;

	enter(NULL);
	CHECK(!statfs(".", &all));
	CHECK(all.f_blocks > 0 && all.f_blocks == all.f_files);
	CHECK_EQ(all.f_ffree, all.f_files - 1);
	CHECK_EQ(all.f_type, 0x01021994);
	CHECK_EQ(all.f_bsize, P);
	CHECK_EQ(all.f_namelen, 255);
	CHECK(!remount("size=25%"));
	CHECK(!statfs(".", &half));
	CHECK(half.f_blocks <= all.f_blocks / 2 + 1 && half.f_blocks >= all.f_blocks / 2 - 1);
	CHECK(!remount("size=0,nr_inodes=0"));
	CHECK(!statfs(".", &half));
	CHECK_EQ(half.f_blocks, 0);
	CHECK_EQ(half.f_files, 0);
}

TEST(limits_of_pages_and_names)
{
	struct statfs fs;
	struct stat st;
	char buf[10 * P];
	int fd;

	enter("size=32k,nr_inodes=4");
	fd = open("f", O_CREAT | O_RDWR, 0644);
	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(write(fd, buf, sizeof(buf)), 8 * P);
	CHECK_ERR(write(fd, buf, 1), ENOSPC);
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_blocks, 64);
	CHECK(!statfs(".", &fs));
	CHECK_EQ(fs.f_bfree, 0);
	CHECK_EQ(fs.f_ffree, 2);
	CHECK(!link("f", "g"));
	CHECK(!statfs(".", &fs));
	CHECK_EQ(fs.f_ffree, 1);
	CHECK(!symlink("x", "s"));
	CHECK_ERR(link("f", "h"), ENOSPC);
	CHECK_ERR(mkdir("d", 0755), ENOSPC);
	CHECK(!rename("g", "s"));
	CHECK(!statfs(".", &fs));
	CHECK_EQ(fs.f_ffree, 1);
	CHECK(!unlink("s"));
	CHECK(!statfs(".", &fs));
	CHECK_EQ(fs.f_ffree, 2);
	CHECK_ERR(remount("size=16k"), EINVAL);
	CHECK_ERR(remount("nr_inodes=1"), EINVAL);
	CHECK(!ftruncate(fd, 4 * P + 5));
	CHECK_ERR(remount("size=16k"), EINVAL);
	CHECK(!remount("size=20k"));
	CHECK_ERR(pwrite(fd, buf, P, 6 * P), ENOSPC);
	CHECK_ERR(fallocate(fd, 0, 0, 7 * P), ENOSPC);
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_size, 4 * P + 5);
	CHECK_EQ(st.st_blocks, 40);
	CHECK(!ftruncate(fd, 0));
	CHECK(!statfs(".", &fs));
	CHECK_EQ(fs.f_bfree, 5);
	/* Two files share the limit; what has no room gives nothing away. */
	CHECK(!fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4 * P));
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE, 4 * P, 2 * P), ENOSPC);
	CHECK(!statfs(".", &fs));
	CHECK_EQ(fs.f_bfree, 1);
}

TEST(full_file_system_and_mapping)
{
	char *p;
	int fd, status;
	pid_t pid;

	enter("size=16k");
	fd = open("f", O_CREAT | O_RDWR, 0644);
	CHECK(!ftruncate(fd, 8 * P));
	p = mmap(NULL, 8 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < 8; i++)
			p[i * P] = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	CHECK(p[3 * P] == 1);
}

TEST(attribute_names)
{
	char buf[256];
	int n;

	enter(NULL);
	close(open("f", O_CREAT | O_RDWR, 0644));
	CHECK_ERR(setxattr("f", "user.a", "v", 1, 0), EOPNOTSUPP);
	CHECK_ERR(getxattr("f", "user.a", buf, 1), EOPNOTSUPP);
	CHECK_ERR(removexattr("f", "user.a"), EOPNOTSUPP);
	CHECK(!setxattr("f", "trusted.a", "v1", 2, 0));
	CHECK(!setxattr("f", "security.b", "v2", 2, XATTR_CREATE));
	n = (int)listxattr("f", buf, sizeof(buf));
	CHECK_EQ(n, 21);
	CHECK_ERR(listxattr("f", buf, 20), ERANGE);
	CHECK_ERR(setxattr("f", "system.none", "v", 1, 0), EOPNOTSUPP);
	CHECK_ERR(getxattr("f", "system.none", buf, 1), EOPNOTSUPP);
	CHECK_ERR(setxattr("f", "trusted.a", "v", 1, 4), EINVAL);
	CHECK(!symlink("f", "l") && !lsetxattr("l", "trusted.l", "", 0, 0));
	CHECK_EQ(lgetxattr("l", "trusted.l", buf, sizeof(buf)), 0);
	CHECK_ERR(getxattr("l", "trusted.l", buf, sizeof(buf)), ENODATA);
	if (!fork()) {
		if (setgid(9) || setuid(9))
			_exit(2);
		CHECK_EQ(listxattr("f", buf, sizeof(buf)), 11);
		CHECK_ERR(getxattr("f", "trusted.a", buf, 9), ENODATA);
		CHECK_ERR(setxattr("f", "trusted.a", "", 0, 0), EPERM);
		CHECK_EQ(getxattr("f", "security.b", buf, 9), 2);
		_exit(test_failures);
	}
	CHECK(wait(&n) > 0 && !n);
}

/* fallocate(2): what is refused, in which order. */
TEST(fallocate_refusals)
{
	const int both = FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE;
	int fd, ro, pipes[2];

	enter(NULL);
	fd = open("f", O_CREAT | O_RDWR, 0644);
	ro = open("f", O_RDONLY);
	fill(fd, 4, 'a');
	CHECK(!pipe(pipes));
	CHECK_ERR(fallocate(99, 0, -1, 0), EBADF);
	CHECK_ERR(fallocate(fd, 0, -1, 5), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERR(fallocate(ro, 0x80, 0, 0), EINVAL);
	CHECK_ERR(fallocate(ro, 0x80, 0, P), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, 4, 0, P), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, P), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE, 0, P), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE, 0, P), EINVAL);
	CHECK_ERR(fallocate(fd, FALLOC_FL_INSERT_RANGE | FALLOC_FL_KEEP_SIZE, 0, P), EINVAL);
	CHECK_ERR(fallocate(fd, both, 0, P), EINVAL);
	CHECK_ERR(fallocate(fd,
			    FALLOC_FL_UNSHARE_RANGE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			    P),
		  EINVAL);
	CHECK_ERR(fallocate(ro, 0, 0, P), EBADF);
	CHECK_ERR(fallocate(pipes[0], 0, 0, P), EBADF);
	CHECK_ERR(fallocate(pipes[1], 0, 0, P), ESPIPE);
	CHECK_ERR(fallocate(open("/dev/null", O_RDWR), 0, 0, P), ENODEV);
	CHECK_ERR(fallocate(fd, 0, LONG_MAX - 1, 5), EFBIG);
}

TEST(fallocate_allocates_without_contents)
{
	struct stat st;
	char c = 1;
	int fd;

	enter(NULL);
	fd = open("f", O_CREAT | O_RDWR, 0644);
	CHECK(!fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4 * P));
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(st.st_blocks, 32);
	CHECK(!fallocate(fd, 0, 4 * P, 2 * P + 1));
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_size, 6 * P + 1);
	CHECK_EQ(st.st_blocks, 56);
	CHECK_ERR(lseek(fd, 0, SEEK_DATA), ENXIO);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 0);
	CHECK_EQ(pread(fd, &c, 1, 2 * P), 1);
	CHECK_EQ(c, 0);
	CHECK_ERR(lseek(fd, 0, SEEK_DATA), ENXIO);
	CHECK_EQ(pwrite(fd, "x", 1, 2 * P + 7), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 2 * P);
	CHECK_EQ(lseek(fd, 2 * P + 3, SEEK_HOLE), 3 * P);
	CHECK_EQ(pread(fd, &c, 1, 2 * P + 8), 1);
	CHECK_EQ(c, 0);
	char *p = mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED && p[3 * P] == 0 && p[2 * P + 7] == 'x');
	CHECK_EQ(lseek(fd, 3 * P, SEEK_DATA), 3 * P);
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_blocks, 56);
}

TEST(fallocate_punches)
{
	struct stat st;
	char *p, *q, buf[P];
	int fd;

	enter(NULL);
	fd = open("f", O_CREAT | O_RDWR, 0644);
	fill(fd, 8, 'a');
	p = mmap(NULL, 8 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	q = mmap(NULL, 8 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK_EQ(p[3 * P], 'd');
	CHECK_EQ(q[4 * P], 'e');
	q[3 * P] = 'Q';
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * P + 10, 3 * P));
	CHECK_EQ(p[2 * P + 9], 'c');
	CHECK_EQ(p[2 * P + 10], 0);
	CHECK_EQ(p[3 * P], 0);
	CHECK_EQ(q[3 * P], 'Q');
	CHECK_EQ(q[4 * P], 0);
	CHECK_EQ(p[5 * P + 9], 0);
	CHECK_EQ(p[5 * P + 10], 'f');
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 7 * P, 100 * P));
	CHECK_EQ(pread(fd, buf, P, 7 * P), P);
	CHECK_EQ(buf[0], 0);
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_size, 8 * P);
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1));
	CHECK_EQ(pread(fd, buf, 2, 0), 2);
	CHECK(!buf[0] && buf[1] == 'a');
}

/* Linux 6.1 has no more modes on tmpfs. */
static int has_ranges(int fd)
{
	int ok = !fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, P);

	if (!ok)
		CHECK_EQ(errno, EOPNOTSUPP);
	return ok;
}

TEST(fallocate_collapses_and_inserts)
{
	const int collapse = FALLOC_FL_COLLAPSE_RANGE, insert = FALLOC_FL_INSERT_RANGE;
	struct stat st;
	char *p, *q;
	int fd;

	enter(NULL);
	fd = open("f", O_CREAT | O_RDWR, 0644);
	if (!has_ranges(fd))
		return;
	CHECK(!ftruncate(fd, 0));
	fill(fd, 8, 'a');
	p = mmap(NULL, 16 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	q = mmap(NULL, 8 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p[5 * P] == 'f' && q[6 * P] == 'g');
	q[5 * P] = 'Q';
	CHECK_ERR(fallocate(fd, collapse, 1, P), EINVAL);
	CHECK_ERR(fallocate(fd, collapse, P, P + 1), EINVAL);
	CHECK_ERR(fallocate(fd, collapse, 6 * P, 2 * P), EINVAL);
	CHECK_ERR(fallocate(fd, collapse, 6 * P, 9 * P), EINVAL);
	CHECK(!fallocate(fd, collapse, 2 * P, 2 * P));
	CHECK_STR(pages_of(fd), "abefgh");
	CHECK(p[2 * P] == 'e' && p[5 * P] == 'h');
	CHECK(q[2 * P] == 'e' && q[5 * P] == 'Q');
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_size, 6 * P);
	CHECK_EQ(st.st_blocks, 48);
	p[2 * P] = 'E';
	CHECK_ERR(fallocate(fd, insert, P + 1, P), EINVAL);
	CHECK_ERR(fallocate(fd, insert, P, 5), EINVAL);
	CHECK_ERR(fallocate(fd, insert, 6 * P, P), EINVAL);
	CHECK_ERR(fallocate(fd, insert, P, LONG_MAX - 2 * P + 1), EFBIG);
	CHECK(!fallocate(fd, insert, P, 3 * P));
	CHECK_STR(pages_of(fd), "a...bEfgh");
	CHECK(p[5 * P] == 'E' && !p[2 * P] && p[8 * P] == 'h');
	CHECK_EQ(lseek(fd, P, SEEK_DATA), 2 * P); /* the read above made it */
	CHECK_EQ(lseek(fd, 2 * P, SEEK_DATA), 2 * P);
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_size, 9 * P);
	/* A tail that is no whole page moves as well. */
	CHECK(!ftruncate(fd, 8 * P + 10));
	CHECK(!fallocate(fd, collapse, 0, 4 * P));
	CHECK_STR(pages_of(fd), "bEfgh");
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_size, 4 * P + 10);
	CHECK(!fallocate(fd, insert, 0, P));
	CHECK_STR(pages_of(fd), ".bEfgh");
}

TEST(fallocate_zeroes)
{
	const int zero = FALLOC_FL_ZERO_RANGE;
	struct stat st;
	char *p;
	int fd;

	enter(NULL);
	fd = open("f", O_CREAT | O_RDWR, 0644);
	if (!has_ranges(fd))
		return;
	CHECK(!ftruncate(fd, 0));
	fill(fd, 6, 'a');
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, P, P));
	p = mmap(NULL, 6 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(!fallocate(fd, zero, 10, 4 * P));
	CHECK(p[9] == 'a' && !p[10] && !p[2 * P] && !p[4 * P + 9] && p[4 * P + 10] == 'e');
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_blocks, 48);
	CHECK(!fallocate(fd, zero | FALLOC_FL_KEEP_SIZE, 5 * P, 4 * P));
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_size, 6 * P);
	CHECK_EQ(st.st_blocks, 72);
	CHECK(!fallocate(fd, zero, 5 * P, 4 * P));
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_size, 9 * P);
	CHECK(!fallocate(fd, FALLOC_FL_UNSHARE_RANGE | FALLOC_FL_KEEP_SIZE, 0, P));
	CHECK_STR(pages_of(fd), "a........");
}

/* Large pieces, written at once, changed in small ones. */
TEST(large_pieces)
{
	const long n = 1024;
	struct stat st;
	char *buf = malloc((size_t)(n * P)), *back = malloc((size_t)(n * P)), *p;
	int fd;

	enter(NULL);
	fd = open("f", O_CREAT | O_RDWR, 0644);
	for (long i = 0; i < n * P; i++)
		buf[i] = (char)(i / P + i % P * 7 + 1);
	CHECK_EQ(write(fd, buf, (size_t)(n * P)), n * P);
	p = mmap(NULL, (size_t)(n * P), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(!memcmp(p, buf, (size_t)(n * P)));
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100 * P + 5, 3 * P));
	memset(buf + 100 * P + 5, 0, 3 * P);
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_blocks, (n - 2) * 8);
	CHECK(!memcmp(p, buf, (size_t)(n * P)));
	CHECK_EQ(pread(fd, back, (size_t)(n * P), 0), n * P);
	CHECK(!memcmp(back, buf, (size_t)(n * P)));
	CHECK(!ftruncate(fd, 777 * P + 3));
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_blocks, 778 * 8); /* the mapping filled the hole */
	CHECK(!ftruncate(fd, n * P));
	memset(buf + 777 * P + 3, 0, (size_t)(n * P - 777 * P - 3));
	CHECK(!memcmp(p, buf, (size_t)(n * P)));
	p[600 * P] = 'W';
	CHECK_EQ(pread(fd, back, 1, 600 * P), 1);
	CHECK_EQ(back[0], 'W');
	buf[600 * P] = 'W';
	if (!fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 33 * P, 66 * P)) {
		memmove(buf + 33 * P, buf + 99 * P, (size_t)((n - 99) * P));
		CHECK_EQ(pread(fd, back, (size_t)(n * P), 0), (n - 66) * P);
		CHECK(!memcmp(back, buf, (size_t)((n - 66) * P)));
		CHECK(!memcmp(p, buf, (size_t)((n - 66) * P)));
		CHECK(!fallocate(fd, FALLOC_FL_INSERT_RANGE, 512 * P, 7 * P));
		memmove(buf + 519 * P, buf + 512 * P, (size_t)((n - 66 - 512) * P));
		memset(buf + 512 * P, 0, 7 * P);
		CHECK(!memcmp(p, buf, (size_t)((n - 59) * P)));
	}
}

TEST(fallocate_honours_seals)
{
	int fd = (int)syscall(SYS_memfd_create, "m", MFD_ALLOW_SEALING);
	int more, w;

	REQUIRE(fd >= 0);
	fill(fd, 4, 'a');
	more = !fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 3 * P, P);
	CHECK(!fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	CHECK_ERR(fallocate(fd, 0, 3 * P, 2 * P), EPERM);
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE, 3 * P, 2 * P), EPERM);
	CHECK(!fallocate(fd, 0, 0, 2 * P));
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, P));
	if (more) {
		CHECK_ERR(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, P), EPERM);
		CHECK(!fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, P));
		CHECK_STR(pages_of(fd), "bc.");
	}
	CHECK(!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	if (more)
		CHECK_ERR(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, P), EPERM);
	w = fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
	CHECK_EQ(w, 0);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, P), EPERM);
	CHECK(!fallocate(fd, 0, 0, 2 * P));
	if (more)
		CHECK_ERR(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, P), EPERM);
}

static volatile int got_xfsz;

static void on_xfsz(int sig)
{
	(void)sig;
	got_xfsz++;
}

TEST(largest_sizes)
{
	struct rlimit r = {10 * P, RLIM_INFINITY};
	char c = 1;
	int fd;

	enter(NULL);
	fd = open("f", O_CREAT | O_RDWR, 0644);
	CHECK(!ftruncate(fd, LONG_MAX));
	CHECK_EQ(lseek(fd, 0, SEEK_END), LONG_MAX);
	CHECK_EQ(pread(fd, &c, 1, LONG_MAX - 1), 1);
	CHECK_EQ(c, 0);
	CHECK_EQ(pwrite(fd, "x", 1, LONG_MAX - 2), 1);
	CHECK_ERR(lseek(fd, 1, SEEK_END), EINVAL);
	CHECK(!ftruncate(fd, 0));
	signal(SIGXFSZ, on_xfsz);
	CHECK(!setrlimit(RLIMIT_FSIZE, &r));
	CHECK_ERR(ftruncate(fd, 10 * P + 1), EFBIG);
	CHECK_EQ(got_xfsz, 1);
	CHECK(!ftruncate(fd, 10 * P));
	CHECK_ERR(pwrite(fd, "x", 1, 10 * P), EFBIG);
	CHECK_EQ(got_xfsz, 2);
	CHECK_EQ(pwrite(fd, "xy", 2, 10 * P - 1), 1);
	CHECK_ERR(fallocate(fd, 0, 0, 11 * P), EFBIG);
	CHECK_EQ(got_xfsz, 3);
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 11 * P), EFBIG);
	CHECK_EQ(got_xfsz, 4);
	if (fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, P) && errno != EOPNOTSUPP) {
		CHECK_EQ(errno, EFBIG);
		CHECK_EQ(got_xfsz, 5);
	}
}

TEST(fallocate_changes_times_and_set_ids)
{
	struct stat a, b;
	int fd;

	enter(NULL);
	fd = open("f", O_CREAT | O_RDWR, 0644);
	fill(fd, 2, 'a');
	CHECK(!chmod(".", 0777) && !fchown(fd, 9, 9) && !fchmod(fd, 06755));
	CHECK(!fstat(fd, &a));
	usleep(20000);
	if (!fork()) {
		if (setgid(9) || setuid(9))
			_exit(2);
		_exit(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, P) != 0);
	}
	int status;

	CHECK(wait(&status) > 0 && !status);
	CHECK(!fstat(fd, &b));
	CHECK_EQ(b.st_mode & 07777, 0755);
	CHECK(b.st_mtim.tv_nsec != a.st_mtim.tv_nsec || b.st_mtim.tv_sec != a.st_mtim.tv_sec);
}

TEST(whiteouts)
{
	struct stat st;

	enter(NULL);
	close(open("a", O_CREAT | O_RDWR, 0644));
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b",
			  RENAME_WHITEOUT | RENAME_EXCHANGE),
		  EINVAL);
	CHECK(!syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", RENAME_WHITEOUT));
	CHECK(!stat("a", &st));
	CHECK(S_ISCHR(st.st_mode) && !st.st_rdev);
	CHECK_EQ(st.st_mode & 07777, 0);
	CHECK(!stat("b", &st) && S_ISREG(st.st_mode));
	CHECK(!stat(".", &st));
	CHECK_EQ(st.st_size, 80);
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "a",
			  RENAME_WHITEOUT | RENAME_NOREPLACE),
		  EEXIST);
	CHECK(!syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "a", RENAME_WHITEOUT));
	CHECK(!stat("a", &st) && S_ISREG(st.st_mode));
	CHECK(!stat("b", &st) && S_ISCHR(st.st_mode));
	CHECK(!unlink("a") && !unlink("b"));
	CHECK(!stat(".", &st));
	CHECK_EQ(st.st_size, 40);
}

TEST(writes_honour_seals)
{
	int fd = (int)syscall(SYS_memfd_create, "m", MFD_ALLOW_SEALING);
	char buf[2 * P];

	REQUIRE(fd >= 0);
	memset(buf, 'w', sizeof(buf));
	CHECK(!ftruncate(fd, P * 7 / 4));
	CHECK(!fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	/* The page that would grow the file is refused, those before it are written. */
	CHECK_EQ(pwrite(fd, buf, 2 * P, 0), P);
	CHECK_ERR(pwrite(fd, buf, P, P), EPERM);
	CHECK_EQ(pwrite(fd, buf, P / 4, P * 3 / 2), P / 4);
	CHECK_ERR(pwrite(fd, buf, 1, P * 7 / 4), EPERM);
	CHECK(!fcntl(fd, F_SETFL, O_APPEND));
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_ERR(write(fd, buf, 1), EPERM);
	CHECK_EQ(lseek(fd, 0, SEEK_END), P * 7 / 4);
	CHECK(!fcntl(fd, F_SETFL, 0));
	CHECK(!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	CHECK_ERR(pwrite(fd, buf, 1, 0), EPERM);
	CHECK_EQ(pwrite(fd, buf, 0, 0), 0);
}

int main(void)
{
	return test_run();
}
