/* Out of memory: who dies, what is said, who lives.  Adjusting and reading of scores. */
#include "test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

static int put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY), err;

	if (fd < 0)
		return -1;
	err = write(fd, text, strlen(text)) < 0 ? errno : 0;
	close(fd);
	errno = err;
	return err ? -1 : 0;
}

static long get(const char *file)
{
	char buf[64] = "";
	int fd = open(file, O_RDONLY);

	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) < 0)
		return -99999;
	close(fd);
	return atol(buf);
}

static long vmstat(const char *name)
{
	FILE *f = fopen("/proc/vmstat", "r");
	char key[64];
	long v, found = -1;

	while (f && fscanf(f, "%63s %ld", key, &v) == 2)
		if (!strcmp(key, name))
			found = v;
	if (f)
		fclose(f);
	return found;
}

TEST(adjustments)
{
	int status;

	CHECK_EQ(get("/proc/self/oom_score_adj"), 0);
	CHECK_EQ(get("/proc/self/oom_adj"), 0);
	CHECK(get("/proc/self/oom_score") >= 666 && get("/proc/self/oom_score") < 700);
	CHECK_ERR(put("/proc/self/oom_score_adj", "1001"), EINVAL);
	CHECK_ERR(put("/proc/self/oom_score_adj", "x"), EINVAL);
	CHECK(!put("/proc/self/oom_score_adj", "500\n"));
	CHECK_EQ(get("/proc/self/oom_score_adj"), 500);
	CHECK_EQ(get("/proc/self/oom_adj"), 8);
	CHECK(get("/proc/self/oom_score") >= 980);
	CHECK(!put("/proc/self/oom_adj", "15"));
	CHECK_EQ(get("/proc/self/oom_score_adj"), 1000);
	CHECK_EQ(get("/proc/self/oom_adj"), 15);
	CHECK_ERR(put("/proc/self/oom_adj", "16"), EINVAL);
	CHECK_ERR(put("/proc/self/oom_adj", "-18"), EINVAL);
	if (!put("/proc/self/oom_adj", "-17")) {
		CHECK_EQ(get("/proc/self/oom_score_adj"), -1000);
		CHECK_EQ(get("/proc/self/oom_score"), 0);
	}
	CHECK(!put("/proc/self/oom_score_adj", "100"));
	if (!fork()) {
		CHECK_EQ(get("/proc/self/oom_score_adj"), 100);
		if (setuid(9))
			_exit(2);
		CHECK_ERR(put("/proc/self/oom_score_adj", "99"), EACCES);
		_exit(test_failures);
	}
	CHECK(wait(&status) > 0 && !status);
}

static void hog(void)
{
	for (;;) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		if (p != MAP_FAILED)
			memset(p, 1, 1 << 20);
	}
}

/* The machine of these tests is small enough to be filled. */
static int may_fill(void)
{
	struct sysinfo si;

	return !sysinfo(&si) && si.totalram * si.mem_unit < (1ull << 30) && !getuid();
}

TEST(hog_beside_a_sleeper)
{
	char text[100], *log = malloc(1 << 18);
	long kills = vmstat("oom_kill"), n;
	int status, pipes[2];
	pid_t sleeper, hungry;
	char c = 0;

	if (!may_fill())
		return;
	put("/proc/self/oom_score_adj", "-1000");
	CHECK(!pipe(pipes));
	sleeper = fork();
	if (!sleeper) {
		put("/proc/self/oom_score_adj", "0");
		(void)!read(pipes[0], &c, 1);
		_exit(7);
	}
	hungry = fork();
	if (!hungry) {
		put("/proc/self/oom_score_adj", "0");
		hog();
	}
	CHECK_EQ(waitpid(hungry, &status, 0), hungry);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_EQ(write(pipes[1], "x", 1), 1);
	CHECK_EQ(waitpid(sleeper, &status, 0), sleeper);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	CHECK_EQ(vmstat("oom_kill"), kills + 1);
	n = klogctl(3, log, (1 << 18) - 1);
	REQUIRE(n > 0);
	log[n] = 0;
	snprintf(text, sizeof(text), "Out of memory: Killed process %d (", hungry);
	CHECK(strstr(log, text));
	CHECK(strstr(log, "invoked oom-killer: gfp_mask=0x"));
	CHECK(strstr(log, ",global_oom,task_memcg=/,task="));
	CHECK(strstr(log, "Tasks state (memory values in pages):"));
}

/* Two processes with one memory die together; threads too. */
static int shared_hog(void *arg)
{
	(void)arg;
	hog();
	return 0;
}

TEST(sharers_die_together)
{
	static char stack[65536];
	int status;
	pid_t first;

	if (!may_fill())
		return;
	put("/proc/self/oom_score_adj", "-1000");
	first = fork();
	if (!first) {
		put("/proc/self/oom_score_adj", "0");
		if (clone(shared_hog, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL) < 0)
			_exit(3);
		pause();
		_exit(4);
	}
	CHECK_EQ(waitpid(first, &status, 0), first);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(full_tmpfs_is_no_death)
{
	char *block = calloc(1, 1 << 20);
	struct sysinfo si;
	long kills = vmstat("oom_kill");
	int fd, err = 0;

	if (!may_fill() || sysinfo(&si))
		return;
	mkdir("/tmp/oom.d", 0755);
	REQUIRE(!mount("x", "/tmp/oom.d", "tmpfs", 0, "size=40%"));
	fd = open("/tmp/oom.d/f", O_CREAT | O_RDWR, 0600);
	while (!err)
		err = write(fd, block, 1 << 20) < 0 ? errno : 0;
	CHECK_EQ(err, ENOSPC);
	CHECK(!ftruncate(fd, 0));
	close(fd);
	CHECK(!umount("/tmp/oom.d"));
	CHECK_EQ(vmstat("oom_kill"), kills);
}

TEST(fork_bomb_is_bounded)
{
	struct rlimit r = {40, 40};
	int status;

	if (!may_fill())
		return;
	if (!fork()) {
		int made = 0, failed = 0;

		if (setrlimit(RLIMIT_NPROC, &r) || setuid(777))
			_exit(2);
		for (int i = 0; i < 200; i++) {
			pid_t p = fork();

			if (!p)
				for (;;)
					pause();
			made += p > 0;
			failed += p < 0 && errno == EAGAIN;
		}
		kill(-1, SIGKILL);
		CHECK_EQ(made, 39);
		CHECK_EQ(failed, 161);
		_exit(test_failures);
	}
	CHECK(wait(&status) > 0);
	CHECK(!status);
}

TEST(caches_are_dropped)
{
	if (getuid())
		return;
	CHECK_ERR(put("/proc/sys/vm/drop_caches", "0"), EINVAL);
	CHECK_ERR(put("/proc/sys/vm/drop_caches", "5"), EINVAL);
	CHECK(!put("/proc/sys/vm/drop_caches", "1"));
	CHECK(!put("/proc/sys/vm/drop_caches", "2"));
	CHECK(!put("/proc/sys/vm/drop_caches", "3\n"));
	CHECK(get("/proc/sys/vm/min_free_kbytes") > 0);
	CHECK_EQ(get("/proc/sys/vm/vfs_cache_pressure"), 100);
	CHECK_EQ(get("/proc/sys/vm/panic_on_oom"), 0);
	CHECK_ERR(put("/proc/sys/vm/panic_on_oom", "3"), EINVAL);
	CHECK(vmstat("pgscan_kswapd") >= 0 && vmstat("workingset_refault_file") >= 0);
}

int main(void)
{
	return test_run();
}
