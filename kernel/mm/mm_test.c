#include "mm_impl.h"

#include <asm/current.h>
#include <kern/ktest.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/rcu/rcu.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define AT 0x10000000ull
#define P PAGE_SIZE

static struct mm *enter(struct ktest_ctx *t)
{
	struct mm *mm = NULL;

	EXPECT_EQ(mm_create(&mm), 0);
	mm_replace_current(mm);
	return mm;
}

static void leave(void)
{
	mm_replace_current(NULL);
}

static int poke(u64 addr, u64 v)
{
	return put_user(v, (u64 __user *)addr);
}

static u64 peek(u64 addr)
{
	u64 v = ~0ull;

	return get_user(v, (u64 __user *)addr) ? 0xdead : v;
}

static u64 map_at(u64 addr, u64 pages, u32 prot, u32 flags)
{
	u64 out = 0;
	int err =
		mm_map(current->mm, addr, pages * P, prot, ANON | MAP_FIXED | flags, NULL, 0, &out);

	return err ? (u64)err : out;
}

static u64 frames_free(void)
{
	struct frame_stats s;

	rcu_barrier();
	frame_stats(&s);
	return s.free + s.by_type[FRAME_PGTABLE] + s.by_type[FRAME_SLAB] + s.by_type[FRAME_KERNEL] +
	       s.by_type[FRAME_STACK] + s.by_type[FRAME_VMAP];
}

KTEST(mm, anonymous_memory_and_its_end)
{
	u64 before = frames_free();
	struct mm *mm = enter(t);

	EXPECT_EQ(map_at(AT, 64, RW, 0), AT);
	EXPECT_EQ(peek(AT + 5 * P), 0);
	for (u64 i = 0; i < 64; i++)
		EXPECT_EQ(poke(AT + i * P, i + 1), 0);
	for (u64 i = 0; i < 64; i++)
		EXPECT_EQ(peek(AT + i * P), i + 1);
	EXPECT_EQ(mm->rss_anon, 64);
	EXPECT_EQ(poke(AT + 64 * P, 1), -EFAULT);
	EXPECT_EQ(mm_unmap(mm, AT + 16 * P, 16 * P), 0);
	EXPECT_EQ(mm->rss_anon, 48);
	EXPECT_EQ(peek(AT + 20 * P), 0xdead);
	EXPECT_EQ(peek(AT + 32 * P), 33);
	EXPECT_EQ(mm->vma_count, 2);
	EXPECT_EQ(map_at(AT + 16 * P, 16, RW, 0), AT + 16 * P);
	EXPECT_EQ(mm->vma_count, 1);
	EXPECT_EQ(peek(AT + 20 * P), 0);
	leave();
	EXPECT_GE(frames_free(), before);
}

KTEST(mm, protection_splits_and_merges)
{
	struct mm *mm = enter(t);

	map_at(AT, 16, RW, 0);
	poke(AT + 8 * P, 8);
	EXPECT_EQ(mm_protect(mm, AT + 8 * P, P, PROT_READ), 0);
	EXPECT_EQ(mm->vma_count, 3);
	EXPECT_EQ(poke(AT + 8 * P, 9), -EFAULT);
	EXPECT_EQ(peek(AT + 8 * P), 8);
	EXPECT_EQ(poke(AT + 9 * P, 9), 0);
	EXPECT_EQ(mm_protect(mm, AT + 9 * P, P, PROT_READ), 0);
	EXPECT_EQ(mm->vma_count, 3);
	EXPECT_EQ(mm_protect(mm, AT + 8 * P, 2 * P, RW), 0);
	EXPECT_EQ(mm->vma_count, 1);
	EXPECT_EQ(poke(AT + 8 * P, 10), 0);
	EXPECT_EQ(mm_protect(mm, AT, 16 * P, PROT_NONE), 0);
	EXPECT_EQ(peek(AT), 0xdead);
	EXPECT_EQ(mm_protect(mm, AT, 32 * P, RW), -ENOMEM);
	EXPECT_EQ(mm_protect(mm, AT, 16 * P, RW), 0);
	EXPECT_EQ(peek(AT + 8 * P), 10);
	leave();
}

KTEST(mm, fork_copies_on_write)
{
	u64 before = frames_free();
	struct mm *mm = enter(t), *child;
	u64 v = 0;

	map_at(AT, 600, RW, 0);
	for (u64 i = 0; i < 600; i++)
		poke(AT + i * P, i);
	KTEST_REQUIRE(!mm_fork(mm, &child));
	EXPECT_EQ(child->rss_anon, 600);
	poke(AT + 3 * P, 333);
	EXPECT_EQ(mm_access(child, AT + 3 * P, &v, 8, false, false), 8);
	EXPECT_EQ(v, 3);
	v = 777;
	EXPECT_EQ(mm_access(child, AT + 4 * P, &v, 8, true, false), 8);
	EXPECT_EQ(peek(AT + 4 * P), 4);
	mm_put(child);
	/* Alone again: no copy, the page is written in place. */
	poke(AT + 5 * P, 55);
	EXPECT_EQ(peek(AT + 5 * P), 55);
	EXPECT_EQ(mm->rss_anon, 600);
	leave();
	EXPECT_GE(frames_free(), before);
}

KTEST(mm, shared_memory_is_shared_by_fork)
{
	u64 before = frames_free();
	struct mm *mm = enter(t), *child;
	u64 out, v;

	EXPECT_EQ(mm_map(mm, AT, 4 * P, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, NULL, 0, &out),
		  0);
	poke(AT, 1);
	KTEST_REQUIRE(!mm_fork(mm, &child));
	poke(AT, 2);
	poke(AT + P, 3);
	EXPECT_EQ(mm_access(child, AT, &v, 8, false, false), 8);
	EXPECT_EQ(v, 2);
	EXPECT_EQ(mm_access(child, AT + P, &v, 8, false, false), 8);
	EXPECT_EQ(v, 3);
	struct vma *vma = vma_at(mm, AT);

	pagecache_truncate(vma->cache, P);
	EXPECT_EQ(peek(AT + P), 0);
	EXPECT_EQ(peek(AT), 2);
	mm_put(child);
	leave();
	EXPECT_GE(frames_free(), before);
}

KTEST(mm, stacks_grow_down_to_their_limit)
{
	struct mm *mm = enter(t);
	u64 start;

	EXPECT_EQ(mm_map_stack(mm, 0x700000000000ull, false, &start), 0);
	EXPECT_EQ(poke(0x700000000000ull - 8, 1), 0);
	EXPECT_EQ(poke(start - 100 * P, 2), 0);
	EXPECT_EQ(vma_at(mm, start)->start, start - 100 * P);
	EXPECT_EQ(poke(0x700000000000ull - (64ull << 20), 3), -EFAULT);
	leave();
}

KTEST(mm, placement)
{
	struct mm *mm = enter(t);
	u64 a, b;

	EXPECT_EQ(mm_map(mm, 0, P, RW, ANON, NULL, 0, &a), 0);
	EXPECT_EQ(mm_map(mm, 0, P, PROT_READ, ANON, NULL, 0, &b), 0);
	EXPECT_EQ(b, a - P);
	EXPECT_EQ(mm_map(mm, AT + 1, P, RW, ANON | MAP_FIXED, NULL, 0, &a), -EINVAL);
	EXPECT_EQ(mm_map(mm, b, P, RW, ANON | MAP_FIXED_NOREPLACE, NULL, 0, &a), -EEXIST);
	EXPECT_EQ(mm_map(mm, 0, 0, RW, ANON, NULL, 0, &a), -EINVAL);
	EXPECT_EQ(mm_map(mm, 0, ~0ull, RW, ANON, NULL, 0, &a), -ENOMEM);
	EXPECT_EQ(mm_map(mm, 0, P, RW, ANON | MAP_32BIT, NULL, 0, &a), 0);
	EXPECT_LT(a, 0x80000000ull);
	EXPECT_EQ(mm_map(mm, USER_END, P, RW, ANON | MAP_FIXED, NULL, 0, &a), -ENOMEM);
	leave();
}

KTEST(mm, thousand_mappings_come_and_go)
{
	u64 before = frames_free();
	struct mm *mm = enter(t);
	u64 rnd = 12345;

	for (u64 i = 0; i < 1000; i++)
		map_at(AT + i * P, 1, i & 1 ? PROT_READ : RW, 0);
	EXPECT_EQ(mm->vma_count, 1000);
	for (int i = 0; i < 3000; i++) {
		rnd = rnd * 6364136223846793005ull + 1;
		u64 k = (rnd >> 33) % 1000;

		EXPECT_EQ(mm_unmap(mm, AT + k * P, P), 0);
		EXPECT_EQ(map_at(AT + k * P, 1, k & 1 ? PROT_READ : RW, 0), AT + k * P);
		EXPECT_EQ(peek(AT + k * P), 0);
	}
	EXPECT_EQ(mm->vma_count, 1000);
	EXPECT_EQ(mm->total_vm, 1000);
	leave();
	EXPECT_GE(frames_free(), before);
}

#ifdef CONFIG_DEBUG_FAIL
KTEST(mm, failed_fork_leaves_no_trace)
{
	u64 before = frames_free();
	struct mm *mm = enter(t), *child;

	for (u64 i = 0; i < 40; i++) {
		map_at(AT + i * 1024 * P, 1, RW, 0);
		poke(AT + i * 1024 * P, i);
	}
	for (u64 n = 0; n < 200; n++) {
		slab_fail_set(n, 1, 1);
		int err = mm_fork(mm, &child);

		slab_fail_set(0, 0, 0);
		if (!err) {
			mm_put(child);
			break;
		}
		EXPECT_EQ(err, -ENOMEM);
		EXPECT_EQ(poke(AT + 1024 * P, n), 0);
	}
	leave();
	EXPECT_GE(frames_free(), before);
}
#endif
