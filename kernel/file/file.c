/*
 * Open files: life.
 *
 * The memory is type-safe under RCU: a lock-free lookup may take a reference on a file that died
 * and was born again as another, and then sees that the table's slot has changed.  A free file has
 * no references, so such a lookup fails on it.
 *
 * The last put may come under any lock: closing is left to the task's way out of the kernel, or to
 * a worker where there is no such way.
 */
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file_impl.h>
#include <kernel/frame/frame.h>
#include <kernel/notify/notify.h>
#include <kernel/poll/poll.h>
#include <kernel/procfs/procfs.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/vfs/vfs.h>
#include <kernel/work/work.h>
#include <asm-generic/fcntl.h>
#include <asm/fcntl.h>
#include <linux/inotify.h>

static struct slab_cache *file_cache;
static u64 file_count;
u64 file_max; /* a tenth of memory, at 1 KiB a file */
SYSCTL_U64("fs/file-max", 0644, &file_max, 0, 0x7fffffffffffffff);

static struct task_callback *late; /* atomic list */
static struct work late_work;

const struct file_ops file_dead_ops;

static_assert(sizeof(struct task_callback) == sizeof(struct rcu_head), "one storage for both");

int file_alloc(u32 flags, const struct file_ops *ops, struct file **out)
{
	struct file *f;

	if (unlikely(__atomic_add_fetch(&file_count, 1, __ATOMIC_RELAXED) > file_max) &&
	    !capable(CAP_SYS_ADMIN)) {
		__atomic_sub_fetch(&file_count, 1, __ATOMIC_RELAXED);
		return -ENFILE;
	}
	f = slab_alloc(file_cache, GFP_KERNEL);
	if (!f) {
		__atomic_sub_fetch(&file_count, 1, __ATOMIC_RELAXED);
		return -ENOMEM;
	}
	memset(f, 0, sizeof(*f));
	f->flags = flags;
	f->ops = ops;
	mutex_init(&f->pos_lock, LK_FILE_POS);
	spin_init(&f->lock, LK_SPIN_LEAF);
	list_init(&f->epolls);
	f->cred = cred_get(current_cred());
	smp_store_release(&f->refs, 1);
	*out = f;
	return 0;
}

bool file_tryget(struct file *f)
{
	return ref_tryget(&f->refs);
}

static void file_close(struct file *f)
{
	if (f->ops != &file_dead_ops)
		notify_file(f, f->mode & FMODE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	/* Who took the last item off may still hold the lock. */
	if (!list_empty(&f->epolls) || spin_is_locked(&f->lock))
		poll_file_release(f);
	if (f->inode && !(f->mode & FMODE_PATH))
		locks_close(f, NULL);
	if (unlikely(f->mode & FMODE_ASYNC))
		(void)f->ops->fasync(f, -1, false);
	if (f->ops->release)
		f->ops->release(f);
	if (f->mode & FMODE_WRITER) {
		__atomic_sub_fetch(&f->inode->writers, 1, __ATOMIC_RELEASE);
		__atomic_sub_fetch(&f->path.mnt->writers, 1, __ATOMIC_RELAXED);
	}
	if (unlikely(f->owner))
		file_drop_owner(f);
	cred_put(f->cred);
	if (unlikely(f->mode & FMODE_DETACHED))
		mount_dissolve(f->path.mnt);
	if (f->path.dentry)
		path_put(&f->path);
	slab_free(file_cache, f);
	__atomic_sub_fetch(&file_count, 1, __ATOMIC_RELAXED);
}

void file_put_now(struct file *f)
{
	if (f && !__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL))
		file_close(f);
}

static void close_callback(struct task_callback *cb)
{
	struct rcu_head *head = (struct rcu_head *)cb;

	file_close(container_of(head, struct file, rcu));
}

static void close_late(struct work *w)
{
	struct task_callback *cb = xchg(&late, NULL);

	(void)w;
	while (cb) {
		struct task_callback *next = cb->next;

		close_callback(cb);
		cb = next;
	}
}

void file_put(struct file *f)
{
	struct task_callback *cb;

	if (!f || __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL))
		return;
	cb = (struct task_callback *)&f->rcu;
	if (current->mm && !(current->flags & (TF_KTHREAD | TF_EXITING))) {
		cb->fn = close_callback;
		task_callback_add(current, cb);
		return;
	}
	cb->next = READ_ONCE(late);
	while (!try_cmpxchg(&late, &cb->next, cb))
		;
	(void)work_queue(&late_work);
}

void files_usage(u64 *open, u64 *max)
{
	*open = READ_ONCE(file_count);
	*max = file_max;
}

void fdtable_init(void);

void file_system_init(void)
{
	struct frame_stats st;

	frame_stats(&st);
	file_max = max_t(u64, (st.total << (PAGE_SHIFT - 10)) / 10, 8192);
	file_cache = SLAB_CACHE_BOOT(file, SLAB_TYPESAFE_RCU | SLAB_ALIGN_CACHELINE);
	work_init(&late_work, close_late);
	fdtable_init();
}
