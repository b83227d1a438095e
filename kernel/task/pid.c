/*
 * Process identifiers: numbers, and who bears them.
 *
 * Numbers index a two-level table that readers walk under RCU: two loads find a pid.  A number is
 * given out in ascending order and starts again behind the reserved ones at pid_max; it is free
 * again when the last task, process, group or session that bears it is gone.
 */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/slab/slab.h>

#define LEAF_BITS 10
#define LEAF_SIZE (1 << LEAF_BITS)
#define LEAVES (PID_MAX_LIMIT / LEAF_SIZE)

static struct pid **leaves[LEAVES]; /* entries and leaves: pid_lock; readers RCU */
static struct spinlock pid_lock = SPINLOCK_INIT(LK_IRQ_LEAF);
static int last_pid = 2; /* pid_lock */
static struct slab_cache *pid_cache;
int pid_max = 32768;

void pid_system_init(void)
{
	pid_cache = SLAB_CACHE_BOOT(pid, 0);
}

int pid_count_max(void)
{
	return pid_max;
}

int pid_last(void)
{
	return READ_ONCE(last_pid);
}

struct pid *pid_get(struct pid *p)
{
	if (p)
		__atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

static void pid_free_rcu(struct rcu_head *head)
{
	slab_free(pid_cache, container_of(head, struct pid, rcu));
}

void pid_put(struct pid *p)
{
	if (p && __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) == 0)
		rcu_call(&p->rcu, pid_free_rcu);
}

/* Under RCU. */
static struct pid *pid_peek(int nr)
{
	struct pid **leaf;

	if (nr <= 0 || nr >= PID_MAX_LIMIT)
		return NULL;
	leaf = rcu_dereference(leaves[nr >> LEAF_BITS]);
	return leaf ? rcu_dereference(leaf[nr & (LEAF_SIZE - 1)]) : NULL;
}

struct pid *pid_find(int nr)
{
	rcu_read_lock();
	struct pid *p = pid_peek(nr);
	u32 old = p ? READ_ONCE(p->refs) : 0;

	while (old && !try_cmpxchg(&p->refs, &old, old + 1))
		;
	rcu_read_unlock();
	return old ? p : NULL;
}

/* Under pid_lock: makes sure of the leaf of @nr; may drop the lock.  -ENOMEM. */
static int leaf_need(int nr, unsigned long *irq_flags)
{
	struct pid ***at = &leaves[nr >> LEAF_BITS];
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

static int pid_place(struct pid *p, int wanted, unsigned long *irq_flags)
{
	int nr = wanted ? wanted : last_pid;

	for (int tries = 0; tries < pid_max; tries++) {
		if (!wanted && ++nr >= pid_max)
			nr = RESERVED_PIDS;
		int err = leaf_need(nr, irq_flags);

		if (err)
			return err;
		struct pid **slot = &leaves[nr >> LEAF_BITS][nr & (LEAF_SIZE - 1)];

		if (!*slot) {
			p->nr = nr;
			rcu_assign(*slot, p);
			if (!wanted)
				last_pid = nr;
			return 0;
		}
		if (wanted)
			return -EEXIST;
	}
	return -EAGAIN;
}

int pid_alloc(int wanted, struct pid **out)
{
	struct pid *p = slab_alloc(pid_cache, GFP_KERNEL);
	unsigned long irq_flags;
	int err;

	if (!p)
		return -ENOMEM;
	p->refs = 1;
	for (int i = 0; i < PID_TYPES; i++)
		list_init(&p->members[i]);
	wait_queue_init(&p->exit_wait);
	/* The first threads are made with interrupts off. */
	irq_flags = spin_lock_irqsave(&pid_lock);
	err = pid_place(p, wanted, &irq_flags);
	spin_unlock_irqrestore(&pid_lock, irq_flags);
	if (err) {
		slab_free(pid_cache, p);
		return err;
	}
	*out = p;
	return 0;
}

static void pid_unplace(struct pid *p)
{
	unsigned long flags = spin_lock_irqsave(&pid_lock);

	rcu_assign(leaves[p->nr >> LEAF_BITS][p->nr & (LEAF_SIZE - 1)], NULL);
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

struct task *task_find(int tid)
{
	struct task *t = NULL;

	rcu_read_lock();
	struct pid *p = pid_peek(tid);

	if (p)
		t = list_first_entry_or_null(&p->members[PID_TASK], struct task, pid_link);
	if (t && !task_tryget(t))
		t = NULL;
	rcu_read_unlock();
	return t;
}

static bool process_tryget(struct process *p)
{
	u32 old = READ_ONCE(p->refs);

	while (old) {
		if (try_cmpxchg(&p->refs, &old, old + 1))
			return true;
	}
	return false;
}

/* Under RCU: +1 or NULL. */
static struct process *pid_process(struct pid *pid)
{
	struct process *p =
		list_first_entry_or_null(&pid->members[PID_PROCESS], struct process, pid_link);

	return p && process_tryget(p) ? p : NULL;
}

struct process *process_find(int nr)
{
	struct process *p = NULL;

	rcu_read_lock();
	struct pid *pid = pid_peek(nr);

	if (pid)
		p = pid_process(pid);
	rcu_read_unlock();
	return p;
}

struct process *process_next(int nr)
{
	struct process *p = NULL;

	rcu_read_lock();
	for (int i = nr > 0 ? nr : 1; i < PID_MAX_LIMIT && !p;) {
		struct pid **leaf = rcu_dereference(leaves[i >> LEAF_BITS]);

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
