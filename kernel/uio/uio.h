/*
 * A cursor over memory to be read or written: user buffers, kernel buffers, frames.
 *
 * One shape for read, write, readv, sendmsg, splice.  Copies advance it and return the bytes
 * copied, which is short when user memory faults.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <linux/uio.h>

struct frame;

enum uio_kind { UIO_USER, UIO_KERNEL, UIO_FRAMES, UIO_DISCARD };

struct uio_kvec {
	void *base;
	size_t len;
};
struct uio_bvec {
	struct frame *frame;
	u32 offset, len;
};

struct uio {
	enum uio_kind kind;
	bool is_source; /* data flows out of it (write) rather than into it (read) */
	u32 seg_count;	/* segments left, the current one included */
	size_t offset;	/* into the current segment */
	size_t left;	/* bytes left in all */
	union {
		const struct iovec *user; /* kernel copy of the vector of user pointers */
		const struct uio_kvec *kernel;
		const struct uio_bvec *frames;
	};
	struct iovec single; /* storage for the one-segment form */
	struct uio_kvec single_k;
};

/* The one-buffer forms cannot fail: pointers are checked by the copies (and access_ok here). */
void uio_init_user(struct uio *u, bool is_source, void __user *buf, size_t len);
void uio_init_kernel(struct uio *u, bool is_source, void *buf, size_t len);
void uio_init_frames(struct uio *u, bool is_source, const struct uio_bvec *v, u32 n, size_t len);
void uio_init_discard(struct uio *u, size_t len);
/*
 * Copies the vector in.  @fast holds up to UIO_FAST segments; a longer vector is allocated and
 * *to_free set. -EINVAL (more than 1024, a length or the sum negative), -EFAULT, -ENOMEM.
 */
#define UIO_FAST 8
int uio_import(struct uio *u, bool is_source, const struct iovec __user *uvec, unsigned long n,
	       struct iovec fast[UIO_FAST], struct iovec **to_free) __must_check;

/* Into the uio (read direction) from kernel memory; out of it into kernel memory. */
size_t uio_copy_to(struct uio *u, const void *src, size_t len);
size_t uio_copy_from(struct uio *u, void *dst, size_t len);
/*
 * All of it is the text of a file of /proc or /sys: with a zero behind it in @text, of @size bytes,
 * and without one newline at its end.  -EINVAL: too long, -EFAULT.
 */
int uio_copy_text(struct uio *u, char *text, size_t size) __must_check;
size_t uio_zero(struct uio *u, size_t len);
/* Copy between a frame and the uio. */
size_t uio_copy_frame_to(struct uio *u, struct frame *f, size_t offset, size_t len);
size_t uio_copy_frame_from(struct uio *u, struct frame *f, size_t offset, size_t len);
void uio_advance(struct uio *u, size_t len);
void uio_revert(struct uio *u, size_t len);
void uio_truncate(struct uio *u, size_t len);
/* Faults in up to @len bytes of user memory so that an atomic copy can succeed; bytes NOT faulted
 * in. */
size_t uio_fault_in(struct uio *u, size_t len);
/* As the copies but never sleeps: page faults are not handled. */
size_t uio_copy_from_nofault(struct uio *u, void *dst, size_t len);
