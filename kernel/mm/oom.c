/*
 * Out of memory: the process with the most to give dies, as on Linux, and the allocation tries
 * again.
 *
 * Badness is resident pages plus page tables, moved by oom_score_adj.  One victim at a time: until
 * it has left its address space, allocations wait for it a little and then go on failing; nobody
 * waits for ever.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <kernel/cred/cred.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>

#define VICTIM_WAIT_NS (20 * NSEC_PER_MSEC)

static u32 killing; /* atomic: one choice at a time */

static s64 badness(struct process *p, struct mm *mm, u64 total)
{
	struct mm_usage u;

	if (p->oom_score_adj == -1000 || p->group_flags & PROC_UNKILLABLE)
		return -1;
	mm_usage(mm, &u);
	return (s64)(u.resident + (mm->pgtable_bytes >> PAGE_SHIFT)) +
	       p->oom_score_adj * (s64)(total / 1000);
}

/* +1 on the worst process, NULL if there is none; *dying: one is on its way out. */
static struct process *choose(u64 total, bool *dying)
{
	struct process *worst = NULL, *p;
	s64 most = 0;

	*dying = false;
	for (int nr = 1; (p = process_next(nr)); nr++) {
		struct task *t = p->leader;
		struct mm *mm = t ? task_mm(t) : NULL;

		nr = p->pid->nr;
		if (mm) {
			s64 bad = badness(p, mm, total);

			if (mm->oom_victim)
				*dying = true;
			else if (bad > most || (bad >= 0 && !worst)) {
				process_put(worst);
				worst = process_get(p);
				most = bad;
			}
			mm_put(mm);
		}
		process_put(p);
	}
	return worst;
}

static void kill(struct process *p)
{
	struct task *t = p->leader;
	struct mm *mm = t ? task_mm(t) : NULL;

	if (!mm)
		return;
	mm->oom_victim = true;
	this_cpu_inc(mm_event.oom_kill);
	pr_err("Out of memory: Killed process %d (%s) total-vm:%llukB, anon-rss:%lldkB, "
	       "file-rss:%lldkB, "
	       "shmem-rss:%lldkB, UID:%u pgtables:%llukB oom_score_adj:%d\n",
	       p->pid->nr, t->comm, mm->total_vm << 2, mm->rss_anon << 2, mm->rss_file << 2,
	       mm->rss_shmem << 2, t->cred->uid, mm->pgtable_bytes >> 10, p->oom_score_adj);
	(void)signal_send_process(p, SIGKILL, NULL);
	mm_put(mm);
}

bool oom_kill(unsigned int order)
{
	struct frame_stats s;
	bool dying;

	if (signal_fatal_pending(current))
		return false; /* is leaving already: what it wants must fail */
	if (!__atomic_exchange_n(&killing, 1, __ATOMIC_ACQUIRE)) {
		frame_stats(&s);
		struct process *p = choose(s.total, &dying);

		if (!dying && p) {
			pr_warn("%s invoked oom-killer: order=%u, oom_score_adj=%d\n",
				current->comm, order,
				current->process ? current->process->oom_score_adj : 0);
			kill(p);
		} else if (!dying && !p) {
			panic("Out of memory and no killable processes...");
		}
		process_put(p);
		__atomic_store_n(&killing, 0, __ATOMIC_RELEASE);
	}
	if (signal_fatal_pending(current))
		return false;
	(void)!sched_sleep_until(time_mono_ns() + VICTIM_WAIT_NS, TASK_UNINTERRUPTIBLE);
	return true;
}

void oom_init(void)
{
	frame_set_oom_hook(oom_kill);
}
