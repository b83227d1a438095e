/*
 * sysfs: the file-system type.
 *
 * The tree is built whole when the type is mounted first (fs/kernfs).
 */
#include <fs/sys/sys_impl.h>

#include <kern/errno.h>
#include <kernel/boot/boot.h>
#include <kernel/lock/lock.h>
#include <kernel/ns/ns.h>
#include <kernel/task/task.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/vfs.h>
#include <linux/magic.h>

static struct super *sysfs_super;
static struct mutex sysfs_lock; /* LK_SYSFS: building, once */

static const struct super_ops sysfs_super_ops = {.evict = kernfs_evict, .statfs = kernfs_statfs};

static int sysfs_build(const struct fs_type *t, struct super **out)
{
	struct super *sb;
	int err = kernfs_create(t, &sysfs_super_ops, SYSFS_MAGIC, 0555, &sb);

	if (err)
		return err;
	err = sysfs_populate(sb->root);
	if (err) {
		super_put(sb);
		return err;
	}
	kernfs_ready(sb->root, false);
	*out = sb;
	return 0;
}

static int sysfs_mount(const struct fs_type *t, u32 ms_flags, const char *source,
		       const char *options, struct super **out)
{
	int err = 0;

	(void)source;
	(void)ms_flags;
	if (options && *options)
		return -EINVAL;
	guard(mutex)(&sysfs_lock);
	if (!sysfs_super)
		err = sysfs_build(t, &sysfs_super);
	if (err)
		return err;
	__atomic_fetch_add(&sysfs_super->refs, 1, __ATOMIC_RELAXED);
	*out = sysfs_super;
	return 0;
}

static struct ns_common *sysfs_shows(void)
{
	return current_ns(NS_NET);
}

static const struct fs_type sysfs_type = {
	.name = "sysfs",
	.flags = FS_NODEV | FS_USERNS | FS_VISIBLE,
	.mount = sysfs_mount,
	.shows = sysfs_shows,
};
FS_TYPE(sysfs_type);

static void sysfs_init(void)
{
	mutex_init(&sysfs_lock, LK_SYSFS);
}
INITCALL(sysfs_init);
