/* getrandom(2), /dev/random and /dev/urandom. Since Linux 5.6 the two differ before readiness only.
 */
#include <kernel/rng/rng.h>
#include <kernel/rng/rng_impl.h>
#include <kernel/cred/cred.h>
#include <kernel/device/device.h>
#include <kernel/file/file.h>
#include <kernel/poll/poll.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
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
	if (unlikely(!rng_is_ready() && !(flags & GRND_INSECURE)))
		rng_gather_jitter();
	if (len <= RNG_SMALL) {
		u8 tmp[RNG_SMALL];
		size_t left;

		rng_bytes(tmp, len);
		left = copy_to_user(buf, tmp, len);
		memset(tmp, 0, len);
		barrier();
		return left ? -EFAULT : (long)len;
	}
	uio_init_user(&u, false, buf, min_t(size_t, len, MAX_RW_COUNT));
	return rng_read_uio(&u);
}

static ssize_t random_read(struct file *f, struct uio *u, loff_t *pos)
{
	(void)f;
	(void)pos;
	if (!rng_is_ready())
		rng_gather_jitter();
	return rng_read_uio(u);
}

static ssize_t random_write(struct file *f, struct uio *u, loff_t *pos)
{
	u8 chunk[64];
	size_t done = 0;

	(void)f;
	(void)pos;
	while (u->left) {
		size_t want = min_t(size_t, u->left, sizeof(chunk));
		size_t n = uio_copy_from(u, chunk, want);

		if (!n)
			break;
		rng_add_source(RNG_USER, chunk, n, 0);
		done += n;
		if (n != want)
			break;
		sched_cond_resched();
	}
	memzero_explicit(chunk, sizeof(chunk));
	return done || !u->left ? (ssize_t)done : -EFAULT;
}

static long random_add_entropy(unsigned long arg)
{
	struct rand_pool_info __user *info = (void __user *)arg;
	const u8 __user *data = (const u8 __user *)info + sizeof(*info);
	int bits, size;
	u8 chunk[64];

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (get_user(bits, &info->entropy_count) || get_user(size, &info->buf_size))
		return -EFAULT;
	if (bits < 0 || size < 0)
		return -EINVAL;
	for (int at = 0; at < size; at += (int)sizeof(chunk)) {
		size_t n = min_t(size_t, (size_t)(size - at), sizeof(chunk));

		if (copy_from_user(chunk, data + at, n))
			return -EFAULT;
		rng_add_source(RNG_USER, chunk, n, 0);
	}
	rng_add_source(RNG_USER, chunk, 0, (u32)min(bits, size * 8));
	memzero_explicit(chunk, sizeof(chunk));
	return 0;
}

static long random_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	int v;

	(void)f;
	switch (cmd) {
	case RNDGETENTCNT:
		v = rng_is_ready() ? 256 : 0;
		return put_user(v, (int __user *)arg);
	case RNDADDTOENTCNT:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		if (get_user(v, (int __user *)arg))
			return -EFAULT;
		if (v < 0)
			return -EINVAL;
		rng_add_source(RNG_USER, &v, 0, (u32)v);
		return 0;
	case RNDADDENTROPY:
		return random_add_entropy(arg);
	case RNDZAPENTCNT:
	case RNDCLEARPOOL:
		return capable(CAP_SYS_ADMIN) ? 0 : -EPERM; /* nothing to clear, as on Linux */
	case RNDRESEEDCRNG:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		if (!rng_is_ready())
			return -ENODATA;
		rng_add_source(RNG_USER, &cmd, sizeof(cmd), 0);
		return 0;
	default:
		return -EINVAL;
	}
}

static u32 random_poll(struct file *f, struct poll_table *pt)
{
	/* A read makes the source ready if it is not, so it never waits. */
	(void)f;
	(void)pt;
	return EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM;
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
	.ops = &random_file_ops,
};
DEVICE(urandom);
