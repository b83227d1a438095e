/* Runs with the regions of test/boot/kernel-tests: "reserved" and "odd". */
#include <kernel/cma/cma.h>

#include <kern/errno.h>
#include <kern/ktest.h>
#include <kern/string.h>
#include <kernel/frame/frame.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/sched/sched.h>
#include <kernel/task/task.h>
#include <kernel/uio/uio.h>
#include <kernel/wait/wait.h>

#define WORDS (PAGE_SIZE / sizeof(u64))

static struct cma *region(const char *name)
{
	struct cma_info info;
	struct cma *c;

	for (unsigned int i = 0; (c = cma_at(i)); i++) {
		cma_info(c, &info);
		if (!strcmp(info.name, name))
			return c;
	}
	return NULL;
}

static struct cma_info info_of(struct cma *c)
{
	struct cma_info info;

	cma_info(c, &info);
	return info;
}

/* Page @index of a file in a frame of a region; what it holds says which it is. */
static bool put_page(struct pagecache *pc, u64 index)
{
	struct frame *f = cma_take();

	if (!f)
		return false;
	u64 *p = frame_to_virt(f);

	for (unsigned int i = 0; i < WORDS; i++)
		p[i] = index << 20 | i;
	return !pagecache_adopt(pc, index, f);
}

static bool is_page(const u64 *p, u64 index)
{
	for (unsigned int i = 0; i < WORDS; i += 37) {
		if (p[i] != (index << 20 | i))
			return false;
	}
	return true;
}

/* -1: there is no such page; 0: it holds something else. */
static int check_page(struct pagecache *pc, u64 index)
{
	struct folio *f;
	int err = pagecache_get(pc, index, false, &f);

	if (err)
		return -1;
	bool good = is_page(frame_to_virt(folio_frame(f, index)), index);

	folio_put(f);
	return good;
}

static bool in_region(const struct cma_info *info, struct pagecache *pc, u64 index)
{
	struct folio *f = pagecache_find(pc, index);
	bool in = f && frame_to_pfn(f->frame) - info->pfn < info->pages;

	folio_put(f);
	return in;
}

KTEST(cma, runs_come_and_go)
{
	struct cma *c = region("reserved");

	if (!c)
		KTEST_SKIP("no region: cma=");
	struct cma_info before = info_of(c), now;
	u64 a, b;

	EXPECT_EQ(before.pages, 4096);
	EXPECT_EQ(before.used, 0);
	EXPECT_TRUE(c == cma_default());
	EXPECT_EQ(cma_alloc(c, 0, 0, &a), -EINVAL);
	EXPECT_EQ(cma_alloc(c, before.pages + 1, 0, &a), -ENOMEM);
	KTEST_REQUIRE(!cma_alloc(c, 1, 0, &a));
	KTEST_REQUIRE(!cma_alloc(c, 37, 4, &b));
	EXPECT_EQ(b & 15, 0);
	EXPECT_TRUE(b > a || b + 37 <= a);
	now = info_of(c);
	EXPECT_EQ(now.used, 38);
	EXPECT_EQ(now.success, before.success + 38);
	EXPECT_EQ(now.fail, before.fail + before.pages + 1);
	EXPECT_EQ(pfn_to_frame(b + 36)->type, FRAME_CMA);
	/* Only as it was given. */
	EXPECT_EQ(cma_release(c, b, 36), -EINVAL);
	EXPECT_EQ(cma_release(c, b + 1, 36), -EINVAL);
	EXPECT_EQ(cma_release(c, b, 38), -EINVAL);
	EXPECT_EQ(cma_release(c, before.pfn - 1, 1), -EINVAL);
	EXPECT_EQ(cma_release_front(c, b, 38), -EINVAL);
	EXPECT_EQ(cma_release_front(c, b, 7), 0);
	EXPECT_EQ(cma_release(c, b, 37), -EINVAL);
	EXPECT_EQ(cma_release(c, b + 7, 30), 0);
	EXPECT_EQ(cma_release(c, b + 7, 30), -EINVAL);
	EXPECT_EQ(cma_release(c, a, 1), 0);
	now = info_of(c);
	EXPECT_EQ(now.used, 0);
	EXPECT_EQ(now.free, before.free);
	EXPECT_EQ(now.max_chunk, now.pages);
}

KTEST(cma, all_of_an_odd_region)
{
	struct cma *c = region("odd");

	if (!c)
		KTEST_SKIP("no region: cma_region=");
	struct cma_info info = info_of(c);
	u64 pfn, other;

	EXPECT_EQ(info.pages, 257);
	KTEST_REQUIRE(!cma_alloc(c, info.pages, 0, &pfn));
	EXPECT_EQ(pfn, info.pfn);
	EXPECT_EQ(cma_alloc(c, 1, 0, &other), -ENOMEM);
	EXPECT_EQ(info_of(c).max_chunk, 0);
	EXPECT_EQ(cma_release(c, pfn, info.pages), 0);
	EXPECT_EQ(info_of(c).free, info.free);
}

KTEST(cma, contents_move_out)
{
	struct cma *c = cma_default();

	if (!c)
		KTEST_SKIP("no region: cma=");
	struct cma_info info = info_of(c);
	struct pagecache pc;
	struct frame_stats s;
	u64 n = info.pages - info.pages / 10, pfn;

	pagecache_init(&pc, NULL, NULL, PAGECACHE_MEMORY);
	for (u64 i = 0; i < n; i++)
		KTEST_REQUIRE(put_page(&pc, i));
	EXPECT_LE(info_of(c).free, info.pages - n);
	EXPECT_TRUE(in_region(&info, &pc, 0));
	KTEST_REQUIRE(!cma_alloc(c, info.pages, 0, &pfn));
	frame_stats(&s);
	EXPECT_GE(s.by_type[FRAME_CMA], info.pages);
	EXPECT_EQ(pc.nr_pages, n);
	memset(frame_to_virt(pfn_to_frame(pfn)), 0xff, info.pages << PAGE_SHIFT);
	for (u64 i = 0; i < n; i++)
		EXPECT_EQ(check_page(&pc, i), 1);
	EXPECT_FALSE(in_region(&info, &pc, 0));
	EXPECT_EQ(cma_release(c, pfn, info.pages), 0);
	pagecache_destroy(&pc);
	EXPECT_EQ(info_of(c).free, info.free);
}

KTEST(cma, pinned_frames_are_gone_around)
{
	struct cma *c = cma_default();

	if (!c)
		KTEST_SKIP("no region: cma=");
	struct cma_info info = info_of(c);
	struct pagecache pc;
	struct folio *f;
	u64 pfn;

	pagecache_init(&pc, NULL, NULL, PAGECACHE_MEMORY);
	for (u64 i = 0; i < 64; i++)
		KTEST_REQUIRE(put_page(&pc, i));
	f = pagecache_find(&pc, 5);
	KTEST_REQUIRE(f);
	u64 pinned = frame_to_pfn(f->frame);

	EXPECT_EQ(cma_alloc(c, info.pages, 0, &pfn), -ENOMEM);
	EXPECT_TRUE(frame_to_pfn(f->frame) == pinned);
	EXPECT_TRUE(is_page(frame_to_virt(f->frame), 5));
	KTEST_REQUIRE(!cma_alloc(c, 512, 0, &pfn));
	EXPECT_TRUE(pinned < pfn || pinned >= pfn + 512);
	for (u64 i = 0; i < 64; i++)
		EXPECT_EQ(check_page(&pc, i), 1);
	folio_put(f);
	EXPECT_EQ(cma_release(c, pfn, 512), 0);
	KTEST_REQUIRE(!cma_alloc(c, info.pages, 0, &pfn));
	EXPECT_EQ(check_page(&pc, 5), 1);
	EXPECT_EQ(cma_release(c, pfn, info.pages), 0);
	pagecache_destroy(&pc);
	EXPECT_EQ(info_of(c).free, info.free);
}

KTEST(cma, moved_out_for_a_pin)
{
	struct cma *c = cma_default();

	if (!c)
		KTEST_SKIP("no region: cma=");
	struct cma_info info = info_of(c);
	struct pagecache pc;
	struct folio *f;

	pagecache_init(&pc, NULL, NULL, PAGECACHE_MEMORY);
	KTEST_REQUIRE(put_page(&pc, 9));
	f = pagecache_find(&pc, 9);
	KTEST_REQUIRE(f);
	struct frame *frame = f->frame;

	EXPECT_TRUE(frame->flags & FRAME_F_CMA);
	EXPECT_EQ(pagecache_move_out(frame), -EAGAIN);
	folio_put(f);
	EXPECT_EQ(pagecache_move_out(frame), 0);
	EXPECT_FALSE(in_region(&info, &pc, 9));
	EXPECT_EQ(check_page(&pc, 9), 1);
	EXPECT_EQ(pagecache_move_out(frame), 0);
	pagecache_destroy(&pc);
	EXPECT_EQ(info_of(c).free, info.free);
}

static int read_index(struct pagecache *pc, struct folio *f)
{
	u64 *p = frame_to_virt(f->frame);

	(void)pc;
	for (unsigned int i = 0; i < WORDS; i++)
		p[i] = f->index << 20 | i;
	return 0;
}

KTEST(cma, what_can_be_read_again_is_dropped)
{
	static const struct pagecache_ops ops = {.read_folio = read_index};
	struct cma *c = cma_default();

	if (!c)
		KTEST_SKIP("no region: cma=");
	struct cma_info info = info_of(c);
	struct pagecache pc;
	u64 pfn;

	pagecache_init(&pc, NULL, &ops, 0);
	for (u64 i = 0; i < 300; i++)
		KTEST_REQUIRE(put_page(&pc, i));
	KTEST_REQUIRE(!cma_alloc(c, info.pages, 0, &pfn));
	EXPECT_EQ(pc.nr_pages, 0);
	EXPECT_EQ(check_page(&pc, 17), 1);
	EXPECT_EQ(cma_release(c, pfn, info.pages), 0);
	pagecache_destroy(&pc);
	EXPECT_EQ(info_of(c).free, info.free);
}

/* --- races --- */

#define FILE_PAGES 400u
#define ROUNDS 60

struct race {
	struct pagecache pc;
	struct cma *c;
	u32 bad, running; /* atomic */
	bool stop;
	u32 fail; /* atomic: runs that were not to be had */
};

static struct race race;

static void leave(void)
{
	__atomic_fetch_sub(&race.running, 1, __ATOMIC_RELEASE);
}

/* It may be new, and just being written. */
static bool is_page_or_zero(const u64 *p, u64 index)
{
	for (unsigned int i = 0; i < WORDS; i += 37) {
		u64 v = READ_ONCE(p[i]);

		if (v && v != (index << 20 | i))
			return false;
	}
	return true;
}

/* Contents are what they were, wherever they are; a few are pinned for a while. */
static int check_all(void *ctx)
{
	(void)ctx;
	for (u64 i = 0; !READ_ONCE(race.stop); i = (i + 7) % FILE_PAGES) {
		struct folio *f;

		if (pagecache_get(&race.pc, i, false, &f))
			continue;
		if (!is_page_or_zero(frame_to_virt(f->frame), i))
			__atomic_fetch_add(&race.bad, 1, __ATOMIC_RELAXED);
		if (i % 50 == 0)
			sched_yield();
		folio_put(f);
		if (i % 16 == 0)
			sched_cond_resched();
	}
	leave();
	return 0;
}

/* Writes pages whole, with what belongs there. */
static int write_all(void *ctx)
{
	u64 *page = ctx;

	for (u64 i = 0; !READ_ONCE(race.stop); i = (i + 13) % FILE_PAGES) {
		loff_t pos = (loff_t)(i << PAGE_SHIFT);
		struct uio u;

		for (unsigned int w = 0; w < WORDS; w++)
			page[w] = i << 20 | w;
		uio_init_kernel(&u, true, page, PAGE_SIZE);
		if (pagecache_write(&race.pc, &u, &pos) != (ssize_t)PAGE_SIZE)
			__atomic_fetch_add(&race.bad, 1, __ATOMIC_RELAXED);
		if (i % 8 == 0)
			pagecache_punch(&race.pc, (loff_t)(i << PAGE_SHIFT),
					(loff_t)((i + 3) << PAGE_SHIFT));
		if (!put_page(&race.pc, i + FILE_PAGES))
			pagecache_punch(&race.pc, (loff_t)FILE_PAGES << PAGE_SHIFT,
					(loff_t)FILE_PAGES << (PAGE_SHIFT + 1));
		sched_cond_resched();
	}
	leave();
	return 0;
}

/* Caches that come and go under the hands of whoever moves their folios. */
static int make_and_destroy(void *ctx)
{
	(void)ctx;
	while (!READ_ONCE(race.stop)) {
		struct pagecache *pc = ktest_alloc(sizeof(*pc));

		if (!pc)
			continue;
		pagecache_init(pc, NULL, NULL, PAGECACHE_MEMORY);
		for (u64 i = 0; i < 40; i++)
			(void)put_page(pc, i);
		sched_yield();
		pagecache_destroy(pc);
		memset(pc, 0x5a, sizeof(*pc));
		ktest_free(pc);
	}
	leave();
	return 0;
}

static int make_runs(void *ctx)
{
	u64 pages = (u64)(unsigned long)ctx, pfn;

	for (int i = 0; i < ROUNDS; i++) {
		if (cma_alloc(race.c, pages, 0, &pfn)) {
			__atomic_fetch_add(&race.fail, 1, __ATOMIC_RELAXED);
			continue;
		}
		memset(frame_to_virt(pfn_to_frame(pfn)), 0xee, pages << PAGE_SHIFT);
		if (cma_release(race.c, pfn, pages))
			__atomic_fetch_add(&race.bad, 1, __ATOMIC_RELAXED);
		sched_cond_resched();
	}
	leave();
	return 0;
}

static bool start(int (*fn)(void *), void *ctx)
{
	struct task *t;

	__atomic_fetch_add(&race.running, 1, __ATOMIC_RELAXED);
	if (!kthread_start(fn, ctx, "cma-test", &t))
		return true;
	leave();
	return false;
}

static void wait_for(u32 left)
{
	while (__atomic_load_n(&race.running, __ATOMIC_ACQUIRE) > left)
		sched_yield();
}

KTEST(cma, races)
{
	race.c = cma_default();
	if (!race.c)
		KTEST_SKIP("no region: cma=");
	struct cma_info info = info_of(race.c);
	struct cma *odd = region("odd");
	u64 odd_free = odd ? info_of(odd).free : 0;
	void *page = ktest_alloc(PAGE_SIZE);
	struct folio *f;

	KTEST_REQUIRE(page);
	race.stop = false;
	race.bad = race.fail = 0;
	pagecache_init(&race.pc, NULL, NULL, PAGECACHE_MEMORY);
	for (u64 i = 0; i < FILE_PAGES; i++)
		KTEST_REQUIRE(put_page(&race.pc, i));
	EXPECT_TRUE(start(check_all, NULL));
	EXPECT_TRUE(start(write_all, page));
	EXPECT_TRUE(start(make_and_destroy, NULL));
	u32 noise = race.running;

	EXPECT_TRUE(start(make_runs, (void *)1500ul));
	EXPECT_TRUE(start(make_runs, (void *)333ul));
	wait_for(noise);
	WRITE_ONCE(race.stop, true);
	wait_for(0);
	EXPECT_EQ(race.bad, 0);
	EXPECT_LT(race.fail, ROUNDS);
	for (u64 i = 0; i < FILE_PAGES; i++) {
		f = pagecache_find(&race.pc, i);
		EXPECT_TRUE(!f || frame_refs(f->frame) == 2);
		folio_put(f);
	}
	pagecache_destroy(&race.pc);
	ktest_free(page);
	EXPECT_EQ(info_of(race.c).free, info.free);
	EXPECT_EQ(info_of(race.c).used, 0);
	if (odd)
		EXPECT_EQ(info_of(odd).free, odd_free);
}
