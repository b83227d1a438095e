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
 * The generation changes when keys drawn before must not be used any more: at each credited input
 * until the source is ready, then at a reseed.  A reseed is due some time after the first key of a
 * generation was drawn (RNG_RESEED_*): by a timer, because keys in user space (the vDSO) are
 * renewed by it too, but by none in a machine that nobody asks.
 */
#include <kernel/rng/rng.h>
#include <kernel/rng/rng_impl.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/irq/irq.h>
#include <kernel/lock/lock.h>
#include <kernel/printk/printk.h>
#include <kernel/time/time.h>
#include <kernel/wait/wait.h>
#include <kernel/work/work.h>
#include <kern/atomic.h>
#include <kern/bit.h>
#include <kern/bug.h>
#include <kern/string.h>
#include <lib/chacha/chacha.h>
#include <asm/clock.h>
#include <asm/context.h>
#include <asm/cpu.h>
#include <asm/preempt.h>
#include <asm/vdso.h>

#define RNG_LARGE 192u
/* After half the time that the machine is up, which matters when little is known at first. */
#define RNG_RESEED_MIN_NS NSEC_PER_SEC
#define RNG_RESEED_MAX_NS (60 * NSEC_PER_SEC)
#define RNG_CPU_WORDS 4u /* what the instruction gives at once: 256 bits */

static_assert(offsetof(struct rng_cpu, out) == CHACHA_KEY_SIZE, "key and out are adjacent");
static_assert(RNG_BATCH % CHACHA_WIDE_MAX == 0, "a batch is whole wide steps");

DEFINE_PERCPU(struct rng_cpu, rng_cpu);

static struct spinlock rng_lock = SPINLOCK_INIT(LK_IRQ_LEAF);
static u8 rng_pool[CHACHA_KEY_SIZE];		 /* rng_lock */
static u64 rng_generation = 1;			 /* written under rng_lock */
static u32 rng_entropy_bits;			 /* rng_lock; up to RNG_READY_BITS */
static struct rng_account accounts[RNG_SOURCES]; /* rng_lock */
static struct rng_readiness readiness;		 /* rng_lock */
static bool rng_ready;				 /* atomic */
static struct timer reseed_timer;
static struct work ready_work;
static u32 reseed_armed; /* atomic */
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

/* Keys that were drawn before are stale when this CPU has released rng_lock. */
static void next_generation(void)
{
	WRITE_ONCE(rng_generation, rng_generation + 1);
	if (rng_ready)
		vdso_set_random_generation(rng_generation);
}

static void become_ready(enum rng_source by)
{
	u64 now = time_mono_ns();

	readiness =
		(struct rng_readiness){.at_ns = now ? now : 1, .by = by, .bits = rng_entropy_bits};
	__atomic_store_n(&rng_ready, true, __ATOMIC_RELEASE);
	next_generation();
}

static void pool_credit(enum rng_source source, u32 bits)
{
	if (rng_ready)
		return;
	bits = min(bits, RNG_READY_BITS - rng_entropy_bits);
	accounts[source].bits += bits;
	rng_entropy_bits += bits;
	if (rng_entropy_bits == RNG_READY_BITS)
		become_ready(source);
	else
		next_generation();
}

static void pool_input(enum rng_source source, const void *data, size_t len)
{
	accounts[source].calls++;
	accounts[source].bytes += len;
	pool_absorb(data, len);
}

/* The random instruction, if the CPU has one. Returns how many words it gave. */
static u32 pool_absorb_cpu(void)
{
	u64 words[RNG_CPU_WORDS];
	u32 n = 0;

	while (n < RNG_CPU_WORDS && cpu_random_u64(&words[n]))
		n++;
	if (n)
		pool_input(RNG_CPU, words, n * sizeof(words[0]));
	memzero_explicit(words, sizeof(words));
	return n;
}

static void pool_reseed(void)
{
	pool_absorb_u64(clock_cycles(), time_real_ns());
	(void)pool_absorb_cpu();
	next_generation();
}

/* Gives rng_lock up, and tells of readiness if it came under it. */
static void unlock(unsigned long flags, bool was_ready)
{
	struct rng_readiness r = readiness;

	spin_unlock_irqrestore(&rng_lock, flags);
	if (likely(was_ready || !r.at_ns))
		return;
	pr_notice("rng: ready after %llu ms, by %s\n",
		  (unsigned long long)(r.at_ns / NSEC_PER_MSEC), rng_source_names[r.by]);
	if (r.bits < RNG_READY_BITS)
		pr_warn("rng: only %u of %u bits are estimated: a machine without a source\n",
			r.bits, RNG_READY_BITS);
	wake_up_all(&rng_ready_wait);
	/* Not from here: whoever gives input may hold locks. */
	work_queue(&ready_work);
}

/* --- a CPU's key and batch, with interrupts off --- */

static void reseed_due(struct timer *t)
{
	(void)t;
	__atomic_store_n(&reseed_armed, 0, __ATOMIC_RELEASE);
	rng_reseed();
}

static void arm_reseed(void)
{
	u64 now = time_mono_ns();

	if (__atomic_load_n(&reseed_armed, __ATOMIC_RELAXED) || !rng_is_ready() ||
	    __atomic_exchange_n(&reseed_armed, 1, __ATOMIC_ACQ_REL))
		return;
	timer_start_range(&reseed_timer,
			  now + clamp_t(u64, now / 2, RNG_RESEED_MIN_NS, RNG_RESEED_MAX_NS),
			  RNG_RESEED_MIN_NS);
}

static void rng_draw_key(struct rng_cpu *rc)
{
	const u64 input[2] = {clock_cycles(), irq_noise_peek()};

	spin_lock(&rng_lock);
	pool_step((const u8 *)input, rc->key);
	rc->generation = rng_generation;
	spin_unlock(&rng_lock);
	arm_reseed();
}

/* Key stream of @c; by vector registers where they may be used. */
static void stream(struct chacha *c, u8 *out, size_t len)
{
	const struct chacha_wide *w = chacha_wide;

	if (w && len >= w->size && !in_irq()) {
		size_t n = len / w->size;

		fpu_begin();
		w->run(c->state, out, n);
		fpu_end();
		out += n * w->size;
		len -= n * w->size;
	}
	if (len)
		chacha_stream(c, out, len);
}

static void rng_refill(struct rng_cpu *rc)
{
	static const u8 nonce[CHACHA_NONCE_SIZE];
	struct chacha c;

	if (rc->generation != READ_ONCE(rng_generation))
		rng_draw_key(rc);
	chacha_init(&c, rc->key, 0, nonce);
	/* The first bytes of the stream replace the key that made it. */
	stream(&c, (u8 *)rc, RNG_BATCH);
	rc->left = sizeof(rc->out);
	memzero_explicit(&c, sizeof(c));
}

/* At most RNG_LARGE bytes. Returns the generation that they are of. */
static u64 rng_small(u8 *buf, size_t len)
{
	ASSERT(!in_nmi());
	unsigned long flags = irqs_save();
	struct rng_cpu *rc = this_cpu_ptr(rng_cpu);
	u64 generation;
	u8 *from;

	if (unlikely(rc->left < len || rc->generation != READ_ONCE(rng_generation)))
		rng_refill(rc);
	from = rc->out + sizeof(rc->out) - rc->left;
	memcpy(buf, from, len);
	memset(from, 0, len);
	rc->left -= (u32)len;
	generation = rc->generation;
	irqs_restore(flags);
	return generation;
}

void rng_stream_begin(struct rng_stream *s)
{
	static const u8 nonce[CHACHA_NONCE_SIZE];
	u8 key[CHACHA_KEY_SIZE];

	s->generation = rng_small(key, sizeof(key));
	chacha_init(&s->chacha, key, 0, nonce);
	memzero_explicit(key, sizeof(key));
}

void rng_stream_read(struct rng_stream *s, u8 *out, size_t len)
{
	if (unlikely(s->generation != READ_ONCE(rng_generation)))
		rng_stream_begin(s);
	stream(&s->chacha, out, len);
}

void rng_bytes(void *buf, size_t len)
{
	struct rng_stream s;

	if (len <= RNG_LARGE) {
		(void)rng_small(buf, len);
		return;
	}
	rng_stream_begin(&s);
	rng_stream_read(&s, buf, len);
	memzero_explicit(&s, sizeof(s));
}

u32 rng_u32(void)
{
	u32 v;

	(void)rng_small((u8 *)&v, sizeof(v));
	return v;
}

u64 rng_u64(void)
{
	u64 v;

	(void)rng_small((u8 *)&v, sizeof(v));
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
	pool_input(source, data, len);
	pool_credit(source, bits);
	unlock(flags, was_ready);
}

void rng_snapshot_restored(const void *id, size_t len)
{
	unsigned long flags = spin_lock_irqsave(&rng_lock);

	pool_input(RNG_VMGENID, id, len);
	pool_reseed();
	spin_unlock_irqrestore(&rng_lock, flags);
	pr_notice("rng: new keys, as this may be a copy of the machine\n");
}

void rng_reseed(void)
{
	unsigned long flags = spin_lock_irqsave(&rng_lock);

	pool_reseed();
	spin_unlock_irqrestore(&rng_lock, flags);
}

void rng_force_ready(enum rng_source by)
{
	unsigned long flags = spin_lock_irqsave(&rng_lock);
	bool was_ready = rng_ready;

	if (!was_ready)
		become_ready(by);
	unlock(flags, was_ready);
}

bool rng_is_ready(void)
{
	return __atomic_load_n(&rng_ready, __ATOMIC_ACQUIRE);
}

u32 rng_entropy_available(void)
{
	return rng_is_ready() ? RNG_READY_BITS : READ_ONCE(rng_entropy_bits);
}

void rng_accounts(struct rng_account out[RNG_SOURCES], struct rng_readiness *ready)
{
	unsigned long flags = spin_lock_irqsave(&rng_lock);

	memcpy(out, accounts, sizeof(accounts));
	*ready = readiness;
	spin_unlock_irqrestore(&rng_lock, flags);
}

/* Moments of interrupts, mixed by kernel/irq: in an interrupt, with interrupts off. */
static void take_noise(const u64 noise[IRQ_NOISE_WORDS], u32 count)
{
	/* One bit of 64 interrupts, as Linux has it; of fewer, as they come once a second. */
	u32 bits = clamp_t(u32, count / 64, 1, IRQ_NOISE_WORDS * 64);

	rng_add_source(RNG_INTERRUPT, noise, IRQ_NOISE_WORDS * sizeof(noise[0]), bits);
}

/* --- at boot --- */

static bool trusted(const char *option)
{
	char v[8];

	if (!cmdline_value(option, v, sizeof(v)))
		return true;
	return strcmp(v, "off") && strcmp(v, "0") && v[0] != 'n' && v[0] != 'N';
}

/* A CPU whose instruction always says the same, as some do after a suspend, has none. */
static bool cpu_varies(void)
{
	u64 first, v;

	if (!cpu_random_u64(&first))
		return false;
	for (int i = 0; i < 8; i++) {
		if (cpu_random_u64(&v) && v != first)
			return true;
	}
	pr_warn("rng: the random instruction of this CPU does not work\n");
	return false;
}

void rng_init(void)
{
	unsigned long flags = spin_lock_irqsave(&rng_lock);
	u32 seed_bits = trusted("random.trust_bootloader") ? boot_info.seed_len * 8 : 0;

	timer_init(&reseed_timer, reseed_due);
	work_init(&ready_work, rng_signal_ready);
	chacha_wide_init();
	rng_jitter_init(trusted("random.trust_jitter"));
	pool_absorb_u64(clock_cycles(), arch_clock.hz);
	pool_absorb_u64(time_real_ns(), (u64)(unsigned long)&flags);
	pool_absorb(boot_info.mem, sizeof(boot_info.mem[0]) * boot_info.mem_count);
	if (boot_info.seed_len) {
		pool_input(RNG_BOOTLOADER, boot_info.seed, boot_info.seed_len);
		memzero_explicit(boot_info.seed, sizeof(boot_info.seed));
		boot_info.seed_len = 0;
	}
	bool varies = cpu_varies();
	u32 cpu_bits = pool_absorb_cpu() * 64;

	pool_credit(RNG_CPU, varies && trusted("random.trust_cpu") ? cpu_bits : 0);
	pool_credit(RNG_BOOTLOADER, seed_bits);
	unlock(flags, false);
	irq_set_noise_hook(take_noise);
}
