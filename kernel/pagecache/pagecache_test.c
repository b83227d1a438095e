#include <kernel/pagecache/pagecache.h>

#include <kern/errno.h>
#include <kern/ktest.h>
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
