#include <kernel/uaccess/uaccess.h>

#include <kern/ktest.h>

/* Refusals that need no user mapping. */
KTEST(uaccess, kernel_addresses_are_refused)
{
	static char here[8];
	char buf[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	u32 word = 1;

	EXPECT_EQ(copy_to_user((void __user *)here, buf, 8), 8);
	EXPECT_EQ(copy_from_user(buf, (const void __user *)here, 8), 8);
	EXPECT_EQ(buf[0], 0);
	EXPECT_EQ(get_user(word, (u32 __user *)here), -EFAULT);
	EXPECT_EQ(put_user(word, (u32 __user *)here), -EFAULT);
	EXPECT_EQ(strncpy_from_user(buf, (const char __user *)here, 8), -EFAULT);
	EXPECT_EQ(strnlen_user((const char __user *)here, 8), 0);
	EXPECT_EQ(clear_user((void __user *)here, 8), 8);
}

KTEST(uaccess, ranges_that_wrap_or_reach_the_hole)
{
	char buf[16];

	EXPECT_EQ(copy_from_user(buf, (const void __user *)(USER_END - 8), 16), 16);
	EXPECT_EQ(copy_from_user(buf, (const void __user *)~0UL, 16), 16);
	EXPECT_FALSE(access_ok((const void __user *)8, ~0UL));
	EXPECT_TRUE(access_ok((const void __user *)0, USER_END));
	EXPECT_EQ(copy_from_user(buf, NULL, 0), 0);
}

KTEST(uaccess, kernel_memory_without_mapping)
{
	u64 v = 0;
	static const u64 there = 0x1122334455667788;

	EXPECT_EQ(copy_from_kernel_nofault(&v, &there, sizeof(v)), 0);
	EXPECT_EQ(v, there);
	EXPECT_EQ(copy_from_kernel_nofault(&v, (const void *)0xffffffffff000000, 8), -EFAULT);
	EXPECT_EQ(copy_from_kernel_nofault(&v, (const void *)0x1000, 8), -EFAULT);
}
