/* ChaCha20, RFC 8439 section 2. */
#include <lib/chacha/chacha.h>
#include <kern/bit.h>
#include <kern/endian.h>
#include <kern/string.h>

static __always_inline void quarter(u32 x[16], unsigned int a, unsigned int b, unsigned int c,
				    unsigned int d)
{
	x[a] += x[b];
	x[d] = rol32(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rol32(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rol32(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rol32(x[b] ^ x[c], 7);
}

void chacha_init(struct chacha *c, const u8 key[CHACHA_KEY_SIZE], u32 counter,
		 const u8 nonce[CHACHA_NONCE_SIZE])
{
	static const char constants[16] __nonstring = "expand 32-byte k";

	for (unsigned int i = 0; i < 4; i++)
		c->state[i] = le32_read(constants + 4 * i);
	for (unsigned int i = 0; i < 8; i++)
		c->state[4 + i] = le32_read(key + 4 * i);
	c->state[12] = counter;
	for (unsigned int i = 0; i < 3; i++)
		c->state[13 + i] = le32_read(nonce + 4 * i);
}

void chacha_block(struct chacha *c, u8 out[CHACHA_BLOCK_SIZE])
{
	u32 x[16];

	memcpy(x, c->state, sizeof(x));
	for (unsigned int i = 0; i < 10; i++) {
		quarter(x, 0, 4, 8, 12);
		quarter(x, 1, 5, 9, 13);
		quarter(x, 2, 6, 10, 14);
		quarter(x, 3, 7, 11, 15);
		quarter(x, 0, 5, 10, 15);
		quarter(x, 1, 6, 11, 12);
		quarter(x, 2, 7, 8, 13);
		quarter(x, 3, 4, 9, 14);
	}
	for (unsigned int i = 0; i < 16; i++)
		le32_write(out + 4 * i, x[i] + c->state[i]);
	c->state[12]++;
	memzero_explicit(x, sizeof(x));
}

void chacha_stream(struct chacha *c, u8 *out, size_t len)
{
	u8 last[CHACHA_BLOCK_SIZE];

	for (; len >= CHACHA_BLOCK_SIZE; len -= CHACHA_BLOCK_SIZE, out += CHACHA_BLOCK_SIZE)
		chacha_block(c, out);
	if (!len)
		return;
	chacha_block(c, last);
	memcpy(out, last, len);
	memzero_explicit(last, sizeof(last));
}
