/* Huge pages of a pool: MAP_HUGETLB, hugetlbfs, MFD_HUGETLB, SHM_HUGETLB, and their accounts. */
#include "test.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#define H (2l << 20)
#define P 4096l
#define POOL "/proc/sys/vm/nr_hugepages"
#define OVERCOMMIT "/proc/sys/vm/nr_overcommit_hugepages"
#define SYS "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define ANON (MAP_ANONYMOUS | MAP_HUGETLB)
#define RW (PROT_READ | PROT_WRITE)

static long number(const char *path)
{
	char buf[32] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) <= 0)
		return -1;
	close(fd);
	return atol(buf);
}

static int set_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ret;

	if (fd < 0)
		return -1;
	ret = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
	close(fd);
	return ret;
}

static int set(const char *path, long n)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%ld", n);
	return set_text(path, buf);
}

static long meminfo(const char *name)
{
	char line[128];
	FILE *f = fopen("/proc/meminfo", "r");
	long n = -1;

	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			n = atol(line + strlen(name) + 1);
	}
	fclose(f);
	return n;
}

/* What the pool must look like: total, free, reserved, surplus. */
static int pool_is(long total, long available, long reserved, long surplus)
{
	long have[] = {meminfo("HugePages_Total"), meminfo("HugePages_Free"),
		       meminfo("HugePages_Rsvd"), meminfo("HugePages_Surp")};

	if (have[0] == total && have[1] == available && have[2] == reserved && have[3] == surplus)
		return 1;
	printf("# pool: %ld total, %ld free, %ld reserved, %ld surplus\n", have[0], have[1],
	       have[2], have[3]);
	return 0;
}

/* A pool of @n pages; without the right to have one the test ends. */
static void pool(long n)
{
	if (!in_test_machine() || access(POOL, W_OK)) {
		printf("# no pool of huge pages here\n");
		exit(0);
	}
	REQUIRE(!set(POOL, n));
	set(OVERCOMMIT, 0);
	REQUIRE(pool_is(n, n, 0, 0));
}

static char *map(long pages, int flags)
{
	return mmap(NULL, (size_t)(pages * H), RW, ANON | flags, -1, 0);
}

static sigjmp_buf jump;

static void on_signal(int sig)
{
	siglongjmp(jump, sig);
}

/* The signal that a write to, or a read of, @p gives; 0: none. */
static int touch(volatile char *p, int write)
{
	struct sigaction sa = {.sa_handler = on_signal}, bus, segv;
	int sig;

	sigaction(SIGBUS, &sa, &bus);
	sigaction(SIGSEGV, &sa, &segv);
	sig = sigsetjmp(jump, 1);
	if (!sig) {
		if (write)
			*p = 'x';
		else
			(void)*p;
	}
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	return sig;
}

/* A child runs @fn; its exit status. */
static int in_child(void (*fn)(char *), char *arg)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		fn(arg);
		fflush(stdout);
		_exit(test_failures != 0);
	}
	waitpid(pid, &status, 0);
	return status;
}

TEST(pool_grows_and_shrinks)
{
	pool(4);
	CHECK_EQ(number(POOL), 4);
	CHECK_EQ(number(SYS "nr_hugepages"), 4);
	CHECK_EQ(number(SYS "free_hugepages"), 4);
	CHECK_EQ(number(SYS "resv_hugepages"), 0);
	CHECK_EQ(number(SYS "surplus_hugepages"), 0);
	CHECK_EQ(meminfo("Hugetlb"), 4 * 2048);
	CHECK_EQ(meminfo("Hugepagesize"), 2048);
	CHECK_EQ(set(SYS "nr_hugepages", 2), 0);
	CHECK(pool_is(2, 2, 0, 0));
	/* What is in use stays, as surplus. */
	char *m = map(2, MAP_PRIVATE);

	REQUIRE(m != MAP_FAILED);
	m[0] = 1;
	CHECK_EQ(set(POOL, 0), 0);
	CHECK_EQ(meminfo("HugePages_Total"), 2);
	CHECK_EQ(meminfo("HugePages_Surp"), 2);
	CHECK_EQ(number(POOL), 0);
	m[H] = 1;
	munmap(m, 2 * H);
	CHECK(pool_is(0, 0, 0, 0));
}

TEST(promises)
{
	pool(3);
	char *m = map(2, MAP_PRIVATE);

	REQUIRE(m != MAP_FAILED);
	CHECK(pool_is(3, 3, 2, 0));
	CHECK_ERR(map(2, MAP_SHARED), ENOMEM);
	CHECK_ERR(map(2, MAP_PRIVATE), ENOMEM);
	CHECK(pool_is(3, 3, 2, 0));
	m[0] = 1;
	CHECK(pool_is(3, 2, 1, 0));
	CHECK_EQ(munmap(m, H), 0);
	CHECK(pool_is(3, 3, 1, 0));
	CHECK_EQ(munmap(m + H, H), 0);
	CHECK(pool_is(3, 3, 0, 0));
	/* Nothing is promised: there may be none left. */
	m = map(5, MAP_PRIVATE | MAP_NORESERVE);
	REQUIRE(m != MAP_FAILED);
	CHECK(pool_is(3, 3, 0, 0));
	for (int i = 0; i < 3; i++)
		CHECK_EQ(touch(m + i * H, 1), 0);
	CHECK_EQ(touch(m + 3 * H, 1), SIGBUS);
	CHECK_EQ(touch(m + 4 * H, 0), SIGBUS);
	CHECK(pool_is(3, 0, 0, 0));
	munmap(m, 5 * H);
	/* What is promised is not for others. */
	char *sure = map(2, MAP_SHARED);

	m = map(2, MAP_PRIVATE | MAP_NORESERVE);
	CHECK_EQ(touch(m, 1), 0);
	CHECK_EQ(touch(m + H, 1), SIGBUS);
	CHECK_EQ(touch(sure, 1), 0);
	CHECK_EQ(touch(sure + H, 1), 0);
	CHECK(pool_is(3, 0, 0, 0));
	munmap(m, 2 * H);
	munmap(sure, 2 * H);
	CHECK(pool_is(3, 3, 0, 0));
}

TEST(surplus)
{
	pool(1);
	CHECK_EQ(set(OVERCOMMIT, 2), 0);
	CHECK_EQ(number(SYS "nr_overcommit_hugepages"), 2);
	CHECK_ERR(map(4, MAP_PRIVATE), ENOMEM);
	CHECK(pool_is(1, 1, 0, 0));
	char *m = map(3, MAP_PRIVATE);

	REQUIRE(m != MAP_FAILED);
	CHECK(pool_is(3, 3, 3, 2));
	m[0] = m[H] = m[2 * H] = 1;
	CHECK(pool_is(3, 0, 0, 2));
	munmap(m, 3 * H);
	CHECK(pool_is(1, 1, 0, 0));
	m = map(3, MAP_PRIVATE | MAP_NORESERVE);
	m[0] = m[H] = m[2 * H] = 1;
	CHECK(pool_is(3, 0, 0, 2));
	munmap(m, 3 * H);
	CHECK(pool_is(1, 1, 0, 0));
	/* Without a limit. */
	CHECK_EQ(set_text(OVERCOMMIT, "18446744073709551615"), 0);
	m = map(3, MAP_PRIVATE);
	CHECK(m != MAP_FAILED);
	CHECK(pool_is(3, 3, 3, 2));
	munmap(m, 3 * H);
	CHECK(pool_is(1, 1, 0, 0));
	set(OVERCOMMIT, 0);
}

TEST(addresses)
{
	pool(4);
	char *m = map(2, MAP_PRIVATE);

	REQUIRE(m != MAP_FAILED);
	CHECK_EQ((long)m % H, 0);
	CHECK_ERR(munmap(m, P), EINVAL);
	CHECK_ERR(munmap(m + P, H), EINVAL);
	CHECK_ERR(munmap(m + P, 2 * H - P), EINVAL);
	CHECK_ERR(mprotect(m, P, PROT_READ), EINVAL);
	CHECK_ERR(mprotect(m + P, H - P, PROT_READ), EINVAL);
	CHECK_ERR(mmap(m + P, H, RW, ANON | MAP_PRIVATE | MAP_FIXED, -1, 0), EINVAL);
	CHECK_ERR(mmap(m + P, P, RW, MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED, -1, 0), ENOMEM);
	/* A length is rounded up when the mapping is made, only. */
	char *n = mmap(NULL, P, RW, ANON | MAP_PRIVATE, -1, 0);

	REQUIRE(n != MAP_FAILED);
	CHECK_ERR(munmap(n, P), EINVAL);
	n[H - 1] = 1;
	CHECK_EQ(munmap(n, H), 0);
	CHECK_ERR(mmap(NULL, 0, RW, ANON | MAP_PRIVATE, -1, 0), EINVAL);
	CHECK_ERR(mmap(NULL, H, RW, ANON | MAP_PRIVATE | 13 << MAP_HUGE_SHIFT, -1, 0), EINVAL);
	n = mmap(NULL, H, RW, ANON | MAP_PRIVATE | 21 << MAP_HUGE_SHIFT, -1, 0);
	CHECK(n != MAP_FAILED);
	munmap(n, H);
	/* Protection of a part. */
	m[0] = m[H] = 'a';
	CHECK_EQ(mprotect(m, H, PROT_READ), 0);
	CHECK_EQ(touch(m, 1), SIGSEGV);
	CHECK_EQ(touch(m + H, 1), 0);
	CHECK_EQ(m[0], 'a');
	CHECK_EQ(mprotect(m, H, PROT_NONE), 0);
	CHECK_EQ(touch(m, 0), SIGSEGV);
	CHECK_EQ(mprotect(m, H, RW), 0);
	CHECK_EQ(touch(m, 1), 0);
	munmap(m, 2 * H);
	CHECK(pool_is(4, 4, 0, 0));
}

TEST(moving)
{
	pool(4);
	char *m = map(2, MAP_PRIVATE),
	     *to = mmap(NULL, 8 * H, PROT_NONE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);

	REQUIRE(m != MAP_FAILED && to != MAP_FAILED);
	to = (char *)(((long)to + H - 1) / H * H);
	m[0] = 'a';
	m[H] = 'b';
	CHECK_ERR(mremap(m, 2 * H, 3 * H, MREMAP_MAYMOVE), EINVAL);
	CHECK_ERR(mremap(m + P, H, H, MREMAP_MAYMOVE | MREMAP_FIXED, to), EINVAL);
	CHECK_ERR(mremap(m, H, H, MREMAP_MAYMOVE | MREMAP_FIXED, to + P), EINVAL);
	CHECK(mremap(m, 2 * H, 2 * H, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK_EQ(to[0], 'a');
	CHECK_EQ(to[H], 'b');
	CHECK(mremap(to, 2 * H, H, 0) == to);
	CHECK_EQ(to[0], 'a');
	CHECK_EQ(touch(to + H, 0), SIGSEGV);
	CHECK_EQ(munmap(to, H), 0);
	CHECK(pool_is(4, 4, 0, 0));
}

static void child_writes(char *m)
{
	CHECK_EQ(m[0], 'p');
	m[0] = 'c';
	CHECK_EQ(m[0], 'c');
	CHECK(pool_is(4, 2, 1, 0));
}

static void child_reads(char *m)
{
	CHECK_EQ(m[0], 'p');
	CHECK_EQ(m[H - 1], 'e');
}

TEST(private_copies)
{
	pool(4);
	char *m = map(2, MAP_PRIVATE);

	REQUIRE(m != MAP_FAILED);
	m[0] = 'p';
	m[H - 1] = 'e';
	CHECK(pool_is(4, 3, 1, 0));
	CHECK_EQ(in_child(child_reads, m), 0);
	CHECK_EQ(in_child(child_writes, m), 0);
	CHECK_EQ(m[0], 'p');
	CHECK(pool_is(4, 3, 1, 0));
	m[0] = 'q'; /* its own again */
	CHECK(pool_is(4, 3, 1, 0));
	munmap(m, 2 * H);
	CHECK(pool_is(4, 4, 0, 0));
}

static int to_child[2], to_parent[2];

static void child_loses(char *m)
{
	char c;

	CHECK_EQ(m[0], 'p');
	CHECK_EQ(write(to_parent[1], "r", 1), 1);
	CHECK_EQ(read(to_child[0], &c, 1), 1);
	CHECK_EQ(touch(m, 0), SIGBUS); /* never other contents */
}

/* The pool is empty: who was promised the page keeps it, the child finds out. */
TEST(parent_before_child)
{
	char c;

	pool(1);
	REQUIRE(!pipe(to_child) && !pipe(to_parent));
	char *m = map(1, MAP_PRIVATE);

	REQUIRE(m != MAP_FAILED);
	m[0] = 'p';
	pid_t pid = fork();
	int status;

	if (!pid) {
		child_loses(m);
		fflush(stdout);
		_exit(test_failures != 0);
	}
	CHECK_EQ(read(to_parent[0], &c, 1), 1);
	m[1] = 'q';
	CHECK_EQ(m[0], 'p');
	CHECK_EQ(write(to_child[1], "g", 1), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	munmap(m, H);
	CHECK(pool_is(1, 1, 0, 0));
}

static void child_shares(char *m)
{
	m[0] = 's';
	m[H] = 't';
}

TEST(shared)
{
	pool(2);
	char *m = map(2, MAP_SHARED);

	REQUIRE(m != MAP_FAILED);
	CHECK(pool_is(2, 2, 2, 0));
	CHECK_EQ(in_child(child_shares, m), 0);
	CHECK_EQ(m[0], 's');
	CHECK_EQ(m[H], 't');
	CHECK(pool_is(2, 0, 0, 0));
	munmap(m, 2 * H);
	CHECK(pool_is(2, 2, 0, 0));
}

TEST(advice)
{
	pool(4);
	char *m = map(2, MAP_PRIVATE);

	REQUIRE(m != MAP_FAILED);
	m[0] = m[H] = 'x';
	CHECK_ERR(madvise(m + P, H, MADV_DONTNEED), EINVAL);
	CHECK_EQ(madvise(m, P, MADV_DONTNEED), 0); /* no whole page in it */
	CHECK_EQ(m[0], 'x');
	CHECK_EQ(madvise(m, H + P, MADV_DONTNEED), 0);
	CHECK_EQ(m[0], 0);
	CHECK_EQ(m[H], 'x');
	CHECK_ERR(madvise(m, H, MADV_FREE), EINVAL);
	CHECK_ERR(madvise(m, H, MADV_COLD), EINVAL);
	CHECK_ERR(madvise(m, H, MADV_PAGEOUT), EINVAL);
	CHECK_EQ(madvise(m, 2 * H, MADV_DONTDUMP), 0);
	CHECK_EQ(madvise(m, 2 * H, MADV_DODUMP), 0);
	CHECK_EQ(mlock(m, 2 * H), 0);
	munmap(m, 2 * H);
	m = map(2, MAP_SHARED);
	m[0] = m[H] = 'x';
	CHECK(pool_is(4, 2, 0, 0));
	CHECK_EQ(madvise(m, H, MADV_REMOVE), 0);
	CHECK(pool_is(4, 3, 0, 0));
	CHECK_EQ(m[0], 0);
	CHECK_EQ(m[H], 'x');
	munmap(m, 2 * H);
	CHECK(pool_is(4, 4, 0, 0));
}

static char dir[64];

static void enter(const char *options)
{
	snprintf(dir, sizeof(dir), "/tmp/hugetlb.%d", getpid());
	REQUIRE(!mkdir(dir, 0755));
	REQUIRE(!mount("what", dir, "hugetlbfs", 0, options));
	REQUIRE(!chdir(dir));
}

static int make(const char *name)
{
	return open(name, O_RDWR | O_CREAT, 0600);
}

TEST(files)
{
	struct statfs sf;
	struct stat st;
	char buf[16];

	pool(4);
	enter("");
	int fd = make("f");

	REQUIRE(fd >= 0);
	REQUIRE(!fstatfs(fd, &sf) && !fstat(fd, &st));
	CHECK_EQ(sf.f_type, 0x958458f6);
	CHECK_EQ(sf.f_bsize, H);
	CHECK_EQ(st.st_blksize, H);
	CHECK_ERR(write(fd, "a", 1), EINVAL);
	CHECK_ERR(ftruncate(fd, P), EINVAL);
	CHECK_EQ(ftruncate(fd, 2 * H), 0);
	CHECK_ERR(mmap(NULL, H, RW, MAP_SHARED, fd, P), EINVAL);
	CHECK_EQ(pread(fd, buf, 4, H), 4); /* a hole */
	CHECK_EQ(buf[0], 0);
	CHECK(pool_is(4, 4, 0, 0));
	char *m = mmap(NULL, 2 * H, RW, MAP_SHARED, fd, 0);

	REQUIRE(m != MAP_FAILED);
	CHECK(pool_is(4, 4, 2, 0));
	memcpy(m + H, "text", 4);
	CHECK_EQ(pread(fd, buf, 4, H), 4);
	CHECK(!memcmp(buf, "text", 4));
	REQUIRE(!fstat(fd, &st));
	CHECK_EQ(st.st_blocks, H / 512);
	/* Promised to the file, until the file ends. */
	munmap(m, 2 * H);
	CHECK(pool_is(4, 3, 1, 0));
	/* A private mapping sees the file, and writes past it. */
	m = mmap(NULL, 2 * H, RW, MAP_PRIVATE, fd, 0);
	REQUIRE(m != MAP_FAILED);
	CHECK(!memcmp(m + H, "text", 4));
	m[H] = 'n';
	CHECK_EQ(pread(fd, buf, 4, H), 4);
	CHECK(!memcmp(buf, "text", 4));
	/* Shorter: what was mapped there is gone. */
	CHECK_EQ(ftruncate(fd, H), 0);
	CHECK_EQ(touch(m + H, 0), SIGBUS);
	munmap(m, 2 * H);
	CHECK(pool_is(4, 4, 1, 0));
	close(fd);
	CHECK_EQ(unlink("f"), 0);
	CHECK(pool_is(4, 4, 0, 0));
	/* The file becomes as long as what is mapped to write. */
	fd = make("g");
	m = mmap(NULL, 2 * H, RW, MAP_SHARED, fd, H);
	REQUIRE(m != MAP_FAILED && !fstat(fd, &st));
	CHECK_EQ(st.st_size, 3 * H);
	munmap(m, 2 * H);
	close(fd);
	unlink("g");
	CHECK_EQ(mkdir("d", 0700), 0);
	CHECK_EQ(symlink("x", "d/l"), 0);
	CHECK_EQ(rename("d/l", "l"), 0);
	CHECK_EQ(rmdir("d"), 0);
	CHECK(pool_is(4, 4, 0, 0));
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(umount(dir), 0);
}

TEST(allocation)
{
	struct stat st;
	char c;

	pool(3);
	enter("");
	int fd = make("f");

	CHECK_EQ(fallocate(fd, 0, 0, 2 * H), 0);
	REQUIRE(!fstat(fd, &st));
	CHECK_EQ(st.st_size, 2 * H);
	CHECK(pool_is(3, 1, 0, 0));
	CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 2 * H, P), 0);
	CHECK(pool_is(3, 0, 0, 0));
	REQUIRE(!fstat(fd, &st));
	CHECK_EQ(st.st_size, 2 * H);
	CHECK_ERR(fallocate(fd, 0, 3 * H, H), ENOSPC);
	CHECK_ERR(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, H), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, H), EOPNOTSUPP);
	char *m = mmap(NULL, 2 * H, RW, MAP_SHARED, fd, 0);

	REQUIRE(m != MAP_FAILED); /* all is there already */
	m[0] = m[H] = m[P] = 'x';
	CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, H), 0);
	CHECK(pool_is(3, 1, 0, 0));
	CHECK_EQ(pread(fd, &c, 1, 0), 1);
	CHECK_EQ(c, 0);
	CHECK_EQ(m[H], 'x');
	/* Less than a page is zeroed. */
	CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, H, P), 0);
	CHECK_EQ(m[H], 0);
	CHECK(pool_is(3, 1, 0, 0));
	munmap(m, 2 * H);
	close(fd);
	CHECK_EQ(unlink("f"), 0);
	CHECK(pool_is(3, 3, 0, 0));
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(umount(dir), 0);
}

TEST(mount_options)
{
	struct statfs sf;
	struct stat st;
	char line[512], found[512] = "";

	pool(4);
	enter("size=4M,min_size=2M,mode=700,uid=3,gid=4,nr_inodes=3,pagesize=2M");
	CHECK(pool_is(4, 4, 1, 0)); /* the minimum is promised to the mount */
	REQUIRE(!stat(".", &st) && !statfs(".", &sf));
	CHECK_EQ(st.st_mode, S_IFDIR | 0700);
	CHECK_EQ(st.st_uid, 3);
	CHECK_EQ(st.st_gid, 4);
	CHECK_EQ(sf.f_blocks, 2);
	CHECK_EQ(sf.f_bfree, 2);
	CHECK_EQ(sf.f_files, 3);
	FILE *f = fopen("/proc/mounts", "r");

	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, dir))
			strcpy(found, line);
	}
	fclose(f);
	CHECK(strstr(found, "pagesize=2M"));
	CHECK(strstr(found, "size=4194304"));
	CHECK(strstr(found, "min_size=2097152"));
	int fd = make("f");

	CHECK(make("g") >= 0);
	CHECK_ERR(make("h"), ENOSPC);
	CHECK_ERR(mmap(NULL, 3 * H, RW, MAP_SHARED, fd, 0), ENOMEM);
	char *m = mmap(NULL, 2 * H, RW, MAP_SHARED, fd, 0);

	REQUIRE(m != MAP_FAILED);
	CHECK(pool_is(4, 4, 2, 0));
	m[0] = m[H] = 1;
	REQUIRE(!statfs(".", &sf));
	CHECK_EQ(sf.f_bfree, 0);
	CHECK_ERR(fallocate(fd, 0, 2 * H, H), ENOSPC);
	munmap(m, 2 * H);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK(pool_is(4, 4, 1, 0));
	close(fd);
	CHECK_EQ(chdir("/"), 0);
	for (int i = 3; i < 10; i++)
		close(i);
	CHECK_EQ(umount(dir), 0);
	CHECK(pool_is(4, 4, 0, 0));
	CHECK_ERR(mount("what", dir, "hugetlbfs", 0, "pagesize=3M"), EINVAL);
	CHECK_ERR(mount("what", dir, "hugetlbfs", 0, "min_size=100M"), ENOMEM);
	CHECK_ERR(mount("what", dir, "hugetlbfs", 0, "nonsense=1"), EINVAL);
}

TEST(memfd)
{
	pool(2);
	int fd = memfd_create("m", MFD_HUGETLB | MFD_ALLOW_SEALING);
	char *m, link[64], text[64] = "", c;

	REQUIRE(fd >= 0);
	CHECK_ERR(memfd_create("m", MFD_HUGETLB | 13u << MFD_HUGE_SHIFT), ENODEV);
	CHECK(memfd_create("m", MFD_HUGETLB | MFD_HUGE_2MB) >= 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	CHECK(readlink(link, text, sizeof(text) - 1) > 0);
	CHECK(!strncmp(text, "/memfd:m (deleted)", 18));
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK_ERR(write(fd, "a", 1), EINVAL);
	CHECK_ERR(ftruncate(fd, P), EINVAL);
	CHECK_EQ(ftruncate(fd, H), 0);
	m = mmap(NULL, H, RW, MAP_SHARED, fd, 0);
	REQUIRE(m != MAP_FAILED);
	m[5] = 'h';
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	munmap(m, H);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
	CHECK_ERR(mmap(NULL, H, RW, MAP_SHARED, fd, 0), EPERM);
	CHECK_ERR(ftruncate(fd, 0), EPERM);
	CHECK_ERR(ftruncate(fd, 2 * H), EPERM);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, H), EPERM);
	CHECK_ERR(fallocate(fd, 0, H, H), EPERM);
	CHECK_EQ(pread(fd, &c, 1, 5), 1);
	CHECK_EQ(c, 'h');
	m = mmap(NULL, H, RW, MAP_PRIVATE, fd, 0);
	REQUIRE(m != MAP_FAILED);
	CHECK_EQ(m[5], 'h');
	m[5] = 'i';
	CHECK_EQ(pread(fd, &c, 1, 5), 1);
	CHECK_EQ(c, 'h');
	munmap(m, H);
	close(fd);
	CHECK(pool_is(2, 2, 0, 0));
}

TEST(segments)
{
	pool(2);
	int id = shmget(IPC_PRIVATE, H + 1, IPC_CREAT | SHM_HUGETLB | 0600);
	struct shmid_ds ds;
	char *m;

	REQUIRE(id >= 0);
	CHECK(pool_is(2, 2, 2, 0));
	CHECK_ERR(shmget(IPC_PRIVATE, H, IPC_CREAT | SHM_HUGETLB | 0600), ENOMEM);
	CHECK_ERR(shmget(IPC_PRIVATE, H, IPC_CREAT | SHM_HUGETLB | 13 << 26 | 0600), EINVAL);
	REQUIRE(!shmctl(id, IPC_STAT, &ds));
	CHECK_EQ(ds.shm_segsz, H + 1);
	m = shmat(id, NULL, 0);
	REQUIRE(m != (void *)-1);
	CHECK_EQ((long)m % H, 0);
	m[0] = m[H] = 's';
	CHECK(pool_is(2, 0, 0, 0));
	CHECK_EQ(in_child(child_shares, m), 0);
	CHECK_EQ(m[H], 't');
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(shmdt(m), 0);
	CHECK(pool_is(2, 2, 0, 0));
}

static long smaps(const char *m, const char *name)
{
	char line[256];
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long from, to;
	long n = -1;
	int here = 0;

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2 &&
		    strchr(line, '-') < strchr(line, ' '))
			here = from == (unsigned long)m;
		if (here && !strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			n = atol(line + strlen(name) + 1);
	}
	fclose(f);
	return n;
}

static long status(const char *name)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	long n = -1;

	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			n = atol(line + strlen(name) + 1);
	}
	fclose(f);
	return n;
}

TEST(what_proc_says)
{
	unsigned char in[1024];
	char line[256], found[256] = "";

	pool(4);
	char *m = map(2, MAP_PRIVATE);

	REQUIRE(m != MAP_FAILED);
	long rss = status("VmRSS");

	m[0] = 1;
	CHECK_EQ(status("HugetlbPages"), 2048);
	CHECK(status("VmRSS") - rss < 1024);
	CHECK_EQ(smaps(m, "KernelPageSize"), 2048);
	CHECK_EQ(smaps(m, "MMUPageSize"), 2048);
	CHECK_EQ(smaps(m, "Private_Hugetlb"), 2048);
	CHECK_EQ(smaps(m, "Shared_Hugetlb"), 0);
	CHECK_EQ(smaps(m, "Rss"), 0);
	CHECK_EQ(smaps(m, "Size"), 4096);
	CHECK_EQ(mincore(m, 2 * H, in), 0);
	CHECK_EQ(in[0] & 1, 1);
	CHECK_EQ(in[511] & 1, 1);
	CHECK_EQ(in[512] & 1, 0);
	FILE *f = fopen("/proc/self/maps", "r");

	while (fgets(line, sizeof(line), f)) {
		if (strtoul(line, NULL, 16) == (unsigned long)m)
			strcpy(found, line);
	}
	fclose(f);
	CHECK(strstr(found, "rw-p 00000000 "));
	CHECK(strstr(found, " /anon_hugepage (deleted)\n"));
	munmap(m, 2 * H);
	CHECK_EQ(status("HugetlbPages"), 0);
	m = map(1, MAP_PRIVATE | MAP_POPULATE);
	CHECK_EQ(status("HugetlbPages"), 2048);
	munmap(m, H);
}

static void *toucher(void *v)
{
	volatile char *m = v;

	for (long i = 0; i < 4; i++)
		__atomic_fetch_add(&m[i * H], 1, __ATOMIC_RELAXED);
	return NULL;
}

/* As many pages as there are: nobody gets a second one for a moment, and SIGBUS with it. */
TEST(threads_touch_the_last_pages)
{
	pool(4);
	for (int round = 0; round < 20; round++) {
		char *m = map(4, round & 1 ? MAP_SHARED : MAP_PRIVATE);
		pthread_t t[4];

		REQUIRE(m != MAP_FAILED);
		for (int i = 0; i < 4; i++)
			REQUIRE(!pthread_create(&t[i], NULL, toucher, m));
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
		CHECK_EQ(m[0] + m[H] + m[2 * H] + m[3 * H], 16);
		CHECK(pool_is(4, 0, 0, 0));
		munmap(m, 4 * H);
	}
	CHECK(pool_is(4, 4, 0, 0));
}

/* Killed in the middle of all that, nothing is lost. */
TEST(killed)
{
	pool(4);
	for (int round = 0; round < 10; round++) {
		pid_t pid = fork();

		if (!pid) {
			for (;;) {
				char *m = map(2, MAP_SHARED), *n = map(1, MAP_PRIVATE);

				m[0] = n[0] = 1;
				if (!fork()) {
					n[0] = 2;
					m[H] = 1;
					_exit(0);
				}
				wait(NULL);
				munmap(m, 2 * H);
				munmap(n, H);
			}
		}
		usleep((useconds_t)(3000 + 1700 * round));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	for (int i = 0; i < 200 && meminfo("HugePages_Free") != 4; i++)
		usleep(10000); /* its child may be ending yet */
	CHECK(pool_is(4, 4, 0, 0));
}

TEST(nothing_is_left)
{
	pool(0);
	CHECK_EQ(meminfo("Hugetlb"), 0);
	CHECK_ERR(map(1, MAP_PRIVATE), ENOMEM);
	CHECK(memfd_create("m", MFD_HUGETLB) >= 0);
}

int main(void)
{
	return test_run();
}
