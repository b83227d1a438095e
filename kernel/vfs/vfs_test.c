/* The cache, walks, descriptors and tmpfs from inside the kernel. */
#include <kern/ktest.h>
#include <kernel/device/device.h>
#include <kernel/file/file_impl.h>
#include <kernel/seq/seq.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/mount_impl.h>

static struct file *make(struct ktest_ctx *t, const char *path, const char *text)
{
	struct file *f = NULL;

	EXPECT_EQ(vfs_open(path, O_CREAT | O_RDWR | O_TRUNC, 0644, &f), 0);
	if (f)
		EXPECT_EQ(vfs_write_kernel(f, text, strlen(text), 0), (ssize_t)strlen(text));
	return f;
}

KTEST(vfs, name_hash_is_the_walks_hash)
{
	struct path root, p;
	char name[80];

	EXPECT_EQ(path_lookup(AT_FDCWD, "/", 0, &root), 0);
	for (u32 len = 1; len < 70; len++) {
		struct qstr q = {name, len, 0};
		struct dentry *d;

		memset(name, 'a' + len % 26, len);
		name[len] = 0;
		EXPECT_EQ(vfs_mkdir(name, 0755), 0);
		q.hash = qstr_hash(root.dentry, name, len);
		d = dentry_find(root.dentry, &q);
		EXPECT_NOT_NULL(d);
		EXPECT_EQ(path_lookup(AT_FDCWD, name, 0, &p), 0);
		EXPECT_TRUE(p.dentry == d);
		path_put(&p);
		dentry_put(d);
		EXPECT_EQ(vfs_rmdir(name), 0);
		EXPECT_EQ(path_lookup(AT_FDCWD, name, 0, &p), -ENOENT);
	}
	path_put(&root);
}

KTEST(vfs, references_come_back)
{
	struct path p;
	struct file *f;
	u64 open_before, open_after, max;

	EXPECT_EQ(vfs_mkdir("/kt", 0755), 0);
	EXPECT_EQ(path_lookup(AT_FDCWD, "/kt", 0, &p), 0);
	EXPECT_EQ(p.dentry->refs, 1);
	files_usage(&open_before, &max);
	f = make(t, "/kt/f", "text");
	KTEST_REQUIRE(f);
	EXPECT_EQ(f->path.dentry->refs, 1);
	EXPECT_EQ(f->inode->writers, 1);
	EXPECT_EQ(p.dentry->refs, 2); /* ours and the child's */
	EXPECT_EQ(vfs_unlink("/kt/f"), 0);
	EXPECT_EQ(f->inode->nlink, 0);
	file_put_now(f);
	files_usage(&open_after, &max);
	EXPECT_EQ(open_before, open_after);
	EXPECT_EQ(p.dentry->refs, 1);
	EXPECT_EQ(vfs_rmdir("/kt"), 0);
	EXPECT_TRUE(dentry_unlinked(p.dentry));
	EXPECT_EQ(p.dentry->refs, 1);
	path_put(&p);
}

KTEST(vfs, links_and_dots)
{
	struct path a, b;
	struct file *f;

	EXPECT_EQ(vfs_mkdir("/kt", 0755), 0);
	EXPECT_EQ(vfs_mkdir("/kt/d", 0755), 0);
	f = make(t, "/kt/d/f", "x");
	KTEST_REQUIRE(f);
	EXPECT_EQ(vfs_symlink("d", "/kt/l0"), 0);
	for (int n = 1; n <= 41; n++) {
		char path[16], target[16];

		scnprintf(path, sizeof(path), "/kt/l%d", n);
		scnprintf(target, sizeof(target), "l%d", n - 1);
		EXPECT_EQ(vfs_symlink(target, path), 0);
	}
	EXPECT_EQ(path_lookup(AT_FDCWD, "/kt/d/f", 0, &a), 0);
	EXPECT_EQ(path_lookup(AT_FDCWD, "//kt/./l39/../d//f", LOOKUP_FOLLOW, &b), 0);
	EXPECT_TRUE(a.dentry == b.dentry);
	path_put(&b);
	EXPECT_EQ(path_lookup(AT_FDCWD, "/kt/l40/f", LOOKUP_FOLLOW, &b), -ELOOP);
	EXPECT_EQ(path_lookup(AT_FDCWD, "/kt/l3/f", LOOKUP_NO_SYMLINKS, &b), -ELOOP);
	EXPECT_EQ(path_lookup(AT_FDCWD, "/kt/d/f/", 0, &b), -ENOTDIR);
	EXPECT_EQ(path_lookup(AT_FDCWD, "/../../kt/d/f", 0, &b), 0);
	EXPECT_TRUE(a.dentry == b.dentry);
	path_put(&b);
	path_put(&a);
	for (int n = 0; n <= 41; n++) {
		char path[16];

		scnprintf(path, sizeof(path), "/kt/l%d", n);
		EXPECT_EQ(vfs_unlink(path), 0);
	}
	file_put_now(f);
	EXPECT_EQ(vfs_rmdir("/kt/d"), -ENOTEMPTY);
	EXPECT_EQ(vfs_unlink("/kt/d/f"), 0);
	EXPECT_EQ(vfs_rmdir("/kt/d"), 0);
	EXPECT_EQ(vfs_rmdir("/kt"), 0);
}

KTEST(vfs, mounts_come_and_go)
{
	struct path p, q;
	struct file *f;
	char buf[64], *text;

	EXPECT_EQ(vfs_mkdir("/kt", 0755), 0);
	EXPECT_EQ(vfs_mount("none", "/kt", "tmpfs", 0, "size=8k"), 0);
	EXPECT_EQ(path_lookup(AT_FDCWD, "/kt", 0, &p), 0);
	EXPECT_TRUE(p.dentry == p.mnt->root);
	EXPECT_EQ(path_lookup(AT_FDCWD, "/kt/..", 0, &q), 0);
	EXPECT_EQ(path_format(&p, buf, sizeof(buf), &text), 0);
	EXPECT_STREQ(text, "/kt");
	path_put(&q);
	f = make(t, "/kt/f", "x");
	KTEST_REQUIRE(f);
	EXPECT_EQ(vfs_write_kernel(f, "y", 1, 4096), 1);
	EXPECT_EQ(vfs_write_kernel(f, "z", 1, 8192), -ENOSPC);
	EXPECT_EQ(mount_umount(p.mnt, 0), -EBUSY);
	file_put_now(f);
	EXPECT_EQ(vfs_rmdir("/kt"), -EBUSY);
	EXPECT_EQ(mount_umount(p.mnt, 0), 0);
	path_put(&p);
	EXPECT_EQ(vfs_rmdir("/kt"), 0);
}

KTEST(vfs, every_allocation_may_fail)
{
#ifdef CONFIG_DEBUG_FAIL
	for (u64 n = 1; n < 12; n++) {
		struct file *f;
		int err;

		slab_fail_set(n, 1, 1);
		err = vfs_open("/kt-fail", O_CREAT | O_RDWR, 0644, &f);
		slab_fail_set(0, 0, 0);
		if (!err)
			file_put_now(f);
		else
			EXPECT_EQ(err, -ENOMEM);
		(void)!vfs_unlink("/kt-fail");
	}
#else
	KTEST_SKIP("no failure injection in this configuration");
#endif
}

static int show_number(struct seq *s, void *v)
{
	seq_printf(s, "%05lu\n", (unsigned long)v);
	return 0;
}

static void *number_start(struct seq *s, u64 pos)
{
	(void)s;
	return pos < 2000 ? (void *)(unsigned long)(pos + 1) : NULL;
}

static void *number_next(struct seq *s, void *v, u64 pos)
{
	(void)v;
	return number_start(s, pos);
}

static const struct seq_ops number_ops = {
	.start = number_start, .next = number_next, .show = show_number};

KTEST(seq, list_longer_than_the_buffer)
{
	static const struct file_ops ops = {.read = seq_read, .release = seq_release};
	struct file *f;
	char buf[100];
	loff_t pos = 0;
	u64 total = 0, sum = 0;
	struct uio u;
	ssize_t n;

	EXPECT_EQ(file_create_anon("[test]", &ops, NULL, O_RDONLY, &f), 0);
	EXPECT_EQ(seq_open(f, &number_ops, NULL), 0);
	do {
		uio_init_kernel(&u, false, buf, sizeof(buf));
		n = seq_read(f, &u, &pos);
		for (ssize_t i = 0; i < n; i++)
			sum += (u8)buf[i];
		total += n > 0 ? (u64)n : 0;
	} while (n > 0);
	EXPECT_EQ(n, 0);
	EXPECT_EQ(total, 12000);
	EXPECT_NE(sum, 0);
	pos = 6 * 1233;
	uio_init_kernel(&u, false, buf, 6);
	EXPECT_EQ(seq_read(f, &u, &pos), 6);
	EXPECT_MEMEQ(buf, "01234\n", 6);
	file_put_now(f);
}

KTEST(device, numbers_do_not_overlap)
{
	static struct device a = {.name = "kt-a",
				  .kind = DEVICE_CHAR,
				  .major = 240,
				  .minor = 4,
				  .count = 4,
				  .no_node = true};
	static struct device b = {
		.name = "kt-b", .kind = DEVICE_CHAR, .major = 240, .minor = 7, .no_node = true};

	EXPECT_EQ(device_register(&a), 0);
	EXPECT_EQ(device_register(&b), -EBUSY);
	EXPECT_TRUE(device_find(DEVICE_CHAR, vfs_makedev(240, 7)) == &a);
	EXPECT_NULL(device_find(DEVICE_CHAR, vfs_makedev(240, 8)));
	EXPECT_NULL(device_find(DEVICE_BLOCK, vfs_makedev(240, 7)));
	device_unregister(&a);
	EXPECT_NULL(device_find(DEVICE_CHAR, vfs_makedev(240, 7)));
}
