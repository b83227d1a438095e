/* Queues: order, standard signals once, faults first. */
#include <kern/ktest.h>
#include <kern/list.h>
#include <kernel/signal/signal_impl.h>

KTEST(signal, empty_set_gives_nothing)
{
	struct sigpending p = {0};
	struct siginfo info;

	list_init(&p.queue);
	EXPECT_EQ(signal_take_from(&p, ~0ull, &info), 0);
}

KTEST(signal, faults_come_first)
{
	struct sigpending p = {.mask = SIGMASK(SIGHUP) | SIGMASK(SIGSEGV) | SIGMASK(SIGTERM)};
	struct siginfo info;

	list_init(&p.queue);
	EXPECT_EQ(signal_take_from(&p, ~0ull, &info), SIGSEGV);
	EXPECT_EQ(info.si_signo, SIGSEGV);
	EXPECT_EQ(signal_take_from(&p, ~0ull, &info), SIGHUP);
	EXPECT_EQ(signal_take_from(&p, SIGMASK(SIGHUP), &info), 0);
	EXPECT_EQ(signal_take_from(&p, ~0ull, &info), SIGTERM);
	EXPECT_EQ(p.mask, 0);
}
