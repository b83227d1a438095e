/*
 * fail-each SECONDS PROGRAM[:TEST]...: runs a program with its first allocation in the kernel
 * failing, then with its second, and so on until it no longer comes so far. TEST is one test of a
 * program of test/user.
 *
 * The program may do what it likes, but end: it is killed after SECONDS. Then no memory is missing,
 * and the run that nothing failed in has status 0. What the kernel reports meanwhile is on the
 * console.
 *
 * Prints a line of TAP for each. Needs a debug kernel (/proc/PID/fail-nth).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 20000 /* allocations of one program */
#define SLACK 256  /* KiB that stocks and shadow of stacks may have taken */

static const char work_dir[] = "/tmp/fail-each";

struct outcome {
	int status;  /* as waitpid() has it */
	int reached; /* did an allocation fail? */
	int late;    /* killed after its time */
};

static void put_text(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		printf("# %s: %s\n", file, strerror(errno));
	close(fd);
}

static long meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "r");
	size_t len = strlen(name);
	char line[128];
	long kib = -1;

	while (f && kib < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && line[len] == ':')
			kib = atol(line + len + 1);
	if (f)
		fclose(f);
	return kib;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	if (at->level)
		remove(path);
	return 0;
}

/* What a program that was cut short leaves on purpose. */
static void tidy(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	nftw(work_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	put_text("/proc/sys/vm/nr_hugepages", "0");
}

/* Exec the program, its n-th allocation from here on failing. */
static void run_child(char *program, const char *test, int n)
{
	char *argv[] = {program, NULL}, text[16];
	int null = open("/dev/null", O_RDWR), fd = open("/proc/thread-self/fail-nth", O_WRONLY);
	int len = snprintf(text, sizeof(text), "%d", n);

	setpgid(0, 0);
	if (null < 0 || fd < 0 || chdir(work_dir))
		_exit(126);
	if (test)
		setenv("TEST_ONLY", test, 1);
	dup2(null, 0);
	if (n) {
		dup2(null, 1);
		dup2(null, 2);
	}
	close(null);
	if (write(fd, text, (size_t)len) != len)
		_exit(126);
	execv(program, argv);
	_exit(127);
}

/* Waits for the end of a child that stays a zombie; false: it takes too long. */
static int wait_for_end(pid_t pid, int seconds)
{
	struct timespec tick = {0, 2000000};
	siginfo_t info = {0};

	for (long i = 0; i < seconds * 500L; i++) {
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT))
			return 0;
		if (info.si_pid)
			return 1;
		nanosleep(&tick, NULL);
	}
	return 0;
}

/* Was the allocation that was to fail asked for? */
static int was_reached(pid_t pid)
{
	char path[64];
	int n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fail-nth", (int)pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%d", &n) != 1)
		printf("# %s: %s\n", path, strerror(errno));
	if (f)
		fclose(f);
	return n == 0;
}

static struct outcome once(char *program, const char *test, int n, int seconds)
{
	struct outcome o = {-1, 1, 0};
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return o;
	if (!pid)
		run_child(program, test, n);
	o.late = !wait_for_end(pid, seconds);
	if (o.late) {
		kill(-pid, SIGKILL);
		wait_for_end(pid, seconds);
	}
	o.reached = was_reached(pid);
	kill(-pid, SIGKILL);
	waitpid(pid, &o.status, 0);
	tidy();
	return o;
}

/* Free memory once nothing more is on its way, in KiB; at most @want is waited for. */
static long settled(long want)
{
	struct timespec tick = {0, 100000000};
	long best = 0;

	for (int i = 0; i < 30 && best < want; i++) {
		long now;

		tidy();
		put_text("/proc/sys/vm/drop_caches", "3");
		nanosleep(&tick, NULL);
		now = meminfo("MemFree");
		if (now > best)
			best = now;
	}
	return best;
}

static int sweep(char *program, const char *test, int seconds)
{
	struct outcome o = {0, 1, 0};
	int late = 0, failed = 0, n;
	long before, after;

	/* So that stocks are filled. */
	for (n = 0; n < 3; n++)
		o = once(program, test, 0, seconds);
	if (o.status)
		printf("# status %#x when nothing fails\n", (unsigned int)o.status);
	before = settled(1L << 40);
	for (n = 1, o.reached = 1; o.reached && n < MOST; n++) {
		o = once(program, test, n, seconds);
		late += o.late;
		failed += o.status != 0;
	}
	after = settled(before - SLACK);
	printf("# %d allocations: %d runs failed, %d had to be killed; %ld KiB less are free\n",
	       n - 2, failed, late, before - after);
	if (o.status)
		printf("# status %#x in the end\n", (unsigned int)o.status);
	return !o.reached && !o.status && n > 2 && after >= before - SLACK;
}

int main(int argc, char **argv)
{
	int bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 3) {
		fprintf(stderr, "usage: fail-each SECONDS PROGRAM[:TEST]...\n");
		return 2;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	mkdir(work_dir, 0777);
	for (int i = 2; i < argc; i++) {
		char *program = strdup(argv[i]), *test = strchr(program, ':');

		if (test)
			*test++ = 0;
		int good = sweep(program, test, atoi(argv[1]));

		printf("%s - %s\n", good ? "ok" : "not ok", argv[i]);
		bad += !good;
		free(program);
	}
	return bad != 0;
}
