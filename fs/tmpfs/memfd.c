/*
 * memfd_create(2) and file seals (fcntl(2) F_ADD_SEALS).
 *
 * Seals are a number in inode->fs_data, changed under the inode's lock.  Files by name start with
 * F_SEAL_SEAL, so that they can never be sealed.
 *
 * Who could write past F_SEAL_WRITE: write(2) and its relatives hold the inode's lock; mappings are
 * counted from before they can be used until their translations are flushed
 * (pagecache->writable_maps); the kernel writes to shared memory for others under mm->lock, while
 * the mapping counts (mm_access()).  So EBUSY is said while there is a writer, and not by chance.
 */
#include <fs/tmpfs/tmpfs.h>
#include "tmpfs_impl.h"

#include <kern/atomic.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cred/cred.h>
#include <kernel/hugetlb/hugetlb.h>
#include <kernel/ns/user.h>
#include <kernel/procfs/procfs.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <abi/memfd.h>

#define SEALS_ALL                                                                         \
	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | \
	 F_SEAL_EXEC)
/* A program that is to stay executable is to stay as it is. */
#define SEALS_PROGRAM (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define MFD_FLAGS (MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC)
#define MFD_HUGE ((unsigned int)MFD_HUGE_MASK << MFD_HUGE_SHIFT) /* the size of huge pages */
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

static long add_seals(struct file *f, u32 seals, unsigned long *word)
{
	struct inode *i = f->inode;
	int err = 0;
	u32 have;

	if (!(f->mode & FMODE_WRITE))
		return -EPERM;
	if (seals & ~(u32)SEALS_ALL)
		return -EINVAL;
	rwsem_write_lock(&i->lock);
	have = (u32)*word;
	if (seals & F_SEAL_EXEC && i->mode & 0111)
		seals |= SEALS_PROGRAM;
	if (have & F_SEAL_SEAL)
		err = -EPERM;
	else if ((seals & F_SEAL_WRITE) && !(have & F_SEAL_WRITE))
		err = deny_writable_maps(i->cache);
	if (!err)
		WRITE_ONCE(*word, have | seals);
	rwsem_write_unlock(&i->lock);
	return err;
}

long tmpfs_seals_do(struct file *f, unsigned int cmd, u32 seals, unsigned long *word)
{
	if (!S_ISREG(f->inode->mode))
		return -EINVAL;
	return cmd == F_GET_SEALS ? (long)READ_ONCE(*word) : add_seals(f, seals, word);
}

long tmpfs_seals_fcntl(struct file *f, unsigned int cmd, u32 seals)
{
	return tmpfs_seals_do(f, cmd, seals, (unsigned long *)&f->inode->fs_data);
}

static int nameless_text(struct dentry *d, char *buf, size_t size)
{
	int n = scnprintf(buf, size, "/%s (deleted)", d->name.name);

	return (size_t)n + 1 >= size ? -ENAMETOOLONG : n;
}

const struct dentry_ops tmpfs_nameless_ops = {.name = nameless_text};

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
	sb->dentry_ops = &tmpfs_nameless_ops;
	if (vfs_internal_mount(sb, &memfd_mount))
		memfd_mount = NULL;
	else
		vfs_memory_file = memory_file;
}
INITCALL(memfd_init);

/* ---- vm.memfd_noexec: what a memfd is without MFD_EXEC and MFD_NOEXEC_SEAL ---- */

enum { NOEXEC_NOT, NOEXEC_UNLESS_ASKED, NOEXEC_ALWAYS };

/* No namespace allows what one above it does not. */
static int noexec_level(const struct pid_ns *ns)
{
	int level = NOEXEC_NOT;

	for (; ns; ns = ns->parent)
		level = max(level, READ_ONCE(ns->memfd_noexec));
	return level;
}

static int show_noexec(char *buf, size_t size)
{
	return snprintf(buf, size, "%d", noexec_level(task_pid_ns(current)));
}

static int store_noexec(const char *text)
{
	struct pid_ns *ns = task_pid_ns(current);
	int level;

	if (!ns_capable(ns->ns.owner, CAP_SYS_ADMIN))
		return -EPERM;
	if (!proc_parse_int(text, &level) || level < noexec_level(ns->parent) ||
	    level > NOEXEC_ALWAYS)
		return -EINVAL;
	WRITE_ONCE(ns->memfd_noexec, level);
	return 0;
}

SYSCTL_TEXT("vm/memfd_noexec", 0644, show_noexec, store_noexec);

static int check_flags(unsigned int *flags)
{
	int level;

	if (*flags & ~(MFD_FLAGS | (*flags & MFD_HUGETLB ? MFD_HUGE : 0)))
		return -EINVAL;
	if ((*flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) == (MFD_EXEC | MFD_NOEXEC_SEAL))
		return -EINVAL;
	level = noexec_level(task_pid_ns(current));
	if (!(*flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) && level >= NOEXEC_UNLESS_ASKED)
		*flags |= MFD_NOEXEC_SEAL;
	return level >= NOEXEC_ALWAYS && !(*flags & MFD_NOEXEC_SEAL) ? -EACCES : 0;
}

/* ---- memfd_create ---- */

static void first_seals(unsigned int flags, unsigned long *word)
{
	if (flags & MFD_NOEXEC_SEAL)
		*word = F_SEAL_EXEC;
	else if (flags & MFD_ALLOW_SEALING)
		*word = 0;
}

/* Of huge pages: a file of hugetlbfs. */
static int memfd_open_huge(const char *name, unsigned int flags, struct file **out)
{
	umode_t mode = flags & MFD_NOEXEC_SEAL ? 0666 : 0777;
	int err;

	if (!hugetlb_new_file)
		return -ENODEV;
	err = hugetlb_new_file(name, 0, flags >> MFD_HUGE_SHIFT & MFD_HUGE_MASK, mode, false, out);
	if (!err)
		first_seals(flags, hugetlb_seals((*out)->inode));
	return err;
}

static int memfd_open(const char *name, unsigned int flags, struct file **out)
{
	umode_t mode = S_IFREG | (flags & MFD_NOEXEC_SEAL ? 0666 : 0777);
	struct inode *i;
	int err;

	if (!memfd_mount)
		return -ENOMEM;
	err = tmpfs_inode_new(memfd_mount->super, NULL, mode, 0, &i);
	if (err)
		return err;
	i->nlink = 0;
	i->fops = &tmpfs_sealable_ops;
	first_seals(flags, (unsigned long *)&i->fs_data);
	return vfs_nameless_file(memfd_mount, name, i, O_RDWR | O_LARGEFILE, out);
}

long sys_memfd_create(const char __user *uname, unsigned int flags)
{
	char *name;
	struct file *f;
	ssize_t len;
	int fd, err = check_flags(&flags);

	if (err)
		return err;
	/* The user's part begins at a multiple of 8: strncpy_from_user() stores words. */
	name = kmalloc(MEMFD_NAME_MAX + 16);
	if (!name)
		return -ENOMEM;
	memcpy(name + 2, "memfd:", 6);
	len = strncpy_from_user(name + 8, uname, MEMFD_NAME_MAX + 1);
	err = len < 0 ? (int)len : len > MEMFD_NAME_MAX ? -EINVAL : 0;
	if (!err)
		err = (flags & MFD_HUGETLB ? memfd_open_huge : memfd_open)(name + 2, flags, &f);
	if (!err) {
		err = fd_install_new(f, flags & MFD_CLOEXEC ? O_CLOEXEC : 0, &fd);
		if (err)
			file_put(f);
	}
	kfree(name);
	return err ? err : fd;
}
