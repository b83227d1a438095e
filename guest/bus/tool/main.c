// SPDX-License-Identifier: BSD-2-Clause
/* corbel-bus: a person's way to use and to watch the message bus. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tool_impl.h"

static const char help[] =
	"usage: corbel-bus [--bus=BUS] COMMAND [OPTION...] [WORD...]\n"
	"\n"
	"  list                      who is on the bus, and which names there are\n"
	"  tree                      names below the connections that own them, and who waits for "
	"them\n"
	"  monitor                   every message, with its payload; ^C ends it\n"
	"      --count=N             after N messages\n"
	"      --bytes=N             at most N bytes of each payload (256)\n"
	"      --messages            those of programs alone, no notifications\n"
	"  top                       who sends most, by bytes and messages\n"
	"      --seconds=N           once every N seconds (2)\n"
	"      --rounds=N            N times and no more\n"
	"      --by=bytes|messages   what counts (bytes)\n"
	"  call TO [WORD...]         sends the words as payload and shows the answer\n"
	"      --timeout=SECONDS     how long to wait for it (25)\n"
	"      --file=FILE           the payload is in FILE; - is standard input\n"
	"      --memory              hand it over in sealed memory\n"
	"      --type=N              payload type, if it is not bytes\n"
	"      --raw                 write the answer's payload as it is\n"
	"  signal INTERFACE MEMBER [WORD...]\n"
	"      --path=PATH           of the object that it is about\n"
	"  echo NAME                 owns NAME and answers each call with its payload\n"
	"      --count=N             N calls and no more\n"
	"  bench                     calls between two processes: time, median and 99 of 100\n"
	"      --size=BYTES          one size; else 8 B to 1 MiB\n"
	"      --count=N             of calls of each size (1000)\n"
	"      --memory              in sealed memory\n"
	"  stats                     the counters of the bus, as the kernel keeps them\n"
	"  run NAME COMMAND...       makes a bus UID-NAME that lives as long as COMMAND does\n"
	"\n"
	"BUS is \"UID-NAME\", the path of an endpoint, or kernel:path=PATH; without --bus it is "
	"$CORBEL_BUS,\n"
	"and without that 0-system. TO is a name, or :1.N or N for the connection N.\n"
	"Status: 0; 1 when the bus says no; 2 when the command line is wrong.\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"list", command_list},	  {"tree", command_tree},   {"monitor", command_monitor},
	{"top", command_top},	  {"call", command_call},   {"signal", command_signal},
	{"echo", command_echo},	  {"bench", command_bench}, {"run", command_run},
	{"stats", command_stats},
};

const char *bus_name;
volatile int interrupted;

void fail(int error, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "corbel-bus: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	if (error)
		fprintf(stderr, ": %s", strerror(error < 0 ? -error : error));
	fprintf(stderr, "\n");
	exit(1);
}

void usage(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "corbel-bus: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; see corbel-bus --help\n");
	exit(2);
}

static const struct option_row *find_option(const struct option_row *rows, const char *word,
					    size_t length)
{
	for (; rows->name; rows++)
		if (strlen(rows->name) == length && !strncmp(rows->name, word, length))
			return rows;
	return NULL;
}

int take_options(int argc, char **argv, const struct option_row *rows)
{
	int i = 0;

	for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
		const char *word = argv[i] + 2;
		size_t length = strcspn(word, "=");

		if (!*word)
			return i + 1;
		const struct option_row *row = find_option(rows, word, length);

		if (!row)
			usage("there is no option %s here", argv[i]);
		if (row->given)
			*row->given = true;
		if (!row->value && word[length])
			usage("--%s takes no value", row->name);
		if (row->value && word[length])
			*row->value = word + length + 1;
		else if (row->value && i + 1 < argc)
			*row->value = argv[++i];
		else if (row->value)
			usage("--%s needs a value", row->name);
	}
	return i;
}

uint64_t number(const char *text, const char *what)
{
	char *end;

	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);

	if (errno || end == text || *end || !isdigit((unsigned char)*text))
		usage("%s is a number, not \"%s\"", what, text);
	return n;
}

struct cbus *connect_bus(uint64_t flags, uint64_t attach_receive)
{
	const struct cbus_options options = {.flags = flags,
					     .attach_receive = attach_receive,
					     .pool_size = 64ul << 20,
					     .description = "corbel-bus"};
	const char *name = bus_name ? bus_name : getenv("CORBEL_BUS");
	struct cbus *bus;
	int r = cbus_connect(bus_name, &options, &bus);

	if (r == -ENOENT)
		fail(0, "there is no bus %s", name && *name ? name : "0-system");
	if (r < 0)
		fail(r, "cannot connect to %s", name && *name ? name : "0-system");
	return bus;
}

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* A bus, and a command that lives on it. */
int command_run(int argc, char **argv)
{
	char name[256];
	int fd, status;

	if (argc < 2)
		usage("run needs a name and a command");
	int r = cbus_bus_make(NULL, argv[0], KDBUS_MAKE_ACCESS_WORLD, &fd);

	if (r == -ENOENT)
		fail(0, "there is no bus in this kernel: %s/control does not exist", CBUS_ROOT);
	if (r < 0)
		fail(r, "cannot make the bus %lu-%s", (unsigned long)geteuid(), argv[0]);
	snprintf(name, sizeof(name), "%lu-%s", (unsigned long)geteuid(), argv[0]);
	if (setenv("CORBEL_BUS", name, 1))
		fail(errno, "setenv");
	pid_t pid = fork();

	if (pid < 0)
		fail(errno, "fork");
	if (pid == 0) {
		close(fd);
		execvp(argv[1], argv + 1);
		fprintf(stderr, "corbel-bus: %s: %s\n", argv[1], strerror(errno));
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	bool asked = false;
	const struct option_row rows[] = {
		{"bus", &bus_name, NULL}, {"help", NULL, &asked}, {NULL, NULL, NULL}};
	const struct sigaction action = {.sa_handler = on_signal};
	int n = 1 + take_options(argc - 1, argv + 1, rows);

	if (asked || (n < argc && !strcmp(argv[n], "help"))) {
		fputs(help, stdout);
		return 0;
	}
	if (n == argc)
		usage("what shall it do?");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[n]))
			continue;
		if (n + 1 < argc && !strcmp(argv[n + 1], "--help")) {
			fputs(help, stdout);
			return 0;
		}
		if (commands[i].run != command_run) {
			sigaction(SIGINT, &action, NULL);
			sigaction(SIGTERM, &action, NULL);
		}
		int status = commands[i].run(argc - n - 1, argv + n + 1);

		if (fflush(stdout))
			fail(errno, "standard output");
		return status;
	}
	usage("there is no command \"%s\"", argv[n]);
}
