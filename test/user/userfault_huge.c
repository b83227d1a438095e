/* userfaultfd(2) on huge pages of a pool: everything goes by whole ones. */
#include "test.h"
#include "userfault.h"
#include "../../abi/include/abi/pagemap.h"
#include "../../abi/include/abi/userfaultfd.h"
#include <linux/falloc.h>
#include <stdint.h>
#include <sys/stat.h>

#define H (2l << 20)
#define POOL "/proc/sys/vm/nr_hugepages"
#define RW (PROT_READ | PROT_WRITE)
#define MISSING UFFDIO_REGISTER_MODE_MISSING
#define WP UFFDIO_REGISTER_MODE_WP
#define MINOR UFFDIO_REGISTER_MODE_MINOR
#define IOCTL(name) (1ull << _UFFDIO_##name)

static void write_number(const char *path, long n)
{
	FILE *f = fopen(path, "w");

	if (f) {
		fprintf(f, "%ld", n);
		fclose(f);
	}
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

/* A pool of @n pages; without the right to have one the test ends. */
static void pool(long n)
{
	if (!in_test_machine()) {
		printf("# no pool of huge pages here\n");
		exit(0);
	}
	write_number(POOL, n);
	REQUIRE(meminfo("HugePages_Total") == n);
	/* Files of who has just ended may be on their way. */
	for (int i = 0; i < 5000 && (meminfo("HugePages_Free") != n || meminfo("HugePages_Rsvd"));
	     i++)
		usleep(1000);
	REQUIRE(meminfo("HugePages_Free") == n && !meminfo("HugePages_Rsvd"));
}

static char *map(long pages, int flags)
{
	char *p = mmap(NULL, (size_t)(pages * H), RW, MAP_ANONYMOUS | MAP_HUGETLB | flags, -1, 0);

	REQUIRE(p != MAP_FAILED);
	return p;
}

static char *map_file(int fd, long pages, int flags)
{
	char *p = mmap(NULL, (size_t)(pages * H), RW, flags, fd, 0);

	REQUIRE(p != MAP_FAILED);
	return p;
}

static int memfd(long pages)
{
	int fd = memfd_create("huge", MFD_HUGETLB);

	REQUIRE(fd >= 0);
	REQUIRE(!ftruncate(fd, pages * H));
	return fd;
}

static bool offered(unsigned long long features)
{
	struct uffdio_api a = {.api = UFFD_API};
	int fd = uffd_new(O_CLOEXEC);
	bool ok = fd >= 0 && !ioctl(fd, UFFDIO_API, &a) && (a.features & features) == features;

	close(fd);
	if (!ok)
		printf("# not offered here\n");
	return ok;
}

static int copy_mode(int fd, void *to, const void *from, long len, unsigned long long mode)
{
	struct uffdio_copy c = {(unsigned long)to, (unsigned long)from, (unsigned long)len, mode,
				0};
	int ret = ioctl(fd, UFFDIO_COPY, &c);

	if (!ret)
		CHECK_EQ(c.copy, len);
	return ret;
}

static int copy(int fd, void *to, const void *from, long len)
{
	return copy_mode(fd, to, from, len, 0);
}

static int go_on(int fd, void *p, long len)
{
	struct uffdio_continue c = {{(unsigned long)p, (unsigned long)len}, 0, 0};

	return ioctl(fd, UFFDIO_CONTINUE, &c);
}

static int protect(int fd, void *p, long len, unsigned long long mode)
{
	struct uffdio_writeprotect w = {{(unsigned long)p, (unsigned long)len}, mode};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &w);
}

static int unregister(int fd, void *p, long len)
{
	struct uffdio_range r = {(unsigned long)p, (unsigned long)len};

	return ioctl(fd, UFFDIO_UNREGISTER, &r);
}

static void *read_byte(void *arg)
{
	return (void *)(long)*(volatile char *)arg;
}

static void *write_byte(void *arg)
{
	*(volatile char *)arg = 'W';
	return NULL;
}

static void start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	REQUIRE(!pthread_create(t, NULL, fn, arg));
}

/* The next message is of a fault at @p, of the kind that @flags say. */
static void told(int fd, const void *p, unsigned long long flags)
{
	struct uffd_msg m;

	REQUIRE(read(fd, &m, sizeof(m)) == sizeof(m));
	CHECK_EQ(m.event, UFFD_EVENT_PAGEFAULT);
	CHECK_EQ(m.arg.pagefault.address, p);
	CHECK_EQ(m.arg.pagefault.flags, flags);
}

static bool silent(int fd)
{
	struct uffd_msg m;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	ssize_t n = read(fd, &m, sizeof(m));

	fcntl(fd, F_SETFL, 0);
	return n < 0 && errno == EAGAIN;
}

static long joined(pthread_t t)
{
	void *ret = NULL;

	pthread_join(t, &ret);
	return (long)ret;
}

static unsigned long long offers(int fd, void *p, long len, unsigned long long mode)
{
	struct uffdio_register r = {.range = {(unsigned long)p, (unsigned long)len}, .mode = mode};

	REQUIRE(!ioctl(fd, UFFDIO_REGISTER, &r));
	return r.ioctls & (IOCTL(WAKE) | IOCTL(COPY) | IOCTL(ZEROPAGE) | IOCTL(WRITEPROTECT) |
			   IOCTL(CONTINUE) | IOCTL(MOVE));
}

TEST(registers_by_whole_pages)
{
	pool(6);
	int fd = uffd_open(0), file = memfd(2);
	char *p = map(4, MAP_PRIVATE), *s = map_file(file, 2, MAP_SHARED);

	CHECK_ERR(uffd_register(fd, p + PAGE, H, MISSING), EINVAL);
	CHECK_ERR(uffd_register(fd, p, H + PAGE, MISSING), EINVAL);
	CHECK_ERR(uffd_register(fd, p, PAGE, MISSING), EINVAL);
	CHECK_EQ(offers(fd, p, 4 * H, MISSING), IOCTL(WAKE) | IOCTL(COPY));
	CHECK_EQ(offers(fd, s, 2 * H, MISSING | MINOR),
		 IOCTL(WAKE) | IOCTL(COPY) | IOCTL(CONTINUE));
	CHECK_EQ(offers(fd, s, 2 * H, MISSING | WP),
		 IOCTL(WAKE) | IOCTL(COPY) | IOCTL(WRITEPROTECT));
	CHECK(has_vmflag(s, "uw") && has_vmflag(s, "um") && has_vmflag(s, "ht"));
	/* A private mapping of pages of a file may be told of those that are there. */
	CHECK_EQ(offers(fd, p, H, MINOR), IOCTL(WAKE) | IOCTL(COPY) | IOCTL(CONTINUE));
	CHECK_ERR(unregister(fd, p + PAGE, H), EINVAL);
	CHECK_ERR(unregister(fd, p, H + PAGE), EINVAL);
	CHECK_EQ(unregister(fd, p + H, H), 0);
	CHECK(!has_vmflag(p + H, "um"));
	CHECK(has_vmflag(p + 2 * H, "um"));
	CHECK_EQ(unregister(fd, p, 4 * H), 0);
	CHECK(!has_vmflag(p, "ui") && !has_vmflag(p + 2 * H, "um"));
}

static void missing(char *p)
{
	char *src = filled(4 * H, 'a');
	int fd = uffd_open(0);
	pthread_t t;

	REQUIRE(!uffd_register(fd, p, 3 * H, MISSING));
	start(&t, read_byte, p + 5 * PAGE + 7);
	told(fd, p, 0);
	CHECK_ERR(copy(fd, p + PAGE, src, H), EINVAL);
	CHECK_ERR(copy(fd, p, src, PAGE), EINVAL);
	CHECK_ERR(copy(fd, p, src, H + PAGE), EINVAL);
	CHECK_ERR(copy_mode(fd, p, src, H, UFFDIO_COPY_MODE_WP), EINVAL);
	struct uffdio_zeropage z = {{(unsigned long)p, H}, 0, 0};
	CHECK_ERR(ioctl(fd, UFFDIO_ZEROPAGE, &z), EINVAL);
	CHECK_EQ(z.zeropage, -EINVAL);
	/* The source need not be a whole page either. */
	CHECK_EQ(copy(fd, p, src + 13, H), 0);
	CHECK_EQ(joined(t), 'a');
	CHECK_EQ(p[H - 1], 'a');
	CHECK_ERR(copy(fd, p, src, H), EEXIST);
	p[3] = 'b';
	CHECK_EQ(p[3], 'b');
	start(&t, write_byte, p + H + PAGE);
	told(fd, p + H, UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(copy(fd, p + H, src, 2 * H), 0);
	joined(t);
	CHECK_EQ(p[H + PAGE], 'W');
	CHECK_EQ(p[3 * H - 1], 'a');
	CHECK(silent(fd));
	munmap(src, 4 * H);
}

TEST(missing_in_private_memory)
{
	pool(3);
	char *p = map(3, MAP_PRIVATE);

	missing(p);
	CHECK_EQ(meminfo("HugePages_Free"), 0);
	CHECK_EQ(meminfo("HugePages_Rsvd"), 0);
	munmap(p, 3 * H);
	CHECK_EQ(meminfo("HugePages_Free"), 3);
	CHECK_EQ(meminfo("HugePages_Rsvd"), 0);
}

TEST(missing_in_shared_memory)
{
	pool(3);
	int file = memfd(3);
	char *p = map_file(file, 3, MAP_SHARED), *other = map_file(file, 3, MAP_SHARED);

	missing(p);
	CHECK_EQ(other[3], 'b');
	CHECK_EQ(other[H + PAGE], 'W');
	CHECK_EQ(meminfo("HugePages_Free"), 0);
	munmap(p, 3 * H);
	munmap(other, 3 * H);
	close(file);
	CHECK_EQ(meminfo("HugePages_Free"), 3);
	CHECK_EQ(meminfo("HugePages_Rsvd"), 0);
}

/* Memory that is to be copied from is not there yet, or is not at all. */
TEST(the_source_comes_by_faults)
{
	pool(4);
	int fd = uffd_open(0), lazy = uffd_open(0), other = memfd(1);
	char *p = map(2, MAP_PRIVATE), *src = anon(2 * H), *late = anon(H), *into = src + H;
	pthread_t t;

	REQUIRE(!uffd_register(fd, p, 2 * H, MISSING));
	CHECK_EQ(mprotect(into, PAGE, PROT_NONE), 0);
	CHECK_ERR(copy(fd, p, src + PAGE, H), EFAULT);
	CHECK_EQ(meminfo("HugePages_Free"), 4);
	CHECK_EQ(meminfo("HugePages_Rsvd"), 2);
	/* Of two pages the first is done. */
	struct uffdio_copy c = {(unsigned long)p, (unsigned long)src, 2 * H, 0, 0};
	CHECK_ERR(ioctl(fd, UFFDIO_COPY, &c), EAGAIN);
	CHECK_EQ(c.copy, H);
	/* The source itself waits for a monitor. */
	REQUIRE(!uffd_register(lazy, late + PAGE, PAGE, MISSING));
	struct monitor m = {.fd = lazy};

	monitor_start(&m);
	start(&t, read_byte, p + H);
	told(fd, p + H, 0);
	memset(late, 'l', PAGE);
	CHECK_EQ(copy(fd, p + H, late, H), 0);
	CHECK_EQ(joined(t), 'l');
	CHECK_EQ(p[H + PAGE], 'm');
	CHECK_EQ(p[H + 2 * PAGE], 0);
	monitor_stop(&m);
	/* Huge pages as the source of huge pages. */
	char *s = map_file(other, 1, MAP_SHARED);
	memset(s, 's', H);
	CHECK_EQ(madvise(p, H, MADV_DONTNEED), 0);
	CHECK_EQ(copy(fd, p, s, H), 0);
	CHECK_EQ(p[H - 1], 's');
}

TEST(pages_that_the_file_has)
{
	pool(3);
	int fd = uffd_open(0), file = memfd(2);
	char *p = map_file(file, 2, MAP_SHARED), *other = map_file(file, 2, MAP_SHARED);
	char *src = filled(H, 'c');

	REQUIRE(!uffd_register(fd, p, 2 * H, MISSING));
	other[1] = 'o';
	CHECK_ERR(copy(fd, p, src, H), EEXIST);
	/* Nobody asked to be told. */
	CHECK_EQ(p[1], 'o');
	CHECK(silent(fd));
	CHECK_EQ(copy(fd, p + H, src, H), 0);
	CHECK_EQ(other[H], 'c');
	/* Behind the end of the file is nothing. */
	CHECK_EQ(ftruncate(file, H), 0);
	CHECK_ERR(copy(fd, p + H, src, H), EFAULT);
	CHECK_EQ(meminfo("HugePages_Free"), 2);
}

static void minor(char *p, char *other)
{
	int fd = uffd_open(UFFD_FEATURE_MINOR_HUGETLBFS);
	pthread_t t;

	REQUIRE(!uffd_register(fd, p, 2 * H, MINOR));
	other[PAGE] = 'x';
	start(&t, read_byte, p + PAGE);
	told(fd, p, UFFD_PAGEFAULT_FLAG_MINOR);
	other[PAGE] = 'y';
	CHECK_ERR(go_on(fd, p + PAGE, H), EINVAL);
	CHECK_ERR(go_on(fd, p, PAGE), EINVAL);
	CHECK_ERR(go_on(fd, p + H, H), EFAULT); /* the file has none */
	CHECK_EQ(go_on(fd, p, H), 0);
	CHECK_EQ(joined(t), 'y');
	CHECK_ERR(go_on(fd, p, H), EEXIST);
	other[H] = 'z';
	start(&t, write_byte, p + H + 1);
	told(fd, p + H, UFFD_PAGEFAULT_FLAG_MINOR | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(go_on(fd, p + H, H), 0);
	joined(t);
	CHECK_EQ(p[H], 'z');
	CHECK_EQ(p[H + 1], 'W');
	CHECK(silent(fd));
}

TEST(minor_in_shared_memory)
{
	pool(2);
	int file = memfd(2);
	char *p = map_file(file, 2, MAP_SHARED), *other = map_file(file, 2, MAP_SHARED);

	minor(p, other);
	CHECK_EQ(other[H + 1], 'W');
}

TEST(minor_in_private_memory)
{
	pool(4);
	int file = memfd(2);
	char *p = map_file(file, 2, MAP_PRIVATE), *other = map_file(file, 2, MAP_SHARED);

	minor(p, other);
	CHECK_EQ(other[H + 1], 0); /* what is written is a copy */
}

static void protects(char *p)
{
	char *src = filled(H, 'c');
	int fd = uffd_open(UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	pthread_t t;

	p[0] = 'p';
	REQUIRE(!uffd_register(fd, p, 3 * H, WP | MISSING));
	CHECK_ERR(protect(fd, p + PAGE, H, UFFDIO_WRITEPROTECT_MODE_WP), EINVAL);
	CHECK_ERR(protect(fd, p, PAGE, UFFDIO_WRITEPROTECT_MODE_WP), EINVAL);
	/* One that is there, and two that are not. */
	CHECK_EQ(protect(fd, p, 2 * H, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	CHECK_EQ(*(volatile char *)p, 'p');
	start(&t, write_byte, p + 3 * PAGE + 1);
	told(fd, p, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(protect(fd, p, H, 0), 0);
	joined(t);
	CHECK_EQ(p[3 * PAGE + 1], 'W');
	CHECK(silent(fd));
	/* It is missing first; then its page is not protected, unless that is said. */
	start(&t, write_byte, p + H);
	told(fd, p + H, UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(copy_mode(fd, p + H, src, H, UFFDIO_COPY_MODE_WP), 0);
	told(fd, p + H, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(p[H], 'c');
	CHECK_EQ(protect(fd, p + H, H, 0), 0);
	joined(t);
	CHECK_EQ(p[H], 'W');
	/* The bit outlives what the page tables forget. */
	CHECK_EQ(copy(fd, p + 2 * H, src, H), 0);
	CHECK_EQ(protect(fd, p + 2 * H, H, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	CHECK_EQ(mprotect(p, 3 * H, PROT_READ), 0);
	CHECK_EQ(mprotect(p, 3 * H, RW), 0);
	p[0] = 'q';
	start(&t, write_byte, p + 2 * H);
	told(fd, p + 2 * H, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	/* Whoever unregisters lets all go on. */
	CHECK_EQ(unregister(fd, p, 3 * H), 0);
	joined(t);
	CHECK_EQ(p[2 * H], 'W');
}

TEST(write_protection_of_private_memory)
{
	pool(3);
	char *p = map(3, MAP_PRIVATE);

	protects(p);
	munmap(p, 3 * H);
	CHECK_EQ(meminfo("HugePages_Free"), 3);
}

TEST(write_protection_of_shared_memory)
{
	pool(3);
	int file = memfd(3);
	char *p = map_file(file, 3, MAP_SHARED), *other = map_file(file, 3, MAP_SHARED);

	protects(p);
	CHECK_EQ(other[2 * H], 'W');
}

/* Only writes are told: a place without a page remembers it. */
TEST(protected_before_there_is_a_page)
{
	pool(3);
	int fd = uffd_open(UFFD_FEATURE_PAGEFAULT_FLAG_WP), file = memfd(3);
	char *p = map_file(file, 3, MAP_SHARED), *other = map_file(file, 3, MAP_SHARED);
	pthread_t t;

	REQUIRE(!uffd_register(fd, p, 3 * H, WP));
	CHECK_EQ(protect(fd, p, 3 * H, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	CHECK_EQ(meminfo("HugePages_Free"), 3);
	other[H] = 'o';
	CHECK_EQ(*(volatile char *)(p + H), 'o');
	CHECK_EQ(*(volatile char *)p, 0);
	for (int i = 0; i < 2; i++) {
		start(&t, write_byte, p + i * H + 1);
		told(fd, p + i * H, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
		CHECK_EQ(protect(fd, p + i * H, H, 0), 0);
		joined(t);
		CHECK_EQ(other[i * H + 1], 'W');
	}
	/* What goes from the page tables alone stays protected. */
	CHECK_EQ(protect(fd, p, H, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	CHECK_EQ(madvise(p, H, MADV_DONTNEED), 0);
	CHECK_EQ(p[1], 'W');
	start(&t, write_byte, p);
	told(fd, p, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(protect(fd, p, H, 0), 0);
	joined(t);
	/* And is forgotten with the registration. */
	CHECK_EQ(unregister(fd, p, 3 * H), 0);
	p[2 * H] = 'x';
	CHECK_EQ(other[2 * H], 'x');
	/* A child without a monitor is not held up. */
	REQUIRE(!uffd_register(fd, p, 3 * H, WP));
	CHECK_EQ(protect(fd, p, 3 * H, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	int status = -1;
	pid_t pid = fork();
	if (!pid) {
		p[2 * H] = 'k';
		_exit(p[2 * H] != 'k');
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(other[2 * H], 'k');
}

/* The calls that a monitor is told of return when it has read of them. */
static char *changed, *new_place;

static void *forget_two(void *unused)
{
	(void)unused;
	return (void *)(long)madvise(changed, 2 * H + PAGE, MADV_DONTNEED);
}

static void *move_one(void *unused)
{
	(void)unused;
	return mremap(changed + 2 * H, H, H, MREMAP_MAYMOVE | MREMAP_FIXED, new_place);
}

static void *unmap_one(void *unused)
{
	(void)unused;
	return (void *)(long)munmap(changed + 3 * H, H);
}

static void event_is(int fd, int event, const void *from, const void *to)
{
	struct uffd_msg m;

	REQUIRE(read(fd, &m, sizeof(m)) == sizeof(m));
	CHECK_EQ(m.event, event);
	CHECK_EQ(m.arg.remap.from, from);
	CHECK_EQ(m.arg.remap.to, to);
}

TEST(events_of_huge_pages)
{
	pool(4);
	int fd = uffd_open(UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP |
			   UFFD_FEATURE_EVENT_REMAP);
	char *p = map(4, MAP_PRIVATE);
	pthread_t t;

	changed = p;
	new_place = mmap(NULL, 2 * H, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	new_place = (char *)(((unsigned long)new_place + H - 1) & -(unsigned long)H);
	memset(p, 'e', 4 * H);
	REQUIRE(!uffd_register(fd, p, 4 * H, MISSING));
	CHECK_ERR(madvise(p + PAGE, H, MADV_DONTNEED), EINVAL);
	/* Less than a page is nothing. */
	CHECK_EQ(madvise(p, PAGE, MADV_DONTNEED), 0);
	CHECK(silent(fd));
	start(&t, forget_two, NULL);
	event_is(fd, UFFD_EVENT_REMOVE, p, p + 2 * H);
	CHECK_EQ(joined(t), 0);
	start(&t, move_one, NULL);
	event_is(fd, UFFD_EVENT_REMAP, p + 2 * H, new_place);
	event_is(fd, UFFD_EVENT_UNMAP, p + 2 * H, p + 3 * H);
	CHECK_EQ(joined(t), new_place);
	start(&t, unmap_one, NULL);
	event_is(fd, UFFD_EVENT_UNMAP, p + 3 * H, p + 4 * H);
	CHECK_EQ(joined(t), 0);
	CHECK_EQ(new_place[5], 'e');
	CHECK(has_vmflag(new_place, "um"));
	CHECK(silent(fd));
}

/* Without wishes about that, what has moved is nobody's, and is protected no more. */
TEST(moved_away_from_its_monitor)
{
	pool(2);
	int fd = uffd_open(UFFD_FEATURE_PAGEFAULT_FLAG_WP), file = memfd(2);
	char *p = map_file(file, 2, MAP_SHARED), *to;

	to = mmap(NULL, 4 * H, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	to = (char *)(((unsigned long)to + H - 1) & -(unsigned long)H);
	p[0] = 'p';
	REQUIRE(!uffd_register(fd, p, 2 * H, MISSING | WP));
	CHECK_EQ(protect(fd, p, 2 * H, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	CHECK_EQ(mremap(p, 2 * H, 2 * H, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
	CHECK(!has_vmflag(to, "uw"));
	to[1] = 'x';
	to[H] = 'y';
	CHECK_EQ(to[0] + to[H], 'p' + 'y');
	CHECK(silent(fd));
}

static void *fork_and_touch(void *arg)
{
	char *p = arg;
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		/* Its own monitor fills, and lets write. */
		p[1] = 'c';
		_exit(p[0] == 'p' && p[1] == 'c' && p[2 * H + 5] == 's' ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return (void *)(long)status;
}

static void a_child_with_a_monitor(char *p)
{
	int fd = uffd_open(UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	char *src = filled(H, 's');
	struct uffd_msg m;
	pthread_t t;

	p[0] = 'p';
	REQUIRE(!uffd_register(fd, p, 3 * H, MISSING | WP));
	CHECK_EQ(protect(fd, p, 2 * H, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	start(&t, fork_and_touch, p);
	REQUIRE(read(fd, &m, sizeof(m)) == sizeof(m));
	REQUIRE(m.event == UFFD_EVENT_FORK);
	int child = (int)m.arg.fork.ufd;
	told(child, p, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(protect(child, p, H, 0), 0);
	told(child, p + 2 * H, 0);
	CHECK_EQ(copy(child, p + 2 * H, src, H), 0);
	CHECK_EQ(joined(t), 0);
	/* The parent's is as it was. */
	start(&t, write_byte, p + 1);
	told(fd, p, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(protect(fd, p, H, 0), 0);
	joined(t);
	CHECK_EQ(p[1], 'W');
}

TEST(a_child_with_a_monitor_of_private_memory)
{
	pool(8);
	a_child_with_a_monitor(map(3, MAP_PRIVATE));
}

TEST(a_child_with_a_monitor_of_shared_memory)
{
	pool(3);
	a_child_with_a_monitor(map(3, MAP_SHARED));
}

static sigjmp_buf back;
static volatile siginfo_t seen;

static void on_bus(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	seen = *si;
	siglongjmp(back, 1);
}

static bool dies(volatile char *p)
{
	struct sigaction sa = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &sa, NULL);
	if (!sigsetjmp(back, 1)) {
		(void)*p;
		return false;
	}
	return true;
}

TEST(signals_and_exact_addresses)
{
	pool(3);
	int fd = uffd_open(UFFD_FEATURE_SIGBUS);
	char *p = map(1, MAP_PRIVATE), *q = map(1, MAP_PRIVATE), *src = filled(H, 'x');
	pthread_t t;

	REQUIRE(!uffd_register(fd, p, H, MISSING));
	CHECK(dies(p + PAGE));
	CHECK_EQ(seen.si_code, BUS_ADRERR);
	CHECK_EQ(copy(fd, p, src, H), 0);
	CHECK_EQ(p[PAGE], 'x');
	fd = uffd_open(UFFD_FEATURE_EXACT_ADDRESS);
	REQUIRE(!uffd_register(fd, q, H, MISSING));
	start(&t, read_byte, q + 3 * PAGE + 5);
	told(fd, q + 3 * PAGE + 5, 0);
	CHECK_EQ(copy(fd, q, src, H), 0);
	CHECK_EQ(joined(t), 'x');
}

static int into;

static void *read_pipe(void *p)
{
	return (void *)(long)read(into, p, 3);
}

/* A system call meets what is missing. */
TEST(faults_in_the_kernel)
{
	pool(1);
	int fd = uffd_open(0), fds[2];
	char *p = map(1, MAP_PRIVATE), *src = filled(H, 'k');
	pthread_t t;

	REQUIRE(!pipe(fds));
	REQUIRE(!uffd_register(fd, p, H, MISSING));
	into = fds[0];
	CHECK_EQ(write(fds[1], "abc", 3), 3);
	start(&t, read_pipe, p + 2 * PAGE - 1);
	told(fd, p, UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(copy(fd, p, src, H), 0);
	CHECK_EQ(joined(t), 3);
	CHECK(!memcmp(p + 2 * PAGE - 2, "kabck", 5));
}

TEST(poisoned)
{
	if (!offered(UFFD_FEATURE_POISON))
		return;
	pool(4);
	int fd = uffd_open(0), file = memfd(2), status = -1;
	char *p = map(2, MAP_PRIVATE), *s = map_file(file, 2, MAP_SHARED);
	char *src = filled(H, 'c');

	REQUIRE(!uffd_register(fd, p, 2 * H, MISSING));
	REQUIRE(!uffd_register(fd, s, 2 * H, MISSING));
	struct uffdio_poison po = {{(unsigned long)p + PAGE, H}, 0, 0};
	CHECK_ERR(ioctl(fd, UFFDIO_POISON, &po), EINVAL);
	po.range.start = (unsigned long)p;
	CHECK_EQ(ioctl(fd, UFFDIO_POISON, &po), 0);
	CHECK_EQ(po.updated, H);
	CHECK_ERR(ioctl(fd, UFFDIO_POISON, &po), EEXIST);
	CHECK(dies(p + 7 * PAGE));
	CHECK(seen.si_code == BUS_MCEERR_AR || seen.si_code == BUS_ADRERR);
	if (seen.si_code == BUS_MCEERR_AR)
		CHECK_EQ(seen.si_addr_lsb, 21);
	CHECK_EQ(meminfo("HugePages_Free"), 4);
	pid_t pid = fork();
	if (!pid)
		_exit(!dies(p));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	/* A page takes its place. */
	CHECK_EQ(copy(fd, p, src, H), 0);
	CHECK_EQ(p[1], 'c');
	po.range.start = (unsigned long)s + H;
	CHECK_EQ(ioctl(fd, UFFDIO_POISON, &po), 0);
	CHECK(dies(s + H));
	munmap(s, 2 * H);
}

TEST(moving_is_for_small_pages)
{
	if (!offered(UFFD_FEATURE_MOVE))
		return;
	pool(2);
	int fd = uffd_open(0);
	char *p = map(2, MAP_PRIVATE);
	struct uffdio_move m = {(unsigned long)p + H, (unsigned long)p, H, 0, 0};

	p[0] = 'x';
	REQUIRE(!uffd_register(fd, p + H, H, MISSING));
	CHECK_ERR(ioctl(fd, UFFDIO_MOVE, &m), EINVAL);
	CHECK_EQ(p[0], 'x');
}

static long scan(void *p, long len, struct page_region *out, long max, unsigned long long flags)
{
	struct pm_scan_arg a = {.size = sizeof(a),
				.flags = flags,
				.start = (unsigned long)p,
				.end = (unsigned long)p + (unsigned long)len,
				.vec = (unsigned long)out,
				.vec_len = (unsigned long)max,
				.category_mask = PAGE_IS_WRITTEN,
				.return_mask = PAGE_IS_WRITTEN | PAGE_IS_HUGE | PAGE_IS_PRESENT};
	int fd = open("/proc/self/pagemap", O_RDONLY);
	long n = ioctl(fd, PAGEMAP_SCAN, &a);

	close(fd);
	return n;
}

TEST(scans_of_what_was_written)
{
	if (!offered(UFFD_FEATURE_WP_ASYNC))
		return;
	pool(4);
	int fd = uffd_open(UFFD_FEATURE_WP_ASYNC), file = memfd(4);
	char *p = map_file(file, 4, MAP_SHARED);
	struct page_region r[8];
	unsigned long flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC;

	memset(p, 1, 4 * H);
	REQUIRE(!uffd_register(fd, p, 4 * H, WP));
	CHECK_EQ(scan(p, 4 * H, r, 8, flags), 1);
	CHECK_EQ(r[0].start, p);
	CHECK_EQ(r[0].end, p + 4 * H);
	CHECK_EQ(r[0].categories, PAGE_IS_WRITTEN | PAGE_IS_HUGE | PAGE_IS_PRESENT);
	CHECK_EQ(scan(p, 4 * H, r, 8, flags), 0);
	p[H + 9 * PAGE] = 2;
	CHECK_EQ(*(volatile char *)(p + 2 * H), 1);
	p[3 * H] = 2;
	/* Less than a page cannot be protected. */
	CHECK_EQ(scan(p + H, PAGE, r, 8, flags), 0);
	CHECK_EQ(scan(p, 4 * H, r, 8, 0), 2);
	CHECK_EQ(scan(p, 4 * H, r, 8, flags), 2);
	CHECK_EQ(r[0].start, p + H);
	CHECK_EQ(r[0].end, p + 2 * H);
	CHECK_EQ(r[1].start, p + 3 * H);
	CHECK_EQ(scan(p, 4 * H, r, 8, 0), 0);
	CHECK(silent(fd));
}

/* --- one page, and two who come to it at once --- */

static pthread_barrier_t both;
static int race_fd, race_file;
static char *race_page, *race_src;
static long race_len;

static int race_rounds;

static void *race_copy(void *unused)
{
	(void)unused;
	for (int i = 0; i < race_rounds; i++) {
		pthread_barrier_wait(&both);
		if (copy(race_fd, race_page, race_src, race_len))
			CHECK_EQ(errno, EFAULT);
		pthread_barrier_wait(&both);
	}
	return NULL;
}

/* A file that becomes empty while pages come into it is empty. */
static void copies_against_truncation(int file, char *p, long len, int rounds)
{
	int fd = uffd_open(0);
	struct stat st;
	pthread_t t;

	REQUIRE(!uffd_register(fd, p, len, MISSING));
	race_fd = fd;
	race_page = p;
	race_len = len;
	race_rounds = rounds;
	race_src = filled(len, 'r');
	pthread_barrier_init(&both, NULL, 2);
	start(&t, race_copy, NULL);
	for (int i = 0; i < race_rounds; i++) {
		CHECK_EQ(ftruncate(file, len), 0);
		pthread_barrier_wait(&both);
		for (long wait = 0; wait < i * len / 20 / rounds; wait++)
			__asm__ volatile("" ::: "memory");
		CHECK_EQ(ftruncate(file, 0), 0);
		pthread_barrier_wait(&both);
		CHECK(!fstat(file, &st));
		CHECK_EQ(st.st_blocks, 0);
		if (test_failures)
			exit(1);
	}
	joined(t);
}

TEST(copies_against_truncation)
{
	int file = memfd_create("small", 0);

	REQUIRE(file >= 0 && !ftruncate(file, PAGE));
	copies_against_truncation(file, mmap(NULL, PAGE, RW, MAP_SHARED, file, 0), PAGE, 150);
}

static void *race_fallocate(void *unused)
{
	(void)unused;
	for (int i = 0; i < race_rounds; i++) {
		pthread_barrier_wait(&both);
		CHECK_EQ(fallocate(race_file, 0, 0, H), 0);
		pthread_barrier_wait(&both);
	}
	return NULL;
}

/* The last page of the pool is enough for a fault and fallocate(2) of one place. */
TEST(fallocate_against_faults)
{
	pool(1);
	int file = memfd(1);
	char *p = map_file(file, 1, MAP_SHARED | MAP_NORESERVE);
	pthread_t t;

	alarm(60);
	race_file = file;
	race_rounds = 20;
	pthread_barrier_init(&both, NULL, 2);
	start(&t, race_fallocate, NULL);
	for (int i = 0; i < race_rounds; i++) {
		pthread_barrier_wait(&both);
		*(volatile char *)p = 1; /* SIGBUS ends the test */
		pthread_barrier_wait(&both);
		CHECK_EQ(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, H), 0);
		CHECK_EQ(meminfo("HugePages_Free"), 1);
		if (test_failures)
			exit(1);
	}
	joined(t);
}

TEST(copies_against_truncation_of_huge_pages)
{
	if (!offered(UFFD_FEATURE_POISON))
		return; /* Linux 6.1 loses count of what it has promised */
	pool(1);
	int file = memfd(1);

	copies_against_truncation(file, map_file(file, 1, MAP_SHARED), H, 40);
	CHECK_EQ(meminfo("HugePages_Free"), 1);
}

int main(void)
{
	return test_run();
}
