/*
 * nsfs: files that stand for namespaces. ioctl_ns(2).
 *
 * A pseudo file system that is mounted nowhere; /proc/PID/ns/NAME are magic links to it. An inode
 * holds its namespace, so an open descriptor or a bind mount keeps it alive.
 */
#include <kernel/ns/ns_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/panic/panic.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/vfs.h>
#include <linux/magic.h>
#include <linux/nsfs.h>

static struct mount *nsfs_mount;

int ns_text(const struct ns_common *ns, char *buf, size_t size)
{
	return scnprintf(buf, size, "%s:[%u]", ns->kind->name, ns->ino);
}

static int nsfs_name(struct dentry *d, char *buf, size_t size)
{
	int n = ns_text(d->inode->fs_data, buf, size);

	return (size_t)n + 1 >= size ? -ENAMETOOLONG : n;
}

static const struct dentry_ops nsfs_dentry_ops = {.name = nsfs_name};
static const struct inode_ops nsfs_inode_ops;

static int open_fd(struct ns_common *ns)
{
	struct path p;
	int fd = nsfs_path(ns, &p);

	if (fd)
		return fd;
	fd = vfs_open_path_fd(&p, O_RDONLY | O_CLOEXEC);
	path_put(&p);
	return fd;
}

/* A namespace above current's own is none of its business. */
static int owner_fd(const struct ns_common *ns)
{
	struct user_ns *owner = ns->owner;

	if (!owner || !user_ns_is_below(owner, current->cred->user_ns))
		return -EPERM;
	return open_fd(&owner->ns);
}

static int parent_fd(struct ns_common *ns)
{
	struct ns_common *parent;
	int err = ns->kind->parent ? ns->kind->parent(ns, &parent) : -EINVAL;

	if (err)
		return err;
	err = open_fd(parent);
	ns_put(parent);
	return err;
}

static long nsfs_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct ns_common *ns = nsfs_ns(f);

	switch (cmd) {
	case NS_GET_USERNS:
		return owner_fd(ns);
	case NS_GET_PARENT:
		return parent_fd(ns);
	case NS_GET_NSTYPE:
		return (long)ns->kind->flag;
	case NS_GET_OWNER_UID:
		if (ns->kind != &user_ns_kind)
			return -EINVAL;
		return put_user(uid_to_user(user_ns_of(ns)->owner_uid), (u32 __user *)arg);
	}
	return -ENOIOCTLCMD;
}

static const struct file_ops nsfs_file_ops = {.ioctl = nsfs_ioctl, .lseek = no_lseek};

struct ns_common *nsfs_ns(const struct file *f)
{
	return f->ops == &nsfs_file_ops ? f->inode->fs_data : NULL;
}

struct ns_common *nsfs_dentry_ns(const struct dentry *d)
{
	return d->ops == &nsfs_dentry_ops ? d->inode->fs_data : NULL;
}

int nsfs_path(struct ns_common *ns, struct path *out)
{
	const struct qstr q = {"", 0, 0};
	struct dentry *d;
	struct inode *i;
	int err = inode_alloc(nsfs_mount->super, &i);

	if (err)
		return err;
	i->mode = S_IFREG | 0444;
	i->flags = INODE_IMMUTABLE; /* even root opens it for reading only */
	i->nlink = 1;
	i->ino = ns->ino;
	i->ops = &nsfs_inode_ops;
	i->fops = &nsfs_file_ops;
	i->fs_data = ns_get(ns);
	err = dentry_alloc_nameless(nsfs_mount->root, &q, i, &d);
	if (err)
		return err;
	out->mnt = mount_get(nsfs_mount);
	out->dentry = d;
	return 0;
}

static void nsfs_evict(struct inode *i)
{
	ns_put(i->fs_data);
}

static const struct super_ops nsfs_super_ops = {.evict = nsfs_evict};
static const struct fs_type nsfs_type = {.name = "nsfs", .flags = FS_NODEV | FS_BINDABLE};

void nsfs_init(void)
{
	if (vfs_pseudo_mount(&nsfs_type, NSFS_MAGIC, S_IFDIR | 0755, &nsfs_super_ops,
			     &nsfs_dentry_ops, &nsfs_mount))
		panic("No memory for nsfs");
}
