/*
 * poll(2), ppoll(2), and the waiter that select(2) shares.
 *
 * One scan asks every file for its mask and hooks the caller onto its queues; if nothing is ready
 * the caller sleeps until a hook fires, then scans again without hooking.  Hooks stay until the
 * end, so no wake-up between two scans is lost: a waker sets `triggered` before it wakes, the
 * sleeper clears it before it scans.
 */
#include <kernel/poll/poll_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>

u32 poll_file(struct file *f, struct poll_table *pt)
{
	return f->ops->poll ? f->ops->poll(f, pt) : POLL_DEFAULT;
}

/* ---- the waiter ---- */

static int poll_hook_wake(struct wait_entry *e, unsigned int mode, u32 key)
{
	struct poll_hook *h = container_of(e, struct poll_hook, entry);

	if (key && !(key & h->wanted))
		return 0;
	smp_store_release(&h->waiter->triggered, true);
	if (unlikely(mode & WAIT_MODE_HANDOFF))
		return sched_wake_handoff(h->waiter->task, TASK_NORMAL);
	return sched_wake(h->waiter->task, TASK_NORMAL);
}

static struct poll_hook *poll_hook_new(struct poll_waiter *w)
{
	struct poll_chunk *c = w->chunks;

	if (w->inline_used < POLL_INLINE_HOOKS)
		return &w->inline_hooks[w->inline_used++];
	if (!c || c->used == POLL_CHUNK_HOOKS) {
		c = kmalloc(sizeof(*c));
		if (!c)
			return NULL;
		c->used = 0;
		c->next = w->chunks;
		w->chunks = c;
	}
	return &c->hooks[c->used++];
}

static void poll_hook_queue(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	struct poll_waiter *w = container_of(pt, struct poll_waiter, table);
	struct poll_hook *h = poll_hook_new(w);

	if (!h) {
		w->error = -ENOMEM;
		return;
	}
	wait_entry_init(&h->entry, poll_hook_wake);
	h->queue = q;
	h->file = file_get(f);
	h->waiter = w;
	h->wanted = pt->wanted | EPOLLERR | EPOLLHUP;
	wait_add(q, &h->entry);
}

void poll_waiter_init(struct poll_waiter *w)
{
	w->table.queue = poll_hook_queue;
	w->table.wanted = 0;
	w->task = current;
	w->triggered = false;
	w->error = 0;
	w->inline_used = 0;
	w->chunks = NULL;
}

static void poll_hook_release(struct poll_hook *h)
{
	wait_remove(h->queue, &h->entry);
	file_put(h->file);
}

void poll_waiter_release(struct poll_waiter *w)
{
	for (u32 i = 0; i < w->inline_used; i++)
		poll_hook_release(&w->inline_hooks[i]);
	while (w->chunks) {
		struct poll_chunk *c = w->chunks;

		w->chunks = c->next;
		for (u32 i = 0; i < c->used; i++)
			poll_hook_release(&c->hooks[i]);
		kfree(c);
	}
}

int poll_waiter_block(struct poll_waiter *w, u64 deadline_ns)
{
	int err = 0;

	sched_set_state(TASK_INTERRUPTIBLE);
	if (!READ_ONCE(w->triggered))
		err = sched_block_slack(TASK_INTERRUPTIBLE, deadline_ns,
					sched_poll_slack(deadline_ns));
	sched_set_state(TASK_RUNNING);
	WRITE_ONCE(w->triggered, false);
	smp_mb();
	return err;
}

u64 poll_deadline_ms(int timeout_ms)
{
	if (timeout_ms < 0)
		return WAIT_FOREVER;
	if (!timeout_ms)
		return 0;
	return time_mono_ns() + (u64)timeout_ms * NSEC_PER_MSEC;
}

int poll_deadline_user(const struct __kernel_timespec __user *uts, u64 *out)
{
	u64 ns;
	int err;

	if (!uts) {
		*out = WAIT_FOREVER;
		return 0;
	}
	err = timespec_from_user(uts, &ns);
	if (err)
		return err;
	*out = ns ? deadline_after(time_mono_ns(), ns) : 0;
	return 0;
}

bool poll_write_left(struct __kernel_timespec __user *uts, u64 deadline_ns)
{
	u64 now;

	if (!uts)
		return true;
	if (poll_keeps_timeout())
		return false;
	if (!deadline_ns)
		return true;
	now = time_mono_ns();
	return !timespec_to_user(deadline_ns > now ? deadline_ns - now : 0, uts);
}

/* ---- poll ---- */

static u32 poll_one(struct pollfd *p, struct poll_table *pt)
{
	u32 wanted = (u16)p->events | EPOLLERR | EPOLLHUP, mask;
	struct fd_ref ref;

	if (p->fd < 0)
		return 0;
	ref = fd_get((unsigned int)p->fd);
	if (!ref.file)
		return POLLNVAL;
	if (pt)
		pt->wanted = wanted;
	mask = poll_file(ref.file, pt) & wanted;
	fd_put(ref);
	return mask;
}

static int poll_scan(struct pollfd *fds, unsigned int n, struct poll_table *pt)
{
	int ready = 0;

	for (unsigned int i = 0; i < n; i++) {
		fds[i].revents = (s16)poll_one(&fds[i], ready ? NULL : pt);
		ready += !!fds[i].revents;
	}
	return ready;
}

/* Number of ready descriptors, 0 past the deadline, -ERESTARTSYS, -ENOMEM. */
static int poll_wait_fds(struct pollfd *fds, unsigned int n, u64 deadline_ns)
{
	struct poll_waiter w;
	int ready, err = 0;

	poll_waiter_init(&w);
	ready = poll_scan(fds, n, deadline_ns ? &w.table : NULL);
	if (w.error && !ready)
		ready = w.error;
	while (!ready && deadline_ns && !err) {
		err = poll_waiter_block(&w, deadline_ns);
		ready = poll_scan(fds, n, NULL);
	}
	poll_waiter_release(&w);
	if (ready)
		return ready;
	return err == -ETIME ? 0 : err;
}

#define POLL_STACK_FDS 32

static long poll_user(struct pollfd __user *ufds, unsigned int n, u64 deadline_ns)
{
	struct pollfd stack_fds[POLL_STACK_FDS], *fds = stack_fds;
	long ret;

	if (n > task_rlimit(RLIMIT_NOFILE))
		return -EINVAL;
	if (n > POLL_STACK_FDS) {
		fds = kvmalloc((size_t)n * sizeof(*fds), GFP_KERNEL);
		if (!fds)
			return -ENOMEM;
	}
	ret = -EFAULT;
	if (copy_from_user(fds, ufds, n * sizeof(*fds)))
		goto out;
	ret = poll_wait_fds(fds, n, deadline_ns);
	for (unsigned int i = 0; i < n && ret >= 0; i++)
		if (put_user(fds[i].revents, &ufds[i].revents))
			ret = -EFAULT;
out:
	if (fds != stack_fds)
		kvfree(fds);
	return ret;
}

static long poll_restart(struct task *t)
{
	long ret = poll_user((struct pollfd __user *)t->restart.arg[0],
			     (unsigned int)t->restart.arg[1], t->restart.arg[2]);

	return ret == -ERESTARTSYS ? -ERESTART_RESTARTBLOCK : ret;
}

long sys_poll(struct pollfd __user *fds, unsigned int nfds, int timeout_ms)
{
	u64 deadline = poll_deadline_ms(timeout_ms);
	long ret = poll_user(fds, nfds, deadline);

	if (ret != -ERESTARTSYS)
		return ret;
	current->restart.fn = poll_restart;
	current->restart.arg[0] = (u64)fds;
	current->restart.arg[1] = nfds;
	current->restart.arg[2] = deadline;
	return -ERESTART_RESTARTBLOCK;
}

long sys_ppoll(struct pollfd __user *fds, unsigned int nfds,
	       struct __kernel_timespec __user *timeout, const u64 __user *umask, size_t sigsetsize)
{
	u64 deadline;
	long ret = poll_deadline_user(timeout, &deadline);

	if (!ret && umask)
		ret = signal_set_user_mask(umask, sigsetsize);
	if (ret)
		return ret;
	ret = poll_user(fds, nfds, deadline);
	if (umask)
		signal_restore_saved_mask_unless(ret == -ERESTARTSYS);
	return poll_result(ret, poll_write_left(timeout, deadline));
}
