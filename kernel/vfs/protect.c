/*
 * Directories that everybody may write to (/tmp): what others left there is not trusted.
 *
 * The last link of a path, a second name for somebody else's file, and an open with O_CREAT that
 * finds something are refused there: proc(5) /proc/sys/fs/protected_*.
 */
#include <kernel/procfs/procfs.h>
#include <kernel/vfs/vfs_impl.h>

static int protected_symlinks = 1, protected_hardlinks = 1, protected_fifos, protected_regular;
SYSCTL_INT("fs/protected_symlinks", 0600, &protected_symlinks, 0, 1);
SYSCTL_INT("fs/protected_hardlinks", 0600, &protected_hardlinks, 0, 1);
SYSCTL_INT("fs/protected_fifos", 0600, &protected_fifos, 0, 2);
SYSCTL_INT("fs/protected_regular", 0600, &protected_regular, 0, 2);

int may_follow_link(const struct inode *dir, u32 link_uid)
{
	if (!READ_ONCE(protected_symlinks) || current_cred()->fsuid == link_uid)
		return 0;
	if ((dir->mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH) || dir->uid == link_uid)
		return 0;
	return -EACCES;
}

/* What cannot be abused by who runs it or waits for it, and is open to current anyway. */
static bool safe_to_link(struct inode *i)
{
	if (!S_ISREG(i->mode) || (i->mode & S_ISUID))
		return false;
	if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		return false;
	return !inode_permission(i, MAY_READ | MAY_WRITE);
}

int may_link_to(struct inode *i)
{
	if (!READ_ONCE(protected_hardlinks) || safe_to_link(i) || inode_owner_or_capable(i))
		return 0;
	return -EPERM;
}

int may_open_in_sticky(umode_t dir_mode, u32 dir_uid, const struct inode *i)
{
	int level = 2;

	if (likely(!(dir_mode & S_ISVTX)))
		return 0;
	if (S_ISFIFO(i->mode))
		level = READ_ONCE(protected_fifos);
	else if (S_ISREG(i->mode))
		level = READ_ONCE(protected_regular);
	if (!level || i->uid == dir_uid || i->uid == current_cred()->fsuid)
		return 0;
	if (dir_mode & S_IWOTH)
		return -EACCES;
	/* Level 2 is for directories of a group too; what has no level of its own is not. */
	if (!(dir_mode & S_IWGRP) || !(S_ISFIFO(i->mode) || S_ISREG(i->mode)))
		return 0;
	return level == 2 ? -EACCES : 0;
}
