/*
 * Synchronous calls: the caller gives its CPU to whom it calls, for as long as the answer takes.
 *
 * The callee is queued behind the caller on the same CPU and marked as the one to be picked next;
 * no other CPU takes it away. When the caller blocks, which is at once, the callee goes on with
 * what was left of the caller's slice.
 *
 * A real-time caller also lends its priority. From the wake-up until it blocks again the callee
 * has it anyhow (.wake_prio): it is not known yet which of its threads will take the call. The one
 * that does gets a loan, which lasts until the answer. A loan is not passed on to tasks that the
 * callee is waiting for already; a call that it makes itself lends what it has.
 */
#include <kernel/futex/futex.h>
#include <kernel/sched/sched_impl.h>

void handoff_lend(struct task *t, u64 now)
{
	const struct task *caller = current;
	struct sched_entity *se = &t->se;
	u8 prio = caller->se.prio;

	if (likely(prio <= se->prio))
		return;
	if (!se_is_rt(se)) {
		se->vruntime = 0;
		se->sleep_start_ns = now;
	}
	se->wake_prio = prio;
	WRITE_ONCE(se->prio, se_effective_prio(se));
}

void handoff_queue(struct runqueue *rq, struct task *t)
{
	struct sched_entity *se = &t->se;

	if (likely(!se_is_rt(se)))
		fair_hand_off(rq, t);
	else
		list_move(&se->rt_link, &rq->rt[99u - se->prio]);
}

void handoff_block(struct runqueue *rq, struct sched_entity *se)
{
	WRITE_ONCE(rq->rt_look, true); /* turns to something less urgent than its ->prio will say */
	se->wake_prio = 0;
	WRITE_ONCE(se->prio, se_effective_prio(se));
	if (!se_is_rt(se))
		se->vruntime = 0;
}

/* ---- loans ---- */

static bool loan_before(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct sched_loan, node)->prio >
	       rb_entry(b, struct sched_loan, node)->prio;
}

/* pi_lock held: what the loans come to. */
static void loan_apply(struct task *t)
{
	const struct rb_node *first = rb_first(&t->se.loans);
	struct runqueue *rq = rq_lock_task(t);
	struct sched_entity to = {.policy = t->se.policy,
				  .nice = t->se.nice,
				  .rt_priority = t->se.rt_priority,
				  .lent_prio = t->se.lent_prio,
				  .wake_prio = t->se.wake_prio};

	to.call_prio = first ? rb_entry(first, struct sched_loan, node)->prio : 0;
	if (se_effective_prio(&to) == t->se.prio)
		t->se.call_prio = to.call_prio;
	else
		policy_change(rq, t, &to);
	rq_unlock(rq);
}

static void loan_told(struct task *t)
{
	smp_mb();
	if (unlikely(READ_ONCE(t->pi_waits)))
		futex_priority_changed(t);
}

void sched_loan_begin(struct sched_loan *l, struct task *to, u8 prio)
{
	unsigned long flags;

	l->to = task_get(to);
	l->prio = prio;
	flags = spin_lock_irqsave(&to->pi_lock);
	rb_add(&l->node, &to->se.loans, loan_before);
	loan_apply(to);
	spin_unlock_irqrestore(&to->pi_lock, flags);
	loan_told(to);
}

void sched_loan_end(struct sched_loan *l)
{
	struct task *t = l->to;
	unsigned long flags;

	if (!t)
		return;
	l->to = NULL;
	flags = spin_lock_irqsave(&t->pi_lock);
	rb_erase(&l->node, &t->se.loans);
	loan_apply(t);
	spin_unlock_irqrestore(&t->pi_lock, flags);
	loan_told(t);
	task_put(t);
}

u8 sched_call_prio(void)
{
	return current->se.prio;
}
