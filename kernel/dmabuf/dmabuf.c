/*
 * The file of a DMA buffer: mapping, names, and the calls around CPU access.
 *
 * The buffer belongs to its inode, so it lasts as long as a descriptor or a mapping does.  Pages
 * are mapped without references (VM_PFNMAP).  Here all devices see memory as the CPU does: CPU
 * access begins and ends without work, and nobody ever has to wait for a device (poll).
 */
#include <kernel/dmabuf/dmabuf.h>

#include <asm/page.h>
#include <kern/atomic.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/mm/mm.h>
#include <kernel/poll/poll.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/vfs.h>
#include <linux/dma-buf.h>
#include <linux/fs.h>
#include <linux/magic.h>

struct dmabuf {
	const struct dmabuf_ops *ops;
	void *ctx;
	const char *exporter;
	u64 size;
	struct spinlock lock;	     /* LK_SPIN_LEAF */
	char name[DMA_BUF_NAME_LEN]; /* lock; empty: none */
};

static struct mount *dmabuf_mount;

static void copy_name(struct dmabuf *b, char *to)
{
	spin_lock(&b->lock);
	memcpy(to, b->name, DMA_BUF_NAME_LEN);
	spin_unlock(&b->lock);
}

static int dmabuf_text(struct dentry *d, char *buf, size_t size)
{
	char name[DMA_BUF_NAME_LEN];

	copy_name(d->inode->fs_data, name);
	int n = scnprintf(buf, size, "/dmabuf:%s", name);

	return (size_t)n + 1 >= size ? -ENAMETOOLONG : n;
}

/* Only the size can be asked for. */
static int dmabuf_lseek(struct file *f, loff_t off, int whence, loff_t *out)
{
	const struct dmabuf *b = f->private_data;

	if (off || (whence != SEEK_SET && whence != SEEK_END))
		return -EINVAL;
	*out = whence == SEEK_END ? (loff_t)b->size : 0;
	return 0;
}

static int dmabuf_fault(struct vma_fault *vf)
{
	const struct dmabuf *b = vf->vma->private_data;

	if (vf->index >= b->size >> PAGE_SHIFT)
		return -ENXIO;
	vf->pfn = b->ops->pfn(b->ctx, vf->index);
	return 0;
}

static int dmabuf_mmap(struct file *f, struct vma *v)
{
	static const struct vma_ops ops = {.fault = dmabuf_fault};
	struct dmabuf *b = f->private_data;
	u64 pages = (v->end - v->start) >> PAGE_SHIFT, all = b->size >> PAGE_SHIFT;

	if (!(v->flags & VM_MAYSHARE) || v->pgoff > all || pages > all - v->pgoff)
		return -EINVAL;
	v->flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
	v->ops = &ops;
	v->private_data = b;
	return 0;
}

static u32 dmabuf_poll(struct file *f, struct poll_table *pt)
{
	(void)f;
	(void)pt;
	return EPOLLIN | EPOLLOUT;
}

static long sync_access(const struct dma_buf_sync __user *arg)
{
	struct dma_buf_sync s;

	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	if (s.flags & ~(u64)DMA_BUF_SYNC_VALID_FLAGS_MASK || !(s.flags & DMA_BUF_SYNC_RW))
		return -EINVAL;
	return 0;
}

static long set_name(struct dmabuf *b, const char __user *arg)
{
	char name[DMA_BUF_NAME_LEN] = "";
	ssize_t n = strncpy_from_user(name, arg, sizeof(name));

	if (n < 0)
		return n;
	if ((size_t)n == sizeof(name))
		return -EINVAL;
	spin_lock(&b->lock);
	memcpy(b->name, name, sizeof(name));
	spin_unlock(&b->lock);
	return 0;
}

static long dmabuf_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case DMA_BUF_IOCTL_SYNC:
		return sync_access((const struct dma_buf_sync __user *)arg);
	case DMA_BUF_SET_NAME_A:
	case DMA_BUF_SET_NAME_B:
		return set_name(f->private_data, (const char __user *)arg);
	}
	return -ENOIOCTLCMD;
}

static void dmabuf_fdinfo(struct file *f, struct seq *s)
{
	struct dmabuf *b = f->private_data;
	char name[DMA_BUF_NAME_LEN];

	copy_name(b, name);
	/* Without the reference of who reads this. */
	seq_printf(s, "size:\t%llu\ncount:\t%d\nexp_name:\t%s\n", (unsigned long long)b->size,
		   (int)READ_ONCE(f->refs) - 1, b->exporter);
	if (*name)
		seq_printf(s, "name:\t%s\n", name);
}

/* By a path of /proc: only dmabuf_create() makes files. */
static int dmabuf_open(struct inode *i, struct file *f)
{
	(void)i;
	(void)f;
	return -ENXIO;
}

static const struct file_ops dmabuf_file_ops = {
	.open = dmabuf_open,
	.lseek = dmabuf_lseek,
	.mmap = dmabuf_mmap,
	.poll = dmabuf_poll,
	.ioctl = dmabuf_ioctl,
	.fdinfo = dmabuf_fdinfo,
};
static const struct inode_ops dmabuf_inode_ops;
static const struct dentry_ops dmabuf_dentry_ops = {.name = dmabuf_text};

static void dmabuf_evict(struct inode *i)
{
	struct dmabuf *b = i->fs_data;

	if (!b)
		return;
	b->ops->release(b->ctx);
	kfree(b);
}

static int new_inode(struct dmabuf *b, struct inode **out)
{
	struct inode *i;
	int err = inode_alloc(dmabuf_mount->super, &i);

	if (err)
		return err;
	i->mode = 0600; /* of no type, as on Linux */
	i->nlink = 1;
	i->ino = inode_next_ino();
	i->ops = &dmabuf_inode_ops;
	i->fops = &dmabuf_file_ops;
	i->fs_data = b;
	inode_set_size(i, (loff_t)b->size);
	*out = i;
	return 0;
}

int dmabuf_create(const struct dmabuf_ops *ops, void *ctx, const char *exporter, u64 size,
		  u32 flags, struct file **out)
{
	struct dmabuf *b = dmabuf_mount ? kzalloc(sizeof(*b)) : NULL;
	struct inode *i;

	if (!b)
		return -ENOMEM;
	b->ops = ops;
	b->ctx = ctx;
	b->exporter = exporter;
	b->size = size;
	spin_init(&b->lock, LK_SPIN_LEAF);
	int err = new_inode(b, &i);

	if (err) {
		kfree(b);
		return err;
	}
	inode_get(i);
	err = vfs_nameless_file(dmabuf_mount, "dmabuf", i, flags, out);
	if (err) {
		i->fs_data = NULL;
		kfree(b);
		inode_put(i);
		return err;
	}
	inode_put(i);
	struct file *f = *out;

	f->private_data = b;
	f->mode = FMODE_LSEEK;
	if ((flags & O_ACCMODE) != O_WRONLY)
		f->mode |= FMODE_READ;
	if ((flags & O_ACCMODE) != O_RDONLY)
		f->mode |= FMODE_WRITE;
	return 0;
}

static const struct super_ops dmabuf_super_ops = {.evict = dmabuf_evict};
static const struct fs_type dmabuf_type = {.name = "dmabuf", .flags = FS_NODEV};

static void dmabuf_init(void)
{
	if (vfs_pseudo_mount(&dmabuf_type, DMA_BUF_MAGIC, S_IFDIR | 0755, &dmabuf_super_ops,
			     &dmabuf_dentry_ops, &dmabuf_mount))
		dmabuf_mount = NULL;
}
INITCALL(dmabuf_init);
