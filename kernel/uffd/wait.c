/*
 * Faults that wait, and those who read of them.
 *
 * A waiter stands in the shard of its page from before the entry is looked at for the last time
 * until it goes on, so who puts a page there and then wakes its address misses nobody.  A wake-up
 * of one page looks into one shard and wakes those who wait for this page.
 *
 * Readers sleep exclusively: a fault wakes one of them.  It looks through the shards from where the
 * last one stopped, so that no shard is passed over for ever, and takes as many messages as its
 * buffer holds.
 */
#include "uffd_impl.h"

#include <asm/current.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/mm/mm.h>
#include <kernel/poll/poll.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>

#define READ_BATCH 8u

void uffd_wait_init(struct uffd *u)
{
	wait_queue_init(&u->readers);
	spin_init(&u->event_lock, LK_SPIN_LEAF);
	list_init(&u->events);
	for (unsigned int i = 0; i < UFFD_SHARDS; i++) {
		spin_init(&u->shards[i].lock, LK_SPIN_LEAF);
		list_init(&u->shards[i].pending);
		list_init(&u->shards[i].told);
	}
}

static struct uffd_shard *shard_of(struct uffd *u, u64 addr)
{
	u64 page = addr >> PAGE_SHIFT;

	return &u->shards[(page ^ page >> 4) % UFFD_SHARDS];
}

/* --- who waits --- */

int uffd_fault_begin(struct uffd *u, struct uffd_fault *f, u64 addr, u64 page, u32 fault_flags,
		     int reason)
{
	struct uffd_shard *s;

	f->user = fault_flags & FAULT_USER;
	if (u->features & UFFD_FEATURE_SIGBUS || (u->flags & UFFD_USER_MODE_ONLY && !f->user) ||
	    current->flags & TF_EXITING || fault_flags & FAULT_NOWAIT)
		return -EIO;
	f->uffd = uffd_get(u);
	f->task = current;
	f->addr = u->features & UFFD_FEATURE_EXACT_ADDRESS ? addr : page;
	f->flags = (fault_flags & FAULT_WRITE ? UFFD_PAGEFAULT_FLAG_WRITE : 0) |
		   (reason == USERFAULT_WP ? UFFD_PAGEFAULT_FLAG_WP : 0) |
		   (reason == USERFAULT_MINOR ? UFFD_PAGEFAULT_FLAG_MINOR : 0);
	f->thread = u->features & UFFD_FEATURE_THREAD_ID ? (u32)task_tid(current) : 0;
	f->told = false;
	s = shard_of(u, f->addr);
	spin_lock(&s->lock);
	list_add_tail(&f->link, &s->pending);
	__atomic_fetch_add(&u->pending, 1, __ATOMIC_SEQ_CST);
	spin_unlock(&s->lock);
	return 0;
}

/* LK_SPIN_LEAF */
static void take_off(struct uffd *u, struct uffd_fault *f)
{
	list_del_init(&f->link);
	if (!f->told)
		__atomic_fetch_sub(&u->pending, 1, __ATOMIC_RELAXED);
}

/* Already out of date unless the shard is locked. */
static bool is_empty(const struct list_head *list)
{
	return READ_ONCE(list->next) == list;
}

int uffd_fault_end(struct uffd_fault *f, bool wait)
{
	unsigned int state = f->user ? TASK_INTERRUPTIBLE : TASK_KILLABLE;
	struct uffd *u = f->uffd;
	struct uffd_shard *s = shard_of(u, f->addr);
	int err = 0;

	if (likely(wait))
		wake_up_sync_poll(&u->readers, EPOLLIN);
	while (wait && !err) {
		sched_set_state(state);
		if (is_empty(&f->link) || READ_ONCE(u->released))
			break;
		err = sched_block(state, WAIT_FOREVER);
	}
	sched_set_state(TASK_RUNNING);
	/* Who wakes holds the lock until it is done with us. */
	spin_lock(&s->lock);
	if (!list_empty(&f->link))
		take_off(u, f);
	spin_unlock(&s->lock);
	uffd_put(u);
	return !f->user && signal_fatal_pending(current) ? -EINTR : 0;
}

static void wake_list(struct uffd *u, struct list_head *list, u64 start, u64 end)
{
	struct uffd_fault *f, *next;

	list_for_each_entry_safe (f, next, list, link) {
		if ((f->addr & PAGE_MASK) - start >= end - start)
			continue;
		take_off(u, f);
		sched_wake(f->task, TASK_NORMAL);
	}
}

static void wake_shard(struct uffd *u, struct uffd_shard *s, u64 start, u64 end)
{
	if (is_empty(&s->pending) && is_empty(&s->told))
		return;
	spin_lock(&s->lock);
	wake_list(u, &s->told, start, end);
	wake_list(u, &s->pending, start, end);
	spin_unlock(&s->lock);
}

void uffd_wake(struct uffd *u, u64 start, u64 end)
{
	/* With begin: the waiter is in its shard before it looks at the entry. */
	smp_mb();
	if (end - start == PAGE_SIZE) {
		wake_shard(u, shard_of(u, start), start, end);
		return;
	}
	for (unsigned int i = 0; i < UFFD_SHARDS; i++)
		wake_shard(u, &u->shards[i], start, end);
}

void uffd_count(struct uffd *u, u64 *pending, u64 *total)
{
	*pending = 0;
	*total = 0;
	for (unsigned int i = 0; i < UFFD_SHARDS; i++) {
		struct uffd_shard *s = &u->shards[i];
		struct uffd_fault *f;

		spin_lock(&s->lock);
		list_for_each_entry (f, &s->pending, link)
			++*pending;
		list_for_each_entry (f, &s->told, link)
			++*total;
		spin_unlock(&s->lock);
	}
	*total += *pending;
}

/* --- who reads --- */

static void describe(const struct uffd_fault *f, struct uffd_msg *m)
{
	memset(m, 0, sizeof(*m));
	m->event = UFFD_EVENT_PAGEFAULT;
	m->arg.pagefault.flags = f->flags;
	m->arg.pagefault.address = f->addr;
	m->arg.pagefault.feat.ptid = f->thread;
}

static unsigned int take_faults(struct uffd *u, struct uffd_msg *out, unsigned int max)
{
	unsigned int from = READ_ONCE(u->cursor), n = 0;

	for (unsigned int i = 0; i < UFFD_SHARDS && n < max && READ_ONCE(u->pending); i++) {
		struct uffd_shard *s = &u->shards[(from + i) % UFFD_SHARDS];

		if (is_empty(&s->pending))
			continue;
		spin_lock(&s->lock);
		while (n < max && !list_empty(&s->pending)) {
			struct uffd_fault *f =
				list_first_entry(&s->pending, struct uffd_fault, link);

			describe(f, &out[n++]);
			f->told = true;
			list_move_tail(&f->link, &s->told);
			__atomic_fetch_sub(&u->pending, 1, __ATOMIC_RELAXED);
		}
		spin_unlock(&s->lock);
		WRITE_ONCE(u->cursor, from + i + 1);
	}
	return n;
}

static bool is_readable(const struct uffd *u)
{
	return __atomic_load_n(&u->pending, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&u->event_count, __ATOMIC_ACQUIRE);
}

ssize_t uffd_read(struct file *file, struct uio *uio, loff_t *pos)
{
	struct uffd *u = file->private_data;
	struct uffd_msg msgs[READ_BATCH];
	ssize_t done = 0;

	(void)pos;
	if (!uffd_ready(u))
		return -EINVAL;
	while (uio->left >= sizeof(msgs[0])) {
		unsigned int n = take_faults(
			u, msgs,
			(unsigned int)min_t(size_t, uio->left / sizeof(msgs[0]), READ_BATCH));

		if (n) {
			size_t len = n * sizeof(msgs[0]);

			if (uio_copy_to(uio, msgs, len) < len)
				return done ? done : -EFAULT;
			done += (ssize_t)len;
			continue;
		}
		int err = uffd_take_event(u, msgs);

		if (err < 0)
			return done ? done : err;
		if (err) {
			if (uio_copy_to(uio, msgs, sizeof(msgs[0])) < sizeof(msgs[0]))
				return done ? done : -EFAULT;
			done += (ssize_t)sizeof(msgs[0]);
			continue;
		}
		if (done)
			return done;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible_exclusive(&u->readers, is_readable(u));
		if (err)
			return err;
	}
	return done ? done : -EINVAL;
}

u32 uffd_poll(struct file *file, struct poll_table *pt)
{
	struct uffd *u = file->private_data;

	poll_wait(pt, file, &u->readers);
	/* A blocking read after poll could hang: somebody else may have read. */
	if (!uffd_ready(u) || !(file->flags & O_NONBLOCK))
		return EPOLLERR;
	smp_mb();
	return is_readable(u) ? EPOLLIN : 0;
}
