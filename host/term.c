/* The host's terminal: raw while the machine runs, as it was after that, however the launcher ends.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "host_impl.h"

static struct termios saved;
static volatile sig_atomic_t is_raw;

void term_restore(void)
{
	if (is_raw)
		tcsetattr(0, TCSADRAIN, &saved);
	is_raw = 0;
}

/* tcsetattr() is safe in a signal handler; the signal then does what it would have done. */
static void restore_and_die(int sig)
{
	term_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

void term_raw(void)
{
	static const int fatal[] = {SIGQUIT, SIGILL, SIGABRT, SIGBUS, SIGFPE,
				    SIGSEGV, SIGSYS, SIGXCPU, SIGXFSZ};
	struct termios t;

	if (tcgetattr(0, &saved))
		return;
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		signal(fatal[i], restore_and_die);
	atexit(term_restore);
	t = saved;
	cfmakeraw(&t);
	is_raw = 1;
	tcsetattr(0, TCSADRAIN, &t);
}

bool term_size(int *rows, int *cols)
{
	struct winsize ws;

	if (ioctl(0, TIOCGWINSZ, &ws) || !ws.ws_row || !ws.ws_col)
		return false;
	*rows = ws.ws_row;
	*cols = ws.ws_col;
	return true;
}
