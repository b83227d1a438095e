/* Futexes with owners: priority lending, deadlocks, dead owners, requeueing; futex_waitv(2). */
#include "test.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define P FUTEX_PRIVATE_FLAG

static long futex(uint32_t *uaddr, int op, uint32_t val, const void *ts, uint32_t *uaddr2,
		  uint32_t val3)
{
	return syscall(SYS_futex, uaddr, op, val, ts, uaddr2, val3);
}

static pid_t gettid_(void)
{
	return (pid_t)syscall(SYS_gettid);
}

static void lock(uint32_t *w)
{
	uint32_t zero = 0;

	if (!__atomic_compare_exchange_n(w, &zero, (uint32_t)gettid_(), false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		CHECK_EQ(futex(w, FUTEX_LOCK_PI | P, 0, NULL, NULL, 0), 0);
}

static void unlock(uint32_t *w)
{
	uint32_t me = (uint32_t)gettid_();

	if (!__atomic_compare_exchange_n(w, &me, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		CHECK_EQ(futex(w, FUTEX_UNLOCK_PI | P, 0, NULL, NULL, 0), 0);
}

/* Field 18 of stat: the effective priority, -1 - N for real-time N, 20 + nice else. */
static long priority_of(pid_t tid)
{
	char path[64], buf[512], *p;
	long v = 999;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	FILE *f = fopen(path, "r");

	if (!f)
		return 998;
	if (fgets(buf, sizeof(buf), f) && (p = strrchr(buf, ')')))
		sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %ld",
		       &v);
	fclose(f);
	return v;
}

static char state_of(pid_t tid)
{
	char path[64], buf[512], *p, c = '?';

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	FILE *f = fopen(path, "r");

	if (!f)
		return '-';
	if (fgets(buf, sizeof(buf), f) && (p = strrchr(buf, ')')))
		c = p[2];
	fclose(f);
	return c;
}

static void wait_asleep(volatile pid_t *tid)
{
	for (int i = 0; i < 2000 && (!*tid || state_of(*tid) != 'S'); i++)
		usleep(1000);
}

static bool priority_becomes(pid_t tid, long want)
{
	for (int i = 0; i < 1000; i++) {
		if (priority_of(tid) == want)
			return true;
		usleep(1000);
	}
	printf("# priority is %ld\n", priority_of(tid));
	return false;
}

TEST(words_and_errors)
{
	static uint32_t w;
	uint32_t me = (uint32_t)gettid_();

	CHECK_EQ(futex(&w, FUTEX_LOCK_PI | P, 0, NULL, NULL, 0), 0);
	CHECK_EQ(w, me);
	CHECK_ERR(futex(&w, FUTEX_LOCK_PI | P, 0, NULL, NULL, 0), EDEADLK);
	CHECK_ERR(futex(&w, FUTEX_TRYLOCK_PI | P, 0, NULL, NULL, 0), EDEADLK);
	CHECK_EQ(futex(&w, FUTEX_UNLOCK_PI | P, 0, NULL, NULL, 0), 0);
	CHECK_EQ(w, 0);
	CHECK_ERR(futex(&w, FUTEX_UNLOCK_PI | P, 0, NULL, NULL, 0), EPERM);
	w = FUTEX_OWNER_DIED;
	CHECK_EQ(futex(&w, FUTEX_TRYLOCK_PI | P, 0, NULL, NULL, 0), 0);
	CHECK_EQ(w, me | FUTEX_OWNER_DIED);
	w = 0x3ffffff0; /* no such thread */
	CHECK_ERR(futex(&w, FUTEX_LOCK_PI | P, 0, NULL, NULL, 0), ESRCH);
	CHECK_ERR(futex((uint32_t *)1, FUTEX_LOCK_PI | P, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex((uint32_t *)8, FUTEX_LOCK_PI | P, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERR(futex(&w, 2 /* FUTEX_FD */, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERR(futex(&w, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME | P, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERR(futex(&w, FUTEX_WAIT_REQUEUE_PI | P, 0, NULL, &w, 0), EINVAL);
	CHECK_ERR(futex(&w, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)1, &w, 0), EINVAL);
	CHECK_ERR(futex(&w, FUTEX_CMP_REQUEUE_PI | P, 2, (void *)1, &w + 1, 0), EINVAL);
}

/* --- threads that hold and wait --- */

struct actor {
	pthread_t thread;
	volatile pid_t tid;
	uint32_t *hold, *want;
	int prio; /* FIFO */
	const struct timespec *timeout;
	volatile int release, done;
	long result;
	int error;
};

static void *act(void *arg)
{
	struct actor *a = arg;
	struct sched_param sp = {.sched_priority = a->prio};

	if (a->prio && sched_setscheduler(0, SCHED_FIFO, &sp)) {
		a->error = errno;
		return NULL;
	}
	if (a->hold)
		lock(a->hold);
	a->tid = gettid_();
	if (a->want) {
		a->result = futex(a->want, FUTEX_LOCK_PI2 | P, 0, a->timeout, NULL, 0);
		a->error = a->result ? errno : 0;
		if (!a->result)
			unlock(a->want);
	}
	while (a->hold && !a->release)
		usleep(1000);
	if (a->hold)
		unlock(a->hold);
	a->done = 1;
	return NULL;
}

static void start(struct actor *a)
{
	REQUIRE(pthread_create(&a->thread, NULL, act, a) == 0);
	if (a->want)
		wait_asleep(&a->tid);
	while (!a->tid && !a->error)
		usleep(1000);
}

static void finish(struct actor *a)
{
	a->release = 1;
	pthread_join(a->thread, NULL);
}

TEST(lends_priority)
{
	static uint32_t w;
	struct actor high = {.want = &w, .prio = 20}, higher = {.want = &w, .prio = 30};

	lock(&w);
	CHECK_EQ(priority_of(gettid_()), 20);
	start(&high);
	REQUIRE(high.error == 0);
	CHECK_EQ(priority_of(gettid_()), -21);
	CHECK(w & FUTEX_WAITERS);
	start(&higher);
	CHECK_EQ(priority_of(gettid_()), -31);
	/* A waiter's own change is passed on. */
	struct sched_param sp = {.sched_priority = 40};

	CHECK_EQ(sched_setscheduler(high.tid, SCHED_FIFO, &sp), 0);
	CHECK_EQ(priority_of(gettid_()), -41);
	sp.sched_priority = 5;
	CHECK_EQ(sched_setscheduler(high.tid, SCHED_FIFO, &sp), 0);
	CHECK_EQ(priority_of(gettid_()), -31);
	/* It is lent, not given. */
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	unlock(&w);
	CHECK_EQ(priority_of(gettid_()), 20);
	finish(&high);
	finish(&higher);
	CHECK_EQ(high.result, 0);
	CHECK_EQ(higher.result, 0);
	CHECK_EQ(w, 0);
}

TEST(lends_along_a_chain)
{
	static uint32_t w1, w2;
	struct actor middle = {.hold = &w2, .want = &w1}, high = {.want = &w2, .prio = 25};

	lock(&w1);
	start(&middle);
	CHECK_EQ(priority_of(gettid_()), 20);
	start(&high);
	CHECK_EQ(priority_of(middle.tid), -26);
	CHECK_EQ(priority_of(gettid_()), -26);
	unlock(&w1);
	CHECK_EQ(priority_of(gettid_()), 20);
	finish(&middle);
	finish(&high);
	CHECK_EQ(high.result, 0);
}

TEST(gives_back_after_timeout)
{
	static uint32_t w;
	struct timespec t;
	struct actor high = {.want = &w, .prio = 20, .timeout = &t};

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec++;
	lock(&w);
	start(&high);
	CHECK_EQ(priority_of(gettid_()), -21);
	finish(&high);
	CHECK_EQ(high.error, ETIMEDOUT);
	CHECK(priority_becomes(gettid_(), 20));
	unlock(&w);
	CHECK_EQ(w, 0);
	t.tv_nsec = -1;
	w = 1;
	CHECK_ERR(futex(&w, FUTEX_LOCK_PI2 | P, 0, &t, NULL, 0), EINVAL);
}

TEST(finds_deadlock)
{
	static uint32_t w1, w2;
	struct actor other = {.hold = &w2, .want = &w1};

	lock(&w1);
	start(&other);
	CHECK_ERR(futex(&w2, FUTEX_LOCK_PI | P, 0, NULL, NULL, 0), EDEADLK);
	unlock(&w1);
	finish(&other);
	CHECK_EQ(other.result, 0);
}

static volatile int hogging;

static void *hog(void *arg)
{
	struct sched_param sp = {.sched_priority = 10};
	struct timespec from, now;

	sched_setscheduler(0, SCHED_FIFO, &sp);
	clock_gettime(CLOCK_MONOTONIC, &from);
	hogging = 1;
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 < 600);
	hogging = 2;
	return arg;
}

/* On one CPU: the ordinary owner runs beside a real-time hog because a better one waits for it. */
TEST(no_inversion)
{
	static uint32_t w;
	struct actor low = {.hold = &w}, high = {.want = &w, .prio = 20};
	struct sched_param sp = {.sched_priority = 50};
	cpu_set_t one;
	pthread_t h;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
	REQUIRE(sched_setscheduler(0, SCHED_FIFO, &sp) == 0);
	pthread_attr_t attr;
	struct sched_param other = {0};

	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
	pthread_attr_setschedparam(&attr, &other);
	REQUIRE(pthread_create(&low.thread, &attr, act, &low) == 0);
	while (!low.tid)
		usleep(1000);
	REQUIRE(pthread_create(&h, NULL, hog, NULL) == 0);
	while (!hogging)
		usleep(1000);
	start(&high);
	low.release = 1;
	for (int i = 0; i < 300 && !high.done; i++)
		usleep(1000);
	CHECK(high.done);
	CHECK_EQ(hogging, 1);
	finish(&high);
	pthread_join(h, NULL);
	finish(&low);
}

/* --- dead owners --- */

static void *lock_and_die(void *arg)
{
	lock(arg);
	usleep(100000);
	return NULL;
}

TEST(owner_dies)
{
	static uint32_t w;
	uint32_t me = (uint32_t)gettid_();
	pthread_t t;

	REQUIRE(pthread_create(&t, NULL, lock_and_die, &w) == 0);
	while (!w)
		usleep(1000);
	CHECK_EQ(futex(&w, FUTEX_LOCK_PI | P, 0, NULL, NULL, 0), 0);
	CHECK_EQ(w & FUTEX_TID_MASK, me);
	CHECK(w & FUTEX_OWNER_DIED);
	pthread_join(t, NULL);
	CHECK_EQ(futex(&w, FUTEX_UNLOCK_PI | P, 0, NULL, NULL, 0), 0);
	CHECK_EQ(w & FUTEX_TID_MASK, 0);
}

TEST(robust_pi_between_processes)
{
	pthread_mutex_t *m =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t a;
	int st;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	REQUIRE(pthread_mutex_init(m, &a) == 0);
	for (int waits = 0; waits < 2; waits++) {
		pid_t pid = fork();

		if (!pid) {
			pthread_mutex_lock(m);
			if (waits)
				usleep(100000);
			_exit(0);
		}
		if (waits)
			while (pthread_mutex_trylock(m) == 0) {
				pthread_mutex_unlock(m);
				usleep(1000);
			}
		else
			waitpid(pid, &st, 0);
		CHECK_EQ(pthread_mutex_lock(m), EOWNERDEAD);
		CHECK_EQ(pthread_mutex_consistent(m), 0);
		CHECK_EQ(pthread_mutex_unlock(m), 0);
		if (waits)
			waitpid(pid, &st, 0);
	}
}

/* --- requeueing --- */

static uint32_t cond, mutex_word;
static volatile int waiting, through;

static void *wait_requeue(void *arg)
{
	uint32_t seen = cond;

	__atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
	long r = futex(&cond, FUTEX_WAIT_REQUEUE_PI | P, seen, arg, &mutex_word, 0);

	if (r)
		return (void *)(long)errno;
	CHECK_EQ(mutex_word & FUTEX_TID_MASK, gettid_());
	__atomic_fetch_add(&through, 1, __ATOMIC_SEQ_CST);
	unlock(&mutex_word);
	return NULL;
}

TEST(requeue)
{
	pthread_t t[4];
	void *result;
	long moved = 0;

	for (int i = 0; i < 4; i++)
		REQUIRE(pthread_create(&t[i], NULL, wait_requeue, NULL) == 0);
	while (waiting < 4)
		usleep(1000);
	usleep(50000);
	CHECK_ERR(futex(&cond, FUTEX_WAKE | P, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex(&cond, FUTEX_REQUEUE | P, 1, (void *)1, &mutex_word, 0), EINVAL);
	CHECK_ERR(futex(&cond, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)10, &mutex_word, cond + 1),
		  EAGAIN);
	/* With the lock held all are queued on it; the lock is no plain futex. */
	lock(&mutex_word);
	moved = futex(&cond, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)1, &mutex_word, cond);
	CHECK_EQ(moved, 2);
	CHECK_EQ(through, 0);
	CHECK_ERR(futex(&mutex_word, FUTEX_WAKE | P, 1, NULL, NULL, 0), EINVAL);
	unlock(&mutex_word);
	pthread_t dummy;

	(void)dummy;
	for (int i = 0; i < 1000 && through < 2; i++)
		usleep(1000);
	CHECK_EQ(through, 2);
	/* With the lock free the first gets it at once. */
	CHECK_EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)10, &mutex_word, cond), 2);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &result);
		CHECK_EQ((long)result, 0);
	}
	CHECK_EQ(through, 4);
	CHECK_EQ(mutex_word & FUTEX_TID_MASK, 0);
}

TEST(requeue_timeouts)
{
	struct timespec t;
	pthread_t a;
	void *result;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += 50000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	CHECK_ERR(futex(&cond, FUTEX_WAIT_REQUEUE_PI | P, cond, &t, &mutex_word, 0), ETIMEDOUT);
	CHECK_ERR(futex(&cond, FUTEX_WAIT_REQUEUE_PI | P, cond + 1, &t, &mutex_word, 0), EAGAIN);
	/* Times out on the lock that it was moved to. */
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec++;
	waiting = 0;
	REQUIRE(pthread_create(&a, NULL, wait_requeue, &t) == 0);
	while (!waiting)
		usleep(1000);
	usleep(50000);
	lock(&mutex_word);
	CHECK_EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)10, &mutex_word, cond), 1);
	pthread_join(a, &result);
	CHECK_EQ((long)result, ETIMEDOUT);
	unlock(&mutex_word);
}

static void *pi_counter(void *arg)
{
	pthread_mutex_t *m = arg;
	static long counter;

	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(m);
		counter++;
		if (i % 64 == 0)
			sched_yield();
		pthread_mutex_unlock(m);
	}
	return (void *)counter;
}

TEST(pi_mutex_contended)
{
	pthread_mutexattr_t a;
	pthread_mutex_t m;
	pthread_t t[4];
	long most = 0;
	void *r;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&m, &a);
	for (int i = 0; i < 4; i++)
		REQUIRE(pthread_create(&t[i], NULL, pi_counter, &m) == 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &r);
		most = (long)r > most ? (long)r : most;
	}
	CHECK_EQ(most, 2000);
}

/* --- clocks --- */

/* A step of the wall clock ends a wait until a time of that clock. */
TEST(clock_step)
{
	static uint32_t w;
	struct timespec real, mono, until;
	int st;

	if (!in_test_machine())
		return; /* not this machine's clock */
	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	pid_t pid = fork();

	if (!pid) {
		until = real;
		until.tv_sec += 1000;
		long r = futex(&w, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &until, NULL, ~0u);

		_exit(r == -1 && errno == ETIMEDOUT ? 0 : 1);
	}
	usleep(100000);
	until = real;
	until.tv_sec += 2000;
	CHECK_EQ(clock_settime(CLOCK_REALTIME, &until), 0);
	REQUIRE(waitpid(pid, &st, 0) == pid);
	CHECK_EQ(st, 0);
	clock_settime(CLOCK_REALTIME, &real);
}

/* --- futex_waitv --- */

static long waitv(struct futex_waitv *v, unsigned int n, unsigned int flags,
		  const struct timespec *t, int clock)
{
	return syscall(449 /* SYS_futex_waitv */, v, n, flags, t, clock);
}

static uint32_t words[3];

static void *wake_second(void *arg)
{
	usleep(50000);
	words[1] = 1;
	futex(&words[1], FUTEX_WAKE | P, 1, NULL, NULL, 0);
	return arg;
}

TEST(waitv)
{
	struct futex_waitv v[3];
	struct timespec t;
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		v[i] = (struct futex_waitv){.uaddr = (uintptr_t)&words[i], .flags = FUTEX_32 | P};
	REQUIRE(pthread_create(&thread, NULL, wake_second, NULL) == 0);
	CHECK_EQ(waitv(v, 3, 0, NULL, 0), 1);
	pthread_join(thread, NULL);
	CHECK_ERR(waitv(v, 3, 0, NULL, 0), EAGAIN);
	words[1] = 0;
	clock_gettime(CLOCK_MONOTONIC, &t);
	CHECK_ERR(waitv(v, 3, 0, &t, CLOCK_MONOTONIC), ETIMEDOUT);
	clock_gettime(CLOCK_REALTIME, &t);
	CHECK_ERR(waitv(v, 3, 0, &t, CLOCK_REALTIME), ETIMEDOUT);
	CHECK_ERR(waitv(v, 3, 0, &t, CLOCK_TAI), EINVAL);
	CHECK_ERR(waitv(v, 3, 1, &t, CLOCK_REALTIME), EINVAL);
	CHECK_ERR(waitv(v, 0, 0, &t, CLOCK_REALTIME), EINVAL);
	CHECK_ERR(waitv(v, 129, 0, &t, CLOCK_REALTIME), EINVAL);
	CHECK_ERR(waitv(NULL, 1, 0, &t, CLOCK_REALTIME), EINVAL);
	CHECK_ERR(waitv((void *)8, 1, 0, NULL, 0), EFAULT);
	v[2].flags = P;
	CHECK_ERR(waitv(v, 3, 0, NULL, 0), EINVAL);
	v[2].flags = FUTEX_32 | 64;
	CHECK_ERR(waitv(v, 3, 0, NULL, 0), EINVAL);
	v[2].flags = FUTEX_32;
	v[2].__reserved = 1;
	CHECK_ERR(waitv(v, 3, 0, NULL, 0), EINVAL);
	v[2].__reserved = 0;
	v[2].uaddr = 2;
	CHECK_ERR(waitv(v, 3, 0, NULL, 0), EINVAL);
	v[2].uaddr = 8;
	CHECK_ERR(waitv(v, 3, 0, NULL, 0), EFAULT);
}

int main(void)
{
	return test_run();
}
