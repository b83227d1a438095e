/* SPDX-License-Identifier: BSD-2-Clause */
/* Alternatives of assembly code, which includes this: struct patch_alt of <asm/patch.h>. */

/* What stands from the last label 771 to here becomes @insn where the CPU has @feature. */
	.macro ALTERNATIVE_SINCE_771 feature, insn:vararg
772:
	.pushsection .tab.patch_alt, "a"
	.balign 4
	.long 771b - ., 774f - .
	.short \feature
	.byte 772b - 771b, 775f - 774f
	.popsection
	.pushsection .altinstr, "ax"
774:	\insn
775:
	.popsection
	.endm
