/*
 * getdents(2): entries are laid out in a buffer on the stack and copied to the user piece by piece.
 */
#include <kernel/notify/notify.h>
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/vfs_impl.h>
#include <linux/inotify.h>

#define PIECE 1024u

/* The kernel's struct linux_dirent and linux_dirent64, see getdents(2). */
struct dirent_old {
	unsigned long ino, off;
	u16 reclen;
	char name[]; /* then a pad byte and the type at the end of the record */
};

struct dirent64 {
	u64 ino;
	s64 off;
	u16 reclen;
	u8 type;
	char name[];
} __packed __aligned(8);

struct getdents {
	struct dir_context ctx;
	char __user *ubuf;
	size_t left, piece_len;
	int err;
	char piece[PIECE] __aligned(8);
};

static int flush(struct getdents *g)
{
	if (g->piece_len && copy_to_user(g->ubuf, g->piece, g->piece_len))
		return -EFAULT;
	g->ubuf += g->piece_len;
	g->piece_len = 0;
	return 0;
}

/* Place for a record, or NULL: then err says whether the user's buffer is full (-EINVAL: even for
 * the first). */
static void *record(struct getdents *g, size_t reclen)
{
	void *p;

	if (reclen > g->left) {
		g->err = -EINVAL;
		return NULL;
	}
	if (g->piece_len + reclen > PIECE) {
		g->err = flush(g);
		if (g->err)
			return NULL;
	}
	p = g->piece + g->piece_len;
	g->piece_len += reclen;
	g->left -= reclen;
	return p;
}

static bool emit64(struct dir_context *ctx, const char *name, u32 len, u64 off, u64 ino, u8 type)
{
	struct getdents *g = container_of(ctx, struct getdents, ctx);
	size_t reclen = ALIGN(offsetof(struct dirent64, name) + len + 1, 8ul);
	struct dirent64 *d = record(g, reclen);

	if (!d)
		return false;
	/* Pad bytes are the user's to see. */
	*(u64 *)((char *)d + reclen - 8) = 0;
	d->ino = ino;
	d->off = (s64)off;
	d->reclen = (u16)reclen;
	d->type = type;
	memcpy(d->name, name, len);
	d->name[len] = 0;
	return true;
}

static bool emit_old(struct dir_context *ctx, const char *name, u32 len, u64 off, u64 ino, u8 type)
{
	struct getdents *g = container_of(ctx, struct getdents, ctx);
	size_t reclen = ALIGN(offsetof(struct dirent_old, name) + len + 2, 8ul);
	struct dirent_old *d = record(g, reclen);

	if (!d)
		return false;
	memset(d, 0, reclen);
	d->ino = ino;
	d->off = off;
	d->reclen = (u16)reclen;
	memcpy(d->name, name, len);
	((char *)d)[reclen - 1] = (char)type;
	return true;
}

static long getdents_common(int fd, void __user *buf, unsigned int count, bool is64)
{
	struct fd_ref r = fd_get_pos((unsigned int)fd);
	struct getdents g __uninit;
	struct file *f = r.file;
	struct inode *i;
	long ret;

	if (!f)
		return -EBADF;
	ret = -ENOTDIR;
	if (!f->ops->readdir)
		goto out;
	g.ctx.emit = is64 ? emit64 : emit_old;
	g.ctx.pos = f->pos;
	g.ubuf = buf;
	g.left = min_t(size_t, count, INT_MAX);
	count = (unsigned int)g.left;
	g.piece_len = 0;
	g.err = 0;
	i = f->inode;
	ret = rwsem_read_lock_killable(&i->lock);
	if (ret)
		goto out;
	ret = i->flags & INODE_DEAD ? -ENOENT : f->ops->readdir(f, &g.ctx);
	rwsem_read_unlock(&i->lock);
	inode_access(&f->path);
	if (!ret)
		notify_file(f, IN_ACCESS);
	if (!ret && g.left == count && g.err)
		ret = g.err;
	if (!ret && g.err != -EFAULT)
		ret = flush(&g);
	else if (!ret)
		ret = -EFAULT;
	if (!ret) {
		f->pos = g.ctx.pos;
		ret = (long)(count - g.left);
	}
out:
	fd_put(r);
	return ret;
}

long sys_getdents64(int fd, void __user *buf, unsigned int count)
{
	return getdents_common(fd, buf, count, true);
}

long sys_getdents(int fd, void __user *buf, unsigned int count)
{
	return getdents_common(fd, buf, count, false);
}
