/*
 * signalfd(2): pending signals of the reader as records.
 *
 * A poll hooks the reader's process queue, so that queue must outlive the hook: the file keeps a
 * reference on each process that has polled it (nearly always one).
 */
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/poll/poll.h>
#include <kernel/seq/seq.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <linux/signalfd.h>

struct signalfd_poller {
	struct signalfd_poller *next;
	struct process *process; /* +1 */
};

struct signalfd {
	struct spinlock lock;		 /* LK_SPIN_LEAF */
	sigmask mask;			 /* lock for change */
	struct signalfd_poller *pollers; /* lock */
};

/* The layout of signalfd(2) from what a signal carries. */
static void signalfd_fill(struct signalfd_siginfo *out, const struct siginfo *si)
{
	memset(out, 0, sizeof(*out));
	out->ssi_signo = (u32)si->si_signo;
	out->ssi_errno = si->si_errno;
	out->ssi_code = si->si_code;
	if (si->si_code == SI_TIMER) {
		out->ssi_tid = (u32)si->si_tid;
		out->ssi_overrun = (u32)si->si_overrun;
		out->ssi_ptr = (u64)si->si_ptr;
		out->ssi_int = si->si_int;
	} else if (si->si_code > 0 && (si->si_signo == SIGPOLL)) {
		out->ssi_band = (u32)si->si_band;
		out->ssi_fd = si->si_fd;
	} else if (si->si_code > 0 && si->si_code != SI_KERNEL && si->si_signo == SIGCHLD) {
		out->ssi_pid = (u32)si->si_pid;
		out->ssi_uid = si->si_uid;
		out->ssi_status = si->si_status;
		out->ssi_utime = (u64)si->si_utime;
		out->ssi_stime = (u64)si->si_stime;
	} else if (si->si_code > 0 && si->si_code != SI_KERNEL &&
		   (SIGMASK(si->si_signo) & (SIGMASK(SIGSEGV) | SIGMASK(SIGBUS) | SIGMASK(SIGILL) |
					     SIGMASK(SIGFPE) | SIGMASK(SIGTRAP)))) {
		out->ssi_addr = (u64)si->si_addr;
	} else {
		out->ssi_pid = (u32)si->si_pid;
		out->ssi_uid = si->si_uid;
		out->ssi_ptr = (u64)si->si_ptr;
		out->ssi_int = si->si_int;
	}
}

/* Number of the next signal, 0 when none, -ERESTARTSYS. */
static int signalfd_next(struct signalfd *s, struct siginfo *si, bool nonblock)
{
	struct wait_queue *q = signal_wait_queue(current);
	int sig, err;

	sig = signal_dequeue(READ_ONCE(s->mask), si);
	if (sig || nonblock)
		return sig;
	err = wait_event_interruptible(q, (sig = signal_dequeue(READ_ONCE(s->mask), si)) != 0);
	return err ? err : sig;
}

static ssize_t signalfd_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct signalfd *s = f->private_data;
	bool nonblock = f->flags & O_NONBLOCK;
	ssize_t done = 0;

	(void)pos;
	if (u->left < sizeof(struct signalfd_siginfo))
		return -EINVAL;
	while (u->left >= sizeof(struct signalfd_siginfo)) {
		struct signalfd_siginfo rec;
		struct siginfo si;
		int sig = signalfd_next(s, &si, nonblock || done);

		if (sig < 0)
			return done ? done : sig;
		if (!sig)
			return done ? done : -EAGAIN;
		signalfd_fill(&rec, &si);
		if (uio_copy_to(u, &rec, sizeof(rec)) != sizeof(rec))
			return done ? done : -EFAULT;
		done += (ssize_t)sizeof(rec);
	}
	return done;
}

static bool signalfd_knows(const struct signalfd *s, const struct process *p)
{
	for (const struct signalfd_poller *i = s->pollers; i; i = i->next)
		if (i->process == p)
			return true;
	return false;
}

/* Keeps current's process until the file is released.  false: no memory. */
static bool signalfd_pin(struct signalfd *s)
{
	struct signalfd_poller *n;
	bool known;

	spin_lock(&s->lock);
	known = signalfd_knows(s, current->process);
	spin_unlock(&s->lock);
	if (known)
		return true;
	n = kmalloc(sizeof(*n));
	if (!n)
		return false;
	n->process = process_get(current->process);
	spin_lock(&s->lock);
	n->next = s->pollers;
	s->pollers = n;
	spin_unlock(&s->lock);
	return true;
}

static u32 signalfd_poll(struct file *f, struct poll_table *pt)
{
	struct signalfd *s = f->private_data;
	struct task *t = current;
	sigmask pending;

	if (pt && pt->queue && signalfd_pin(s))
		poll_wait(pt, f, signal_wait_queue(t));
	smp_rmb();
	pending = READ_ONCE(t->pending.mask) | READ_ONCE(t->process->pending.mask);
	return pending & READ_ONCE(s->mask) ? EPOLLIN : 0;
}

static void signalfd_release(struct file *f)
{
	struct signalfd *s = f->private_data;

	while (s->pollers) {
		struct signalfd_poller *n = s->pollers;

		s->pollers = n->next;
		process_put(n->process);
		kfree(n);
	}
	kfree(s);
}

static void signalfd_fdinfo(struct file *f, struct seq *s)
{
	struct signalfd *sfd = f->private_data;

	seq_printf(s, "sigmask:\t%016llx\n", (unsigned long long)READ_ONCE(sfd->mask));
}

static const struct file_ops signalfd_ops = {
	.read = signalfd_read,
	.lseek = noop_lseek,
	.poll = signalfd_poll,
	.release = signalfd_release,
	.fdinfo = signalfd_fdinfo,
};

static int signalfd_change(int fd, sigmask mask)
{
	struct fd_ref ref = fd_get((unsigned int)fd);
	struct signalfd *s;

	if (!ref.file)
		return -EBADF;
	if (ref.file->ops != &signalfd_ops) {
		fd_put(ref);
		return -EINVAL;
	}
	s = ref.file->private_data;
	WRITE_ONCE(s->mask, mask);
	fd_put(ref);
	wake_up(signal_wait_queue(current));
	return fd;
}

static int signalfd_new(sigmask mask, int flags)
{
	struct signalfd *s = kzalloc(sizeof(*s));
	struct file *f;
	int fd, err;

	if (!s)
		return -ENOMEM;
	spin_init(&s->lock, LK_SPIN_LEAF);
	s->mask = mask;
	err = file_create_anon("[signalfd]", &signalfd_ops, s, O_RDWR | (flags & SFD_NONBLOCK), &f);
	if (err) {
		kfree(s);
		return err;
	}
	err = fd_install_new(f, flags & SFD_CLOEXEC, &fd);
	if (err) {
		file_put(f);
		return err;
	}
	return fd;
}

long sys_signalfd4(int fd, const u64 __user *umask, size_t sigsetsize, int flags)
{
	sigmask mask;

	if (flags & ~(SFD_CLOEXEC | SFD_NONBLOCK))
		return -EINVAL;
	if (sigsetsize != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, umask, sizeof(mask)))
		return -EFAULT;
	mask &= ~SIGMASK_UNBLOCKABLE;
	return fd == -1 ? signalfd_new(mask, flags) : signalfd_change(fd, mask);
}

long sys_signalfd(int fd, const u64 __user *mask, size_t sigsetsize)
{
	return sys_signalfd4(fd, mask, sigsetsize, 0);
}
