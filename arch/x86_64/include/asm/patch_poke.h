/* Instruction bytes for kernel/patch. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

#define PATCH_ALT_MAX 32
#define PATCH_JUMP_LEN 5
#define PATCH_BREAKPOINT 0xcc

/* The site being changed; at = 0: none. Read by the breakpoint handler on any CPU. */
struct patch_site {
	unsigned long at;
	size_t len;
	u8 text[8];
};
extern struct patch_site patch_current;

/* Longest possible NOPs in @len bytes. */
void patch_fill_nops(u8 *buf, size_t len);
void patch_make_jump(u8 buf[PATCH_JUMP_LEN], unsigned long at, unsigned long target);
/* A copy of @from in @buf, if it is a jump, still goes to its target when it stands at @at. */
void patch_move_jump(u8 *buf, size_t len, const void *from, const void *at);
bool patch_is_text(unsigned long addr);
/* This CPU fetches instructions anew. */
void patch_sync_cpu(void);
