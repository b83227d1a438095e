/* Device numbers: 12 bits of major and 20 of minor inside, Linux's encodings outside. */
#pragma once

#include <kern/types.h>

#define MINORBITS 20
#define MINORMASK ((1u << MINORBITS) - 1)
#define MAJOR(dev) ((unsigned int)((dev) >> MINORBITS))
#define MINOR(dev) ((unsigned int)((dev)&MINORMASK))
#define MKDEV(major, minor) ((dev_t)((major) << MINORBITS | (minor)))

/* The 32-bit form of stat(2), mknod(2) and statx(2)'s parts. */
static inline u32 dev_encode(dev_t dev)
{
	unsigned int major = MAJOR(dev), minor = MINOR(dev);

	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static inline dev_t dev_decode(u32 v)
{
	return MKDEV((v & 0xfff00) >> 8, (v & 0xff) | (v >> 12 & 0xfff00));
}
