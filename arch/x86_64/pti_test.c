/* What user mode's tables show of the kernel: run with pti=on on the command line. */
#include <kern/ktest.h>

#include <asm/current.h>
#include <asm/tlb.h>
#include <kernel/frame/frame.h>

#include "x86_impl.h"

/* Is @va mapped in @root, and may it be executed? */
static bool mapped(const pte_t *root, unsigned long va, bool *exec)
{
	const pte_t *table = root;

	*exec = true;
	for (unsigned int level = PT_ROOT_LEVEL;; level--) {
		pte_t e = pte_read(&table[pt_index(level, va)]);

		if (!pte_present(e))
			return false;
		*exec &= pte_exec(e);
		if (!level || !pte_is_table(e))
			return true;
		table = pte_table(e);
	}
}

static bool is_mapped(const pte_t *root, const void *va)
{
	bool exec;

	return mapped(root, (unsigned long)va, &exec);
}

/* Pages below @table, all of which must be small, and no user's. */
static unsigned long count(struct ktest_ctx *t, const pte_t *table, unsigned int level,
			   unsigned int from)
{
	unsigned long n = 0;

	for (unsigned int i = from; i < PT_ENTRIES; i++) {
		pte_t e = pte_read(&table[i]);

		if (!pte_present(e))
			continue;
		if (level) {
			EXPECT_TRUE(pte_is_table(e));
			n += count(t, pte_table(e), level - 1, 0);
			continue;
		}
		EXPECT_FALSE(pte_user(e));
		n++;
	}
	return n;
}

/* Area, exception stacks, entry stack of each CPU; entry code; interrupt table. */
static unsigned long expected(void)
{
	unsigned long each = 1 + IST_COUNT * IST_STACK_SIZE / PAGE_SIZE + 4;

	return each * cpumask_weight(cpumask_read(&cpu_online_mask)) + 1 +
	       (unsigned long)(entry_text_end - entry_text_start) / PAGE_SIZE;
}

KTEST(pti, user_roots_have_the_entries_alone)
{
	struct arch_mm am = {};
	pte_t *root, *user;
	bool exec = false;
	int on_stack;

	if (!cpu_has(CPU_PTI))
		KTEST_SKIP("not isolated");
	root = frame_alloc_virt(1, GFP_ZERO);
	KTEST_REQUIRE(root);
	arch_mm_init(&am, root);
	user = root + PT_ENTRIES;
	EXPECT_EQ(count(t, user, PT_ROOT_LEVEL, PT_ROOT_USER_ENTRIES), expected());
	EXPECT_TRUE(mapped(user, (unsigned long)entry_syscall64_pti, &exec));
	EXPECT_TRUE(exec);
	EXPECT_TRUE(is_mapped(root, current));
	EXPECT_FALSE(is_mapped(user, current));
	EXPECT_FALSE(is_mapped(user, &on_stack));
	EXPECT_FALSE(is_mapped(user, arch_mm_init));
	EXPECT_FALSE(is_mapped(user, rodata_start));
	EXPECT_FALSE(is_mapped(user, this_cpu_ptr(cpu_tss)));
	EXPECT_FALSE(is_mapped(user, root));
	frame_free_virt(root);
}

KTEST(pti, user_space_is_in_both_roots)
{
	pte_t *root, old = {};
	bool exec;

	if (!cpu_has(CPU_PTI))
		KTEST_SKIP("not isolated");
	root = frame_alloc_virt(1, GFP_ZERO);
	KTEST_REQUIRE(root);
	/* The root as its own table: what a leaf of the first megabytes leads to does not matter.
	 */
	EXPECT_TRUE(pt_root_link(&root[3], &old, virt_to_phys(root)));
	EXPECT_EQ(pte_phys(root[3]), pte_phys(root[PT_ENTRIES + 3]));
	EXPECT_TRUE(pte_exec(root[PT_ENTRIES + 3]));
	exec = pte_exec(root[3]);
	EXPECT_TRUE(!exec || !cpu_has(CPU_NX));
	EXPECT_FALSE(pt_root_link(&root[3], &old, 0));
	pt_root_unlink(&root[3]);
	EXPECT_TRUE(pte_none(root[3]) && pte_none(root[PT_ENTRIES + 3]));
	frame_free_virt(root);
}
