/* mq_open(2), mq_unlink(2), mq_getsetattr(2). */
#include <fs/mqueue/mqueue_impl.h>

#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/capability.h>
#include <linux/fcntl.h>

/* A name without slashes in the root of the file system: -EACCES as Linux. */
static int judge_name(const char *name, struct dentry *root, struct qstr *out)
{
	size_t len = strlen(name);

	if (!len || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EACCES;
	if (len > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	*out = (struct qstr){name, (u32)len, qstr_hash(root, name, (u32)len)};
	return 0;
}

/* The directory is locked. */
static int open_new(struct mq_ns *ns, const struct qstr *q, int flags, umode_t mode,
		    const struct mq_attr *attr, struct file **out)
{
	struct dentry *root = ns->super->root, *d;
	struct inode *i;
	int err = vfs_permission(root->inode, MAY_WRITE | MAY_EXEC);

	if (!err)
		err = dentry_alloc(root, q, &d);
	if (err)
		return err;
	err = mq_inode_new(root->inode, 0600, attr, &i);
	if (!err) {
		struct path p = {ns->mount, d};

		dentry_set_inode_pinned(d, i);
		/* Its maker may use it whatever the mode says, which holds from now on. */
		err = vfs_open_path(&p, flags & (O_ACCMODE | O_NONBLOCK), out);
		i->mode = (u16)(S_IFREG | (mode & 0777 & ~current_umask()));
		inode_touch(root->inode, true, true);
	}
	dentry_put(d);
	return err;
}

static int open_locked(struct mq_ns *ns, const struct qstr *q, int flags, umode_t mode,
		       const struct mq_attr *attr, struct file **out)
{
	struct dentry *d = dentry_find(ns->super->root, q);
	struct path p = {ns->mount, d};
	int err;

	if (d && !d->inode) {
		dentry_put(d);
		d = NULL;
	}
	if (!d)
		return flags & O_CREAT ? open_new(ns, q, flags, mode, attr, out) : -ENOENT;
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		err = -EEXIST;
	else if ((flags & O_ACCMODE) == O_ACCMODE)
		err = -EINVAL;
	else
		err = vfs_open_path(&p, flags & (O_ACCMODE | O_NONBLOCK), out);
	dentry_put(d);
	return err;
}

static int open_queue(const char *name, int flags, umode_t mode, const struct mq_attr *attr,
		      struct file **out)
{
	struct mq_ns *ns = mq_ns_of_current();
	struct rwsem *dir_lock;
	struct qstr q;
	int err;

	if (!ns)
		return -ENOMEM;
	err = judge_name(name, ns->super->root, &q);
	if (err)
		return err;
	dir_lock = &ns->super->root->inode->lock;
	rwsem_write_lock(dir_lock);
	err = open_locked(ns, &q, flags, mode, attr, out);
	rwsem_write_unlock(dir_lock);
	return err;
}

long sys_mq_open(const char __user *uname, int oflag, unsigned int mode,
		 const struct mq_attr __user *uattr)
{
	struct mq_attr attr;
	struct file *f;
	char *name;
	int fd, err;

	if (uattr && copy_from_user(&attr, uattr, sizeof(attr)))
		return -EFAULT;
	err = vfs_getname(uname, &name);
	if (err)
		return err;
	/* First: where there is no descriptor no queue is made. */
	err = fd_reserve(0, O_CLOEXEC, &fd);
	if (!err) {
		err = open_queue(name, oflag, (umode_t)mode, uattr ? &attr : NULL, &f);
		if (err)
			fd_unreserve(fd);
		else
			fd_install(fd, f);
	}
	vfs_putname(name);
	return err ? err : fd;
}

/* ---- unlink ---- */

/* The directory is sticky. */
static int may_unlink(struct dentry *root, struct inode *i)
{
	u32 fsuid = current_cred()->fsuid;
	int err = vfs_permission(root->inode, MAY_WRITE | MAY_EXEC);

	if (err)
		return err;
	return fsuid == i->uid || fsuid == root->inode->uid || inode_capable(i, CAP_FOWNER)
		       ? 0
		       : -EPERM;
}

static int unlink_locked(struct dentry *root, const struct qstr *q)
{
	struct dentry *d = dentry_find(root, q);
	int err = d && d->inode ? may_unlink(root, d->inode) : -ENOENT;

	if (!err) {
		err = root->inode->ops->unlink(root->inode, d);
		dentry_drop(d);
	}
	if (d)
		dentry_put(d);
	return err;
}

long sys_mq_unlink(const char __user *uname)
{
	struct mq_ns *ns = mq_ns_of_current();
	struct dentry *root;
	struct qstr q;
	char *name;
	int err;

	if (!ns)
		return -ENOMEM;
	err = vfs_getname(uname, &name);
	if (err)
		return err;
	root = ns->super->root;
	err = judge_name(name, root, &q);
	if (!err) {
		rwsem_write_lock(&root->inode->lock);
		err = unlink_locked(root, &q);
		rwsem_write_unlock(&root->inode->lock);
	}
	vfs_putname(name);
	return err;
}

long sys_mq_getsetattr(int mqdes, const struct mq_attr __user *unew, struct mq_attr __user *uold)
{
	struct mq_attr now, old = {0};
	struct fd_ref ref;
	struct mq_queue *q;
	int err;

	if (unew && copy_from_user(&now, unew, sizeof(now)))
		return -EFAULT;
	if (unew && (now.mq_flags & ~O_NONBLOCK))
		return -EINVAL;
	err = mq_get(mqdes, 0, &ref, &q);
	if (err)
		return err;
	spin_lock(&q->lock);
	old.mq_maxmsg = q->max_messages;
	old.mq_msgsize = q->message_size;
	old.mq_curmsgs = q->count;
	spin_unlock(&q->lock);
	spin_lock(&ref.file->lock);
	old.mq_flags = ref.file->flags & O_NONBLOCK;
	if (unew)
		WRITE_ONCE(ref.file->flags,
			   (ref.file->flags & ~(u32)O_NONBLOCK) | ((u32)now.mq_flags & O_NONBLOCK));
	spin_unlock(&ref.file->lock);
	fd_put(ref);
	return uold && copy_to_user(uold, &old, sizeof(old)) ? -EFAULT : 0;
}
