/*
 * memfd_create(2) and file seals (fcntl(2) F_ADD_SEALS).
 *
 * Seals are a number in inode->fs_data, changed under the inode's lock.  Files by name start with
 * F_SEAL_SEAL, so that they can never be sealed.
 */
#include "tmpfs_impl.h"

#include <kern/atomic.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>

#define SEALS_ALL (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define MEMFD_NAME_MAX (255 - 6)

static struct mount *memfd_mount;

u32 tmpfs_seals(const struct inode *i)
{
	return (u32)(unsigned long)READ_ONCE(i->fs_data);
}

void tmpfs_seals_set(struct inode *i, u32 seals)
{
	WRITE_ONCE(i->fs_data, (void *)(unsigned long)seals);
}

/* No shared writable mapping may be left, and none be made: pagecache->writable_maps below zero
 * says so. */
static int deny_writable_maps(struct pagecache *pc)
{
	s32 old = READ_ONCE(pc->writable_maps);

	do {
		if (old > 0)
			return -EBUSY;
	} while (!try_cmpxchg(&pc->writable_maps, &old, old - 1));
	return 0;
}

static long add_seals(struct file *f, u32 seals)
{
	struct inode *i = f->inode;
	int err = 0;
	u32 have;

	if (!(f->mode & FMODE_WRITE))
		return -EPERM;
	if (seals & ~(u32)SEALS_ALL)
		return -EINVAL;
	rwsem_write_lock(&i->lock);
	have = tmpfs_seals(i);
	if (have & F_SEAL_SEAL)
		err = -EPERM;
	else if ((seals & F_SEAL_WRITE) && !(have & F_SEAL_WRITE))
		err = deny_writable_maps(i->cache);
	if (!err)
		tmpfs_seals_set(i, have | seals);
	rwsem_write_unlock(&i->lock);
	return err;
}

long tmpfs_seals_fcntl(struct file *f, unsigned int cmd, u32 seals)
{
	if (!S_ISREG(f->inode->mode))
		return -EINVAL;
	return cmd == F_GET_SEALS ? (long)tmpfs_seals(f->inode) : add_seals(f, seals);
}

static int memfd_text(struct dentry *d, char *buf, size_t size)
{
	int n = scnprintf(buf, size, "/%s (deleted)", d->name.name);

	return (size_t)n + 1 >= size ? -ENAMETOOLONG : n;
}

static const struct dentry_ops memfd_dentry_ops = {.name = memfd_text};

/* vfs_memory_file: as memfd_create(2) does it, for others. */
static int memory_file(const char *name, loff_t size, umode_t mode, struct file **out)
{
	struct inode *i;
	int err = tmpfs_inode_new(memfd_mount->super, NULL, S_IFREG | mode, 0, &i);

	if (err)
		return err;
	i->nlink = 0;
	inode_set_size(i, size);
	return vfs_nameless_file(memfd_mount, name, i, O_RDWR | O_LARGEFILE, out);
}

static void memfd_init(void)
{
	struct super *sb;

	if (tmpfs_make_internal(&sb))
		return;
	sb->dentry_ops = &memfd_dentry_ops;
	if (vfs_internal_mount(sb, &memfd_mount))
		memfd_mount = NULL;
	else
		vfs_memory_file = memory_file;
}
INITCALL(memfd_init);

static int memfd_open(const char *name, unsigned int flags, struct file **out)
{
	struct inode *i;
	int err;

	if (!memfd_mount)
		return -ENOMEM;
	err = tmpfs_inode_new(memfd_mount->super, NULL, S_IFREG | 0777, 0, &i);
	if (err)
		return err;
	i->nlink = 0;
	i->fops = &tmpfs_sealable_ops;
	if (flags & MFD_ALLOW_SEALING)
		tmpfs_seals_set(i, 0);
	return vfs_nameless_file(memfd_mount, name, i, O_RDWR | O_LARGEFILE, out);
}

long sys_memfd_create(const char __user *uname, unsigned int flags)
{
	char *name;
	struct file *f;
	ssize_t len;
	int fd, err;

	if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL; /* no huge pages */
	/* The user's part begins at a multiple of 8: strncpy_from_user() stores words. */
	name = kmalloc(MEMFD_NAME_MAX + 16);
	if (!name)
		return -ENOMEM;
	memcpy(name + 2, "memfd:", 6);
	len = strncpy_from_user(name + 8, uname, MEMFD_NAME_MAX + 1);
	err = len < 0 ? (int)len : len > MEMFD_NAME_MAX ? -EINVAL : 0;
	if (!err)
		err = memfd_open(name + 2, flags, &f);
	if (!err) {
		err = fd_install_new(f, flags & MFD_CLOEXEC ? O_CLOEXEC : 0, &fd);
		if (err)
			file_put(f);
	}
	kfree(name);
	return err ? err : fd;
}
