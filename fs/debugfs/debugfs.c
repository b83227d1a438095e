/*
 * debugfs: the file-system type, and the options of its root.
 *
 * There is one tree; every mount and remount sets what it names, for all.
 */
#include <fs/kernfs/kernfs.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/lock/lock.h>
#include <kernel/ns/user.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/vfs.h>
#include <lib/parse/parse.h>
#include <linux/magic.h>

#define DEFAULT_MODE 0700

extern const struct sysfs_entry *const __start_debugfs_entry[], *const __stop_debugfs_entry[];

static struct super *debugfs_super;
static struct mutex debugfs_lock; /* LK_SYSFS: building, options */

/* ---- options ---- */

struct options {
	u32 uid, gid;
	umode_t mode;
};

/* What is no number is no option, and what is not known is ignored, as it always was. */
static int parse_id(const char *s, u32 (*from_user)(u32), u32 *out)
{
	u64 v;

	if (!s || parse_u64(s, 0, &v))
		return 0;
	if (v > S32_MAX)
		return -EINVAL;
	*out = from_user((u32)v);
	return *out == ID_NONE ? -EINVAL : 0;
}

static int parse_one(const char *key, const char *value, void *ctx)
{
	struct options *o = ctx;
	u64 v;

	if (!strcmp(key, "uid"))
		return parse_id(value, uid_from_user, &o->uid);
	if (!strcmp(key, "gid"))
		return parse_id(value, gid_from_user, &o->gid);
	if (!strcmp(key, "mode") && value && !parse_u64(value, 8, &v))
		o->mode = v & 07777;
	return 0;
}

/* debugfs_lock held. */
static int apply(struct super *sb, const char *text)
{
	struct inode *root = sb->root->inode;
	struct options o = {root->uid, root->gid, root->mode & 07777};
	int err = fs_options_parse(text, parse_one, &o);

	if (err)
		return err;
	rwsem_write_lock(&root->lock);
	root->uid = o.uid;
	root->gid = o.gid;
	root->mode = S_IFDIR | o.mode;
	rwsem_write_unlock(&root->lock);
	return 0;
}

static int debugfs_remount(struct super *sb, u32 *flags, const char *options)
{
	(void)flags;
	guard(mutex)(&debugfs_lock);
	return apply(sb, options);
}

static void debugfs_show_options(struct super *sb, struct seq *s)
{
	const struct inode *root = sb->root->inode;
	umode_t mode = root->mode & 07777;

	if (root->uid)
		seq_printf(s, ",uid=%u", uid_to_user(root->uid));
	if (root->gid)
		seq_printf(s, ",gid=%u", gid_to_user(root->gid));
	if (mode != DEFAULT_MODE)
		seq_printf(s, ",mode=%o", mode);
}

/* ---- the tree ---- */

static const struct super_ops debugfs_super_ops = {
	.evict = kernfs_evict,
	.statfs = kernfs_statfs,
	.remount = debugfs_remount,
	.show_options = debugfs_show_options,
};

static int build(const struct fs_type *t, struct super **out)
{
	struct super *sb;
	int err = kernfs_create(t, &debugfs_super_ops, DEBUGFS_MAGIC, DEFAULT_MODE, &sb);

	if (err)
		return err;
	err = kernfs_entries(sb->root, __start_debugfs_entry, __stop_debugfs_entry);
	if (err) {
		super_put(sb);
		return err;
	}
	kernfs_ready(sb->root, true);
	*out = sb;
	return 0;
}

static int debugfs_mount(const struct fs_type *t, u32 ms_flags, const char *source,
			 const char *options, struct super **out)
{
	int err = 0;

	(void)source;
	(void)ms_flags;
	guard(mutex)(&debugfs_lock);
	if (!debugfs_super)
		err = build(t, &debugfs_super);
	if (!err)
		err = apply(debugfs_super, options);
	if (err)
		return err;
	__atomic_fetch_add(&debugfs_super->refs, 1, __ATOMIC_RELAXED);
	*out = debugfs_super;
	return 0;
}

static const struct fs_param debugfs_params[] = {
	{"uid", FS_PARAM_NUMBER},
	{"gid", FS_PARAM_NUMBER},
	{"mode", FS_PARAM_OCTAL},
	{.name = NULL},
};

static const struct fs_type debugfs_type = {
	.name = "debugfs",
	.flags = FS_NODEV,
	.mount = debugfs_mount,
	.params = debugfs_params,
};
FS_TYPE(debugfs_type);

static void debugfs_init(void)
{
	mutex_init(&debugfs_lock, LK_SYSFS);
}
INITCALL(debugfs_init);
