#include "slice_impl.h"

#include <kern/errno.h>

#include "test_impl.h"

static struct bus_range *take(struct ktest_ctx *t, struct bus_room *r, u64 size)
{
	struct bus_range *fresh = NULL, *g = NULL;
	int err = bus_room_take(r, size, &fresh, &g);

	if (err == -EAGAIN) {
		fresh = test_alloc(sizeof(*fresh));
		err = bus_room_take(r, size, &fresh, &g);
	}
	test_free(fresh);
	EXPECT_EQ(err, 0);
	return g;
}

static void end(struct ktest_ctx *t, struct bus_room *r)
{
	struct bus_range *g = list_first_entry(&r->ranges, struct bus_range, link);

	EXPECT_TRUE(list_is_singular(&r->ranges));
	EXPECT_EQ(g->size, r->size);
	EXPECT_EQ(r->used, 0);
	if (g != &r->first)
		test_free(g);
	while ((g = bus_room_surplus(r, true)))
		test_free(g);
	EXPECT_EQ(test_mem_live, 0);
}

KTEST(bus_slice, take_and_give)
{
	struct bus_room r;
	struct bus_range *a, *b, *c, *fresh = NULL, *out;

	bus_room_init(&r, 4096);
	EXPECT_EQ(bus_room_take(&r, 4104, &fresh, &out), -EXFULL);
	EXPECT_EQ(bus_room_take(&r, 8, &fresh, &out), -EAGAIN);
	EXPECT_EQ(r.used, 0);
	a = take(t, &r, 1000);
	b = take(t, &r, 1000);
	c = take(t, &r, 2096);
	EXPECT_EQ(a->offset, 0);
	EXPECT_EQ(b->offset, 1000);
	EXPECT_EQ(c->offset, 2000);
	EXPECT_EQ(r.used, 4096);
	EXPECT_EQ(bus_room_take(&r, 8, &fresh, &out), -EXFULL);
	EXPECT_EQ(bus_room_find(&r, 1000), b);
	EXPECT_NULL(bus_room_find(&r, 1008));
	bus_room_give(&r, a);
	bus_room_give(&r, c);
	EXPECT_NULL(bus_room_find(&r, 0));
	/* Not in one piece. */
	EXPECT_EQ(bus_room_take(&r, 3000, &fresh, &out), -EXFULL);
	/* The smallest that will do. */
	a = take(t, &r, 996 / 8 * 8);
	EXPECT_EQ(a->offset, 0);
	bus_room_give(&r, a);
	bus_room_give(&r, b);
	a = take(t, &r, 4096);
	EXPECT_EQ(a->offset, 0);
	bus_room_give(&r, a);
	end(t, &r);
}

KTEST(bus_slice, surplus)
{
	static struct bus_range *held[64];
	struct bus_room r;
	struct bus_range *g;

	bus_room_init(&r, 4096);
	for (u32 i = 0; i < 64; i++)
		held[i] = take(t, &r, 64);
	for (u32 i = 0; i < 64; i += 2)
		bus_room_give(&r, held[i]);
	EXPECT_EQ(r.used, 2048);
	EXPECT_EQ(r.spares, 0);
	for (u32 i = 1; i < 64; i += 2)
		bus_room_give(&r, held[i]);
	while ((g = bus_room_surplus(&r, false)))
		test_free(g);
	EXPECT_TRUE(r.spares <= BUS_ROOM_SPARES_MAX + 1);
	end(t, &r);
}
