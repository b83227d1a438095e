/* System V IPC: msgget, msgsnd, msgrcv, msgctl; a namespace for all three kinds. */
#include "sysv.h"
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#define PAGE 4096ul
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

struct note {
	long type;
	char text[64];
};

static int put(int q, long type, const char *text, int flags)
{
	struct note n = {type, ""};

	strcpy(n.text, text);
	return msgsnd(q, &n, strlen(text), flags);
}

TEST(msg_basics)
{
	struct note n;
	struct msqid_ds ds;
	int q = msgget(IPC_PRIVATE, 0600);

	REQUIRE(q >= 0);
	CHECK_EQ(put(q, 3, "three", 0), 0);
	CHECK_EQ(put(q, 1, "one", 0), 0);
	CHECK_EQ(put(q, 2, "two", 0), 0);
	CHECK_EQ(put(q, 3, "drei", 0), 0);
	CHECK_EQ(msgctl(q, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.msg_qnum, 4);
	CHECK_EQ(ds.__msg_cbytes, 15);
	CHECK_EQ(ds.msg_qbytes, 16384);
	CHECK_EQ(ds.msg_lspid, getpid());
	CHECK_EQ(ds.msg_lrpid, 0);
	CHECK_EQ(msgrcv(q, &n, 64, 2, 0), 3);
	CHECK(n.type == 2 && !memcmp(n.text, "two", 3));
	CHECK_EQ(msgrcv(q, &n, 64, -2, 0), 3);
	CHECK_EQ(n.type, 1);
	CHECK_EQ(msgrcv(q, &n, 64, 3, MSG_EXCEPT | IPC_NOWAIT), -1);
	CHECK_EQ(errno, ENOMSG);
	CHECK_EQ(msgrcv(q, &n, 64, 1, MSG_EXCEPT), 5);
	CHECK_ERR(msgrcv(q, &n, 3, 0, 0), E2BIG);
	CHECK_EQ(msgrcv(q, &n, 3, 0, MSG_NOERROR), 3);
	CHECK(!memcmp(n.text, "dre", 3));
	CHECK_ERR(msgrcv(q, &n, 64, 0, IPC_NOWAIT), ENOMSG);
	CHECK_ERR(put(q, 0, "x", 0), EINVAL);
	CHECK_ERR(put(q, -1, "x", 0), EINVAL);
	CHECK_ERR(msgsnd(q, &n, 8193, 0), EINVAL);
	CHECK_ERR(msgsnd(q, (void *)8, 1, 0), EFAULT);
	CHECK_ERR(msgrcv(q, &n, (size_t)-1, 0, 0), EINVAL);
	CHECK_EQ(put(q, 1, "", 0), 0);
	CHECK_EQ(msgrcv(q, &n, 0, LONG_MIN, 0), 0);
	CHECK_EQ(put(q, 1, "lost", 0), 0);
	CHECK_ERR(msgrcv(q, (void *)8, 64, 0, 0), EFAULT);
	CHECK_ERR(msgrcv(q, &n, 64, 0, IPC_NOWAIT), ENOMSG);
	CHECK_EQ(msgctl(q, IPC_RMID, NULL), 0);
	CHECK_ERR(put(q, 1, "x", 0), EINVAL);
}

TEST(msg_copy)
{
	struct note n;
	int q = msgget(IPC_PRIVATE, 0600);

	CHECK_EQ(put(q, 5, "first", 0), 0);
	CHECK_EQ(put(q, 6, "second", 0), 0);
	if (msgrcv(q, &n, 64, 1, MSG_COPY | IPC_NOWAIT) < 0 && errno == ENOSYS)
		goto out; /* a kernel without checkpoint and restore */
	CHECK_EQ(msgrcv(q, &n, 64, 1, MSG_COPY | IPC_NOWAIT), 6);
	CHECK_EQ(n.type, 6);
	CHECK_EQ(msgrcv(q, &n, 64, 0, MSG_COPY | IPC_NOWAIT), 5);
	CHECK_ERR(msgrcv(q, &n, 64, 2, MSG_COPY | IPC_NOWAIT), ENOMSG);
	CHECK_ERR(msgrcv(q, &n, 64, 0, MSG_COPY), EINVAL);
	CHECK_ERR(msgrcv(q, &n, 64, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT), EINVAL);
	CHECK_ERR(msgrcv(q, &n, 4, 0, MSG_COPY | IPC_NOWAIT), E2BIG);
	CHECK_EQ(msgrcv(q, &n, 64, 0, 0), 5);
out:
	msgctl(q, IPC_RMID, NULL);
}

TEST(msg_limits_and_sleepers)
{
	int q = msgget(KEY + 4, IPC_CREAT | 0622), q2;
	struct msqid_ds ds;
	struct note n;
	char line[256], want[128];
	pid_t pid;

	REQUIRE(q >= 0);
	CHECK_ERR(msgget(KEY + 4, IPC_CREAT | IPC_EXCL), EEXIST);
	CHECK_EQ(msgctl(q, IPC_STAT, &ds), 0);
	ds.msg_qbytes = 10;
	CHECK_EQ(msgctl(q, IPC_SET, &ds), 0);
	CHECK_EQ(put(q, 1, "12345678", 0), 0);
	CHECK_ERR(put(q, 1, "abc", IPC_NOWAIT), EAGAIN);
	snprintf(want, sizeof(want), "%10d %10d  %4o  %10lu %10lu %5u", KEY + 4, q, 0622, 8ul, 1ul,
		 getpid());
	CHECK(file_line("/proc/sysvipc/msg", want, line, sizeof(line)));
	pid = fork();
	if (!pid)
		_exit(put(q, 2, "abc", 0) != 0);
	usleep(20000);
	CHECK_EQ(msgrcv(q, &n, 64, 0, 0), 8);
	CHECK_EQ(msgrcv(q, &n, 64, 2, 0), 3);
	reap(pid);
	/* A receiver by type does not take the other. */
	pid = fork();
	if (!pid)
		_exit(!(msgrcv(q, &n, 64, 7, 0) == 2 && n.type == 7));
	usleep(20000);
	CHECK_EQ(put(q, 6, "no", 0), 0);
	CHECK_EQ(put(q, 7, "me", 0), 0);
	reap(pid);
	CHECK_EQ(msgrcv(q, &n, 64, 0, IPC_NOWAIT), 2);
	CHECK_EQ(n.type, 6);
	/* Too long for who waits: the message stays, the waiter is told. */
	pid = fork();
	if (!pid)
		_exit(!(msgrcv(q, &n, 1, 0, 0) == -1 && errno == E2BIG));
	usleep(20000);
	CHECK_EQ(put(q, 6, "no", 0), 0);
	reap(pid);
	CHECK_EQ(msgrcv(q, &n, 64, 0, IPC_NOWAIT), 2);
	/* Signals and removal. */
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &sa, NULL);
	ualarm(20000, 0);
	CHECK_ERR(msgrcv(q, &n, 64, 0, 0), EINTR);
	pid = fork();
	if (!pid)
		_exit(!(msgrcv(q, &n, 1, 0, 0) == -1 && errno == EIDRM));
	usleep(20000);
	if (!(q2 = fork())) {
		drop_privileges();
		CHECK_ERR(msgrcv(q, &n, 64, 0, IPC_NOWAIT), EACCES);
		CHECK_ERR(msgctl(q, IPC_STAT, &ds), EACCES);
		_exit(test_failures != 0);
	}
	reap(q2);
	CHECK_EQ(msgctl(q, IPC_RMID, NULL), 0);
	reap(pid);
}

TEST(msg_figures)
{
	int q = msgget(IPC_PRIVATE, 0600), last;
	struct msginfo info;

	CHECK_EQ(put(q, 1, "12345", 0), 0);
	last = msgctl(0, IPC_INFO, (void *)&info);
	CHECK(last >= 0);
	CHECK_EQ(info.msgmax, 8192);
	CHECK_EQ(info.msgmni, 32000);
	CHECK_EQ(info.msgpool, 32000 * 16384l / 1024);
	CHECK_EQ(msgctl(0, MSG_INFO, (void *)&info), last);
	CHECK(info.msgpool >= 1);
	CHECK(info.msgmap >= 1);
	CHECK(info.msgtql >= 5);
	msgctl(q, IPC_RMID, NULL);
}

/* Many writers and readers of one small queue: every number arrives once. */
TEST(msg_stress)
{
	int q = msgget(IPC_PRIVATE, 0600), back = msgget(IPC_PRIVATE, 0600);
	struct msqid_ds ds;
	struct {
		long type;
		long v;
	} m;
	long sum = 0;
	pid_t pid[2 * WORKERS];

	CHECK_EQ(msgctl(q, IPC_STAT, &ds), 0);
	ds.msg_qbytes = 24;
	CHECK_EQ(msgctl(q, IPC_SET, &ds), 0);
	for (int w = 0; w < 2 * WORKERS; w++) {
		pid[w] = fork();
		if (pid[w])
			continue;
		if (w < WORKERS) {
			for (long i = 1; i <= ROUNDS; i++) {
				m.type = 1 + i % 3;
				m.v = i;
				if (msgsnd(q, &m, sizeof(m.v), 0))
					_exit(1);
			}
			_exit(0);
		}
		for (long i = 0; i < ROUNDS; i++) {
			if (msgrcv(q, &m, sizeof(m.v), i & 1 ? -3 : 0, 0) != sizeof(m.v))
				_exit(1);
			sum += m.v;
		}
		m.type = 1;
		m.v = sum;
		_exit(msgsnd(back, &m, sizeof(m.v), 0) != 0);
	}
	for (int w = 0; w < 2 * WORKERS; w++)
		reap(pid[w]);
	for (int w = 0; w < WORKERS; w++) {
		CHECK_EQ(msgrcv(back, &m, sizeof(m.v), 0, IPC_NOWAIT), sizeof(m.v));
		sum += m.v;
	}
	CHECK_EQ(sum, (long)WORKERS * ROUNDS * (ROUNDS + 1) / 2);
	msgctl(q, IPC_RMID, NULL);
	msgctl(back, IPC_RMID, NULL);
}

/* A namespace of its own: other ids and keys; segments live on through their attachments. */
TEST(namespaces)
{
	int id = shmget(KEY + 20, PAGE, IPC_CREAT | 0600), sem, q;
	char *p = shmat(id, NULL, 0);
	pid_t pid;

	REQUIRE(id >= 0 && p != (void *)-1);
	pid = fork();
	if (!pid) {
		struct sembuf up = {0, 1, SEM_UNDO};

		sem = semget(IPC_PRIVATE, 1, 0600);
		CHECK_EQ(semop(sem, &up, 1), 0);
		if (unshare(CLONE_NEWIPC))
			_exit(errno != EINVAL); /* a kernel without */
		CHECK_ERR(shmget(KEY + 20, PAGE, 0), ENOENT);
		CHECK_ERR(semctl(sem, 0, GETVAL), EINVAL);
		id = shmget(KEY + 20, PAGE, IPC_CREAT | 0600);
		CHECK(id >= 0);
		p[1] = 2;
		p = shmat(id, NULL, 0);
		CHECK(p != (void *)-1);
		q = msgget(KEY + 20, IPC_CREAT | 0600);
		CHECK_EQ(put(q, 1, "stays", 0), 0);
		CHECK(semget(KEY + 20, 5, IPC_CREAT | 0600) >= 0);
		p[0] = 1;
		_exit(test_failures != 0);
	}
	reap(pid);
	CHECK_EQ(p[1], 2);
	CHECK_ERR(msgget(KEY + 20, 0), ENOENT);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

int main(void)
{
	return test_run();
}
