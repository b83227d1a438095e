#include <kern/ktest.h>
#include <lib/ringbuf/ringbuf.h>

KTEST(ringbuf, keeps_order_over_the_end)
{
	u8 buf[16], data[16];
	struct ringbuf r;
	u8 in = 0, out = 0;
	u32 used = 0;

	ringbuf_init(&r, buf, sizeof(buf));
	/* Positions wrap at 2^32 without a trace. */
	r.head = r.tail = ~0u - 100;
	for (u32 round = 0; round < 500; round++) {
		u32 n = round * 7 % 17, i;

		for (i = 0; i < n && i < sizeof(data); i++)
			data[i] = (u8)(in + i);
		u32 put = ringbuf_write(&r, data, i);

		EXPECT_EQ(put, min(i, 16 - used));
		in = (u8)(in + put);
		used += put;
		n = round * 5 % 13;
		u32 got = ringbuf_peek(&r, 0, data, n);

		EXPECT_EQ(got, min(n, used));
		EXPECT_EQ(ringbuf_read(&r, data, n), got);
		for (i = 0; i < got; i++)
			EXPECT_EQ(data[i], (u8)(out + i));
		out = (u8)(out + got);
		used -= got;
		EXPECT_EQ(ringbuf_used(&r), used);
		EXPECT_EQ(ringbuf_space(&r), 16 - used);
	}
}

KTEST(ringbuf, spans_and_bytes)
{
	u8 buf[8], byte, *span;
	struct ringbuf r;

	ringbuf_init(&r, buf, sizeof(buf));
	EXPECT_FALSE(ringbuf_get(&r, &byte));
	EXPECT_EQ(ringbuf_write_span(&r, &span), 8);
	memcpy(span, "abcdef", 6);
	ringbuf_produced(&r, 6);
	EXPECT_EQ(ringbuf_skip(&r, 4), 4);
	EXPECT_EQ(ringbuf_write_span(&r, &span), 2);
	EXPECT_EQ(ringbuf_write(&r, "ghijklmn", 8), 6);
	EXPECT_FALSE(ringbuf_put(&r, 'x'));
	EXPECT_EQ(ringbuf_read_span(&r, &span), 4);
	EXPECT_MEMEQ(span, "efgh", 4);
	EXPECT_TRUE(ringbuf_get(&r, &byte));
	EXPECT_EQ(byte, 'e');
	EXPECT_TRUE(ringbuf_put(&r, 'x'));
	EXPECT_EQ(ringbuf_peek(&r, 6, buf, 0), 0);
	EXPECT_EQ(ringbuf_skip(&r, 100), 8);
	EXPECT_TRUE(ringbuf_empty(&r));
}
