#include <kernel/pagecache/pagecache.h>

#include <kern/errno.h>
#include <kern/ktest.h>
#include <kernel/slab/slab.h>
#include <kernel/uio/uio.h>

#define KIB(n) ((n)*1024)

static ssize_t write_at(struct pagecache *pc, loff_t pos, const void *data, size_t len)
{
	struct uio u;

	uio_init_kernel(&u, true, (void *)(unsigned long)data, len);
	return pagecache_write(pc, &u, &pos);
}

static ssize_t read_at(struct pagecache *pc, loff_t pos, loff_t size, void *data, size_t len)
{
	struct uio u;

	uio_init_kernel(&u, false, data, len);
	return pagecache_read(pc, size, &u, &pos);
}

KTEST(pagecache, holes_read_as_zeroes)
{
	struct pagecache pc;
	char buf[64];
	loff_t at;

	pagecache_init(&pc, NULL, NULL, PAGECACHE_MEMORY);
	EXPECT_EQ(write_at(&pc, KIB(100) - 2, "abcd", 4), 4);
	EXPECT_EQ(pc.nr_pages, 2);
	memset(buf, 1, sizeof(buf));
	EXPECT_EQ(read_at(&pc, 5, KIB(200), buf, sizeof(buf)), (ssize_t)sizeof(buf));
	EXPECT_NULL(memchr_inv(buf, 0, sizeof(buf)));
	EXPECT_EQ(read_at(&pc, KIB(100) - 4, KIB(100) + 2, buf, sizeof(buf)), 6);
	EXPECT_MEMEQ(buf, "\0\0abcd", 6);
	EXPECT_EQ(pagecache_seek(&pc, 0, KIB(200), true, &at), 0);
	EXPECT_EQ(at, KIB(96));
	EXPECT_EQ(pagecache_seek(&pc, KIB(100), KIB(200), false, &at), 0);
	EXPECT_EQ(at, KIB(104));
	EXPECT_EQ(pagecache_seek(&pc, KIB(120), KIB(200), true, &at), -ENXIO);
	pagecache_destroy(&pc);
	EXPECT_EQ(pc.nr_pages, 0);
}

KTEST(pagecache, truncate_zeroes_the_edge)
{
	struct pagecache pc;
	char buf[8];

	pagecache_init(&pc, NULL, NULL, PAGECACHE_MEMORY);
	for (int i = 0; i < 40; i++)
		EXPECT_EQ(write_at(&pc, i * 4096l + 10, "12345678", 8), 8);
	EXPECT_EQ(pc.nr_pages, 40);
	pagecache_truncate(&pc, 3 * 4096 + 14);
	EXPECT_EQ(pc.nr_pages, 4);
	EXPECT_EQ(read_at(&pc, 3 * 4096 + 10, KIB(100), buf, 8), 8);
	EXPECT_MEMEQ(buf, "1234\0\0\0\0", 8);
	pagecache_punch(&pc, 4096 + 12, 2 * 4096 + 12);
	EXPECT_EQ(read_at(&pc, 4096 + 10, KIB(100), buf, 8), 8);
	EXPECT_MEMEQ(buf, "12\0\0\0\0\0\0", 8);
	EXPECT_EQ(read_at(&pc, 2 * 4096 + 10, KIB(100), buf, 8), 8);
	EXPECT_MEMEQ(buf,
		     "\0\0"
		     "345678",
		     8);
	pagecache_destroy(&pc);
}

KTEST(pagecache, find_takes_a_reference)
{
	struct pagecache pc;
	struct folio *f, *g;

	pagecache_init(&pc, NULL, NULL, PAGECACHE_MEMORY);
	EXPECT_NULL(pagecache_find(&pc, 7));
	KTEST_REQUIRE(!pagecache_get(&pc, 7, true, &f));
	g = pagecache_find(&pc, 7);
	EXPECT_TRUE(f == g);
	EXPECT_EQ(frame_refs(f->frame), 3);
	pagecache_destroy(&pc);
	EXPECT_NULL(f->cache);
	EXPECT_EQ(frame_refs(f->frame), 2);
	folio_put(f);
	folio_put(g);
}

/* --- a file that can be read again --- */

static int reads;

static int fill_folio(struct pagecache *pc, struct folio *f)
{
	(void)pc;
	memset(frame_to_virt(f->frame), (int)f->index, PAGE_SIZE << f->order);
	reads++;
	return 0;
}

static const struct pagecache_ops disk_ops = {.read_folio = fill_folio};

static bool read_pages(struct pagecache *pc, u64 first, u64 n)
{
	u8 c;

	for (u64 i = first; i < first + n; i++) {
		if (read_at(pc, (loff_t)(i * PAGE_SIZE + 7), KIB(1 << 20), &c, 1) != 1 ||
		    c != (u8)i)
			return false;
	}
	return true;
}

KTEST(pagecache, working_set_survives_a_stream)
{
	struct pagecache pc;
	struct pagecache_events a, b;

	pagecache_init(&pc, NULL, &disk_ops, 0);
	reads = 0;
	/* Read twice: active. */
	EXPECT_TRUE(read_pages(&pc, 0, 64));
	EXPECT_TRUE(read_pages(&pc, 0, 64));
	EXPECT_TRUE(read_pages(&pc, 0, 64));
	EXPECT_EQ(reads, 64);
	/* Few inactive pages would let active ones go in their place. */
	EXPECT_TRUE(read_pages(&pc, 900, 100));
	pagecache_events(&a);
	for (u64 at = 1000; at < 3000; at += 100) {
		EXPECT_TRUE(read_pages(&pc, at, 100));
		EXPECT_TRUE(pagecache_shrink(90) >= 80);
	}
	pagecache_events(&b);
	EXPECT_TRUE(b.steal_direct - a.steal_direct >= 20 * 80);
	EXPECT_TRUE(b.scan_direct - a.scan_direct >= b.steal_direct - a.steal_direct);
	reads = 0;
	EXPECT_TRUE(read_pages(&pc, 0, 64));
	EXPECT_EQ(reads, 0);
	pagecache_destroy(&pc);
	EXPECT_EQ(pc.nr_pages, 0);
}

KTEST(pagecache, new_working_set_comes_back_active)
{
	struct pagecache pc;
	struct pagecache_events a, b;

	pagecache_init(&pc, NULL, &disk_ops, 0);
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(read_pages(&pc, 0, 200));
	EXPECT_TRUE(read_pages(&pc, 500, 50));
	pagecache_events(&a);
	EXPECT_TRUE(pagecache_shrink(40) >= 40);
	reads = 0;
	EXPECT_TRUE(read_pages(&pc, 500, 50));
	EXPECT_TRUE(reads >= 40);
	pagecache_events(&b);
	/* The distance is short of the active pages: these were working set. */
	EXPECT_TRUE(b.refault - a.refault >= 40);
	EXPECT_TRUE(b.workingset_activate - a.workingset_activate >= 40);
	pagecache_drop_clean();
	EXPECT_TRUE(pc.nr_pages < 10);
	EXPECT_TRUE(read_pages(&pc, 0, 200));
	pagecache_truncate(&pc, 0);
	EXPECT_EQ(pc.nr_pages, 0);
	EXPECT_TRUE(radix_empty(&pc.tree));
	pagecache_destroy(&pc);
}

KTEST(pagecache, large_folios_are_split_and_moved)
{
	struct pagecache pc;
	char *buf = kvmalloc(KIB(256), GFP_KERNEL), c;

	KTEST_REQUIRE(buf);
	pagecache_init(&pc, NULL, NULL, PAGECACHE_MEMORY);
	for (int i = 0; i < KIB(256); i++)
		buf[i] = (char)(i >> 12);
	EXPECT_EQ(write_at(&pc, 0, buf, KIB(256)), KIB(256));
	EXPECT_EQ(pc.nr_pages, 64);
	struct folio *f = pagecache_find(&pc, 20);

	KTEST_REQUIRE(f);
	EXPECT_TRUE(f->order > 0);
	/* Somebody keeps it: the parts are copies. */
	pagecache_punch(&pc, 5 * 4096, 7 * 4096);
	EXPECT_EQ(pc.nr_pages, 62);
	EXPECT_NULL(f->cache);
	folio_put(f);
	EXPECT_EQ(pagecache_collapse(&pc, 10, 20), 0);
	EXPECT_EQ(pc.nr_pages, 42);
	EXPECT_EQ(read_at(&pc, 10 * 4096, KIB(256), &c, 1), 1);
	EXPECT_EQ(c, 30);
	EXPECT_EQ(pagecache_make_hole(&pc, 3, 1 << 20), 0);
	EXPECT_EQ(pc.nr_pages, 42);
	EXPECT_EQ(read_at(&pc, (3 + (1l << 20)) * 4096, 1l << 40, &c, 1), 1);
	EXPECT_EQ(c, 3);
	pagecache_destroy(&pc);
	kvfree(buf);
}
