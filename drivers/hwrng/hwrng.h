/*
 * Random devices: what their drivers give to kernel/rng and to /dev/hwrng.
 *
 * The best device by quality is the current one, unless the user names another
 * (/sys/class/misc/hw_random/rng_current). Its data is credited once when it appears, early enough
 * for the first program, and mixed in about once a minute while the machine is awake.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/list.h>
#include <kern/types.h>

#define HWRNG_QUALITY_MAX 1024u

/* Embedded in the driver's device; the first three fields are set before hwrng_register(). */
struct hwrng {
	const char *name;
	u32 quality; /* bits of entropy in 1024 bits of data */
	/*
	 * Copies what is there, at most @len bytes, each given out once; asks the device for more
	 * when there is none left, and then hwrng_data() is called. Any context but NMI.
	 */
	size_t (*read)(struct hwrng *h, void *buf, size_t len);
	/* The core's, under its lock. */
	struct list_head link;
	u32 users;
	bool wanted; /* its next data is for kernel/rng; atomic */
};

/*
 * When the random source is not ready yet, waits for the device's first data: 250 ms at most, for
 * all devices together. May sleep.
 */
void hwrng_register(struct hwrng *h);
/* Nobody calls h->read any more when this returns. May sleep. */
void hwrng_unregister(struct hwrng *h);
/* Data came. Any context but NMI, under no lock. */
void hwrng_data(struct hwrng *h);
