/* Threads, futexes, robust and PI locks, exit and exec of multi-threaded processes. */
#include "test.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

static long futex(uint32_t *uaddr, int op, uint32_t val, const struct timespec *ts,
		  uint32_t *uaddr2, uint32_t val3)
{
	return syscall(SYS_futex, uaddr, op, val, ts, uaddr2, val3);
}

static void *add_one(void *arg)
{
	__atomic_fetch_add((int *)arg, 1, __ATOMIC_SEQ_CST);
	return arg;
}

TEST(create_and_join)
{
	int n = 0;

	for (int round = 0; round < 50; round++) {
		pthread_t t[8];

		for (int i = 0; i < 8; i++)
			REQUIRE(pthread_create(&t[i], NULL, add_one, &n) == 0);
		for (int i = 0; i < 8; i++)
			REQUIRE(pthread_join(t[i], NULL) == 0);
	}
	CHECK_EQ(n, 400);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int counter, turn;

static void *count_up(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

TEST(mutex_under_contention)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, count_up, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(counter, 80000);
}

static void *ping(void *arg)
{
	long me = (long)arg;

	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(&lock);
		while (turn != me)
			pthread_cond_wait(&cond, &lock);
		turn = !turn;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

TEST(condition_variable_ping_pong)
{
	pthread_t a, b;

	pthread_create(&a, NULL, ping, (void *)0);
	pthread_create(&b, NULL, ping, (void *)1);
	CHECK_EQ(pthread_join(a, NULL), 0);
	CHECK_EQ(pthread_join(b, NULL), 0);
}

TEST(futex_answers)
{
	struct timespec ts = {.tv_nsec = 20000000};
	uint32_t word = 5, other = 0;

	CHECK_ERR(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	CHECK_ERR(futex(&word, FUTEX_WAIT, 5, &ts, NULL, 0), ETIMEDOUT);
	CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	CHECK_ERR(futex((uint32_t *)3, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex(NULL, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERR(futex(&word, 100, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET, 5, &ts, NULL, 0), EINVAL);
	CHECK_ERR(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 4), EAGAIN);
	ts.tv_nsec = 1000000000;
	CHECK_ERR(futex(&word, FUTEX_WAIT, 5, &ts, NULL, 0), EINVAL);
	CHECK_EQ(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other,
		       FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 0)),
		 0);
	CHECK_EQ(other, 3);
}

static uint32_t wait_word, target_word;
static int woken;

static void *wait_on_word(void *arg)
{
	(void)arg;
	while (futex(&wait_word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) == -1 && errno == EINTR)
		;
	__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

TEST(requeue_moves_waiters)
{
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, wait_on_word, NULL);
	usleep(100000);
	CHECK_EQ(futex(&wait_word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2, &target_word, 0), 3);
	usleep(50000);
	CHECK_EQ(woken, 1);
	CHECK_EQ(futex(&wait_word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&target_word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 2);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(woken, 3);
}

TEST(shared_between_processes)
{
	uint32_t *word =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid = fork();

	if (!pid) {
		while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == 0)
			futex(word, FUTEX_WAIT, 0, NULL, NULL, 0);
		_exit(7);
	}
	usleep(50000);
	__atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
	futex(word, FUTEX_WAKE, 1, NULL, NULL, 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 7);
}

static void *lock_and_die(void *arg)
{
	pthread_mutex_lock(arg);
	return NULL;
}

static void owner_dies(int protocol)
{
	pthread_mutexattr_t a;
	pthread_mutex_t m;
	pthread_t t;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setprotocol(&a, protocol);
	REQUIRE(pthread_mutex_init(&m, &a) == 0);
	pthread_create(&t, NULL, lock_and_die, &m);
	pthread_join(t, NULL);
	CHECK_EQ(pthread_mutex_lock(&m), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(&m), 0);
	CHECK_EQ(pthread_mutex_unlock(&m), 0);
	CHECK_EQ(pthread_mutex_lock(&m), 0);
}

TEST(robust_mutex)
{
	owner_dies(PTHREAD_PRIO_NONE);
}

TEST(robust_pi_mutex)
{
	owner_dies(PTHREAD_PRIO_INHERIT);
}

static pthread_mutex_t pi_lock;

static void *pi_count(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&pi_lock);
		counter++;
		pthread_mutex_unlock(&pi_lock);
	}
	return arg;
}

TEST(pi_mutex_under_contention)
{
	pthread_mutexattr_t a;
	pthread_t t[4];

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	REQUIRE(pthread_mutex_init(&pi_lock, &a) == 0);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, pi_count, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(counter, 8000);
}

static void *sleep_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void *exit_process(void *arg)
{
	(void)arg;
	usleep(10000);
	_exit(21);
}

TEST(exit_group_from_a_thread)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		pthread_t t;

		pthread_create(&t, NULL, sleep_for_ever, NULL);
		pthread_create(&t, NULL, exit_process, NULL);
		sleep_for_ever(NULL);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 21);
}

TEST(leader_exits_first)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		pthread_t t;

		pthread_create(&t, NULL, exit_process, NULL);
		pthread_exit(NULL);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 21);
}

static char *self;

static void *exec_true(void *arg)
{
	char *argv[] = {self, "--exec-child", NULL};

	(void)arg;
	usleep(10000);
	execv(argv[0], argv);
	_exit(99);
}

TEST(exec_from_a_thread)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		pthread_t t;

		pthread_create(&t, NULL, sleep_for_ever, NULL);
		pthread_create(&t, NULL, exec_true, NULL);
		sleep_for_ever(NULL);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 33);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--exec-child"))
		return getpid() == syscall(SYS_gettid) ? 33 : 34;
	self = argv[0];
	return test_run();
}
