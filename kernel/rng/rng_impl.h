/* Between the files of kernel/rng. */
#pragma once

#include <kern/types.h>
#include <kernel/rng/rng.h>
#include <lib/chacha/chacha.h>
#include <asm/percpu.h>

#define RNG_READY_BITS 256u

/* --- rng.c --- */

#define RNG_BATCH 512u
struct rng_cpu {
	u8 key[CHACHA_KEY_SIZE];
	u8 out[RNG_BATCH - CHACHA_KEY_SIZE]; /* behind key: one run of key stream */
	u64 generation;			     /* of the pool when the key was drawn; 0: never */
	u32 left;			     /* unused bytes at the end of out */
};
DECLARE_PERCPU(struct rng_cpu, rng_cpu); /* with interrupts off */

/* A key stream with a key of its own, for large requests; interrupts on. */
struct rng_stream {
	struct chacha chacha;
	u64 generation; /* of the pool when the key was drawn */
};
void rng_stream_begin(struct rng_stream *s);
/* Takes a new key when the pool has got new input meanwhile: also a restored copy goes its own way
 * in the middle of a request. */
void rng_stream_read(struct rng_stream *s, u8 *out, size_t len);
/* New keys for everybody. */
void rng_reseed(void);
/* Ready whatever the estimate is: the bound of the jitter source is reached. */
void rng_force_ready(enum rng_source by);

/* What a source gave; counters that only grow. */
struct rng_account {
	u64 bits; /* what of its credit counted: nothing does once the source is ready */
	u64 bytes, calls;
};
struct rng_readiness {
	u64 at_ns; /* CLOCK_MONOTONIC; 0: not yet */
	enum rng_source by;
	u32 bits; /* less than RNG_READY_BITS: forced */
};
extern const char *const rng_source_names[RNG_SOURCES];
void rng_accounts(struct rng_account out[RNG_SOURCES], struct rng_readiness *ready);

u32 rng_entropy_available(void); /* bits: RNG_READY_BITS once it is ready */

/* --- device.c --- */
struct work;
void rng_signal_ready(struct work *w); /* SIGIO to whoever wants it */

/* --- jitter.c --- */

void rng_jitter_init(bool trusted); /* else it is mixed in, and time makes ready */
/* Waits until the source is ready, and makes it so from timing. -ERESTARTSYS: a signal. */
int rng_wait_ready(void) __must_check;
/* Somebody will need it who does not wait here: a thread makes it ready. Process context. */
void rng_start_jitter(void);

/* Health of a noise source, NIST SP 800-90B 4.4: is a sample not always the same, or mostly? */
#define HEALTH_BITS_LOG 4u /* a sample is assumed to hold 1/16 bit */
#define HEALTH_REPEAT 481u /* 1 + 30 / H: false alarm once in 2^30 */
#define HEALTH_WINDOW 512u
#define HEALTH_PROPORTION 510u /* of a window, by the binomial for 2^-H, once in 2^30 */
struct rng_health {
	u64 last, delta, delta2;
	u64 first; /* of the window */
	u32 repeats, in_window, same;
	bool failed; /* since the caller last cleared it */
};
/* True: a sample that counts. Never true for a time that grows evenly. */
bool rng_health_sample(struct rng_health *h, u64 sample);

/* --- wide*.c: several blocks side by side in vector registers --- */

/*
 * Between fpu_begin() and fpu_end(). @state as in struct chacha; its counter advances. Writes
 * @count times as many bytes as the implementation says.
 */
struct chacha_wide {
	const char *name;
	size_t size;
	void (*run)(u32 state[16], u8 *out, size_t count);
};
#define CHACHA_WIDE_MAX 512u
/* The widest that this CPU has; NULL: none. [I] after rng_init() */
extern const struct chacha_wide *chacha_wide;
void chacha_wide_init(void);
#if defined(__x86_64__)
extern const struct chacha_wide chacha_sse2, chacha_avx2;
#endif
