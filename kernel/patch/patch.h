/*
 * Code patching: what <asm/patch.h> recorded is put into force here, and kernel text changes while
 * it runs.
 */
#pragma once

#include <asm/patch.h>
#include <kern/compiler.h>
#include <kern/types.h>

/* At boot, before a second CPU runs and before text is final: chooses every alternative. */
void patch_apply_alternatives(void);

/* Turn the branches of @key. Counted: the first enable and the last disable patch. May sleep. */
void static_key_enable(struct static_key *key);
void static_key_disable(struct static_key *key);

/* At boot, as patch_apply_alternatives(): for good. */
void static_key_enable_boot(struct static_key *key);

/*
 * Replaces the instruction at @at (of @len bytes, 5 at most) by @text, safely while any CPU may run
 * over it: each sees the old or the new one. -EINVAL if it is not kernel text. May sleep.
 */
int patch_text(void *at, const void *text, size_t len) __must_check;
