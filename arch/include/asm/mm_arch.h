/* The architecture's part of an address space. */
#pragma once

#include <asm/cpumask.h>
#include <kern/types.h>

/* Embedded in struct mm as `arch`; set up by arch_mm_init(), see <asm/tlb.h>. */
struct arch_mm {
	u64 root_phys;	     /* [I] */
	u64 context_id;	     /* [I] never reused */
	u64 tlb_gen;	     /* atomic: bumped by every flush of this address space */
	struct cpumask cpus; /* atomic: CPUs that have it loaded, lazily too */
	unsigned long vdso;  /* user address of the vDSO image; 0 = none */
};
