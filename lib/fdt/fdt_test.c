#include <kern/ktest.h>
#include <kern/errno.h>
#include <lib/fdt/fdt.h>

static u8 tree[2048];
static u32 at, strings_len;
static char strings[256];

static void put(u32 v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		tree[at++] = (u8)(v >> shift);
}

static void put_bytes(const void *p, size_t n)
{
	memcpy(tree + at, p, n);
	at += (u32)n;
	while (at % 4)
		tree[at++] = 0;
}

static void node(const char *name)
{
	put(1);
	put_bytes(name, strlen(name) + 1);
}

static void end(void)
{
	put(2);
}

static void prop(const char *name, const void *value, size_t len)
{
	put(3);
	put((u32)len);
	put(strings_len);
	memcpy(strings + strings_len, name, strlen(name) + 1);
	strings_len += (u32)strlen(name) + 1;
	put_bytes(value, len);
}

static void prop_word(const char *name, u32 v)
{
	u8 b[4] = {(u8)(v >> 24), (u8)(v >> 16), (u8)(v >> 8), (u8)v};

	prop(name, b, 4);
}

static void begin(void)
{
	memset(tree, 0, sizeof(tree));
	at = FDT_HEADER_SIZE;
	strings_len = 0;
}

static u32 finish(void)
{
	put(9);
	u32 structure_len = at - FDT_HEADER_SIZE, strings_at = at, total;

	put_bytes(strings, strings_len);
	total = at;
	at = 0;
	put(0xd00dfeed);
	put(total);
	put(FDT_HEADER_SIZE);
	put(strings_at);
	put(FDT_HEADER_SIZE);
	put(17);
	put(16);
	put(0);
	put(strings_len);
	put(structure_len);
	return total;
}

static const u8 reg[] = {0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0};

static void pool(const char *name, bool reusable)
{
	node(name);
	prop("compatible", "vendor,x\0shared-dma-pool", 25);
	if (reusable)
		prop("reusable", NULL, 0);
}

static u32 example(void)
{
	begin();
	node("");
	prop_word("#address-cells", 2);
	prop_word("#size-cells", 2);
	node("memory@0");
	prop("reg", reg, sizeof(reg));
	end();
	node("reserved-memory");
	prop_word("#address-cells", 2);
	prop_word("#size-cells", 2);
	pool("camera@40000000", true);
	prop("reg", reg, sizeof(reg));
	end();
	pool("fixed", false);
	prop("reg", reg, sizeof(reg));
	end();
	pool("linux,cma", true);
	prop("size", reg + 8, 8);
	prop("alloc-ranges", reg, sizeof(reg));
	prop("linux,cma-default", NULL, 0);
	end();
	pool("off", true);
	prop("size", reg + 8, 8);
	prop("status", "disabled", 9);
	end();
	end();
	end();
	return finish();
}

KTEST(fdt, pools_of_reserved_memory)
{
	struct fdt_pool p[4];
	struct fdt f;
	u32 size = example();

	KTEST_REQUIRE(!fdt_open(&f, tree, size));
	EXPECT_EQ(fdt_total_size(tree), size);
	EXPECT_EQ(fdt_reusable_pools(&f, p, 4), 2);
	EXPECT_STREQ(p[0].name, "camera@40000000");
	EXPECT_TRUE(p[0].fixed && !p[0].is_default);
	EXPECT_EQ(p[0].base, 0x40000000);
	EXPECT_EQ(p[0].size, 0x400000);
	EXPECT_STREQ(p[1].name, "linux,cma");
	EXPECT_TRUE(!p[1].fixed && p[1].is_default);
	EXPECT_EQ(p[1].size, 0x400000);
	EXPECT_EQ(p[1].from, 0x40000000);
	EXPECT_EQ(p[1].to, 0x40400000);
	EXPECT_EQ(fdt_reusable_pools(&f, p, 1), 1);
}

KTEST(fdt, walk_in_order)
{
	struct fdt f;
	struct fdt_walk w;
	struct fdt_item i;
	unsigned int nodes = 0, ends = 0, properties = 0;

	KTEST_REQUIRE(!fdt_open(&f, tree, example()));
	fdt_walk_begin(&w, &f);
	while (fdt_walk_next(&w, &i)) {
		nodes += i.kind == FDT_NODE;
		ends += i.kind == FDT_NODE_END;
		properties += i.kind == FDT_PROPERTY;
	}
	EXPECT_EQ(nodes, 7);
	EXPECT_EQ(ends, 7);
	EXPECT_EQ(properties, 19);
	EXPECT_EQ(w.depth, 0);
}

KTEST(fdt, broken_ones)
{
	struct fdt_pool p[4];
	struct fdt f;
	u32 size = example();

	EXPECT_EQ(fdt_open(&f, tree, size - 1), -EINVAL);
	EXPECT_EQ(fdt_open(&f, tree, 12), -EINVAL);
	tree[0] = 0;
	EXPECT_EQ(fdt_open(&f, tree, size), -EINVAL);
	EXPECT_EQ(fdt_total_size(tree), 0);
	/* A length that points behind the end stops the walk. */
	size = example();
	tree[FDT_HEADER_SIZE + 8 + 4] = 0x7f;
	KTEST_REQUIRE(!fdt_open(&f, tree, size));
	EXPECT_EQ(fdt_reusable_pools(&f, p, 4), 0);
}

KTEST(fdt, strings_and_cells)
{
	static const u8 list[] = "one\0two";
	u64 v;

	EXPECT_TRUE(fdt_has_string(list, sizeof(list), "one"));
	EXPECT_TRUE(fdt_has_string(list, sizeof(list), "two"));
	EXPECT_FALSE(fdt_has_string(list, sizeof(list), "tw"));
	EXPECT_FALSE(fdt_has_string(list, sizeof(list) - 1, "two"));
	EXPECT_TRUE(fdt_cells(reg, 8, 2, &v));
	EXPECT_EQ(v, 0x40000000);
	EXPECT_FALSE(fdt_cells(reg, 7, 2, &v));
	EXPECT_FALSE(fdt_cells(reg, 16, 3, &v));
}
