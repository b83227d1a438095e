/* userfaultfd(2): missing pages, who may, what each ioctl refuses. */
#include "test.h"
#include "userfault.h"
#include <sys/auxv.h>
#include <sys/uio.h>

TEST(flags_and_rights)
{
	CHECK_ERR(uffd_new(2), EINVAL);
	CHECK_ERR(uffd_new(0x100000), EINVAL);
	int fd = uffd_new(O_CLOEXEC | O_NONBLOCK);
	REQUIRE(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
	char name[64] = "", path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(readlink(path, name, sizeof(name) - 1) > 0);
	CHECK(!strcmp(name, "anon_inode:[userfaultfd]"));
	pid_t pid = fork();
	if (!pid) {
		if (setuid(65534))
			_exit(2);
		CHECK_ERR(uffd_new(O_CLOEXEC), EPERM);
		CHECK(uffd_new(O_CLOEXEC | UFFD_USER_MODE_ONLY) >= 0);
		CHECK_ERR(open("/dev/userfaultfd", O_RDWR), EACCES);
		_exit(test_failures != 0);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

TEST(device)
{
	int dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	REQUIRE(dev >= 0);
	CHECK_ERR(ioctl(dev, UFFDIO_API, 0), EINVAL);
	CHECK_ERR(ioctl(dev, USERFAULTFD_IOC_NEW, 2), EINVAL);
	int fd = ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(uffd_api(fd, 0), 0);
}

TEST(before_the_handshake)
{
	int fd = uffd_new(O_NONBLOCK);
	struct uffd_msg m;
	struct uffdio_register r = {0};
	struct pollfd p = {fd, POLLIN, 0};

	CHECK_ERR(read(fd, &m, sizeof(m)), EINVAL);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLERR);
	CHECK_ERR(ioctl(fd, UFFDIO_REGISTER, &r), EINVAL);
	struct uffdio_api a = {.api = 0xab};
	CHECK_ERR(ioctl(fd, UFFDIO_API, &a), EINVAL);
	CHECK_EQ(a.api, 0);
	a = (struct uffdio_api){.api = UFFD_API, .features = 1ull << 40};
	CHECK_ERR(ioctl(fd, UFFDIO_API, &a), EINVAL);
	CHECK_EQ(a.api | a.features, 0);
	a = (struct uffdio_api){.api = UFFD_API};
	CHECK_EQ(ioctl(fd, UFFDIO_API, &a), 0);
	CHECK(a.features & UFFD_FEATURE_MISSING_SHMEM);
	CHECK(a.features & UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	CHECK_EQ(a.ioctls, UFFD_API_IOCTLS);
	a = (struct uffdio_api){.api = UFFD_API};
	CHECK_ERR(ioctl(fd, UFFDIO_API, &a), EINVAL);
	CHECK_ERR(read(fd, &m, sizeof(m) - 1), EINVAL);
	CHECK_ERR(read(fd, &m, sizeof(m)), EAGAIN);
	CHECK_ERR(ioctl(fd, 0xaa55, 0), EINVAL);
	CHECK_EQ(poll(&p, 1, 0), 0);
	/* Blocking descriptors cannot be polled. */
	fcntl(fd, F_SETFL, 0);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLERR);
}

TEST(registering)
{
	int fd = uffd_open(0), other = uffd_open(0);
	char *p = anon(16 * PAGE);
	struct uffdio_register r = {.range = {(unsigned long)p, 16 * PAGE}};

	CHECK_ERR(ioctl(fd, UFFDIO_REGISTER, &r), EINVAL);
	r.mode = 8;
	CHECK_ERR(ioctl(fd, UFFDIO_REGISTER, &r), EINVAL);
	r.mode = UFFDIO_REGISTER_MODE_MISSING;
	r.range.start++;
	CHECK_ERR(ioctl(fd, UFFDIO_REGISTER, &r), EINVAL);
	r.range.start--;
	r.range.len = 0;
	CHECK_ERR(ioctl(fd, UFFDIO_REGISTER, &r), EINVAL);
	r.range.len = 100;
	CHECK_ERR(ioctl(fd, UFFDIO_REGISTER, &r), EINVAL);
	r.range.len = -PAGE;
	CHECK_ERR(ioctl(fd, UFFDIO_REGISTER, &r), EINVAL);
	r.range.len = 16 * PAGE;
	r.mode = UFFDIO_REGISTER_MODE_MINOR;
	CHECK_ERR(ioctl(fd, UFFDIO_REGISTER, &r), EINVAL);
	r.mode = UFFDIO_REGISTER_MODE_MISSING;
	CHECK_EQ(ioctl(fd, UFFDIO_REGISTER, &r), 0);
	CHECK_EQ(r.ioctls & UFFD_API_RANGE_IOCTLS,
		 1 << _UFFDIO_WAKE | 1 << _UFFDIO_COPY | 1 << _UFFDIO_ZEROPAGE);
	CHECK_EQ(ioctl(fd, UFFDIO_REGISTER, &r), 0);
	CHECK_ERR(ioctl(other, UFFDIO_REGISTER, &r), EBUSY);
	CHECK(has_vmflag(p, "um"));
	CHECK(!has_vmflag(p, "uw"));
	r.mode = UFFDIO_REGISTER_MODE_WP;
	CHECK_EQ(ioctl(fd, UFFDIO_REGISTER, &r), 0);
	CHECK(r.ioctls & 1 << _UFFDIO_WRITEPROTECT);
	CHECK(has_vmflag(p, "uw"));
	CHECK(!has_vmflag(p, "um"));
	/* A part of it. */
	struct uffdio_range part = {(unsigned long)p + 4 * PAGE, 4 * PAGE};
	CHECK_EQ(ioctl(fd, UFFDIO_UNREGISTER, &part), 0);
	CHECK(has_vmflag(p, "uw"));
	CHECK(!has_vmflag(p + 4 * PAGE, "uw"));
	CHECK(has_vmflag(p + 8 * PAGE, "uw"));
	part.start++;
	CHECK_ERR(ioctl(fd, UFFDIO_UNREGISTER, &part), EINVAL);
}

TEST(what_cannot_be_registered)
{
	int fd = uffd_open(0);
	struct uffdio_register r = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	char *ro = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *gone = anon(PAGE);

	r.range = (struct uffdio_range){getauxval(AT_SYSINFO_EHDR), PAGE};
	CHECK_ERR(ioctl(fd, UFFDIO_REGISTER, &r), EINVAL);
	r.range.start = (unsigned long)ro;
	CHECK_EQ(ioctl(fd, UFFDIO_REGISTER, &r), 0);
	munmap(gone, PAGE);
	r.range.start = (unsigned long)gone;
	CHECK_ERR(ioctl(fd, UFFDIO_REGISTER, &r), EINVAL);
	int mem = memfd_create("x", 0);
	REQUIRE(mem >= 0 && !ftruncate(mem, PAGE));
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", mem);
	int read_only = open(path, O_RDONLY);
	char *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, read_only, 0);
	REQUIRE(shared != MAP_FAILED);
	r.range.start = (unsigned long)shared;
	CHECK_ERR(ioctl(fd, UFFDIO_REGISTER, &r), EPERM);
}

TEST(copying)
{
	int fd = uffd_open(0);
	char *p = anon(16 * PAGE), *src = filled(4 * PAGE, 'a'), *unregistered = anon(PAGE);
	struct uffdio_copy c = {(unsigned long)p, (unsigned long)src, PAGE, 0, 77};

	REQUIRE(!uffd_register(fd, p, 16 * PAGE, UFFDIO_REGISTER_MODE_MISSING));
	CHECK_EQ(ioctl(fd, UFFDIO_COPY, &c), 0);
	CHECK_EQ(c.copy, PAGE);
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[PAGE - 1], 'a');
	p[1] = 'b';
	CHECK_ERR(ioctl(fd, UFFDIO_COPY, &c), EEXIST);
	CHECK_EQ(c.copy, -EEXIST);
	CHECK_EQ(p[1], 'b');
	c.dst = (unsigned long)p + 1;
	CHECK_ERR(ioctl(fd, UFFDIO_COPY, &c), EINVAL);
	c.dst = (unsigned long)unregistered;
	CHECK_ERR(ioctl(fd, UFFDIO_COPY, &c), ENOENT);
	CHECK_EQ(c.copy, -ENOENT);
	c.src = 1;
	CHECK_ERR(ioctl(fd, UFFDIO_COPY, &c), ENOENT);
	c.dst = (unsigned long)p + PAGE;
	CHECK_ERR(ioctl(fd, UFFDIO_COPY, &c), EFAULT);
	c.src = (unsigned long)src + 1;
	CHECK_EQ(ioctl(fd, UFFDIO_COPY, &c), 0);
	c.mode = 0x80;
	CHECK_ERR(ioctl(fd, UFFDIO_COPY, &c), EINVAL);
	c.mode = UFFDIO_COPY_MODE_WP;
	c.dst = (unsigned long)p + 2 * PAGE;
	CHECK_ERR(ioctl(fd, UFFDIO_COPY, &c), EINVAL);
	c.mode = 0;
	c.len = 0;
	CHECK_ERR(ioctl(fd, UFFDIO_COPY, &c), EINVAL);
	c.len = PAGE;
	c.src = -PAGE;
	CHECK_ERR(ioctl(fd, UFFDIO_COPY, &c), EINVAL);
	/* The source ends after two pages of three. */
	munmap(src + 2 * PAGE, 2 * PAGE);
	c.src = (unsigned long)src;
	c.len = 3 * PAGE;
	CHECK_ERR(ioctl(fd, UFFDIO_COPY, &c), EAGAIN);
	CHECK_EQ(c.copy, 2 * PAGE);
	CHECK_EQ(p[3 * PAGE], 'a');
	/* Something is in the way after one page. */
	c.dst = (unsigned long)p + 8 * PAGE;
	c.len = PAGE;
	REQUIRE(!ioctl(fd, UFFDIO_COPY, &c));
	c.dst -= PAGE;
	c.len = 2 * PAGE;
	CHECK_ERR(ioctl(fd, UFFDIO_COPY, &c), EAGAIN);
	CHECK_EQ(c.copy, PAGE);
	CHECK_ERR(ioctl(fd, UFFDIO_COPY, 1), EFAULT);
}

TEST(copying_much)
{
	enum { PAGES = 700 };
	int fd = uffd_open(0);
	char *p = anon(PAGES * PAGE), *src = anon(PAGES * PAGE);
	struct uffdio_copy c = {(unsigned long)p, (unsigned long)src, PAGES * PAGE, 0, 0};
	int bad = 0;

	REQUIRE(!uffd_register(fd, p, PAGES * PAGE, UFFDIO_REGISTER_MODE_MISSING));
	for (int i = 0; i < PAGES; i++)
		src[i * PAGE] = i * 7;
	CHECK_EQ(ioctl(fd, UFFDIO_COPY, &c), 0);
	CHECK_EQ(c.copy, PAGES * PAGE);
	for (int i = 0; i < PAGES; i++)
		bad += p[i * PAGE] != (char)(i * 7);
	CHECK_EQ(bad, 0);
}

TEST(zeroes)
{
	int fd = uffd_open(0);
	char *p = anon(8 * PAGE);
	struct uffdio_zeropage z = {{(unsigned long)p, 2 * PAGE}, 0, 0};

	REQUIRE(!uffd_register(fd, p, 8 * PAGE, UFFDIO_REGISTER_MODE_MISSING));
	CHECK_EQ(ioctl(fd, UFFDIO_ZEROPAGE, &z), 0);
	CHECK_EQ(z.zeropage, 2 * PAGE);
	CHECK_EQ(p[0] | p[PAGE], 0);
	p[PAGE] = 1;
	CHECK_ERR(ioctl(fd, UFFDIO_ZEROPAGE, &z), EEXIST);
	CHECK_EQ(z.zeropage, -EEXIST);
	z.mode = 2;
	CHECK_ERR(ioctl(fd, UFFDIO_ZEROPAGE, &z), EINVAL);
	z.mode = 0;
	z.range.start = (unsigned long)anon(PAGE);
	z.range.len = PAGE;
	CHECK_ERR(ioctl(fd, UFFDIO_ZEROPAGE, &z), ENOENT);
}

/* Faults on each page; a monitor copies what was asked for. */
static void faults(bool exact, bool poll_first)
{
	enum { PAGES = 64 };
	struct monitor m = {.fd = uffd_open(exact ? UFFD_FEATURE_EXACT_ADDRESS : 0),
			    .poll_first = poll_first};
	char *p = anon(PAGES * PAGE);
	int bad = 0;

	REQUIRE(!uffd_register(m.fd, p, PAGES * PAGE, UFFDIO_REGISTER_MODE_MISSING));
	monitor_start(&m);
	for (int i = 0; i < PAGES; i++) {
		volatile char *at = p + i * PAGE + 100;
		bool write = i % 2;

		if (write)
			*at = 'w';
		bad += *at != (write ? 'w' : 'm');
		bad += p[i * PAGE] != 'm';
		bad += m.last.event != UFFD_EVENT_PAGEFAULT;
		bad += m.last.arg.pagefault.address !=
		       (exact ? (unsigned long)at : (unsigned long)p + i * PAGE);
		bad += m.last.arg.pagefault.flags != (write ? UFFD_PAGEFAULT_FLAG_WRITE : 0);
	}
	CHECK_EQ(bad, 0);
	CHECK_EQ(m.faults, PAGES);
	monitor_stop(&m);
}

TEST(faults_are_resolved)
{
	faults(false, false);
}

TEST(faults_are_resolved_polling)
{
	faults(false, true);
}

TEST(exact_address)
{
	faults(true, false);
}

TEST(thread_id)
{
	struct monitor m = {.fd = uffd_open(UFFD_FEATURE_THREAD_ID)};
	char *p = anon(PAGE);

	REQUIRE(!uffd_register(m.fd, p, PAGE, UFFDIO_REGISTER_MODE_MISSING));
	monitor_start(&m);
	CHECK_EQ(*(volatile char *)p, 'm');
	CHECK_EQ(m.last.arg.pagefault.feat.ptid, syscall(SYS_gettid));
	monitor_stop(&m);
}

TEST(faults_inside_the_kernel)
{
	struct monitor m = {.fd = uffd_open(0)};
	char *p = anon(8 * PAGE);
	int fds[2];

	REQUIRE(!pipe(fds));
	REQUIRE(!uffd_register(m.fd, p, 8 * PAGE, UFFDIO_REGISTER_MODE_MISSING));
	monitor_start(&m);
	CHECK_EQ(write(fds[1], p, PAGE), PAGE);
	CHECK_EQ(m.faults, 1);
	CHECK_EQ(read(fds[0], p + PAGE, PAGE), PAGE);
	CHECK_EQ(m.faults, 2);
	CHECK_EQ(p[PAGE + 5], 'm');
	/* Through another process's eyes, too. */
	char buf[4];
	struct iovec local = {buf, 4}, remote = {p + 2 * PAGE, 4};
	CHECK_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), 4);
	CHECK_EQ(buf[0], 'm');
	CHECK_EQ(m.faults, 3);
	CHECK_EQ(madvise(p, 8 * PAGE, MADV_POPULATE_READ), 0);
	CHECK_EQ(m.faults, 8);
	monitor_stop(&m);
}

TEST(user_mode_only)
{
	int fd = uffd_new(O_NONBLOCK | UFFD_USER_MODE_ONLY), fds[2];
	struct monitor m = {.fd = fd};
	char *p = anon(2 * PAGE);

	REQUIRE(!uffd_api(fd, 0) && !pipe(fds));
	REQUIRE(!uffd_register(fd, p, 2 * PAGE, UFFDIO_REGISTER_MODE_MISSING));
	CHECK_ERR(write(fds[1], p, PAGE), EFAULT);
	fcntl(fd, F_SETFL, 0);
	monitor_start(&m);
	CHECK_EQ(*(volatile char *)p, 'm');
	CHECK_EQ(write(fds[1], p, PAGE), PAGE);
	monitor_stop(&m);
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

TEST(sigbus_instead)
{
	int fd = uffd_open(UFFD_FEATURE_SIGBUS), fds[2];
	char *p = anon(2 * PAGE);
	struct sigaction sa = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};

	REQUIRE(!pipe(fds));
	REQUIRE(!uffd_register(fd, p, 2 * PAGE, UFFDIO_REGISTER_MODE_MISSING));
	sigaction(SIGBUS, &sa, NULL);
	if (!sigsetjmp(back, 1)) {
		*(volatile char *)(p + 5) = 1;
		CHECK(!"no signal");
	}
	CHECK_EQ(seen.si_code, BUS_ADRERR);
	CHECK_EQ((long)seen.si_addr, (long)p + 5);
	CHECK_ERR(write(fds[1], p, 1), EFAULT);
	struct uffdio_copy c = {(unsigned long)p, (unsigned long)filled(PAGE, 'q'), PAGE, 0, 0};
	CHECK_EQ(ioctl(fd, UFFDIO_COPY, &c), 0);
	CHECK_EQ(p[5], 'q');
}

static volatile int signals;

static void count(int sig)
{
	(void)sig;
	signals++;
}

static void *touch(void *arg)
{
	return (void *)(long)*(volatile char *)arg;
}

static void *send_signals(void *arg)
{
	for (int i = 0; i < 5; i++) {
		usleep(10000);
		pthread_kill(*(pthread_t *)arg, SIGUSR1);
	}
	return NULL;
}

static void wait_pending(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};

	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK_EQ(p.revents, POLLIN);
}

/* A handler runs in the middle of the fault, which then goes on. */
TEST(signals_during_a_fault)
{
	int fd = uffd_new(O_NONBLOCK);
	char *p = anon(PAGE);
	pthread_t t, s;
	void *got;

	REQUIRE(!uffd_api(fd, 0));
	REQUIRE(!uffd_register(fd, p, PAGE, UFFDIO_REGISTER_MODE_MISSING));
	signal(SIGUSR1, count);
	pthread_create(&t, NULL, touch, p);
	wait_pending(fd);
	pthread_create(&s, NULL, send_signals, &t);
	pthread_join(s, NULL);
	while (signals < 1)
		usleep(1000);
	struct uffdio_copy c = {(unsigned long)p, (unsigned long)filled(PAGE, 'z'), PAGE, 0, 0};
	CHECK_EQ(ioctl(fd, UFFDIO_COPY, &c), 0);
	pthread_join(t, &got);
	CHECK_EQ((long)got, 'z');
}

TEST(kill_ends_a_fault)
{
	int fd = uffd_new(O_NONBLOCK), fds[2];
	struct pollfd p = {fd, POLLIN, 0};
	int status;

	(void)p;
	REQUIRE(!pipe(fds));
	for (int in_kernel = 0; in_kernel < 2; in_kernel++) {
		pid_t pid = fork();

		if (!pid) {
			int own = uffd_new(O_NONBLOCK);
			char *mem = anon(PAGE);

			if (uffd_api(own, 0) ||
			    uffd_register(own, mem, PAGE, UFFDIO_REGISTER_MODE_MISSING))
				_exit(1);
			if (in_kernel)
				_exit(write(fds[1], mem, 1));
			_exit(*(volatile char *)mem);
		}
		usleep(50000);
		kill(pid, SIGKILL);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, SIGKILL);
	}
}

TEST(waking_makes_it_look_again)
{
	int fd = uffd_new(O_NONBLOCK);
	char *p = anon(4 * PAGE);
	struct uffd_msg m;
	pthread_t t;
	void *got;

	REQUIRE(!uffd_api(fd, 0));
	REQUIRE(!uffd_register(fd, p, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING));
	pthread_create(&t, NULL, touch, p + PAGE);
	wait_pending(fd);
	CHECK_EQ(read(fd, &m, sizeof(m)), sizeof(m));
	CHECK_ERR(read(fd, &m, sizeof(m)), EAGAIN);
	struct uffdio_range w = {(unsigned long)p, 4 * PAGE};
	CHECK_EQ(ioctl(fd, UFFDIO_WAKE, &w), 0);
	wait_pending(fd);
	/* Quietly, then by hand. */
	struct uffdio_copy c = {(unsigned long)p + PAGE, (unsigned long)filled(PAGE, 'y'), PAGE,
				UFFDIO_COPY_MODE_DONTWAKE, 0};
	CHECK_EQ(ioctl(fd, UFFDIO_COPY, &c), 0);
	CHECK_EQ(ioctl(fd, UFFDIO_WAKE, &w), 0);
	pthread_join(t, &got);
	CHECK_EQ((long)got, 'y');
	w.len = 5;
	CHECK_ERR(ioctl(fd, UFFDIO_WAKE, &w), EINVAL);
}

TEST(unregistering_lets_faults_go)
{
	int fd = uffd_new(O_NONBLOCK);
	char *p = anon(4 * PAGE);
	struct uffdio_range w = {(unsigned long)p, 4 * PAGE};
	pthread_t t;
	void *got;

	REQUIRE(!uffd_api(fd, 0));
	REQUIRE(!uffd_register(fd, p, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING));
	pthread_create(&t, NULL, touch, p + PAGE);
	wait_pending(fd);
	CHECK_EQ(ioctl(fd, UFFDIO_UNREGISTER, &w), 0);
	pthread_join(t, &got);
	CHECK_EQ((long)got, 0);
	CHECK(!has_vmflag(p, "um"));
}

TEST(closing_lets_faults_go)
{
	int fd = uffd_new(O_NONBLOCK);
	char *p = anon(4 * PAGE);
	pthread_t t;
	void *got;

	REQUIRE(!uffd_api(fd, 0));
	REQUIRE(!uffd_register(fd, p, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING));
	pthread_create(&t, NULL, touch, p + PAGE);
	wait_pending(fd);
	close(fd);
	pthread_join(t, &got);
	CHECK_EQ((long)got, 0);
	CHECK(!has_vmflag(p, "um"));
}

TEST(several_messages_at_once)
{
	enum { THREADS = 6 };
	int fd = uffd_new(O_NONBLOCK), n = 0;
	char *p = anon(THREADS * PAGE), line[256] = "";
	struct uffd_msg m[8];
	pthread_t t[THREADS];
	unsigned int seen_pages = 0;
	void *got;

	REQUIRE(!uffd_api(fd, 0));
	REQUIRE(!uffd_register(fd, p, THREADS * PAGE, UFFDIO_REGISTER_MODE_MISSING));
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, touch, p + i * PAGE);
	while (fdinfo_count(fd, "pending:") < THREADS)
		usleep(1000);
	n = read(fd, m, sizeof(m));
	CHECK_EQ(n, THREADS * sizeof(m[0]));
	for (int i = 0; i < THREADS; i++)
		seen_pages |= 1u << (m[i].arg.pagefault.address - (unsigned long)p) / PAGE;
	CHECK_EQ(seen_pages, (1u << THREADS) - 1);
	CHECK_EQ(fdinfo_count(fd, "pending:"), 0);
	CHECK_EQ(fdinfo_count(fd, "total:"), THREADS);
	fdinfo_line(fd, "API:", line, sizeof(line));
	CHECK(!strncmp(line, "API:\taa:", 8));
	for (int i = 0; i < THREADS; i++) {
		struct uffdio_zeropage z = {{(unsigned long)p + i * PAGE, PAGE}, 0, 0};

		CHECK_EQ(ioctl(fd, UFFDIO_ZEROPAGE, &z), 0);
		pthread_join(t[i], &got);
	}
	CHECK_EQ(fdinfo_count(fd, "total:"), 0);
}

/* Another process holds the descriptor: what it handles is the memory of the maker. */
TEST(from_another_process)
{
	int fd = uffd_open(0), go[2], status;
	char *p = anon(PAGE), c;

	REQUIRE(!pipe(go));
	REQUIRE(!uffd_register(fd, p, PAGE, UFFDIO_REGISTER_MODE_MISSING));
	pid_t pid = fork();
	if (!pid) {
		struct uffd_msg m;
		char *src = filled(PAGE, 'r');

		/* Not registered in the child. */
		CHECK_EQ(p[0], 0);
		CHECK(!has_vmflag(p, "um"));
		CHECK_EQ(read(fd, &m, sizeof(m)), sizeof(m));
		struct uffdio_copy cp = {m.arg.pagefault.address, (unsigned long)src, PAGE, 0, 0};
		CHECK_EQ(ioctl(fd, UFFDIO_COPY, &cp), 0);
		_exit(test_failures != 0);
	}
	CHECK_EQ(*(volatile char *)p, 'r');
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	/* The maker is gone. */
	int sent[2];
	REQUIRE(!pipe(sent));
	pid = fork();
	if (!pid) {
		int own = uffd_open(0);
		char *mem = anon(PAGE);
		struct {
			int fd;
			char *mem;
		} msg = {own, mem};

		if (uffd_register(own, mem, PAGE, UFFDIO_REGISTER_MODE_MISSING))
			_exit(1);
		pid_t monitor = fork();
		if (!monitor) {
			struct uffdio_copy cp = {(unsigned long)msg.mem,
						 (unsigned long)filled(PAGE, 's'), PAGE, 0, 0};
			struct uffdio_range r = {(unsigned long)msg.mem, PAGE};

			close(go[1]);
			if (read(go[0], &c, 1))
				_exit(1);
			CHECK_ERR(ioctl(own, UFFDIO_COPY, &cp), ESRCH);
			CHECK_EQ(cp.copy, 0);
			CHECK_ERR(ioctl(own, UFFDIO_UNREGISTER, &r), ENOMEM);
			c = test_failures != 0;
			_exit(write(sent[1], &c, 1) != 1);
		}
		_exit(monitor < 0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	close(go[0]);
	close(go[1]);
	CHECK_EQ(read(sent[0], &c, 1), 1);
	CHECK_EQ(c, 0);
}

/* Many threads, many monitors, one descriptor. */
static char *crowd_mem;
enum { CROWD = 16, CROWD_PAGES = 32 };

static void *crowd_thread(void *arg)
{
	char *p = crowd_mem + (long)arg * CROWD_PAGES * PAGE;
	long bad = 0;

	for (int i = 0; i < CROWD_PAGES; i++) {
		volatile char *at = p + ((i * 7) % CROWD_PAGES) * PAGE + i;

		bad += *at != 'm';
	}
	return (void *)bad;
}

TEST(a_crowd)
{
	struct monitor m[4];
	pthread_t t[CROWD];
	int fd = uffd_open(0), total = 0;
	long bad = 0;

	crowd_mem = anon(CROWD * CROWD_PAGES * PAGE);
	REQUIRE(!uffd_register(fd, crowd_mem, CROWD * CROWD_PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING));
	for (int i = 0; i < 4; i++) {
		m[i] = (struct monitor){.fd = fd};
		monitor_start(&m[i]);
	}
	for (long i = 0; i < CROWD; i++)
		pthread_create(&t[i], NULL, crowd_thread, (void *)i);
	for (int i = 0; i < CROWD; i++) {
		void *got;

		pthread_join(t[i], &got);
		bad += (long)got;
	}
	CHECK_EQ(bad, 0);
	for (int i = 0; i < 4; i++) {
		total += m[i].faults;
		monitor_stop(&m[i]);
	}
	CHECK_EQ(total, CROWD * CROWD_PAGES);
}

int main(void)
{
	return test_run();
}
