/*
 * /dev/udmabuf: a DMA buffer made of pages of sealed memory files.
 *
 * The pages are pinned for as long as the buffer exists: they leave contiguous regions first.
 * F_SEAL_SHRINK keeps them in the file; F_SEAL_WRITE would be broken by a device, so it is refused.
 */
#include <asm/current.h>
#include <asm/page.h>
#include <kern/errno.h>
#include <kernel/boot/boot.h>
#include <kernel/device/device.h>
#include <kernel/dmabuf/dmabuf.h>
#include <kernel/file/file.h>
#include <kernel/frame/frame.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <linux/fcntl.h>
#include <linux/udmabuf.h>

#define LIST_LIMIT 1024u		      /* items */
#define SIZE_LIMIT (64ul << 20 >> PAGE_SHIFT) /* pages, of all items */
#define UDMABUF_MINOR 124

struct pinned {
	u64 pages;
	u32 files;
	struct file **file; /* behind the frames: each is counted as a writer of its file */
	struct frame *frame[];
};

static u64 pinned_pfn(void *ctx, u64 index)
{
	return frame_to_pfn(((struct pinned *)ctx)->frame[index]);
}

static void pinned_release(void *ctx)
{
	struct pinned *p = ctx;

	while (p->pages)
		frame_put(frame_head(p->frame[--p->pages]));
	while (p->files) {
		struct file *f = p->file[--p->files];

		pagecache_uncount_writer(f->cache);
		file_put(f);
	}
	kvfree(p);
}

static const struct dmabuf_ops pinned_ops = {.pfn = pinned_pfn, .release = pinned_release};

static int pin_page(struct pagecache *pc, u64 index, struct frame **out)
{
	for (;;) {
		struct folio *folio;
		int err = pagecache_get(pc, index, true, &folio);

		if (err)
			return err;
		struct frame *head = folio->frame;

		*out = folio_frame(folio, index);
		if (!(head->flags & FRAME_F_CMA))
			return 0;
		folio_put(folio);
		err = pagecache_move_out(head);
		if (err)
			return err == -EAGAIN ? -EBUSY : err;
	}
}

/* The file may give pages: of memory, sealed against shrinking and not against writing. */
static int judge_file(struct file *f)
{
	const struct super_ops *ops = f->inode->super->ops;

	if (!(f->cache->flags & PAGECACHE_MEMORY) || !ops->seals)
		return -EBADFD;
	long seals = ops->seals(f, F_GET_SEALS, 0);

	if (seals < 0)
		return -EBADFD;
	return (seals & (F_SEAL_SHRINK | F_SEAL_WRITE)) == F_SEAL_SHRINK ? 0 : -EINVAL;
}

static int pin_item(struct pinned *p, const struct udmabuf_create_item *item)
{
	struct file *f = fd_file(item->memfd);
	u64 pages = item->size >> PAGE_SHIFT, first = item->offset >> PAGE_SHIFT;

	if (!f)
		return -EBADFD;
	/* The count first: what a seal says then stays so. */
	int err = !f->cache ? -EBADFD : pagecache_count_writer(f->cache) ? 0 : -EINVAL;

	if (err) {
		file_put(f);
		return err;
	}
	p->file[p->files++] = f;
	err = judge_file(f);
	if (!err && first + pages > ((u64)inode_size(f->inode) + PAGE_SIZE - 1) >> PAGE_SHIFT)
		err = -EINVAL;
	for (u64 i = 0; i < pages && !err; i++) {
		err = pin_page(f->cache, first + i, &p->frame[p->pages]);
		if (!err)
			p->pages++;
		sched_cond_resched();
	}
	return err;
}

static int count_pages(const struct udmabuf_create_item *items, u32 count, u64 *out)
{
	*out = 0;
	for (u32 i = 0; i < count; i++) {
		if (items[i].offset & ~PAGE_MASK || items[i].size & ~PAGE_MASK ||
		    items[i].size > SIZE_LIMIT << PAGE_SHIFT ||
		    items[i].offset > (u64)S64_MAX - items[i].size)
			return -EINVAL;
		*out += items[i].size >> PAGE_SHIFT;
		if (*out > SIZE_LIMIT)
			return -EINVAL;
	}
	return *out ? 0 : -EINVAL;
}

static long create(const struct udmabuf_create_item *items, u32 count, u32 flags)
{
	struct file *f;
	u64 pages;
	int fd, err = count_pages(items, count, &pages);

	if (err)
		return err;
	struct pinned *p = kvmalloc(
		sizeof(*p) + pages * sizeof(p->frame[0]) + count * sizeof(p->file[0]), GFP_USER);

	if (!p)
		return -ENOMEM;
	p->pages = 0;
	p->files = 0;
	p->file = (struct file **)&p->frame[pages];
	for (u32 i = 0; i < count && !err; i++)
		err = pin_item(p, &items[i]);
	if (!err)
		err = dmabuf_create(&pinned_ops, p, "udmabuf", pages << PAGE_SHIFT, O_RDWR, &f);
	if (err) {
		pinned_release(p);
		return err;
	}
	err = fd_install_new(f, flags & UDMABUF_FLAGS_CLOEXEC ? O_CLOEXEC : 0, &fd);
	if (err)
		file_put(f);
	return err ? err : fd;
}

static long create_one(const struct udmabuf_create __user *arg)
{
	struct udmabuf_create c;

	if (copy_from_user(&c, arg, sizeof(c)))
		return -EFAULT;
	struct udmabuf_create_item item = {.memfd = c.memfd, .offset = c.offset, .size = c.size};

	return create(&item, 1, c.flags);
}

static long create_list(const struct udmabuf_create_list __user *arg)
{
	struct udmabuf_create_list head;

	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	if (head.count > LIST_LIMIT)
		return -EINVAL;
	size_t size = head.count * sizeof(struct udmabuf_create_item);
	struct udmabuf_create_item *items = kvmalloc(size + 1, GFP_USER);
	long ret = -EFAULT;

	if (!items)
		return -ENOMEM;
	if (!copy_from_user(items, arg->list, size))
		ret = create(items, head.count, head.flags);
	kvfree(items);
	return ret;
}

static long udmabuf_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	(void)f;
	switch (cmd) {
	case UDMABUF_CREATE:
		return create_one((const struct udmabuf_create __user *)arg);
	case UDMABUF_CREATE_LIST:
		return create_list((const struct udmabuf_create_list __user *)arg);
	}
	return -ENOIOCTLCMD;
}

static const struct file_ops udmabuf_file_ops = {.ioctl = udmabuf_ioctl, .lseek = noop_lseek};

MISC_DEVICE(udmabuf, "udmabuf", NULL, UDMABUF_MINOR, &udmabuf_file_ops);
