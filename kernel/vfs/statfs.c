/* statfs(2), ustat(2), sysfs(2), the sync family. */
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/vfs_impl.h>
#include <asm/statfs.h>
#include <linux/mount.h>

/* ---- statfs ---- */

/* ST_* of statfs(2); the C library has them, the UAPI headers do not. */
static u64 statfs_flags(const struct mount *m)
{
	static const struct {
		u32 mnt, sb, st;
	} map[] = {
		{MNT_READONLY, MS_RDONLY, 1}, {MNT_NOSUID, 0, 2},	 {MNT_NODEV, 0, 4},
		{MNT_NOEXEC, 0, 8},	      {0, MS_SYNCHRONOUS, 16},	 {0, MS_MANDLOCK, 64},
		{MNT_NOATIME, 0, 1024},	      {MNT_NODIRATIME, 0, 2048}, {MNT_RELATIME, 0, 4096},
		{MNT_NOSYMFOLLOW, 0, 0x2000},
	};
	u64 st = 0x20; /* ST_VALID */

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		if ((m->flags & map[i].mnt) || (m->super->flags & map[i].sb))
			st |= map[i].st;
	}
	return st;
}

static int statfs_path(const struct path *p, struct kstatfs *st)
{
	struct super *sb = p->dentry->super;
	int err = 0;

	memset(st, 0, sizeof(*st));
	st->type = sb->magic;
	st->bsize = sb->blksize;
	st->namelen = NAME_MAX_LEN;
	if (sb->ops && sb->ops->statfs)
		err = sb->ops->statfs(p->dentry, st);
	if (err)
		return err;
	if (!st->frsize)
		st->frsize = st->bsize;
	st->flags |= statfs_flags(p->mnt);
	return 0;
}

static int copy_statfs(const struct kstatfs *k, struct statfs __user *u)
{
	struct statfs s;

	memset(&s, 0, sizeof(s));
	s.f_type = (long)k->type;
	s.f_bsize = (long)k->bsize;
	s.f_blocks = (long)k->blocks;
	s.f_bfree = (long)k->bfree;
	s.f_bavail = (long)k->bavail;
	s.f_files = (long)k->files;
	s.f_ffree = (long)k->ffree;
	s.f_fsid.val[0] = (int)k->fsid;
	s.f_fsid.val[1] = (int)(k->fsid >> 32);
	s.f_namelen = (long)k->namelen;
	s.f_frsize = (long)k->frsize;
	s.f_flags = (long)k->flags;
	return copy_to_user(u, &s, sizeof(s)) ? -EFAULT : 0;
}

long sys_statfs(const char __user *path, struct statfs __user *buf)
{
	struct kstatfs st;
	struct path p;
	int err = path_lookup_user(AT_FDCWD, path, LOOKUP_FOLLOW, &p);

	if (err)
		return err;
	err = statfs_path(&p, &st);
	path_put(&p);
	return err ? err : copy_statfs(&st, buf);
}

long sys_fstatfs(int fd, struct statfs __user *buf)
{
	struct fd_ref r = fd_get_path((unsigned int)fd);
	struct kstatfs st;
	int err;

	if (!r.file)
		return -EBADF;
	err = statfs_path(&r.file->path, &st);
	fd_put(r);
	return err ? err : copy_statfs(&st, buf);
}

/* ---- old calls ---- */

/* ustat(2): in no UAPI header. */
struct ustat {
	s32 f_tfree;
	unsigned long f_tinode;
	char f_fname[6], f_fpack[6];
};

long sys_ustat(unsigned int dev, void __user *ubuf)
{
	struct kstatfs st = {0};
	struct super *sb;
	struct ustat u;
	int err = super_find_dev(dev, &sb);

	if (err)
		return err;
	if (sb->ops && sb->ops->statfs)
		err = sb->ops->statfs(sb->root, &st);
	super_put(sb);
	if (err)
		return err;
	memset(&u, 0, sizeof(u));
	u.f_tfree = (s32)st.bfree;
	u.f_tinode = st.ffree;
	return copy_to_user(ubuf, &u, sizeof(u)) ? -EFAULT : 0;
}

static long sysfs_index(const char __user *uname)
{
	char *name;
	long n = vfs_getname(uname, &name);

	if (n)
		return n;
	n = fs_type_index(name);
	vfs_putname(name);
	return n;
}

long sys_sysfs(int option, unsigned long arg1, unsigned long arg2)
{
	const char *name;

	switch (option) {
	case 1:
		return sysfs_index((const char __user *)arg1);
	case 2:
		name = fs_type_name((unsigned int)arg1);
		if (!name)
			return -EINVAL;
		return copy_to_user((char __user *)arg2, name, strlen(name) + 1) ? -EFAULT : 0;
	case 3:
		return fs_type_count();
	default:
		return -EINVAL;
	}
}

/* ---- sync ---- */

static void sync_super(struct super *sb)
{
	if (sb->ops && sb->ops->sync && !(sb->flags & MS_RDONLY))
		(void)sb->ops->sync(sb, true);
}

long sys_sync(void)
{
	super_for_each(sync_super);
	return 0;
}

long sys_syncfs(int fd)
{
	struct fd_ref r = fd_get((unsigned int)fd);
	struct super *sb;
	int err = 0;

	if (!r.file)
		return -EBADF;
	sb = r.file->path.dentry->super;
	if (sb->ops && sb->ops->sync)
		err = sb->ops->sync(sb, true);
	fd_put(r);
	return err;
}

static long fsync_common(int fd, loff_t start, loff_t end, bool data_only)
{
	struct fd_ref r = fd_get((unsigned int)fd);
	int err;

	if (!r.file)
		return -EBADF;
	err = r.file->ops->fsync ? r.file->ops->fsync(r.file, start, end, data_only) : -EINVAL;
	fd_put(r);
	return err;
}

long sys_fsync(int fd)
{
	return fsync_common(fd, 0, S64_MAX, false);
}

long sys_fdatasync(int fd)
{
	return fsync_common(fd, 0, S64_MAX, true);
}

static bool can_sync_range(const struct file *f)
{
	u32 type = f->inode->mode & S_IFMT;

	return type == S_IFREG || type == S_IFBLK || type == S_IFDIR || type == S_IFLNK;
}

long sys_sync_file_range(int fd, s64 off, s64 nbytes, unsigned int flags)
{
	struct fd_ref r;
	s64 end;
	int err = 0;

	if (flags & ~7u)
		return -EINVAL;
	if (off < 0 || nbytes < 0 || __builtin_add_overflow(off, nbytes, &end))
		return -EINVAL;
	r = fd_get((unsigned int)fd);
	if (!r.file)
		return -EBADF;
	if (!can_sync_range(r.file))
		err = -ESPIPE;
	else if (flags && r.file->ops->fsync)
		err = r.file->ops->fsync(r.file, off, nbytes ? end - 1 : S64_MAX, true);
	fd_put(r);
	return err;
}

/* Hints: there is no read-ahead to steer in memory file systems; the arguments are judged as Linux
 * does. */
long sys_fadvise64(int fd, s64 off, s64 len, int advice)
{
	struct fd_ref r = fd_get((unsigned int)fd);
	int err = 0;

	(void)off;
	if (!r.file)
		return -EBADF;
	if (S_ISFIFO(r.file->inode->mode))
		err = -ESPIPE;
	else if (len < 0 || advice < 0 || advice > 5)
		err = -EINVAL;
	fd_put(r);
	return err;
}

long sys_readahead(int fd, s64 off, size_t count)
{
	struct fd_ref r = fd_get((unsigned int)fd);
	int err = 0;

	(void)off;
	(void)count;
	if (!r.file || !(r.file->mode & FMODE_READ))
		err = -EBADF;
	else if (!r.file->cache || !S_ISREG(r.file->inode->mode))
		err = -EINVAL;
	if (r.file)
		fd_put(r);
	return err;
}
