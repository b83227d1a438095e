/*
 * Terminals: their life, opening and closing.
 *
 * Serial terminals stay for ever, pseudo terminals go with their last reference.  Every open file
 * has a struct tty_file in the terminal's list, so that a hangup can reach it: from then on the
 * file is dead, but the terminal can be opened anew.
 */
#include <kernel/tty/tty_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/vfs/vfs.h>

#define MAJOR_AUX 5
#define MAJOR_PTS 136

static int (*slave_find)(struct inode *inode, struct tty **out) __ro_after_init;

void tty_set_slave_lookup(int (*find)(struct inode *inode, struct tty **out))
{
	slave_find = find;
}

struct tty *tty_get(struct tty *tty)
{
	__atomic_fetch_add(&tty->refs, 1, __ATOMIC_RELAXED);
	return tty;
}

bool tty_tryget(struct tty *tty)
{
	return ref_tryget(&tty->refs);
}

void tty_put(struct tty *tty)
{
	if (tty && __atomic_sub_fetch(&tty->refs, 1, __ATOMIC_ACQ_REL) == 0 && tty->ops->free)
		tty->ops->free(tty);
}

void tty_setup(struct tty *tty, const struct tty_ops *ops, const struct termios2 *t)
{
	tty->ops = ops;
	tty->refs = 1;
	mutex_init(&tty->lock, LK_TTY);
	mutex_init(&tty->read_lock, LK_TTY);
	mutex_init(&tty->write_lock, LK_TTY);
	spin_init(&tty->spin, LK_IRQ_LEAF);
	ntty_init(&tty->n, t);
	INIT_LIST_HEAD(&tty->files);
	wait_queue_init(&tty->read_wait);
	wait_queue_init(&tty->write_wait);
}

int tty_register(struct tty *tty, const char *driver)
{
	tty->device = (struct device){
		.name = tty->name,
		.driver = driver,
		.class_name = "tty",
		.kind = DEVICE_CHAR,
		.major = tty->major,
		.minor = tty->minor,
		.count = 1,
		.mode = 0600,
		.ops = &tty_file_ops,
		.private_data = tty,
	};
	int err = device_register(&tty->device);

	if (err)
		return err;
	/* In order of registration: the first is the console where nobody chose one. */
	struct tty **at = &tty_list;

	while (*at)
		at = &(*at)->next;
	*at = tty;
	return 0;
}

/* ---- open ---- */

/* The terminal that a device number means; +1. */
static int tty_of_inode(struct inode *inode, struct tty **out, bool *is_console)
{
	u32 major = vfs_major(inode->rdev), minor = vfs_minor(inode->rdev);
	struct device *d;

	if (major == MAJOR_AUX && minor == 0) {
		*out = tty_of_current();
		return *out ? 0 : -ENXIO;
	}
	if (major == MAJOR_AUX && minor == 1) {
		*is_console = true;
		return tty_console_get(out);
	}
	if (major == MAJOR_PTS)
		return slave_find ? slave_find(inode, out) : -EIO;
	d = device_find(DEVICE_CHAR, inode->rdev);
	if (!d || !d->private_data)
		return -ENXIO;
	*out = tty_get(d->private_data);
	return 0;
}

/* tty->lock held. */
static int tty_open_locked(struct tty *tty, struct file *f, struct tty_file *tf)
{
	int err;

	if (tty->dead)
		return -EIO;
	if (tty->exclusive && tty->opens && !capable(CAP_SYS_ADMIN))
		return -EBUSY;
	err = tty->ops->open ? tty->ops->open(tty, f) : 0;
	if (err)
		return err;
	tty->opens++;
	spin_lock_irq(&tty->spin);
	list_add_tail(&tf->link, &tty->files);
	spin_unlock_irq(&tty->spin);
	return 0;
}

int tty_open_file(struct tty *tty, struct file *f, bool is_console)
{
	struct tty_file *tf = kzalloc(sizeof(*tf));
	int err;

	if (!tf)
		return -ENOMEM;
	tf->tty = tty;
	tf->is_console = is_console;
	mutex_lock(&tty->lock);
	err = tty_open_locked(tty, f, tf);
	mutex_unlock(&tty->lock);
	if (err) {
		kfree(tf);
		return err;
	}
	f->private_data = tf;
	f->mode =
		(f->mode & ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE | FMODE_POS)) | FMODE_STREAM;
	if (!(f->flags & O_NOCTTY) && !is_console)
		tty_open_set_session(tty, f);
	return 0;
}

static int tty_open(struct inode *inode, struct file *f)
{
	bool is_console = false;
	struct tty *tty;
	int err = tty_of_inode(inode, &tty, &is_console);

	if (err)
		return err;
	err = tty_open_file(tty, f, is_console);
	if (err)
		tty_put(tty);
	return err;
}

static void tty_release(struct file *f)
{
	struct tty_file *tf = f->private_data;
	struct tty *tty;

	if (!tf)
		return;
	tty = tf->tty;
	mutex_lock(&tty->lock);
	spin_lock_irq(&tty->spin);
	list_del(&tf->link);
	spin_unlock_irq(&tty->spin);
	tty->opens--;
	if (!tty->opens) {
		tty_clear_session(tty);
		tty->exclusive = false;
		memset(&tty->locked, 0, sizeof(tty->locked));
	}
	if (tty->ops->close)
		tty->ops->close(tty);
	if (!tty->opens) {
		spin_lock_irq(&tty->spin);
		ntty_reset(&tty->n);
		tty->n.stopped = tty->n.held = tty->xoff_sent = false;
		spin_unlock_irq(&tty->spin);
	}
	mutex_unlock(&tty->lock);
	kfree(tf);
	tty_put(tty);
}

/* Who nobody was named for: the foreground group, else who asks. */
static int async_default_owner(struct tty *tty, struct file *f)
{
	struct pid *pgrp;
	int nr, type = F_OWNER_PGRP;

	if (file_get_owner_signed(f))
		return 0;
	spin_lock_irq(&tty->spin);
	pgrp = tty->pgrp ? pid_get(tty->pgrp) : NULL;
	spin_unlock_irq(&tty->spin);
	nr = pgrp ? pid_vnr(pgrp) : 0;
	if (pgrp)
		pid_put(pgrp);
	if (!nr) {
		nr = task_tgid(current);
		type = F_OWNER_PID;
	}
	return file_set_owner(f, type, nr);
}

static int tty_fasync(struct file *f, int fd, bool on)
{
	struct tty_file *tf = f->private_data;
	struct tty *tty = tf->tty;
	int err = fasync_set(&tty->async, f, fd, on);

	if (err || !on)
		return err;
	err = async_default_owner(tty, f);
	if (err)
		fasync_remove(&tty->async, f);
	return err;
}

const struct file_ops tty_file_ops = {
	.read = tty_read,
	.write = tty_write,
	.lseek = no_lseek,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.open = tty_open,
	.release = tty_release,
	.fasync = tty_fasync,
};

static struct device dev_tty = {
	.name = "tty",
	.driver = "/dev/tty",
	.class_name = "tty",
	.kind = DEVICE_CHAR,
	.major = MAJOR_AUX,
	.minor = 0,
	.count = 1,
	.mode = 0666,
	.ops = &tty_file_ops,
};
DEVICE(dev_tty);

static struct device dev_console = {
	.name = "console",
	.driver = "/dev/console",
	.class_name = "tty",
	.kind = DEVICE_CHAR,
	.major = MAJOR_AUX,
	.minor = 1,
	.count = 1,
	.mode = 0600,
	.ops = &tty_file_ops,
};
DEVICE(dev_console);
