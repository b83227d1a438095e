/*
 * Signals when a file gets ready: fcntl(2) F_SETOWN, F_SETSIG, O_ASYNC.
 *
 * An object that can be asked (a pipe's end, a socket, a terminal) has a list of the open files
 * that want signals.  Whoever wakes the object's sleepers walks the list, under RCU and under no
 * lock.
 *
 * An entry that is taken off forgets its file first.  So an owner that was read from the file while
 * the entry still names it is that file's, even though the memory of files is used again.
 */
#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file_impl.h>
#include <kernel/poll/poll.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <linux/fcntl.h>

struct fasync_entry {
	struct fasync_entry *next; /* RCU; changed under fasync_lock */
	struct file *file;	   /* +0; NULL once it is off the list */
	int fd;
	struct rcu_head rcu;
};

static struct spinlock fasync_lock = SPINLOCK_INIT(LK_SPIN_LEAF);

/* ---- the owner ---- */

static void owner_free(struct rcu_head *head)
{
	kfree(container_of(head, struct file_owner, rcu));
}

/* A pid lives a grace period beyond its last reference, so readers under RCU are safe. */
static void owner_drop(struct file_owner *o)
{
	if (!o)
		return;
	if (o->pid)
		pid_put(o->pid);
	rcu_call(&o->rcu, owner_free);
}

/* Puts @fresh in the place of the owner; what it does not say is taken over from the old one. */
static void owner_replace(struct file *f, struct file_owner *fresh, bool keep_pid)
{
	struct file_owner *old;

	spin_lock(&f->lock);
	old = f->owner;
	if (old && keep_pid) {
		fresh->pid = old->pid ? pid_get(old->pid) : NULL;
		fresh->type = old->type;
		fresh->uid = old->uid;
		fresh->euid = old->euid;
	} else if (old) {
		fresh->signum = old->signum;
	}
	rcu_assign_pointer(f->owner, fresh);
	spin_unlock(&f->lock);
	owner_drop(old);
}

int file_set_owner(struct file *f, int type, int nr)
{
	struct file_owner *o = kzalloc(sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->type = type;
	if (nr) {
		o->pid = pid_find(nr);
		if (!o->pid) {
			kfree(o);
			return -ESRCH;
		}
		o->uid = current_cred()->uid;
		o->euid = current_cred()->euid;
	}
	owner_replace(f, o, false);
	return 0;
}

int file_default_owner(struct file *f)
{
	struct file_owner *o;
	bool has;

	rcu_read_lock();
	o = rcu_dereference(f->owner);
	has = o && o->pid;
	rcu_read_unlock();
	/* Whoever names one at the same time may win or lose. */
	return has ? 0 : file_set_owner(f, F_OWNER_PID, task_tgid(current));
}

int file_set_owner_signed(struct file *f, int who)
{
	if (who == INT_MIN)
		return -EINVAL;
	return who < 0 ? file_set_owner(f, F_OWNER_PGRP, -who)
		       : file_set_owner(f, F_OWNER_PID, who);
}

void file_get_owner(struct file *f, int *type, int *nr)
{
	struct file_owner *o;

	rcu_read_lock();
	o = rcu_dereference(f->owner);
	*type = o && o->pid ? o->type : F_OWNER_PID;
	*nr = o && o->pid ? pid_vnr(o->pid) : 0;
	rcu_read_unlock();
}

int file_get_owner_signed(struct file *f)
{
	int type, nr;

	file_get_owner(f, &type, &nr);
	return type == F_OWNER_PGRP ? -nr : nr;
}

int file_set_signal(struct file *f, int sig)
{
	struct file_owner *o = kzalloc(sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->signum = sig;
	o->type = F_OWNER_PID;
	owner_replace(f, o, true);
	return 0;
}

int file_get_signal(struct file *f)
{
	struct file_owner *o;
	int sig;

	rcu_read_lock();
	o = rcu_dereference(f->owner);
	sig = o ? o->signum : 0;
	rcu_read_unlock();
	return sig;
}

void file_drop_owner(struct file *f)
{
	owner_drop(f->owner);
	WRITE_ONCE(f->owner, NULL);
}

/* ---- sending ---- */

static const long band_of[] = {
	[POLL_IN] = EPOLLIN | EPOLLRDNORM,
	[POLL_OUT] = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND,
	[POLL_MSG] = EPOLLIN | EPOLLRDNORM | EPOLLMSG,
	[POLL_ERR] = EPOLLERR,
	[POLL_PRI] = EPOLLPRI | EPOLLRDBAND,
	[POLL_HUP] = EPOLLHUP | EPOLLERR,
};

/* The codes of these signals mean something else already. */
#define SIGMASK_OWN_CODES                                                         \
	(SIGMASK(SIGILL) | SIGMASK(SIGFPE) | SIGMASK(SIGSEGV) | SIGMASK(SIGBUS) | \
	 SIGMASK(SIGTRAP) | SIGMASK(SIGCHLD) | SIGMASK(SIGSYS))

static bool owner_may_signal(const struct file_owner *o, struct task *t)
{
	const struct cred *c = rcu_dereference(t->cred);

	return !o->euid || o->euid == c->suid || o->euid == c->uid || o->uid == c->suid ||
	       o->uid == c->uid;
}

static int send_one(struct task *t, bool thread, int sig, const struct siginfo *info)
{
	return thread ? signal_send_task(t, sig, info) : signal_send_process(t->process, sig, info);
}

/* Under RCU. */
static void send_to(struct task *t, const struct file_owner *o, int fd, int code)
{
	bool thread = o->type == F_OWNER_TID;
	struct siginfo info = {.si_signo = o->signum, .si_code = code};

	if (!owner_may_signal(o, t))
		return;
	if (o->signum) {
		if (o->signum < SIGRTMIN && (SIGMASK(o->signum) & SIGMASK_OWN_CODES))
			info.si_code = SI_SIGIO;
		info.si_band = band_of[code];
		info.si_fd = fd;
		if (!send_one(t, thread, o->signum, &info))
			return;
		/* The queue is full: SIGIO says that something was lost. */
	}
	(void)send_one(t, thread, SIGIO, NULL);
}

/* Under RCU.  Calls @send for each task that leads what @o names. */
static void for_each_owner(const struct file_owner *o, int fd, int code,
			   void (*send)(struct task *t, const struct file_owner *o, int fd,
					int code))
{
	struct process *p;
	struct task *t;

	if (!o || !o->pid)
		return;
	if (o->type == F_OWNER_PGRP) {
		list_for_each_entry_rcu(p, &o->pid->members[PID_PGRP], pgrp_link)
		{
			t = rcu_dereference(p->leader);
			if (t)
				send(t, o, fd, code);
		}
		return;
	}
	t = list_first_entry_or_null(&o->pid->members[PID_TASK], struct task, pid_link);
	if (t)
		send(t, o, fd, code);
}

static void send_plain(struct task *t, const struct file_owner *o, int fd, int sig)
{
	(void)fd;
	if (owner_may_signal(o, t))
		(void)send_one(t, o->type == F_OWNER_TID, sig, NULL);
}

void file_owner_signal(const struct file_owner *o, int sig)
{
	for_each_owner(o, -1, sig, send_plain);
}

void file_owner_notify(struct file *f, int fd, int code)
{
	rcu_read_lock();
	for_each_owner(rcu_dereference(f->owner), fd, code, send_to);
	rcu_read_unlock();
}

void fasync_send(struct fasync_list *l, int code)
{
	struct fasync_entry *e;

	rcu_read_lock();
	for (e = rcu_dereference(l->first); e; e = rcu_dereference(e->next)) {
		struct file *f = READ_ONCE(e->file);
		struct file_owner *o = f ? rcu_dereference(f->owner) : NULL;

		smp_rmb();
		if (!o || !READ_ONCE(e->file))
			continue;
		/* Without a signal of its own, urgent data is SIGURG's business alone. */
		if (code != POLL_PRI || o->signum)
			for_each_owner(o, e->fd, code, send_to);
	}
	rcu_read_unlock();
}

/* ---- the list ---- */

static void entry_free(struct rcu_head *head)
{
	kfree(container_of(head, struct fasync_entry, rcu));
}

static struct fasync_entry **entry_of(struct fasync_list *l, const struct file *f)
{
	struct fasync_entry **at = &l->first;

	while (*at && (*at)->file != f)
		at = &(*at)->next;
	return at;
}

void fasync_remove(struct fasync_list *l, struct file *f)
{
	struct fasync_entry **at, *e;

	spin_lock(&fasync_lock);
	at = entry_of(l, f);
	e = *at;
	if (e) {
		WRITE_ONCE(e->file, NULL);
		smp_wmb();
		rcu_assign_pointer(*at, e->next);
	}
	spin_unlock(&fasync_lock);
	if (e)
		rcu_call(&e->rcu, entry_free);
}

int fasync_set(struct fasync_list *l, struct file *f, int fd, bool on)
{
	struct fasync_entry *e, *there;

	if (!on) {
		fasync_remove(l, f);
		return 0;
	}
	e = kzalloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->file = f;
	e->fd = fd;
	spin_lock(&fasync_lock);
	/* Two F_SETFL at once may leave O_ASYNC off and the file listed: close asks this bit. */
	__atomic_fetch_or(&f->mode, FMODE_ASYNC, __ATOMIC_RELAXED);
	there = *entry_of(l, f);
	if (there) {
		WRITE_ONCE(there->fd, fd);
	} else {
		e->next = l->first;
		rcu_assign_pointer(l->first, e);
	}
	spin_unlock(&fasync_lock);
	if (there)
		kfree(e);
	return 0;
}
