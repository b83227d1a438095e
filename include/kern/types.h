/*
 * The integer types of the kernel. u64/s64 are long long everywhere, as in the UAPI: print them
 * with %llu/%lld/%llx. User and group ids are plain u32 values of the initial user namespace.
 */
#pragma once

#include <linux/types.h>
#include <kern/compiler.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

typedef __SIZE_TYPE__ uptr;

#if !KERN_HOST || !defined(_SYS_TYPES_H)
typedef long ssize_t;
typedef long off_t;
typedef int pid_t;
typedef u32 uid_t;
typedef u32 gid_t;
typedef u32 mode_t;
typedef s64 loff_t;
typedef u64 ino_t;
typedef u32 dev_t; /* 12 bits of major, 20 of minor: <kern/dev.h> */
typedef int clockid_t;
typedef int timer_t;
typedef long time_t;
typedef unsigned long nlink_t;
#endif

typedef u16 umode_t;
typedef s64 time64_t;
typedef u64 sector_t; /* of 512 bytes */
typedef u64 phys_addr_t;
typedef u64 dma_addr_t;
typedef unsigned long pgoff_t; /* index of a page in a file */
typedef unsigned long pfn_t;

#define PFN_NONE (~0ul)

static_assert(sizeof(void *) == 8, "64-bit kernels only");
static_assert(sizeof(u64) == 8, "u64");

#include <kern/limits.h>
