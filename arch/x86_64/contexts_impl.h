/*
 * Which translations a CPU keeps: contexts (PCIDs) and the generations they are good for.  Pure.
 */
#pragma once

#include <kern/types.h>

#define TLB_CONTEXTS 6u

struct tlb_context {
	u64 id;		 /* arch_mm.context_id; 0: free */
	u64 gen;	 /* translations are good for this generation */
	bool user_stale; /* isolated: not user mode's, which still have to be flushed */
};

struct tlb_contexts {
	unsigned int loaded; /* index */
	unsigned int next;   /* victim */
	struct tlb_context slot[TLB_CONTEXTS];
};

struct tlb_load {
	unsigned int context; /* 1 to TLB_CONTEXTS: bits of cr3; 0 is the kernel's own root's */
	bool keep;	      /* translations of the kernel's half of the context are good */
	bool keep_user;	      /* and those of user mode's */
};

/* An address space @id of generation @gen is being loaded: its context, or the oldest one's. */
struct tlb_load tlb_contexts_load(struct tlb_contexts *c, u64 id, u64 gen);
/* None but the loaded one, if @loaded, is good for anything. */
void tlb_contexts_forget(struct tlb_contexts *c, bool loaded);
