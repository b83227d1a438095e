/* The inline parts of include/kern. */
#include <kern/align.h>
#include <kern/atomic.h>
#include <kern/bit.h>
#include <kern/dev.h>
#include <kern/endian.h>
#include <kern/ktest.h>
#include <kern/list.h>
#include <kern/math64.h>
#include <kern/overflow.h>

struct node {
	struct list_head link;
	struct hlist_node hash;
	int value;
};

static struct node nodes[5];

static void expect_list(struct ktest_ctx *t, struct list_head *h, const char *want)
{
	char got[16] = "";
	struct node *n;
	size_t len = 0;

	list_for_each_entry (n, h, link)
		got[len++] = (char)('0' + n->value);
	EXPECT_STREQ(got, want);
	list_for_each_entry_reverse(n, h, link) EXPECT_EQ(got[--len], '0' + n->value);
}

KTEST(kern, lists)
{
	LIST_HEAD(a);
	LIST_HEAD(b);
	struct node *n, *next;

	for (int i = 0; i < 5; i++) {
		nodes[i].value = i;
		list_add_tail(&nodes[i].link, &a);
	}
	expect_list(t, &a, "01234");
	list_move(&nodes[3].link, &a);
	list_move_tail(&nodes[0].link, &b);
	expect_list(t, &a, "3124");
	list_splice_init(&a, &b);
	EXPECT_TRUE(list_empty(&a));
	expect_list(t, &b, "31240");
	list_move(&nodes[0].link, &a);
	list_splice_tail_init(&a, &b);
	expect_list(t, &b, "31240");
	EXPECT_TRUE(list_is_last(&nodes[0].link, &b));
	EXPECT_EQ(list_first_entry_or_null(&b, struct node, link), &nodes[3]);
	EXPECT_NULL(list_first_entry_or_null(&a, struct node, link));
	list_for_each_entry_safe (n, next, &b, link) {
		if (n->value & 1)
			list_del_init(&n->link);
	}
	expect_list(t, &b, "240");
	EXPECT_TRUE(list_empty(&nodes[1].link));
}

KTEST(kern, hash_lists)
{
	HLIST_HEAD(h);
	struct hlist_node *next;
	struct node *n;
	int sum = 0;

	for (int i = 0; i < 5; i++) {
		nodes[i].value = i;
		hlist_node_init(&nodes[i].hash);
		EXPECT_TRUE(hlist_unhashed(&nodes[i].hash));
		hlist_add_head_rcu(&nodes[i].hash, &h);
	}
	hlist_del_init(&nodes[2].hash);
	hlist_del_init(&nodes[2].hash);
	hlist_add_behind(&nodes[2].hash, &nodes[0].hash);
	hlist_for_each_entry_rcu(n, &h, hash) sum = sum * 10 + n->value;
	EXPECT_EQ(sum, 43102);
	hlist_for_each_entry_safe(n, next, &h, hash) hlist_del_init_rcu(&n->hash);
	EXPECT_TRUE(hlist_empty(&h));
}

KTEST(kern, atomics)
{
	struct atomic a = ATOMIC_INIT(3);
	struct atomic64 b = ATOMIC64_INIT(1);
	struct refcount r = REFCOUNT_INIT(1);
	int old = 7;

	EXPECT_EQ(atomic_add_return(&a, 4), 7);
	EXPECT_EQ(atomic_fetch_or(&a, 8), 7);
	EXPECT_EQ(atomic_cmpxchg(&a, 15, 1), 15);
	EXPECT_FALSE(atomic_try_cmpxchg(&a, &old, 2));
	EXPECT_EQ(old, 1);
	EXPECT_TRUE(atomic_dec_and_test(&a));
	EXPECT_FALSE(atomic_inc_not_zero(&a));
	EXPECT_FALSE(atomic_dec_if_positive(&a));
	EXPECT_TRUE(atomic64_inc_not_zero(&b));
	EXPECT_EQ(atomic64_xchg(&b, S64_MAX), 2);
	refcount_inc(&r);
	EXPECT_FALSE(refcount_dec_and_test(&r));
	EXPECT_TRUE(refcount_inc_not_zero(&r));
	refcount_dec(&r);
	EXPECT_TRUE(refcount_dec_and_test(&r));
	EXPECT_FALSE(refcount_inc_not_zero(&r));
}

static int held;

static void lock(int *l)
{
	++*l;
}

static void unlock(int *l)
{
	--*l;
}

static unsigned long lock_save(int *l)
{
	return (unsigned long)(*l)++;
}

static void unlock_restore(int *l, unsigned long flags)
{
	*l = (int)flags;
}

DEFINE_GUARD(plain, int, lock, unlock)
DEFINE_GUARD_FLAGS(saved, int, lock_save, unlock_restore)

static int nested(void)
{
	guard(plain)(&held);
	guard(saved)(&held);
	return held;
}

KTEST(kern, guards)
{
	EXPECT_EQ(nested(), 2);
	EXPECT_EQ(held, 0);
	int rounds = 0;

	scoped_guard(plain, &held)
	{
		EXPECT_EQ(held, 1);
		rounds++;
	}
	EXPECT_EQ(held, 0);
	EXPECT_EQ(rounds, 1);
}

struct flexible {
	u32 n;
	u64 item[];
};

KTEST(kern, arithmetic)
{
	struct flexible *f = NULL;
	size_t bytes;
	u64 v;

	EXPECT_TRUE(check_mul_overflow((size_t)1 << 40, (size_t)1 << 30, &bytes));
	EXPECT_FALSE(check_add_overflow(1ul, 2ul, &bytes));
	EXPECT_EQ(bytes, 3);
	EXPECT_EQ(struct_size(f, item, 3), 32);
	EXPECT_EQ(struct_size(f, item, SIZE_MAX / 4), SIZE_MAX);
	EXPECT_EQ(mul_u64_u64_div_u64(U64_MAX, 1000000000, 3000000000ull), U64_MAX / 3);
	EXPECT_EQ(mul_u64_u64_div_u64(U64_MAX, 4, 2), U64_MAX);
	EXPECT_EQ(mul_u64_u64_shr(U64_MAX, 1ull << 32, 64), U32_MAX);
	EXPECT_EQ(ALIGN(0x1001, 0x1000), 0x2000);
	EXPECT_EQ(ALIGN_DOWN(0x1fff, 0x1000), 0x1000);
	EXPECT_EQ(roundup_pow_of_two(1), 1);
	EXPECT_EQ(roundup_pow_of_two(5), 8);
	EXPECT_EQ(roundup_pow_of_two(1ull << 63), 1ull << 63);
	EXPECT_EQ(rounddown_pow_of_two(5), 4);
	EXPECT_EQ(GENMASK(63, 0), ~0ul);
	EXPECT_EQ(GENMASK(5, 3), 0x38);
	EXPECT_EQ(order_base_2(4096ul), 12);
	EXPECT_EQ(order_base_2(4097ul), 13);
	EXPECT_EQ(fls(0), 0);
	EXPECT_EQ(fls(-1), 32);
	EXPECT_EQ(sign_extend64(0x80, 7), -128);
	EXPECT_EQ(rol32(0x80000001, 1), 3);
	v = 5;
	EXPECT_EQ(clamp(v, 7ull, 9ull), 7);
	EXPECT_EQ(FIELD_GET(0xff0u, FIELD_PREP(0xff0u, 0x5au)), 0x5a);
}

KTEST(kern, byte_orders_and_devices)
{
	u8 raw[8];
	be32 b = be32_make(0x01020304);
	le16 l = le16_make(0x0506);

	EXPECT_MEMEQ(&b, "\1\2\3\4", 4);
	EXPECT_MEMEQ(&l, "\6\5", 2);
	be64_write(raw, 0x1122334455667788ull);
	EXPECT_EQ(raw[0], 0x11);
	EXPECT_EQ(le64_read(raw), 0x8877665544332211ull);
	EXPECT_EQ(be16_read(raw + 1), 0x2233);
	EXPECT_EQ(dev_encode(MKDEV(8, 1)), 0x801);
	EXPECT_EQ(dev_encode(MKDEV(259, 0x12345)), 0x12310345);
	EXPECT_EQ(dev_decode(dev_encode(MKDEV(259, 0x12345))), MKDEV(259, 0x12345));
}
