#include <kern/errno.h>
#include <kern/ktest.h>
#include <kernel/device/device.h>
#include <kernel/file/file.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>

static const struct file_ops *ops_of(u32 minor)
{
	struct device *d = device_find(DEVICE_CHAR, vfs_makedev(1, minor));

	return d ? d->ops : NULL;
}

KTEST(mem, null_swallows)
{
	const struct file_ops *ops = ops_of(3);
	char buf[8] = "1234567";
	struct uio u;

	KTEST_REQUIRE(ops);
	uio_init_kernel(&u, true, buf, sizeof(buf));
	EXPECT_EQ(ops->write(NULL, &u, NULL), 8);
	EXPECT_EQ(u.left, 0);
	uio_init_kernel(&u, false, buf, sizeof(buf));
	EXPECT_EQ(ops->read(NULL, &u, NULL), 0);
}

KTEST(mem, zero_and_full_read_zeroes)
{
	char buf[8];
	struct uio u;

	for (u32 minor = 5; minor <= 7; minor += 2) {
		const struct file_ops *ops = ops_of(minor);

		KTEST_REQUIRE(ops);
		memset(buf, 1, sizeof(buf));
		uio_init_kernel(&u, false, buf, sizeof(buf));
		EXPECT_EQ(ops->read(NULL, &u, NULL), 8);
		EXPECT_EQ(buf[0] | buf[7], 0);
	}
	uio_init_kernel(&u, true, buf, sizeof(buf));
	EXPECT_EQ(ops_of(7)->write(NULL, &u, NULL), -ENOSPC);
}
