/*
 * userfaultfd(2): page faults that a program resolves.
 *
 * kernel/mm asks here where a VMA has vma->uffd; the page tables are its own business
 * (kernel/mm/userfault.h).  Source: userfaultfd(2), ioctl_userfaultfd(2) and the kernel's own text.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kern/list.h>
#include <abi/userfaultfd.h>

struct mm;
struct task;
struct uffd;

/* Why a fault cannot go on by itself; positive, so that they stand beside errno. */
#define USERFAULT_MISSING 1
#define USERFAULT_WP 2
#define USERFAULT_MINOR 3

/* References: an open file, each VMA, each waiter. */
struct uffd *uffd_get(struct uffd *u);
void uffd_put(struct uffd *u); /* NULL: nothing.  Any lock may be held. */
bool uffd_wants(const struct uffd *u, u64 feature);

/* Somebody who waits for a fault to be resolved, on its own stack. */
struct uffd_fault {
	struct list_head link; /* the shard's lock; empty: resolved */
	struct uffd *uffd;     /* +1 */
	struct task *task;
	u64 addr;  /* as told: of the page, or exact */
	u64 flags; /* UFFD_PAGEFAULT_FLAG_* */
	u32 thread;
	bool told; /* shard's lock: a monitor has read of it */
	bool user; /* a signal may end it */
};

/*
 * With the VMA of @u locked: from now on whoever wakes @page, which @addr is in, finds @f, and
 * monitors may read of it.  @fault_flags: FAULT_*.  -EIO: not by this one (SIGBUS).  Else
 * uffd_fault_end() must follow.
 */
int uffd_fault_begin(struct uffd *u, struct uffd_fault *f, u64 addr, u64 page, u32 fault_flags,
		     int reason) __must_check;
/*
 * With no lock: waits, unless told otherwise.  0: look again, or a signal has come for a program
 * that is in user mode; -EINTR: current is being killed inside a system call.
 */
int uffd_fault_end(struct uffd_fault *f, bool wait) __must_check;

/*
 * Changes that monitors are told of.  With mm->lock held: begin; without it: end, which waits until
 * a monitor has read of it.  In between nobody fills pages (EAGAIN).
 */
struct uffd *uffd_change_begin(struct uffd *u); /* +1 */
void uffd_change_cancel(struct uffd *u);
bool uffd_is_changing(const struct uffd *u);
/* @event: UFFD_EVENT_REMAP, _REMOVE, _UNMAP and its words. */
void uffd_change_end(struct uffd *u, u8 event, u64 a, u64 b, u64 c);

/* What is unmapped: a list, empty at first; tell frees it. */
struct uffd_gone {
	struct uffd_gone *next;
	struct uffd *uffd;
	u64 start, end;
};
/* Unless @u does not want to know.  -ENOMEM. */
int uffd_gone_add(struct uffd_gone **list, struct uffd *u, u64 start, u64 end) __must_check;
void uffd_gone_tell(struct uffd_gone *list, bool happened);

/* Instances for the memory of a child: a list, as above. */
struct uffd_fork {
	struct uffd_fork *next;
	struct uffd *parent, *child;
};
/* *child, +0, is that of @mm for VMAs that @parent has; NULL: they are nobody's.  -ENOMEM. */
int uffd_fork_add(struct uffd_fork **list, struct uffd *parent, struct mm *mm, struct uffd **child)
	__must_check;
void uffd_fork_tell(struct uffd_fork *list, bool happened);
