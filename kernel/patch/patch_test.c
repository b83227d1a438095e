#include <kernel/patch/patch.h>

#include <kern/errno.h>
#include <kern/ktest.h>

static DEFINE_STATIC_KEY(test_key);

static noinline int which(void)
{
	return static_key_unlikely(&test_key) ? 2 : 1;
}

KTEST(patch, static_key_turns_its_branch)
{
	EXPECT_EQ(which(), 1);
	static_key_enable(&test_key);
	EXPECT_EQ(which(), 2);
	static_key_enable(&test_key);
	static_key_disable(&test_key);
	EXPECT_EQ(which(), 2);
	static_key_disable(&test_key);
	EXPECT_EQ(which(), 1);
}

KTEST(patch, refuses_what_is_not_text)
{
	static u8 data;

	EXPECT_EQ(patch_text(&data, "\x90", 1), -EINVAL);
}
