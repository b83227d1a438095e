/*
 * Every allocation can fail: each call of a table is made again and again, with the first, the
 * second, the third ... allocation failing, until it is not reached any more.  It says ENOMEM (or
 * what else the call says then) or does its work, and nothing stays behind.
 *
 * Needs /proc/self/fail-nth: a debug kernel.
 */
#pragma once

#include "proc_help.h"
#include <mqueue.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <time.h>

#define MOST 400   /* allocations of one call */
#define AGAIN_S 25 /* of the minute that a test has: beyond, not twice */
#define IN_CHILD 1u
#define TRY(call)                      \
	do {                           \
		if ((call) < 0)        \
			return -errno; \
	} while (0)

__attribute__((unused)) static int nth_fd, first_fd;
__attribute__((unused)) static int *said; /* by a child: the errno */
__attribute__((unused)) static char *const program = "/proc/self/exe";

/* What a call leaves when it is cut short. */
__attribute__((unused)) static int shm_id = -1, sem_id = -1, msg_id = -1;
__attribute__((unused)) static void *mapped = MAP_FAILED, *attached = (void *)-1;
__attribute__((unused)) static size_t mapped_len;
__attribute__((unused)) static pid_t tracee;
__attribute__((unused)) static timer_t timer;
__attribute__((unused)) static int has_timer;

static inline void arm(int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(nth_fd, text, (size_t)len, 0) != len)
		_exit(99);
}

/* Was the allocation that was to fail reached? */
static inline int disarm(void)
{
	char text[16] = "";
	ssize_t n;

	lseek(nth_fd, 0, SEEK_SET);
	n = read(nth_fd, text, sizeof(text) - 1);
	/* If it is reached now only, the reading itself fails. */
	int reached = n > 0 && !atoi(text);

	arm(0);
	return reached;
}

static inline void undo(void)
{
	if (mapped != MAP_FAILED)
		munmap(mapped, mapped_len);
	if (attached != (void *)-1)
		shmdt(attached);
	if (shm_id >= 0)
		shmctl(shm_id, IPC_RMID, NULL);
	if (sem_id >= 0)
		semctl(sem_id, 0, IPC_RMID);
	if (msg_id >= 0)
		msgctl(msg_id, IPC_RMID, NULL);
	if (has_timer)
		timer_delete(timer);
	mapped = MAP_FAILED;
	attached = (void *)-1;
	shm_id = sem_id = msg_id = -1;
	has_timer = 0;
	close_range((unsigned int)first_fd, ~0u, 0);
	if (umount2("d.m", MNT_DETACH) && errno != EINVAL && errno != ENOENT)
		CHECK(!"umount");
	unlink("new");
	unlink("new2");
	unlink("sock");
	rmdir("dir");
	mq_unlink("/failures");
}

/* --- the calls --- */

static inline int do_userns(void)
{
	int fd;

	TRY(unshare(CLONE_NEWUSER));
	fd = open("/proc/self/uid_map", O_WRONLY);
	TRY(fd);
	TRY(write(fd, "0 0 1", 5));
	return 0;
}

struct row {
	const char *name;
	int (*call)(void);
	unsigned int flags;
	int also; /* what Linux says too: without a counter or an entry of a table, say */
};

static inline int explained(const struct row *r, int err)
{
	return err == -ENOMEM ||
	       (err && (err == -r->also || (r->call == do_userns && err == -ENOSPC)));
}

/* The call with the @n-th allocation failing.  *reached: did it fail? */
static inline int once(const struct row *r, int n, int *reached)
{
	int err;

	arm(n);
	err = r->call();
	*reached = disarm();
	undo();
	return err;
}

/* The same in a process that ends with what happened. */
static inline int once_in_child(const struct row *r, int n, int *reached)
{
	int status, err;
	pid_t pid = fork();

	if (!pid) {
		int got;

		close(nth_fd);
		nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
		arm(n);
		err = r->call();
		got = disarm();
		*said = -err;
		_exit(explained(r, err) ? 2 + got : err ? 9 : got);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	undo();
	/* Too late for an error, exec ends the process. */
	if (WIFSIGNALED(status)) {
		*reached = 1;
		return WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGSEGV ? 0 : -EIO;
	}
	*reached = WEXITSTATUS(status) & 1;
	return WEXITSTATUS(status) == 9 ? -*said : WEXITSTATUS(status) >= 2 ? -ENOMEM : 0;
}

static inline void sweep(const struct row *r)
{
	int reached = 1, failed = 0, n;

	for (n = 0; n < 2; n++)
		(void)once_in_child(r, 0, &reached); /* so that stocks are filled */
	for (n = 1, reached = 1; reached && n < MOST; n++) {
		int err =
			r->flags & IN_CHILD ? once_in_child(r, n, &reached) : once(r, n, &reached);

		failed += err != 0;
		if (err && !explained(r, err)) {
			printf("# %s: allocation %d: errno %d\n", r->name, n, -err);
			test_failures++;
		}
		if (err && !reached) {
			printf("# %s: errno %d without a failure\n", r->name, -err);
			test_failures++;
		}
	}
	if (getenv("VERBOSE"))
		printf("# %s: %d allocations, %d errors\n", r->name, n - 2, failed);
	CHECK(n > 1 && n < MOST);
}

static inline void prepare(void)
{
	int fd;

	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	REQUIRE(nth_fd >= 0);
	said = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(said != MAP_FAILED);
	mkdir("/tmp/failures", 0755);
	REQUIRE(!chdir("/tmp/failures"));
	mkdir("d.m", 0700);
	fd = open("file", O_CREAT | O_RDWR, 0666);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
	fd = open("big", O_CREAT | O_RDWR, 0666);
	CHECK(fd >= 0 && !ftruncate(fd, 1 << 16) && pwrite(fd, "x", 1, 4096) == 1);
	close(fd);
	fd = open("script", O_CREAT | O_RDWR, 0755);
	CHECK(fd >= 0 && write(fd, "#!/proc/self/exe --look\n", 24) == 24);
	close(fd);
	first_fd = nth_fd + 1;
	tracee = fork();
	if (!tracee)
		for (;;)
			pause();
}

static inline void finish(void)
{
	kill(tracee, SIGKILL);
	waitpid(tracee, NULL, 0);
	unlink("file");
	unlink("big");
	unlink("script");
	rmdir("d.m");
	CHECK(!chdir("/") && !rmdir("/tmp/failures"));
}

static inline void sweep_all(const struct row *rows, size_t n)
{
	alarm(0);
	prepare();
	for (size_t i = 0; i < n; i++)
		sweep(&rows[i]);
	finish();
}
#define SWEEP(...)                                                \
	do {                                                      \
		static const struct row rows_[] = {__VA_ARGS__};  \
		sweep_all(rows_, sizeof(rows_) / sizeof(*rows_)); \
	} while (0)

/* After exec: was an allocation refused on the way here? */
static inline int look(void)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	/* Not before, if the opening fails. */
	return nth_fd < 0 ? 0 : disarm();
}

/* What may not stay behind, by names of /proc/meminfo, and how much of it comes and goes by itself.
 */
static const struct {
	const char *name;
	int less; /* falls by what stays */
	long spare_kib;
} kept[] = {{"MemFree", 1, 1024},   {"AnonPages", 0, 128},  {"PageTables", 0, 128},
	    {"KernelStack", 0, 64}, {"SUnreclaim", 0, 512}, {"Shmem", 0, 64},
	    {"Mlocked", 0, 0}};
#define KEPT (sizeof(kept) / sizeof(kept[0]))

static inline void read_kept(long *out)
{
	write_text("/proc/sys/vm/drop_caches", "3");
	for (size_t i = 0; i < KEPT; i++)
		out[i] = read_field("/proc/meminfo", kept[i].name);
}

/* All memory is back, now or within a few seconds. */
static inline int is_back(const long *before)
{
	long now[KEPT], stays[KEPT];
	int more = 1;

	for (int tries = 0; more && tries < 20; tries++) {
		if (tries)
			usleep(100000);
		read_kept(now);
		more = 0;
		for (size_t i = 0; i < KEPT; i++) {
			stays[i] = kept[i].less ? before[i] - now[i] : now[i] - before[i];
			more |= stays[i] > kept[i].spare_kib;
		}
	}
	for (size_t i = 0; more && i < KEPT; i++)
		printf("# %s: %ld KiB before, %ld after\n", kept[i].name, before[i], now[i]);
	return !more;
}

/* The same once more, quietly: what stocks and quarantines keep they have from the first time. */
static inline int again(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		freopen("/dev/null", "w", stdout);
		_exit(test_run());
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return status;
}

static inline int failures_main(int argc, char **argv)
{
	long before[KEPT];
	time_t start = time(NULL);

	if (argc > 1 && !strcmp(argv[1], "--look"))
		return look();
	if (access("/proc/thread-self/fail-nth", F_OK)) {
		printf("no /proc/self/fail-nth: not a debug kernel\n");
		return 77;
	}
	int failed = test_run();

	if (failed || geteuid())
		return failed;
	if (time(NULL) - start > AGAIN_S) {
		printf("# too slow a machine to look whether memory is back\n");
		return 0;
	}
	read_kept(before);
	int back = !again() && is_back(before);

	printf("%s - memory is back\n", back ? "ok" : "not ok");
	return !back;
}
