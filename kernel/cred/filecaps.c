/* security.capability: capabilities of files, of revisions 1 to 3 of the attribute. */
#include <kernel/cred/filecaps.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/ns/user.h>
#include <kernel/vfs/vfs.h>
#include <linux/xattr.h>

/* How long an attribute of this revision is; 0: there is no such revision. */
static size_t size_of(u32 magic)
{
	switch (magic & (u32)VFS_CAP_REVISION_MASK) {
	case VFS_CAP_REVISION_1:
		return XATTR_CAPS_SZ_1;
	case VFS_CAP_REVISION_2:
		return XATTR_CAPS_SZ_2;
	case VFS_CAP_REVISION_3:
		return XATTR_CAPS_SZ_3;
	}
	return 0;
}

/* The attribute as it lies there; absent words are 0.  Its length. */
static ssize_t read_raw(struct dentry *d, struct vfs_ns_cap_data *out)
{
	const struct inode_ops *ops = d->inode->ops;
	ssize_t n;

	memset(out, 0, sizeof(*out));
	if (!ops || !ops->getxattr)
		return -ENODATA;
	n = ops->getxattr(d, XATTR_NAME_CAPS, out, sizeof(*out));
	if (n == -EOPNOTSUPP)
		return -ENODATA;
	if (n == -ERANGE)
		return -EINVAL;
	if (n >= 0 && (n < (ssize_t)sizeof(u32) || (size_t)n != size_of(out->magic_etc)))
		return -EINVAL;
	return n;
}

/* Is @kuid root of @u or of a namespace above it? */
static bool is_root_over(u32 kuid, const struct user_ns *u)
{
	for (; u; u = user_ns_parent(u)) {
		if (user_ns_uid(u, kuid) == 0)
			return true;
	}
	return false;
}

int file_caps_read(struct dentry *d, struct file_caps *out)
{
	struct vfs_ns_cap_data raw;
	ssize_t n;

	*out = (struct file_caps){0};
	if (likely(!d->inode->xattrs))
		return 0;
	n = read_raw(d, &raw);
	if (n == -ENODATA)
		return 0;
	if (n < 0)
		return (int)n;
	/* Without a root user the first namespace's is meant: raw.rootid is 0. */
	if (!is_root_over(raw.rootid, current_cred()->user_ns))
		return 0;
	out->present = true;
	out->effective = raw.magic_etc & VFS_CAP_FLAGS_EFFECTIVE;
	out->permitted = raw.data[0].permitted;
	out->inheritable = raw.data[0].inheritable;
	if (n != XATTR_CAPS_SZ_1) {
		out->permitted |= (u64)raw.data[1].permitted << 32;
		out->inheritable |= (u64)raw.data[1].inheritable << 32;
	}
	out->permitted &= CAP_FULL_SET;
	out->inheritable &= CAP_FULL_SET;
	return 0;
}

int file_caps_judge(const struct file_caps *f, const struct cred *c)
{
	u64 gained = (c->cap_bset & f->permitted) | (c->cap_inheritable & f->inheritable);

	return f->effective && (f->permitted & ~gained) ? -EPERM : 0;
}

int file_caps_from_user(const struct inode *i, void *v, size_t *size)
{
	struct vfs_ns_cap_data *raw = v;
	u32 revision;

	if (*size < XATTR_CAPS_SZ_2)
		return -EINVAL;
	revision = raw->magic_etc & ~(u32)VFS_CAP_FLAGS_EFFECTIVE;
	if ((revision != VFS_CAP_REVISION_2 && revision != VFS_CAP_REVISION_3) ||
	    *size != size_of(revision))
		return -EINVAL;
	if (!inode_capable(i, CAP_SETFCAP))
		return -EPERM;
	/* Who has the right over the whole file system means everybody. */
	if (revision == VFS_CAP_REVISION_2 && ns_capable(i->super->owner, CAP_SETFCAP))
		return 0;
	raw->rootid = uid_from_user(revision == VFS_CAP_REVISION_3 ? raw->rootid : 0);
	if (raw->rootid == ID_NONE)
		return -EINVAL;
	raw->magic_etc = VFS_CAP_REVISION_3 | (raw->magic_etc & VFS_CAP_FLAGS_EFFECTIVE);
	*size = XATTR_CAPS_SZ_3;
	return 0;
}

ssize_t file_caps_to_user(struct dentry *d, void *buf, size_t size)
{
	const struct user_ns *u = current_cred()->user_ns;
	struct vfs_ns_cap_data raw;
	ssize_t n = read_raw(d, &raw);
	u32 root;

	if (n < 0)
		return n;
	if (n == XATTR_CAPS_SZ_1)
		return -EINVAL;
	root = user_ns_uid(u, raw.rootid);
	if (root != ID_NONE && root != 0) {
		raw.rootid = root;
		raw.magic_etc = VFS_CAP_REVISION_3 | (raw.magic_etc & VFS_CAP_FLAGS_EFFECTIVE);
		n = XATTR_CAPS_SZ_3;
	} else if (is_root_over(raw.rootid, u)) {
		raw.magic_etc = VFS_CAP_REVISION_2 | (raw.magic_etc & VFS_CAP_FLAGS_EFFECTIVE);
		n = XATTR_CAPS_SZ_2;
	} else {
		return -EOVERFLOW;
	}
	if (size && size < (size_t)n)
		return -ERANGE;
	if (size)
		memcpy(buf, &raw, (size_t)n);
	return n;
}

int file_caps_drop(struct dentry *d)
{
	const struct inode_ops *ops = d->inode->ops;
	int err;

	if (!ops || !ops->setxattr)
		return 0;
	err = ops->setxattr(d, XATTR_NAME_CAPS, NULL, 0, 0);
	return err == -ENODATA || err == -EOPNOTSUPP ? 0 : err;
}
