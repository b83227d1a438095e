/* open_tree(2), move_mount(2): trees of mounts held by a descriptor. */
#include <kernel/file/file_impl.h>
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/mount_impl.h>

u32 mount_flags_of_attr(u64 attr)
{
	static const struct {
		u32 attr, mnt;
	} map[] = {
		{MOUNT_ATTR_RDONLY, MNT_READONLY},	 {MOUNT_ATTR_NOSUID, MNT_NOSUID},
		{MOUNT_ATTR_NODEV, MNT_NODEV},		 {MOUNT_ATTR_NOEXEC, MNT_NOEXEC},
		{MOUNT_ATTR_NODIRATIME, MNT_NODIRATIME}, {MOUNT_ATTR_NOSYMFOLLOW, MNT_NOSYMFOLLOW},
	};
	u32 flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		if (attr & map[i].attr)
			flags |= map[i].mnt;
	}
	return flags;
}

int mount_atime_of_attr(u64 attr, u32 *flags)
{
	switch (attr & MOUNT_ATTR__ATIME) {
	case MOUNT_ATTR_RELATIME:
		*flags |= MNT_RELATIME;
		return 0;
	case MOUNT_ATTR_NOATIME:
		*flags |= MNT_NOATIME;
		return 0;
	case MOUNT_ATTR_STRICTATIME:
		return 0;
	default:
		return -EINVAL;
	}
}

static int path_fd(struct path *p, u32 mode, u32 o_cloexec)
{
	struct file *f;
	int fd, err = vfs_place_file(p, &f);

	if (err)
		return err;
	f->mode |= mode;
	err = fd_install_new(f, o_cloexec, &fd);
	if (err)
		file_put_now(f);
	return err ? err : fd;
}

int mount_tree_fd(struct path *p, u32 o_cloexec)
{
	struct mount *m = mount_get(p->mnt);
	int fd = path_fd(p, FMODE_DETACHED, o_cloexec);

	/* If there was no file yet that could do it. */
	if (fd < 0)
		mount_dissolve(m);
	mount_put(m);
	return fd;
}

static u32 lookup_of_at(unsigned int flags)
{
	return (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
	       (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
}

long sys_open_tree(int dfd, const char __user *path, unsigned int flags)
{
	const u32 valid = AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW |
			  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	struct path p, tree;
	int err;

	if ((flags & ~valid) || (flags & (AT_RECURSIVE | OPEN_TREE_CLONE)) == AT_RECURSIVE)
		return -EINVAL;
	if ((flags & OPEN_TREE_CLONE) && !mount_may())
		return -EPERM;
	err = path_lookup_user(dfd, path, lookup_of_at(flags), &p);
	if (err)
		return err;
	if (!(flags & OPEN_TREE_CLONE))
		return path_fd(&p, 0, flags & OPEN_TREE_CLOEXEC);
	err = mount_open_clone(&p, flags & AT_RECURSIVE, &tree);
	path_put(&p);
	return err ? err : mount_tree_fd(&tree, flags & OPEN_TREE_CLOEXEC);
}

long sys_move_mount(int from_dfd, const char __user *from_path, int to_dfd,
		    const char __user *to_path, unsigned int flags)
{
	struct path from, to;
	u32 lookup;
	int err;

	if (!mount_may())
		return -EPERM;
	if (flags &
	    ~(u32)(MOVE_MOUNT_F_SYMLINKS | MOVE_MOUNT_F_AUTOMOUNTS | MOVE_MOUNT_F_EMPTY_PATH |
		   MOVE_MOUNT_T_SYMLINKS | MOVE_MOUNT_T_AUTOMOUNTS | MOVE_MOUNT_T_EMPTY_PATH |
		   MOVE_MOUNT_SET_GROUP))
		return -EINVAL;
	lookup = (flags & MOVE_MOUNT_F_SYMLINKS ? LOOKUP_FOLLOW : 0) |
		 (flags & MOVE_MOUNT_F_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	err = path_lookup_user(from_dfd, from_path, lookup, &from);
	if (err)
		return err;
	lookup = (flags & MOVE_MOUNT_T_SYMLINKS ? LOOKUP_FOLLOW : 0) |
		 (flags & MOVE_MOUNT_T_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	err = path_lookup_user(to_dfd, to_path, lookup, &to);
	if (!err) {
		err = flags & MOVE_MOUNT_SET_GROUP ? mount_set_group(&from, &to)
						   : mount_move(&from, &to);
		path_put(&to);
	}
	path_put(&from);
	return err;
}
