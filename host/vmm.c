/*
 * The QEMU process. It inherits the far ends of its channels, so there is no name, port or file
 * that two launchers could fight over, and nothing is left behind.
 *
 * The console is a pair of pipes and not a socket: QEMU writes byte by byte, which a pipe packs
 * into pages and a socket keeps as one buffer for each byte, so that a launcher which is not
 * scheduled for a moment would make QEMU drop output.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host_impl.h"

#define VMM_PROGRAM "qemu-system-x86_64"
#define VMM_MAX_ARGS 128
#define CONSOLE_BUFFER (1 << 20)
#define DEFAULT_MEMORY_MIB 256u
#define MEMORY_ABOVE_ARCHIVE_MIB 192u

/* A command line under construction; strings made for it are never freed: exec follows. */
struct args {
	char *v[VMM_MAX_ARGS];
	size_t n;
	bool failed;
};

static void add(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct args *a, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (a->n + 1 >= VMM_MAX_ARGS || vasprintf(&s, fmt, ap) < 0)
		a->failed = true;
	else
		a->v[a->n++] = s;
	va_end(ap);
}

/*
 * Where the user names no size: enough for the archive three times (as loaded, as unpacked by a
 * kernel that copies, and what the command adds to it) and room to work.
 */
static void add_memory(struct args *a, const char *memory, uint64_t initrd_size)
{
	uint64_t mib = 3 * (initrd_size >> 20) + MEMORY_ABOVE_ARCHIVE_MIB;

	add(a, "-m");
	if (memory)
		add(a, "%s", memory);
	else
		add(a, "%lu", mib < DEFAULT_MEMORY_MIB ? (uint64_t)DEFAULT_MEMORY_MIB : mib);
}

static void add_machine(struct args *a, const char *machine)
{
	add(a, "-M");
	if (strcmp(machine, "microvm") == 0)
		add(a, "microvm,x-option-roms=off,pit=on,pic=on,rtc=on,isa-serial=on");
	else
		add(a, "%s", machine);
}

static void add_channel(struct args *a, const char *name, int fd)
{
	add(a, "-chardev");
	add(a, "socket,id=%s,fd=%d", name, fd);
}

/* Both ends of every channel. */
struct ends {
	int near[4];
	int far[4];
};

enum { END_INPUT, END_OUTPUT, END_CONTROL, END_REPORT, END_COUNT };

static void build(struct args *a, const struct host_options *opt, const char *kernel, int initrd_fd,
		  uint64_t initrd_size, const struct ends *e)
{
	add(a, VMM_PROGRAM);
	add_machine(a, opt->machine);
	add(a, "-accel");
	add(a, "%s", opt->accel);
	add(a, "-cpu");
	add(a, "max");
	add(a, "-smp");
	add(a, "%u", opt->cpus);
	add_memory(a, opt->memory, initrd_size);
	add(a, "-kernel");
	add(a, "%s", kernel);
	add(a, "-initrd");
	add(a, "/proc/self/fd/%d", initrd_fd);
	add(a, "-append");
	add(a, "console=ttyS0 panic=-1%s%s%s", opt->verbose ? "" : " quiet", opt->append ? " " : "",
	    opt->append ? opt->append : "");
	add(a, "-nodefaults");
	add(a, "-no-user-config");
	add(a, "-no-reboot");
	add(a, "-display");
	add(a, "none");
	add(a, "-chardev");
	add(a, "stdio,id=console,signal=off");
	add(a, "-serial");
	add(a, "chardev:console");
	add_channel(a, "control", e->far[END_CONTROL]);
	add(a, "-device");
	add(a, "isa-serial,index=1,iobase=0x2f8,irq=3,chardev=control");
	add_channel(a, "report", e->far[END_REPORT]);
	add(a, "-device");
	add(a, "isa-debugcon,iobase=0xe9,chardev=report");
	add(a, "-device");
	add(a, "isa-debug-exit,iobase=0xf4,iosize=4");
	for (size_t i = 0; i < opt->vmm_arg_count; i++)
		add(a, "%s", opt->vmm_args[i]);
}

/* In the child: no way back. @failed_fd tells the parent the errno of a failed exec. */
static void __attribute__((noreturn))
exec_vmm(struct args *a, const struct ends *e, int failed_fd, pid_t parent)
{
	sigset_t none;

	/* A launcher that is killed takes its machine along. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(HOST_ERROR);
	/* ^C in the host's terminal is the launcher's business. */
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(e->far[END_INPUT], 0);
	dup2(e->far[END_OUTPUT], 1);
	execvp(a->v[0], a->v);

	int err = errno;
	ssize_t n = write(failed_fd, &err, sizeof(err));

	_exit(n == sizeof(err) ? HOST_NO_VMM : HOST_ERROR);
}

static int open_ends(struct ends *e)
{
	int in[2];
	int out[2];

	/* Clear of the standard descriptors, also where the launcher was started without some. */
	for (int fd = open("/dev/null", O_RDWR); fd >= 0 && fd < 3;)
		fd = dup(fd);
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return -1;
	e->far[END_INPUT] = in[0];
	e->near[END_INPUT] = in[1];
	e->near[END_OUTPUT] = out[0];
	e->far[END_OUTPUT] = out[1];
	fcntl(out[1], F_SETPIPE_SZ, CONSOLE_BUFFER);
	for (int i = END_CONTROL; i <= END_REPORT; i++) {
		int sv[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
			return -1;
		e->near[i] = sv[0];
		e->far[i] = sv[1];
	}
	for (int i = 0; i < END_COUNT; i++)
		fcntl(e->near[i], F_SETFL, O_NONBLOCK);
	return 0;
}

static int explain_exec(int err)
{
	if (err == ENOENT)
		host_say(VMM_PROGRAM " is not installed; on Debian: apt install qemu-system-x86");
	else
		host_say("cannot start " VMM_PROGRAM ": %s", strerror(err));
	return HOST_NO_VMM;
}

int vmm_start(const struct host_options *opt, const char *kernel, int initrd_fd,
	      uint64_t initrd_size, struct vmm *vm)
{
	static struct args a;
	struct ends e;
	int failed[2];
	int err = 0;
	pid_t parent = getpid();

	if (open_ends(&e) || pipe2(failed, O_CLOEXEC)) {
		host_say("cannot create the channels: %s", strerror(errno));
		return HOST_ERROR;
	}
	build(&a, opt, kernel, initrd_fd, initrd_size, &e);
	if (a.failed) {
		host_say("too many --vmm-arg, or out of memory");
		return HOST_ERROR;
	}
	vm->pid = fork();
	if (vm->pid == 0) {
		fcntl(e.far[END_CONTROL], F_SETFD, 0);
		fcntl(e.far[END_REPORT], F_SETFD, 0);
		fcntl(initrd_fd, F_SETFD, 0);
		exec_vmm(&a, &e, failed[1], parent);
	}
	close(failed[1]);
	close(initrd_fd);
	for (int i = 0; i < END_COUNT; i++)
		close(e.far[i]);
	for (size_t i = 0; i < a.n; i++)
		free(a.v[i]);
	if (vm->pid < 0) {
		host_say("cannot start a process: %s", strerror(errno));
		return HOST_ERROR;
	}
	if (read(failed[0], &err, sizeof(err)) == sizeof(err))
		return explain_exec(err);
	close(failed[0]);
	vm->input = e.near[END_INPUT];
	vm->output = e.near[END_OUTPUT];
	vm->control = e.near[END_CONTROL];
	vm->report = e.near[END_REPORT];
	return 0;
}
