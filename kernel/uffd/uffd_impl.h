/* Shared by the files of kernel/uffd. */
#pragma once

#include <kernel/uffd/uffd.h>
#include <kernel/lock/lock.h>
#include <kernel/wait/wait.h>

struct file;
struct mm;
struct poll_table;
struct uio;

#define UFFD_SHARDS 16u /* a power of two */

/* Who waits for pages of some addresses. */
struct uffd_shard {
	struct spinlock lock;	  /* LK_SPIN_LEAF */
	struct list_head pending; /* lock; nobody has read of them */
	struct list_head told;	  /* lock */
} __aligned(64);

struct uffd {
	u32 refs;		    /* atomic */
	u32 flags;		    /* [I] UFFD_USER_MODE_ONLY, O_CLOEXEC, O_NONBLOCK as made */
	u64 features;		    /* atomic; UFFD_READY and what UFFDIO_API asked for, then [I] */
	struct mm *mm;		    /* [I] the struct, not what is mapped */
	bool released;		    /* the file is closed: nobody waits any more */
	u8 last_kind;		    /* of what memory the last page went to: a guess for the next */
	u32 pending;		    /* atomic: faults in the shards that are to be read of */
	u32 cursor;		    /* the shard to be read first; races cost nothing */
	u32 changing;		    /* atomic: changes that are not told yet */
	u32 event_count;	    /* atomic: in events */
	struct spinlock event_lock; /* LK_SPIN_LEAF */
	struct list_head events;    /* event_lock */
	struct wait_queue readers;  /* read(2), poll(2) */
	struct uffd_shard shards[UFFD_SHARDS];
};

#define UFFD_READY (1ull << 31) /* in features, as Linux shows it */

/* All of Linux 6.1, which has them whether there is hugetlbfs or not, and four later ones. */
#define UFFD_FEATURES                                                            \
	(UFFD_API_FEATURES | UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_POISON | \
	 UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_MOVE)

static inline bool uffd_ready(const struct uffd *u)
{
	return __atomic_load_n(&u->features, __ATOMIC_ACQUIRE) & UFFD_READY;
}

/* --- wait.c --- */
void uffd_wait_init(struct uffd *u);
/* Everybody who waits for [start, end) looks again. */
void uffd_wake(struct uffd *u, u64 start, u64 end);
/* Figures for fdinfo. */
void uffd_count(struct uffd *u, u64 *pending, u64 *total);
ssize_t uffd_read(struct file *f, struct uio *u, loff_t *pos);
u32 uffd_poll(struct file *f, struct poll_table *pt);

/* --- event.c --- */
/* One message: 1, 0: there is none, -errno: a descriptor for a child cannot be made. */
int uffd_take_event(struct uffd *u, struct uffd_msg *out);
void uffd_wake_tellers(struct uffd *u); /* they look whether anybody will read */

/* --- uffd.c --- */
struct uffd *uffd_alloc(struct mm *mm, u32 flags, u64 features);
/* A descriptor of current for @u, +1 then. */
int uffd_install(struct uffd *u, int *fd) __must_check;
/* Nobody will resolve faults: all VMAs forget @u, who waits goes on. */
void uffd_abandon(struct uffd *u);

/* --- ioctl.c --- */
long uffd_ioctl(struct file *f, unsigned int cmd, unsigned long arg);
