#include <drivers/virtio/ring/ring.h>

#include <kern/errno.h>
#include <kern/ktest.h>

#define SIZE 8u

static u64 memory[4096 / 8 * 3];
static struct vring_slot slots[SIZE];
static struct vring_split ring;
static int tokens[SIZE];
static const struct vring_buf bufs[3] = {{0x1000, 16}, {0x2000, 100}, {0x3000, 28}};

static void start(bool event_idx)
{
	memset(memory, 0, sizeof(memory));
	vring_split_init(&ring, SIZE, memory, 64, slots, event_idx);
}

/* What a device does: gives back @id with @len. */
static void give_back(u32 id, u32 len)
{
	u16 idx = ring.used->idx;

	ring.used->ring[idx % SIZE] = (struct vring_used_elem){id, len};
	ring.used->idx = (u16)(idx + 1);
}

static u16 last_head(void)
{
	return ring.avail->ring[(u16)(ring.avail->idx - 1) % SIZE];
}

KTEST(vring, lends_and_takes_back)
{
	struct vring_done done;

	start(false);
	EXPECT_EQ(vring_split_take(&ring, &done), 0);
	EXPECT_EQ(vring_split_add(&ring, bufs, 1, 2, &tokens[0], NULL, 0), 0);
	EXPECT_TRUE(vring_split_publish(&ring));
	EXPECT_FALSE(vring_split_publish(&ring));
	EXPECT_EQ(ring.avail->idx, 1);
	u16 head = last_head(), second = ring.desc[head].next;

	EXPECT_EQ(ring.desc[head].flags, VRING_DESC_F_NEXT);
	EXPECT_EQ(ring.desc[second].flags, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
	EXPECT_EQ(ring.desc[ring.desc[second].next].addr, 0x3000);
	give_back(head, 50);
	EXPECT_TRUE(vring_split_pending(&ring));
	EXPECT_EQ(vring_split_take(&ring, &done), 1);
	EXPECT_TRUE(done.token == &tokens[0]);
	EXPECT_EQ(done.len, 50);
	EXPECT_EQ(ring.free_count, SIZE);
}

KTEST(vring, wraps_and_fills)
{
	struct vring_done done;

	start(false);
	for (unsigned int round = 0; round < 20000; round++) {
		for (unsigned int i = 0; i < SIZE / 2; i++)
			EXPECT_EQ(vring_split_add(&ring, bufs, 1, 1, &tokens[i], NULL, 0), 0);
		EXPECT_EQ(vring_split_add(&ring, bufs, 1, 0, &tokens[7], NULL, 0), -ENOSPC);
		EXPECT_TRUE(vring_split_publish(&ring));
		/* Backwards. */
		for (unsigned int i = 0; i < SIZE / 2; i++)
			give_back(ring.avail->ring[(u16)(ring.avail_idx - 1 - i) % SIZE], 1);
		for (unsigned int i = 0; i < SIZE / 2; i++) {
			EXPECT_EQ(vring_split_take(&ring, &done), 1);
			EXPECT_TRUE(done.token == &tokens[SIZE / 2 - 1 - i]);
		}
	}
	EXPECT_EQ(vring_split_add(&ring, bufs, 0, 0, &tokens[0], NULL, 0), -EINVAL);
}

KTEST(vring, a_table_takes_one_descriptor)
{
	struct vring_desc table[3];
	struct vring_done done;

	start(false);
	EXPECT_EQ(vring_split_add(&ring, bufs, 2, 1, &tokens[0], table, 0x7000), 0);
	EXPECT_EQ(ring.free_count, SIZE - 1);
	EXPECT_TRUE(vring_split_publish(&ring));
	EXPECT_EQ(ring.desc[last_head()].flags, VRING_DESC_F_INDIRECT);
	EXPECT_EQ(ring.desc[last_head()].len, sizeof(table));
	EXPECT_EQ(table[2].flags, VRING_DESC_F_WRITE);
	give_back(last_head(), 999);
	EXPECT_EQ(vring_split_take(&ring, &done), 1);
	EXPECT_TRUE(done.table == table);
	EXPECT_EQ(done.len, 28); /* no more than was lent */
}

KTEST(vring, event_indexes)
{
	struct vring_done done;
	start(true);
	u16 *wanted = (u16 *)&ring.avail->ring[SIZE];

	EXPECT_EQ(vring_split_add(&ring, bufs, 0, 1, &tokens[0], NULL, 0), 0);
	EXPECT_TRUE(vring_split_publish(&ring)); /* asked to be told of index 0 */
	EXPECT_EQ(vring_split_add(&ring, bufs, 0, 1, &tokens[1], NULL, 0), 0);
	EXPECT_FALSE(vring_split_publish(&ring)); /* still of 0 */
	EXPECT_FALSE(vring_split_listen(&ring));
	EXPECT_EQ(*wanted, 0);
	give_back(ring.avail->ring[0], 1);
	EXPECT_EQ(vring_split_take(&ring, &done), 1);
	give_back(ring.avail->ring[1], 1);
	EXPECT_EQ(*wanted, 1); /* of what comes behind the one taken */
	EXPECT_TRUE(vring_split_listen(&ring));
	vring_split_quiet(&ring);
	EXPECT_EQ(*wanted, 0);
	EXPECT_EQ(vring_split_take(&ring, &done), 1);
	EXPECT_EQ(*wanted, 0);
	EXPECT_FALSE(vring_split_listen(&ring));
	EXPECT_EQ(*wanted, 2);
}

/* One lie of each kind. */
KTEST(vring, lies_break_it)
{
	struct vring_done done;

	for (unsigned int lie = 0; lie < 4; lie++) {
		start(false);
		EXPECT_EQ(vring_split_add(&ring, bufs, 1, 1, &tokens[0], NULL, 0), 0);
		EXPECT_TRUE(vring_split_publish(&ring));
		if (lie == 0)
			give_back(SIZE, 1); /* no descriptor */
		else if (lie == 1)
			give_back((last_head() + 1u) % SIZE, 1); /* inside a chain */
		else if (lie == 2)
			ring.used->idx = 2u + 1; /* more than is out */
		else
			give_back(0xffff0000u | last_head(), 1);
		EXPECT_EQ(vring_split_take(&ring, &done), -EIO);
		EXPECT_EQ(vring_split_take(&ring, &done), -EIO);
		EXPECT_EQ(vring_split_add(&ring, bufs, 1, 1, &tokens[1], NULL, 0), -EIO);
		/* After a reset everything comes back all the same. */
		EXPECT_TRUE(vring_split_recall(&ring, &done));
		EXPECT_TRUE(done.token == &tokens[0]);
		EXPECT_FALSE(vring_split_recall(&ring, &done));
	}
	start(false);
	EXPECT_EQ(vring_split_add(&ring, bufs, 1, 1, &tokens[0], NULL, 0), 0);
	EXPECT_TRUE(vring_split_publish(&ring));
	give_back(last_head(), 1);
	give_back(last_head(), 1); /* twice */
	EXPECT_EQ(vring_split_take(&ring, &done), -EIO);
}
