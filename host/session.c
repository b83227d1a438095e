/*
 * One machine from start to end: bytes between the host's terminal and the console, the size of the
 * terminal to the control channel, records from the report channel, and the time limit.
 *
 * All of it is one poll() loop. Signals arrive through a signalfd, so nothing happens behind its
 * back.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host_impl.h"

#define ESCAPE 0x1d /* ^] */
#define ESCAPE_TIMES 3
#define PANIC_GRACE_NS 2000000000ll
#define READY_WAIT_NS 10000000000ll
#define REPORT_MAX 4096
#define QUOTE 0x16	 /* ^V: the guest's VLNEXT */
#define END_OF_FILE 0x04 /* ^D: the guest's VEOF */

struct session {
	struct vmm *vm;
	bool tty;
	bool input_open;
	long long ready_at;   /* input is kept back until then; 0: the guest is ready */
	bool line_start;      /* without a terminal: ^D ends the input only here */
	unsigned int escapes; /* ^] seen in a row */
	char to_guest[8192];  /* read from standard input, not yet taken by the console */
	size_t to_guest_len;
	char report[REPORT_MAX];
	size_t report_len;
	int status;	    /* what the machine said, or -1 */
	int forced;	    /* why the launcher ended it, or -1 */
	long long deadline; /* on the monotonic clock; 0: none */
};

static long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void end_machine(struct session *s, int status)
{
	if (s->forced < 0)
		s->forced = status;
	kill(s->vm->pid, SIGKILL);
}

static void write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			poll(&p, 1, -1);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

/* Returns false at the end of the console. */
static bool pump_output(struct session *s)
{
	char buf[65536];
	ssize_t n = read(s->vm->output, buf, sizeof(buf));

	if (n > 0)
		write_all(1, buf, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void put_guest(struct session *s, char c)
{
	s->to_guest[s->to_guest_len++] = c;
}

static void take_tty_byte(struct session *s, char c)
{
	s->escapes = c == ESCAPE ? s->escapes + 1 : 0;
	if (s->escapes == ESCAPE_TIMES) {
		term_restore();
		host_say("ended by ^] three times");
		end_machine(s, HOST_NO_REPORT);
	}
	put_guest(s, c);
}

static void take_pipe_byte(struct session *s, char c)
{
	if (c == END_OF_FILE || c == QUOTE)
		put_guest(s, QUOTE);
	put_guest(s, c);
	s->line_start = c == '\n';
}

static void pump_input(struct session *s)
{
	char buf[2048];
	ssize_t n = read(0, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		s->input_open = false;
		if (s->tty)
			return;
		/* Behind an unfinished line, the first ^D only hands that line to the reader. */
		if (!s->line_start)
			put_guest(s, END_OF_FILE);
		put_guest(s, END_OF_FILE);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (s->tty)
			take_tty_byte(s, buf[i]);
		else
			take_pipe_byte(s, buf[i]);
	}
}

static void feed_console(struct session *s)
{
	ssize_t n = write(s->vm->input, s->to_guest, s->to_guest_len);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		s->to_guest_len = 0;
	if (n <= 0)
		return;
	s->to_guest_len -= (size_t)n;
	memmove(s->to_guest, s->to_guest + n, s->to_guest_len);
}

static void take_record(struct session *s, const char *line)
{
	int status;

	if (s->status >= 0)
		return;
	if (sscanf(line, "corbel-exit %d", &status) == 1 && status >= 0 && status <= 255) {
		s->status = status;
	} else if (strncmp(line, "corbel-panic", 12) == 0) {
		const char *text = line + 12;

		while (isspace((unsigned char)*text))
			text++;
		term_restore();
		host_say("the kernel panicked%s%s", *text ? ": " : "", text);
		s->status = HOST_PANIC;
		s->deadline = now_ns() + PANIC_GRACE_NS;
	} else if (strcmp(line, "corbel-poweroff") == 0 || strcmp(line, "corbel-restart") == 0) {
		s->status = 0;
	}
}

/* Returns false at the end of the channel. */
static bool pump_report(struct session *s)
{
	ssize_t n = read(s->vm->report, s->report + s->report_len, REPORT_MAX - 1 - s->report_len);
	char *nl;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	s->report_len += (size_t)n;
	s->report[s->report_len] = '\0';
	while ((nl = memchr(s->report, '\n', s->report_len))) {
		*nl = '\0';
		take_record(s, s->report);
		s->report_len -= (size_t)(nl + 1 - s->report);
		memmove(s->report, nl + 1, s->report_len);
	}
	return s->report_len < REPORT_MAX - 1;
}

/* The first line from corbel-init says that the console can take input. */
static bool pump_control(struct session *s)
{
	char buf[256];
	ssize_t n = read(s->vm->control, buf, sizeof(buf));

	if (n > 0 && memchr(buf, '\n', (size_t)n))
		s->ready_at = 0;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void send_size(struct session *s)
{
	int rows;
	int cols;

	/* A full channel has a reader that does not read: then the size is of no use either. */
	if (s->tty && term_size(&rows, &cols))
		dprintf(s->vm->control, "winsize %d %d\n", rows, cols);
}

static void take_signal(struct session *s, int fd)
{
	struct signalfd_siginfo si;

	if (read(fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGWINCH) {
		send_size(s);
	} else if (si.ssi_signo != SIGCHLD) {
		term_restore();
		host_say("ended by signal %u", si.ssi_signo);
		end_machine(s, 128 + (int)si.ssi_signo);
	}
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Milliseconds until the first of the two moments that are set, for poll(). */
static int time_left(const struct session *s)
{
	long long until = s->deadline;

	if (s->ready_at && (!until || s->ready_at < until))
		until = s->ready_at;
	if (!until)
		return -1;

	long long left = until - now_ns();

	return left <= 0 ? 0 : (int)(left / 1000000 > 100000 ? 100000 : left / 1000000 + 1);
}

static void check_deadline(struct session *s, const struct host_options *opt)
{
	if (s->ready_at && now_ns() >= s->ready_at)
		s->ready_at = 0;
	if (!s->deadline || now_ns() < s->deadline)
		return;
	s->deadline = 0;
	if (s->status >= 0) {
		end_machine(s, s->status);
		return;
	}
	term_restore();
	host_say("the time limit of %u s is over", opt->timeout_s);
	end_machine(s, HOST_TIMEOUT);
}

static void carry(struct session *s, const struct host_options *opt, int sig_fd)
{
	bool console_open = true;
	bool report_open = true;
	bool control_open = true;

	/* QEMU's end closes both; what it wrote before that is read first. */
	while (console_open || report_open) {
		bool room = s->to_guest_len + 2 * 2048 + 2 <= sizeof(s->to_guest);
		bool feed = s->to_guest_len && !s->ready_at;
		struct pollfd p[] = {
			{.fd = s->input_open && room ? 0 : -1, .events = POLLIN},
			{.fd = console_open ? s->vm->output : -1, .events = POLLIN},
			{.fd = report_open ? s->vm->report : -1, .events = POLLIN},
			{.fd = sig_fd, .events = POLLIN},
			{.fd = control_open ? s->vm->control : -1, .events = POLLIN},
			{.fd = feed ? s->vm->input : -1, .events = POLLOUT},
		};

		if (poll(p, sizeof(p) / sizeof(p[0]), time_left(s)) < 0 && errno != EINTR)
			break;
		if (p[0].revents)
			pump_input(s);
		if (p[1].revents)
			console_open = pump_output(s);
		if (p[2].revents)
			report_open = pump_report(s);
		if (p[3].revents)
			take_signal(s, sig_fd);
		if (p[4].revents)
			control_open = pump_control(s);
		if (p[5].revents)
			feed_console(s);
		check_deadline(s, opt);
	}
}

static int final_status(const struct session *s, int wait_status)
{
	if (s->status >= 0)
		return s->status;
	if (s->forced >= 0)
		return s->forced;
	/* QEMU refuses bad options with status 1, before the guest could say anything. */
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 1) {
		host_say("the virtual machine monitor refused to start; its message is above");
		return HOST_NO_VMM;
	}
	if (WIFSIGNALED(wait_status))
		host_say("the virtual machine monitor died of signal %d", WTERMSIG(wait_status));
	else
		host_say("the machine ended without a report; -v shows the kernel's messages");
	return HOST_NO_REPORT;
}

int session_run(const struct host_options *opt, struct vmm *vm)
{
	static struct session s;
	int st = 0;
	int sig_fd = open_signals();

	s = (struct session){
		.vm = vm,
		.tty = isatty(0) && isatty(1),
		.input_open = true,
		.ready_at = now_ns() + READY_WAIT_NS,
		.line_start = true,
		.status = -1,
		.forced = -1,
		.deadline = opt->timeout_s ? now_ns() + opt->timeout_s * 1000000000ll : 0,
	};
	if (sig_fd < 0) {
		host_say("cannot watch signals: %s", strerror(errno));
		end_machine(&s, HOST_ERROR);
	}
	if (s.tty)
		term_raw();
	carry(&s, opt, sig_fd);
	while (waitpid(vm->pid, &st, 0) < 0 && errno == EINTR)
		;
	term_restore();
	return final_status(&s, st);
}
