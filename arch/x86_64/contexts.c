/* Contexts of a CPU: see tlb.c for when which of this is called. */
#include "contexts_impl.h"

struct tlb_load tlb_contexts_load(struct tlb_contexts *c, u64 id, u64 gen)
{
	struct tlb_load l = {0};
	unsigned int i = 0;

	while (i < TLB_CONTEXTS && c->slot[i].id != id)
		i++;
	if (i == TLB_CONTEXTS) {
		i = c->next;
		c->next = (c->next + 1) % TLB_CONTEXTS;
		c->slot[i].id = id;
	} else {
		l.keep = c->slot[i].gen == gen;
	}
	l.keep_user = l.keep && !c->slot[i].user_stale;
	l.context = i + 1;
	c->slot[i].gen = gen;
	c->slot[i].user_stale = false;
	c->loaded = i;
	return l;
}

void tlb_contexts_forget(struct tlb_contexts *c, bool loaded)
{
	for (unsigned int i = 0; i < TLB_CONTEXTS; i++) {
		if (!loaded || i != c->loaded)
			c->slot[i].gen = 0;
	}
}
