/* Four blocks at a time: SSE2, which every x86-64 CPU has. */
#define LANES 4
#include <kern/string.h>
#include <kernel/rng/wide_impl.h>

static void run(u32 state[16], u8 *out, size_t count)
{
	run_wide(state, out, count);
}

const struct chacha_wide chacha_sse2 = {.name = "sse2", .size = 256, .run = run};
