/* Code chosen once. Sites are compiled in; their engine is not written for this architecture yet.
 */
#pragma once

#include <asm/cpu.h>
#include <kern/compiler.h>
#include <kern/types.h>

struct patch_alt {
	s32 site, replacement;
	u16 feature;
	u8 site_len, replacement_len;
};

struct patch_jump {
	s32 site, target;
	s64 key;
};

struct static_key {
	int enabled;
	u32 initially;
};

#define STATIC_KEY_FALSE \
	{                \
		0, 0     \
	}
#define DEFINE_STATIC_KEY(name) struct static_key name = STATIC_KEY_FALSE

static __always_inline bool static_key_unlikely(struct static_key *key)
{
	return unlikely(READ_ONCE(key->enabled));
}
