/*
 * test-runner SECONDS PROGRAM...: runs test programs one after the other inside a machine.
 *
 * Prints "@begin PROGRAM", what the program prints, and "@end PROGRAM STATUS", STATUS being the
 * exit status, 128+N for a signal or "timeout". Each program starts in an empty directory of its
 * own, in its own process group, which is killed afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void run_child(const char *program, const char *dir)
{
	char *argv[] = {strdup(program), NULL};
	int null = open("/dev/null", O_RDONLY);

	setpgid(0, 0);
	if (null > 0) {
		dup2(null, 0);
		close(null);
	}
	dup2(1, 2);
	mkdir(dir, 0777);
	if (chdir(dir))
		printf("# cannot enter %s: %s\n", dir, strerror(errno));
	fflush(stdout);
	execv(program, argv);
	printf("# cannot run %s: %s\n", program, strerror(errno));
	fflush(stdout);
	_exit(127);
}

static void run(const char *program, unsigned int seconds)
{
	char dir[256];
	int st = 0;

	snprintf(dir, sizeof(dir), "/tmp/%s", base_name(program));
	printf("@begin %s\n", base_name(program));
	fflush(stdout);

	pid_t pid = fork();

	if (pid == 0)
		run_child(program, dir);
	alarm(seconds);

	int reaped = pid > 0 && waitpid(pid, &st, 0) == pid;

	alarm(0);
	if (pid > 0)
		kill(-pid, SIGKILL);
	if (!reaped && pid > 0)
		waitpid(pid, &st, 0);
	/* What the program printed last may lack its newline. */
	if (pid < 0)
		printf("\n@end %s cannot-fork\n", base_name(program));
	else if (!reaped)
		printf("\n@end %s timeout\n", base_name(program));
	else
		printf("\n@end %s %d\n", base_name(program),
		       WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_alarm};

	if (argc < 3) {
		fprintf(stderr, "usage: test-runner SECONDS PROGRAM...\n");
		return 2;
	}
	/* No SA_RESTART: the alarm ends the wait. */
	sigaction(SIGALRM, &sa, NULL);
	for (int i = 2; i < argc; i++)
		run(argv[i], (unsigned int)atoi(argv[1]));
	return 0;
}
