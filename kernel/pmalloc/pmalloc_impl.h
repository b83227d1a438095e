/* Private to kernel/pmalloc. */
#pragma once

#include <kernel/lock/lock.h>
#include <kernel/pmalloc/pmalloc.h>
#include <kern/list.h>

struct frame;

/* arena.c: frames whose view in the direct map is read-only. */
struct arena_block;
void arena_init(void);
/* @n frames in a row; -ENOMEM.  Contents are anything. */
int arena_take(size_t n, struct arena_block **block, struct frame **out) __must_check;
/* Nobody has a translation any more that lets a write through. */
void arena_give(struct arena_block *b, struct frame *f, size_t n);
