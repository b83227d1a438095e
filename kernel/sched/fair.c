/*
 * The fair class.
 *
 * Each task has a virtual run time: CPU time divided by its weight.  When it becomes runnable, and
 * whenever it has used up a slice, it gets a virtual deadline one weighted slice ahead; the
 * queue is ordered by deadlines and the earliest runs.  Over time all virtual run times advance
 * alike, so CPU time is shared in proportion to weights; a deadline that comes late for light
 * tasks and soon for heavy ones is what bounds the latency.
 *
 * The running task is not in the tree: a CPU with one task never touches it.
 *
 * While a task sleeps, its virtual run time is kept relative to the queue's minimum, so that it
 * means the same on whatever CPU it wakes.  What it had run ahead is forgiven as time passes; what
 * it lagged behind is limited to FAIR_CREDIT_NS, so that a long sleeper gets in soon but
 * cannot starve the others.
 */
#include <kernel/sched/sched_impl.h>
#include <kern/math64.h>

/* 1024 / 1.25^nice: one step of nice is about ten per cent of a shared CPU. */
static const u32 nice_weight[40] = {
	88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921,
	9537,  7629,  6104,  4883,  3906,  3125,  2500,	 2000,	1600,  1280,
	1024,  819,   655,   524,   419,   336,	  268,	 215,	172,   137,
	110,   88,    70,    56,    45,	   36,	  29,	 23,	18,    15,
};

void fair_set_weight(struct sched_entity *se)
{
	se->weight = se->policy == SCHED_IDLE ? WEIGHT_IDLE : nice_weight[se->nice + 20];
	se->inv_weight = (1ull << 42) / se->weight;
}

static inline u64 fair_scale(const struct sched_entity *se, u64 delta)
{
	if (likely(se->weight == WEIGHT_NICE0))
		return delta;
	return mul_u64_u64_shr(delta, se->inv_weight, 32);
}

static inline bool fair_before(const struct rb_node *a, const struct rb_node *b)
{
	return (s64)(rb_entry(a, struct sched_entity, node)->deadline -
		     rb_entry(b, struct sched_entity, node)->deadline) < 0;
}

void fair_insert(struct runqueue *rq, struct sched_entity *se)
{
	rb_add(&se->node, &rq->tree, fair_before);
}

/* Most often the tree has one task, or none. */
static inline void fair_erase(struct runqueue *rq, struct sched_entity *se)
{
	struct rb_node *n = &se->node;

	if (unlikely(rq->handoff == se_task(se)))
		rq->handoff = NULL;
	if (rq->tree.node == n && !n->left && !n->right)
		rq->tree = RB_ROOT;
	else
		rb_erase(n, &rq->tree);
}

static inline struct sched_entity *fair_first(struct runqueue *rq)
{
	return rb_entry_safe(rb_first(&rq->tree), struct sched_entity, node);
}

static inline void fair_advance_min(struct runqueue *rq, u64 vruntime)
{
	struct sched_entity *first = fair_first(rq);

	if (first && (s64)(first->vruntime - vruntime) < 0)
		vruntime = first->vruntime;
	if ((s64)(vruntime - rq->min_vruntime) > 0)
		rq->min_vruntime = vruntime;
}

void fair_enqueue(struct runqueue *rq, struct sched_entity *se, u64 now)
{
	s64 slept = (s64)(now - se->sleep_start_ns);
	s64 rel = (s64)se->vruntime - (slept > 0 ? slept : 0);

	if (rel < FAIR_CREDIT_NS)
		rel = FAIR_CREDIT_NS;
	se->vruntime = rq->min_vruntime + (u64)rel;
	se->deadline = se->vruntime + fair_scale(se, FAIR_SLICE_NS);
	rq->load += se->weight;
	fair_insert(rq, se);
}

/* Leaves the queue's virtual time: vruntime becomes relative. */
static inline void fair_leave(struct runqueue *rq, struct sched_entity *se)
{
	rq->load -= se->weight;
	se->vruntime -= rq->min_vruntime;
}

void fair_block(struct runqueue *rq, struct sched_entity *se, u64 now)
{
	fair_leave(rq, se);
	se->sleep_start_ns = now;
}

void fair_dequeue_queued(struct runqueue *rq, struct sched_entity *se, u64 now)
{
	fair_erase(rq, se);
	fair_block(rq, se, now);
}

void fair_account(struct runqueue *rq, struct sched_entity *se, u64 delta)
{
	se->vruntime += fair_scale(se, delta);
	fair_advance_min(rq, se->vruntime);
}

/* Renews the deadline of a task that has used its slice up. */
static inline bool fair_renew(struct sched_entity *se)
{
	if ((s64)(se->vruntime - se->deadline) < 0)
		return false;
	se->deadline = se->vruntime + fair_scale(se, FAIR_SLICE_NS);
	return true;
}

void fair_hand_off(struct runqueue *rq, struct task *t)
{
	const struct sched_entity *curr = &rq->curr->se;
	s64 left = se_is_rt(curr) ? 0 : (s64)(curr->deadline - curr->vruntime);

	rq->handoff = t;
	rq->handoff_ns = (u64)max(left, (s64)FAIR_WAKE_GRAN_NS);
}

/*
 * Whose turn it is when the running task has handed its own to somebody. That goes on as long as
 * the two together have not run a slice ahead of who waits longest, so that they cannot keep the
 * CPU.
 */
static noinline struct sched_entity *fair_take_handoff(struct runqueue *rq,
						       struct sched_entity *first)
{
	struct sched_entity *se = &rq->handoff->se;

	rq->handoff = NULL;
	if ((s64)(se->vruntime - first->vruntime) > (s64)FAIR_SLICE_NS)
		return first;
	se->deadline = se->vruntime + rq->handoff_ns; /* leaves the tree now: no order is hurt */
	rq->yielding = true;
	return se;
}

/* @prev: the running fair task if it stays runnable, else NULL. */
struct task *fair_pick(struct runqueue *rq, struct task *prev)
{
	struct sched_entity *first = fair_first(rq);

	if (unlikely(rq->handoff))
		first = fair_take_handoff(rq, first);
	if (prev) {
		fair_renew(&prev->se);
		if (!first || (!rq->yielding && (s64)(prev->se.deadline - first->deadline) <= 0))
			return prev;
		fair_erase(rq, first);
		fair_insert(rq, &prev->se);
		return se_task(first);
	}
	if (!first)
		return NULL;
	fair_erase(rq, first);
	return se_task(first);
}

bool fair_wants_preempt(struct runqueue *rq, const struct sched_entity *woken)
{
	const struct sched_entity *curr = &rq->curr->se;

	if (curr->policy == SCHED_IDLE && woken->policy != SCHED_IDLE)
		return true;
	if (woken->policy != SCHED_NORMAL)
		return false;
	return (s64)(curr->vruntime - woken->vruntime) > FAIR_WAKE_GRAN_NS;
}

bool fair_slice_over(struct runqueue *rq, struct sched_entity *curr)
{
	struct sched_entity *first = fair_first(rq);

	if (!first)
		return false;
	fair_renew(curr);
	return (s64)(first->deadline - curr->deadline) < 0;
}
