/*
 * /dev/dma_heap/NAME: buffers for who has no driver of his own.  "system" gives ordinary memory,
 * the others what kernel/cma has set aside, contiguously.
 */
#include "heap_impl.h"

#include <asm/page.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cma/cma.h>
#include <kernel/device/device.h>
#include <kernel/file/file.h>
#include <kernel/printk/printk.h>
#include <kernel/slab/slab.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <linux/dma-heap.h>

#define HEAP_MAJOR 251 /* of those that Linux gives out as it goes */
#define HEAPS_MAX 16u

static struct heap heaps[HEAPS_MAX];

static int heap_open(struct inode *inode, struct file *f)
{
	f->private_data = &heaps[vfs_minor(inode->rdev)];
	return 0;
}

static int allocate(const struct heap *h, struct dma_heap_allocation_data *d, struct file **out)
{
	u64 len = (d->len + PAGE_SIZE - 1) & PAGE_MASK;

	if (d->fd || d->fd_flags & ~(u32)DMA_HEAP_VALID_FD_FLAGS ||
	    d->heap_flags & ~(u64)DMA_HEAP_VALID_HEAP_FLAGS || !len)
		return -EINVAL;
	return heap_buffer(h, len >> PAGE_SHIFT, d->fd_flags, out);
}

/*
 * Programs may know a shorter or a longer structure: by its number alone the call is known.  The
 * descriptor is reserved before it is told, so that nothing fails afterwards.
 */
static long heap_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct dma_heap_allocation_data d = {0};
	size_t size = min_t(size_t, _IOC_SIZE(cmd), sizeof(d));
	size_t in = _IOC_DIR(cmd) & _IOC_WRITE ? size : 0;
	size_t out = _IOC_DIR(cmd) & _IOC_READ ? size : 0;
	struct file *buffer;
	int fd, err;

	if (_IOC_NR(cmd) != _IOC_NR(DMA_HEAP_IOCTL_ALLOC))
		return -EINVAL;
	if (in && copy_from_user(&d, (void __user *)arg, in))
		return -EFAULT;
	err = allocate(f->private_data, &d, &buffer);
	if (err)
		return err;
	err = fd_reserve(0, d.fd_flags & O_CLOEXEC, &fd);
	if (!err) {
		d.fd = (u32)fd;
		if (!out || !copy_to_user((void __user *)arg, &d, out)) {
			fd_install(fd, buffer);
			return 0;
		}
		fd_unreserve(fd);
		err = -EFAULT;
	}
	file_put(buffer);
	return err;
}

static const struct file_ops heap_ops = {
	.open = heap_open,
	.ioctl = heap_ioctl,
	.lseek = no_lseek,
};

static void add_heap(unsigned int i, const char *name, struct cma *region)
{
	struct device *d = kzalloc(sizeof(*d));
	size_t size = sizeof("dma_heap/") + strlen(name);
	char *path = kmalloc(size);

	if (!d || !path)
		goto failed;
	(void)snprintf(path, size, "dma_heap/%s", name);
	heaps[i] = (struct heap){path + sizeof("dma_heap/") - 1, region};
	*d = (struct device){
		.name = path,
		.driver = "dma_heap",
		.class_name = "dma_heap",
		.kind = DEVICE_CHAR,
		.major = HEAP_MAJOR,
		.minor = i,
		.count = 1,
		.mode = 0600,
		.ops = &heap_ops,
	};
	if (!device_register(d))
		return;
failed:
	pr_err("dma_heap: no heap %s\n", name);
	kfree(d);
	kfree(path);
}

static void heaps_init(void)
{
	unsigned int n = 0;
	struct cma *c;

	add_heap(n++, "system", NULL);
	for (unsigned int i = 0; n < HEAPS_MAX && (c = cma_at(i)); i++) {
		struct cma_info info;

		cma_info(c, &info);
		if (strcmp(info.name, "system"))
			add_heap(n++, info.name, c);
	}
}
INITCALL(heaps_init);
