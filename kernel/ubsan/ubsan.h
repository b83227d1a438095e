/*
 * Undefined-behaviour sanitizer: what the compiler calls when it finds undefined behaviour at run
 * time (CONFIG_UBSAN). Each place reports once, as a warning with a back trace.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

/* While a test plants a fault, reports are counted and not printed. */
void ubsan_expect(bool on);
unsigned int ubsan_expected_count(void);
