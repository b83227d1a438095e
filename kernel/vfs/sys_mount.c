/* mount(2), umount2(2); what the kernel mounts itself. */
#include <kernel/panic/panic.h>
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/mount_impl.h>

#define MS_TYPES (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)
#define SUPER_FLAGS                                                                        \
	(MS_RDONLY | MS_SYNCHRONOUS | MS_MANDLOCK | MS_DIRSYNC | MS_SILENT | MS_POSIXACL | \
	 MS_LAZYTIME | MS_I_VERSION)

static int new_mount(const char *type, unsigned long ms, u32 flags, const char *source,
		     const char *options, struct path *at)
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
	if (!fs_type_may_mount(t))
		return -EPERM;
	err = t->mount(t, (u32)(ms & SUPER_FLAGS), source, options, &sb);
	if (err)
		return err;
	if (mount_too_revealing(sb, &flags)) {
		super_put(sb);
		return -EPERM;
	}
	return mount_new(sb, source, flags, at);
}

/* MS_BIND and MS_MOVE name a place instead of a device. */
static int from_place(const char *source, struct path *to, unsigned long ms)
{
	struct path from;
	int err;

	if (!source || !*source)
		return -EINVAL;
	err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &from);
	if (err)
		return err;
	err = ms & MS_BIND ? mount_bind(&from, to, ms & MS_REC) : mount_move(&from, to);
	path_put(&from);
	return err;
}

static int change_type(const struct path *at, unsigned long ms)
{
	unsigned long kind = ms & MS_TYPES;

	if ((ms & ~(unsigned long)(MS_REC | MS_SILENT | MS_TYPES)) || !is_power_of_2(kind))
		return -EINVAL;
	return mount_set_propagation(at, kind, ms & MS_REC);
}

static int do_mount(const char *source, struct path *at, const char *type, unsigned long ms,
		    const char *options)
{
	u32 flags;

	if ((ms & MS_MGC_MSK) == MS_MGC_VAL)
		ms &= ~(unsigned long)MS_MGC_MSK;
	if (ms & MS_NOUSER)
		return -EINVAL;
	if (!mount_may())
		return -EPERM;
	flags = mount_flags_of_ms(ms);
	/* A remount that says nothing about access times leaves them. */
	if ((ms & MS_REMOUNT) &&
	    !(ms & (MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)))
		flags = (flags & ~MNT_ATIME_FLAGS) | (at->mnt->flags & MNT_ATIME_FLAGS);
	if ((ms & (MS_REMOUNT | MS_BIND)) == (MS_REMOUNT | MS_BIND))
		return mount_remount_bind(at, flags);
	if (ms & MS_REMOUNT)
		return mount_remount(at, (u32)(ms & SUPER_FLAGS), flags, options);
	if (ms & MS_BIND)
		return from_place(source, at, ms);
	if (ms & MS_TYPES)
		return change_type(at, ms);
	if (ms & MS_MOVE)
		return from_place(source, at, ms);
	return new_mount(type, ms, flags, source, options, at);
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
		err = do_mount(source, &at, type, flags, options);
		path_put(&at);
	}
	vfs_putname(options);
	vfs_putname(source);
	vfs_putname(type);
	return err;
}

/* ---- umount ---- */

static int may_umount(const struct path *at, int flags)
{
	if (!mount_may())
		return -EPERM;
	if (!mount_is_root_of(at) || !mount_is_ours(at->mnt) || (at->mnt->flags & MNT_LOCKED))
		return -EINVAL;
	if ((flags & UMOUNT_FORCE) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	return 0;
}

/* MNT_EXPIRE: the second time, when nobody used it in between. */
static int expire(struct mount *m, bool is_root, int flags)
{
	if (is_root || (flags & (UMOUNT_FORCE | UMOUNT_DETACH)))
		return -EINVAL;
	/* The tree's reference and the caller's. */
	if (READ_ONCE(m->refs) != 2)
		return -EBUSY;
	return xchg(&m->expire_mark, 1) ? 0 : -EAGAIN;
}

static int do_umount(const struct path *at, int flags)
{
	struct super *sb = at->mnt->super;
	struct path root = fs_ctx_root(current->fs);
	bool is_root = at->mnt == root.mnt;
	int err;

	path_put(&root);
	if (flags & UMOUNT_EXPIRE) {
		err = expire(at->mnt, is_root, flags);
		if (err)
			return err;
	}
	if (!is_root || (flags & UMOUNT_DETACH))
		return mount_umount(at->mnt, flags);
	/* Taking the root of the process away only makes it read-only. */
	if (!ns_capable(sb->owner, CAP_SYS_ADMIN))
		return -EPERM;
	return sb->flags & MS_RDONLY ? 0 : super_reconfigure(sb, MS_RDONLY, MS_RDONLY, NULL);
}

long sys_umount2(const char __user *target, int flags)
{
	struct path at;
	int err;

	if (flags & ~(UMOUNT_FORCE | UMOUNT_DETACH | UMOUNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	err = path_lookup_user(AT_FDCWD, target, flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &at);
	if (err)
		return err;
	err = may_umount(&at, flags);
	if (!err)
		err = do_umount(&at, flags);
	dentry_put(at.dentry);
	/* Being looked up for this is not a use. */
	mount_put_mark(at.mnt, err == -EAGAIN);
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
