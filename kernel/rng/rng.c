/*
 * The random source.
 *
 * The pool is a 256-bit key.  Input is absorbed 16 bytes at a time as the nonce of a ChaCha20 block
 * under that key, and half of the block becomes the new key: the pool stays unpredictable if it
 * was, and becomes so when the input is.  What leaves the pool is the other half of such a block,
 * so it tells nothing about what the pool was or will be.
 *
 * Each CPU has a key of its own, drawn from the pool, and a batch of output.  A refill makes
 * RNG_BATCH bytes of key stream; the first 32 replace the key, the rest is handed out and erased as
 * it goes (fast key erasure).  Large requests take a one-time key from the batch and run their own
 * stream with interrupts on.
 *
 * The pool takes the clock and the CPU's random numbers again each RNG_RESEED_NS; when its
 * generation changes, the CPUs draw new keys at their next refill.
 */
#include <kernel/rng/rng.h>
#include <kernel/rng/rng_impl.h>
#include <kernel/boot/boot.h>
#include <kernel/lock/lock.h>
#include <kernel/printk/printk.h>
#include <kernel/time/time.h>
#include <kernel/wait/wait.h>
#include <kern/bit.h>
#include <kern/string.h>
#include <lib/chacha/chacha.h>
#include <asm/context.h>
#include <asm/cpu.h>

#define RNG_BATCH 512u
#define RNG_LARGE 192u
#define RNG_CHUNK 512u
#define RNG_RESEED_NS (60ull * NSEC_PER_SEC)
#define RNG_READY_BITS 256u
#define RNG_JITTER_ROUNDS 64u
#define RNG_JITTER_READINGS 256u

struct rng_cpu {
	u8 key[CHACHA_KEY_SIZE];
	u8 out[RNG_BATCH - CHACHA_KEY_SIZE]; /* behind key: one run of key stream */
	u64 generation;			     /* of the pool when the key was drawn; 0: never */
	u32 left;			     /* unused bytes at the end of out */
};
static_assert(offsetof(struct rng_cpu, out) == CHACHA_KEY_SIZE, "key and out are adjacent");

static_assert(RNG_BATCH % CHACHA_WIDE_SIZE == 0, "a batch is whole wide steps");

static DEFINE_PERCPU(struct rng_cpu, rng_cpu); /* with interrupts off */
DEFINE_PERCPU(u64, rng_jitter);

static struct spinlock rng_lock = SPINLOCK_INIT(LK_IRQ_LEAF);
static u8 rng_pool[CHACHA_KEY_SIZE]; /* rng_lock */
static u64 rng_generation = 1;	     /* written under rng_lock */
static u64 rng_reseed_ns;	     /* rng_lock */
static u32 rng_entropy_bits;	     /* rng_lock; up to RNG_READY_BITS */
static bool rng_ready;		     /* atomic */
struct wait_queue rng_ready_wait = WAIT_QUEUE_INIT(rng_ready_wait);

/* --- the pool, under rng_lock --- */

/* One permutation step: @input selects the block; @out, if any, gets the half that is not kept. */
static void pool_step(const u8 input[16], u8 out[32])
{
	u8 block[CHACHA_BLOCK_SIZE];
	struct chacha c;
	u32 counter;

	memcpy(&counter, input + 12, sizeof(counter));
	chacha_init(&c, rng_pool, counter, input);
	chacha_block(&c, block);
	memcpy(rng_pool, block, sizeof(rng_pool));
	if (out)
		memcpy(out, block + 32, 32);
	memzero_explicit(block, sizeof(block));
	memzero_explicit(&c, sizeof(c));
}

static void pool_absorb(const void *data, size_t len)
{
	const u8 *p = data;

	while (len) {
		size_t n = len < 16 ? len : 16;
		u8 input[16] = {0};

		memcpy(input, p, n);
		pool_step(input, NULL);
		p += n;
		len -= n;
	}
}

static void pool_absorb_u64(u64 a, u64 b)
{
	u64 input[2] = {a, b};

	pool_step((const u8 *)input, NULL);
}

/* The random instruction, if the CPU has one: 256 bits. Returns how many bits it gave. */
static u32 pool_absorb_cpu(void)
{
	u32 bits = 0;

	for (unsigned int i = 0; i < 2; i++) {
		u64 a, b;

		if (!cpu_random_u64(&a) || !cpu_random_u64(&b))
			break;
		pool_absorb_u64(a, b);
		bits += 128;
	}
	return bits;
}

static void pool_credit(u32 bits)
{
	rng_entropy_bits =
		rng_entropy_bits + bits < RNG_READY_BITS ? rng_entropy_bits + bits : RNG_READY_BITS;
	if (rng_entropy_bits == RNG_READY_BITS && !rng_ready) {
		rng_generation++;
		__atomic_store_n(&rng_ready, true, __ATOMIC_RELEASE);
	}
}

static void pool_reseed(u64 now)
{
	pool_absorb_u64(clock_cycles(), this_cpu_read(rng_jitter));
	pool_credit(pool_absorb_cpu());
	rng_generation++;
	rng_reseed_ns = now + RNG_RESEED_NS;
}

/* --- a CPU's key and batch, with interrupts off --- */

static void rng_draw_key(struct rng_cpu *rc, u64 now)
{
	const u64 input[2] = {clock_cycles(), this_cpu_read(rng_jitter)};

	spin_lock(&rng_lock);
	if (now >= rng_reseed_ns)
		pool_reseed(now);
	pool_step((const u8 *)input, rc->key);
	rc->generation = rng_generation;
	spin_unlock(&rng_lock);
}

static void rng_refill(struct rng_cpu *rc)
{
	static const u8 nonce[CHACHA_NONCE_SIZE];
	u64 now = time_mono_ns();
	struct chacha c;

	if (rc->generation != READ_ONCE(rng_generation) || now >= READ_ONCE(rng_reseed_ns))
		rng_draw_key(rc, now);
	chacha_init(&c, rc->key, 0, nonce);
	/* The first bytes of the stream replace the key that made it. */
	if (CHACHA_HAS_WIDE && !in_irq()) {
		fpu_begin();
		chacha_wide(c.state, (u8 *)rc, RNG_BATCH / CHACHA_WIDE_SIZE);
		fpu_end();
	} else {
		chacha_stream(&c, (u8 *)rc, RNG_BATCH);
	}
	rc->left = sizeof(rc->out);
	memzero_explicit(&c, sizeof(c));
}

/* At most RNG_LARGE bytes. */
static void rng_small(u8 *buf, size_t len)
{
	unsigned long flags = irqs_save();
	struct rng_cpu *rc = this_cpu_ptr(rng_cpu);
	u8 *from;

	if (unlikely(rc->left < len || rc->generation != READ_ONCE(rng_generation)))
		rng_refill(rc);
	from = rc->out + sizeof(rc->out) - rc->left;
	memcpy(buf, from, len);
	memset(from, 0, len);
	rc->left -= (u32)len;
	irqs_restore(flags);
}

void rng_stream_begin(struct rng_stream *s)
{
	static const u8 nonce[CHACHA_NONCE_SIZE];
	u8 key[CHACHA_KEY_SIZE];

	rng_small(key, sizeof(key));
	chacha_init(&s->chacha, key, 0, nonce);
	memzero_explicit(key, sizeof(key));
}

void rng_stream_read(struct rng_stream *s, u8 *out, size_t len)
{
	size_t wide = len / CHACHA_WIDE_SIZE;

	if (wide && !in_irq() && CHACHA_HAS_WIDE) {
		fpu_begin();
		chacha_wide(s->chacha.state, out, wide);
		fpu_end();
		out += wide * CHACHA_WIDE_SIZE;
		len -= wide * CHACHA_WIDE_SIZE;
	}
	if (len)
		chacha_stream(&s->chacha, out, len);
}

void rng_bytes(void *buf, size_t len)
{
	struct rng_stream s;

	if (len <= RNG_LARGE) {
		rng_small(buf, len);
		return;
	}
	rng_stream_begin(&s);
	rng_stream_read(&s, buf, len);
	memzero_explicit(&s, sizeof(s));
}

u32 rng_u32(void)
{
	u32 v;

	rng_small((u8 *)&v, sizeof(v));
	return v;
}

u64 rng_u64(void)
{
	u64 v;

	rng_small((u8 *)&v, sizeof(v));
	return v;
}

u64 rng_below(u64 limit)
{
	u64 v, skip;

	if (!limit)
		return 0;
	skip = -limit % limit; /* 2^64 mod limit: so many values would be too frequent */
	do {
		v = rng_u64();
	} while (v < skip);
	return v % limit;
}

/* --- input --- */

void rng_add_source(enum rng_source source, const void *data, size_t len, u32 bits)
{
	unsigned long flags = spin_lock_irqsave(&rng_lock);
	bool was_ready = rng_ready;

	pool_absorb_u64(clock_cycles(), (u64)source << 32 ^ len);
	pool_absorb(data, len);
	pool_credit(bits);
	spin_unlock_irqrestore(&rng_lock, flags);
	if (!was_ready && rng_is_ready())
		wake_up_all(&rng_ready_wait);
}

void rng_snapshot_restored(const void *id, size_t len)
{
	unsigned long flags = spin_lock_irqsave(&rng_lock);

	pool_absorb(id, len);
	pool_reseed(time_mono_ns());
	spin_unlock_irqrestore(&rng_lock, flags);
}

bool rng_is_ready(void)
{
	return __atomic_load_n(&rng_ready, __ATOMIC_ACQUIRE);
}

/*
 * No seed, no instruction: how long memory and the counter take varies with caches, refresh and the
 * host's doings. Counted at a sixty-fourth of a bit a reading, which is little for real hardware.
 */
void rng_gather_jitter(void)
{
	static u8 scratch[4096];
	u64 sample[8] = {0};

	for (unsigned int i = 0; i < RNG_JITTER_ROUNDS && !rng_is_ready(); i++) {
		for (unsigned int k = 0; k < RNG_JITTER_READINGS; k++) {
			u64 c = clock_cycles();

			scratch[(c * 61 + k * 257) % sizeof(scratch)] ^= (u8)(c >> 3);
			sample[k & 7] = rol64(sample[k & 7], 7) ^ c ^ scratch[c % sizeof(scratch)];
		}
		rng_add_source(RNG_JITTER, sample, sizeof(sample), RNG_JITTER_READINGS / 64);
	}
	if (!rng_is_ready())
		rng_add_source(RNG_JITTER, sample, sizeof(sample), RNG_READY_BITS);
}

void rng_init(void)
{
	unsigned long flags = spin_lock_irqsave(&rng_lock);

	pool_absorb_u64(clock_cycles(), arch_clock.hz);
	pool_absorb_u64(time_real_ns(), (u64)(unsigned long)&flags);
	pool_absorb(boot_info.mem, sizeof(boot_info.mem[0]) * boot_info.mem_count);
	if (boot_info.seed_len) {
		pool_absorb(boot_info.seed, boot_info.seed_len);
		pool_credit(boot_info.seed_len * 8);
		memzero_explicit(boot_info.seed, sizeof(boot_info.seed));
		boot_info.seed_len = 0;
	}
	pool_reseed(time_mono_ns());
	spin_unlock_irqrestore(&rng_lock, flags);
	if (rng_is_ready())
		pr_info("rng: ready\n");
}
