/*
 * corbel-init: the first process of a machine started by `corbel run`.
 *
 * It mounts what a Linux program expects, gives the command a controlling terminal, reaps orphans,
 * hands changes of the window size from the control channel to the terminal, and reports the
 * command's exit status to the launcher (docs/launcher-protocol.md).
 *
 * One process, no threads: SIGCHLD is blocked except inside ppoll(), so neither a child's death nor
 * a line on the control channel can be missed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <linux/reboot.h>

#include "init_impl.h"

#define RUN_FILE "/.corbel-run"
#define CONTROL_TTY "/dev/ttyS1"
#define REPORT_PORT 0xe9
#define STATUS_NOT_FOUND 127
#define STATUS_NOT_EXECUTABLE 126
#define STATUS_INIT_FAILED 125

static int console_fd = -1;

void init_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	dprintf(2, "corbel-init: ");
	vdprintf(2, fmt, ap);
	dprintf(2, "\n");
	va_end(ap);
}

/* One file system that a Linux program expects; a kernel without it is no reason to stop. */
struct init_mount {
	const char *type;
	const char *dir;
	mode_t mode; /* of the directory; 0: the kernel makes it, or does not know the type */
	unsigned long flags;
	const char *data;
};

static const struct init_mount mounts[] = {
	{"proc", "/proc", 0555, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
	{"sysfs", "/sys", 0555, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
	{"kdbusfs", "/sys/fs/kdbus", 0, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
	{"devtmpfs", "/dev", 0755, MS_NOSUID, "mode=0755"},
	{"devpts", "/dev/pts", 0755, MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666"},
	{"tmpfs", "/dev/shm", 01777, MS_NOSUID | MS_NODEV, "mode=1777"},
	{"tmpfs", "/run", 0755, MS_NOSUID | MS_NODEV, "mode=0755"},
	{"tmpfs", "/tmp", 01777, MS_NOSUID | MS_NODEV, "mode=1777"},
};

/*
 * The first root has no mount below it, so pivot_root(2) refuses to put it aside; sandboxes and
 * containers want to.  A second mount of the same files on top of it can go.
 */
static void stack_root(void)
{
	mkdir("/proc", 0555);
	if (mount("/", "/proc", NULL, MS_BIND, NULL))
		return;
	if (chdir("/proc") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		init_warn("cannot put a mount on the root: %s", strerror(errno));
}

static void mount_all(void)
{
	stack_root();
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		const struct init_mount *m = &mounts[i];

		if (!m->mode && access(m->dir, F_OK))
			continue;
		mkdir(m->dir, m->mode);
		if (mount(m->type, m->dir, m->type, m->flags, m->data) && errno != EBUSY)
			init_warn("cannot mount %s on %s: %s", m->type, m->dir, strerror(errno));
	}
	/* The names that shells and scripts use for their own descriptors. */
	if (symlink("/proc/self/fd", "/dev/fd") == 0) {
		symlink("/proc/self/fd/0", "/dev/stdin");
		symlink("/proc/self/fd/1", "/dev/stdout");
		symlink("/proc/self/fd/2", "/dev/stderr");
	}
}

/* Descriptors 0 to 2 on @path, also when the kernel could not open a console for us. */
static void use_as_stdio(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		if (fd != i)
			dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/*
 * The device behind /dev/console, which has a name that ps and tty(1) can show; /dev/console itself
 * where the kernel does not say.
 */
static void open_console(void)
{
	char name[64] = "/dev/";
	int fd = open("/sys/class/tty/console/active", O_RDONLY);
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, name + 5, sizeof(name) - 6);
		close(fd);
	}
	if (n > 0) {
		name[5 + n] = '\0';
		/* The last of several consoles is the one that /dev/console means. */
		name[5 + strcspn(name + 5, "\n")] = '\0';
		char *last = strrchr(name, ' ');

		if (last)
			memmove(name + 5, last + 1, strlen(last + 1) + 1);
	}
	if (n <= 0 || access(name, R_OK | W_OK))
		strcpy(name, "/dev/console");
	use_as_stdio(name);
	console_fd = fcntl(0, F_DUPFD_CLOEXEC, 10);
}

/* Without a terminal at the host's end the console is a plain pair of byte streams. */
static void set_console_mode(int tty)
{
	struct termios t;

	if (tcgetattr(console_fd, &t))
		return;
	if (tty) {
		t.c_iflag |= ICRNL | IXON | IUTF8;
		t.c_oflag |= OPOST | ONLCR;
		t.c_lflag |= ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
	} else {
		t.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | IXON | IXOFF | ISTRIP);
		t.c_oflag &= ~(tcflag_t)OPOST;
		t.c_lflag &= ~(tcflag_t)(ISIG | ECHO | ECHONL);
		t.c_lflag |= ICANON | IEXTEN;
		/* Of the special characters two are left; the launcher quotes both in the stream.
		 */
		memset(t.c_cc, _POSIX_VDISABLE, sizeof(t.c_cc));
	}
	t.c_cc[VEOF] = 4;
	t.c_cc[VLNEXT] = 22;
	tcsetattr(console_fd, TCSANOW, &t);
}

static void set_window_size(int rows, int cols)
{
	struct winsize ws = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};

	if (rows > 0 && cols > 0)
		ioctl(console_fd, TIOCSWINSZ, &ws);
}

/* Runs in the child; returns only as an exit status. */
static int run_command(const struct init_config *cfg, const sigset_t *mask)
{
	setsid();
	if (ioctl(console_fd, TIOCSCTTY, 0))
		init_warn("no controlling terminal: %s", strerror(errno));
	tcsetpgrp(console_fd, getpid());
	sigprocmask(SIG_SETMASK, mask, NULL);

	if (cfg->cwd ? chdir(cfg->cwd) : (chdir("/root") && chdir("/"))) {
		init_warn("cannot enter directory %s: %s", cfg->cwd, strerror(errno));
		return STATUS_INIT_FAILED;
	}
	environ = cfg->env;
	execvp(cfg->argv[0], cfg->argv);

	int err = errno;

	if (err == ENOENT && strchr(cfg->argv[0], '/') && access(cfg->argv[0], F_OK) == 0)
		init_warn("%s: its program interpreter or loader is not in the root", cfg->argv[0]);
	else
		init_warn("%s: %s", cfg->argv[0], strerror(err));
	return err == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

/* Tells the launcher and ends the machine. */
static void __attribute__((noreturn)) report(int status)
{
	char text[32];

	tcdrain(console_fd);
	if (ioperm(REPORT_PORT, 1, 1) == 0) {
		int n = snprintf(text, sizeof(text), "corbel-exit %d\n", status);

		for (int i = 0; i < n; i++)
			outb((unsigned char)text[i], REPORT_PORT);
	} else {
		snprintf(text, sizeof(text), "exit=%d", status);
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			LINUX_REBOOT_CMD_RESTART2, text);
	}
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	reboot(LINUX_REBOOT_CMD_RESTART);
	for (;;)
		pause();
}

static void control_line(const char *line)
{
	int a;
	int b;
	pid_t group;

	if (sscanf(line, "winsize %d %d", &a, &b) == 2)
		set_window_size(a, b);
	else if (sscanf(line, "signal %d", &a) == 1 && (group = tcgetpgrp(console_fd)) > 1)
		kill(-group, a);
}

static int open_control(void)
{
	struct termios t;
	int fd = open(CONTROL_TTY, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		t.c_cflag |= CLOCAL | CREAD;
		tcsetattr(fd, TCSANOW, &t);
	}
	if (dprintf(fd, "ready\n") < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Takes what has arrived; returns false when the channel is gone. */
static int read_control(int fd)
{
	static char line[80];
	static size_t len;
	char buf[64];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return 0;
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n') {
			line[len] = '\0';
			control_line(line);
			len = 0;
		} else if (len < sizeof(line) - 1) {
			line[len++] = buf[i];
		}
	}
	return 1;
}

static void on_child(int sig)
{
	(void)sig;
}

/* Reaps until @main_pid is dead; returns its status as a shell would show it. */
static int wait_for(pid_t main_pid, int control_fd, const sigset_t *open_mask)
{
	for (;;) {
		int st;
		pid_t pid;

		while ((pid = waitpid(-1, &st, WNOHANG)) > 0)
			if (pid == main_pid)
				return WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);

		struct pollfd p = {.fd = control_fd, .events = POLLIN};

		if (ppoll(&p, 1, NULL, open_mask) > 0 && !read_control(control_fd))
			control_fd = -1;
	}
}

int main(int argc, char **argv)
{
	struct init_config cfg;
	struct sigaction sa = {.sa_handler = on_child};
	sigset_t blocked;
	sigset_t open_mask;

	if (getpid() != 1) {
		fprintf(stderr,
			"corbel-init: the first process of a machine that `corbel run` starts; "
			"it does nothing here\n");
		return 1;
	}
	umask(0);
	if (fcntl(0, F_GETFD) < 0)
		use_as_stdio("/dev/console");
	mount_all();
	umask(022);
	open_console();
	if (init_config_load(&cfg, RUN_FILE, argc, argv)) {
		init_warn("out of memory reading the command");
		report(STATUS_INIT_FAILED);
	}
	unlink(RUN_FILE);
	if (sethostname(cfg.hostname, strlen(cfg.hostname)))
		init_warn("cannot set the host name: %s", strerror(errno));
	set_console_mode(cfg.tty);
	set_window_size(cfg.rows, cfg.cols);

	sigaction(SIGCHLD, &sa, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, &open_mask);

	int control_fd = open_control();
	pid_t pid = fork();

	if (pid < 0) {
		init_warn("cannot start a process: %s", strerror(errno));
		report(STATUS_INIT_FAILED);
	}
	if (pid == 0)
		_exit(run_command(&cfg, &open_mask));
	report(wait_for(pid, control_fd, &open_mask));
}
