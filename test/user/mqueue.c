/* POSIX message queues: mq_open, mq_unlink, mq_timedsend, mq_timedreceive, mq_notify,
 * mq_getsetattr, and the mqueue file system. */
#include "test.h"
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define WORKERS 4
#define ROUNDS 1000

static mqd_t make(const char *name, long messages, long size, int flags)
{
	struct mq_attr a = {.mq_maxmsg = messages, .mq_msgsize = size};

	mq_unlink(name);
	return mq_open(name, O_CREAT | O_EXCL | O_RDWR | flags, 0600, &a);
}

static void reap(pid_t pid)
{
	int status = -1;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static long current_messages(mqd_t q)
{
	struct mq_attr a;

	return mq_getattr(q, &a) ? -1 : a.mq_curmsgs;
}

TEST(no_descriptor_no_queue)
{
	struct rlimit all, none;

	mq_unlink("/no-fd");
	REQUIRE(getrlimit(RLIMIT_NOFILE, &all) == 0);
	none = all;
	none.rlim_cur = 0;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK_ERR(mq_open("/no-fd", O_CREAT | O_RDWR, 0600, NULL), EMFILE);
	CHECK(setrlimit(RLIMIT_NOFILE, &all) == 0);
	CHECK_ERR(mq_unlink("/no-fd"), ENOENT);
}

TEST(open_rules)
{
	struct mq_attr a = {.mq_maxmsg = 3, .mq_msgsize = 16};
	char name[300] = "/";
	mqd_t q, other;

	mq_unlink("/rules");
	CHECK_ERR(mq_open("/rules", O_RDWR), ENOENT);
	q = mq_open("/rules", O_CREAT | O_RDWR, 0640, &a);
	REQUIRE(q >= 0);
	CHECK_EQ(fcntl(q, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(mq_open("/rules", O_CREAT | O_EXCL | O_RDWR, 0600, &a), EEXIST);
	other = mq_open("/rules", O_RDONLY | O_NONBLOCK);
	CHECK(other >= 0);
	CHECK_ERR(mq_send(other, "x", 1, 0), EBADF);
	CHECK_ERR(mq_receive(other, name, 16, NULL), EAGAIN);
	CHECK_ERR(mq_receive(other, name, 15, NULL), EMSGSIZE);
	CHECK_ERR(mq_send(q, name, 17, 0), EMSGSIZE);
	CHECK_ERR(mq_send(q, "x", 1, 32768), EINVAL);
	CHECK_ERR(mq_send(0, "x", 1, 0), EBADF);
	CHECK_ERR(mq_send(999, "x", 1, 0), EBADF);
	CHECK_EQ(mq_getattr(q, &a), 0);
	CHECK_EQ(a.mq_maxmsg, 3);
	CHECK_EQ(a.mq_msgsize, 16);
	CHECK_EQ(a.mq_flags, 0);
	a.mq_flags = O_NONBLOCK;
	CHECK_EQ(mq_setattr(q, &a, NULL), 0);
	CHECK_ERR(mq_receive(q, name, 16, NULL), EAGAIN);
	a.mq_flags = 1;
	CHECK_ERR(mq_setattr(q, &a, NULL), EINVAL);
	CHECK_EQ(mq_unlink("/rules"), 0);
	CHECK_ERR(mq_unlink("/rules"), ENOENT);
	CHECK_EQ(mq_close(q), 0);
	CHECK_EQ(mq_close(other), 0);
	a = (struct mq_attr){.mq_maxmsg = 0, .mq_msgsize = 16};
	CHECK_ERR(mq_open("/rules", O_CREAT | O_RDWR, 0600, &a), EINVAL);
	a = (struct mq_attr){.mq_maxmsg = 1, .mq_msgsize = 16777217};
	CHECK_ERR(mq_open("/rules", O_CREAT | O_RDWR, 0600, &a), EINVAL);
	CHECK_ERR(mq_open("/a/b", O_CREAT | O_RDWR, 0600, NULL), EACCES);
	memset(name + 1, 'n', 256);
	CHECK_ERR(mq_open(name, O_CREAT | O_RDWR, 0600, NULL), ENAMETOOLONG);
	name[256] = 0;
	q = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
	CHECK(q >= 0);
	CHECK_EQ(mq_getattr(q, &a), 0);
	CHECK_EQ(a.mq_maxmsg, 10);
	CHECK_EQ(a.mq_msgsize, 8192);
	CHECK_EQ(mq_unlink(name), 0);
}

TEST(priorities_and_order)
{
	mqd_t q = make("/order", 10, 8, 0);
	static const unsigned int prio[] = {3, 0, 3, 32767, 1, 0};
	static const char want[] = "dacebf";
	unsigned int p, last = 32768;
	char text[8];

	REQUIRE(q >= 0);
	for (unsigned int i = 0; i < 6; i++) {
		char c = (char)('a' + i);
		CHECK_EQ(mq_send(q, &c, 1, prio[i]), 0);
	}
	CHECK_EQ(current_messages(q), 6);
	for (unsigned int i = 0; i < 6; i++) {
		CHECK_EQ(mq_receive(q, text, 8, &p), 1);
		CHECK_EQ(text[0], want[i]);
		CHECK(p <= last);
		last = p;
	}
	mq_unlink("/order");
}

TEST(timeouts_and_sleepers)
{
	mqd_t q = make("/sleep", 1, 8, 0);
	struct timespec ts, bad = {0, -1};
	struct pollfd f = {q, POLLIN | POLLOUT, 0};
	char text[8];
	pid_t pid;

	REQUIRE(q >= 0);
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_EQ(f.revents, POLLOUT);
	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += 20000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	CHECK_ERR(mq_timedreceive(q, text, 8, NULL, &ts), ETIMEDOUT);
	CHECK_ERR(mq_timedreceive(q, text, 8, NULL, &bad), EINVAL);
	pid = fork();
	if (!pid)
		_exit(!(mq_receive(q, text, 8, NULL) == 2 && !memcmp(text, "hi", 2)));
	usleep(20000);
	CHECK_EQ(mq_send(q, "hi", 2, 0), 0);
	reap(pid);
	CHECK_EQ(mq_send(q, "full", 4, 0), 0);
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_EQ(f.revents, POLLIN);
	CHECK_ERR(mq_timedsend(q, "x", 1, 0, &ts), ETIMEDOUT);
	pid = fork();
	if (!pid)
		_exit(mq_send(q, "two", 3, 5));
	usleep(20000);
	CHECK_EQ(mq_receive(q, text, 8, NULL), 4);
	reap(pid);
	CHECK_EQ(mq_receive(q, text, 8, NULL), 3);
	/* A poller is woken. */
	f.events = POLLIN;
	pid = fork();
	if (!pid)
		_exit(poll(&f, 1, 5000) != 1);
	usleep(20000);
	CHECK_EQ(mq_send(q, "p", 1, 0), 0);
	reap(pid);
	mq_unlink("/sleep");
}

static volatile int notified, notified_value, notified_code;

static void on_message(int sig, siginfo_t *info, void *ctx)
{
	(void)sig;
	(void)ctx;
	notified++;
	notified_value = info->si_value.sival_int;
	notified_code = info->si_code;
}

TEST(notification)
{
	mqd_t q = make("/notify", 4, 8, 0);
	struct sigaction sa = {.sa_sigaction = on_message, .sa_flags = SA_SIGINFO};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	char text[8];
	pid_t pid;

	REQUIRE(q >= 0);
	sigaction(SIGUSR1, &sa, NULL);
	ev.sigev_value.sival_int = 42;
	CHECK_EQ(mq_notify(q, &ev), 0);
	CHECK_ERR(mq_notify(q, &ev), EBUSY);
	CHECK_EQ(mq_send(q, "a", 1, 0), 0);
	CHECK_EQ(notified, 1);
	CHECK_EQ(notified_value, 42);
	CHECK_EQ(notified_code, SI_MESGQ);
	/* Once, and only for an empty queue. */
	CHECK_EQ(mq_notify(q, &ev), 0);
	CHECK_EQ(mq_send(q, "b", 1, 0), 0);
	CHECK_EQ(notified, 1);
	CHECK_EQ(mq_receive(q, text, 8, NULL), 1);
	CHECK_EQ(mq_receive(q, text, 8, NULL), 1);
	/* Who waits to receive goes first. */
	pid = fork();
	if (!pid)
		_exit(mq_receive(q, text, 8, NULL) != 1);
	usleep(20000);
	CHECK_EQ(mq_send(q, "c", 1, 0), 0);
	reap(pid);
	CHECK_EQ(notified, 1);
	CHECK_EQ(mq_notify(q, NULL), 0);
	CHECK_EQ(mq_send(q, "d", 1, 0), 0);
	CHECK_EQ(notified, 1);
	ev.sigev_notify = 77;
	CHECK_ERR(mq_notify(q, &ev), EINVAL);
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = 65;
	CHECK_ERR(mq_notify(q, &ev), EINVAL);
	CHECK_ERR(mq_notify(0, NULL), EBADF);
	/* A close gives it up. */
	ev.sigev_notify = SIGEV_NONE;
	CHECK_EQ(mq_notify(q, &ev), 0);
	CHECK_EQ(mq_close(mq_open("/notify", O_RDONLY)), 0);
	CHECK_EQ(mq_notify(q, &ev), 0);
	mq_unlink("/notify");
}

TEST(limits)
{
	struct rlimit none = {1000, 1000};
	struct mq_attr a = {.mq_maxmsg = 4, .mq_msgsize = 1000};
	char text[32] = "";
	int fd = open("/proc/sys/fs/mqueue/msg_max", O_RDONLY);

	CHECK(read(fd, text, 31) == 3 && !strcmp(text, "10\n"));
	fd = open("/proc/sys/fs/mqueue/queues_max", O_RDONLY);
	CHECK(read(fd, text, 31) == 4 && !strncmp(text, "256\n", 4));
	fd = open("/proc/sys/fs/mqueue/msgsize_max", O_RDWR);
	CHECK(read(fd, text, 31) == 5 && !strncmp(text, "8192\n", 5));
	CHECK_ERR(pwrite(fd, "127", 3, 0), EINVAL);
	CHECK_EQ(setrlimit(RLIMIT_MSGQUEUE, &none), 0);
	CHECK_ERR(mq_open("/limit", O_CREAT | O_RDWR, 0600, &a), EMFILE);
	a.mq_msgsize = 16;
	CHECK(mq_open("/limit", O_CREAT | O_RDWR, 0600, &a) >= 0);
	CHECK_EQ(mq_unlink("/limit"), 0);
	REQUIRE(setgid(1234) == 0 && setuid(1234) == 0);
	a.mq_maxmsg = 11;
	CHECK_ERR(mq_open("/limit", O_CREAT | O_RDWR, 0600, &a), EINVAL);
}

TEST(file_system)
{
	char dir[] = "/tmp/mqXXXXXX", path[64], text[128] = "";
	mqd_t q = make("/file", 4, 64, 0);
	struct stat st;
	pid_t pid;
	int fd;

	REQUIRE(q >= 0 && mkdtemp(dir));
	CHECK_EQ(mount("none", dir, "mqueue", 0, NULL), 0);
	CHECK_EQ(stat(dir, &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 01777);
	CHECK_EQ(mq_send(q, "hello", 5, 1), 0);
	snprintf(path, sizeof(path), "%s/file", dir);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	CHECK_EQ(st.st_size, 80);
	fd = open(path, O_RDONLY);
	CHECK_EQ(read(fd, text, 127), 60);
	CHECK(!strcmp(text, "QSIZE:5          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n"));
	close(fd);
	pid = fork();
	if (!pid) {
		REQUIRE(setgid(1234) == 0 && setuid(1234) == 0);
		CHECK_ERR(mq_open("/file", O_RDWR), EACCES);
		CHECK(mq_unlink("/file") == -1 && (errno == EPERM || errno == EACCES));
		_exit(test_failures != 0);
	}
	reap(pid);
	CHECK_EQ(unlink(path), 0);
	CHECK_ERR(mq_open("/file", O_RDWR), ENOENT);
	/* The queue lives on. */
	CHECK_EQ(mq_receive(q, text, 64, NULL), 5);
	snprintf(path, sizeof(path), "%s/made", dir);
	fd = open(path, O_CREAT | O_RDWR, 0644);
	CHECK(fd >= 0);
	CHECK(mq_open("/made", O_RDONLY) >= 0);
	CHECK_EQ(mq_unlink("/made"), 0);
	close(fd);
	CHECK_EQ(umount(dir), 0);
	rmdir(dir);
}

TEST(stress)
{
	mqd_t q = make("/stress", 3, 8, 0), back = make("/back", 10, 8, 0);
	pid_t pid[2 * WORKERS];
	long sum = 0, v = 0;

	REQUIRE(q >= 0 && back >= 0);
	for (int w = 0; w < 2 * WORKERS; w++) {
		pid[w] = fork();
		if (pid[w])
			continue;
		for (long i = 1; i <= ROUNDS; i++) {
			if (w < WORKERS ? mq_send(q, (char *)&i, 8, (unsigned int)i % 7)
					: mq_receive(q, (char *)&v, 8, NULL) != 8)
				_exit(1);
			sum += v * (w >= WORKERS);
		}
		_exit(w >= WORKERS && mq_send(back, (char *)&sum, 8, 0));
	}
	for (int w = 0; w < 2 * WORKERS; w++)
		reap(pid[w]);
	for (int w = 0; w < WORKERS; w++) {
		CHECK_EQ(mq_receive(back, (char *)&v, 8, NULL), 8);
		sum += v;
	}
	CHECK_EQ(sum, (long)WORKERS * ROUNDS * (ROUNDS + 1) / 2);
	CHECK_EQ(current_messages(q), 0);
	mq_unlink("/stress");
	mq_unlink("/back");
}

/* A mount outlives its namespace: what is there can be seen, and nothing comes. */
TEST(mount_without_namespace)
{
	pid_t pid;

	if (getuid() || unshare(CLONE_NEWNS))
		return;
	REQUIRE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	mkdir("/tmp/mq-gone", 0755);
	pid = fork();
	if (!pid) {
		mqd_t q;

		REQUIRE(unshare(CLONE_NEWIPC) == 0);
		q = make("/left", 1, 8, 0);
		_exit(q < 0 || mount("none", "/tmp/mq-gone", "mqueue", 0, NULL));
	}
	reap(pid);
	CHECK_EQ(access("/tmp/mq-gone/left", F_OK), 0);
	CHECK_ERR(creat("/tmp/mq-gone/new", 0600), EACCES);
	CHECK_EQ(unlink("/tmp/mq-gone/left"), 0);
	CHECK_EQ(umount("/tmp/mq-gone"), 0);
	CHECK_EQ(rmdir("/tmp/mq-gone"), 0);
}

int main(void)
{
	return test_run();
}
