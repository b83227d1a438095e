/* What terminals keep: settings that are locked, input that waits for a reader. */
#include "pty_help.h"
#include <poll.h>
#include <termios.h>

#define LINE 4095 /* and its newline */

static char buf[65536];

static void open_pair(void)
{
	open_master();
	unlock_slave();
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	REQUIRE(slave >= 0);
}

static struct termios settings(void)
{
	struct termios t;

	REQUIRE(tcgetattr(slave, &t) == 0);
	return t;
}

/* The kernel's structure is shorter than the library's. */
static void read_locked(int fd, struct termios *t)
{
	memset(t, 0x5a, sizeof(*t));
	CHECK_EQ(ioctl(fd, TIOCGLCKTRMIOS, t), 0);
}

TEST(nothing_is_locked_at_first)
{
	struct termios t;

	open_pair();
	read_locked(slave, &t);
	CHECK_EQ(t.c_iflag | t.c_oflag | t.c_cflag | t.c_lflag, 0);
	CHECK_EQ(t.c_line, 0);
	for (int i = 0; i < 19; i++)
		CHECK_EQ(t.c_cc[i], 0);
	CHECK_EQ(t.c_cc[19], 0x5a);
	CHECK_ERR(ioctl(slave, TIOCGLCKTRMIOS, NULL), EFAULT);
	CHECK_ERR(ioctl(slave, TIOCSLCKTRMIOS, NULL), EFAULT);
}

TEST(locked_settings_stay)
{
	struct termios lock = {.c_iflag = ICRNL,
			       .c_oflag = OPOST,
			       .c_cflag = CLOCAL,
			       .c_lflag = ECHO},
		       t, now;
	int carrier = 1;

	open_pair();
	lock.c_cc[VINTR] = 1;
	CHECK_EQ(ioctl(slave, TIOCSLCKTRMIOS, &lock), 0);
	/* The master sees the same terminal. */
	read_locked(master, &now);
	CHECK_EQ(now.c_lflag, ECHO);
	CHECK_EQ(now.c_cc[VINTR], 1);
	t = settings();
	t.c_iflag = IXANY;
	t.c_oflag = ONLCR;
	t.c_cflag |= CLOCAL;
	t.c_lflag = ISIG;
	t.c_cc[VINTR] = 7;
	t.c_cc[VQUIT] = 8;
	CHECK_EQ(tcsetattr(slave, TCSADRAIN, &t), 0);
	now = settings();
	CHECK_EQ(now.c_iflag, IXANY | ICRNL);
	CHECK_EQ(now.c_oflag, ONLCR | OPOST);
	CHECK_EQ(now.c_cflag & CLOCAL, 0);
	CHECK_EQ(now.c_lflag, ISIG | ECHO);
	CHECK_EQ(now.c_cc[VINTR], 3);
	CHECK_EQ(now.c_cc[VQUIT], 8);
	/* This one does not ask. */
	CHECK_EQ(ioctl(slave, TIOCSSOFTCAR, &carrier), 0);
	CHECK_EQ(settings().c_cflag & CLOCAL, CLOCAL);
	memset(&lock, 0, sizeof(lock));
	CHECK_EQ(ioctl(master, TIOCSLCKTRMIOS, &lock), 0);
	CHECK_EQ(tcsetattr(slave, TCSANOW, &t), 0);
	CHECK_EQ(settings().c_lflag, ISIG);
	CHECK_EQ(settings().c_cc[VINTR], 7);
}

TEST(locking_needs_the_right)
{
	struct termios t = {.c_lflag = ECHO};

	open_pair();
	if (geteuid())
		return;
	REQUIRE(setresuid(1000, 1000, 1000) == 0);
	CHECK_ERR(ioctl(slave, TIOCSLCKTRMIOS, &t), EPERM);
	CHECK_ERR(ioctl(slave, TIOCSLCKTRMIOS, NULL), EPERM);
	read_locked(slave, &t);
	CHECK_EQ(t.c_lflag, 0);
}

/* Lines that are too long lose their middle; further ones wait behind the line discipline. */
TEST(long_lines_wait)
{
	open_pair();
	for (int line = 0; line < 3; line++) {
		for (int i = 0; i < LINE + 5; i++)
			CHECK_EQ(write(master, "M", 1), 1);
		CHECK_EQ(write(master, "\n", 1), 1);
	}
	for (int line = 0; line < 3; line++) {
		CHECK_EQ(read(slave, buf, sizeof(buf)), LINE + 1);
		CHECK_EQ(buf[LINE - 1], 'M');
		CHECK_EQ(buf[LINE], '\n');
	}
}

/* At least so much can be typed ahead, whatever the pieces. */
static void type_ahead(size_t piece)
{
	struct pollfd p = {.events = POLLOUT};
	struct termios t;
	long total = 0, left;
	ssize_t n;

	open_pair();
	t = settings();
	cfmakeraw(&t);
	CHECK_EQ(tcsetattr(slave, TCSANOW, &t), 0);
	fcntl(master, F_SETFL, O_NONBLOCK);
	memset(buf, 'x', piece);
	while ((n = write(master, buf, piece)) > 0)
		total += n;
	CHECK_EQ(errno, EAGAIN);
	CHECK(total >= 4095 + 8192 && total < 4095 + 32768);
	p.fd = master;
	CHECK_EQ(poll(&p, 1, 0), 0);
	for (left = total; left > 0; left -= n) {
		n = read(slave, buf, sizeof(buf));
		REQUIRE(n > 0);
	}
	CHECK_EQ(left, 0);
	CHECK_EQ(poll(&p, 1, 5000), 1);
	close(master);
	close(slave);
}

TEST(typing_ahead)
{
	type_ahead(1);
	type_ahead(100);
	type_ahead(5000);
}

int main(void)
{
	return test_run();
}
