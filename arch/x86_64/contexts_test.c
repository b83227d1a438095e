#include "contexts_impl.h"

#include <kern/ktest.h>

static struct tlb_contexts c;

static bool is(struct tlb_load l, unsigned int context, bool keep, bool keep_user)
{
	return l.context == context && l.keep == keep && l.keep_user == keep_user;
}

KTEST(tlb_contexts, a_new_one_is_flushed_and_a_known_one_kept)
{
	c = (struct tlb_contexts){0};
	EXPECT_TRUE(is(tlb_contexts_load(&c, 10, 1), 1, false, false));
	EXPECT_TRUE(is(tlb_contexts_load(&c, 11, 1), 2, false, false));
	EXPECT_TRUE(is(tlb_contexts_load(&c, 10, 1), 1, true, true));
	EXPECT_EQ(c.loaded, 0);
	/* Flushed while another one was loaded. */
	EXPECT_TRUE(is(tlb_contexts_load(&c, 11, 2), 2, false, false));
	EXPECT_TRUE(is(tlb_contexts_load(&c, 11, 2), 2, true, true));
}

KTEST(tlb_contexts, the_oldest_goes)
{
	c = (struct tlb_contexts){0};
	for (u64 id = 1; id <= TLB_CONTEXTS; id++)
		EXPECT_TRUE(is(tlb_contexts_load(&c, id, 1), (unsigned int)id, false, false));
	/* One too many takes the first one's, which then is new. */
	EXPECT_TRUE(is(tlb_contexts_load(&c, 100, 1), 1, false, false));
	EXPECT_TRUE(is(tlb_contexts_load(&c, 3, 1), 3, true, true));
	EXPECT_TRUE(is(tlb_contexts_load(&c, 1, 1), 2, false, false));
	EXPECT_TRUE(is(tlb_contexts_load(&c, 100, 1), 1, true, true));
}

KTEST(tlb_contexts, user_modes_half_may_be_stale_alone)
{
	c = (struct tlb_contexts){0};
	(void)tlb_contexts_load(&c, 1, 5);
	c.slot[c.loaded].user_stale = true;
	(void)tlb_contexts_load(&c, 2, 1);
	EXPECT_TRUE(is(tlb_contexts_load(&c, 1, 5), 1, true, false));
	/* That was the flush. */
	EXPECT_TRUE(is(tlb_contexts_load(&c, 1, 5), 1, true, true));
	/* Whose place is taken leaves nothing behind. */
	c.slot[1].user_stale = true;
	c.next = 1;
	EXPECT_TRUE(is(tlb_contexts_load(&c, 77, 1), 2, false, false));
	EXPECT_TRUE(is(tlb_contexts_load(&c, 77, 1), 2, true, true));
}

KTEST(tlb_contexts, forgetting)
{
	c = (struct tlb_contexts){0};
	(void)tlb_contexts_load(&c, 1, 1);
	(void)tlb_contexts_load(&c, 2, 1);
	tlb_contexts_forget(&c, true);
	EXPECT_TRUE(is(tlb_contexts_load(&c, 2, 1), 2, true, true));
	EXPECT_TRUE(is(tlb_contexts_load(&c, 1, 1), 1, false, false));
	tlb_contexts_forget(&c, false);
	EXPECT_TRUE(is(tlb_contexts_load(&c, 1, 1), 1, false, false));
	EXPECT_TRUE(is(tlb_contexts_load(&c, 2, 1), 2, false, false));
}

/* Random loads and flushes against what must hold: nothing older than the last flush is kept. */
KTEST(tlb_contexts, nothing_stale_is_kept)
{
	u64 gen[16], good[16] = {0}, user_good[16] = {0}, random = 88172645463325252ull;
	unsigned int owner[TLB_CONTEXTS + 1] = {0}, last = 0;

	c = (struct tlb_contexts){0};
	for (unsigned int i = 0; i < 16; i++)
		gen[i] = 1;
	for (unsigned int step = 0; step < 20000; step++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		unsigned int i = random % 16, what = random >> 8 & 7;

		if (what == 0) {
			gen[i]++;
			continue;
		}
		if (what == 1 && last) {
			c.slot[c.loaded].user_stale = true;
			user_good[last - 1] = 0;
			continue;
		}
		struct tlb_load l = tlb_contexts_load(&c, i + 1, gen[i]);

		EXPECT_TRUE(l.context >= 1 && l.context <= TLB_CONTEXTS);
		/* Kept is only what this address space itself put there, and is as it was. */
		EXPECT_TRUE(!l.keep || (owner[l.context] == i + 1 && good[i] == gen[i]));
		EXPECT_TRUE(!l.keep_user || (l.keep && user_good[i] == gen[i]));
		owner[l.context] = i + 1;
		good[i] = user_good[i] = gen[i];
		last = i + 1;
	}
}
