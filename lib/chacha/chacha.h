/*
 * ChaCha20, RFC 8439: the block function, for the random number generator. Runs in constant time.
 */
#pragma once

#include <kern/types.h>

#define CHACHA_BLOCK_SIZE 64
#define CHACHA_KEY_SIZE 32
#define CHACHA_NONCE_SIZE 12

struct chacha {
	u32 state[16]; /* constants, key, block counter, nonce */
};

void chacha_init(struct chacha *c, const u8 key[CHACHA_KEY_SIZE], u32 counter,
		 const u8 nonce[CHACHA_NONCE_SIZE]);
/* Writes the key stream's next block and advances the counter, which must not wrap within a nonce.
 */
void chacha_block(struct chacha *c, u8 out[CHACHA_BLOCK_SIZE]);
/* The key stream over @len bytes; the rest of the last block is lost. */
void chacha_stream(struct chacha *c, u8 *out, size_t len);
