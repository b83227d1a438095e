/*
 * Code that is chosen once: instructions replaced by CPU feature, and branches that are turned at
 * run time (static keys). The sites are recorded in linker sets that kernel/patch walks.
 */
#pragma once

#include <asm/cpu.h>
#include <kern/compiler.h>
#include <kern/types.h>

#ifdef __ASSEMBLY__
#error "assembler sources use <asm/patch_asm.h>"
#endif

/* One alternative: relative addresses, so that modules need no relocation. */
struct patch_alt {
	s32 site;
	s32 replacement;
	u16 feature;
	u8 site_len;
	u8 replacement_len;
};

/*
 * "oldinstr", or "newinstr" where the CPU has feature number (operand text) @feat. The new text
 * may be at most as long as the old one; the old one is padded with NOPs to make it so.
 */
#define PATCH_STR_(x) #x
#define PATCH_STR(x) PATCH_STR_(x)
#define ALTERNATIVE(oldinstr, newinstr, feat)                                        \
	"771:\n\t" oldinstr "\n772:\n"                                               \
	".skip -(((775f-774f)-(772b-771b)) > 0) * ((775f-774f)-(772b-771b)), 0x90\n" \
	"773:\n"                                                                     \
	".pushsection .tab.patch_alt, \"a\"\n"                                       \
	"\t.balign 4\n\t.long 771b - ., 774f - .\n\t.short " feat "\n"               \
	"\t.byte 773b - 771b, 775f - 774f\n"                                         \
	".popsection\n"                                                              \
	".pushsection .altinstr, \"ax\"\n"                                           \
	"774:\n\t" newinstr "\n775:\n"                                               \
	".popsection\n"

/*
 * cpu_has(@feature) that costs one NOP where the CPU has not. False, whatever the CPU has, until
 * alternatives are applied.
 */
static __always_inline bool cpu_has_unlikely(enum cpu_feature feature)
{
	asm goto("771: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
		 ".pushsection .tab.patch_alt, \"a\"\n"
		 "\t.balign 4\n\t.long 771b - ., 774f - .\n\t.short %c0\n"
		 "\t.byte 5, 5\n"
		 ".popsection\n"
		 ".pushsection .altinstr, \"ax\"\n"
		 "774: .byte 0xe9\n\t.long %l[yes] - . - 4\n"
		 ".popsection\n"
		 :
		 : "i"(feature)
		 :
		 : yes);
	return false;
yes:
	return true;
}

/* Static key: a branch that costs one NOP (or one jump) and is turned by patching its sites. */
struct static_key {
	int enabled;   /* count of enablers; atomic */
	u32 initially; /* state of the sites as compiled: 0 = NOP */
};

struct patch_jump {
	s32 site;
	s32 target;
	s64 key; /* relative; bit 0 = the branch is taken when the key is off */
};

#define STATIC_KEY_FALSE \
	{                \
		0, 0     \
	}
#define DEFINE_STATIC_KEY(name) struct static_key name = STATIC_KEY_FALSE

/* False until static_key_enable(); the true side is laid out away from the straight path. */
static __always_inline bool static_key_unlikely(struct static_key *key)
{
	asm goto("1: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
		 ".pushsection .tab.patch_jump, \"a\"\n"
		 "\t.balign 8\n\t.long 1b - ., %l[yes] - .\n\t.quad %c0 - .\n"
		 ".popsection\n"
		 :
		 : "i"(key)
		 :
		 : yes);
	return false;
yes:
	return true;
}
