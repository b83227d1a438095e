/*
 * Descriptors in flight: how many a user has, and sockets that only messages still hold.
 *
 * A socket whose every reference is in messages, all of them in queues of such sockets, can never
 * be received again.  The collector looks for these as a set: sockets with as many references in
 * flight as they have at all are suspects; references from queues of suspects do not count; what
 * has others is reachable, and so is everything in its queue.  The rest loses its messages with
 * descriptors, which closes it.
 *
 * All counts change under flight_lock, and a descriptor that is looked at (MSG_PEEK) or received
 * gets its new holder under it, so that a scan sees each reference once.  A socket in the hands of
 * a running call has a reference that is not in flight.
 */
#include <net/unix/unix_impl.h>

#include <kernel/boot/boot.h>
#include <kernel/bus/bus.h>
#include <kernel/work/work.h>
#include <linux/capability.h>

/* So many sockets in flight make a sender collect before it adds more. */
#define FLIGHT_CROWD 16000u

static struct spinlock flight_lock = SPINLOCK_INIT(LK_SOCK_FLIGHT);
static LIST_HEAD(flying); /* sockets in flight; flight_lock */
static u32 flying_count;  /* references to them; flight_lock */
static struct work collect_work;

static struct unix_sock *unix_of_file(struct file *f)
{
	struct socket *s = socket_of_file(f);

	return s && s->family == AF_UNIX ? s->sk : NULL;
}

/* ---- counting ---- */

static void file_departs(struct file *f)
{
	struct unix_sock *sk = unix_of_file(f);

	if (!sk)
		return;
	if (!sk->flights++)
		list_add_tail(&sk->flight_link, &flying);
	flying_count++;
}

static void file_arrives(struct file *f)
{
	struct unix_sock *sk = unix_of_file(f);

	if (!sk)
		return;
	if (!--sk->flights)
		list_del_init(&sk->flight_link);
	flying_count--;
}

static bool too_many(const struct cred_user *u)
{
	s64 n = __atomic_load_n(&u->unix_inflight, __ATOMIC_RELAXED);

	return n > 0 && (u64)n > task_rlimit(RLIMIT_NOFILE) && !capable(CAP_SYS_RESOURCE) &&
	       !capable(CAP_SYS_ADMIN);
}

int unix_flight_begin(struct unix_scm *scm)
{
	struct cred_user *u = current_cred()->user;

	if (!scm->file_count || scm->user)
		return 0;
	if (too_many(u))
		return -ETOOMANYREFS;
	if (READ_ONCE(flying_count) > FLIGHT_CROWD) {
		(void)work_queue(&collect_work);
		work_flush(&collect_work);
	}
	scm->user = cred_user_get(u);
	__atomic_fetch_add(&u->unix_inflight, (s32)scm->file_count, __ATOMIC_RELAXED);
	spin_lock(&flight_lock);
	for (u32 i = 0; i < scm->file_count; i++)
		file_departs(scm->files[i]);
	spin_unlock(&flight_lock);
	return 0;
}

void unix_flight_end(struct unix_scm *scm)
{
	if (!scm->user)
		return;
	spin_lock(&flight_lock);
	for (u32 i = 0; i < scm->file_count; i++)
		file_arrives(scm->files[i]);
	spin_unlock(&flight_lock);
	__atomic_fetch_sub(&scm->user->unix_inflight, (s32)scm->file_count, __ATOMIC_RELAXED);
	cred_user_put(scm->user);
	scm->user = NULL;
}

void unix_flight_peek(const struct unix_scm *scm)
{
	spin_lock(&flight_lock);
	for (u32 i = 0; i < scm->file_count; i++)
		file_get(scm->files[i]);
	spin_unlock(&flight_lock);
}

/* ---- the collector ---- */

/* Calls @fn for each suspect that a message in @sk's queue holds; sk->lock is held. */
static void each_suspect_in_queue(struct unix_sock *sk, void (*fn)(struct unix_sock *held))
{
	struct unix_msg *m;

	list_for_each_entry (m, &sk->queue, link)
		for (u32 i = 0; m->scm.user && i < m->scm.file_count; i++) {
			struct unix_sock *held = unix_of_file(m->scm.files[i]);

			if (held && held->suspect)
				fn(held);
		}
}

/* The same for a listener: in the queues of the connections that wait. */
static void each_suspect_in(struct unix_sock *sk, void (*fn)(struct unix_sock *held))
{
	struct unix_sock *p;

	spin_lock(&sk->lock);
	each_suspect_in_queue(sk, fn);
	list_for_each_entry (p, &sk->pending, pending_link) {
		spin_lock_nested(&p->lock, 1);
		each_suspect_in_queue(p, fn);
		spin_unlock(&p->lock);
	}
	spin_unlock(&sk->lock);
}

static void held_inside(struct unix_sock *held)
{
	held->outside--;
}

static struct list_head *reachable; /* flight_lock: to be looked into */

static void held_by_reachable(struct unix_sock *held)
{
	held->suspect = false;
	list_move_tail(&held->flight_link, reachable);
}

static bool is_suspect(struct unix_sock *sk)
{
	struct file *f = sk->sock ? sk->sock->file : NULL;

	/* More references than in flight: somebody has a descriptor, or works with it. */
	return f && __atomic_load_n(&f->refs, __ATOMIC_ACQUIRE) == sk->flights;
}

/* Leaves in @garbage what nobody can reach; flight_lock held, all else back in `flying`. */
static void find_garbage(struct list_head *garbage)
{
	LIST_HEAD(found);
	LIST_HEAD(done);
	struct unix_sock *sk, *next;

	list_for_each_entry_safe (sk, next, &flying, flight_link) {
		sk->suspect = is_suspect(sk);
		sk->outside = sk->flights;
		if (sk->suspect)
			list_move_tail(&sk->flight_link, garbage);
	}
	list_for_each_entry (sk, garbage, flight_link)
		each_suspect_in(sk, held_inside);
	reachable = &found;
	list_for_each_entry_safe (sk, next, garbage, flight_link)
		if (sk->outside > 0)
			held_by_reachable(sk);
	while (!list_empty(&found)) {
		sk = list_first_entry(&found, struct unix_sock, flight_link);
		list_move_tail(&sk->flight_link, &done);
		each_suspect_in(sk, held_by_reachable);
	}
	list_splice_tail_init(&done, &flying);
}

static void take_messages(struct unix_sock *sk, struct list_head *messages)
{
	struct unix_msg *m, *next;

	list_for_each_entry_safe (m, next, &sk->queue, link)
		if (m->scm.user) {
			unix_queue_remove(sk, m);
			list_add_tail(&m->link, messages);
		}
}

/* What unreachable sockets hold: closing that ends them too. */
static void empty_garbage(struct list_head *garbage, struct list_head *messages)
{
	struct unix_sock *sk, *p;

	list_for_each_entry (sk, garbage, flight_link) {
		sk->suspect = false;
		spin_lock(&sk->lock);
		take_messages(sk, messages);
		list_for_each_entry (p, &sk->pending, pending_link) {
			spin_lock_nested(&p->lock, 1);
			take_messages(p, messages);
			spin_unlock(&p->lock);
		}
		spin_unlock(&sk->lock);
	}
	list_splice_tail_init(garbage, &flying);
}

static void collect(struct work *w)
{
	LIST_HEAD(garbage);
	LIST_HEAD(messages);
	struct unix_msg *m, *next;

	(void)w;
	spin_lock(&flight_lock);
	find_garbage(&garbage);
	empty_garbage(&garbage, &messages);
	spin_unlock(&flight_lock);
	list_for_each_entry_safe (m, next, &messages, link)
		unix_msg_free(m);
}

void unix_flight_closed(void)
{
	if (READ_ONCE(flying_count))
		(void)work_queue(&collect_work);
}

/* The collector knows of queues of sockets alone: no socket may be in one of a message bus. */
static bool stays_off_buses(const struct file *f)
{
	return unix_of_file((struct file *)(uptr)f);
}

static void flight_init(void)
{
	bus_refuse_files(stays_off_buses);
	work_init(&collect_work, collect);
}
INITCALL(flight_init);
