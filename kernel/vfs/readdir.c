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

/* Where both have what the next record and the user's memory decide. */
#define OFF_AT offsetof(struct dirent64, off)
#define RECLEN_AT offsetof(struct dirent64, reclen)
_Static_assert(offsetof(struct dirent_old, off) == OFF_AT, "one layout");
_Static_assert(offsetof(struct dirent_old, reclen) == RECLEN_AT, "one layout");

struct getdents {
	struct dir_context ctx;
	char __user *ubuf;
	size_t left, piece_len;
	char *last;    /* record in the piece whose offset is not known yet, or NULL */
	size_t done;   /* bytes that have reached the user */
	loff_t resume; /* position behind them */
	int err;
	char piece[PIECE] __aligned(8);
};

/* The offset of a record is the position of the next. */
static void end_record(struct getdents *g)
{
	if (g->last)
		*(s64 *)(g->last + OFF_AT) = g->ctx.pos;
	g->last = NULL;
}

static bool deliver(struct getdents *g, const char *from, size_t len, loff_t next)
{
	if (copy_to_user(g->ubuf, from, len))
		return false;
	g->ubuf += len;
	g->done += len;
	g->resume = next;
	return true;
}

/* Records are whole: where memory ends in the piece, those before it are the answer. */
static int flush(struct getdents *g)
{
	const char *at = g->piece, *end = g->piece + g->piece_len;

	end_record(g);
	g->piece_len = 0;
	if (at == end || deliver(g, at, (size_t)(end - at), g->ctx.pos))
		return 0;
	while (at < end &&
	       deliver(g, at, *(const u16 *)(at + RECLEN_AT), *(const s64 *)(at + OFF_AT)))
		at += *(const u16 *)(at + RECLEN_AT);
	return at < end ? -EFAULT : 0;
}

/* Place for a record, or NULL: then err says whether the user's buffer is full (-EINVAL: even for
 * the first). */
static void *record(struct getdents *g, size_t reclen)
{
	char *p;

	end_record(g);
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
	g->last = p;
	return p;
}

static bool emit64(struct dir_context *ctx, const char *name, u32 len, u64 ino, u8 type)
{
	struct getdents *g = container_of(ctx, struct getdents, ctx);
	size_t reclen = ALIGN(offsetof(struct dirent64, name) + len + 1, 8ul);
	struct dirent64 *d = record(g, reclen);

	if (!d)
		return false;
	/* Pad bytes are the user's to see. */
	*(u64 *)((char *)d + reclen - 8) = 0;
	d->ino = ino;
	d->reclen = (u16)reclen;
	d->type = type;
	memcpy(d->name, name, len);
	d->name[len] = 0;
	return true;
}

static bool emit_old(struct dir_context *ctx, const char *name, u32 len, u64 ino, u8 type)
{
	struct getdents *g = container_of(ctx, struct getdents, ctx);
	size_t reclen = ALIGN(offsetof(struct dirent_old, name) + len + 2, 8ul);
	struct dirent_old *d = record(g, reclen);

	if (!d)
		return false;
	memset(d, 0, reclen);
	d->ino = ino;
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
	g.piece_len = 0;
	g.last = NULL;
	g.done = 0;
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
	if (g.err != -EFAULT && flush(&g))
		g.err = -EFAULT;
	if (!ret)
		ret = g.err;
	/* What was delivered counts, whatever came behind it. */
	if (g.done) {
		f->pos = g.resume;
		ret = (long)g.done;
	} else if (!ret) {
		f->pos = g.ctx.pos;
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
