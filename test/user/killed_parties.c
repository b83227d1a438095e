/* kill -9 of one party in the middle: the other ones go on, and nothing stays behind. */
#include "proc_help.h"
#include "userfault.h"
#include <linux/dma-heap.h>
#include <sched.h>
#include <sys/socket.h>

#define THREADS 8
#define PAGES 64

static void end(pid_t pid)
{
	int status;

	CHECK(!kill(pid, SIGKILL));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* A process of its own, with the function's result as its status. */
static pid_t start(int (*fn)(void *), void *arg)
{
	pid_t pid = fork();

	REQUIRE(pid >= 0);
	if (!pid)
		_exit(fn(arg));
	return pid;
}

static int pass_fd(int link, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = {0}, c = 0;
	struct iovec v = {&c, 1};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&m);

	cm->cmsg_len = CMSG_LEN(sizeof(fd));
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	return sendmsg(link, &m, 0) != 1;
}

/* --- userfaultfd: the monitor --- */

struct faulters {
	char *area;
	int fd;
	unsigned int waiting; /* atomic: about to fault */
};

static void *touch(void *arg)
{
	struct faulters *f = arg;
	unsigned int i = __atomic_fetch_add(&f->waiting, 1, __ATOMIC_SEQ_CST);

	return (void *)(long)f->area[(long)(i % PAGES) * PAGE];
}

/* Faults in all its threads; nobody answers. All pages turn out to be empty ones. */
static int fault_in_threads(void *arg)
{
	struct faulters *f = arg;
	pthread_t t[THREADS];
	void *value;
	long sum = 0;

	close(f->fd);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, touch, f))
			return 2;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &value);
		sum += (long)value;
	}
	return sum != 0;
}

/* Takes messages as long as there are any, and leaves them. */
static void drain(int fd, int want)
{
	struct uffd_msg m[THREADS];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	while (want > 0 && poll(&p, 1, 20000) == 1 && (n = read(fd, m, sizeof(m))) > 0)
		want -= (int)((size_t)n / sizeof(m[0]));
	CHECK_EQ(want, 0);
}

/* The faulting process makes the descriptor and hands it over; then only the monitor has it. */
static int make_and_fault(void *arg)
{
	int *link = arg, fd = uffd_open(0);
	struct faulters f = {anon(PAGES * PAGE), fd, 0};

	if (uffd_register(fd, f.area, PAGES * PAGE, UFFDIO_REGISTER_MODE_MISSING))
		return 3;
	if (pass_fd(*link, fd))
		return 4;
	close(*link);
	return fault_in_threads(&f);
}

static int take_fd(int link)
{
	char control[CMSG_SPACE(sizeof(int))], c;
	struct iovec v = {&c, 1};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(link, &m, 0) == 1 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/* Reads all faults, says so, and answers none. */
static int monitor(void *arg)
{
	int *links = arg, fd = take_fd(links[0]);

	if (fd < 0)
		return 2;
	drain(fd, THREADS);
	if (write(links[1], "", 1) != 1)
		return 3;
	for (;;)
		pause();
}

TEST(a_monitor_with_faults_that_it_has_read)
{
	int fds[2], ready[2], status;
	char c;

	int probe = uffd_new(O_CLOEXEC);

	if (probe < 0) {
		printf("# userfaultfd is not for us here\n");
		exit(0);
	}
	close(probe);
	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds) && !pipe(ready));
	pid_t faulter = start(make_and_fault, &fds[1]);
	int links[2] = {fds[0], ready[1]};
	pid_t watcher = start(monitor, links);

	close(fds[0]);
	close(fds[1]);
	close(ready[1]);
	REQUIRE(read(ready[0], &c, 1) == 1);
	end(watcher);
	CHECK_EQ(waitpid(faulter, &status, 0), faulter);
	CHECK_EQ(status, 0);
}

TEST(a_faulting_process_under_its_monitor)
{
	int fds[2];
	int probe = uffd_new(O_CLOEXEC);

	if (probe < 0)
		exit(0);
	close(probe);
	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	pid_t faulter = start(make_and_fault, &fds[1]);
	int fd = take_fd(fds[0]);

	REQUIRE(fd >= 0);
	drain(fd, THREADS);
	end(faulter);
	struct uffdio_zeropage z = {.range = {(unsigned long)anon(PAGE), PAGE}};

	CHECK_ERR(ioctl(fd, UFFDIO_ZEROPAGE, &z), ESRCH);
	CHECK_EQ(close(fd), 0);
}

/* --- memory files: the owner --- */

static int pass_a_file(void *arg)
{
	int fd = memfd_create("pool", MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, PAGES * PAGE))
		return 2;
	char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return 3;
	memset(p, 0x5a, PAGES * PAGE);
	if (pass_fd(*(int *)arg, fd))
		return 4;
	for (;;)
		p[PAGE] = 0x5b;
}

TEST(the_owner_of_a_file_on_its_way)
{
	int fds[2];
	char buf[PAGE];

	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	pid_t owner = start(pass_a_file, &fds[1]);
	struct pollfd p = {.fd = fds[0], .events = POLLIN};

	CHECK_EQ(poll(&p, 1, 20000), 1);
	end(owner);
	close(fds[1]);
	int fd = take_fd(fds[0]);

	REQUIRE(fd >= 0);
	/* Its mapping is gone: there is no writer but us. */
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK), 0);
	for (int i = 0; i < PAGES; i++) {
		CHECK_EQ(pread(fd, buf, PAGE, (off_t)i * PAGE), PAGE);
		CHECK(buf[7] == 0x5a && buf[PAGE - 1] == 0x5a);
	}
	CHECK(recv(fds[0], buf, 1, 0) == 0);
}

/* --- buffers of the DMA heap --- */

static __attribute__((noreturn)) int use_buffers(void *arg)
{
	int heap = open(arg, O_RDWR);

	for (unsigned int n = 0;; n++) {
		struct dma_heap_allocation_data d = {.len = (1 + n % 7) << 18, .fd_flags = O_RDWR};

		if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d))
			continue; /* the others have it all */
		char *p = mmap(NULL, d.len, PROT_READ | PROT_WRITE, MAP_SHARED, (int)d.fd, 0);

		if (p != MAP_FAILED) {
			p[0] = p[d.len - 1] = 1;
			munmap(p, d.len);
		}
		close((int)d.fd);
	}
}

TEST(users_of_buffers)
{
	static char heap[] = "/dev/dma_heap/system";

	if (access(heap, R_OK | W_OK)) {
		printf("# no heap here\n");
		exit(0);
	}
	long before = read_field("/proc/meminfo", "MemFree"), after = 0;

	for (unsigned int i = 0; i < 40; i++) {
		pid_t pid = start(use_buffers, heap);

		usleep(1000 + 700 * (i % 13));
		end(pid);
	}
	for (int i = 0; i < 50 && (after = read_field("/proc/meminfo", "MemFree")) < before - 4096;
	     i++)
		usleep(100000);
	CHECK(after >= before - 4096);
}

int main(void)
{
	return test_run();
}
