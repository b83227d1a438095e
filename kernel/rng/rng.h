/*
 * Random numbers: ChaCha20 with fast key erasure, per CPU.
 *
 * The kernel's own calls never wait: before the source is ready they give what there is, and what
 * is made of it must not be a secret then. User space waits where getrandom(2) says so. Source:
 * getrandom(2), random(4).
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

/* Takes the boot seed and the CPU's random numbers, as random.trust_bootloader=,
 * random.trust_cpu= and random.trust_jitter= let it. Time works, nothing is scheduled yet. */
void rng_init(void);
/* Never fails; any context but NMI. */
void rng_bytes(void *buf, size_t len);
u32 rng_u32(void);
u64 rng_u64(void);
/* Below @limit, without bias; 0 for 0. */
u64 rng_below(u64 limit);

/* Where input comes from; what each was credited is told in /sys/kernel/random. */
enum rng_source {
	RNG_CPU,	/* random instruction */
	RNG_BOOTLOADER, /* seed handed over at power-on */
	RNG_HWRNG,	/* drivers of random devices: virtio-rng */
	RNG_VMGENID,	/* identity of this copy of the machine; never credited */
	RNG_INTERRUPT,	/* moments of interrupts */
	RNG_JITTER,	/* how long the same work takes */
	RNG_USER,	/* write(2), RNDADDENTROPY */
	RNG_SOURCES
};

/*
 * Mixes @len bytes in, which count as @bits of entropy until the source is ready (0: unknown
 * quality; more than is missing is cut). Any context but NMI.
 */
void rng_add_source(enum rng_source source, const void *data, size_t len, u32 bits);
/*
 * This machine may be one of several copies of a snapshot, and @id (never credited) tells it from
 * the others: what is asked for from then on, and what is left of large requests, comes from new
 * keys, in the kernel as in the vDSO. Any context but NMI; call it before user space goes on, if
 * possible from the interrupt that tells of the restoration.
 */
void rng_snapshot_restored(const void *id, size_t len);
bool rng_is_ready(void);

struct wait_queue;
extern struct wait_queue rng_ready_wait; /* woken once, when the source becomes ready */
