/*
 * On the way to user mode with something to do (kernel/arch_up.h).
 *
 * The order matters: what callbacks do may send signals; delivery may set the saved mask aside; the
 * restartable sequence is fixed up last, when the address to return to is final.
 */
#include <kernel/arch_up.h>

#include <kernel/signal/signal.h>
#include <kernel/task/task_impl.h>
#include <kernel/uaccess/uaccess.h>

static void notify_run(struct task *t)
{
	struct task_callback *cb;

	task_work_clear(t, WORK_NOTIFY);
	if (unlikely(t->set_child_tid)) {
		/* CLONE_CHILD_SETTID: the child's first way out. */
		(void)!put_user((u32)t->pid->own_nr, t->set_child_tid);
		t->set_child_tid = NULL;
	}
	cb = xchg(&t->callbacks, NULL);
	while (cb) {
		struct task_callback *next = cb->next;

		cb->fn(cb);
		cb = next;
	}
}

void user_leave_work(struct regs *regs, u32 work)
{
	struct task *t = current;

	if (work & WORK_RESCHED)
		sched_schedule();
	if (work & WORK_NOTIFY)
		notify_run(t);
	if (work & (WORK_SIGNAL | WORK_RESTORE_MASK))
		signal_deliver(regs);
	if (READ_ONCE(t->work) & WORK_RSEQ)
		rseq_leave(regs);
}
