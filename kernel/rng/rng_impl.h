/* Between the files of kernel/rng. */
#pragma once

#include <kern/types.h>
#include <lib/chacha/chacha.h>

/* A key stream with a key of its own, for large requests. */
struct rng_stream {
	struct chacha chacha;
};

void rng_stream_begin(struct rng_stream *s);
void rng_stream_read(struct rng_stream *s, u8 *out, size_t len);

/* Makes the source ready from timing alone; some milliseconds at most. */
void rng_gather_jitter(void);

/*
 * Four blocks side by side in vector registers, between fpu_begin() and fpu_end(). @state as in
 * struct chacha; its counter advances. Writes @count * CHACHA_WIDE_SIZE bytes.
 */
#define CHACHA_WIDE_SIZE 256u
#if defined(__x86_64__)
#define CHACHA_HAS_WIDE true
void chacha_wide(u32 state[16], u8 *out, size_t count);
#else
#define CHACHA_HAS_WIDE false
static inline void chacha_wide(u32 state[16], u8 *out, size_t count)
{
	(void)state;
	(void)out;
	(void)count;
}
#endif
