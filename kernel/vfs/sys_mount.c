/* mount(2), umount2(2), statfs(2), the sync family; what the kernel mounts itself. */
#include <kernel/panic/panic.h>
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/vfs_impl.h>
#include <asm/statfs.h>
#include <linux/magic.h>
#include <linux/mount.h>

/* umount2(2); the C library has these, the UAPI headers do not. */
#define UMOUNT_FORCE 1
#define UMOUNT_DETACH 2
#define UMOUNT_EXPIRE 4
#define UMOUNT_NOFOLLOW 8

#define MS_TYPES (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)
#define SUPER_FLAGS                                                                        \
	(MS_RDONLY | MS_SYNCHRONOUS | MS_MANDLOCK | MS_DIRSYNC | MS_SILENT | MS_POSIXACL | \
	 MS_LAZYTIME | MS_I_VERSION)

static u32 mount_flags(unsigned long flags)
{
	static const struct {
		unsigned long ms;
		u32 mnt;
	} map[] = {
		{MS_NOSUID, MNT_NOSUID},	 {MS_NODEV, MNT_NODEV},
		{MS_NOEXEC, MNT_NOEXEC},	 {MS_NOATIME, MNT_NOATIME},
		{MS_NODIRATIME, MNT_NODIRATIME}, {MS_RDONLY, MNT_READONLY},
	};
	u32 mnt = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		if (flags & map[i].ms)
			mnt |= map[i].mnt;
	}
	if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
		mnt |= MNT_RELATIME;
	return mnt;
}

static int new_mount(const char *type, unsigned long flags, const char *source, const char *options,
		     const struct path *at)
{
	const struct fs_type *t;
	struct super *sb;
	const char *dot;
	int err;

	if (!type)
		return -EINVAL;
	/* "fuse.sshfs": the part after the dot is for show. */
	dot = strchrnul(type, '.');
	err = fs_type_find(type, (size_t)(dot - type), &t);
	if (err)
		return err;
	err = t->mount(t, (u32)(flags & SUPER_FLAGS), source, options, &sb);
	if (err)
		return err;
	return mount_new(sb, source, mount_flags(flags), at);
}

static int remount(const struct path *at, unsigned long flags, const char *options)
{
	struct super *sb = at->mnt->super;
	u32 sb_flags = (u32)((sb->flags & ~(u64)SUPER_FLAGS) | (flags & SUPER_FLAGS));
	int err = 0;

	if (at->dentry != at->mnt->root)
		return -EINVAL;
	if ((flags & MS_RDONLY) && !(sb->flags & MS_RDONLY) && READ_ONCE(at->mnt->writers))
		return -EBUSY;
	if (sb->ops && sb->ops->remount)
		err = sb->ops->remount(sb, &sb_flags, options);
	if (err)
		return err;
	sb->flags = sb_flags;
	/* The super says whether it is read-only; the mount keeps its own word. */
	return mount_set_flags(at->mnt, mount_flags(flags & ~(unsigned long)MS_RDONLY));
}

static int bind(const char *source, const struct path *to, bool recursive)
{
	struct path from;
	int err;

	if (!source || !*source)
		return -EINVAL;
	err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &from);
	if (err)
		return err;
	err = mount_bind(&from, to, recursive);
	path_put(&from);
	return err;
}

static int move(const char *source, const struct path *to)
{
	struct path from;
	int err;

	if (!source || !*source)
		return -EINVAL;
	err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &from);
	if (err)
		return err;
	err = mount_move(&from, to);
	path_put(&from);
	return err;
}

static int do_mount(const char *source, const struct path *at, const char *type,
		    unsigned long flags, const char *options)
{
	if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
		flags &= ~(unsigned long)MS_MGC_MSK;
	if (flags & MS_NOUSER)
		return -EINVAL;
	if ((flags & (MS_REMOUNT | MS_BIND)) == (MS_REMOUNT | MS_BIND)) {
		if (at->dentry != at->mnt->root)
			return -EINVAL;
		return mount_set_flags(at->mnt, mount_flags(flags));
	}
	if (flags & MS_REMOUNT)
		return remount(at, flags, options);
	if (flags & MS_BIND)
		return bind(source, at, flags & MS_REC);
	if (flags & MS_TYPES) {
		unsigned long kind = flags & MS_TYPES;

		if ((flags & ~(unsigned long)(MS_REC | MS_SILENT | MS_TYPES)) ||
		    !is_power_of_2(kind) || at->dentry != at->mnt->root)
			return -EINVAL;
		return mount_set_propagation(at->mnt, kind, flags & MS_REC);
	}
	if (flags & MS_MOVE)
		return move(source, at);
	return new_mount(type, flags, source, options, at);
}

int vfs_mount(const char *source, const char *dir, const char *type, u32 flags, const char *options)
{
	struct path at;
	int err = path_lookup(AT_FDCWD, dir, LOOKUP_FOLLOW, &at);

	if (err)
		return err;
	err = do_mount(source, &at, type, flags, options);
	path_put(&at);
	return err;
}

/* A string of the caller, which may be NULL. */
static int get_string(const char __user *u, char **out)
{
	*out = NULL;
	return u ? vfs_getname(u, out) : 0;
}

long sys_mount(const char __user *usource, const char __user *target, const char __user *utype,
	       unsigned long flags, const void __user *udata)
{
	char *source = NULL, *type = NULL, *options = NULL;
	struct path at;
	int err;

	err = get_string(utype, &type);
	if (!err)
		err = get_string(usource, &source);
	if (!err)
		err = get_string(udata, &options);
	if (!err)
		err = path_lookup_user(AT_FDCWD, target, LOOKUP_FOLLOW, &at);
	if (!err) {
		err = capable(CAP_SYS_ADMIN) ? do_mount(source, &at, type, flags, options) : -EPERM;
		path_put(&at);
	}
	vfs_putname(options);
	vfs_putname(source);
	vfs_putname(type);
	return err;
}

long sys_umount2(const char __user *target, int flags)
{
	struct path at, root;
	int err;

	/* MNT_EXPIRE needs to know of uses in between, which nothing here counts. */
	if (flags & ~(UMOUNT_FORCE | UMOUNT_DETACH | UMOUNT_NOFOLLOW))
		return -EINVAL;
	err = path_lookup_user(AT_FDCWD, target, flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &at);
	if (err)
		return err;
	err = -EINVAL;
	if (at.dentry != at.mnt->root)
		goto out;
	err = -EPERM;
	if (!capable(CAP_SYS_ADMIN))
		goto out;
	root = fs_ctx_root(current->fs);
	/* Taking the root of the process away only makes it read-only. */
	if (at.mnt == root.mnt && !(flags & UMOUNT_DETACH))
		err = remount(&at, at.mnt->super->flags | MS_RDONLY, NULL);
	else
		err = -EAGAIN;
	path_put(&root);
	if (err != -EAGAIN)
		goto out;
	/* Only the mount is held from here on, so that its root does not count as a use of it. */
	err = mount_umount(at.mnt, flags & UMOUNT_DETACH ? MNT_UMOUNT_LAZY : 0);
out:
	path_put(&at);
	return err;
}

/* ---- statfs ---- */

static int statfs_path(const struct path *p, struct kstatfs *st)
{
	struct super *sb = p->dentry->super;
	u32 f = p->mnt->flags;
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
	st->flags |= 0x20; /* ST_VALID */
	if ((f & MNT_READONLY) || (sb->flags & MS_RDONLY))
		st->flags |= 1;
	st->flags |= (f & MNT_NOSUID ? 2 : 0) | (f & MNT_NODEV ? 4 : 0) | (f & MNT_NOEXEC ? 8 : 0) |
		     (f & MNT_NOATIME ? 1024 : 0) | (f & MNT_NODIRATIME ? 2048 : 0) |
		     (f & MNT_RELATIME ? 4096 : 0);
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

/* ---- boot ---- */

void vfs_init(void)
{
	inode_init_cache();
	dentry_init();
	super_init();
	mount_init();
	fs_ctx_init();
	name_init();
	locks_init();
	anon_init();
}

void vfs_mount_root(void)
{
	const struct fs_type *t;
	struct super *sb;
	struct mount *m;

	if (fs_type_find("rootfs", 6, &t) || t->mount(t, 0, "rootfs", NULL, &sb) ||
	    mount_create(sb, sb->root, "rootfs", 0, &m))
		panic("Cannot make the root file system");
	mount_attach_root(m);
	if (fs_ctx_create_boot(m))
		panic("No memory for the first process");
}
