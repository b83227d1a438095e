/*
 * semop(2), semtimedop(2).
 *
 * A call is done as a whole or not at all.  Who has to wait queues; whoever changes a value does
 * the waiting calls that have become possible, in the order in which they came, in their name, and
 * wakes just those.
 */
#include <kernel/ipc/sem_impl.h>

#include <kernel/sched/sched.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/wait/wait.h>
#include <linux/time_types.h>

#define OPS_FAST 8u

/* ---- one call ---- */

static void take_back(struct sem_set *s, struct sem_wait *w, u32 done)
{
	while (done--) {
		const struct sembuf *op = &w->ops[done];

		s->sems[op->sem_num].value -= op->sem_op;
		if (op->sem_flg & SEM_UNDO)
			w->undo->adjust[op->sem_num] += op->sem_op;
	}
}

/* One operation, or why not: as sem_perform(). */
static int apply(struct sem_set *s, struct sem_wait *w, const struct sembuf *op)
{
	struct sem *sem = &s->sems[op->sem_num];
	int result = sem->value + op->sem_op, adjust;

	if ((!op->sem_op && sem->value) || result < 0)
		return op->sem_flg & IPC_NOWAIT ? -EAGAIN : 1;
	if (result > SEMVMX)
		return -ERANGE;
	if (op->sem_flg & SEM_UNDO) {
		adjust = w->undo->adjust[op->sem_num] - op->sem_op;
		if (adjust < -SEMAEM - 1 || adjust > SEMAEM)
			return -ERANGE;
		w->undo->adjust[op->sem_num] = (s16)adjust;
	}
	sem->value = result;
	return 0;
}

int sem_perform(struct sem_set *s, struct sem_wait *w)
{
	for (u32 i = 0; i < w->count; i++) {
		int err = apply(s, w, &w->ops[i]);

		if (err) {
			w->blocking = &w->ops[i];
			take_back(s, w, i);
			return err;
		}
	}
	for (u32 i = 0; i < w->count; i++)
		ipc_set_pid(&s->sems[w->ops[i].sem_num].pid, w->pid);
	return 0;
}

void sem_wake(struct sem_wait *w, int status)
{
	struct task *t = w->task;

	/* The entry is gone from here on; the task is not, under a spinlock. */
	smp_store_release(&w->status, status);
	sched_wake(t, TASK_NORMAL);
}

static void unlink_wait(struct sem_set *s, struct sem_wait *w)
{
	list_del(&w->link);
	if (w->count > 1)
		s->complex_waiters--;
}

/* ---- what a change makes possible ---- */

static void wake_zero_list(struct sem_set *s, struct list_head *list, bool *done)
{
	struct sem_wait *w, *next;

	list_for_each_entry_safe (w, next, list, link) {
		int err = sem_perform(s, w);

		if (err > 0)
			continue;
		unlink_wait(s, w);
		*done |= !err;
		sem_wake(w, err);
	}
}

/* Those who wait for zero where @ops (NULL: all) made it. */
static bool wake_zero(struct sem_set *s, const struct sembuf *ops, u32 count)
{
	bool zero = false, done = false;
	u32 n = ops ? count : s->count;

	for (u32 i = 0; i < n; i++) {
		struct sem *sem = &s->sems[ops ? ops[i].sem_num : i];

		if (sem->value)
			continue;
		zero = true;
		if (!list_empty(&sem->zero))
			wake_zero_list(s, &sem->zero, &done);
	}
	if (zero && !list_empty(&s->zero))
		wake_zero_list(s, &s->zero, &done);
	return done;
}

/* Must those in front of @w be asked again after it was done? */
static bool must_restart(const struct sem_set *s, const struct sem_wait *w)
{
	/* A single operation that slept took something away: nobody in front gains by it. */
	return !list_empty(&s->alter) || w->count > 1;
}

/* @sem NULL: the list of the set. */
static bool wake_alter(struct sem_set *s, struct sem *sem)
{
	struct list_head *list = sem ? &sem->alter : &s->alter;
	struct sem_wait *w, *next;
	bool done = false;

again:
	list_for_each_entry_safe (w, next, list, link) {
		bool restart = false;
		int err;

		if (sem && !sem->value) /* nothing to take */
			break;
		err = sem_perform(s, w);
		if (err > 0)
			continue;
		unlink_wait(s, w);
		if (!err) {
			done = true;
			wake_zero(s, w->ops, w->count);
			restart = must_restart(s, w);
		}
		sem_wake(w, err);
		if (restart)
			goto again;
	}
	return done;
}

void sem_update(struct sem_set *s, const struct sembuf *ops, u32 count)
{
	bool done = wake_zero(s, ops, count);
	u32 n = ops ? count : s->count;

	if (!list_empty(&s->alter))
		done |= wake_alter(s, NULL);
	else
		for (u32 i = 0; i < n; i++) {
			struct sem *sem = &s->sems[ops ? ops[i].sem_num : i];

			if ((!ops || ops[i].sem_op > 0) && !list_empty(&sem->alter))
				done |= wake_alter(s, sem);
		}
	if (ops || done)
		s->sems[ops ? ops[0].sem_num : 0].otime = ipc_now();
}

/* ---- sleeping ---- */

/* While complex operations sleep, single ones stand in one queue with them. */
static void gather_waiters(struct sem_set *s)
{
	for (u32 i = 0; i < s->count; i++)
		list_splice_tail_init(&s->sems[i].alter, &s->alter);
}

static void queue_wait(struct sem_set *s, struct sem_wait *w)
{
	struct sem *sem = &s->sems[w->ops[0].sem_num];
	struct list_head *list;

	if (w->count > 1) {
		if (!s->complex_waiters++)
			gather_waiters(s);
		list = w->alters ? &s->alter : &s->zero;
	} else if (!w->alters) {
		list = &sem->zero;
	} else {
		list = s->complex_waiters ? &s->alter : &sem->alter;
	}
	w->status = SEM_ASLEEP;
	list_add_tail(&w->link, list);
}

/* Queued, and locked as @locked says; sleeps and returns what became of it, unlocked. */
static int wait_for(struct sem_set *s, struct sem_wait *w, int locked, u64 deadline)
{
	for (;;) {
		int err, status;

		sched_set_state(TASK_INTERRUPTIBLE);
		sem_unlock(s, locked);
		err = sched_block(TASK_INTERRUPTIBLE, deadline);
		/* While it is asleep the set is there, and for a grace period after. */
		rcu_read_lock();
		status = smp_load_acquire(&w->status);
		if (likely(status != SEM_ASLEEP)) {
			rcu_read_unlock();
			return status;
		}
		locked = sem_lock(s, w->ops, w->count);
		rcu_read_unlock();
		status = w->status;
		if (status == SEM_ASLEEP && err) {
			unlink_wait(s, w);
			status = err == -ETIME ? -EAGAIN : -EINTR;
		}
		if (status != SEM_ASLEEP) {
			sem_unlock(s, locked);
			return status;
		}
	}
}

/* ---- the calls ---- */

static struct op_kinds judge(const struct sembuf *ops, u32 count)
{
	struct op_kinds k = {0, false, false};

	for (u32 i = 0; i < count; i++) {
		k.highest = max_t(u32, k.highest, ops[i].sem_num);
		k.alters |= ops[i].sem_op != 0;
		k.undoes |= (ops[i].sem_flg & SEM_UNDO) != 0;
	}
	return k;
}

/* +1 on the set, which may be deleted by now. */
static int find_set(int id, const struct op_kinds *k, struct sem_set **out)
{
	struct ipc_object *o;
	int err;

	guard(rcu)();
	err = ipc_find(&current_ipc_ns()->ids[IPC_KIND_SEM], id, &o);
	if (err)
		return err;
	if (k->highest >= set_of(o)->count)
		return -EFBIG;
	err = ipc_permit(o, k->alters ? 0222 : 0444);
	if (!err && !ipc_object_tryget(o))
		err = -EIDRM;
	if (!err)
		*out = set_of(o);
	return err;
}

static int run(struct sem_set *s, struct sem_wait *w, u64 deadline)
{
	int err, locked = sem_lock(s, w->ops, w->count);

	err = s->object.deleted ? -EIDRM : sem_perform(s, w);
	if (err > 0) {
		queue_wait(s, w);
		return wait_for(s, w, locked, deadline);
	}
	if (!err && w->alters)
		sem_update(s, w->ops, w->count);
	else if (!err)
		s->sems[w->ops[0].sem_num].otime = ipc_now();
	sem_unlock(s, locked);
	return err;
}

static int do_ops(int id, struct sembuf *ops, u32 count, u64 deadline)
{
	const struct op_kinds k = judge(ops, count);
	struct sem_wait w = {.task = current,
			     .ops = ops,
			     .pid = current->process->pid,
			     .count = count,
			     .alters = k.alters};
	struct sem_set *s;
	int err;

	err = find_set(id, &k, &s);
	if (err)
		return err;
	if (k.undoes)
		err = sem_undo_find(s, &w.undo);
	if (!err)
		err = run(s, &w, deadline);
	ipc_object_put(&s->object);
	return err;
}

static long sem_ops(int id, const struct sembuf __user *uops, unsigned int count, u64 deadline)
{
	struct sembuf fast[OPS_FAST], *ops = fast;
	size_t size = count * sizeof(*ops);
	long err;

	if (id < 0 || count < 1)
		return -EINVAL;
	if (count > (unsigned int)current_ipc_ns()->sem_limits[2])
		return -E2BIG;
	if (count > OPS_FAST) {
		ops = kvmalloc(size, GFP_KERNEL);
		if (!ops)
			return -ENOMEM;
	}
	err = copy_from_user(ops, uops, size) ? -EFAULT : do_ops(id, ops, count, deadline);
	if (ops != fast)
		kvfree(ops);
	return err;
}

long sys_semop(int semid, const struct sembuf __user *sops, unsigned int nsops)
{
	return sem_ops(semid, sops, nsops, WAIT_FOREVER);
}

long sys_semtimedop(int semid, const struct sembuf __user *sops, unsigned int nsops,
		    const struct __kernel_timespec __user *timeout)
{
	u64 ns = 0;
	int err = timeout ? timespec_from_user(timeout, &ns) : 0;

	if (err)
		return err;
	return sem_ops(semid, sops, nsops,
		       timeout ? deadline_after(time_mono_ns(), ns) : WAIT_FOREVER);
}
