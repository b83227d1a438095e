/* What the tests of signals in detail have in common. */
#pragma once

#include "test.h"

#ifndef SA_EXPOSE_TAGBITS
#define SA_EXPOSE_TAGBITS 0x800
#endif
#ifndef SA_UNSUPPORTED
#define SA_UNSUPPORTED 0x400
#endif
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

__attribute__((unused)) static volatile sig_atomic_t hits;
__attribute__((unused)) static siginfo_t last;

static inline void on_signal(int sig)
{
	(void)sig;
	hits++;
}

static inline void install(int sig, void *fn, int flags)
{
	struct sigaction sa = {.sa_flags = flags};

	sa.sa_handler = (void (*)(int))fn;
	REQUIRE(sigaction(sig, &sa, NULL) == 0);
}
