/*
 * What userfaultfd(2) does to page tables, for kernel/uffd alone.  The caller keeps the address
 * space (mm_tryget).  Ranges are page aligned and in user space.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct mm;
struct uffd;

/*
 * The VMAs of [start, end) send their faults to @u as @flags (VM_UFFD_*) say; *ioctls is what can
 * be done there.  -ENOMEM, -EINVAL, -EPERM, -EBUSY: another one's, -EINTR.
 */
int mm_uffd_register(struct mm *mm, struct uffd *u, u64 start, u64 end, u64 flags, u64 *ioctls)
	__must_check;
/* -ENOMEM, -EINVAL, -EINTR. */
int mm_uffd_unregister(struct mm *mm, struct uffd *u, u64 start, u64 end) __must_check;
/* No VMA is left with @u.  Does not fail. */
void mm_uffd_unregister_all(struct mm *mm, struct uffd *u);

enum mm_uffd_how { UFFD_FILL_COPY, UFFD_FILL_ZERO, UFFD_FILL_CONTINUE, UFFD_FILL_POISON };
struct mm_uffd_fill {
	enum mm_uffd_how how;
	const struct uffd *uffd; /* whose ioctl it is */
	u64 start, len;
	const char __user *src; /* COPY */
	bool wp;		/* COPY, CONTINUE: writes are told */
	u8 *kind;		/* COPY: of what memory the last page went to; 0 at first */
};
/*
 * Puts pages where nothing is.  Bytes done, or, for the first page: -ENOENT: no VMA that has a
 * userfaultfd is there as a whole, -EEXIST, -EFAULT, -EINVAL, -ENOMEM, -EINTR,
 * -EAGAIN: what is mapped is changing.
 */
s64 mm_uffd_fill(struct mm *mm, const struct mm_uffd_fill *fill) __must_check;
/* Takes pages from @src to @dst of current's own memory.  Bytes or -errno, also -EBUSY. */
s64 mm_uffd_move(struct mm *mm, struct uffd *u, u64 dst, u64 src, u64 len, bool holes) __must_check;
/* Writes to [start, start + len) are told from now on, or no more.  -ENOENT, -ENOMEM, -EAGAIN: what
 * is mapped is changing. */
int mm_uffd_protect(struct mm *mm, const struct uffd *u, u64 start, u64 len, bool enable)
	__must_check;
