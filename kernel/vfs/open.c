/*
 * Opening files: open(2), openat2(2) and the kernel's own forms.
 *
 * Without O_CREAT the walk is lock-free to the end and its two references (mount, dentry) become
 * the file's.  With O_CREAT the directory is locked only when the name is not in the cache yet or
 * O_EXCL asks for certainty.
 */
#include <kernel/file/file_impl.h>
#include <kernel/notify/notify.h>
#include <kernel/ns/user.h>
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/vfs_impl.h>
#include <linux/inotify.h>

#define OPEN_VALID                                                                             \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | \
	 O_SYNC | FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |     \
	 O_CLOEXEC | O_PATH | __O_TMPFILE)

int open_check_flags(u64 flags, u64 mode, struct open_how_k *how)
{
	u32 acc = flags & O_ACCMODE;

	how->lookup = 0;
	if (flags & ~(u64)OPEN_VALID)
		return -EINVAL;
	if (flags & (O_CREAT | __O_TMPFILE)) {
		if (mode & ~07777ull)
			return -EINVAL;
		how->mode = (umode_t)(mode | S_IFREG);
	} else {
		if (mode)
			return -EINVAL;
		how->mode = 0;
	}
	if ((flags & (O_DIRECTORY | O_CREAT)) == (O_DIRECTORY | O_CREAT))
		return -EINVAL;
	if (flags & __O_TMPFILE) {
		if (!(flags & O_DIRECTORY) || acc == O_RDONLY)
			return -EINVAL;
	}
	if ((flags & O_PATH) && (flags & ~(u64)(O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)))
		return -EINVAL;
	how->flags = flags;
	if (flags & O_DIRECTORY)
		how->lookup |= LOOKUP_DIRECTORY;
	if (!(flags & O_NOFOLLOW))
		how->lookup |= LOOKUP_FOLLOW;
	return 0;
}

/* Access that the open mode needs. O_ACCMODE 3 asks for both and gives neither. */
static int acc_mask(u64 flags)
{
	static const u8 mask[4] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};
	int m = mask[flags & O_ACCMODE];

	if (flags & O_TRUNC)
		m |= MAY_WRITE;
	if (flags & O_APPEND)
		m |= MAY_APPEND;
	return m;
}

static bool devices_work(const struct mount *m)
{
	return !(m->flags & MNT_NODEV) &&
	       (m->super->owner == &user_ns_init || (m->super->type->flags & FS_DEVICES));
}

static int may_open(const struct path *p, struct inode *i, u64 *flags, int acc)
{
	switch (i->mode & S_IFMT) {
	case S_IFLNK:
		return -ELOOP;
	case S_IFDIR:
		if ((acc & MAY_WRITE) || (*flags & O_CREAT))
			return -EISDIR;
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (!devices_work(p->mnt))
			return -EACCES;
		*flags &= ~(u64)O_TRUNC;
		break;
	case S_IFIFO:
	case S_IFSOCK:
		*flags &= ~(u64)O_TRUNC;
		break;
	default:
		if ((acc & MAY_WRITE) && mount_may_write(p))
			return -EROFS;
	}
	if (i->flags & INODE_APPEND) {
		if ((*flags & O_ACCMODE) != O_RDONLY && !(*flags & O_APPEND))
			return -EPERM;
		if (*flags & O_TRUNC)
			return -EPERM;
	}
	if ((*flags & O_NOATIME) && !inode_owner_or_capable(i))
		return -EPERM;
	return 0;
}

static u32 open_mode(u64 flags)
{
	static const u8 mode[4] = {FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0};

	return mode[flags & O_ACCMODE];
}

/*
 * Makes the open file of @p, whose references it consumes on success and on failure.  @created:
 * this call made it, so nothing is checked any more.
 */
static int finish_open(struct path *p, u64 flags, bool created, struct file **out)
{
	struct inode *i = p->dentry->inode;
	struct file *f;
	int err, acc = acc_mask(flags);

	if (!created) {
		err = may_open(p, i, &flags, acc);
		if (!err)
			err = inode_permission(i, acc | MAY_OPEN);
		if (err)
			goto put_path;
	}
	err = file_alloc((u32)(flags & ~(u64)(O_CLOEXEC)), i->fops, &f);
	if (err)
		goto put_path;
	f->mode = open_mode(flags) | FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	f->path = *p;
	f->inode = i;
	f->cache = i->cache;
	if (S_ISREG(i->mode) || S_ISDIR(i->mode))
		f->mode |= FMODE_POS;
	if ((f->mode & FMODE_WRITE) && S_ISREG(i->mode)) {
		err = inode_get_writer(i);
		if (err)
			goto put_file;
		f->mode |= FMODE_WRITER;
		__atomic_fetch_add(&p->mnt->writers, 1, __ATOMIC_RELAXED);
	}
	if (unlikely(!f->ops)) {
		err = -ENXIO;
		f->ops = &file_dead_ops;
		goto put_file;
	}
	if (f->ops->open) {
		err = f->ops->open(i, f);
		if (err) {
			f->ops = &file_dead_ops; /* its release does not run */
			goto put_file;
		}
	}
	if (!f->ops->lseek || f->ops->lseek == no_lseek)
		f->mode &= ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
	err = -EINVAL;
	if (flags & O_DIRECT)
		goto put_file;
	if ((flags & O_TRUNC) && S_ISREG(i->mode) && !created) {
		err = vfs_truncate(f, NULL, 0);
		if (err)
			goto put_file;
	}
	f->flags &= ~(u32)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC);
	notify_file(f, IN_OPEN);
	*out = f;
	return 0;
put_file:
	file_put_now(f);
	return err;
put_path:
	path_put(p);
	return err;
}

/* O_PATH: a place, nothing more. */
static int finish_path(struct path *p, u64 flags, struct file **out)
{
	struct file *f;
	int err =
		file_alloc((u32)(flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW)), &file_dead_ops, &f);

	if (err) {
		path_put(p);
		return err;
	}
	f->mode = FMODE_PATH;
	f->path = *p;
	f->inode = p->dentry->inode;
	*out = f;
	return 0;
}

static int open_tmpfile(struct path *dir, const struct open_how_k *how, struct file **out)
{
	struct inode *di = dir->dentry->inode, *i;
	char name[24];
	struct qstr q = {name, 0, 0};
	struct path p;
	int err;

	err = inode_permission(di, MAY_WRITE | MAY_EXEC);
	if (!err && !di->ops->tmpfile)
		err = -EOPNOTSUPP;
	if (!err)
		err = mount_may_write(dir);
	if (err)
		goto put_dir;
	rwsem_write_lock(&di->lock);
	err = di->ops->tmpfile(di, &i, vfs_create_mode(di, (umode_t)how->mode));
	if (!err) {
		q.len = (u32)snprintf(name, sizeof(name), "#%llu", (unsigned long long)i->ino);
		err = dentry_alloc(dir->dentry, &q, &p.dentry);
		if (err)
			inode_put(i);
		else
			dentry_set_inode_nameless(p.dentry, i);
	}
	rwsem_write_unlock(&di->lock);
	if (err)
		goto put_dir;
	if (!(how->flags & O_EXCL))
		i->flags |= INODE_LINKABLE;
	p.mnt = mount_get(dir->mnt);
	err = finish_open(&p, how->flags, true, out);
put_dir:
	path_put(dir);
	return err;
}

/*
 * The last component of an open with O_CREAT, in nd->path (a directory).  1: created, 0: there;
 * then nd->path is it; a link to follow leaves *body.
 */
static int create_last(struct nameidata *nd, const struct open_how_k *how, const char **body,
		       const char **body_end)
{
	struct qstr q = {nd->last, nd->last_len, nd->last_hash};
	struct dentry *dir = nd->path.dentry, *d;
	struct inode *di = dir->inode;
	int err;

	*body = NULL;
	if (nd->last_type != LAST_NORM)
		return -EISDIR;
	if (nd->last_slash)
		return -EISDIR;
	if (!(how->flags & O_EXCL)) {
		d = dentry_find(dir, &q);
		if (d && d->inode && !(d->flags & DENTRY_REVALIDATE)) {
			dentry_put(d);
			err = nd_step_last(nd, body, body_end);
			if (err != -ENOENT)
				return err;
		} else {
			dentry_put(d);
		}
	}
	rwsem_write_lock(&di->lock);
	err = vfs_lookup_child(dir, &q, true, &d);
	if (err)
		goto unlock;
	if (!d->inode) {
		err = mount_may_write(&nd->path);
		if (!err)
			err = vfs_create_at(di, d, vfs_create_mode(di, (umode_t)how->mode),
					    how->flags & O_EXCL);
		if (err) {
			dentry_put(d);
			goto unlock;
		}
		notify_name(di, IN_CREATE, &d->name, d->inode);
		rwsem_write_unlock(&di->lock);
		dentry_put(nd->path.dentry);
		nd->path.dentry = d;
		nd->inode = d->inode;
		return 1;
	}
	dentry_put(d);
	rwsem_write_unlock(&di->lock);
	if (how->flags & O_EXCL)
		return -EEXIST;
	return nd_step_last(nd, body, body_end);
unlock:
	rwsem_write_unlock(&di->lock);
	return err;
}

static int open_create(struct nameidata *nd, const struct open_how_k *how, struct file **out)
{
	const char *body, *body_end;
	struct path p;
	umode_t dir_mode;
	u32 dir_uid;
	int err = nd_walk_parent(nd);

	if (err)
		return err;
	for (;;) {
		dir_mode = nd->inode->mode;
		dir_uid = nd->inode->uid;
		err = create_last(nd, how, &body, &body_end);
		if (err < 0 || !body)
			break;
		err = nd_continue(nd, body, body_end);
		if (err)
			break;
		if (!S_ISDIR(nd->inode->mode)) {
			err = -ENOTDIR;
			break;
		}
	}
	if (!err && !S_ISDIR(nd->inode->mode))
		err = may_open_in_sticky(dir_mode, dir_uid, nd->inode);
	p = nd->path;
	nd_end(nd);
	if (err < 0) {
		path_put(&p);
		return err;
	}
	return finish_open(&p, how->flags, err == 1, out);
}

int vfs_place_file(struct path *p, struct file **out)
{
	return finish_path(p, O_PATH, out);
}

int vfs_do_open(int dfd, const struct path *base, const char *name, size_t len,
		const struct open_how_k *how, struct file **out)
{
	struct nameidata nd __uninit;
	struct path p;
	int err;

	nd_init(&nd, dfd, base, name, len, how->lookup);
	if (unlikely(how->flags & O_CREAT))
		return open_create(&nd, how, out);
	err = nd_walk(&nd);
	if (err)
		return err;
	p = nd.path;
	nd_end(&nd);
	if (unlikely(how->flags & (O_PATH | __O_TMPFILE)))
		return how->flags & O_PATH ? finish_path(&p, how->flags, out)
					   : open_tmpfile(&p, how, out);
	return finish_open(&p, how->flags, false, out);
}

/* ---- for the kernel ---- */

static u64 kernel_flags(int flags)
{
	return (u64)(u32)flags & OPEN_VALID;
}

int vfs_open(const char *path, int flags, umode_t mode, struct file **out)
{
	struct open_how_k how;
	int err = open_check_flags(kernel_flags(flags) | O_LARGEFILE, flags & O_CREAT ? mode : 0,
				   &how);

	return err ? err : vfs_do_open(AT_FDCWD, NULL, path, strlen(path), &how, out);
}

int vfs_open_path(const struct path *p, int flags, struct file **out)
{
	struct path copy = path_get(p);

	if (flags & O_PATH)
		return vfs_place_file(&copy, out);
	return finish_open(&copy, kernel_flags(flags) | O_LARGEFILE, false, out);
}

int vfs_open_path_fd(const struct path *p, int flags)
{
	struct file *f;
	int fd, err = vfs_open_path(p, flags & ~O_CLOEXEC, &f);

	if (err)
		return err;
	err = fd_install_new(f, (u32)flags & O_CLOEXEC, &fd);
	if (err)
		file_put(f);
	return err ? err : fd;
}

int vfs_open_exec(int dfd, const char *path, int at_flags, struct file **out)
{
	struct open_how_k how = {.flags = O_RDONLY | O_LARGEFILE, .lookup = LOOKUP_FOLLOW};
	struct file *f;
	int err;

	if (at_flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	if (at_flags & AT_SYMLINK_NOFOLLOW)
		how.lookup = 0;
	if (!*path && !(at_flags & AT_EMPTY_PATH))
		return -ENOENT;
	/* Execution needs x, not r. */
	struct path p;
	err = path_lookup(dfd, path, how.lookup | (*path ? 0 : LOOKUP_EMPTY), &p);
	if (err)
		return err;
	err = -ELOOP;
	if (S_ISLNK(p.dentry->inode->mode))
		goto put;
	err = -EACCES;
	if (!S_ISREG(p.dentry->inode->mode) || (p.mnt->flags & MNT_NOEXEC))
		goto put;
	err = inode_permission(p.dentry->inode, MAY_EXEC | MAY_OPEN);
	if (err)
		goto put;
	err = finish_open(&p, how.flags, true, &f);
	if (err)
		return err;
	f->mode |= FMODE_EXEC;
	err = vfs_deny_write(f);
	if (err) {
		file_put_now(f);
		return err;
	}
	*out = f;
	return 0;
put:
	path_put(&p);
	return err;
}

/* ---- system calls ---- */

static long do_sys_open(int dfd, const char __user *uname, const struct open_how_k *how)
{
	struct pathname pn __uninit;
	struct file *f;
	int fd, err = pathname_get(&pn, uname, false);

	if (err)
		return err;
	err = fd_reserve(0, how->flags & O_CLOEXEC, &fd);
	if (!err) {
		err = vfs_do_open(dfd, NULL, pn.text, pn.len, how, &f);
		if (err)
			fd_unreserve(fd);
		else
			fd_install(fd, f);
	}
	pathname_put(&pn);
	return err ? err : fd;
}

static long open_common(int dfd, const char __user *name, int uflags, unsigned int mode)
{
	struct open_how_k how;
	u64 flags = ((u64)(u32)uflags & OPEN_VALID) | O_LARGEFILE;
	int err;

	/* The old calls drop what they do not know. */
	if (flags & O_PATH)
		flags &= O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
	if ((flags & __O_TMPFILE) && !(flags & O_DIRECTORY))
		return -EINVAL;
	err = open_check_flags(flags, flags & (O_CREAT | __O_TMPFILE) ? mode & 07777 : 0, &how);
	return err ? err : do_sys_open(dfd, name, &how);
}

long sys_open(const char __user *path, int flags, unsigned int mode)
{
	return open_common(AT_FDCWD, path, flags, mode);
}

long sys_openat(int dfd, const char __user *path, int flags, unsigned int mode)
{
	return open_common(dfd, path, flags, mode);
}

long sys_creat(const char __user *path, unsigned int mode)
{
	return open_common(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

long sys_openat2(int dfd, const char __user *path, const struct open_how __user *uhow, size_t size)
{
	struct open_how how;
	struct open_how_k k;
	int err;

	if (size < sizeof(how))
		return -EINVAL;
	err = copy_struct_from_user(&how, sizeof(how), uhow, size);
	if (err)
		return err;
	if (how.resolve & ~(u64)(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
				 RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED))
		return -EINVAL;
	if ((how.resolve & RESOLVE_BENEATH) && (how.resolve & RESOLVE_IN_ROOT))
		return -EINVAL;
	err = open_check_flags(how.flags | (how.flags & O_PATH ? 0 : O_LARGEFILE), how.mode, &k);
	if (err)
		return err;
	if (how.resolve & RESOLVE_NO_XDEV)
		k.lookup |= LOOKUP_NO_XDEV;
	if (how.resolve & RESOLVE_NO_MAGICLINKS)
		k.lookup |= LOOKUP_NO_MAGICLINKS;
	if (how.resolve & RESOLVE_NO_SYMLINKS)
		k.lookup |= LOOKUP_NO_SYMLINKS;
	if (how.resolve & RESOLVE_BENEATH)
		k.lookup |= LOOKUP_BENEATH;
	if (how.resolve & RESOLVE_IN_ROOT)
		k.lookup |= LOOKUP_IN_ROOT;
	if (how.resolve & RESOLVE_CACHED) {
		if (how.flags & (O_TRUNC | O_CREAT | __O_TMPFILE))
			return -EAGAIN;
		k.lookup |= LOOKUP_CACHED;
	}
	return do_sys_open(dfd, path, &k);
}
