/* System V IPC: semget, semop, semtimedop, semctl, and what /proc says about them. */
#include "sysv.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/sem.h>
#include <time.h>

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

static int value(int id, int n)
{
	return semctl(id, n, GETVAL);
}

TEST(sem_basics)
{
	struct sembuf two[2] = {{0, 2, 0}, {1, 3, 0}}, op;
	union semun arg;
	struct semid_ds ds;
	unsigned short all[3];
	int id = semget(IPC_PRIVATE, 3, 0600);

	REQUIRE(id >= 0);
	CHECK_EQ(semop(id, two, 2), 0);
	CHECK_EQ(value(id, 0), 2);
	CHECK_EQ(value(id, 1), 3);
	CHECK_EQ(semctl(id, 1, GETPID), getpid());
	CHECK_EQ(semctl(id, 2, GETPID), 0);
	/* All or nothing. */
	two[0].sem_op = -1;
	two[1] = (struct sembuf){1, -4, IPC_NOWAIT};
	CHECK_ERR(semop(id, two, 2), EAGAIN);
	CHECK_EQ(value(id, 0), 2);
	/* One semaphore twice. */
	two[1] = (struct sembuf){0, -1, IPC_NOWAIT};
	CHECK_EQ(semop(id, two, 2), 0);
	CHECK_EQ(value(id, 0), 0);
	op = (struct sembuf){0, 0, IPC_NOWAIT};
	CHECK_EQ(semop(id, &op, 1), 0);
	op.sem_num = 1;
	CHECK_ERR(semop(id, &op, 1), EAGAIN);
	op.sem_num = 3;
	CHECK_ERR(semop(id, &op, 1), EFBIG);
	CHECK_ERR(semop(id, &op, 0), EINVAL);
	CHECK_ERR(semop(id, &op, 501), E2BIG);
	CHECK_ERR(semop(id, (void *)8, 1), EFAULT);
	CHECK_ERR(semop(id + 1, &op, 1), EINVAL);
	op = (struct sembuf){0, 32767, 0};
	CHECK_EQ(semop(id, &op, 1), 0);
	op.sem_op = 1;
	CHECK_ERR(semop(id, &op, 1), ERANGE);
	arg.val = 32768;
	CHECK_ERR(semctl(id, 0, SETVAL, arg), ERANGE);
	arg.val = 5;
	CHECK_ERR(semctl(id, 3, SETVAL, arg), EINVAL);
	CHECK_EQ(semctl(id, 2, SETVAL, arg), 0);
	arg.array = all;
	CHECK_EQ(semctl(id, 0, GETALL, arg), 0);
	CHECK_EQ(all[0], 32767);
	CHECK_EQ(all[2], 5);
	all[1] = 40000;
	CHECK_ERR(semctl(id, 0, SETALL, arg), ERANGE);
	all[1] = 9;
	CHECK_EQ(semctl(id, 0, SETALL, arg), 0);
	CHECK_EQ(value(id, 1), 9);
	arg.buf = &ds;
	CHECK_EQ(semctl(id, 0, IPC_STAT, arg), 0);
	CHECK_EQ(ds.sem_nsems, 3);
	CHECK(ds.sem_otime > 0);
	CHECK_ERR(semctl(id, 0, 77, arg), EINVAL);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
	CHECK_ERR(semctl(id, 0, GETVAL), EINVAL);
	CHECK_ERR(semget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_ERR(semget(IPC_PRIVATE, 32001, 0600), EINVAL);
	CHECK_ERR(semget(IPC_PRIVATE, -1, 0600), EINVAL);
}

TEST(sem_figures)
{
	int id = semget(KEY + 3, 7, IPC_CREAT | 0604), last;
	char line[256], want[128];
	struct seminfo info;
	union semun arg = {.info = &info};

	REQUIRE(id >= 0);
	CHECK_ERR(semget(KEY + 3, 8, 0), EINVAL);
	CHECK_EQ(semget(KEY + 3, 0, 0), id);
	last = semctl(0, 0, IPC_INFO, arg);
	CHECK(last >= 0);
	CHECK_EQ(info.semmni, 32000);
	CHECK_EQ(info.semvmx, 32767);
	CHECK_EQ(info.semusz, 20);
	CHECK_EQ(semctl(0, 0, SEM_INFO, arg), last);
	CHECK(info.semusz >= 1);
	CHECK(info.semaem >= 7);
	snprintf(want, sizeof(want), "%10d %10d  %4o %10u %5u", KEY + 3, id, 0604, 7, 0);
	CHECK(file_line("/proc/sysvipc/sem", want, line, sizeof(line)));
	CHECK(file_line("/proc/sysvipc/sem", "key", line, sizeof(line)));
	CHECK(!strcmp(line,
		      "       key      semid perms      nsems   uid   gid  cuid  cgid      otime "
		      "     ctime\n"));
	pid_t pid = fork();
	if (!pid) {
		drop_privileges();
		struct sembuf op = {0, 1, 0};
		CHECK_ERR(semop(id, &op, 1), EACCES);
		op.sem_op = 0;
		CHECK_EQ(semop(id, &op, 1), 0);
		CHECK_EQ(value(id, 0), 0);
		arg.val = 1;
		CHECK_ERR(semctl(id, 0, SETVAL, arg), EACCES);
		CHECK_ERR(semctl(id, 0, IPC_RMID), EPERM);
		_exit(test_failures != 0);
	}
	reap(pid);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

static int waits(int id, int n, int cmd, int count)
{
	for (int i = 0; i < 2000; i++) {
		if (semctl(id, n, cmd) == count)
			return 1;
		usleep(1000);
	}
	return 0;
}

TEST(sem_sleepers)
{
	int id = semget(IPC_PRIVATE, 2, 0600);
	struct sembuf down = {0, -2, 0}, up = {0, 1, 0}, zero = {0, 0, 0};
	pid_t a = fork(), b;

	if (!a)
		_exit(semop(id, &down, 1) != 0);
	CHECK(waits(id, 0, GETNCNT, 1));
	CHECK_EQ(semop(id, &up, 1), 0);
	CHECK_EQ(semctl(id, 0, GETNCNT), 1);
	b = fork();
	if (!b)
		_exit(semop(id, &zero, 1) != 0);
	CHECK(waits(id, 0, GETZCNT, 1));
	CHECK_EQ(semop(id, &up, 1), 0);
	reap(a);
	reap(b);
	CHECK_EQ(value(id, 0), 0);
	/* A complex call and a simple one behind it. */
	a = fork();
	if (!a) {
		struct sembuf both[2] = {{0, -1, 0}, {1, -1, 0}};
		_exit(semop(id, both, 2) != 0);
	}
	CHECK(waits(id, 0, GETNCNT, 1));
	CHECK_EQ(semctl(id, 1, GETNCNT), 0);
	b = fork();
	if (!b) {
		down.sem_op = -1;
		_exit(semop(id, &down, 1) != 0);
	}
	CHECK(waits(id, 0, GETNCNT, 2));
	CHECK_EQ(semop(id, &up, 1), 0);
	reap(b); /* the complex one cannot use it */
	up.sem_num = 1;
	CHECK_EQ(semop(id, &up, 1), 0);
	up.sem_num = 0;
	CHECK_EQ(semop(id, &up, 1), 0);
	reap(a);
	CHECK_EQ(value(id, 0) + value(id, 1), 0);
	/* Removal. */
	a = fork();
	if (!a)
		_exit(!(semop(id, &down, 1) == -1 && errno == EIDRM));
	CHECK(waits(id, 0, GETNCNT, 1));
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
	reap(a);
}

TEST(sem_timeouts_and_signals)
{
	int id = semget(IPC_PRIVATE, 1, 0600);
	struct sembuf down = {0, -1, 0};
	struct timespec ts = {0, 30000000}, bad = {0, 1000000000}, t0, t1;
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	clock_gettime(CLOCK_MONOTONIC, &t0);
	CHECK_ERR(semtimedop(id, &down, 1, &ts), EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	CHECK((t1.tv_sec - t0.tv_sec) * 1000000000l + t1.tv_nsec - t0.tv_nsec >= 30000000);
	CHECK_ERR(semtimedop(id, &down, 1, &bad), EINVAL);
	sigaction(SIGALRM, &sa, NULL);
	ualarm(20000, 0);
	CHECK_ERR(semop(id, &down, 1), EINTR);
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
	semctl(id, 0, IPC_RMID);
}

TEST(sem_undo)
{
	int id = semget(IPC_PRIVATE, 2, 0600);
	union semun arg = {.val = 10};
	pid_t pid;

	CHECK_EQ(semctl(id, 0, SETVAL, arg), 0);
	pid = fork();
	if (!pid) {
		struct sembuf ops[2] = {{0, -3, SEM_UNDO}, {1, 4, SEM_UNDO}};
		CHECK_EQ(semop(id, ops, 2), 0);
		CHECK_EQ(value(id, 0), 7);
		ops[0] = (struct sembuf){0, 1, SEM_UNDO};
		CHECK_EQ(semop(id, ops, 1), 0);
		ops[0] = (struct sembuf){1, 1, 0};
		CHECK_EQ(semop(id, ops, 1), 0);
		_exit(test_failures != 0);
	}
	reap(pid);
	CHECK_EQ(value(id, 0), 10);
	CHECK_EQ(value(id, 1), 1);
	CHECK_EQ(semctl(id, 0, GETPID), pid);
	/* SETVAL forgets what is to be undone. */
	pid = fork();
	if (!pid) {
		struct sembuf op = {0, -3, SEM_UNDO};
		CHECK_EQ(semop(id, &op, 1), 0);
		CHECK_EQ(semctl(id, 0, SETVAL, arg), 0);
		_exit(test_failures != 0);
	}
	reap(pid);
	CHECK_EQ(value(id, 0), 10);
	/* An adjustment wakes who waits. */
	arg.val = 1;
	CHECK_EQ(semctl(id, 0, SETVAL, arg), 0);
	pid = fork();
	if (!pid) {
		struct sembuf op = {0, -1, SEM_UNDO};
		CHECK_EQ(semop(id, &op, 1), 0);
		CHECK(waits(id, 0, GETNCNT, 1));
		_exit(test_failures != 0);
	}
	struct sembuf op = {0, -1, 0};
	for (int i = 0; i < 2000 && value(id, 0); i++)
		usleep(1000);
	CHECK_EQ(semop(id, &op, 1), 0);
	reap(pid);
	/* unshare(CLONE_SYSVSEM) undoes at once; removal of a set with adjustments. */
	pid = fork();
	if (!pid) {
		struct sembuf up = {1, 5, SEM_UNDO};
		CHECK_EQ(semop(id, &up, 1), 0);
		CHECK_EQ(value(id, 1), 6);
		CHECK_EQ(unshare(CLONE_SYSVSEM), 0);
		CHECK_EQ(value(id, 1), 1);
		CHECK_EQ(semop(id, &up, 1), 0);
		CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
		_exit(test_failures != 0);
	}
	reap(pid);
}

static int undo_set;

static void *undo_thread(void *arg)
{
	struct sembuf op = {0, 2, SEM_UNDO};

	CHECK_EQ(semop(undo_set, &op, 1), 0);
	return arg;
}

TEST(sem_undo_is_shared_by_threads)
{
	pid_t pid;

	undo_set = semget(IPC_PRIVATE, 1, 0600);
	pid = fork();
	if (!pid) {
		pthread_t t;
		CHECK_EQ(pthread_create(&t, NULL, undo_thread, NULL), 0);
		CHECK_EQ(pthread_join(t, NULL), 0);
		/* The thread is gone, the process is not. */
		CHECK_EQ(value(undo_set, 0), 2);
		_exit(test_failures != 0);
	}
	reap(pid);
	CHECK_EQ(value(undo_set, 0), 0);
	semctl(undo_set, 0, IPC_RMID);
}

/* Philosophers, half of them asking for both forks at once: nothing is lost and all come through.
 */
TEST(sem_stress)
{
	int id = semget(IPC_PRIVATE, WORKERS + 1, 0600);
	unsigned short one[WORKERS + 1] = {1, 1, 1, 1, 0};
	union semun arg = {.array = one};
	pid_t pid[WORKERS];

	CHECK_EQ(semctl(id, 0, SETALL, arg), 0);
	for (int w = 0; w < WORKERS; w++) {
		pid[w] = fork();
		if (pid[w])
			continue;
		for (int i = 0; i < ROUNDS; i++) {
			short left = (short)(w < (w + 1) % WORKERS ? w : (w + 1) % WORKERS);
			short right = (short)(w < (w + 1) % WORKERS ? (w + 1) % WORKERS : w);
			struct sembuf take[3] = {
				{left, -1, SEM_UNDO}, {right, -1, SEM_UNDO}, {WORKERS, 1, 0}};
			struct sembuf give[2] = {{left, 1, SEM_UNDO}, {right, 1, SEM_UNDO}};
			if (w & 1 ? semop(id, take, 3)
				  : semop(id, take, 1) || semop(id, take + 1, 1) ||
					    semop(id, take + 2, 1))
				_exit(1);
			if (semop(id, give, 1) || semop(id, give + 1, 1))
				_exit(1);
		}
		/* The last holds both when it ends. */
		struct sembuf keep[2] = {{(short)w, -1, SEM_UNDO}, {(short)w, 0, 0}};
		_exit(semop(id, keep, 2) != 0);
	}
	for (int w = 0; w < WORKERS; w++)
		reap(pid[w]);
	for (int w = 0; w < WORKERS; w++)
		CHECK_EQ(value(id, w), 1);
	CHECK_EQ(value(id, WORKERS), WORKERS * ROUNDS);
	semctl(id, 0, IPC_RMID);
}

int main(void)
{
	return test_run();
}
