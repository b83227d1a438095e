/*
 * Deferred work.
 *
 * One queue, served by a few threads.  There is one thread to begin with; a thread that takes an
 * item while others wait and nobody idles starts another one, so items that sleep do not hold the
 * rest up. Threads beyond the first end after a while without work.
 *
 * An item's memory is its owner's, who may free it from within fn: after the call the worker only
 * uses the pointer as a number.  An item that is queued again while it runs is kept aside by
 * the worker that runs it, so that it never runs twice at once.
 */
#include <kernel/lock/lock.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <kernel/sched/sched.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/wait/wait.h>
#include <kernel/work/work.h>
#include <kern/errno.h>

#define WORK_PENDING 1u
#define WORKERS_MAX 16u
#define WORKER_IDLE_NS (10ull * NSEC_PER_SEC)

struct worker {
	struct list_head link;	   /* work_lock: busy workers */
	struct work *current_work; /* work_lock: what it runs; only compared */
	struct list_head again;	   /* work_lock: queued once more meanwhile (at most one) */
	bool is_first;
};

static struct spinlock work_lock = SPINLOCK_INIT(LK_WORK);
static LIST_HEAD(work_items);		     /* work_lock */
static LIST_HEAD(work_busy);		     /* work_lock */
static unsigned int work_threads, work_idle; /* work_lock */
static struct wait_queue work_wake = WAIT_QUEUE_INIT(work_wake);
static struct wait_queue work_done = WAIT_QUEUE_INIT(work_done);

void work_init(struct work *w, void (*fn)(struct work *w))
{
	list_init(&w->link);
	w->fn = fn;
	w->state = 0;
}

/* work_lock held. */
static struct worker *work_runner(const struct work *w)
{
	struct worker *worker;

	list_for_each_entry (worker, &work_busy, link) {
		if (worker->current_work == w)
			return worker;
	}
	return NULL;
}

bool work_queue(struct work *w)
{
	struct worker *runner;
	unsigned long flags;

	if (__atomic_fetch_or(&w->state, WORK_PENDING, __ATOMIC_SEQ_CST) & WORK_PENDING)
		return false;
	flags = spin_lock_irqsave(&work_lock);
	runner = work_runner(w);
	list_add_tail(&w->link, runner ? &runner->again : &work_items);
	spin_unlock_irqrestore(&work_lock, flags);
	if (!runner)
		wake_up(&work_wake);
	return true;
}

static int worker_thread(void *ctx);

static void worker_start(bool first)
{
	struct worker *worker = kzalloc(sizeof(*worker));
	struct task *task;

	if (worker) {
		list_init(&worker->again);
		worker->is_first = first;
		if (!kthread_start(worker_thread, worker, "kworker", &task))
			return;
		kfree(worker);
	}
	if (first)
		panic("work: no memory for the worker");
	spin_lock_irq(&work_lock);
	work_threads--;
	spin_unlock_irq(&work_lock);
}

/* Takes the first item and marks the worker busy with it; tells whether a helper is needed. */
static struct work *worker_take(struct worker *worker, bool *need_helper)
{
	struct work *w;

	spin_lock_irq(&work_lock);
	w = list_first_entry_or_null(&work_items, struct work, link);
	if (w) {
		list_del_init(&w->link);
		worker->current_work = w;
		list_add(&worker->link, &work_busy);
		__atomic_fetch_and(&w->state, ~WORK_PENDING, __ATOMIC_SEQ_CST);
	}
	*need_helper = w && !work_idle && work_threads < WORKERS_MAX;
	if (*need_helper)
		work_threads++;
	spin_unlock_irq(&work_lock);
	return w;
}

static void worker_finish(struct worker *worker)
{
	bool again;

	spin_lock_irq(&work_lock);
	list_del(&worker->link);
	worker->current_work = NULL;
	again = !list_empty(&worker->again);
	list_splice_tail_init(&worker->again, &work_items);
	spin_unlock_irq(&work_lock);
	wake_up_all(&work_done);
	if (again)
		wake_up(&work_wake);
}

/* False when the thread should end: it was idle for long and is not the last. */
static bool worker_wait(struct worker *worker)
{
	int err;

	spin_lock_irq(&work_lock);
	work_idle++;
	spin_unlock_irq(&work_lock);
	err = wait_event_full(&work_wake, !list_empty(&work_items), TASK_INTERRUPTIBLE, true,
			      worker->is_first ? WAIT_FOREVER : time_mono_ns() + WORKER_IDLE_NS);
	spin_lock_irq(&work_lock);
	work_idle--;
	if (err == -ETIME && list_empty(&work_items) && !worker->is_first) {
		work_threads--;
		spin_unlock_irq(&work_lock);
		return false;
	}
	spin_unlock_irq(&work_lock);
	return true;
}

static int worker_thread(void *ctx)
{
	struct worker *worker = ctx;

	while (worker_wait(worker)) {
		bool need_helper;
		struct work *w;

		while ((w = worker_take(worker, &need_helper)) != NULL) {
			if (need_helper)
				worker_start(false);
			w->fn(w);
			worker_finish(worker);
		}
	}
	kfree(worker);
	return 0;
}

void work_init_system(void)
{
	work_threads = 1;
	worker_start(true);
}

/* Neither queued nor running? */
static bool work_is_idle(const struct work *w)
{
	unsigned long flags = spin_lock_irqsave(&work_lock);
	bool idle = !(READ_ONCE(w->state) & WORK_PENDING) && !work_runner(w);

	spin_unlock_irqrestore(&work_lock, flags);
	return idle;
}

void work_flush(struct work *w)
{
	might_sleep();
	wait_event(&work_done, work_is_idle(w));
}

/* Takes @w off the queue if it is on one. */
static void work_unqueue(struct work *w)
{
	unsigned long flags = spin_lock_irqsave(&work_lock);

	if (!list_empty(&w->link)) {
		list_del_init(&w->link);
		__atomic_fetch_and(&w->state, ~WORK_PENDING, __ATOMIC_SEQ_CST);
	}
	spin_unlock_irqrestore(&work_lock, flags);
}

void work_cancel_sync(struct work *w)
{
	might_sleep();
	do {
		work_unqueue(w);
		wait_event(&work_done, work_is_idle(w) || !list_empty(&w->link));
	} while (!work_is_idle(w));
}

/* --- delayed --- */

static void work_delay_over(struct timer *t)
{
	struct work_delayed *w = container_of(t, struct work_delayed, timer);

	work_queue(&w->work);
}

void work_delayed_init(struct work_delayed *w, void (*fn)(struct work *w))
{
	work_init(&w->work, fn);
	timer_init(&w->timer, work_delay_over);
}

bool work_queue_delayed(struct work_delayed *w, u64 delay_ns)
{
	if (!delay_ns)
		return work_queue(&w->work);
	if (timer_pending(&w->timer) || (READ_ONCE(w->work.state) & WORK_PENDING))
		return false;
	timer_start(&w->timer, deadline_after(time_mono_ns(), delay_ns));
	return true;
}

void work_delayed_cancel_sync(struct work_delayed *w)
{
	/* The function may arm the timer again: as long as either is found, look once more. */
	do {
		timer_cancel_sync(&w->timer);
		work_cancel_sync(&w->work);
	} while (timer_pending(&w->timer));
}
