/*
 * Descriptor tables.
 *
 * Lookups take no lock.  While nobody shares the table (files->refs is 1) only current can close a
 * descriptor, and it is busy with this call: the file is borrowed without a reference.  In a shared
 * table a reference is taken and the slot looked at again.  Changes take files->lock; a table that
 * grows is replaced and the old one freed by RCU.
 */
#include <kern/bit.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/file/file_impl.h>
#include <kernel/notify/notify.h>
#include <kernel/procfs/procfs.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <linux/close_range.h>
#include <linux/sched.h>

u64 fd_max = 1u << 20;
SYSCTL_U64("fs/nr_open", 0644, &fd_max, 64, 0x7fffffc0);

static struct slab_cache *files_cache;

void fdtable_init(void);
void fdtable_init(void)
{
	files_cache = SLAB_CACHE_BOOT(files, 0);
}

/* ---- lookup ---- */

static noinline struct fd_ref get_shared(struct files *files, unsigned int fd, u32 not_mode)
{
	struct fd_ref r = {NULL, false, false};

	rcu_read_lock();
	for (;;) {
		struct fdtable *t = rcu_dereference(files->table);
		struct file *f = fd < t->max ? rcu_dereference(t->fd[fd]) : NULL;

		if (!f)
			break;
		if (!file_tryget(f))
			continue;
		if (likely(READ_ONCE(t->fd[fd]) == f && READ_ONCE(files->table) == t)) {
			if (f->mode & not_mode) {
				rcu_read_unlock();
				file_put(f);
				return r;
			}
			r.file = f;
			r.owned = true;
			break;
		}
		rcu_read_unlock();
		file_put(f);
		rcu_read_lock();
	}
	rcu_read_unlock();
	return r;
}

static __always_inline struct fd_ref get(unsigned int fd, u32 not_mode)
{
	struct files *files = current->files;
	struct fdtable *t;
	struct file *f;

	if (unlikely(__atomic_load_n(&files->refs, __ATOMIC_ACQUIRE) != 1))
		return get_shared(files, fd, not_mode);
	t = files->table;
	f = likely(fd < t->max) ? t->fd[fd] : NULL;
	if (unlikely(!f || (f->mode & not_mode)))
		f = NULL;
	return (struct fd_ref){f, false, false};
}

struct fd_ref fd_get(unsigned int fd)
{
	return get(fd, FMODE_PATH);
}

struct fd_ref fd_get_path(unsigned int fd)
{
	return get(fd, 0);
}

struct fd_ref fd_get_pos(unsigned int fd)
{
	struct fd_ref r = get(fd, FMODE_PATH);

	if (r.file && (r.file->mode & FMODE_POS) &&
	    (r.owned || __atomic_load_n(&r.file->refs, __ATOMIC_RELAXED) > 1)) {
		mutex_lock(&r.file->pos_lock);
		r.pos_locked = true;
	}
	return r;
}

void fd_put_slow(struct fd_ref r)
{
	if (r.pos_locked)
		mutex_unlock(&r.file->pos_lock);
	if (unlikely(r.owned))
		file_put_now(r.file);
}

struct file *fd_file(unsigned int fd)
{
	struct fd_ref r = get(fd, FMODE_PATH);

	if (r.file && !r.owned)
		file_get(r.file);
	return r.file;
}

bool fd_is(unsigned int fd, const struct file *f)
{
	bool is;

	rcu_read_lock();
	struct fdtable *t = rcu_dereference(current->files->table);

	is = fd < t->max && rcu_dereference(t->fd[fd]) == f;
	rcu_read_unlock();
	return is;
}

/* ---- growth ---- */

static struct fdtable *table_alloc(u32 max)
{
	size_t bits = max / 8, fds = max * sizeof(struct file *);
	struct fdtable *t = kvmalloc(sizeof(*t) + fds + 2 * bits, GFP_ZERO);

	if (!t)
		return NULL;
	t->max = max;
	t->fd = (struct file **)(t + 1);
	t->open = (unsigned long *)(t->fd + max);
	t->cloexec = t->open + max / 64;
	return t;
}

static void table_copy(struct fdtable *to, const struct fdtable *from, u32 count)
{
	memcpy(to->fd, from->fd, count * sizeof(struct file *));
	memcpy(to->open, from->open, count / 8);
	memcpy(to->cloexec, from->cloexec, count / 8);
}

static void table_free_rcu(struct rcu_head *head)
{
	kvfree(container_of(head, struct fdtable, rcu));
}

/* Room for @fd; files->lock held, dropped and taken again. */
static int expand(struct files *files, u32 fd)
{
	struct fdtable *old, *t;
	u32 max;

	if (fd >= READ_ONCE(fd_max))
		return -EMFILE;
	max = files->table->max;
	while (max <= fd)
		max *= 4;
	spin_unlock(&files->lock);
	t = table_alloc(max);
	spin_lock(&files->lock);
	if (!t)
		return -ENOMEM;
	old = files->table;
	if (old->max >= max) {
		kvfree(t);
		return 0;
	}
	table_copy(t, old, old->max);
	rcu_assign_pointer(files->table, t);
	if (old != &files->first)
		rcu_call(&old->rcu, table_free_rcu);
	return 0;
}

/* ---- descriptors ---- */

static inline void set_cloexec(struct fdtable *t, u32 fd, bool on)
{
	if (on)
		__set_bit(fd, t->cloexec);
	else
		__clear_bit(fd, t->cloexec);
}

static int reserve_locked(struct files *files, u32 from, u32 limit, u32 o_cloexec, int *out)
{
	u32 fd;

	for (;;) {
		struct fdtable *t = files->table;
		int err;

		fd = max(from, files->next_fd);
		if (fd < t->max)
			fd = (u32)find_next_zero_bit(t->open, t->max, fd);
		if (fd >= limit)
			return -EMFILE;
		if (likely(fd < t->max))
			break;
		err = expand(files, fd);
		if (err)
			return err;
	}
	__set_bit(fd, files->table->open);
	set_cloexec(files->table, fd, o_cloexec);
	if (from <= files->next_fd)
		files->next_fd = fd + 1;
	*out = (int)fd;
	return 0;
}

static u32 nofile_limit(void)
{
	return (u32)min_t(u64, task_rlimit(RLIMIT_NOFILE), READ_ONCE(fd_max));
}

int fd_reserve(unsigned int from, u32 o_cloexec, int *out)
{
	struct files *files = current->files;
	u32 limit = nofile_limit();
	int err;

	spin_lock(&files->lock);
	err = reserve_locked(files, from, limit, o_cloexec, out);
	spin_unlock(&files->lock);
	return err;
}

static void unreserve_locked(struct files *files, u32 fd)
{
	__clear_bit(fd, files->table->open);
	if (fd < files->next_fd)
		files->next_fd = fd;
}

void fd_unreserve(int fd)
{
	struct files *files = current->files;

	spin_lock(&files->lock);
	unreserve_locked(files, (u32)fd);
	spin_unlock(&files->lock);
}

void fd_install(int fd, struct file *f)
{
	struct files *files = current->files;

	if (likely(__atomic_load_n(&files->refs, __ATOMIC_RELAXED) == 1)) {
		rcu_assign_pointer(files->table->fd[fd], f);
		return;
	}
	/* The table may be growing under another thread. */
	spin_lock(&files->lock);
	rcu_assign_pointer(files->table->fd[fd], f);
	spin_unlock(&files->lock);
}

int fd_install_new(struct file *f, u32 o_cloexec, int *out)
{
	int fd, err = fd_reserve(0, o_cloexec, &fd);

	if (err)
		return err;
	fd_install(fd, f);
	*out = fd;
	return 0;
}

int fd_install_pair(struct file *const f[2], u32 o_cloexec, int __user *fds)
{
	int fd[2], err = fd_reserve(0, o_cloexec, &fd[0]);

	if (err)
		return err;
	err = fd_reserve(0, o_cloexec, &fd[1]);
	if (err)
		goto unreserve_first;
	err = -EFAULT;
	if (copy_to_user(fds, fd, sizeof(fd)))
		goto unreserve_both;
	fd_install(fd[0], f[0]);
	fd_install(fd[1], f[1]);
	return 0;

unreserve_both:
	fd_unreserve(fd[1]);
unreserve_first:
	fd_unreserve(fd[0]);
	return err;
}

/* What close(2) does with a file that has left the table. */
static int close_file(struct file *f, struct files *files)
{
	int err = f->ops->flush ? f->ops->flush(f) : 0;

	/* The descriptor is gone before we look, as who sets a lock looks for it afterwards. */
	smp_mb();
	if (f->inode && !(f->mode & FMODE_PATH) && READ_ONCE(f->inode->locks))
		locks_close(f, files);
	if (unlikely(READ_ONCE(f->mode) & FMODE_DNOTIFY))
		dnotify_close(f, files);
	file_put_now(f);
	return err;
}

static struct file *take_locked(struct files *files, u32 fd)
{
	struct fdtable *t = files->table;
	struct file *f;

	if (fd >= t->max)
		return NULL;
	f = t->fd[fd];
	if (!f)
		return NULL;
	rcu_assign_pointer(t->fd[fd], NULL);
	unreserve_locked(files, fd);
	return f;
}

int fd_close(unsigned int fd)
{
	struct files *files = current->files;
	struct file *f;

	spin_lock(&files->lock);
	f = take_locked(files, fd);
	spin_unlock(&files->lock);
	return f ? close_file(f, files) : -EBADF;
}

/* Highest open descriptor + 1. */
static u32 last_open(const struct fdtable *t)
{
	u32 w = t->max / 64;

	while (w && !t->open[w - 1])
		w--;
	return w * 64;
}

int fd_close_range(unsigned int first, unsigned int last, u32 flags)
{
	struct files *files;
	int err;

	if (flags & ~(u32)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
		return -EINVAL;
	if (first > last)
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE) {
		err = files_unshare();
		if (err)
			return err;
	}
	files = current->files;
	spin_lock(&files->lock);
	for (u32 fd = first; fd <= last; fd++) {
		struct file *f;

		if (fd >= last_open(files->table))
			break;
		if (flags & CLOSE_RANGE_CLOEXEC) {
			if (test_bit(fd, files->table->open))
				__set_bit(fd, files->table->cloexec);
			continue;
		}
		f = take_locked(files, fd);
		if (!f)
			continue;
		spin_unlock(&files->lock);
		(void)close_file(f, files);
		spin_lock(&files->lock);
	}
	spin_unlock(&files->lock);
	return 0;
}

int fd_replace(unsigned int fd, struct file *f, u32 o_cloexec)
{
	struct files *files = current->files;
	struct file *old;
	int err = 0;

	if (fd >= nofile_limit())
		return -EBADF;
	spin_lock(&files->lock);
	if (fd >= files->table->max)
		err = expand(files, fd);
	/* Reserved by an open that is still under way. */
	if (!err && !files->table->fd[fd] && test_bit(fd, files->table->open))
		err = -EBUSY;
	if (err) {
		spin_unlock(&files->lock);
		return err;
	}
	old = files->table->fd[fd];
	__set_bit(fd, files->table->open);
	set_cloexec(files->table, fd, o_cloexec);
	rcu_assign_pointer(files->table->fd[fd], file_get(f));
	spin_unlock(&files->lock);
	if (old)
		(void)close_file(old, files);
	return (int)fd;
}

int fd_flags_get(unsigned int fd);
int fd_flags_get(unsigned int fd)
{
	struct files *files = current->files;
	bool on;

	spin_lock(&files->lock);
	on = fd < files->table->max && test_bit(fd, files->table->cloexec);
	spin_unlock(&files->lock);
	return on ? FD_CLOEXEC : 0;
}

void fd_flags_set(unsigned int fd, bool cloexec);
void fd_flags_set(unsigned int fd, bool cloexec)
{
	struct files *files = current->files;

	spin_lock(&files->lock);
	if (fd < files->table->max && files->table->fd[fd])
		set_cloexec(files->table, fd, cloexec);
	spin_unlock(&files->lock);
}

/* ---- tables ---- */

static struct files *files_alloc(void)
{
	struct files *files = slab_alloc(files_cache, GFP_KERNEL);

	if (!files)
		return NULL;
	memset(files, 0, sizeof(*files));
	files->refs = 1;
	spin_init(&files->lock, LK_FILES);
	files->first = (struct fdtable){.max = FD_INLINE,
					.fd = files->inline_fd,
					.open = files->inline_open,
					.cloexec = files->inline_cloexec};
	files->table = &files->first;
	return files;
}

struct files *files_create_init(void)
{
	return files_alloc();
}

static void discard(struct files *files)
{
	if (files->table != &files->first)
		kvfree(files->table);
	slab_free(files_cache, files);
}

/* -ENOMEM, -EMFILE: fs.nr_open is less by now than what is open. */
static int duplicate(struct files *from, struct files **out)
{
	struct files *files = files_alloc();
	u32 count;

	if (!files)
		return -ENOMEM;
	spin_lock(&from->lock);
	while ((count = last_open(from->table)) > files->table->max) {
		struct fdtable *t;
		u32 size = from->table->max;

		spin_unlock(&from->lock);
		bool allowed = count <= READ_ONCE(fd_max);

		t = allowed ? table_alloc(size) : NULL;
		if (!t) {
			discard(files);
			return allowed ? -ENOMEM : -EMFILE;
		}
		if (files->table != &files->first)
			kvfree(files->table);
		files->table = t;
		spin_lock(&from->lock);
	}
	table_copy(files->table, from->table, count);
	files->next_fd = from->next_fd;
	for (u32 fd = 0; fd < count; fd++) {
		struct file *f = files->table->fd[fd];

		if (f)
			file_get(f);
		else if (test_bit(fd, files->table->open))
			unreserve_locked(files, fd);
	}
	spin_unlock(&from->lock);
	*out = files;
	return 0;
}

int files_copy(struct task *child, u64 clone_flags)
{
	struct files *from = current->files;

	child->files = NULL;
	if (!from)
		return 0;
	if (clone_flags & CLONE_FILES) {
		child->files = files_get(from);
		return 0;
	}
	return duplicate(from, &child->files);
}

int files_unshare(void)
{
	struct files *old = current->files, *files;

	if (__atomic_load_n(&old->refs, __ATOMIC_ACQUIRE) == 1)
		return 0;
	int err = duplicate(old, &files);

	if (err)
		return err;
	spin_lock(&current->alloc_lock);
	current->files = files;
	spin_unlock(&current->alloc_lock);
	files_put(old);
	return 0;
}

void files_exec(void)
{
	struct files *files = current->files;
	u32 count;

	spin_lock(&files->lock);
	count = last_open(files->table);
	for (u32 w = 0; w < count / 64; w++) {
		while (files->table->cloexec[w] & files->table->open[w]) {
			unsigned long both = files->table->cloexec[w] & files->table->open[w];
			u32 fd = w * 64 + (u32)__builtin_ctzl(both);
			struct file *f = take_locked(files, fd);

			__clear_bit(fd, files->table->cloexec);
			if (!f)
				continue;
			spin_unlock(&files->lock);
			(void)close_file(f, files);
			spin_lock(&files->lock);
		}
	}
	spin_unlock(&files->lock);
}

struct files *files_get(struct files *files)
{
	__atomic_fetch_add(&files->refs, 1, __ATOMIC_RELAXED);
	return files;
}

void files_put(struct files *files)
{
	struct fdtable *t;
	u32 count;

	if (!files || __atomic_sub_fetch(&files->refs, 1, __ATOMIC_ACQ_REL))
		return;
	t = files->table;
	count = last_open(t);
	for (u32 fd = 0; fd < count; fd++) {
		if (t->fd[fd])
			(void)close_file(t->fd[fd], files);
	}
	if (t != &files->first)
		kvfree(t);
	slab_free(files_cache, files);
}

u32 files_table_size(struct files *files)
{
	u32 size;

	rcu_read_lock();
	size = rcu_dereference(files->table)->max;
	rcu_read_unlock();
	return size;
}

struct file *files_next(struct files *files, unsigned int *fd, u32 *cloexec)
{
	struct fdtable *t;
	struct file *f = NULL;

	spin_lock(&files->lock);
	t = files->table;
	for (u32 n = *fd; n < t->max; n++) {
		n = (u32)find_next_bit(t->open, t->max, n);
		if (n >= t->max)
			break;
		if (!t->fd[n])
			continue;
		f = file_get(t->fd[n]);
		*fd = n;
		if (cloexec)
			*cloexec = test_bit(n, t->cloexec) ? O_CLOEXEC : 0;
		break;
	}
	spin_unlock(&files->lock);
	return f;
}

/* ---- system calls ---- */

long sys_close(int fd)
{
	int err = fd_close((unsigned int)fd);

	/* The descriptor is gone: the call must not be restarted. */
	if (unlikely(err <= -ERESTARTSYS && err >= -ERESTART_RESTARTBLOCK))
		err = -EINTR;
	return err;
}

long sys_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	return fd_close_range(first, last, flags);
}

long sys_dup(int fd)
{
	struct fd_ref r = fd_get_path((unsigned int)fd);
	int out = -1, err;

	if (!r.file)
		return -EBADF;
	err = fd_install_new(file_get(r.file), 0, &out);
	if (err)
		file_put(r.file);
	fd_put(r);
	return err ? err : out;
}

static long dup_to(int oldfd, int newfd, int flags)
{
	struct fd_ref r = fd_get_path((unsigned int)oldfd);
	int ret;

	if (!r.file)
		return -EBADF;
	ret = oldfd == newfd ? newfd
			     : fd_replace((unsigned int)newfd, r.file, (u32)flags & O_CLOEXEC);
	fd_put(r);
	return ret;
}

long sys_dup2(int oldfd, int newfd)
{
	return dup_to(oldfd, newfd, 0);
}

long sys_dup3(int oldfd, int newfd, int flags)
{
	if ((flags & ~O_CLOEXEC) || oldfd == newfd)
		return -EINVAL;
	return dup_to(oldfd, newfd, flags);
}
