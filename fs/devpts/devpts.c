/*
 * devpts: a directory of the slaves of pseudo terminals, and its own ptmx.
 *
 * Every mount is an instance with its own numbers, as on Linux since 4.7.  An instance lives while
 * it is mounted or a pair of it is open.  inode->fs_data of a node is its pair until the master
 * closes.
 */
#include <fs/devpts/devpts_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <lib/parse/parse.h>
#include <kernel/boot/boot.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/vfs.h>
#include <linux/magic.h>

#define INO_ROOT 1
#define INO_PTMX 2
#define INO_FIRST 3

struct devpts_options {
	u32 uid, gid, max;
	umode_t mode, ptmxmode;
	bool set_uid, set_gid;
};

struct devpts {
	struct spinlock lock; /* LK_SPIN_LEAF: used, count */
	u64 used[PTY_MAX / 64];
	u32 count;
	struct devpts_options opt; /* lock */
	struct inode *ptmx;	   /* +0: its dentry stays */
};

static struct spinlock nodes_lock = SPINLOCK_INIT(LK_SPIN_LEAF); /* fs_data of nodes */
static const struct fs_type devpts_type;

static struct devpts *devpts_of(const struct super *sb)
{
	return sb->fs_data;
}

/* ---- options ---- */

static int parse_one(const char *key, const char *value, void *ctx)
{
	struct devpts_options *o = ctx;
	u32 v = 0;
	bool octal = !strcmp(key, "mode") || !strcmp(key, "ptmxmode");

	if (!strcmp(key, "newinstance"))
		return value ? -EINVAL : 0;
	if (!value || parse_u32(value, octal ? 8 : 10, &v))
		return -EINVAL;
	if (!strcmp(key, "uid")) {
		o->uid = uid_from_user(v);
		if (o->uid == ID_NONE)
			return -EINVAL;
		o->set_uid = true;
	} else if (!strcmp(key, "gid")) {
		o->gid = gid_from_user(v);
		if (o->gid == ID_NONE)
			return -EINVAL;
		o->set_gid = true;
	} else if (!strcmp(key, "mode")) {
		o->mode = (umode_t)(v & 07777);
	} else if (!strcmp(key, "ptmxmode")) {
		o->ptmxmode = (umode_t)(v & 07777);
	} else if (!strcmp(key, "max") && v <= 1u << 20) {
		o->max = v;
	} else {
		return -EINVAL;
	}
	return 0;
}

static void devpts_show_options(struct super *sb, struct seq *s)
{
	const struct devpts_options *o = &devpts_of(sb)->opt;

	if (o->set_uid)
		seq_printf(s, ",uid=%u", o->uid);
	if (o->set_gid)
		seq_printf(s, ",gid=%u", o->gid);
	seq_printf(s, ",mode=%03o,ptmxmode=%03o", o->mode, o->ptmxmode);
	if (o->max < 1u << 20)
		seq_printf(s, ",max=%u", o->max);
}

static int devpts_remount(struct super *sb, u32 *flags, const char *options)
{
	struct devpts *d = devpts_of(sb);
	struct devpts_options o = d->opt;
	int err = fs_options_parse(options, parse_one, &o);

	(void)flags;
	if (err)
		return err;
	spin_lock(&d->lock);
	d->opt = o;
	spin_unlock(&d->lock);
	d->ptmx->mode = S_IFCHR | o.ptmxmode;
	return 0;
}

/* ---- numbers ---- */

static int first_free(const struct devpts *d)
{
	for (u32 i = 0; i < PTY_MAX / 64; i++) {
		if (~d->used[i])
			return (int)(i * 64 + (u32)__builtin_ctzll(~d->used[i]));
	}
	return -1;
}

int devpts_reserve(struct super *sb, int *index)
{
	struct devpts *d = devpts_of(sb);
	int n = -1;

	spin_lock(&d->lock);
	if (d->count < d->opt.max)
		n = first_free(d);
	if (n >= 0) {
		d->used[n / 64] |= 1ull << (n % 64);
		d->count++;
	}
	spin_unlock(&d->lock);
	if (n < 0)
		return -ENOSPC;
	*index = n;
	return 0;
}

void devpts_release(struct super *sb, int index)
{
	struct devpts *d = devpts_of(sb);

	spin_lock(&d->lock);
	d->used[index / 64] &= ~(1ull << (index % 64));
	d->count--;
	spin_unlock(&d->lock);
}

/* ---- nodes ---- */

static int make_node(struct super *sb, const char *name, u64 ino, umode_t mode, u32 dev,
		     struct inode **out_inode, struct dentry **out)
{
	struct qstr q = {.name = name, .len = (u32)strlen(name)};
	struct inode *inode;
	struct dentry *d;
	int err = inode_alloc(sb, &inode);

	if (err)
		return err;
	inode->ino = ino;
	inode_init_special(inode, S_IFCHR | mode, dev);
	q.hash = qstr_hash(sb->root, q.name, q.len);
	err = dentry_alloc(sb->root, &q, &d);
	if (err) {
		inode_put(inode);
		return err;
	}
	*out_inode = inode;
	*out = d;
	return 0;
}

int devpts_add(struct super *sb, struct pty *pty, struct dentry **out)
{
	struct devpts_options o = devpts_of(sb)->opt;
	struct inode *inode, *root = sb->root->inode;
	char name[12];
	int err;

	snprintf(name, sizeof(name), "%d", pty->index);
	rwsem_write_lock(&root->lock);
	err = make_node(sb, name, (u64)pty->index + INO_FIRST, o.mode,
			vfs_makedev(pty->slave.major, pty->slave.minor), &inode, out);
	if (!err) {
		inode->uid = o.set_uid ? o.uid : current_cred()->fsuid;
		inode->gid = o.set_gid ? o.gid : current_cred()->fsgid;
		inode->fs_data = pty;
		dentry_set_inode_pinned(*out, inode);
		inode_touch(root, true, true);
	}
	rwsem_write_unlock(&root->lock);
	return err;
}

void devpts_remove(struct super *sb, struct dentry *node)
{
	struct inode *root = sb->root ? sb->root->inode : NULL;

	spin_lock(&nodes_lock);
	node->inode->fs_data = NULL;
	spin_unlock(&nodes_lock);
	if (root)
		rwsem_write_lock(&root->lock);
	node->inode->nlink = 0;
	dentry_drop(node);
	if (root) {
		inode_touch(root, true, true);
		rwsem_write_unlock(&root->lock);
	}
	dentry_put(node);
}

static int find_slave(struct inode *inode, struct tty **out)
{
	struct tty *tty = NULL;

	if (inode->super->type != &devpts_type)
		return -EIO;
	spin_lock(&nodes_lock);
	struct pty *p = inode->fs_data;

	if (p && tty_tryget(&p->slave))
		tty = &p->slave;
	spin_unlock(&nodes_lock);
	if (!tty)
		return -EIO;
	*out = tty;
	return 0;
}

/* ptmx is in an instance, or beside a directory "pts" on which one is mounted. */
int devpts_root(struct file *ptmx, struct path *out)
{
	struct path here = {ptmx->path.mnt, ptmx->path.dentry->parent};
	int err;

	if (ptmx->inode->super->type == &devpts_type) {
		here.dentry = ptmx->inode->super->root;
		*out = path_get(&here);
		return 0;
	}
	err = path_lookup_at(&here, "pts", LOOKUP_DIRECTORY | LOOKUP_FOLLOW, out);
	if (err)
		return err == -ENOENT ? -ENODEV : err;
	if (out->dentry->super->type == &devpts_type && out->dentry == out->dentry->super->root)
		return 0;
	path_put(out);
	return -ENODEV;
}

/* ---- mount ---- */

static void devpts_put_super(struct super *sb)
{
	kfree(sb->fs_data);
}

static const struct super_ops devpts_super_ops = {
	.put_super = devpts_put_super,
	.remount = devpts_remount,
	.show_options = devpts_show_options,
};

static int fill_root(struct super *sb)
{
	struct inode *inode;
	int err = inode_alloc(sb, &inode);

	if (err)
		return err;
	inode->ino = INO_ROOT;
	inode->mode = S_IFDIR | 0755;
	inode->nlink = 2;
	inode->ops = &simple_dir_inode_ops;
	inode->fops = &simple_dir_ops;
	return dentry_alloc_root(sb, inode, &sb->root);
}

static int fill(struct super *sb, struct devpts *d)
{
	struct dentry *node;
	int err = fill_root(sb);

	if (err)
		return err;
	err = make_node(sb, "ptmx", INO_PTMX, d->opt.ptmxmode, vfs_makedev(5, 2), &d->ptmx, &node);
	if (err)
		return err;
	dentry_set_inode_pinned(node, d->ptmx);
	dentry_put(node);
	return 0;
}

static int devpts_mount(const struct fs_type *t, u32 ms_flags, const char *source,
			const char *options, struct super **out)
{
	struct devpts *d = kzalloc(sizeof(*d));
	struct super *sb;
	int err;

	(void)source;
	if (!d)
		return -ENOMEM;
	spin_init(&d->lock, LK_SPIN_LEAF);
	d->opt = (struct devpts_options){.mode = 0600, .max = 1u << 20};
	err = fs_options_parse(options, parse_one, &d->opt);
	if (!err)
		err = super_alloc(t, ms_flags, &sb);
	if (err) {
		kfree(d);
		return err;
	}
	sb->fs_data = d;
	sb->ops = &devpts_super_ops;
	sb->magic = DEVPTS_SUPER_MAGIC;
	sb->blksize = 1024;
	err = fill(sb, d);
	if (err)
		super_put(sb);
	else
		*out = sb;
	return err;
}

static const struct fs_param devpts_params[] = {
	{"uid", FS_PARAM_NUMBER},
	{"gid", FS_PARAM_NUMBER},
	{"mode", FS_PARAM_OCTAL},
	{"ptmxmode", FS_PARAM_OCTAL},
	{"newinstance", FS_PARAM_FLAG},
	{"max", FS_PARAM_NUMBER},
	{.name = NULL},
};

static const struct fs_type devpts_type = {
	.name = "devpts",
	.flags = FS_NODEV | FS_USERNS | FS_DEVICES,
	.mount = devpts_mount,
	.params = devpts_params,
};
FS_TYPE(devpts_type);

static void devpts_init(void)
{
	tty_set_slave_lookup(find_slave);
}
INITCALL(devpts_init);
