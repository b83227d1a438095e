/* faults KIND: one wrong thing each; what the kernel makes of it is the launcher's exit status. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int sink;

static int __attribute__((noinline)) recurse(int n)
{
	volatile char frame[4096];

	frame[0] = (char)n;
	return recurse(n + 1) + frame[0];
}

static void touch_until_killed(void)
{
	for (;;) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		if (p == MAP_FAILED) {
			printf("mmap: %s\n", strerror(errno));
			exit(12);
		}
		memset(p, 1, 1 << 20);
	}
}

/* A child eats all memory; the machine must be usable after that. */
static int out_of_memory(void)
{
	int st;
	pid_t pid = fork();

	if (pid == 0)
		touch_until_killed();
	if (pid < 0 || waitpid(pid, &st, 0) != pid)
		return 1;
	printf("child: signal %d status %d\n", WIFSIGNALED(st) ? WTERMSIG(st) : 0,
	       WIFEXITED(st) ? WEXITSTATUS(st) : 0);
	if (!(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL) &&
	    !(WIFEXITED(st) && WEXITSTATUS(st) == 12))
		return 2;

	char *p = malloc(8 << 20);

	if (!p)
		return 3;
	memset(p, 2, 8 << 20);
	printf("alive\n");
	return 0;
}

/* A file system of 1 MiB is filled: ENOSPC, and what was written is right. */
static int full_tmpfs(void)
{
	static char block[4096];
	size_t total = 0;
	ssize_t n;
	int fd;

	mkdir("/full", 0755);
	if (mount("none", "/full", "tmpfs", 0, "size=1m")) {
		printf("mount: %s\n", strerror(errno));
		return 1;
	}
	fd = open("/full/f", O_CREAT | O_RDWR, 0644);
	memset(block, 'x', sizeof(block));
	while ((n = write(fd, block, sizeof(block))) > 0)
		total += (size_t)n;
	printf("%zu bytes, then: %s\n", total, strerror(errno));
	if (errno != ENOSPC || total != 1 << 20)
		return 2;
	if (unlink("/full/f") || close(fd))
		return 3;
	fd = open("/full/g", O_CREAT | O_RDWR, 0644);
	printf("after unlink: %zd\n", write(fd, block, sizeof(block)));
	return 0;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";
	volatile unsigned long kernel = 0xffffffff80000000ul;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (!strcmp(kind, "recursion"))
		return recurse(0);
	if (!strcmp(kind, "write-kernel"))
		*(volatile char *)kernel = 1;
	if (!strcmp(kind, "read-kernel"))
		sink = *(volatile char *)kernel;
	if (!strcmp(kind, "write-non-canonical"))
		*(volatile char *)0x8000000000000000ul = 1;
	if (!strcmp(kind, "call-kernel"))
		((void (*)(void))kernel)();
	if (!strcmp(kind, "write-null"))
		*(volatile char *)(kernel - kernel) = 1;
	if (!strcmp(kind, "write-text"))
		*(volatile char *)(unsigned long)main = 1;
	if (!strcmp(kind, "execute-data")) {
		static char code[] = {(char)0xc3};

		((void (*)(void))(unsigned long)code)();
	}
	if (!strcmp(kind, "divide"))
		__asm__ volatile("xor %%edx, %%edx; div %%edx" ::: "eax", "edx");
	if (!strcmp(kind, "privileged"))
		__asm__ volatile("cli");
	if (!strcmp(kind, "undefined"))
		__asm__ volatile("ud2");
	if (!strcmp(kind, "bad-pointer-to-kernel"))
		return write(1, (const void *)kernel, 16) == -1 && errno == EFAULT ? 0 : 1;
	if (!strcmp(kind, "read-into-kernel")) {
		int fd = open("/dev/zero", O_RDONLY);

		return read(fd, (void *)kernel, 16) == -1 && errno == EFAULT ? 0 : 1;
	}
	if (!strcmp(kind, "out-of-memory"))
		return out_of_memory();
	if (!strcmp(kind, "full-tmpfs"))
		return full_tmpfs();
	printf("survived %s\n", kind);
	return 99;
}
