/* Eight blocks at a time: AVX2. */
#define LANES 8
#include <kern/string.h>
#include <kernel/rng/wide_impl.h>

static void run(u32 state[16], u8 *out, size_t count)
{
	run_wide(state, out, count);
}

const struct chacha_wide chacha_avx2 = {.name = "avx2", .size = 512, .run = run};
