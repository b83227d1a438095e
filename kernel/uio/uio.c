/*
 * One cursor for every kind of memory.
 *
 * Every copy is a walk over the segments: take what is left of the current one, hand it to a step
 * function that returns how much it did, advance; a short step (user memory faulted) ends the walk.
 */
#include <kernel/uio/uio.h>

#include <asm/page.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/frame/frame.h>
#include <kernel/slab/slab.h>
#include <kernel/uaccess/uaccess.h>

#define IOV_MAX 1024

void uio_init_user(struct uio *u, bool is_source, void __user *buf, size_t len)
{
	u->kind = UIO_USER;
	u->is_source = is_source;
	u->seg_count = 1;
	u->offset = 0;
	u->left = len;
	u->single.iov_base = (void __force *)buf;
	u->single.iov_len = len;
	u->user = &u->single;
}

void uio_init_kernel(struct uio *u, bool is_source, void *buf, size_t len)
{
	u->kind = UIO_KERNEL;
	u->is_source = is_source;
	u->seg_count = 1;
	u->offset = 0;
	u->left = len;
	u->single_k.base = buf;
	u->single_k.len = len;
	u->kernel = &u->single_k;
}

void uio_init_frames(struct uio *u, bool is_source, const struct uio_bvec *v, u32 n, size_t len)
{
	u->kind = UIO_FRAMES;
	u->is_source = is_source;
	u->seg_count = n;
	u->offset = 0;
	u->left = len;
	u->frames = v;
}

void uio_init_discard(struct uio *u, size_t len)
{
	u->kind = UIO_DISCARD;
	u->is_source = false;
	u->seg_count = 1;
	u->offset = 0;
	u->left = len;
	u->user = NULL;
}

int uio_import(struct uio *u, bool is_source, const struct iovec __user *uvec, unsigned long n,
	       struct iovec fast[UIO_FAST], struct iovec **to_free)
{
	struct iovec *v = fast;
	size_t total = 0;

	*to_free = NULL;
	if (n > IOV_MAX)
		return -EINVAL;
	if (n > UIO_FAST) {
		v = kmalloc(n * sizeof(*v));
		if (!v)
			return -ENOMEM;
	}
	int err = copy_from_user(v, uvec, n * sizeof(*v)) ? -EFAULT : 0;

	for (unsigned long i = 0; !err && i < n; i++) {
		size_t len = v[i].iov_len;

		if ((ssize_t)len < 0)
			err = -EINVAL;
		else if (!access_ok((void __user *)v[i].iov_base, len))
			err = -EFAULT;
		/* Linux shortens the vector rather than refuse a sum above MAX_RW_COUNT. */
		if (len > 0x7ffff000ul - total)
			v[i].iov_len = len = 0x7ffff000ul - total;
		total += len;
	}
	if (err) {
		if (v != fast)
			kfree(v);
		return err;
	}
	if (v != fast)
		*to_free = v;
	u->kind = UIO_USER;
	u->is_source = is_source;
	u->seg_count = (u32)n;
	u->offset = 0;
	u->left = total;
	u->user = v;
	return 0;
}

/* --- segments --- */

static size_t segment_len(const struct uio *u)
{
	switch (u->kind) {
	case UIO_USER:
		return u->user->iov_len;
	case UIO_KERNEL:
		return u->kernel->len;
	case UIO_FRAMES:
		return u->frames->len;
	case UIO_DISCARD:
		break;
	}
	return u->offset + u->left;
}

static void segment_next(struct uio *u)
{
	u->offset = 0;
	u->seg_count--;
	if (u->kind == UIO_USER)
		u->user++;
	else if (u->kind == UIO_KERNEL)
		u->kernel++;
	else if (u->kind == UIO_FRAMES)
		u->frames++;
}

static void segment_prev(struct uio *u)
{
	u->seg_count++;
	if (u->kind == UIO_USER)
		u->user--;
	else if (u->kind == UIO_KERNEL)
		u->kernel--;
	else if (u->kind == UIO_FRAMES)
		u->frames--;
	u->offset = segment_len(u);
}

/* Start of what is left of the current segment. */
static void *segment_at(const struct uio *u)
{
	switch (u->kind) {
	case UIO_USER:
		return (char *)u->user->iov_base + u->offset;
	case UIO_KERNEL:
		return (char *)u->kernel->base + u->offset;
	case UIO_FRAMES:
		return (char *)frame_to_virt(u->frames->frame) + u->frames->offset + u->offset;
	case UIO_DISCARD:
		break;
	}
	return NULL;
}

enum uio_step { STEP_TO, STEP_FROM, STEP_ZERO, STEP_FROM_NOFAULT };

/* Returns bytes done of @len in one segment. */
static size_t step(struct uio *u, enum uio_step how, char *k, size_t len)
{
	void *at = segment_at(u);

	if (u->kind == UIO_DISCARD)
		return len;
	if (u->kind != UIO_USER) {
		if (how == STEP_TO)
			memcpy(at, k, len);
		else if (how == STEP_ZERO)
			memset(at, 0, len);
		else
			memcpy(k, at, len);
		return len;
	}
	switch (how) {
	case STEP_TO:
		return len - copy_to_user((void __user *)at, k, len);
	case STEP_ZERO:
		return len - clear_user((void __user *)at, len);
	default:
		return access_ok((void __user *)at, len)
			       ? len - arch_copy_from_user(k, (void __user *)at, len)
			       : 0;
	}
}

static size_t walk(struct uio *u, enum uio_step how, char *k, size_t len)
{
	size_t done = 0;

	if (len > u->left)
		len = u->left;
	while (done < len) {
		size_t room = segment_len(u) - u->offset;
		size_t n = min(room, len - done);
		size_t did = n ? step(u, how, k ? k + done : NULL, n) : 0;

		done += did;
		u->offset += did;
		u->left -= did;
		if (did < n)
			break;
		if (did == room && u->left)
			segment_next(u);
	}
	return done;
}

size_t uio_copy_to(struct uio *u, const void *src, size_t len)
{
	return walk(u, STEP_TO, (char *)(unsigned long)src, len);
}

size_t uio_copy_from(struct uio *u, void *dst, size_t len)
{
	return walk(u, STEP_FROM, dst, len);
}

int uio_copy_text(struct uio *u, char *text, size_t size)
{
	size_t len = u->left;

	if (len >= size)
		return -EINVAL;
	if (uio_copy_from(u, text, len) < len)
		return -EFAULT;
	text[len] = 0;
	if (len && text[len - 1] == '\n')
		text[len - 1] = 0;
	return 0;
}

size_t uio_zero(struct uio *u, size_t len)
{
	return walk(u, STEP_ZERO, NULL, len);
}

size_t uio_copy_frame_to(struct uio *u, struct frame *f, size_t offset, size_t len)
{
	return uio_copy_to(u, (char *)frame_to_virt(f) + offset, len);
}

size_t uio_copy_frame_from(struct uio *u, struct frame *f, size_t offset, size_t len)
{
	return uio_copy_from(u, (char *)frame_to_virt(f) + offset, len);
}

size_t uio_copy_from_nofault(struct uio *u, void *dst, size_t len)
{
	uaccess_nofault_begin();
	size_t done = walk(u, STEP_FROM_NOFAULT, dst, len);

	uaccess_nofault_end();
	return done;
}

void uio_advance(struct uio *u, size_t len)
{
	if (len > u->left)
		len = u->left;
	while (len) {
		size_t room = segment_len(u) - u->offset;
		size_t n = min(room, len);

		u->offset += n;
		u->left -= n;
		len -= n;
		if (n == room && u->left)
			segment_next(u);
	}
}

/* @len bytes back; never before the start of the vector (the caller has advanced that far). */
void uio_revert(struct uio *u, size_t len)
{
	while (len) {
		if (!u->offset && u->kind != UIO_DISCARD) {
			segment_prev(u);
			continue;
		}
		size_t n = min(len, u->offset);

		u->offset -= n;
		u->left += n;
		len -= n;
		if (!n)
			return;
	}
}

void uio_truncate(struct uio *u, size_t len)
{
	if (u->left > len)
		u->left = len;
}

size_t uio_fault_in(struct uio *u, size_t len)
{
	const struct iovec *v = u->user;
	size_t offset = u->offset;
	u32 segs = u->seg_count;

	if (len > u->left)
		len = u->left;
	if (u->kind != UIO_USER)
		return 0;

	for (; len && segs; segs--, v++, offset = 0) {
		char __user *at = (char __user *)v->iov_base + offset;
		size_t n = min(v->iov_len - offset, len);

		while (n) {
			size_t in_page = min(n, PAGE_SIZE - ((unsigned long)at & ~PAGE_MASK));

			char c;

			/* A read only: writing a byte back would race with the program's own store.
			 */
			if (get_user(c, at))
				return len;
			at += in_page;
			n -= in_page;
			len -= in_page;
		}
	}
	return 0;
}
