/* corbel: runs one Linux program in a virtual machine of its own. */
#include <argp.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <generated/version.h>

#include "host_impl.h"

const char *argp_program_version = "corbel " CORBEL_VERSION " (" CORBEL_COMMIT ")";

static const char doc[] =
	"Boots the Corbel kernel in a virtual machine, runs CMD in it, and exits with CMD's "
	"status.\v"
	"The root file system is DIR or TAR (--rootfs), or the one program FILE (--binary), whose "
	"arguments are then the words after --. Without --rootfs and --binary there is no root and "
	"nothing to run.\n\n"
	"^] three times in a row ends the machine at once.\n\n"
	"Exit status: that of CMD (128+N when signal N ended it; 126 and 127 when it could not be "
	"started); 125 bad usage or unreadable input, 124 --timeout is over, 123 the kernel "
	"panicked, "
	"122 QEMU is missing or refused to start, 121 the machine ended without a report.\n\n"
	"Example:\n  corbel run --rootfs debian.tar -- python3 -c 'print(6 * 7)'";

enum {
	KEY_ROOTFS = 256,
	KEY_BINARY,
	KEY_APPEND,
	KEY_TIMEOUT,
	KEY_MACHINE,
	KEY_VMM_ARG,
	KEY_KERNEL,
	KEY_ACCEL,
};

static const struct argp_option options[] = {
	{"memory", 'm', "SIZE", 0, "Memory, e.g. 512M or 2G (default: 256M, more for a large root)",
	 0},
	{"cpus", 'c', "CPUS", 0, "Number of CPUs (default 1)", 0},
	{"rootfs", KEY_ROOTFS, "DIR|TAR", 0, "Root file system: a directory, or a tar file", 0},
	{"binary", KEY_BINARY, "FILE", 0, "Run this static program and nothing else", 0},
	{"env", 'e', "K=V", 0,
	 "Set a variable of CMD's environment; K alone takes the host's value", 0},
	{"workdir", 'w', "DIR", 0, "Working directory of CMD (default /root or /)", 0},
	{"append", KEY_APPEND, "STR", 0, "Add words to the kernel's command line", 0},
	{"timeout", KEY_TIMEOUT, "S", 0, "End the machine after S seconds", 0},
	{"machine", KEY_MACHINE, "TYPE", 0, "q35 (default), pc or microvm", 0},
	{"accel", KEY_ACCEL, "NAME", 0, "Accelerator of QEMU: tcg (default) or kvm", 0},
	{"vmm-arg", KEY_VMM_ARG, "ARG", 0, "Add an argument to QEMU's command line", 0},
	{"kernel", KEY_KERNEL, "FILE", 0,
	 "Kernel image (default: the one built with this launcher)", 0},
	{"verbose", 'v', NULL, 0, "Show the kernel's messages", 0},
	{0},
};

void host_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "corbel: ");
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

/* A decimal number from 1 to @max, or an error that ends the program. */
static unsigned int number(struct argp_state *state, const char *what, const char *s,
			   unsigned long max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno || *end || !*s || *s == '-' || n < 1 || n > max)
		argp_error(state, "%s: a number from 1 to %lu is wanted, not '%s'", what, max, s);
	return (unsigned int)n;
}

/* Appends to one of the lists; they have room for every word of the command line. */
static void add_env(struct host_options *o, char *arg, struct argp_state *state)
{
	char *value;

	if (!strchr(arg, '=')) {
		value = getenv(arg);
		if (!value)
			return;
		if (asprintf(&arg, "%s=%s", arg, value) < 0)
			argp_failure(state, HOST_ERROR, ENOMEM, "-e");
	} else if (*arg == '=') {
		argp_error(state, "-e: a name is missing in '%s'", arg);
	}
	o->env[o->env_count++] = arg;
}

static void check(struct host_options *o, struct argp_state *state)
{
	if (o->rootfs && o->binary)
		argp_error(state, "--rootfs and --binary exclude each other");
	if (!o->rootfs && !o->binary)
		argp_error(state, "name a root file system (--rootfs DIR or TAR) or a program "
				  "(--binary FILE)");
	if (o->rootfs && !o->command_count)
		argp_error(state, "name the command to run, e.g. -- /bin/bash -l");
	if (o->workdir && *o->workdir != '/')
		argp_error(state, "--workdir: an absolute path is wanted, not '%s'", o->workdir);
	if (strcmp(o->machine, "q35") && strcmp(o->machine, "pc") && strcmp(o->machine, "microvm"))
		argp_error(state, "--machine: q35, pc or microvm, not '%s'", o->machine);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct host_options *o = state->input;

	switch (key) {
	case 'm':
		o->memory = arg;
		break;
	case 'c':
		o->cpus = number(state, "--cpus", arg, 255);
		break;
	case 'e':
		add_env(o, arg, state);
		break;
	case 'w':
		o->workdir = arg;
		break;
	case 'v':
		o->verbose = true;
		break;
	case KEY_ROOTFS:
		o->rootfs = arg;
		break;
	case KEY_BINARY:
		o->binary = arg;
		break;
	case KEY_APPEND:
		o->append = arg;
		break;
	case KEY_TIMEOUT:
		o->timeout_s = number(state, "--timeout", arg, 1000000);
		break;
	case KEY_MACHINE:
		o->machine = arg;
		break;
	case KEY_ACCEL:
		o->accel = arg;
		break;
	case KEY_KERNEL:
		o->kernel = arg;
		break;
	case KEY_VMM_ARG:
		o->vmm_args[o->vmm_arg_count++] = arg;
		break;
	case ARGP_KEY_ARGS:
		o->command = state->argv + state->next;
		o->command_count = (size_t)(state->argc - state->next);
		break;
	case ARGP_KEY_END:
		check(o, state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/*
 * The kernel that belongs to this launcher: beside it in the build tree, or where `make install`
 * puts it.
 */
static const char *find_kernel(const struct host_options *o)
{
	static const char *const places[] = {"../corbel", "../lib/corbel/kernel"};
	static char path[PATH_MAX * 2];
	char self[PATH_MAX];
	const char *env = getenv("CORBEL_KERNEL");
	ssize_t n;

	if (o->kernel || (env && *env)) {
		const char *named = o->kernel ? o->kernel : env;

		if (access(named, R_OK) == 0)
			return named;
		host_say("cannot read the kernel %s: %s", named, strerror(errno));
		return NULL;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = '\0';

	const char *dir = dirname(self);

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, places[i]);
		if (access(path, R_OK) == 0)
			return path;
	}
	host_say("no kernel beside %s; build it with `make`, or name one with --kernel", dir);
	return NULL;
}

static int run(const struct host_options *o)
{
	struct vmm vm;
	uint64_t size;
	int initrd;
	const char *kernel = find_kernel(o);

	if (!kernel || root_build(o, &initrd, &size))
		return HOST_ERROR;

	int err = vmm_start(o, kernel, initrd, size, &vm);

	return err ? err : session_run(o, &vm);
}

int main(int argc, char **argv)
{
	static const struct argp parser = {options, parse, "-- CMD ARG...", doc, NULL, NULL, NULL};
	struct host_options o = {.cpus = 1, .machine = "q35", .accel = "tcg"};
	char name[] = "corbel run";

	argp_err_exit_status = HOST_ERROR;
	if (argc < 2 || strcmp(argv[1], "run")) {
		if (argc == 2 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))) {
			puts(argp_program_version);
			return 0;
		}
		bool help = argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-?"));

		fputs("Usage: corbel run [OPTION...] -- CMD ARG...\n"
		      "`corbel run --help` lists the options.\n",
		      help ? stdout : stderr);
		return help ? 0 : HOST_ERROR;
	}
	o.env = calloc((size_t)argc, sizeof(*o.env));
	o.vmm_args = calloc((size_t)argc, sizeof(*o.vmm_args));
	if (!o.env || !o.vmm_args) {
		host_say("out of memory");
		return HOST_ERROR;
	}
	argv[1] = name;
	/* The first word that is no option starts CMD, so CMD's own options need no quoting. */
	argp_parse(&parser, argc - 1, argv + 1, ARGP_IN_ORDER, NULL, &o);
	return run(&o);
}
