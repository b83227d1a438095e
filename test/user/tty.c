/* Terminals by way of pseudo terminals: line editing, modes, signals, sessions, job control, packet
 * mode. */
#include "pty_help.h"
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <time.h>

static char name[64];
static char buf[70000];

static void open_pair(void)
{
	int n = -1;

	open_master();
	REQUIRE(ioctl(master, TIOCGPTN, &n) == 0);
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	CHECK_ERR(open(name, O_RDWR | O_NOCTTY), EIO);
	unlock_slave();
	slave = open(name, O_RDWR | O_NOCTTY);
	REQUIRE(slave >= 0);
	alarm(20);
}

static void type(const char *s)
{
	CHECK_EQ(write(master, s, strlen(s)), strlen(s));
}

/* What the slave reads now, as text. */
static const char *got(int fd)
{
	ssize_t n;

	memset(buf, 0, 256);
	n = read(fd, buf, 200);
	return n < 0 ? "(error)" : buf;
}

static void set_flags(tcflag_t clear_l, tcflag_t clear_i, tcflag_t clear_o)
{
	struct termios t;

	REQUIRE(tcgetattr(slave, &t) == 0);
	t.c_lflag &= ~clear_l;
	t.c_iflag &= ~clear_i;
	t.c_oflag &= ~clear_o;
	REQUIRE(tcsetattr(slave, TCSANOW, &t) == 0);
}

static void set_raw(int vmin, int vtime)
{
	struct termios t;

	REQUIRE(tcgetattr(slave, &t) == 0);
	cfmakeraw(&t);
	t.c_cc[VMIN] = (cc_t)vmin;
	t.c_cc[VTIME] = (cc_t)vtime;
	REQUIRE(tcsetattr(slave, TCSANOW, &t) == 0);
}

static long ms_since(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

/* Linux passes typed bytes on in a worker thread. */
#define EVENTUALLY(c)                                          \
	do {                                                   \
		for (int try_ = 0; try_ < 200 && !(c); try_++) \
			usleep(10000);                         \
		CHECK(c);                                      \
	} while (0)

static short ready(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};

	poll(&p, 1, 0);
	return p.revents;
}

TEST(first_settings)
{
	struct termios t;

	open_pair();
	REQUIRE(tcgetattr(slave, &t) == 0);
	CHECK_EQ(t.c_iflag, ICRNL | IXON);
	CHECK_EQ(t.c_oflag, OPOST | ONLCR);
	CHECK_EQ(t.c_cflag, B38400 | CS8 | CREAD);
	CHECK_EQ(t.c_lflag, ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
	CHECK_EQ(t.c_cc[VINTR], 3);
	CHECK_EQ(t.c_cc[VEOF], 4);
	CHECK_EQ(t.c_cc[VMIN], 1);
	CHECK(isatty(master) && isatty(slave));
	CHECK(!strcmp(ttyname(slave), name));
	struct stat st;

	REQUIRE(fstat(slave, &st) == 0);
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_rdev >> 8, 136);
	CHECK_ERR(lseek(slave, 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(pread(slave, buf, 1, 0), ESPIPE);
	CHECK_ERR(ioctl(slave, 0x4b3a /* KDSETMODE */, 0), ENOTTY);
}

TEST(lines_and_echo)
{
	open_pair();
	type("helo\177lo\r");
	CHECK(!strcmp(got(slave), "hello\n"));
	CHECK(!strcmp(got(master), "helo\b \blo\r\n"));
	type("no newline");
	CHECK(!(ready(slave) & POLLIN));
	type("\004");
	EVENTUALLY(ready(slave) & POLLIN);
	CHECK(!strcmp(got(slave), "no newline"));
	type("\004");
	CHECK_EQ(read(slave, buf, 10), 0);
	type("one\ntwo\n");
	CHECK_EQ(read(slave, buf, 2), 2);
	CHECK(!strcmp(got(slave), "e\n"));
	CHECK(!strcmp(got(slave), "two\n"));
	int n = -1;

	type("abc\n");
	EVENTUALLY(ready(slave) & POLLIN);
	CHECK_EQ(ioctl(slave, FIONREAD, &n), 0);
	CHECK_EQ(n, 4);
	CHECK_EQ(tcflush(slave, TCIFLUSH), 0);
	CHECK(!(ready(slave) & POLLIN));
}

TEST(output_translation)
{
	open_pair();
	CHECK_EQ(write(slave, "a\nb\n", 4), 4);
	CHECK(!strcmp(got(master), "a\r\nb\r\n"));
	set_flags(0, 0, ONLCR);
	CHECK_EQ(write(slave, "a\n", 2), 2);
	CHECK(!strcmp(got(master), "a\n"));
}

TEST(raw_min_and_time)
{
	struct timespec t0;

	open_pair();
	set_raw(1, 0);
	type("a\003\n\r");
	CHECK_EQ(read(slave, buf, 100), 4);
	CHECK(!memcmp(buf, "a\003\n\r", 4));
	CHECK(!(ready(master) & POLLIN));
	set_raw(0, 0);
	CHECK_EQ(read(slave, buf, 100), 0);
	set_raw(0, 3);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	CHECK_EQ(read(slave, buf, 100), 0);
	CHECK(ms_since(&t0) >= 290);
	set_raw(5, 2);
	type("abc");
	clock_gettime(CLOCK_MONOTONIC, &t0);
	CHECK_EQ(read(slave, buf, 100), 3);
	CHECK(ms_since(&t0) >= 190);
	set_raw(3, 0);
	type("ab");
	CHECK(!(ready(slave) & POLLIN));
	type("cd");
	EVENTUALLY(ready(slave) & POLLIN);
	CHECK_EQ(read(slave, buf, 100), 4);
	fcntl(slave, F_SETFL, O_NONBLOCK);
	CHECK_ERR(read(slave, buf, 100), EAGAIN);
}

TEST(mode_change_keeps_input)
{
	open_pair();
	type("par");
	EVENTUALLY(ready(master) & POLLIN); /* the echo */
	set_raw(1, 0);
	CHECK_EQ(read(slave, buf, 100), 3);
	CHECK(!memcmp(buf, "par", 3));
}

TEST(much_data_both_ways)
{
	size_t total = 0, bad = 0;
	int st;

	open_pair();
	set_raw(1, 0);
	pid_t pid = fork();

	if (!pid) {
		/* Back what comes, with one added. */
		for (size_t left = 200000; left;) {
			ssize_t n = read(slave, buf, sizeof(buf));

			if (n <= 0)
				_exit(1);
			for (ssize_t i = 0; i < n; i++)
				buf[i]++;
			for (ssize_t at = 0; at < n;) {
				ssize_t w = write(slave, buf + at, (size_t)(n - at));

				if (w <= 0)
					_exit(2);
				at += w;
			}
			left -= (size_t)n;
		}
		_exit(0);
	}
	pid_t writer = fork();

	if (!writer) {
		for (size_t i = 0; i < 200000;) {
			char part[1000];

			for (size_t j = 0; j < sizeof(part); j++)
				part[j] = (char)((i + j) * 31 >> 3);
			ssize_t w = write(master, part, sizeof(part));

			if (w <= 0)
				_exit(1);
			i += (size_t)w;
		}
		_exit(0);
	}
	while (total < 200000) {
		ssize_t n = read(master, buf, sizeof(buf));

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			bad += buf[i] != (char)(((total + (size_t)i) * 31 >> 3) + 1);
		total += (size_t)n;
	}
	CHECK_EQ(total, 200000);
	CHECK_EQ(bad, 0);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	waitpid(writer, &st, 0);
	CHECK_EQ(st, 0);
}

TEST(full_buffers_bound_the_writer)
{
	ssize_t n, total = 0;

	open_pair();
	set_raw(1, 0);
	memset(buf, 'x', 4096);
	fcntl(master, F_SETFL, O_NONBLOCK);
	while ((n = write(master, buf, 1000)) > 0 && total < 1000000)
		total += n;
	CHECK(n == -1 && errno == EAGAIN);
	CHECK(total >= 4095 && total < 200000);
	CHECK(!(ready(master) & POLLOUT));
	for (ssize_t left = total; left > 0; left -= n) {
		n = read(slave, buf, sizeof(buf));
		if (n <= 0)
			break;
		total -= n;
	}
	CHECK_EQ(total, 0);
	EVENTUALLY(ready(master) & POLLOUT);
	fcntl(slave, F_SETFL, O_NONBLOCK);
	total = 0;
	memset(buf, 'x', 4096);
	while ((n = write(slave, buf, 1000)) > 0 && total < 1000000)
		total += n;
	CHECK(n == -1 && errno == EAGAIN);
	CHECK(total >= 4095 && total < 200000);
}

TEST(closing)
{
	struct termios t;

	open_pair();
	CHECK_EQ(write(slave, "bye", 3), 3);
	close(slave);
	CHECK(ready(master) & POLLHUP);
	CHECK_EQ(read(master, buf, 100), 3);
	CHECK_ERR(read(master, buf, 100), EIO);
	slave = open(name, O_RDWR | O_NOCTTY);
	REQUIRE(slave >= 0);
	CHECK(!(ready(master) & POLLHUP));
	close(master);
	CHECK_EQ(read(slave, buf, 100), 0);
	CHECK_ERR(write(slave, "x", 1), EIO);
	CHECK_ERR(tcgetattr(slave, &t), EIO);
	CHECK((ready(slave) & (POLLHUP | POLLERR | POLLIN)) == (POLLHUP | POLLERR | POLLIN));
	CHECK(open(name, O_RDWR | O_NOCTTY) == -1);
}

static volatile sig_atomic_t seen[65];

static void on_signal(int sig)
{
	seen[sig]++;
}

static void catch (int sig)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigaction(sig, &sa, NULL);
}

/* Becomes a session's leader with the slave as its terminal. */
static void lead(void)
{
	if (setsid() < 0)
		_exit(100);
	if (ioctl(slave, TIOCSCTTY, 0))
		_exit(101);
}

static int child(void (*fn)(void))
{
	int st = -1;
	pid_t pid = fork();

	if (!pid) {
		test_failures = 0;
		fn();
		fflush(stdout);
		_exit(test_failures ? 99 : 0);
	}
	waitpid(pid, &st, 0);
	return st;
}

static void session_rules(void)
{
	int tty, other;

	if (setsid() < 0)
		_exit(100);
	CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
	CHECK_ERR(tcgetpgrp(slave), ENOTTY);
	/* Opening without O_NOCTTY is enough. */
	other = open(name, O_RDWR);
	CHECK(other >= 0);
	CHECK_EQ(tcgetpgrp(other), getpgrp());
	CHECK_EQ(tcgetsid(slave), getsid(0));
	tty = open("/dev/tty", O_RDWR);
	CHECK(tty >= 0);
	CHECK_EQ(write(tty, "via tty\n", 8), 8);
	CHECK_ERR(tcsetpgrp(tty, 1), EPERM);
	CHECK_ERR(tcsetpgrp(tty, 4194000), ESRCH);
	CHECK_ERR(tcsetpgrp(tty, -1), EINVAL);
	CHECK_EQ(tcsetpgrp(tty, getpgrp()), 0);
	signal(SIGHUP, SIG_IGN);
	CHECK_EQ(ioctl(tty, TIOCNOTTY), 0);
	CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
	CHECK_EQ(ioctl(slave, TIOCSCTTY, 0), 0);
	CHECK_EQ(ioctl(slave, TIOCSCTTY, 0), 0);
}

TEST(sessions)
{
	open_pair();
	CHECK_EQ(child(session_rules), 0);
	CHECK(!strncmp(got(master), "via tty\r\n", 9));
}

static void keyboard_signals(void)
{
	lead();
	catch (SIGINT);
	catch (SIGQUIT);
	catch (SIGWINCH);
	type("junk\003");
	EVENTUALLY(seen[SIGINT] == 1);
	type("\034");
	EVENTUALLY(seen[SIGQUIT] == 1);
	CHECK(!(ready(slave) & POLLIN));
	struct winsize ws = {.ws_row = 33, .ws_col = 44}, back;

	CHECK_EQ(ioctl(master, TIOCSWINSZ, &ws), 0);
	CHECK_EQ(seen[SIGWINCH], 1);
	CHECK_EQ(ioctl(slave, TIOCGWINSZ, &back), 0);
	CHECK(!memcmp(&ws, &back, sizeof(ws)));
	CHECK_EQ(ioctl(slave, TIOCSWINSZ, &ws), 0);
	CHECK_EQ(seen[SIGWINCH], 1);
}

TEST(keys_send_signals)
{
	open_pair();
	CHECK_EQ(child(keyboard_signals), 0);
}

/* A child in a group of its own: how it stops or ends. */
static int background(void (*fn)(void))
{
	int st = -1;
	pid_t pid = fork();

	if (!pid) {
		setpgid(0, 0);
		fn();
		_exit(0);
	}
	setpgid(pid, pid);
	waitpid(pid, &st, WUNTRACED);
	if (WIFSTOPPED(st)) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return st;
}

static void read_it(void)
{
	_exit(read(slave, buf, 1) == -1 && errno == EIO ? 55 : 1);
}

static void read_ignoring(void)
{
	signal(SIGTTIN, SIG_IGN);
	read_it();
}

static void write_it(void)
{
	_exit(write(slave, "w", 1) == 1 ? 56 : 1);
}

static void set_it(void)
{
	struct termios t;

	tcgetattr(slave, &t);
	_exit(tcsetattr(slave, TCSANOW, &t) ? 1 : 57);
}

static void set_ignoring(void)
{
	signal(SIGTTOU, SIG_IGN);
	set_it();
}

static void background_rules(void)
{
	struct termios t;
	int st;

	lead();
	st = background(read_it);
	CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTIN);
	st = background(read_ignoring);
	CHECK_EQ(WEXITSTATUS(st), 55);
	st = background(write_it);
	CHECK_EQ(WEXITSTATUS(st), 56);
	st = background(set_it);
	CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTOU);
	st = background(set_ignoring);
	CHECK_EQ(WEXITSTATUS(st), 57);
	tcgetattr(slave, &t);
	t.c_lflag |= TOSTOP;
	tcsetattr(slave, TCSANOW, &t);
	st = background(write_it);
	CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTOU);
}

TEST(background_access)
{
	open_pair();
	CHECK_EQ(child(background_rules), 0);
}

static void suspend(void)
{
	pid_t pid;
	int st = -1;

	lead();
	signal(SIGTTOU, SIG_IGN);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		tcsetpgrp(slave, getpid());
		for (;;)
			pause();
	}
	setpgid(pid, pid);
	CHECK_EQ(tcsetpgrp(slave, pid), 0);
	type("\032");
	CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
	CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGTSTP);
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &st, WCONTINUED), pid);
	CHECK(WIFCONTINUED(st));
	type("\003");
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGINT);
	CHECK_EQ(tcsetpgrp(slave, getpgrp()), 0);
}

TEST(suspend_and_continue)
{
	open_pair();
	CHECK_EQ(child(suspend), 0);
}

TEST(master_close_hangs_up)
{
	int st = -1, go[2];
	pid_t pid;
	char c;

	open_pair();
	REQUIRE(pipe(go) == 0);
	pid = fork();
	if (!pid) {
		close(master);
		lead();
		(void)!write(go[1], "x", 1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(go[0], &c, 1), 1);
	close(slave);
	close(master);
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGHUP);
}

TEST(leader_exit_signals_the_group)
{
	int go[2], st = -1;
	pid_t leader, member = 0;

	open_pair();
	REQUIRE(pipe(go) == 0);
	leader = fork();
	if (!leader) {
		lead();
		member = fork();
		if (!member) {
			catch (SIGHUP);
			(void)!write(go[1], "r", 1);
			while (!seen[SIGHUP])
				pause();
			(void)!write(go[1], "h", 1);
			_exit(0);
		}
		char c;

		(void)!read(go[0], &c, 1);
		_exit(0);
	}
	CHECK_EQ(waitpid(leader, &st, 0), leader);
	char c = 0;

	CHECK_EQ(read(go[0], &c, 1), 1);
	CHECK_EQ(c, 'h');
}

static void hang_self_up(void)
{
	lead();
	signal(SIGHUP, SIG_IGN);
	CHECK_EQ(vhangup(), 0);
	CHECK_EQ(read(slave, buf, 1), 0);
	CHECK_ERR(write(slave, "x", 1), EIO);
	CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
	/* The terminal can be opened anew. */
	slave = open(name, O_RDWR | O_NOCTTY);
	CHECK(slave >= 0);
	CHECK_EQ(write(slave, "x", 1), 1);
	if (setreuid(1000, 1000) == 0)
		CHECK_ERR(vhangup(), EPERM);
}

TEST(vhangup)
{
	open_pair();
	CHECK_EQ(child(hang_self_up), 0);
}

TEST(packet_mode)
{
	int on = 1;

	open_pair();
	CHECK_EQ(ioctl(master, TIOCPKT, &on), 0);
	CHECK_ERR(ioctl(slave, TIOCPKT, &on), ENOTTY);
	CHECK_EQ(write(slave, "data", 4), 4);
	CHECK_EQ(read(master, buf, 100), 5);
	CHECK(!memcmp(buf, "\0data", 5));
	CHECK_EQ(tcflush(slave, TCIFLUSH), 0);
	CHECK(ready(master) & POLLPRI);
	CHECK_EQ(read(master, buf, 100), 1);
	CHECK_EQ(buf[0], TIOCPKT_FLUSHREAD);
	set_flags(0, IXON, 0);
	CHECK_EQ(read(master, buf, 100), 1);
	CHECK_EQ(buf[0], TIOCPKT_NOSTOP);
	CHECK_EQ(tcflow(slave, TCOOFF), 0);
	CHECK_EQ(read(master, buf, 100), 1);
	CHECK_EQ(buf[0], TIOCPKT_STOP);
	CHECK_EQ(tcflow(slave, TCOON), 0);
	CHECK_EQ(read(master, buf, 100), 1);
	CHECK_EQ(buf[0], TIOCPKT_START);
}

TEST(stopped_output)
{
	open_pair();
	set_flags(ECHO, 0, 0);
	type("\023");
	EVENTUALLY(!(ready(slave) & POLLOUT));
	fcntl(slave, F_SETFL, O_NONBLOCK);
	CHECK_ERR(write(slave, "x", 1), EAGAIN);
	CHECK(!(ready(slave) & POLLOUT));
	type("\021");
	EVENTUALLY(ready(slave) & POLLOUT);
	CHECK_EQ(write(slave, "x", 1), 1);
	CHECK(!strcmp(got(master), "x"));
}

TEST(peer_and_exclusive)
{
	int fd;

	open_pair();
	fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	CHECK(fd >= 0);
	CHECK(!strcmp(ttyname(fd), name));
	if (!geteuid() && setreuid(1000, 1000) == 0) {
		CHECK_EQ(ioctl(slave, TIOCEXCL), 0);
		CHECK(open(name, O_RDWR | O_NOCTTY) == -1);
		CHECK_EQ(ioctl(slave, TIOCNXCL), 0);
	}
}

TEST(a_master_is_nobodys_terminal)
{
	open_pair();
	if (getsid(0) != getpid())
		REQUIRE(setsid() >= 0);
	signal(SIGHUP, SIG_IGN);
	REQUIRE(ioctl(slave, TIOCSCTTY, 0) == 0);
	CHECK_ERR(ioctl(master, TIOCNOTTY), ENOTTY);
	CHECK_EQ(ioctl(slave, TIOCNOTTY), 0);
	CHECK_ERR(ioctl(slave, TIOCNOTTY), ENOTTY);
}

TEST(many_pairs)
{
	int fds[40], last = -1, n = -1;

	open_pair();
	for (int i = 0; i < 40; i++) {
		fds[i] = open("/dev/ptmx", O_RDWR | O_NOCTTY);
		REQUIRE(fds[i] >= 0);
		CHECK_EQ(ioctl(fds[i], TIOCGPTN, &n), 0);
		CHECK(n != last);
		last = n;
	}
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	snprintf(name, sizeof(name), "/dev/pts/%d", last);
	CHECK_ERR(access(name, F_OK), ENOENT);
}

int main(void)
{
	/* A shell's background job ignores them. */
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	return test_run();
}
