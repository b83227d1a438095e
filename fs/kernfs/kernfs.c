/*
 * Trees of small text files: supers, entries, groups that come and go.
 *
 * A file of a group may be open, or looked at, when the group goes: its record loses the attribute
 * under kernfs_lock, which who shows such a file holds, and answers -ENODEV from then on.  Files
 * that stay for ever take no lock.
 */
#include <fs/kernfs/kernfs.h>

#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/ns/user.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/vfs.h>
#include <linux/magic.h>

#define TEXT_MAX 256

struct kernfs_data {
	struct sysfs_inode_head head; /* attr of a group: kernfs_lock */
	bool of_group;
};

static struct rwsem kernfs_lock; /* LK_KERNFS */

/* ---- files ---- */

static void data_lock(const struct kernfs_data *d)
{
	if (d->of_group)
		rwsem_read_lock(&kernfs_lock);
}

static void data_unlock(const struct kernfs_data *d)
{
	if (d->of_group)
		rwsem_read_unlock(&kernfs_lock);
}

static int kernfs_show(struct seq *s, void *v)
{
	const struct kernfs_data *d = ((struct inode *)s->private_data)->fs_data;
	int err;

	(void)v;
	data_lock(d);
	err = d->head.attr ? d->head.attr->show(s, d->head.ctx) : -ENODEV;
	data_unlock(d);
	return err;
}

static int kernfs_open(struct inode *i, struct file *f)
{
	return seq_open_single(f, kernfs_show, i);
}

static ssize_t kernfs_read(struct file *f, struct uio *u, loff_t *pos)
{
	const struct kernfs_data *d = f->inode->fs_data;

	/* attr->show is not there for files that are only written. */
	if (d->head.attr && !d->head.attr->show)
		return f->inode->super->magic == SYSFS_MAGIC ? -EIO : -EINVAL;
	return seq_read(f, u, pos);
}

static int store(const struct file *f, const char *text)
{
	const struct kernfs_data *d = f->inode->fs_data;
	int err;

	data_lock(d);
	if (!d->head.attr)
		err = -ENODEV;
	else if (!d->head.attr->store)
		err = f->inode->super->magic == SYSFS_MAGIC ? -EIO : -EINVAL;
	else
		err = d->head.attr->store(text, d->head.ctx);
	data_unlock(d);
	return err;
}

static ssize_t kernfs_write(struct file *f, struct uio *u, loff_t *pos)
{
	char text[TEXT_MAX];
	size_t len = u->left;
	int err;

	(void)pos;
	err = uio_copy_text(u, text, sizeof(text));
	if (!err)
		err = store(f, text);
	return err ? err : (ssize_t)len;
}

static const struct file_ops kernfs_file_fops = {
	.open = kernfs_open,
	.read = kernfs_read,
	.write = kernfs_write,
	.lseek = seq_lseek,
	.release = seq_release,
};

static const struct inode_ops kernfs_dir_iops = {.lookup = simple_lookup};
static const struct inode_ops kernfs_leaf_iops = {.lookup = NULL}; /* files, links */

/* ---- making entries ---- */

static int make_inode(struct dentry *parent, umode_t mode, struct inode **out)
{
	int err = inode_alloc(parent->super, out);

	if (err)
		return err;
	(*out)->ino = inode_next_ino();
	(*out)->mode = mode;
	return 0;
}

/* Enters @i as @name; takes over the reference to it, also on failure. */
static int enter(struct dentry *parent, const char *name, struct inode *i, struct dentry **out)
{
	u32 len = (u32)strlen(name);
	struct qstr q = {name, len, qstr_hash(parent, name, len)};
	struct dentry *d;
	int err = 0;

	rwsem_write_lock(&parent->inode->lock);
	d = dentry_find(parent, &q);
	if (d && d->inode)
		err = -EEXIST;
	else if (!d)
		err = dentry_alloc(parent, &q, &d);
	if (!err) {
		if (S_ISDIR(i->mode))
			parent->inode->nlink++;
		dentry_set_inode_pinned(d, i);
		*out = d;
	}
	rwsem_write_unlock(&parent->inode->lock);
	if (err)
		inode_put(i);
	if (err != -ENOMEM)
		dentry_put(d); /* pinned: the tree keeps it */
	return err;
}

int kernfs_dir(struct dentry *parent, const char *name, struct dentry **out)
{
	struct inode *i;
	int err = make_inode(parent, S_IFDIR | 0755, &i);

	if (err)
		return err;
	i->nlink = 2;
	i->ops = &kernfs_dir_iops;
	i->fops = &simple_dir_ops;
	return enter(parent, name, i, out);
}

int kernfs_find_dir(struct dentry *parent, const char *name, struct dentry **out)
{
	u32 len = (u32)strlen(name);
	struct qstr q = {name, len, qstr_hash(parent, name, len)};
	struct dentry *d = dentry_find(parent, &q);
	bool there = d && d->inode;

	*out = d;
	dentry_put(d);
	return there ? 0 : kernfs_dir(parent, name, out);
}

int kernfs_parent(struct dentry *root, const char *path, struct dentry **out, const char **name)
{
	struct dentry *dir = root;
	const char *slash;
	char part[64];
	int err = 0;

	for (; !err && (slash = strchr(path, '/')); path = slash + 1) {
		if (WARN_ON((size_t)(slash - path) >= sizeof(part)))
			return -EINVAL;
		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = 0;
		err = kernfs_find_dir(dir, part, &dir);
	}
	if (err)
		return err;
	*out = dir;
	*name = path;
	return 0;
}

int kernfs_mount_point(struct dentry *root, const char *path)
{
	struct dentry *dir;
	const char *name;
	int err = kernfs_parent(root, path, &dir, &name);

	if (!err)
		err = kernfs_dir(dir, name, &dir);
	if (!err)
		dir->inode->flags |= INODE_EMPTY_DIR;
	return err;
}

/*
 * In sysfs of Linux the length of a text is a page, whatever it says; in debugfs nothing. A file
 * with operations of its own says itself.
 */
static loff_t size_of(const struct dentry *parent, const struct sysfs_attr *attr)
{
	if (attr->fops)
		return attr->size;
	return parent->super->magic == SYSFS_MAGIC ? PAGE_SIZE : 0;
}

static int make_file(struct dentry *parent, const char *name, const struct sysfs_attr *attr,
		     void *ctx, bool group)
{
	struct kernfs_data *data = kmalloc(sizeof(*data));
	struct dentry *unused;
	struct inode *i;
	int err;

	if (!data)
		return -ENOMEM;
	err = make_inode(parent, (umode_t)(S_IFREG | attr->mode), &i);
	if (err) {
		kfree(data);
		return err;
	}
	*data = (struct kernfs_data){{attr, ctx}, group};
	i->ops = &kernfs_leaf_iops;
	i->fops = attr->fops ? attr->fops : &kernfs_file_fops;
	i->size = size_of(parent, attr);
	i->fs_data = data;
	return enter(parent, name, i, &unused);
}

int kernfs_file(struct dentry *parent, const struct sysfs_attr *attr, void *ctx)
{
	return make_file(parent, attr->name, attr, ctx, false);
}

int kernfs_files(struct dentry *parent, const struct sysfs_attr *a, void *ctx)
{
	int err = 0;

	for (; a->name && !err; a++)
		err = kernfs_file(parent, a, ctx);
	return err;
}

static int add_entry(struct dentry *root, const struct sysfs_entry *e)
{
	struct dentry *dir;
	const char *name;
	int err = kernfs_parent(root, e->attr.name, &dir, &name);

	return err ? err : make_file(dir, name, &e->attr, (void *)(uptr)e->ctx, false);
}

int kernfs_entries(struct dentry *root, const struct sysfs_entry *const *from,
		   const struct sysfs_entry *const *end)
{
	int err = 0;

	for (; from < end && !err; from++)
		err = add_entry(root, *from);
	return err;
}

int kernfs_link(struct dentry *parent, const char *name, const char *target)
{
	struct inode *i;
	struct dentry *unused;
	char *text = kstrdup(target);
	int err;

	if (!text)
		return -ENOMEM;
	err = make_inode(parent, S_IFLNK | 0777, &i);
	if (err) {
		kfree(text);
		return err;
	}
	i->ops = &kernfs_leaf_iops;
	i->link = text;
	i->size = (loff_t)strlen(text);
	return enter(parent, name, i, &unused);
}

/* ---- groups ---- */

/* Whoever has a file of it open finds it gone. */
static void forget_files(struct dentry *dir)
{
	struct dentry *d;

	rwsem_write_lock(&kernfs_lock);
	spin_lock(&dir->lock);
	list_for_each_entry (d, &dir->children, sibling) {
		struct kernfs_data *data = d->inode ? d->inode->fs_data : NULL;

		if (data)
			data->head.attr = NULL;
	}
	spin_unlock(&dir->lock);
	rwsem_write_unlock(&kernfs_lock);
}

static void remove_group(struct sysfs_group *g)
{
	struct dentry *dir = g->dentry, *parent;

	if (!dir)
		return;
	g->dentry = NULL;
	parent = dir->parent;
	rwsem_write_lock(&parent->inode->lock);
	dir->inode->nlink = 0;
	parent->inode->nlink--;
	dentry_drop(dir);
	rwsem_write_unlock(&parent->inode->lock);
	/* Unreachable now, and directories are filled by their group alone. */
	forget_files(dir);
	dentry_drop_tree(dir);
	dentry_put(dir);
}

static int add_group(struct dentry *root, struct sysfs_group *g)
{
	struct dentry *parent, *dir;
	const char *name;
	int err = kernfs_parent(root, g->path, &parent, &name);

	if (!err)
		err = kernfs_dir(parent, name, &dir);
	if (err)
		return err;
	g->dentry = dentry_get(dir);
	for (const struct sysfs_attr *a = g->attrs; a->name && !err; a++)
		err = make_file(dir, a->name, a, g->ctx, true);
	if (err)
		remove_group(g);
	return err;
}

void kernfs_ready(struct dentry *root, bool debugfs)
{
	const struct sysfs_tree tree = {.root = root, .add = add_group, .remove = remove_group};

	sysfs_tree_ready(&tree, debugfs);
}

/* ---- the super ---- */

void kernfs_evict(struct inode *i)
{
	kfree(i->fs_data);
	i->fs_data = NULL;
}

int kernfs_statfs(struct dentry *d, struct kstatfs *st)
{
	st->type = d->super->magic;
	st->bsize = st->frsize = PAGE_SIZE;
	st->namelen = NAME_MAX_LEN;
	return 0;
}

int kernfs_create(const struct fs_type *t, const struct super_ops *ops, u64 magic, umode_t mode,
		  struct super **out)
{
	struct super *sb;
	struct inode *root;
	int err = super_alloc(t, 0, &sb);

	if (err)
		return err;
	user_ns_put(sb->owner);
	sb->owner = user_ns_get(&user_ns_init);
	sb->ops = ops;
	sb->magic = magic;
	err = inode_alloc(sb, &root);
	if (!err) {
		root->ino = 1;
		root->mode = S_IFDIR | mode;
		root->nlink = 2;
		root->ops = &kernfs_dir_iops;
		root->fops = &simple_dir_ops;
		err = dentry_alloc_root(sb, root, &sb->root);
	}
	if (err)
		super_put(sb);
	else
		*out = sb;
	return err;
}

static void kernfs_init(void)
{
	rwsem_init(&kernfs_lock, LK_KERNFS);
}
INITCALL(kernfs_init);
