/*
 * Process identifiers: numbers, and who bears them.
 *
 * A pid has a number in its namespace and in each above. Each namespace has a two-level table that
 * readers walk under RCU: two loads find a pid. Numbers are given out in ascending order and start
 * again behind the reserved ones at pid_max; one is free again when the last task, process, group
 * or session that bears it is gone.
 */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/slab/slab.h>

#define LEAF_BITS 10
#define LEAF_SIZE (1 << LEAF_BITS)
#define LEAVES (PID_MAX_LIMIT / LEAF_SIZE)

/* Entries and leaves: pid_lock; readers RCU. */
struct pid_table {
	struct pid **leaf[LEAVES];
};

static struct pid_table table_init;
struct spinlock pid_lock = SPINLOCK_INIT(LK_IRQ_LEAF);
static struct slab_cache *pid_cache; /* of the first namespace; deeper ones are larger */
int pid_max = 32768;

struct pid_ns pid_ns_init = {
	.ns = NS_COMMON_INITIAL(&pid_ns_kind, NS_INO_PID),
	.table = &table_init,
	.last = 2,
	.count = 1, /* that of the idle tasks */
};

struct pid_and_number {
	struct pid pid;
	struct pid_number first;
};

void pid_system_init(void)
{
	wait_queue_init(&pid_ns_init.drained);
	pid_cache = SLAB_CACHE_BOOT(pid_and_number, 0);
}

int pid_table_create(struct pid_table **out)
{
	*out = kvmalloc(sizeof(**out), GFP_KERNEL | GFP_ZERO);
	return *out ? 0 : -ENOMEM;
}

void pid_table_free(struct pid_table *t)
{
	for (int i = 0; i < LEAVES; i++)
		kfree(t->leaf[i]);
	kvfree(t);
}

int pid_count_max(void)
{
	return pid_max;
}

int pid_last(void)
{
	return READ_ONCE(task_pid_ns(current)->last);
}

struct pid *pid_get(struct pid *p)
{
	if (p)
		__atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

static void pid_free(struct pid *p)
{
	struct pid_ns *ns = p->ns;

	if (ns->level)
		kfree(p);
	else
		slab_free(pid_cache, p);
	ns_put(&ns->ns);
}

static void pid_free_rcu(struct rcu_head *head)
{
	pid_free(container_of(head, struct pid, rcu));
}

void pid_put(struct pid *p)
{
	if (p && __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) == 0)
		rcu_call(&p->rcu, pid_free_rcu);
}

/* Under RCU. */
static struct pid *pid_peek(struct pid_ns *ns, int nr)
{
	struct pid **leaf;

	if (nr <= 0 || nr >= PID_MAX_LIMIT)
		return NULL;
	leaf = rcu_dereference(ns->table->leaf[nr >> LEAF_BITS]);
	return leaf ? rcu_dereference(leaf[nr & (LEAF_SIZE - 1)]) : NULL;
}

struct pid *pid_find_in(struct pid_ns *ns, int nr)
{
	rcu_read_lock();
	struct pid *p = pid_peek(ns, nr);

	if (p && !ref_tryget(&p->refs))
		p = NULL;
	rcu_read_unlock();
	return p;
}

struct pid *pid_find(int nr)
{
	return pid_find_in(task_pid_ns(current), nr);
}

/* Under pid_lock: makes sure of the leaf of @nr; may drop the lock.  -ENOMEM. */
static int leaf_need(struct pid_table *t, int nr, unsigned long *irq_flags)
{
	struct pid ***at = &t->leaf[nr >> LEAF_BITS];
	struct pid **fresh;

	if (*at)
		return 0;
	spin_unlock_irqrestore(&pid_lock, *irq_flags);
	fresh = kzalloc(LEAF_SIZE * sizeof(*fresh));
	*irq_flags = spin_lock_irqsave(&pid_lock);
	if (!fresh)
		return -ENOMEM;
	if (*at)
		kfree(fresh);
	else
		rcu_assign(*at, fresh);
	return 0;
}

static struct pid **slot_of(struct pid_ns *ns, int nr)
{
	return &ns->table->leaf[nr >> LEAF_BITS][nr & (LEAF_SIZE - 1)];
}

/* Under pid_lock: the number after the last one, if that can be had at once; the first namespace.
 */
static bool place_next(struct pid *p)
{
	struct pid_ns *ns = p->ns;
	int nr = ns->last + 1;
	struct pid **leaf;

	if (ns->level || nr >= pid_max)
		return false;
	leaf = ns->table->leaf[nr >> LEAF_BITS];
	if (!leaf || leaf[nr & (LEAF_SIZE - 1)] || ns->closed)
		return false;
	p->number[0].nr = nr;
	rcu_assign(leaf[nr & (LEAF_SIZE - 1)], p);
	ns->count++;
	ns->last = nr;
	return true;
}

/* Under pid_lock: a number in the namespace of one level. */
static int place(struct pid *p, u32 level, int wanted, unsigned long *irq_flags)
{
	struct pid_ns *ns = p->number[level].ns;
	int nr = wanted ? wanted : ns->last;

	for (int tries = 0; tries < pid_max; tries++) {
		if (!wanted && ++nr >= pid_max)
			nr = RESERVED_PIDS;
		int err = leaf_need(ns->table, nr, irq_flags);

		if (err)
			return err;
		if (ns->closed)
			return -ENOMEM;
		struct pid **slot = slot_of(ns, nr);

		if (!*slot) {
			p->number[level].nr = nr;
			rcu_assign(*slot, p);
			ns->count++;
			if (!wanted)
				ns->last = nr;
			return 0;
		}
		if (wanted)
			return -EEXIST;
	}
	return -EAGAIN;
}

/*
 * Under pid_lock: gives back the numbers from @level up to the innermost.  @born: it had all of
 * them; a namespace whose first process comes to nothing then has no init and takes no other.
 */
static void unplace(struct pid *p, u32 level, bool born)
{
	for (; level <= p->level; level++) {
		struct pid_ns *ns = p->number[level].ns;

		rcu_assign(*slot_of(ns, p->number[level].nr), NULL);
		ns->count--;
		if (ns->closed)
			wake_up_all(&ns->drained);
		else if (!ns->count && level) {
			ns->closed = born;
			ns->last = 0;
		}
	}
}

static struct pid *pid_new(struct pid_ns *ns)
{
	struct pid *p = ns->level ? kmalloc(sizeof(*p) + (ns->level + 1) * sizeof(p->number[0]))
				  : slab_alloc(pid_cache, GFP_KERNEL);

	if (!p)
		return NULL;
	p->refs = 1;
	p->level = ns->level;
	p->ns = ns;
	ns_get(&ns->ns);
	for (int i = 0; i < PID_TYPES; i++)
		list_init(&p->members[i]);
	wait_queue_init(&p->exit_wait);
	for (; ns; ns = ns->parent)
		p->number[ns->level] = (struct pid_number){0, ns};
	return p;
}

/* Under pid_lock: a number in each namespace, or in none. */
static noinline int place_all(struct pid *p, const struct pid_wanted *wanted,
			      unsigned long *irq_flags)
{
	u32 level = p->level + 1;
	int err = 0;

	while (level && !err) {
		u32 inward = p->level - --level;
		int nr = wanted && inward < wanted->count ? wanted->nr[inward] : 0;

		/* Without its init a namespace has room for that one only. */
		if (nr > 1 && !p->number[level].ns->count)
			err = -EINVAL;
		else
			err = place(p, level, nr, irq_flags);
	}
	if (err)
		unplace(p, level + 1, false);
	return err;
}

int pid_alloc(struct pid_ns *ns, const struct pid_wanted *wanted, struct pid **out)
{
	struct pid *p = pid_new(ns);
	unsigned long irq_flags;
	int err = 0;

	if (!p)
		return -ENOMEM;
	/* The first threads are made with interrupts off. */
	irq_flags = spin_lock_irqsave(&pid_lock);
	if ((wanted && wanted->count) || unlikely(!place_next(p)))
		err = place_all(p, wanted, &irq_flags);
	spin_unlock_irqrestore(&pid_lock, irq_flags);
	if (err) {
		pid_put(p); /* it was in a table: readers may look at it */
		return err;
	}
	p->nr = p->number[0].nr;
	p->own_nr = p->number[p->level].nr;
	*out = p;
	return 0;
}

static void pid_unplace(struct pid *p)
{
	unsigned long flags = spin_lock_irqsave(&pid_lock);

	unplace(p, 0, true);
	spin_unlock_irqrestore(&pid_lock, flags);
}

void pid_abandon(struct pid *p)
{
	pid_unplace(p);
	pid_put(p);
}

void pid_attach(struct pid *p, enum pid_type type, struct list_head *link)
{
	list_add_tail_rcu(link, &p->members[type]);
}

void pid_detach(struct pid *p, struct list_head *link)
{
	list_del_rcu(link);
	for (int i = 0; i < PID_TYPES; i++) {
		if (!list_empty(&p->members[i]))
			return;
	}
	pid_unplace(p);
}

struct task *task_of_pid(struct pid *pid)
{
	struct task *t;

	rcu_read_lock();
	t = list_first_entry_or_null(&pid->members[PID_TASK], struct task, pid_link);
	if (t && !task_tryget(t))
		t = NULL;
	rcu_read_unlock();
	return t;
}

struct task *task_find_in(struct pid_ns *ns, int tid)
{
	struct task *t = NULL;

	rcu_read_lock();
	struct pid *p = pid_peek(ns, tid);

	if (p)
		t = list_first_entry_or_null(&p->members[PID_TASK], struct task, pid_link);
	if (t && !task_tryget(t))
		t = NULL;
	rcu_read_unlock();
	return t;
}

struct task *task_find(int tid)
{
	return task_find_in(task_pid_ns(current), tid);
}

/* Under RCU: +1 or NULL. */
static struct process *pid_process(struct pid *pid)
{
	struct process *p =
		list_first_entry_or_null(&pid->members[PID_PROCESS], struct process, pid_link);

	return p && ref_tryget(&p->refs) ? p : NULL;
}

struct process *process_find(int nr)
{
	struct process *p = NULL;

	rcu_read_lock();
	struct pid *pid = pid_peek(task_pid_ns(current), nr);

	if (pid)
		p = pid_process(pid);
	rcu_read_unlock();
	return p;
}

struct process *process_next_in(struct pid_ns *ns, int nr)
{
	struct process *p = NULL;

	rcu_read_lock();
	for (int i = nr > 0 ? nr : 1; i < PID_MAX_LIMIT && !p;) {
		struct pid **leaf = rcu_dereference(ns->table->leaf[i >> LEAF_BITS]);

		if (!leaf) {
			i = (i | (LEAF_SIZE - 1)) + 1;
			continue;
		}
		struct pid *pid = rcu_dereference(leaf[i & (LEAF_SIZE - 1)]);

		if (pid)
			p = pid_process(pid);
		i++;
	}
	rcu_read_unlock();
	return p;
}

struct process *process_next(int nr)
{
	return process_next_in(&pid_ns_init, nr);
}
