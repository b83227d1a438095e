/* userfaultfd(2): what monitors are told beside faults, with rights (CAP_SYS_PTRACE). */
#include "test.h"
#include "userfault.h"

#define MISSING UFFDIO_REGISTER_MODE_MISSING
#define WP UFFDIO_REGISTER_MODE_WP

struct change {
	int fd;
	char *p;
	int what;
	void *result;
	volatile int over;
};
enum { DONTNEED, FREE, REMOVE, UNMAP, REMAP, MAP_OVER, FORK };

static void *make_change(void *arg)
{
	struct change *c = arg;

	switch (c->what) {
	case DONTNEED:
		c->result = (void *)(long)madvise(c->p, 2 * PAGE, MADV_DONTNEED);
		break;
	case FREE:
		c->result = (void *)(long)madvise(c->p, 2 * PAGE, MADV_FREE);
		break;
	case REMOVE:
		c->result = (void *)(long)madvise(c->p, 2 * PAGE, MADV_REMOVE);
		break;
	case UNMAP:
		c->result = (void *)(long)munmap(c->p, 2 * PAGE);
		break;
	case MAP_OVER:
		c->result = mmap(c->p, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				 -1, 0);
		break;
	case REMAP:
		c->result = mremap(c->p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
		break;
	case FORK:
		c->result = (void *)(long)fork();
		if (!c->result) {
			/* The child's memory is registered, with another descriptor. */
			char got = *(volatile char *)(c->p + PAGE);

			_exit(got == 'f' && c->p[0] == 'a' ? 0 : 1);
		}
		break;
	}
	c->over = 1;
	return NULL;
}

static struct uffd_msg next_message(int fd)
{
	struct uffd_msg m = {0};

	CHECK_EQ(read(fd, &m, sizeof(m)), sizeof(m));
	return m;
}

/* Two pages of four, the first one present. */
static void prepare(struct change *c, unsigned long long feature, int what)
{
	struct uffdio_copy cp = {0, (unsigned long)filled(PAGE, 'a'), PAGE, 0, 0};

	*c = (struct change){.fd = uffd_open(feature), .p = anon(4 * PAGE), .what = what};
	/* So that it cannot grow in place. */
	munmap(c->p + 2 * PAGE, 2 * PAGE);
	REQUIRE(mmap(c->p + 2 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		     0) != MAP_FAILED);
	REQUIRE(!uffd_register(c->fd, c->p, 2 * PAGE, MISSING));
	cp.dst = (unsigned long)c->p;
	REQUIRE(!ioctl(c->fd, UFFDIO_COPY, &cp));
}

static void waits_until_read(struct change *c, pthread_t *t)
{
	struct uffdio_copy cp = {(unsigned long)c->p + PAGE, (unsigned long)filled(PAGE, 'b'), PAGE,
				 0, 0};
	struct pollfd p = {c->fd, POLLIN, 0};

	pthread_create(t, NULL, make_change, c);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK(!c->over);
	CHECK_ERR(ioctl(c->fd, UFFDIO_COPY, &cp), EAGAIN);
	fcntl(c->fd, F_SETFL, 0);
}

static void told_of_removal(unsigned long long feature, int what, int event)
{
	struct change c;
	pthread_t t;

	prepare(&c, feature, what);
	waits_until_read(&c, &t);
	struct uffd_msg m = next_message(c.fd);
	CHECK_EQ(m.event, event);
	CHECK_EQ(m.arg.remove.start, (unsigned long)c.p);
	CHECK_EQ(m.arg.remove.end, (unsigned long)c.p + 2 * PAGE);
	pthread_join(t, NULL);
	CHECK_EQ((long)c.result, what == MAP_OVER ? (long)c.p : 0);
}

TEST(dontneed)
{
	told_of_removal(UFFD_FEATURE_EVENT_REMOVE, DONTNEED, UFFD_EVENT_REMOVE);
}

TEST(lazily_free)
{
	told_of_removal(UFFD_FEATURE_EVENT_REMOVE, FREE, UFFD_EVENT_REMOVE);
}

TEST(unmapping)
{
	told_of_removal(UFFD_FEATURE_EVENT_UNMAP, UNMAP, UFFD_EVENT_UNMAP);
}

TEST(mapping_over)
{
	told_of_removal(UFFD_FEATURE_EVENT_UNMAP, MAP_OVER, UFFD_EVENT_UNMAP);
}

TEST(punching)
{
	int mem = memfd_create("m", 0);
	struct change c = {.fd = uffd_open(UFFD_FEATURE_EVENT_REMOVE), .what = REMOVE};
	pthread_t t;

	REQUIRE(mem >= 0 && !ftruncate(mem, 4 * PAGE));
	c.p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	REQUIRE(!uffd_register(c.fd, c.p, 4 * PAGE, MISSING));
	waits_until_read(&c, &t);
	struct uffd_msg m = next_message(c.fd);
	CHECK_EQ(m.event, UFFD_EVENT_REMOVE);
	CHECK_EQ(m.arg.remove.start, (unsigned long)c.p);
	CHECK_EQ(m.arg.remove.end, (unsigned long)c.p + 2 * PAGE);
	pthread_join(t, NULL);
	CHECK_EQ((long)c.result, 0);
}

TEST(moving)
{
	struct change c;
	pthread_t t;

	prepare(&c, UFFD_FEATURE_EVENT_REMAP, REMAP);
	waits_until_read(&c, &t);
	struct uffd_msg m = next_message(c.fd);
	CHECK_EQ(m.event, UFFD_EVENT_REMAP);
	CHECK_EQ(m.arg.remap.from, (unsigned long)c.p);
	CHECK_EQ(m.arg.remap.len, 2 * PAGE);
	pthread_join(t, NULL);
	CHECK_EQ((long)c.result, (long)m.arg.remap.to);
	/* Registered where it is now. */
	char *p = c.result;
	struct uffdio_copy cp = {(unsigned long)p + 3 * PAGE, (unsigned long)filled(PAGE, 'c'),
				 PAGE, 0, 0};
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(ioctl(c.fd, UFFDIO_COPY, &cp), 0);
	CHECK_EQ(p[3 * PAGE], 'c');
	CHECK(has_vmflag(p, "um"));
}

TEST(moving_without_being_told)
{
	struct change c;

	prepare(&c, 0, REMAP);
	make_change(&c);
	char *p = c.result;
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[PAGE], 0);
	CHECK(!has_vmflag(p, "um"));
}

TEST(forking)
{
	struct change c;
	pthread_t t;
	int status;

	prepare(&c, UFFD_FEATURE_EVENT_FORK, FORK);
	waits_until_read(&c, &t);
	struct uffd_msg m = next_message(c.fd);
	CHECK_EQ(m.event, UFFD_EVENT_FORK);
	int child_fd = (int)m.arg.fork.ufd;
	CHECK(fcntl(child_fd, F_GETFD) >= 0);
	m = next_message(child_fd);
	CHECK_EQ(m.event, UFFD_EVENT_PAGEFAULT);
	CHECK_EQ(m.arg.pagefault.address, (unsigned long)c.p + PAGE);
	struct uffdio_copy cp = {(unsigned long)c.p + PAGE, (unsigned long)filled(PAGE, 'f'), PAGE,
				 0, 0};
	CHECK_EQ(ioctl(child_fd, UFFDIO_COPY, &cp), 0);
	pthread_join(t, NULL);
	CHECK_EQ(waitpid((pid_t)(long)c.result, &status, 0), (long)c.result);
	CHECK_EQ(status, 0);
	CHECK_ERR(ioctl(child_fd, UFFDIO_COPY, &cp), ESRCH);
	/* The parent's is its own. */
	cp.src = (unsigned long)filled(PAGE, 'p');
	CHECK_EQ(ioctl(c.fd, UFFDIO_COPY, &cp), 0);
	CHECK_EQ(c.p[PAGE], 'p');
}

struct fork_reader {
	int fd, child;
};

static void *read_fork(void *arg)
{
	struct fork_reader *a = arg;
	struct uffd_msg m = next_message(a->fd);

	CHECK_EQ(m.event, UFFD_EVENT_FORK);
	a->child = (int)m.arg.fork.ufd;
	return NULL;
}

/* The child of who is told of writes is told of them, too. */
TEST(forking_protected)
{
	int fd = uffd_open(UFFD_FEATURE_EVENT_FORK), status;
	char *p = filled(2 * PAGE, 'a');
	struct uffdio_writeprotect w = {{(unsigned long)p, PAGE}, UFFDIO_WRITEPROTECT_MODE_WP};

	REQUIRE(!uffd_register(fd, p, 2 * PAGE, WP));
	REQUIRE(!ioctl(fd, UFFDIO_WRITEPROTECT, &w));
	struct fork_reader a = {fd, -1};
	pthread_t t;
	pthread_create(&t, NULL, read_fork, &a);
	pid_t pid = fork();
	if (!pid) {
		p[PAGE] = 'c';
		p[0] = 'c';
		_exit(0);
	}
	pthread_join(t, NULL);
	struct uffd_msg m = next_message(a.child);
	CHECK_EQ(m.arg.pagefault.address, (unsigned long)p);
	CHECK_EQ(m.arg.pagefault.flags, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	w.mode = 0;
	CHECK_EQ(ioctl(a.child, UFFDIO_WRITEPROTECT, &w), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(p[0], 'a');
}

/* Closing lets go who waits to be read of. */
TEST(closing_lets_tellers_go)
{
	struct change c;
	pthread_t t;

	prepare(&c, UFFD_FEATURE_EVENT_UNMAP, UNMAP);
	waits_until_read(&c, &t);
	close(c.fd);
	pthread_join(t, NULL);
	CHECK_EQ((long)c.result, 0);
}

TEST(kill_ends_telling)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct change c;

		prepare(&c, UFFD_FEATURE_EVENT_UNMAP, UNMAP);
		make_change(&c);
		_exit(0);
	}
	usleep(100000);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, SIGKILL);
}

TEST(fork_event_takes_a_right)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (setuid(65534))
			_exit(2);
		int fd = uffd_new(O_CLOEXEC | UFFD_USER_MODE_ONLY);
		CHECK_ERR(uffd_api(fd, UFFD_FEATURE_EVENT_FORK), EPERM);
		CHECK_EQ(uffd_api(fd, UFFD_FEATURE_EVENT_REMAP), 0);
		_exit(test_failures != 0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

int main(void)
{
	return test_run();
}
