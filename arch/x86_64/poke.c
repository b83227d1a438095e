/* Instruction bytes for the patching engine, and the breakpoint that covers a site meanwhile. */
#include <asm/patch_poke.h>
#include <kern/string.h>

#include "x86_impl.h"

static const u8 nops[9][8] = {
	{0},
	{0x90},
	{0x66, 0x90},
	{0x0f, 0x1f, 0x00},
	{0x0f, 0x1f, 0x40, 0x00},
	{0x0f, 0x1f, 0x44, 0x00, 0x00},
	{0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
	{0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
	{0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
};

void patch_fill_nops(u8 *buf, size_t len)
{
	while (len) {
		size_t n = len < 8 ? len : 8;

		memcpy(buf, nops[n], n);
		buf += n;
		len -= n;
	}
}

void patch_make_jump(u8 buf[PATCH_JUMP_LEN], unsigned long at, unsigned long target)
{
	s32 rel = (s32)(target - (at + PATCH_JUMP_LEN));

	buf[0] = 0xe9;
	memcpy(buf + 1, &rel, sizeof(rel));
}

void patch_move_jump(u8 *buf, size_t len, const void *from, const void *at)
{
	s32 rel;

	if (len != PATCH_JUMP_LEN || buf[0] != 0xe9)
		return;
	memcpy(&rel, buf + 1, sizeof(rel));
	rel += (s32)((const char *)from - (const char *)at);
	memcpy(buf + 1, &rel, sizeof(rel));
}

bool patch_is_text(unsigned long addr)
{
	return addr >= (unsigned long)text_start && addr < (unsigned long)text_end;
}

void patch_sync_cpu(void)
{
	(void)cpuid(0, 0); /* serialises */
}

/* Acts out the new instruction: a NOP, a jump or a call of 5 bytes; anything else waits. */
bool patch_int3(struct regs *regs)
{
	unsigned long at = regs->ip - 1;
	s32 rel;

	if (__atomic_load_n(&patch_current.at, __ATOMIC_ACQUIRE) != at)
		/* Just replaced? Then the byte is no breakpoint any more. */
		return patch_is_text(at) && *(const volatile u8 *)at != PATCH_BREAKPOINT &&
		       (regs->ip = at, true);
	memcpy(&rel, patch_current.text + 1, sizeof(rel));
	if (patch_current.len == PATCH_JUMP_LEN && patch_current.text[0] == 0xe9)
		regs->ip = at + PATCH_JUMP_LEN + (unsigned long)(long)rel;
	else if (patch_current.text[0] == 0x0f || patch_current.text[0] == 0x90)
		regs->ip = at + patch_current.len;
	else
		regs->ip = at;
	return true;
}
