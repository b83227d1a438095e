/* For the fuzzers of the pure parts: bytes of the input as numbers, and lists of items. */
#pragma once

#include <abi/kdbus.h>
#include <kern/string.h>

#include "test_impl.h"

#define FUZZ_CHECK(cond) ((cond) ? (void)0 : __builtin_trap())

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct fuzz_input {
	const u8 *at;
	size_t left;
};

/* 0 at the end. */
static u8 fuzz_byte(struct fuzz_input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static u64 __maybe_unused fuzz_below(struct fuzz_input *in, u64 n)
{
	return fuzz_byte(in) % n;
}

/* Memory fails now and then: after a number of allocations. */
static void __maybe_unused fuzz_memory(struct fuzz_input *in)
{
	u8 b = fuzz_byte(in);

	test_mem_left = b >= 0xe0 ? b & 7 : -1;
}
