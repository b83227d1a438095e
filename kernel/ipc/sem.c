/* Semaphore sets: semget(2), their locks and their end. */
#include <kernel/ipc/sem_impl.h>

#include <kern/overflow.h>
#include <kernel/seq/seq.h>
#include <kernel/syscall/syscall.h>

/* A set that had a complex operation keeps the big lock for so many calls more. */
#define COMPLEX_LINGER 10u

static struct ipc_ids *sem_ids(struct ipc_ns *ns)
{
	return &ns->ids[IPC_KIND_SEM];
}

/* ---- locks ---- */

void sem_complex_enter(struct sem_set *s)
{
	u32 was = s->complex_mode;

	s->complex_mode = COMPLEX_LINGER;
	if (was)
		return;
	/* Whoever holds a single lock did not see the new mode; whoever comes later does. */
	smp_mb();
	for (u32 i = 0; i < s->count; i++) {
		spin_lock(&s->sems[i].lock);
		spin_unlock(&s->sems[i].lock);
	}
}

/* Single operations that waited beside complex ones go back to their semaphores. */
static void spread_waiters(struct sem_set *s)
{
	struct sem_wait *w, *next;

	list_for_each_entry_safe (w, next, &s->alter, link)
		list_move_tail(&w->link, &s->sems[w->ops[0].sem_num].alter);
}

void sem_complex_leave(struct sem_set *s)
{
	if (s->complex_waiters)
		return;
	spread_waiters(s);
	smp_store_release(&s->complex_mode, s->complex_mode - 1);
}

int sem_lock(struct sem_set *s, const struct sembuf *ops, u32 count)
{
	struct sem *sem;

	if (ops && count == 1) {
		sem = &s->sems[ops[0].sem_num];
		if (likely(!READ_ONCE(s->complex_mode))) {
			spin_lock(&sem->lock);
			if (likely(!smp_load_acquire(&s->complex_mode)))
				return ops[0].sem_num;
			spin_unlock(&sem->lock);
		}
		spin_lock(&s->object.lock);
		if (!s->complex_mode) {
			spin_lock(&sem->lock);
			spin_unlock(&s->object.lock);
			return ops[0].sem_num;
		}
		return SEM_LOCK_ALL;
	}
	spin_lock(&s->object.lock);
	sem_complex_enter(s);
	return SEM_LOCK_ALL;
}

void sem_unlock(struct sem_set *s, int locked)
{
	if (locked == SEM_LOCK_ALL) {
		sem_complex_leave(s);
		spin_unlock(&s->object.lock);
	} else {
		spin_unlock(&s->sems[locked].lock);
	}
}

int sem_lock_set(struct ipc_ns *ns, int id, struct sem_set **out)
{
	struct ipc_object *o;
	int err = ipc_lock(sem_ids(ns), id, &o);

	if (err)
		return err;
	*out = set_of(o);
	sem_complex_enter(*out);
	return 0;
}

/* ---- life ---- */

static void set_free(struct ipc_object *o)
{
	struct sem_set *s = set_of(o);

	for (u32 i = 0; i < s->count; i++)
		pid_put(s->sems[i].pid);
	kvfree(s);
}

static int set_create(struct ipc_ns *ns, const struct ipc_request *r, struct ipc_object **out)
{
	u32 n = (u32)r->size;
	struct sem_set *s;

	if (!n)
		return -EINVAL;
	if (READ_ONCE(ns->used_sems) + (s64)n > ns->sem_limits[1])
		return -ENOSPC;
	s = kvmalloc(struct_size(s, sems, n), GFP_KERNEL | GFP_ZERO);
	if (!s)
		return -ENOMEM;
	ipc_object_init(&s->object, ns, r, set_free);
	s->count = n;
	s->ctime = ipc_now();
	list_init(&s->alter);
	list_init(&s->zero);
	list_init(&s->undos);
	for (u32 i = 0; i < n; i++) {
		spin_init(&s->sems[i].lock, LK_IPC_SEM);
		list_init(&s->sems[i].alter);
		list_init(&s->sems[i].zero);
	}
	*out = &s->object;
	return 0;
}

static int set_admit(struct ipc_ns *ns, struct ipc_object *o)
{
	s64 total = (s64)ns->used_sems + set_of(o)->count;

	if (total > ns->sem_limits[1])
		return -ENOSPC;
	ns->used_sems = (int)total;
	return 0;
}

static void set_discard(struct ipc_ns *ns, struct ipc_object *o)
{
	(void)ns;
	(void)o;
}

static int set_check(struct ipc_object *o, const struct ipc_request *r)
{
	return r->size > set_of(o)->count ? -EINVAL : 0;
}

static int set_limit(struct ipc_ns *ns)
{
	return ns->sem_limits[3];
}

static const struct ipc_get_ops sem_get_ops = {
	.kind = IPC_KIND_SEM,
	.create = set_create,
	.check = set_check,
	.admit = set_admit,
	.discard = set_discard,
	.limit = set_limit,
};

long sys_semget(int key, int nsems, int flags)
{
	struct ipc_ns *ns = current_ipc_ns();
	const struct ipc_request r = {key, flags, (size_t)nsems};

	if (nsems < 0 || nsems > ns->sem_limits[0])
		return -EINVAL;
	return ipc_get_id(ns, &r, &sem_get_ops);
}

static void wake_list(struct list_head *list)
{
	struct sem_wait *w, *next;

	list_for_each_entry_safe (w, next, list, link) {
		list_del(&w->link);
		sem_wake(w, -EIDRM);
	}
}

void sem_empty(struct sem_set *s)
{
	struct sem_undo *u, *next;

	list_for_each_entry_safe (u, next, &s->undos, set_link)
		sem_undo_forget(u);
	wake_list(&s->alter);
	wake_list(&s->zero);
	s->complex_waiters = 0;
	for (u32 i = 0; i < s->count; i++) {
		wake_list(&s->sems[i].alter);
		wake_list(&s->sems[i].zero);
	}
}

/* Table and set locked; both are unlocked. */
static void set_remove_unlock(struct ipc_ns *ns, struct sem_set *s)
{
	sem_complex_enter(s);
	ipc_unlink(sem_ids(ns), &s->object);
	ns->used_sems -= (int)s->count;
	sem_empty(s);
	sem_complex_leave(s);
	ipc_unlock_both(sem_ids(ns), &s->object);
	ipc_object_put(&s->object);
}

long sem_rmid(struct ipc_ns *ns, int id)
{
	struct ipc_object *o;
	int err = ipc_lock_both(sem_ids(ns), id, &o);

	if (err)
		return err;
	err = ipc_permit_owner(o);
	if (err)
		ipc_unlock_both(sem_ids(ns), o);
	else
		set_remove_unlock(ns, set_of(o));
	return err;
}

void sem_destroy_all(struct ipc_ns *ns)
{
	struct ipc_object *o;
	u32 index = 0;

	for (;;) {
		spin_lock(&sem_ids(ns)->lock);
		o = ipc_lock_next(sem_ids(ns), &index);
		if (!o)
			break;
		set_remove_unlock(ns, set_of(o));
	}
	spin_unlock(&sem_ids(ns)->lock);
}
