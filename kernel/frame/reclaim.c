/*
 * What happens when there is no free frame: shrinkers in turn, then the out-of-memory hook.
 *
 * Runs in the context of the allocation, which may hold sleeping locks; shrinkers only try-lock.
 */
#include "frame_impl.h"

#include <asm/irqflags.h>
#include <asm/preempt.h>

static struct frame_shrinker *shrinkers;
static bool (*oom_hook)(unsigned int order);
static u32 shrinking; /* atomic: one walk at a time */

void frame_register_shrinker(struct frame_shrinker *s)
{
	s->next = __atomic_load_n(&shrinkers, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&shrinkers, &s->next, s, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
}

void frame_set_oom_hook(bool (*hook)(unsigned int order))
{
	__atomic_store_n(&oom_hook, hook, __ATOMIC_RELEASE);
}

u64 frame_shrink(u64 want)
{
	u64 got = 0;

	if (__atomic_exchange_n(&shrinking, 1, __ATOMIC_ACQUIRE))
		return 0;
	for (struct frame_shrinker *s = __atomic_load_n(&shrinkers, __ATOMIC_ACQUIRE);
	     s && got < want; s = s->next)
		got += s->shrink(want - got);
	__atomic_store_n(&shrinking, 0, __ATOMIC_RELEASE);
	return got;
}

bool frame_reclaim(unsigned int order, u32 gfp, unsigned int attempt)
{
	frame_pcp_drain_local();
	if (gfp & GFP_ATOMIC || preempt_count() || irqs_are_off())
		return attempt == 0;
	if (frame_shrink((1ul << order) + 32))
		return true;
	if (attempt == 0)
		return true; /* the drained list may be enough */
	bool (*hook)(unsigned int order) = __atomic_load_n(&oom_hook, __ATOMIC_ACQUIRE);

	/* Large blocks fail rather than cost a process its life; their callers have a fallback. */
	if (!hook || order > 3 || gfp & GFP_NOWARN)
		return false;
	return hook(order);
}
