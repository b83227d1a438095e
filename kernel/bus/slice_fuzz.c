/* Any takes and gives: ranges do not overlap, and what is all free is one range again. */
#include "slice_impl.h"

#include <kern/errno.h>

#include "fuzz_impl.h"

#define HELD 64u

static struct bus_room room;
static struct bus_range *held[HELD];

static void check_room(u64 size)
{
	const struct bus_range *g;
	u64 at = 0, used = 0;
	bool was_free = false;

	list_for_each_entry (g, &room.ranges, link) {
		FUZZ_CHECK(g->offset == at && g->size && g->size % 8 == 0);
		FUZZ_CHECK(g->used || !was_free);
		was_free = !g->used;
		used += g->used ? g->size : 0;
		at += g->size;
	}
	FUZZ_CHECK(at == size && used == room.used);
}

static void take(struct fuzz_input *in)
{
	u64 want = (fuzz_byte(in) + 1u) * (fuzz_byte(in) & 1 ? 8 : 64);
	u32 slot = (u32)fuzz_below(in, HELD);
	struct bus_range *fresh = NULL;
	int err;

	if (held[slot])
		return;
	err = bus_room_take(&room, want, &fresh, &held[slot]);
	if (err == -EAGAIN) {
		fresh = test_alloc(sizeof(*fresh));
		err = bus_room_take(&room, want, &fresh, &held[slot]);
		FUZZ_CHECK(!err);
	}
	test_free(fresh);
	if (err) {
		FUZZ_CHECK(err == -EXFULL);
		held[slot] = NULL;
		return;
	}
	FUZZ_CHECK(held[slot]->size == want && held[slot]->used && held[slot]->kernel);
	FUZZ_CHECK(bus_room_find(&room, held[slot]->offset) == held[slot]);
}

static void give(u32 slot)
{
	struct bus_range *g;
	u64 offset;

	if (!held[slot])
		return;
	offset = held[slot]->offset;
	bus_room_give(&room, held[slot]);
	held[slot] = NULL;
	FUZZ_CHECK(!bus_room_find(&room, offset));
	while ((g = bus_room_surplus(&room, false)))
		test_free(g);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = {data, size};
	u64 room_size = 4096u * (1 + fuzz_below(&in, 8));
	struct bus_range *g;

	bus_room_init(&room, room_size);
	while (in.left) {
		if (fuzz_byte(&in) & 1)
			take(&in);
		else
			give((u32)fuzz_below(&in, HELD));
		check_room(room_size);
	}
	for (u32 i = 0; i < HELD; i++)
		give(i);
	check_room(room_size);
	FUZZ_CHECK(list_is_singular(&room.ranges) && !room.used);
	/* The one that is left need not be the room's own. */
	g = list_first_entry(&room.ranges, struct bus_range, link);
	if (g != &room.first)
		test_free(g);
	while ((g = bus_room_surplus(&room, true)))
		test_free(g);
	FUZZ_CHECK(!test_mem_live);
	return 0;
}
