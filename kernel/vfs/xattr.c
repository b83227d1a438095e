/*
 * Extended attributes: the calls of xattr(7), and a store in memory for file systems that want one.
 *
 * Names have a prefix that says who may use them: user. (regular files and directories, by mode
 * bits), trusted. (CAP_SYS_ADMIN), security. (CAP_SYS_ADMIN to change), system. (the file system
 * says: ACLs).
 */
#include <kernel/cred/filecaps.h>
#include <kernel/notify/notify.h>
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/vfs_impl.h>
#include <linux/inotify.h>
#include <linux/limits.h>
#include <linux/xattr.h>

struct xattr_list {
	struct list_head items; /* inode->spin */
};

struct xattr {
	struct list_head link;
	size_t size;
	char *name;
	u8 value[];
};

static struct xattr *find(struct inode *i, const char *name)
{
	struct xattr *x;

	if (!i->xattrs)
		return NULL;
	list_for_each_entry (x, &i->xattrs->items, link) {
		if (!strcmp(x->name, name))
			return x;
	}
	return NULL;
}

ssize_t simple_xattr_get(struct inode *i, const char *name, void *buf, size_t size)
{
	struct xattr *x;
	ssize_t ret = -ENODATA;

	spin_lock(&i->spin);
	x = find(i, name);
	if (x) {
		ret = (ssize_t)x->size;
		if (size && size < x->size)
			ret = -ERANGE;
		else if (size)
			memcpy(buf, x->value, x->size);
	}
	spin_unlock(&i->spin);
	return ret;
}

static void xattr_free(struct xattr *x)
{
	if (!x)
		return;
	kfree(x->name);
	kfree(x);
}

int simple_xattr_set(struct inode *i, const char *name, const void *v, size_t size, int flags)
{
	struct xattr *x = NULL, *old;
	int err = 0;

	if (!i->xattrs && v) {
		i->xattrs = kzalloc(sizeof(*i->xattrs));
		if (!i->xattrs)
			return -ENOMEM;
		list_init(&i->xattrs->items);
	}
	if (v) {
		x = kmalloc(sizeof(*x) + size);
		if (!x)
			return -ENOMEM;
		x->name = kstrdup(name);
		if (!x->name) {
			kfree(x);
			return -ENOMEM;
		}
		x->size = size;
		memcpy(x->value, v, size);
	}
	spin_lock(&i->spin);
	old = find(i, name);
	if (old && (flags & XATTR_CREATE))
		err = -EEXIST;
	else if (!old && ((flags & XATTR_REPLACE) || !v))
		err = -ENODATA;
	if (!err) {
		if (old)
			list_del(&old->link);
		if (x)
			list_add_tail(&x->link, &i->xattrs->items);
	}
	spin_unlock(&i->spin);
	xattr_free(err ? x : old);
	return err;
}

static void list_name(const char *name, char *buf, size_t size, size_t *used)
{
	size_t len = strlen(name) + 1;

	if (size && *used + len <= size)
		memcpy(buf + *used, name, len);
	*used += len;
}

ssize_t simple_xattr_list(struct inode *i, char *buf, size_t size)
{
	bool trusted = capable(CAP_SYS_ADMIN);
	struct xattr *x;
	size_t used = 0;

	if (READ_ONCE(i->acl))
		list_name(XATTR_NAME_POSIX_ACL_ACCESS, buf, size, &used);
	if (READ_ONCE(i->default_acl))
		list_name(XATTR_NAME_POSIX_ACL_DEFAULT, buf, size, &used);
	spin_lock(&i->spin);
	if (i->xattrs) {
		list_for_each_entry (x, &i->xattrs->items, link) {
			if (trusted || !str_has_prefix(x->name, XATTR_TRUSTED_PREFIX))
				list_name(x->name, buf, size, &used);
		}
	}
	spin_unlock(&i->spin);
	return size && used > size ? -ERANGE : (ssize_t)used;
}

void simple_xattr_free(struct inode *i)
{
	struct xattr *x, *n;

	list_for_each_entry_safe (x, n, &i->xattrs->items, link)
		xattr_free(x);
	kfree(i->xattrs);
	i->xattrs = NULL;
}

/* ---- who may ---- */

static int xattr_may(struct inode *i, const char *name, int mask)
{
	if (mask & MAY_WRITE) {
		if (i->flags & (INODE_IMMUTABLE | INODE_APPEND))
			return -EPERM;
	}
	if (!strcmp(name, XATTR_NAME_CAPS))
		return (mask & MAY_WRITE) && !inode_capable(i, CAP_SETFCAP) ? -EPERM : 0;
	if (str_has_prefix(name, XATTR_SECURITY_PREFIX))
		return (mask & MAY_WRITE) && !ns_capable(i->super->owner, CAP_SYS_ADMIN) ? -EPERM
											 : 0;
	if (str_has_prefix(name, XATTR_SYSTEM_PREFIX))
		return 0;
	if (str_has_prefix(name, XATTR_TRUSTED_PREFIX)) {
		if (capable(CAP_SYS_ADMIN))
			return 0;
		return mask & MAY_WRITE ? -EPERM : -ENODATA;
	}
	if (str_has_prefix(name, XATTR_USER_PREFIX)) {
		if (!S_ISREG(i->mode) && !S_ISDIR(i->mode))
			return mask & MAY_WRITE ? -EPERM : -ENODATA;
		if (S_ISDIR(i->mode) && (i->mode & S_ISVTX) && (mask & MAY_WRITE) &&
		    !inode_owner_or_capable(i))
			return -EPERM;
		return inode_permission(i, mask);
	}
	return -EOPNOTSUPP;
}

static int get_name(const char __user *uname, char name[XATTR_NAME_MAX + 1])
{
	ssize_t len = strncpy_from_user(name, uname, XATTR_NAME_MAX + 1);

	if (len < 0)
		return (int)len;
	return !len || len > XATTR_NAME_MAX ? -ERANGE : 0;
}

/* ---- the calls ---- */

static long set_path(const struct path *p, const char *name, const void __user *uv, size_t size,
		     int flags, bool remove)
{
	struct inode *i = p->dentry->inode;
	void *v = NULL;
	int err;

	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	if (!remove) {
		v = kvmalloc(max_t(size_t, size + 1, XATTR_CAPS_SZ_3), GFP_KERNEL);
		if (!v)
			return -ENOMEM;
		if (copy_from_user(v, uv, size)) {
			kvfree(v);
			return -EFAULT;
		}
	}
	err = mount_may_write(p);
	if (!err && v && size && !strcmp(name, XATTR_NAME_CAPS))
		err = file_caps_from_user(i, v, &size);
	if (!err)
		err = xattr_may(i, name, MAY_WRITE);
	if (!err && !i->ops->setxattr)
		err = -EOPNOTSUPP;
	if (!err) {
		rwsem_write_lock(&i->lock);
		err = i->ops->setxattr(p->dentry, name, v, size, flags);
		rwsem_write_unlock(&i->lock);
		if (!err)
			notify_dentry(p->dentry, IN_ATTRIB);
	}
	kvfree(v);
	return err;
}

static long get_path_xattr(const struct path *p, const char *name, void __user *uv, size_t size)
{
	struct inode *i = p->dentry->inode;
	void *buf = NULL;
	ssize_t ret;

	ret = xattr_may(i, name, MAY_READ);
	if (ret)
		return ret;
	if (!i->ops->getxattr)
		return -EOPNOTSUPP;
	size = min_t(size_t, size, XATTR_SIZE_MAX);
	if (size) {
		buf = kvmalloc(size, GFP_KERNEL);
		if (!buf)
			return -ENOMEM;
	}
	if (!strcmp(name, XATTR_NAME_CAPS))
		ret = file_caps_to_user(p->dentry, buf, size);
	else
		ret = i->ops->getxattr(p->dentry, name, buf, size);
	if (ret > 0 && size && copy_to_user(uv, buf, (size_t)ret))
		ret = -EFAULT;
	kvfree(buf);
	return ret;
}

static long list_path(const struct path *p, void __user *ulist, size_t size)
{
	struct inode *i = p->dentry->inode;
	char *buf = NULL;
	ssize_t ret;

	if (!i->ops->listxattr)
		return 0;
	size = min_t(size_t, size, XATTR_LIST_MAX);
	if (size) {
		buf = kvmalloc(size, GFP_KERNEL);
		if (!buf)
			return -ENOMEM;
	}
	ret = i->ops->listxattr(p->dentry, buf, size);
	if (ret > 0 && size && copy_to_user(ulist, buf, (size_t)ret))
		ret = -EFAULT;
	kvfree(buf);
	return ret;
}

/* The place of a call: by name, or of an open file. */
static int place_of(const char __user *path, u32 lookup, int fd, struct path *out)
{
	struct fd_ref r;

	if (path)
		return path_lookup_user(AT_FDCWD, path, lookup, out);
	r = fd_get((unsigned int)fd);
	if (!r.file)
		return -EBADF;
	*out = path_get(&r.file->path);
	fd_put(r);
	return 0;
}

static long set_common(const char __user *path, u32 lookup, int fd, const char __user *uname,
		       const void __user *v, size_t size, int flags, bool remove)
{
	char name[XATTR_NAME_MAX + 1];
	struct path p;
	long err = get_name(uname, name);

	if (!err)
		err = place_of(path, lookup, fd, &p);
	if (err)
		return err;
	err = set_path(&p, name, v, size, flags, remove);
	path_put(&p);
	return err;
}

static long get_common(const char __user *path, u32 lookup, int fd, const char __user *uname,
		       void __user *v, size_t size)
{
	char name[XATTR_NAME_MAX + 1];
	struct path p;
	long err = get_name(uname, name);

	if (!err)
		err = place_of(path, lookup, fd, &p);
	if (err)
		return err;
	err = get_path_xattr(&p, name, v, size);
	path_put(&p);
	return err;
}

static long list_common(const char __user *path, u32 lookup, int fd, void __user *list, size_t size)
{
	struct path p;
	long err = place_of(path, lookup, fd, &p);

	if (err)
		return err;
	err = list_path(&p, list, size);
	path_put(&p);
	return err;
}

long sys_setxattr(const char __user *path, const char __user *name, const void __user *value,
		  size_t size, int flags)
{
	return path ? set_common(path, LOOKUP_FOLLOW, -1, name, value, size, flags, false)
		    : -EFAULT;
}

long sys_lsetxattr(const char __user *path, const char __user *name, const void __user *value,
		   size_t size, int flags)
{
	return path ? set_common(path, 0, -1, name, value, size, flags, false) : -EFAULT;
}

long sys_fsetxattr(int fd, const char __user *name, const void __user *value, size_t size,
		   int flags)
{
	return set_common(NULL, 0, fd, name, value, size, flags, false);
}

long sys_getxattr(const char __user *path, const char __user *name, void __user *value, size_t size)
{
	return path ? get_common(path, LOOKUP_FOLLOW, -1, name, value, size) : -EFAULT;
}

long sys_lgetxattr(const char __user *path, const char __user *name, void __user *value,
		   size_t size)
{
	return path ? get_common(path, 0, -1, name, value, size) : -EFAULT;
}

long sys_fgetxattr(int fd, const char __user *name, void __user *value, size_t size)
{
	return get_common(NULL, 0, fd, name, value, size);
}

long sys_listxattr(const char __user *path, void __user *list, size_t size)
{
	return path ? list_common(path, LOOKUP_FOLLOW, -1, list, size) : -EFAULT;
}

long sys_llistxattr(const char __user *path, void __user *list, size_t size)
{
	return path ? list_common(path, 0, -1, list, size) : -EFAULT;
}

long sys_flistxattr(int fd, void __user *list, size_t size)
{
	return list_common(NULL, 0, fd, list, size);
}

long sys_removexattr(const char __user *path, const char __user *name)
{
	return path ? set_common(path, LOOKUP_FOLLOW, -1, name, NULL, 0, 0, true) : -EFAULT;
}

long sys_lremovexattr(const char __user *path, const char __user *name)
{
	return path ? set_common(path, 0, -1, name, NULL, 0, 0, true) : -EFAULT;
}

long sys_fremovexattr(int fd, const char __user *name)
{
	return set_common(NULL, 0, fd, name, NULL, 0, 0, true);
}
