#include <kernel/uio/uio.h>

#include <kern/ktest.h>

KTEST(uio, kernel_vector_is_walked_and_reverted)
{
	char a[3] = "", b[5] = "", out[8];
	struct uio_kvec v[3] = {{a, 3}, {NULL, 0}, {b, 5}};
	struct uio u;

	uio_init_kernel(&u, false, NULL, 0);
	u.kernel = v;
	u.seg_count = 3;
	u.left = 8;
	EXPECT_EQ(uio_copy_to(&u, "abcdefgh", 4), 4);
	EXPECT_EQ(u.left, 4);
	EXPECT_EQ(uio_copy_to(&u, "efghij", 6), 4);
	EXPECT_MEMEQ(a, "abc", 3);
	EXPECT_MEMEQ(b, "defgh", 5);
	uio_revert(&u, 8);
	EXPECT_EQ(u.left, 8);
	EXPECT_EQ(uio_copy_from(&u, out, 8), 8);
	EXPECT_MEMEQ(out, "abcdefgh", 8);
	uio_revert(&u, 6);
	uio_advance(&u, 2);
	uio_truncate(&u, 3);
	EXPECT_EQ(uio_copy_from(&u, out, 8), 3);
	EXPECT_MEMEQ(out, "efg", 3);
}

KTEST(uio, discard_counts)
{
	struct uio u;

	uio_init_discard(&u, 10);
	EXPECT_EQ(uio_copy_to(&u, "abcdef", 6), 6);
	EXPECT_EQ(uio_zero(&u, 100), 4);
	EXPECT_EQ(u.left, 0);
}
