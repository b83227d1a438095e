/*
 * Random numbers: ChaCha20 with fast key erasure, per CPU.
 *
 * Good from the first call on a machine with a seed from the boot loader or a random instruction;
 * else from the first call that needs it, which gathers timing jitter for some milliseconds at
 * most.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>
#include <asm/clock.h>
#include <asm/percpu.h>

/* Takes the boot seed and the CPU's random numbers. Before it, rng_bytes() uses the clock only. */
void rng_init(void);
/* Never fails; any context but NMI. */
void rng_bytes(void *buf, size_t len);
u32 rng_u32(void);
u64 rng_u64(void);
/* Below @limit, without bias; 0 for 0. */
u64 rng_below(u64 limit);
/* Mixes data of unknown quality in; any context but NMI. */
void rng_add(const void *data, size_t len);
/* The same, and counts as @bits of entropy (virtio-rng, privileged user). */
void rng_add_credited(const void *data, size_t len, u32 bits);
bool rng_is_ready(void);

struct wait_queue;
extern struct wait_queue rng_ready_wait; /* woken once, when the source becomes ready */

DECLARE_PERCPU(u64, rng_jitter);
/* Interrupts: folds the moment into this CPU's jitter word. */
static __always_inline void rng_note_interrupt(u64 cycles)
{
	u64 v = this_cpu_read(rng_jitter);

	this_cpu_write(rng_jitter, (v << 7 | v >> 57) ^ cycles);
}
