/*
 * One entry of the archive: a directory, file, link or node.
 *
 * File data that starts on a page boundary of the archive is not copied: its frames become the
 * file's folios.  Only the last, partial page is copied, because what follows it in the archive
 * must not show up in a mapping.
 */
#include <fs/initramfs/initramfs_impl.h>

#include <kern/align.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/frame/frame.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/slab/slab.h>
#include <kernel/vfs/vfs.h>
#include <lib/cpio/cpio.h>

struct unpack_link {
	struct hlist_node node;
	u32 archive, ino, dev_major, dev_minor;
	char path[];
};

static struct hlist_head *link_bucket(struct unpack *u, const struct cpio_entry *e)
{
	return &u->links[(e->ino ^ e->dev_minor ^ e->archive) % UNPACK_LINK_BUCKETS];
}

static struct unpack_link *link_find(struct unpack *u, const struct cpio_entry *e)
{
	struct unpack_link *l;

	hlist_for_each_entry (l, link_bucket(u, e), node)
		if (l->ino == e->ino && l->archive == e->archive && l->dev_major == e->dev_major &&
		    l->dev_minor == e->dev_minor)
			return l;
	return NULL;
}

static int link_remember(struct unpack *u, const struct cpio_entry *e, const char *path)
{
	size_t len = strlen(path) + 1;
	struct unpack_link *l = kmalloc(sizeof(*l) + len);

	if (!l)
		return -ENOMEM;
	l->archive = e->archive;
	l->ino = e->ino;
	l->dev_major = e->dev_major;
	l->dev_minor = e->dev_minor;
	memcpy(l->path, path, len);
	hlist_add_head(&l->node, link_bucket(u, e));
	return 0;
}

void unpack_forget_links(struct unpack *u)
{
	for (unsigned int i = 0; i < UNPACK_LINK_BUCKETS; i++) {
		while (!hlist_empty(&u->links[i])) {
			struct unpack_link *l =
				hlist_entry(u->links[i].first, struct unpack_link, node);

			hlist_del(&l->node);
			kfree(l);
		}
	}
}

/* ---- contents ---- */

/* Adopts whole pages from the start of the data; returns bytes taken over. */
static size_t adopt_pages(struct unpack *u, struct file *f, const struct cpio_entry *e)
{
	size_t done = 0;

	if (!u->in_place || !f->cache || !IS_ALIGNED((unsigned long)e->data, PAGE_SIZE))
		return 0;
	for (; done + PAGE_SIZE <= e->data_size; done += PAGE_SIZE) {
		struct frame *frame = virt_to_frame((const u8 *)e->data + done);

		if (pagecache_adopt(f->cache, done >> PAGE_SHIFT, frame))
			break;
		u->adopted_pages++;
	}
	if (done) {
		inode_set_size(f->inode, (loff_t)done);
		f->inode->blocks += done / 512;
	}
	return done;
}

static int write_contents(struct unpack *u, struct file *f, const struct cpio_entry *e)
{
	size_t done = adopt_pages(u, f, e);

	while (done < e->data_size) {
		ssize_t n = vfs_write_kernel(f, (const u8 *)e->data + done, e->data_size - done,
					     (loff_t)done);

		if (n < 0)
			return (int)n;
		if (!n)
			return -ENOSPC;
		done += (size_t)n;
	}
	return 0;
}

/* ---- attributes ---- */

static int set_attributes(const struct path *p, const struct cpio_entry *e)
{
	struct iattr a = {
		.valid = ATTR_UID | ATTR_GID | ATTR_MTIME | ATTR_MTIME_SET | ATTR_ATIME |
			 ATTR_ATIME_SET,
		.uid = e->uid,
		.gid = e->gid,
		.mode = (umode_t)e->mode,
		.atime = {e->mtime, 0},
		.mtime = {e->mtime, 0},
	};
	int err = vfs_setattr(p->dentry, &a);

	if (err || S_ISLNK(e->mode))
		return err;
	/* After the owner: a change of owner drops set-id bits. */
	a.valid = ATTR_MODE;
	return vfs_setattr(p->dentry, &a);
}

static int set_attributes_by_name(const char *path, const struct cpio_entry *e)
{
	struct path p;
	int err = path_lookup(AT_FDCWD, path, 0, &p);

	if (err)
		return err;
	err = set_attributes(&p, e);
	path_put(&p);
	return err;
}

/* ---- kinds ---- */

static int unpack_regular(struct unpack *u, const char *path, const struct cpio_entry *e)
{
	struct unpack_link *first = e->nlink > 1 ? link_find(u, e) : NULL;
	int flags = O_WRONLY | O_CREAT | O_NOFOLLOW;
	struct file *f;
	int err;

	if (first) {
		err = vfs_link(first->path, path);
		if (err == -EEXIST && !vfs_unlink(path))
			err = vfs_link(first->path, path);
		if (err || !e->data_size)
			return err;
	} else if (e->nlink > 1) {
		err = link_remember(u, e, path);
		if (err)
			return err;
	}
	err = vfs_open(path, flags | O_TRUNC, 0600, &f);
	if (err && !vfs_unlink(path))
		err = vfs_open(path, flags | O_EXCL, 0600, &f);
	if (err)
		return err;
	err = write_contents(u, f, e);
	if (!err)
		err = set_attributes(&f->path, e);
	/* Programs are executed right after: nothing may be open for writing any more. */
	file_put_now(f);
	return err;
}

static int unpack_symlink(const char *path, const struct cpio_entry *e)
{
	char *target;
	int err;

	if (!e->data_size || e->data_size >= PATH_MAX_LEN)
		return -EINVAL;
	target = kmalloc(e->data_size + 1);
	if (!target)
		return -ENOMEM;
	memcpy(target, e->data, e->data_size);
	target[e->data_size] = 0;
	err = vfs_symlink(target, path);
	if (err == -EEXIST && !vfs_unlink(path))
		err = vfs_symlink(target, path);
	kfree(target);
	return err;
}

static int unpack_node(const char *path, const struct cpio_entry *e)
{
	u32 dev = vfs_makedev(e->rdev_major, e->rdev_minor);
	int err = vfs_mknod(path, (umode_t)e->mode, dev);

	if (err == -EEXIST && !vfs_unlink(path))
		err = vfs_mknod(path, (umode_t)e->mode, dev);
	return err;
}

int unpack_entry(struct unpack *u, const struct cpio_entry *e)
{
	const char *path = e->name;
	int err;

	while (*path == '/')
		path++;
	if (!*path || !strcmp(path, "."))
		return S_ISDIR(e->mode) ? set_attributes_by_name(".", e) : 0;
	u->files++;
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		return unpack_regular(u, path, e);
	case S_IFDIR:
		err = vfs_mkdir(path, (umode_t)(e->mode & 07777));
		if (err == -EEXIST)
			err = 0;
		break;
	case S_IFLNK:
		err = unpack_symlink(path, e);
		break;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		err = unpack_node(path, e);
		break;
	default:
		return -EINVAL;
	}
	return err ? err : set_attributes_by_name(path, e);
}
