/*
 * The system calls of advisory locks, and how they are shown: /proc/locks, /proc/PID/fdinfo.
 */
#include "locks_impl.h"

#include <kernel/file/file_impl.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/syscall/syscall.h>
#include <asm/fcntl.h>

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

/* Locks remember the machine's number of their owner; 0: it has none in @ns, or is gone. */
static int pid_as_seen(const struct file_lock *l, const struct pid_ns *ns)
{
	int nr = l->pid;
	struct pid *pid;

	if (ns == &pid_ns_init || l->kind == KIND_OFD)
		return nr;
	pid = pid_find_in(&pid_ns_init, nr);
	if (!pid)
		return 0;
	nr = pid_nr_in(pid, ns);
	pid_put(pid);
	return nr;
}

static long get_lock(struct file *f, const struct file_lock *want, struct flock *fl,
		     struct flock __user *ufl)
{
	struct file_locks *locks = smp_load_acquire(&f->inode->locks);
	struct file_lock *c = NULL;

	fl->l_type = F_UNLCK;
	if (locks) {
		guard(spin)(&locks->lock);
		c = lock_conflict(&locks->posix.ranges, want);
		if (c) {
			fl->l_type = c->type;
			fl->l_whence = SEEK_SET;
			fl->l_start = c->start;
			fl->l_len = c->end == S64_MAX ? 0 : c->end - c->start + 1;
			fl->l_pid = pid_as_seen(c, task_pid_ns(current));
		}
	}
	return copy_to_user(ufl, fl, sizeof(*fl)) ? -EFAULT : 0;
}

long locks_fcntl(struct file *f, unsigned int fd, unsigned int cmd, struct flock __user *ufl)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	bool get = cmd == F_GETLK || cmd == F_OFD_GETLK;
	struct file_lock l = {.inode = f->inode,
			      .kind = ofd ? KIND_OFD : KIND_POSIX,
			      .owner = ofd ? (const void *)f : current->files,
			      .file = f,
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
	err = lock_set(&l, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	if (err || ofd || l.type == F_UNLCK)
		return err;
	/* Another thread may have closed the descriptor meanwhile, and its close saw no lock yet;
	 * pairs with the barrier in close. */
	smp_mb();
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
		l.file = f;
		err = lock_set(&l, !(cmd & LOCK_NB));
	}
	fd_put(r);
	return err;
}

/* ---- text ---- */

static void show_lock(struct seq *s, const struct file_lock *l, u64 n, int level, int pid)
{
	static const char *const kinds[] = {"POSIX ", "OFDLCK", "FLOCK "};

	seq_printf(s, "%llu: ", (unsigned long long)n);
	for (int i = 1; i < level; i++)
		seq_puts(s, " ");
	seq_printf(s, "%s%s ADVISORY  %s %d %02x:%02x:%llu %lld ", level ? "-> " : "",
		   kinds[l->kind], l->type == F_WRLCK ? "WRITE" : "READ", pid,
		   vfs_major(l->inode->super->dev), vfs_minor(l->inode->super->dev),
		   (unsigned long long)l->inode->ino, (long long)l->start);
	if (l->end == S64_MAX)
		seq_puts(s, "EOF\n");
	else
		seq_printf(s, "%lld\n", (long long)l->end);
}

struct show_ctx {
	struct seq *s;
	u64 n;
	bool hidden; /* the lock's owner, so those that wait for it too */
};

/* What belongs to processes that the reader's namespace does not have is not shown. */
static void show_one(void *ctx, const struct file_lock *l, int level)
{
	struct show_ctx *c = ctx;
	int pid = pid_as_seen(l, proc_seq_ns(c->s));

	if (!level) {
		c->hidden = !pid;
		c->n += pid != 0;
	}
	if (!c->hidden)
		show_lock(c->s, l, c->n, level, pid);
}

void locks_show(struct seq *s)
{
	struct show_ctx c = {.s = s};

	locks_for_each(show_one, &c);
}

void locks_show_file(struct seq *s, const struct file *f, const struct files *owner)
{
	struct file_locks *fl = smp_load_acquire(&f->inode->locks);
	u64 n = 0;

	if (!fl)
		return;
	guard(spin)(&fl->lock);
	for (int i = 0; i < 3; i++) {
		const struct lock_space *space = lock_space_of(fl, i ? KIND_POSIX : KIND_FLOCK);
		const struct file_lock *l = lock_first_of(space, i == 1 ? (const void *)owner : f);

		for (; l; l = lock_next_of(l)) {
			if (l->file != f)
				continue;
			seq_puts(s, "lock:\t");
			show_lock(s, l, ++n, 0, pid_as_seen(l, proc_seq_ns(s)));
		}
	}
}
