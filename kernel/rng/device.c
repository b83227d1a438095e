/*
 * getrandom(2), /dev/random and /dev/urandom. The two differ before readiness only.
 */
#include <kernel/rng/rng.h>
#include <kernel/rng/rng_impl.h>
#include <kernel/cred/cred.h>
#include <kernel/device/device.h>
#include <kernel/file/file.h>
#include <kernel/poll/poll.h>
#include <kernel/printk/printk.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <kernel/work/work.h>
#include <kern/errno.h>
#include <kern/limits.h>
#include <kern/string.h>
#include <generated/syscalls.h>
#include <linux/random.h>

#define RNG_SMALL 128u
#define RNG_CHUNK 512u

/* Large reads can be interrupted once they have given something; small ones never are. */
static ssize_t rng_read_large(struct uio *u)
{
	u8 chunk[RNG_CHUNK];
	struct rng_stream s;
	size_t done = 0;
	ssize_t err = 0;

	rng_stream_begin(&s);
	while (u->left) {
		size_t n = min_t(size_t, u->left, sizeof(chunk)), copied;

		rng_stream_read(&s, chunk, n);
		copied = uio_copy_to(u, chunk, n);
		done += copied;
		if (copied != n) {
			err = -EFAULT;
			break;
		}
		if (u->left && done % PAGE_SIZE == 0 && signal_pending(current)) {
			err = -ERESTARTSYS;
			break;
		}
	}
	memzero_explicit(&s, sizeof(s));
	memzero_explicit(chunk, sizeof(chunk));
	return done ? (ssize_t)done : err;
}

static ssize_t rng_read_uio(struct uio *u)
{
	u8 buf[RNG_SMALL];
	size_t len = u->left, copied;

	if (len > sizeof(buf))
		return rng_read_large(u);
	if (!len)
		return 0;
	rng_bytes(buf, len);
	copied = uio_copy_to(u, buf, len);
	memset(buf, 0, len);
	barrier();
	return copied ? (ssize_t)copied : -EFAULT;
}

long sys_getrandom(void __user *buf, size_t len, unsigned int flags)
{
	struct uio u;

	if (flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if (unlikely(!rng_is_ready() && !(flags & GRND_INSECURE))) {
		int err = flags & GRND_NONBLOCK ? -EAGAIN : rng_wait_ready();

		if (err)
			return err;
	}
	if (unlikely(!access_ok(buf, len < MAX_RW_COUNT ? len : MAX_RW_COUNT)))
		return -EFAULT;
	if (likely(len <= RNG_SMALL)) {
		u8 tmp[RNG_SMALL];
		size_t left;

		rng_bytes(tmp, len);
		left = copy_to_user(buf, tmp, len);
		memset(tmp, 0, len);
		barrier();
		return left && left == len ? -EFAULT : (long)(len - left);
	}
	uio_init_user(&u, false, buf, min_t(size_t, len, MAX_RW_COUNT));
	return rng_read_uio(&u);
}

static ssize_t random_read(struct file *f, struct uio *u, loff_t *pos)
{
	(void)pos;
	if (unlikely(!rng_is_ready())) {
		int err = f->flags & O_NONBLOCK ? -EAGAIN : rng_wait_ready();

		if (err)
			return err;
	}
	return rng_read_uio(u);
}

/* Tries to have good numbers, and gives what there is if a signal comes first. */
static ssize_t urandom_read(struct file *f, struct uio *u, loff_t *pos)
{
	static struct printk_ratelimit limit;

	(void)f;
	(void)pos;
	if (unlikely(rng_wait_ready()) && printk_ratelimit(&limit))
		pr_notice("rng: %s: uninitialized urandom read (%zu bytes)\n", current->comm,
			  u->left);
	return rng_read_uio(u);
}

static ssize_t random_write(struct file *f, struct uio *u, loff_t *pos)
{
	u8 chunk[RNG_CHUNK];
	size_t done = 0;

	(void)f;
	(void)pos;
	while (u->left) {
		size_t want = min_t(size_t, u->left, sizeof(chunk));
		size_t n = uio_copy_from(u, chunk, want);

		if (n)
			rng_add_source(RNG_USER, chunk, n, 0);
		done += n;
		if (n != want || (u->left && done % PAGE_SIZE == 0 && signal_pending(current)))
			break;
		sched_cond_resched();
	}
	memzero_explicit(chunk, sizeof(chunk));
	return done || !u->left ? (ssize_t)done : -EFAULT;
}

/* --- ioctls --- */

static long get_count(int __user *at)
{
	return put_user((int)rng_entropy_available(), at);
}

static long add_to_count(int __user *at)
{
	int bits;

	if (get_user(bits, at))
		return -EFAULT;
	if (bits < 0)
		return -EINVAL;
	rng_add_source(RNG_USER, &bits, 0, (u32)bits);
	return 0;
}

static long add_entropy(int __user *at)
{
	struct rand_pool_info __user *info = (void __user *)at;
	int bits, size;
	struct uio u;

	if (get_user(bits, &info->entropy_count))
		return -EFAULT;
	if (bits < 0)
		return -EINVAL;
	if (get_user(size, &info->buf_size))
		return -EFAULT;
	/* As it is counted, all of it must have been there; a negative size is more than is. */
	if (size < 0)
		return -EFAULT;
	uio_init_user(&u, true, (u8 __user *)info + sizeof(*info), (size_t)size);
	if (random_write(NULL, &u, NULL) != size)
		return -EFAULT;
	rng_add_source(RNG_USER, &bits, 0, (u32)bits);
	return 0;
}

/* What there is stays: there is nothing to count down. */
static long forget(int __user *at)
{
	(void)at;
	return 0;
}

static long reseed(int __user *at)
{
	(void)at;
	if (!rng_is_ready())
		return -ENODATA;
	rng_reseed();
	return 0;
}

static const struct {
	unsigned int cmd;
	bool privileged;
	long (*run)(int __user *at);
} ioctls[] = {
	{RNDGETENTCNT, false, get_count},   {RNDADDTOENTCNT, true, add_to_count},
	{RNDADDENTROPY, true, add_entropy}, {RNDZAPENTCNT, true, forget},
	{RNDCLEARPOOL, true, forget},	    {RNDRESEEDCRNG, true, reseed},
};

static long random_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	(void)f;
	for (unsigned int i = 0; i < ARRAY_SIZE(ioctls); i++) {
		if (ioctls[i].cmd != cmd)
			continue;
		if (ioctls[i].privileged && !capable(CAP_SYS_ADMIN))
			return -EPERM;
		return ioctls[i].run((int __user *)arg);
	}
	return -EINVAL;
}

static u32 random_poll(struct file *f, struct poll_table *pt)
{
	poll_wait(pt, f, &rng_ready_wait);
	if (rng_is_ready())
		return EPOLLIN | EPOLLRDNORM;
	rng_start_jitter();
	return EPOLLOUT | EPOLLWRNORM;
}

/* SIGIO at readiness. */
static struct fasync_list waiters;

void rng_signal_ready(struct work *w)
{
	(void)w;
	fasync_notify(&waiters, POLL_IN);
}

static int random_fasync(struct file *f, int fd, bool on)
{
	return fasync_set(&waiters, f, fd, on);
}

static int random_lseek(struct file *f, loff_t off, int whence, loff_t *out)
{
	(void)f;
	(void)off;
	(void)whence;
	*out = 0;
	return 0;
}

static const struct file_ops random_file_ops = {
	.read = random_read,
	.write = random_write,
	.ioctl = random_ioctl,
	.poll = random_poll,
	.fasync = random_fasync,
	.lseek = random_lseek,
};

static const struct file_ops urandom_file_ops = {
	.read = urandom_read,
	.write = random_write,
	.ioctl = random_ioctl,
	.fasync = random_fasync,
	.lseek = random_lseek,
};

static struct device random = {
	.name = "random",
	.driver = "mem",
	.class_name = "mem",
	.kind = DEVICE_CHAR,
	.major = 1,
	.minor = 8,
	.count = 1,
	.mode = 0666,
	.ops = &random_file_ops,
};
DEVICE(random);

static struct device urandom = {
	.name = "urandom",
	.driver = "mem",
	.class_name = "mem",
	.kind = DEVICE_CHAR,
	.major = 1,
	.minor = 9,
	.count = 1,
	.mode = 0666,
	.ops = &urandom_file_ops,
};
DEVICE(urandom);
