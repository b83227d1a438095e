/*
 * SEM_UNDO: what a process did to semaphores is taken back when it ends.
 *
 * A list belongs to the tasks that share it (CLONE_SYSVSEM, as all threads do); it has one entry a
 * set.  An entry goes when the set is removed or when the last of the tasks ends, whoever locks the
 * set first.
 */
#include <kernel/ipc/sem_impl.h>

#include <kern/overflow.h>

static int compare_set(const void *key, const struct rb_node *n)
{
	const struct sem_set *set = rb_entry(n, struct sem_undo, node)->set;

	return (const struct sem_set *)key < set ? -1 : (const struct sem_set *)key > set;
}

static bool less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct sem_undo, node)->set < rb_entry(b, struct sem_undo, node)->set;
}

static int list_of_current(struct sem_undo_list **out)
{
	struct sem_undo_list *l = current->sem_undo;

	if (!l) {
		l = kzalloc(sizeof(*l));
		if (!l)
			return -ENOMEM;
		l->refs = 1;
		spin_init(&l->lock, LK_IPC_UNDO);
		l->by_set = RB_ROOT;
		current->sem_undo = l;
	}
	*out = l;
	return 0;
}

static struct sem_undo *find_locked(struct sem_undo_list *l, const struct sem_set *s)
{
	return rb_entry_safe(rb_find(s, &l->by_set, compare_set), struct sem_undo, node);
}

/* Publishes @fresh unless another thread was first or the set is gone. */
static int add_entry(struct sem_undo_list *l, struct sem_set *s, struct sem_undo *fresh,
		     struct sem_undo **out)
{
	int locked = sem_lock(s, NULL, 0), err = 0;

	spin_lock(&l->lock);
	*out = find_locked(l, s);
	if (s->object.deleted) {
		err = -EIDRM;
	} else if (!*out) {
		fresh->list = l;
		fresh->set = s;
		ipc_object_get(&s->object);
		rb_add(&fresh->node, &l->by_set, less);
		list_add_tail(&fresh->set_link, &s->undos);
		*out = fresh;
	}
	spin_unlock(&l->lock);
	sem_unlock(s, locked);
	return err;
}

int sem_undo_find(struct sem_set *s, struct sem_undo **out)
{
	struct sem_undo_list *l;
	struct sem_undo *fresh;
	int err = list_of_current(&l);

	if (err)
		return err;
	spin_lock(&l->lock);
	*out = find_locked(l, s);
	spin_unlock(&l->lock);
	if (*out)
		return 0;
	fresh = kvmalloc(struct_size(fresh, adjust, s->count), GFP_KERNEL | GFP_ZERO);
	if (!fresh)
		return -ENOMEM;
	err = add_entry(l, s, fresh, out);
	if (err || *out != fresh)
		kvfree(fresh);
	return err;
}

void sem_undo_forget(struct sem_undo *u)
{
	struct sem_undo_list *l = u->list;

	spin_lock(&l->lock);
	rb_erase(&u->node, &l->by_set);
	spin_unlock(&l->lock);
	list_del(&u->set_link);
	/* Not the last reference: the set's own is still there. */
	ipc_object_put(&u->set->object);
	kvfree(u);
}

/* The set is locked as a whole. */
static void take_back(struct sem_set *s, const struct sem_undo *u)
{
	for (u32 i = 0; i < s->count; i++) {
		struct sem *sem = &s->sems[i];

		if (!u->adjust[i])
			continue;
		sem->value = min(max(sem->value + u->adjust[i], 0), SEMVMX);
		ipc_set_pid(&sem->pid, current->process->pid);
	}
	sem_update(s, NULL, 0);
}

/* The first entry's set, +1. */
static struct sem_set *first_set(struct sem_undo_list *l)
{
	struct sem_undo *u;

	guard(spin)(&l->lock);
	u = rb_entry_safe(rb_first(&l->by_set), struct sem_undo, node);
	if (!u)
		return NULL;
	ipc_object_get(&u->set->object);
	return u->set;
}

static void undo_all(struct sem_undo_list *l)
{
	struct sem_set *s;

	while ((s = first_set(l))) {
		int locked = sem_lock(s, NULL, 0);
		struct sem_undo *u;

		/* Removing the set forgets the entry under the same lock. */
		spin_lock(&l->lock);
		u = find_locked(l, s);
		spin_unlock(&l->lock);
		if (u) {
			take_back(s, u);
			sem_undo_forget(u);
		}
		sem_unlock(s, locked);
		ipc_object_put(&s->object);
	}
}

static void undo_drop(struct task *t)
{
	struct sem_undo_list *l = t->sem_undo;

	t->sem_undo = NULL;
	if (!l || __atomic_sub_fetch(&l->refs, 1, __ATOMIC_ACQ_REL))
		return;
	undo_all(l);
	kfree(l);
}

static int undo_share(struct task *child)
{
	struct sem_undo_list *l;
	int err = list_of_current(&l);

	if (err)
		return err;
	__atomic_fetch_add(&l->refs, 1, __ATOMIC_RELAXED);
	child->sem_undo = l;
	return 0;
}

static const struct task_hook undo_hook = {.undo_share = undo_share, .undo_drop = undo_drop};
TASK_HOOK(undo_hook);
