/* Numbers and nodes of an instance; what goes through a pair is tested from user space. */
#include <fs/devpts/devpts_impl.h>

#include <kern/errno.h>
#include <kern/ktest.h>
#include <kernel/vfs/vfs.h>

static int mount_instance(const char *options, struct file **ptmx)
{
	int err = vfs_mkdir("/ktest-pts", 0700);

	if (!err || err == -EEXIST)
		err = vfs_mount("devpts", "/ktest-pts", "devpts", 0, options);
	return err ? err : vfs_open("/ktest-pts/ptmx", O_RDWR | O_NOCTTY, 0, ptmx);
}

KTEST(devpts, instance)
{
	struct file *a, *b, *s;
	struct path p;

	KTEST_REQUIRE(mount_instance("max=1,mode=620,ptmxmode=666", &a) == 0);
	EXPECT_EQ(vfs_open("/ktest-pts/ptmx", O_RDWR | O_NOCTTY, 0, &b), -ENOSPC);
	KTEST_REQUIRE(path_lookup(AT_FDCWD, "/ktest-pts/0", 0, &p) == 0);
	EXPECT_EQ(p.dentry->inode->mode, S_IFCHR | 0620);
	EXPECT_EQ(p.dentry->inode->rdev, vfs_makedev(136, 0));
	path_put(&p);
	/* Locked until TIOCSPTLCK. */
	EXPECT_EQ(vfs_open("/ktest-pts/0", O_RDWR | O_NOCTTY, 0, &s), -EIO);
	file_put(a);
}

KTEST(devpts, bad_options)
{
	int err = vfs_mkdir("/ktest-pts", 0700);

	KTEST_REQUIRE(!err || err == -EEXIST);
	EXPECT_EQ(vfs_mount("devpts", "/ktest-pts", "devpts", 0, "bogus=1"), -EINVAL);
	EXPECT_EQ(vfs_mount("devpts", "/ktest-pts", "devpts", 0, "mode=9"), -EINVAL);
}
