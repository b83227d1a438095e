/*
 * getrandom(2) in user mode, with the interface of Linux 6.11.
 *
 * The caller's opaque state, in memory that is mapped as the query says, holds a key, a batch of
 * output and the generation of the kernel's source when the key was drawn. A batch's first bytes
 * replace the key, and what is handed out is erased, so the state never tells what was given.
 *
 * The state's page may be zeroed at any moment, by reclaim or in a new child: its generation is 0
 * then, which the kernel's never is. That, and a reseed of the kernel, is looked for after the
 * output is made, and makes it anew.
 *
 * Nothing that is secret goes to the stack: one block at a time in vector registers, which the C
 * ABI gives to the callee and which are cleared at the end.
 */
#include <asm/unistd.h>
#include <asm/vdso.h>
#include <kern/compiler.h>
#include <linux/mman.h>
#include <linux/random.h>

#define EXPORT __attribute__((visibility("default")))
#define HIDDEN __attribute__((visibility("hidden")))

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif

#define BLOCK 64u
#define KEY 32u
#define BATCH (2 * BLOCK - KEY)
#define PAGE 4096ul
#define LEN_MAX 0x7ffff000ul /* as of any transfer */
#define EFAULT_RESULT (-14l)

/* As the first page of vvar_page, but of the machine where that is of a time namespace. */
extern const struct vdso_page vvar_page HIDDEN, vvar_machine_page HIDDEN;

struct random_state {
	union {
		struct {
			u8 batch[BATCH];
			u8 key[KEY];
		};
		u8 batch_key[2 * BLOCK]; /* one run of key stream */
	};
	u64 generation; /* 0: no key */
	u8 pos;		/* of the batch: the first byte that was not given */
	bool in_use;	/* a signal handler came in the middle */
};

/* The answer to the query; more may follow in later kernels. */
struct random_params {
	u32 size_of_opaque_state, mmap_prot, mmap_flags, reserved[13];
};

long __vdso_getrandom(void *buf, size_t len, unsigned int flags, void *opaque, size_t opaque_len);

static inline long ask_kernel(void *buf, size_t len, unsigned int flags)
{
	long ret;

	asm volatile("syscall"
		     : "=a"(ret)
		     : "0"((long)__NR_getrandom), "D"(buf), "S"(len), "d"((long)flags)
		     : "rcx", "r11", "memory");
	return ret;
}

typedef u32 row __attribute__((vector_size(16)));
typedef u64 row64 __attribute__((vector_size(16)));
typedef u32 row_any __attribute__((vector_size(16), aligned(1), may_alias));

static __always_inline row rotate(row v, int n)
{
	return v << n | v >> (32 - n);
}

static __always_inline void round_of_rows(row *a, row *b, row *c, row *d)
{
	*a += *b;
	*d = rotate(*d ^ *a, 16);
	*c += *d;
	*b = rotate(*b ^ *c, 12);
	*a += *b;
	*d = rotate(*d ^ *a, 8);
	*c += *d;
	*b = rotate(*b ^ *c, 7);
}

#define TURN(v, n) __builtin_shufflevector(v, v, n, ((n) + 1) & 3, ((n) + 2) & 3, ((n) + 3) & 3)

/* ChaCha20 with a 64-bit block counter, from *@counter on, and no nonce. @out may be the key's. */
static __always_inline void make_blocks(u8 *out, const u8 *key, u64 *counter, size_t n)
{
	const row constants = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	row key0 = *(const row_any *)key, key1 = *(const row_any *)(key + 16);
	row last = (row)(row64){*counter, 0};

	*counter += n;
	for (; n; n--, out += BLOCK) {
		row a = constants, b = key0, c = key1, d = last;

		for (int i = 0; i < 10; i++) {
			round_of_rows(&a, &b, &c, &d);
			b = TURN(b, 1);
			c = TURN(c, 2);
			d = TURN(d, 3);
			round_of_rows(&a, &b, &c, &d);
			b = TURN(b, 3);
			c = TURN(c, 2);
			d = TURN(d, 1);
		}
		*(row_any *)out = a + constants;
		*(row_any *)(out + 16) = b + key0;
		*(row_any *)(out + 32) = c + key1;
		*(row_any *)(out + 48) = d + last;
		last = (row)((row64)last + (row64){1, 0});
	}
}

static inline void clear_vectors(void)
{
#define CLEAR(n) "pxor %%xmm" #n ", %%xmm" #n "\n\t"
	asm volatile(CLEAR(0) CLEAR(1) CLEAR(2) CLEAR(3) CLEAR(4) CLEAR(5) CLEAR(6) CLEAR(7)
			     CLEAR(8) CLEAR(9) CLEAR(10) CLEAR(11) CLEAR(12) CLEAR(13) CLEAR(14)
				     CLEAR(15)
		     :
		     :
		     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
		       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

typedef u64 u64_any __attribute__((aligned(1), may_alias));

static __always_inline void move_out(u8 *to, u8 *from, size_t n)
{
	for (; n >= 8; n -= 8, to += 8, from += 8) {
		*(u64_any *)to = *(u64_any *)from;
		*(u64_any *)from = 0;
	}
	for (; n; n--) {
		*to++ = *from;
		*from++ = 0;
	}
}

/* From the batch first, then by whole blocks; the batch and the key are new after that. */
static void fill(struct random_state *s, u8 *to, size_t len)
{
	u64 counter = 0;

	for (;;) {
		/* A zeroed page has position 0 and a batch of zeroes: found out at the end. */
		size_t pos = s->pos <= BATCH ? s->pos : BATCH;
		size_t n = BATCH - pos < len ? BATCH - pos : len;

		move_out(to, s->batch + pos, n);
		s->pos = (u8)(pos + n);
		to += n;
		len -= n;
		if (!len)
			return;
		n = len / BLOCK;
		make_blocks(to, s->key, &counter, n);
		to += n * BLOCK;
		len -= n * BLOCK;
		make_blocks(s->batch_key, s->key, &counter, 2);
		s->pos = 0;
		clear_vectors();
	}
}

/* False: the kernel has to make this one. */
static bool from_state(struct random_state *s, const struct vdso_random *kernel, u8 *buf,
		       size_t len)
{
	for (int tries = 0; tries < 2; tries++) {
		u64 generation = __atomic_load_n(&kernel->generation, __ATOMIC_ACQUIRE);

		if (s->generation != generation) {
			__atomic_store_n(&s->generation, generation, __ATOMIC_RELAXED);
			__atomic_signal_fence(__ATOMIC_SEQ_CST);
			if (ask_kernel(s->key, KEY, 0) != KEY) {
				__atomic_store_n(&s->generation, 0, __ATOMIC_RELAXED);
				return false;
			}
			s->pos = BATCH;
		}
		fill(s, buf, len);
		/* Not before the output was made. */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&s->generation, __ATOMIC_RELAXED) ==
		    __atomic_load_n(&kernel->generation, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

EXPORT long __vdso_getrandom(void *buf, size_t len, unsigned int flags, void *opaque,
			     size_t opaque_len)
{
	const struct vdso_random *kernel =
		vvar_page.data.in_time_ns ? &vvar_machine_page.random : &vvar_page.random;
	struct random_state *s = opaque;
	size_t want = len < LEN_MAX ? len : LEN_MAX;
	bool made;

	if (opaque_len == ~0ul && !buf && !len && !flags) {
		*(struct random_params *)opaque = (struct random_params){
			.size_of_opaque_state = sizeof(*s),
			.mmap_prot = PROT_READ | PROT_WRITE,
			.mmap_flags = MAP_DROPPABLE | MAP_ANONYMOUS,
		};
		return 0;
	}
	/* What may be zeroed at any time is at least zeroed as a whole. */
	if (((unsigned long)opaque & (PAGE - 1)) + sizeof(*s) > PAGE)
		return EFAULT_RESULT;
	if (flags & ~(unsigned int)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
	    opaque_len != sizeof(*s) || !__atomic_load_n(&kernel->generation, __ATOMIC_RELAXED))
		return ask_kernel(buf, len, flags);
	if (!want)
		return 0;
	if (__atomic_load_n(&s->in_use, __ATOMIC_RELAXED))
		return ask_kernel(buf, len, flags);
	__atomic_store_n(&s->in_use, true, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	made = from_state(s, kernel, buf, want);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&s->in_use, false, __ATOMIC_RELAXED);
	return made ? (long)want : ask_kernel(buf, len, flags);
}

long getrandom(void *buf, size_t len, unsigned int flags, void *opaque, size_t opaque_len)
	__attribute__((weak, alias("__vdso_getrandom"), visibility("default")));
