/* /dev/port: the I/O ports of x86, one byte at a time; the position is the port (mem(4)). */
#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/device/device.h>
#include <kernel/file/file.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <asm/io.h>

#define PORTS 65536

static int port_open(struct inode *inode, struct file *f)
{
	(void)inode;
	(void)f;
	return capable(CAP_SYS_RAWIO) ? 0 : -EPERM;
}

static ssize_t port_read(struct file *f, struct uio *u, loff_t *pos)
{
	ssize_t done = 0;

	(void)f;
	for (; u->left && *pos >= 0 && *pos < PORTS; done++) {
		u8 v = inb((u16)*pos);

		if (!uio_copy_to(u, &v, 1))
			return done ? done : -EFAULT;
		++*pos;
	}
	return done;
}

static ssize_t port_write(struct file *f, struct uio *u, loff_t *pos)
{
	ssize_t done = 0;
	u8 v;

	(void)f;
	for (; u->left && *pos >= 0 && *pos < PORTS; done++) {
		if (!uio_copy_from(u, &v, 1))
			return done ? done : -EFAULT;
		outb(v, (u16)*pos);
		++*pos;
	}
	return done;
}

static int port_lseek(struct file *f, loff_t off, int whence, loff_t *out)
{
	if (whence == 1)
		off += f->pos;
	else if (whence != 0)
		return -EINVAL;
	if (off < 0)
		return -EINVAL;
	*out = f->pos = off;
	return 0;
}

static const struct file_ops port_ops = {
	.read = port_read,
	.write = port_write,
	.lseek = port_lseek,
	.open = port_open,
};

static struct device port = {
	.name = "port",
	.driver = "mem",
	.class_name = "mem",
	.kind = DEVICE_CHAR,
	.major = 1,
	.minor = 4,
	.count = 1,
	.mode = 0640,
	.ops = &port_ops,
};
DEVICE(port);
