/*
 * user_namespaces(7), getrlimit(2): what is limited for each user is counted in each user
 * namespace, and for whoever made it, and there it is what the maker might have that counts.
 */
#include "test.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#define USER_A 4101 /* one for each test: nobody else counts there */
#define USER_B 4102
#define USER_C 4103
#define USER_D 4104
#define USER_E 4105
#define USER_F 4106
#define USER_G 4107
#define USER_H 4108

static int limit(int what, rlim_t n)
{
	struct rlimit r = {n, n};

	return setrlimit(what, &r);
}

/* The soft one only: it can be raised again. */
static int soft_limit(int what, rlim_t n)
{
	struct rlimit r;

	getrlimit(what, &r);
	r.rlim_cur = n;
	return setrlimit(what, &r);
}

static int become(uid_t uid)
{
	if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		return -1;
	/* Or /proc/self belongs to root, and the maps cannot be written. */
	return prctl(PR_SET_DUMPABLE, 1);
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* Into a new user namespace, where @uid is @inside. */
static int enter(uid_t inside)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER))
		return -1;
	snprintf(map, sizeof(map), "%u %u 1", inside, uid);
	if (write_text("/proc/self/uid_map", map) || write_text("/proc/self/setgroups", "deny"))
		return -1;
	snprintf(map, sizeof(map), "%u %u 1", inside, gid);
	return write_text("/proc/self/gid_map", map);
}

static int reap(pid_t pid)
{
	int st;

	return waitpid(pid, &st, 0) == pid && WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

/* @fn in a child; its checks count. */
static int apart(void (*fn)(void))
{
	pid_t pid = fork();

	if (!pid) {
		fn();
		fflush(stdout);
		_exit(test_failures ? 1 : 0);
	}
	return reap(pid);
}

/* Children that sleep until they are told to go; how many of at most 16 could be made. */
struct herd {
	int n;
	pid_t pid[16];
};

static void herd_make(struct herd *h, int want)
{
	for (h->n = 0; h->n < want; h->n++) {
		pid_t pid = fork();

		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		if (pid < 0)
			break;
		h->pid[h->n] = pid;
	}
}

static void herd_end(struct herd *h)
{
	for (int i = 0; i < h->n; i++) {
		kill(h->pid[i], SIGKILL);
		waitpid(h->pid[i], NULL, 0);
	}
	h->n = 0;
}

/* ---- RLIMIT_NPROC ---- */

static void processes_below(void)
{
	struct herd h;

	CHECK_EQ(limit(RLIMIT_NPROC, 5), 0);
	CHECK_EQ(become(USER_A), 0);
	herd_make(&h, 16);
	CHECK_EQ(h.n, 4);
	CHECK_EQ(errno, EAGAIN);
	herd_end(&h);
	CHECK_EQ(enter(0), 0);
	/* Root of a namespace, with every capability there: none that counts. */
	herd_make(&h, 16);
	CHECK_EQ(h.n, 4);
	CHECK_EQ(errno, EAGAIN);
	herd_end(&h);
}

TEST(root_of_a_namespace_has_no_more_processes_than_its_maker)
{
	CHECK_EQ(apart(processes_below), 0);
}

/* Limits of its own: what the maker had when it made the namespace counts above all the same. */
static void processes_own_limit(void)
{
	struct herd h;

	CHECK_EQ(soft_limit(RLIMIT_NPROC, 4), 0);
	CHECK_EQ(become(USER_B), 0);
	CHECK_EQ(enter(0), 0);
	CHECK_EQ(soft_limit(RLIMIT_NPROC, 12), 0);
	herd_make(&h, 16);
	CHECK_EQ(h.n, 3);
	CHECK_EQ(errno, EAGAIN);
	herd_end(&h);
	CHECK_EQ(soft_limit(RLIMIT_NPROC, 2), 0);
	herd_make(&h, 16);
	CHECK_EQ(h.n, 1);
	herd_end(&h);
}

TEST(raising_the_limit_inside_helps_nobody)
{
	CHECK_EQ(apart(processes_own_limit), 0);
}

/* A child in a namespace of its own with @n children; *out gets how many there were. */
static pid_t start_namespace(int want, int *out, int go[2])
{
	int said[2];
	struct herd h;
	char c = 0;

	if (pipe(said) || pipe(go))
		return -1;
	pid_t pid = fork();

	if (!pid) {
		close(go[1]);
		if (enter(0))
			_exit(9);
		herd_make(&h, want);
		c = (char)h.n;
		if (write(said[1], &c, 1) != 1)
			_exit(8);
		(void)!read(go[0], &c, 1);
		herd_end(&h);
		_exit(0);
	}
	close(said[1]);
	close(go[0]);
	*out = read(said[0], &c, 1) == 1 ? c : -1;
	close(said[0]);
	return pid;
}

static void processes_two(void)
{
	int go1[2], go2[2], n1, n2;
	struct herd h;

	CHECK_EQ(soft_limit(RLIMIT_NPROC, 8), 0);
	CHECK_EQ(become(USER_C), 0);
	/* This one, the root of each, and 3 and 2: the limit, though neither account is at it. */
	pid_t a = start_namespace(3, &n1, go1);
	pid_t b = start_namespace(3, &n2, go2);

	CHECK_EQ(n1, 3);
	CHECK_EQ(n2, 2);
	/* The account of the machine has all of them. */
	herd_make(&h, 4);
	CHECK_EQ(h.n, 0);
	close(go1[1]);
	close(go2[1]);
	CHECK_EQ(reap(a), 0);
	CHECK_EQ(reap(b), 0);
	herd_make(&h, 16);
	CHECK_EQ(h.n, 7);
	herd_end(&h);
}

TEST(two_namespaces_of_one_user_count_together_above)
{
	CHECK_EQ(apart(processes_two), 0);
}

static void processes_apart(void)
{
	int go[2], n;
	struct herd h;

	CHECK_EQ(become(USER_D), 0);
	pid_t a = start_namespace(6, &n, go);

	CHECK_EQ(n, 6);
	/* In another namespace none of those is seen: the limit is what is below it. */
	CHECK_EQ(enter(0), 0);
	CHECK_EQ(soft_limit(RLIMIT_NPROC, 4), 0);
	herd_make(&h, 16);
	CHECK_EQ(h.n, 3);
	herd_end(&h);
	close(go[1]);
	CHECK_EQ(reap(a), 0);
}

TEST(two_namespaces_of_one_user_count_apart_below)
{
	CHECK_EQ(apart(processes_apart), 0);
}

/* setuid(2) inside moves the count to another account of the same namespace. */
static void processes_setuid(void)
{
	struct herd h;
	int said[2], go[2];
	char c;

	CHECK_EQ(pipe(said), 0);
	CHECK_EQ(pipe(go), 0);
	pid_t pid = fork();

	if (!pid) {
		close(go[1]);
		CHECK_EQ(unshare(CLONE_NEWUSER), 0);
		CHECK_EQ(write(said[1], "", 1), 1);
		CHECK_EQ(read(go[0], &c, 1), 1);
		CHECK_EQ(setresuid(0, 0, 0), 0);
		CHECK_EQ(soft_limit(RLIMIT_NPROC, 4), 0);
		herd_make(&h, 16);
		/* Kernel id 70000 is not the root of the machine. */
		CHECK_EQ(h.n, 3);
		/* Those stay with 0; 5 has this process alone. */
		CHECK_EQ(setresuid(5, 5, 5), 0);
		struct herd more;

		herd_make(&more, 16);
		CHECK_EQ(more.n, 3);
		CHECK_EQ(errno, EAGAIN);
		herd_end(&more);
		for (int i = 0; i < h.n; i++)
			CHECK_ERR(kill(h.pid[i], SIGKILL), EPERM);
		fflush(stdout);
		_exit(test_failures ? 1 : 0);
	}
	char path[64];

	CHECK_EQ(read(said[0], &c, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	CHECK_EQ(write_text(path, "0 70000 10"), 0);
	CHECK_EQ(write(go[1], "", 1), 1);
	CHECK_EQ(reap(pid), 0);
}

TEST(setuid_inside_moves_the_count)
{
	CHECK_EQ(apart(processes_setuid), 0);
}

/* Fails for the limit before it looks for the file. */
static int exec_nothing(void)
{
	char *none[] = {NULL};

	return execve("/nowhere/at/all", none, none);
}

static void exec_over(void)
{
	struct herd h;
	int said[2];
	char c;

	CHECK_EQ(pipe(said), 0);
	pid_t pid = fork();

	if (!pid) {
		CHECK_EQ(become(USER_E), 0);
		herd_make(&h, 2);
		CHECK_EQ(h.n, 2);
		CHECK_EQ(write(said[1], "", 1), 1);
		pause();
		_exit(0);
	}
	CHECK_EQ(read(said[0], &c, 1), 1);
	CHECK_EQ(soft_limit(RLIMIT_NPROC, 2), 0);
	CHECK_EQ(setresuid(USER_E, USER_E, 0), 0);
	CHECK_ERR(exec_nothing(), EAGAIN);
	CHECK_ERR(exec_nothing(), EAGAIN);
	/* Room again: exec looks anew, and then forgets. */
	CHECK_EQ(soft_limit(RLIMIT_NPROC, 4), 0);
	CHECK_ERR(exec_nothing(), ENOENT);
	CHECK_EQ(soft_limit(RLIMIT_NPROC, 2), 0);
	CHECK_ERR(exec_nothing(), ENOENT);
	CHECK_EQ(setresuid(0, 0, 0), 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(reap(pid), -1);
}

TEST(setuid_over_the_limit_is_refused_at_exec)
{
	CHECK_EQ(apart(exec_over), 0);
}

/* ---- RLIMIT_SIGPENDING ---- */

static int queue_signals(int want)
{
	union sigval v = {0};
	int n = 0;

	while (n < want && !sigqueue(getpid(), SIGRTMIN, v))
		n++;
	return n;
}

static int queued_here(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	int n = -1;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "SigQ: %d/", &n) == 1)
			break;
	}
	if (f)
		fclose(f);
	return n;
}

static void signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(soft_limit(RLIMIT_SIGPENDING, 6), 0);
	CHECK_EQ(become(USER_F), 0);
	pid_t above = fork();

	if (!above) { /* two that count above only */
		CHECK_EQ(queue_signals(2), 2);
		CHECK_EQ(queued_here(), 2);
		CHECK_EQ(enter(0), 0);
		CHECK_EQ(queued_here(), 0);
		CHECK_EQ(soft_limit(RLIMIT_SIGPENDING, 50), 0);
		CHECK_EQ(queue_signals(10), 4);
		CHECK_EQ(errno, EAGAIN);
		CHECK_EQ(queued_here(), 4);
		/* Not by number alone: the limit does not hold for what kill(2) sends. */
		CHECK_EQ(kill(getpid(), SIGUSR1), 0);
		struct timespec now = {0};

		while (sigtimedwait(&set, NULL, &now) > 0)
			;
		CHECK_EQ(queued_here(), 0);
		CHECK_EQ(queue_signals(10), 6);
		fflush(stdout);
		_exit(test_failures ? 1 : 0);
	}
	CHECK_EQ(reap(above), 0);
	CHECK_EQ(queued_here(), 0);
	CHECK_EQ(queue_signals(10), 6);
}

TEST(queued_signals)
{
	CHECK_EQ(apart(signals), 0);
}

/* ---- RLIMIT_MSGQUEUE ---- */

static int queues(const char *tag, int want)
{
	struct mq_attr a = {.mq_maxmsg = 1, .mq_msgsize = 1000};
	char name[32];
	int n = 0;

	for (; n < want; n++) {
		snprintf(name, sizeof(name), "/ul%s%d", tag, n);
		if (mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &a) == (mqd_t)-1)
			break;
		mq_unlink(name);
	}
	return n;
}

static void message_queues(void)
{
	/* Each is somewhat more than 1000. */
	CHECK_EQ(soft_limit(RLIMIT_MSGQUEUE, 5000), 0);
	CHECK_EQ(become(USER_G), 0);
	pid_t pid = fork();

	if (!pid) {
		CHECK_EQ(queues("a", 1), 1);
		CHECK_EQ(enter(0), 0);
		CHECK_EQ(soft_limit(RLIMIT_MSGQUEUE, 50000), 0);
		CHECK_EQ(queues("b", 10), 3);
		CHECK_EQ(errno, EMFILE);
		fflush(stdout);
		_exit(test_failures ? 1 : 0);
	}
	CHECK_EQ(reap(pid), 0);
	CHECK_EQ(queues("c", 10), 4);
	CHECK_EQ(errno, EMFILE);
}

TEST(bytes_of_message_queues)
{
	CHECK_EQ(apart(message_queues), 0);
}

/* ---- RLIMIT_MEMLOCK ---- */

static int lock_pages(int pages)
{
	int id = shmget(IPC_PRIVATE, (size_t)pages * 4096, 0600 | IPC_CREAT);
	int r = shmctl(id, SHM_LOCK, NULL), err = errno;

	if (r)
		shmctl(id, IPC_RMID, NULL);
	errno = err;
	return r ? -1 : id;
}

static void locked_segments(void)
{
	CHECK_EQ(soft_limit(RLIMIT_MEMLOCK, 4 * 4096), 0);
	CHECK_EQ(become(USER_H), 0);
	int mine = lock_pages(3);

	CHECK(mine >= 0);
	CHECK_ERR(lock_pages(2), ENOMEM);
	pid_t pid = fork();

	if (!pid) {
		CHECK_EQ(enter(0), 0);
		/* An account of its own, in which nothing is locked yet. */
		int id = lock_pages(4);

		CHECK(id >= 0);
		CHECK_ERR(lock_pages(1), ENOMEM);
		CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
		fflush(stdout);
		_exit(test_failures ? 1 : 0);
	}
	CHECK_EQ(reap(pid), 0);
	int one = lock_pages(1);

	CHECK(one >= 0);
	CHECK_EQ(shmctl(one, IPC_RMID, NULL), 0);
	CHECK_EQ(shmctl(mine, IPC_RMID, NULL), 0);
}

TEST(locked_segments)
{
	CHECK_EQ(apart(locked_segments), 0);
}

/* What is counted outlives who made it, and its namespace. */
static void outlives(void)
{
	sigset_t set;
	int go[2];

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(become(USER_A), 0);
	CHECK_EQ(pipe(go), 0);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			if (enter(0) || enter(0) || queue_signals(4) != 4)
				_exit(1);
			/* Open at the end, with signals queued. */
			_exit(queues("o", 2) == 2 ? 0 : 2);
		}
		CHECK_EQ(reap(pid), 0);
	}
	CHECK_EQ(queued_here(), 0);
}

TEST(accounts_of_namespaces_that_are_gone)
{
	CHECK_EQ(apart(outlives), 0);
}

int main(void)
{
	return test_run();
}
