/*
 * Advisory locks: fcntl(2) records (of a process: owner is its descriptor table; of an open file
 * description: owner is the file) and flock(2).
 *
 * One spinlock for all: locks are rare and short.  Sleepers wait on one queue and look again when
 * any lock goes. Deadlocks are looked for among process-owned records: each sleeper names the owner
 * it waits for, and a request whose chain of owners leads back to itself is refused.
 */
#include <kernel/file/file_impl.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/vfs_impl.h>
#include <asm/fcntl.h>

struct file_lock {
	struct list_head link; /* inode's list */
	struct list_head all;  /* for /proc/locks */
	struct inode *inode;
	const void *owner;
	loff_t start, end; /* inclusive */
	int pid;
	u8 type; /* F_RDLCK, F_WRLCK */
	u8 kind; /* KIND_* */
};

enum { KIND_POSIX, KIND_OFD, KIND_FLOCK };

struct waiter {
	struct list_head link;
	const void *owner, *blocker;
	const struct file_lock *want;
};

static struct spinlock locks_lock = SPINLOCK_INIT(LK_FILE_LOCKS);
static LIST_HEAD(all_locks);
static LIST_HEAD(waiters);
static struct wait_queue locks_wait;
static u64 unlock_count; /* sleepers look again when it changes */
static struct slab_cache *lock_cache;

void locks_init(void)
{
	lock_cache = SLAB_CACHE_BOOT(file_lock, 0);
	wait_queue_init(&locks_wait);
}

static void unlink_lock(struct file_lock *l, struct list_head *dead)
{
	list_del(&l->all);
	list_move(&l->link, dead);
	unlock_count++;
}

static void free_dead(struct list_head *dead)
{
	struct file_lock *l, *n;
	bool any = !list_empty(dead);

	list_for_each_entry_safe (l, n, dead, link)
		slab_free(lock_cache, l);
	if (any)
		wake_up_all(&locks_wait);
}

/* Those of an owner stand together, by start: F_GETLK tells the first. */
static void insert(struct file_lock *l, struct list_head *list)
{
	struct list_head *at = list;
	struct file_lock *o;

	list_for_each_entry (o, list, link) {
		if (o->owner != l->owner) {
			if (at != list)
				break;
			continue;
		}
		if (o->start > l->start) {
			at = &o->link;
			break;
		}
		at = o->link.next;
	}
	list_add_tail(&l->link, at);
	list_add_tail(&l->all, &all_locks);
}

static struct file_lock *find_conflict(struct list_head *list, const struct file_lock *want)
{
	struct file_lock *l;

	list_for_each_entry (l, list, link) {
		if (l->owner == want->owner || l->end < want->start || l->start > want->end)
			continue;
		if (l->type == F_WRLCK || want->type == F_WRLCK)
			return l;
	}
	return NULL;
}

/* Does @blocker wait, through others, for @owner? */
static bool would_deadlock(const void *owner, const void *blocker)
{
	for (int depth = 0; depth < 10; depth++) {
		struct waiter *w, *next = NULL;

		if (blocker == owner)
			return true;
		list_for_each_entry (w, &waiters, link) {
			if (w->owner == blocker) {
				next = w;
				break;
			}
		}
		if (!next)
			return false;
		blocker = next->blocker;
	}
	return false;
}

/*
 * Takes [start, end] away from the owner's records (trimming, splitting with @spare) and puts @want
 * there unless it unlocks; neighbours of the same type are joined.
 */
static void apply(struct list_head *list, struct file_lock *want, struct file_lock **spare,
		  struct list_head *dead)
{
	struct file_lock *l, *n;
	bool locking = want->type != F_UNLCK;

	list_for_each_entry_safe (l, n, list, link) {
		if (l->owner != want->owner)
			continue;
		if (locking && l->type == want->type &&
		    (l->end == S64_MAX || l->end + 1 >= want->start) &&
		    (want->end == S64_MAX || want->end + 1 >= l->start)) {
			want->start = min(want->start, l->start);
			want->end = max(want->end, l->end);
			unlink_lock(l, dead);
			continue;
		}
		if (l->end < want->start || l->start > want->end)
			continue;
		if (l->start < want->start && l->end > want->end) {
			struct file_lock *tail = *spare;

			*spare = NULL;
			*tail = *l;
			tail->start = want->end + 1;
			l->end = want->start - 1;
			insert(tail, list);
			unlock_count++;
		} else if (l->start < want->start) {
			l->end = want->start - 1;
			unlock_count++;
		} else if (l->end > want->end) {
			l->start = want->end + 1;
			unlock_count++;
		} else {
			unlink_lock(l, dead);
		}
	}
	if (locking)
		insert(want, list);
}

/* flock(2): a conversion gives up what it had first, and does not get it back if it fails. */
static void give_up_other_type(struct list_head *list, const struct file_lock *want,
			       struct list_head *dead)
{
	struct file_lock *l, *n;

	list_for_each_entry_safe (l, n, list, link) {
		if (l->owner == want->owner && l->type != want->type)
			unlink_lock(l, dead);
	}
}

/* One attempt.  1: done (consumes *want and perhaps *spare), 0: conflict, and the waiter is filled
 * in. */
static int try_lock(struct list_head *list, struct file_lock **want, struct file_lock **spare,
		    struct waiter *w, u64 *seen)
{
	struct file_lock *c = NULL;
	LIST_HEAD(dead);
	int ret = 0;

	spin_lock(&locks_lock);
	if ((*want)->kind == KIND_FLOCK && (*want)->type != F_UNLCK)
		give_up_other_type(list, *want, &dead);
	*seen = unlock_count;
	if ((*want)->type != F_UNLCK)
		c = find_conflict(list, *want);
	if (!c) {
		bool keep = (*want)->type != F_UNLCK;

		apply(list, *want, spare, &dead);
		if (keep)
			*want = NULL;
		if (w)
			list_del_init(&w->link);
		ret = 1;
	} else if (w) {
		if ((*want)->kind == KIND_POSIX && c->kind == KIND_POSIX &&
		    would_deadlock((*want)->owner, c->owner)) {
			ret = -EDEADLK;
		} else {
			w->blocker = c->owner;
			w->want = *want;
			if (list_empty(&w->link))
				list_add(&w->link, &waiters);
		}
	} else {
		ret = -EAGAIN;
	}
	spin_unlock(&locks_lock);
	free_dead(&dead);
	if (ret == 1)
		wake_up_all(&locks_wait);
	return ret;
}

static int set_lock(struct list_head *list, const struct file_lock *proto, bool wait)
{
	struct file_lock *want = slab_alloc(lock_cache, GFP_KERNEL);
	struct file_lock *spare = slab_alloc(lock_cache, GFP_KERNEL);
	struct waiter w = {.owner = proto->owner};
	u64 seen;
	int err = -ENOLCK;

	list_init(&w.link);
	if (!want || !spare)
		goto out;
	*want = *proto;
	while (!(err = try_lock(list, &want, &spare, wait ? &w : NULL, &seen))) {
		err = wait_event_interruptible(&locks_wait, READ_ONCE(unlock_count) != seen);
		if (err)
			break;
	}
	if (err == 1)
		err = 0;
	if (!list_empty(&w.link)) {
		spin_lock(&locks_lock);
		list_del(&w.link);
		spin_unlock(&locks_lock);
	}
out:
	if (want)
		slab_free(lock_cache, want);
	if (spare)
		slab_free(lock_cache, spare);
	return err;
}

/* ---- fcntl ---- */

static int range_of(struct file *f, const struct flock *fl, struct file_lock *l)
{
	loff_t base;

	switch (fl->l_whence) {
	case SEEK_SET:
		base = 0;
		break;
	case SEEK_CUR:
		base = f->pos;
		break;
	case SEEK_END:
		base = inode_size(f->inode);
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, fl->l_start, &base))
		return -EOVERFLOW;
	if (base < 0)
		return -EINVAL;
	l->start = base;
	if (fl->l_len > 0) {
		if (__builtin_add_overflow(base, fl->l_len - 1, &l->end))
			return -EOVERFLOW;
	} else if (fl->l_len < 0) {
		l->end = base - 1;
		l->start = base + fl->l_len;
		if (l->start < 0)
			return -EINVAL;
	} else {
		l->end = S64_MAX;
	}
	return 0;
}

/* Locks remember the machine's number of their owner; 0: it has none in @ns. */
static int pid_as_seen(int nr, const struct pid_ns *ns)
{
	struct pid *pid;

	if (ns == &pid_ns_init)
		return nr;
	pid = pid_find_in(&pid_ns_init, nr);
	if (!pid)
		return 0;
	nr = pid_nr_in(pid, ns);
	pid_put(pid);
	return nr;
}

static long get_lock(struct file *f, struct file_lock *want, struct flock *fl,
		     struct flock __user *ufl)
{
	struct file_lock *c;

	spin_lock(&locks_lock);
	c = find_conflict(&f->inode->posix_locks, want);
	fl->l_type = F_UNLCK;
	if (c) {
		fl->l_type = c->type;
		fl->l_whence = SEEK_SET;
		fl->l_start = c->start;
		fl->l_len = c->end == S64_MAX ? 0 : c->end - c->start + 1;
		fl->l_pid = c->kind == KIND_OFD ? -1 : pid_as_seen(c->pid, task_pid_ns(current));
	}
	spin_unlock(&locks_lock);
	return copy_to_user(ufl, fl, sizeof(*fl)) ? -EFAULT : 0;
}

long locks_fcntl(struct file *f, unsigned int fd, unsigned int cmd, struct flock __user *ufl)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	bool get = cmd == F_GETLK || cmd == F_OFD_GETLK;
	struct file_lock l = {.inode = f->inode,
			      .kind = ofd ? KIND_OFD : KIND_POSIX,
			      .owner = ofd ? (const void *)f : current->files,
			      .pid = ofd ? -1 : current->process->pid->nr};
	struct flock fl;
	struct fd_ref again;
	int err;

	if (copy_from_user(&fl, ufl, sizeof(fl)))
		return -EFAULT;
	if (ofd && fl.l_pid)
		return -EINVAL;
	if (fl.l_type != F_RDLCK && fl.l_type != F_WRLCK && (get || fl.l_type != F_UNLCK))
		return -EINVAL;
	l.type = (u8)fl.l_type;
	err = range_of(f, &fl, &l);
	if (err)
		return err;
	if (get)
		return get_lock(f, &l, &fl, ufl);
	if ((l.type == F_RDLCK && !(f->mode & FMODE_READ)) ||
	    (l.type == F_WRLCK && !(f->mode & FMODE_WRITE)))
		return -EBADF;
	err = set_lock(&f->inode->posix_locks, &l, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	if (err || ofd || l.type == F_UNLCK)
		return err;
	/* Another thread may have closed the descriptor meanwhile, and its close saw no lock yet.
	 */
	again = fd_get(fd);
	if (again.file != f) {
		locks_close(f, current->files);
		err = -EBADF;
	}
	if (again.file)
		fd_put(again);
	return err;
}

/* ---- flock ---- */

long sys_flock(int fd, unsigned int cmd)
{
	struct fd_ref r = fd_get((unsigned int)fd);
	struct file *f = r.file;
	struct file_lock l = {.kind = KIND_FLOCK, .start = 0, .end = S64_MAX};
	int err = 0;

	if (!f)
		return -EBADF;
	switch (cmd & ~(unsigned int)LOCK_NB) {
	case LOCK_SH:
		l.type = F_RDLCK;
		break;
	case LOCK_EX:
		l.type = F_WRLCK;
		break;
	case LOCK_UN:
		l.type = F_UNLCK;
		break;
	default:
		err = -EINVAL;
	}
	if (!err && l.type != F_UNLCK && !(f->mode & (FMODE_READ | FMODE_WRITE)))
		err = -EBADF;
	if (!err) {
		l.inode = f->inode;
		l.owner = f;
		l.pid = current->process->pid->nr;
		err = set_lock(&f->inode->flock_locks, &l, !(cmd & LOCK_NB));
	}
	fd_put(r);
	return err;
}

/* ---- ends ---- */

static void drop_owner(struct list_head *list, const void *owner, struct list_head *dead)
{
	struct file_lock *l, *n;

	list_for_each_entry_safe (l, n, list, link) {
		if (l->owner == owner)
			unlink_lock(l, dead);
	}
}

void locks_close(struct file *f, struct files *owner)
{
	struct inode *i = f->inode;
	LIST_HEAD(dead);

	if (list_empty(&i->posix_locks) && list_empty(&i->flock_locks))
		return;
	spin_lock(&locks_lock);
	if (owner) {
		drop_owner(&i->posix_locks, owner, &dead);
	} else {
		drop_owner(&i->posix_locks, f, &dead);
		drop_owner(&i->flock_locks, f, &dead);
	}
	spin_unlock(&locks_lock);
	free_dead(&dead);
}

void locks_inode_free(struct inode *i)
{
	WARN_ON(!list_empty(&i->posix_locks) || !list_empty(&i->flock_locks));
}

static void show_lock(struct seq *s, const struct file_lock *l, int n, bool waits)
{
	static const char *const kinds[] = {"POSIX ", "OFDLCK", "FLOCK "};
	int pid = l->kind == KIND_OFD ? -1 : pid_as_seen(l->pid, proc_seq_ns(s));

	seq_printf(s, "%d: %s%s ADVISORY  %s %d %02x:%02x:%llu %lld ", n, waits ? "-> " : "",
		   kinds[l->kind], l->type == F_WRLCK ? "WRITE" : "READ", pid,
		   vfs_major(l->inode->super->dev), vfs_minor(l->inode->super->dev),
		   (unsigned long long)l->inode->ino, (long long)l->start);
	if (l->end == S64_MAX)
		seq_puts(s, "EOF\n");
	else
		seq_printf(s, "%lld\n", (long long)l->end);
}

/* Each lock with those who wait for its owner behind it; not those of strangers. */
void locks_show(struct seq *s)
{
	struct file_lock *l;
	struct waiter *w;
	int n = 1;

	spin_lock(&locks_lock);
	list_for_each_entry (l, &all_locks, all) {
		if (l->kind != KIND_OFD && !pid_as_seen(l->pid, proc_seq_ns(s))) {
			n++;
			continue;
		}
		show_lock(s, l, n, false);
		list_for_each_entry (w, &waiters, link) {
			if (w->blocker == l->owner && w->want->inode == l->inode &&
			    w->want->start <= l->end && w->want->end >= l->start)
				show_lock(s, w->want, n, true);
		}
		n++;
	}
	spin_unlock(&locks_lock);
}
