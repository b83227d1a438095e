/* Which implementation of ChaCha20 makes long runs of key stream. */
#include <kernel/rng/rng_impl.h>
#include <asm/cpu.h>

const struct chacha_wide *chacha_wide;

void chacha_wide_init(void)
{
#if defined(__x86_64__)
	chacha_wide = cpu_has(CPU_AVX2) ? &chacha_avx2 : &chacha_sse2;
#endif
}
