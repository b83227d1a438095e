/* Instruction bytes for kernel/patch. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

#define PATCH_ALT_MAX 32
#define PATCH_JUMP_LEN 4
#define PATCH_BREAKPOINT 0xd4200000u

struct patch_site {
	unsigned long at;
	size_t len;
	u8 text[8];
};
extern struct patch_site patch_current;

void patch_fill_nops(u8 *buf, size_t len);
void patch_make_jump(u8 buf[PATCH_JUMP_LEN], unsigned long at, unsigned long target);
bool patch_is_text(unsigned long addr);
void patch_sync_cpu(void);
