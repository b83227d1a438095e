/* pipe, pipe2, FIFOs, splice, tee, vmsplice. */
#include "test.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

TEST(pipe_carries_bytes)
{
	char buf[16] = "";
	int p[2], n;

	REQUIRE(syscall(SYS_pipe, p) == 0);
	CHECK_EQ(write(p[1], "hello", 5), 5);
	CHECK_EQ(write(p[1], " you", 4), 4);
	CHECK_EQ(ioctl(p[0], FIONREAD, &n), 0);
	CHECK_EQ(n, 9);
	CHECK_EQ(read(p[0], buf, 3), 3);
	CHECK_EQ(read(p[0], buf + 3, sizeof(buf) - 3), 6);
	CHECK(!memcmp(buf, "hello you", 9));
	CHECK_ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(pread(p[0], buf, 1, 0), ESPIPE);
	CHECK_ERR(read(p[1], buf, 1), EBADF);
	CHECK_ERR(write(p[0], buf, 1), EBADF);
	close(p[1]);
	CHECK_EQ(read(p[0], buf, 1), 0);
}

TEST(pipe2_flags)
{
	int p[2];

	CHECK_ERR(pipe2(p, O_RDWR), EINVAL);
	CHECK_ERR(syscall(SYS_pipe2, (int *)1, 0), EFAULT);
	REQUIRE(pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(p[1], F_GETFL), O_WRONLY | O_NONBLOCK);
	char c;
	CHECK_ERR(read(p[0], &c, 1), EAGAIN);
}

TEST(full_pipe)
{
	static char block[4096];
	int p[2], n = 0;

	REQUIRE(pipe2(p, O_NONBLOCK) == 0);
	while (write(p[1], block, sizeof(block)) == sizeof(block))
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(n, 16);
	struct pollfd f = {p[1], POLLOUT, 0};
	CHECK_EQ(poll(&f, 1, 0), 0);
	CHECK_EQ(read(p[0], block, sizeof(block)), (long)sizeof(block));
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 131072), 131072);
	for (n = 0; write(p[1], block, sizeof(block)) == sizeof(block);)
		n++;
	CHECK_EQ(n, 17);
	CHECK_ERR(fcntl(p[0], F_SETPIPE_SZ, 4096), EBUSY);
}

TEST(broken_pipe)
{
	int p[2];

	REQUIRE(pipe(p) == 0);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	struct pollfd f = {p[1], POLLOUT, 0};
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK(f.revents & POLLERR);
	pid_t pid = fork();
	if (!pid) {
		signal(SIGPIPE, SIG_DFL);
		(void)!write(p[1], "x", 1);
		_exit(0);
	}
	int st;
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGPIPE);
}

TEST(packets)
{
	char buf[100];
	int p[2];

	REQUIRE(pipe2(p, O_DIRECT) == 0);
	CHECK_EQ(write(p[1], "one", 3), 3);
	CHECK_EQ(write(p[1], "three", 5), 5);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 3);
	CHECK_EQ(read(p[0], buf, 2), 2);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	CHECK_ERR(read(p[0], buf, 1), EAGAIN);
}

TEST(big_transfer_between_processes)
{
	enum { TOTAL = 3000000 };
	static char block[10007];
	int p[2];
	long sum = 0, n;

	REQUIRE(pipe(p) == 0);
	pid_t pid = fork();
	if (!pid) {
		for (long done = 0; done < TOTAL; done += n) {
			long want = TOTAL - done < (long)sizeof(block) ? TOTAL - done
								       : (long)sizeof(block);

			for (long i = 0; i < want; i++)
				block[i] = (char)((done + i) % 251);
			n = write(p[1], block, want);
			if (n <= 0)
				_exit(1);
		}
		_exit(0);
	}
	close(p[1]);
	while ((n = read(p[0], block, sizeof(block))) > 0) {
		for (long i = 0; i < n; i++)
			if (block[i] != (char)((sum + i) % 251)) {
				CHECK_EQ(sum + i, -1);
				return;
			}
		sum += n;
	}
	CHECK_EQ(sum, TOTAL);
	waitpid(pid, NULL, 0);
}

TEST(fifo)
{
	char path[] = "/tmp/fifo.XXXXXX", c;

	REQUIRE(mkdtemp(path));
	REQUIRE(chdir(path) == 0);
	REQUIRE(mkfifo("f", 0600) == 0);
	CHECK_ERR(open("f", O_WRONLY | O_NONBLOCK), ENXIO);
	int r = open("f", O_RDONLY | O_NONBLOCK);
	REQUIRE(r >= 0);
	struct pollfd f = {r, POLLIN, 0};
	CHECK_EQ(poll(&f, 1, 0), 0);
	CHECK_EQ(read(r, &c, 1), 0);
	int w = open("f", O_WRONLY);
	REQUIRE(w >= 0);
	CHECK_EQ(write(w, "z", 1), 1);
	CHECK_EQ(read(r, &c, 1), 1);
	CHECK_EQ(c, 'z');
	close(w);
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK(f.revents & POLLHUP);
	close(r);
	pid_t pid = fork();
	if (!pid) {
		int fd = open("f", O_WRONLY); /* waits for the reader */
		_exit(write(fd, "q", 1) != 1);
	}
	r = open("f", O_RDONLY);
	CHECK_EQ(read(r, &c, 1), 1);
	CHECK_EQ(read(r, &c, 1), 0);
	waitpid(pid, NULL, 0);
	unlink("f");
	rmdir(path);
}

TEST(splice_moves)
{
	char buf[32] = "", path[] = "/tmp/splice.XXXXXX";
	int p[2], q[2], f = mkstemp(path);
	loff_t off = 2;

	unlink(path);
	REQUIRE(f >= 0 && pipe(p) == 0 && pipe(q) == 0);
	CHECK_EQ(write(f, "0123456789", 10), 10);
	CHECK_EQ(splice(f, &off, p[1], NULL, 5, 0), 5);
	CHECK_EQ(off, 7);
	CHECK_EQ(tee(p[0], q[1], 3, 0), 3);
	CHECK_EQ(read(q[0], buf, sizeof(buf)), 3);
	CHECK(!memcmp(buf, "234", 3));
	CHECK_EQ(splice(p[0], NULL, q[1], NULL, 100, 0), 5);
	off = 20;
	CHECK_EQ(splice(q[0], NULL, f, &off, 100, 0), 5);
	CHECK_EQ(pread(f, buf, 5, 20), 5);
	CHECK(!memcmp(buf, "23456", 5));
	CHECK_ERR(splice(f, NULL, f, NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(p[0], &off, f, NULL, 1, 0), ESPIPE);
	CHECK_ERR(splice(p[0], NULL, q[1], NULL, 1, 1 << 20), EINVAL);
	CHECK_ERR(splice(p[0], NULL, q[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(tee(p[0], p[1], 1, 0), EINVAL);
	CHECK_ERR(tee(f, p[1], 1, 0), EINVAL);
}

TEST(vmsplice_both_ways)
{
	char a[] = "first", b[] = "second", out[16] = "";
	struct iovec v[2] = {{a, 5}, {b, 6}}, o = {out, sizeof(out)};
	int p[2];

	REQUIRE(pipe(p) == 0);
	CHECK_EQ(vmsplice(p[1], v, 2, 0), 11);
	CHECK_EQ(vmsplice(p[0], &o, 1, 0), 11);
	CHECK(!memcmp(out, "firstsecond", 11));
	CHECK_ERR(vmsplice(p[1], v, 2, 1 << 20), EINVAL);
	CHECK_ERR(vmsplice(0x7fff, v, 2, 0), EBADF);
}

/* The pipe has the pages, not what was in them. */
TEST(vmsplice_takes_pages)
{
	char *a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char out[16] = "";
	struct iovec v = {a + 4090, 12};
	int p[2];

	REQUIRE(a != MAP_FAILED && pipe(p) == 0);
	memset(a, 'x', 8192);
	CHECK_EQ(vmsplice(p[1], &v, 1, SPLICE_F_GIFT), 12);
	a[4090] = 'y';
	a[4096] = 'z';
	CHECK_EQ(read(p[0], out, sizeof(out)), 12);
	CHECK(!memcmp(out, "yxxxxxzxxxxx", 12));
	/* They outlive their mapping. */
	CHECK_EQ(vmsplice(p[1], &v, 1, 0), 12);
	CHECK_EQ(munmap(a, 8192), 0);
	memset(out, 0, sizeof(out));
	CHECK_EQ(read(p[0], out, sizeof(out)), 12);
	CHECK(!memcmp(out, "yxxxxxzxxxxx", 12));
}

TEST(vmsplice_is_short)
{
	char *a = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char c[4096];
	struct iovec v[3] = {{a, 0}, {a, 1 << 20}, {a, 1 << 20}};
	int p[2], file[2];

	REQUIRE(a != MAP_FAILED && pipe(p) == 0);
	/* As much as there is room for; it does not wait for more. */
	CHECK_EQ(vmsplice(p[1], v, 3, 0), 65536);
	CHECK_ERR(vmsplice(p[1], v, 3, SPLICE_F_NONBLOCK), EAGAIN);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(read(p[0], c, sizeof(c)), sizeof(c));
	v[0] = (struct iovec){c, sizeof(c)};
	CHECK_ERR(vmsplice(p[0], v, 1, SPLICE_F_NONBLOCK), EAGAIN);
	/* Bytes before bad memory are there. */
	REQUIRE(munmap(a + 8192, 4096) == 0);
	v[0] = (struct iovec){a + 4096, 8192};
	CHECK_EQ(vmsplice(p[1], v, 1, 0), 4096);
	v[0].iov_base = a + 8192;
	CHECK_ERR(vmsplice(p[1], v, 1, 0), EFAULT);
	CHECK_EQ(vmsplice(p[1], v, 0, 0), 0);
	v[0].iov_len = 0;
	CHECK_EQ(vmsplice(p[1], v, 1, 0), 0);
	/* What is no pipe. */
	file[0] = open("/dev/null", O_RDWR);
	CHECK_EQ(vmsplice(file[0], v, 1, 0), 0);
	v[0] = (struct iovec){c, 1};
	CHECK_ERR(vmsplice(file[0], v, 1, 0), EBADF);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(vmsplice(p[1], v, 1, 0), EPIPE);
}

int main(void)
{
	return test_run();
}
