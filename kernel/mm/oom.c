/*
 * Out of memory: the process with the most to give dies, as on Linux, and the allocation tries
 * again.
 *
 * Badness is resident pages plus page tables, moved by oom_score_adj.  One victim at a time, with
 * everybody who shares its memory: it stays the victim until its address space is taken down, or
 * was reaped, and until then allocations wait and try again.  The victim's own allocations may use
 * the reserve.  A thread (oom_reaper) takes away the private memory of the victim, so that it need
 * not get as far as its exit: it may be waiting for a lock that somebody who waits for memory
 * holds.  What cannot be reaped in three seconds is left alone and the next victim chosen; nobody
 * waits for ever.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cred/cred.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/sched/sched.h>
#include <kernel/seq/seq.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/wait/wait.h>

#define VICTIM_WAIT_NS (50 * NSEC_PER_MSEC)
#define CHOICE_WAIT_NS (2 * NSEC_PER_MSEC)
#define REAP_TRIES 30
#define REAP_WAIT_NS (100 * NSEC_PER_MSEC)

static u32 killing; /* atomic: one choice at a time */

/* Whose memory is on its way back; set by who is killing, cleared by whoever sees it back. */
static struct spinlock victim_lock = SPINLOCK_INIT(LK_IRQ_LEAF);
static struct mm *victim_mm; /* +1 on the struct; victim_lock */
static int victim_pid;	     /* with victim_mm */
static char victim_comm[16];
static bool victim_killed; /* all who share it were: it may be reaped */
static struct wait_queue reap_wait, gone_wait;
static int panic_on_oom, kill_allocating, dump_tasks = 1;

SYSCTL_INT("vm/panic_on_oom", 0644, &panic_on_oom, 0, 2);
SYSCTL_INT("vm/oom_kill_allocating_task", 0644, &kill_allocating, -0x7fffffff, 0x7fffffff);
SYSCTL_INT("vm/oom_dump_tasks", 0644, &dump_tasks, -0x7fffffff, 0x7fffffff);

static u64 total_pages(void)
{
	struct frame_stats s;

	frame_stats(&s);
	return s.total;
}

static s64 rss(const struct mm *mm)
{
	return READ_ONCE(mm->rss_anon) + READ_ONCE(mm->rss_file) + READ_ONCE(mm->rss_shmem);
}

/*
 * The memory of any thread, as the first one may have left: +1 on the struct only, so that nobody
 * who wants memory has to take an address space down.
 */
static struct mm *process_mm(struct process *p)
{
	struct task *t;
	struct mm *mm = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(t, &p->threads, thread_link)
	{
		spin_lock(&t->alloc_lock);
		mm = t->mm;
		if (mm)
			mm_ref(mm);
		spin_unlock(&t->alloc_lock);
		if (mm)
			break;
	}
	rcu_read_unlock();
	return mm;
}

/* The leader, +1; NULL: the process has gone. */
static struct task *process_task(struct process *p)
{
	rcu_read_lock();
	struct task *t = rcu_dereference(p->leader);

	if (t && !task_tryget(t))
		t = NULL;
	rcu_read_unlock();
	return t;
}

static void forget_mm(struct mm *mm)
{
	if (mm)
		mm_unref(mm);
}

/* False: it is not to be killed. */
static bool badness(const struct process *p, const struct mm *mm, u64 total, s64 *out)
{
	if (p->oom_score_adj == OOM_ADJ_NEVER || p->group_flags & PROC_UNKILLABLE ||
	    READ_ONCE(mm->oom_skip))
		return false;
	*out = rss(mm) + (s64)(READ_ONCE(mm->pgtable_bytes) >> PAGE_SHIFT) +
	       p->oom_score_adj * (s64)(total / 1000);
	return true;
}

static s64 oom_score(struct process *p)
{
	u64 total = max_t(u64, total_pages(), 1);
	struct mm *mm = process_mm(p);
	s64 bad, points = 0;

	if (mm && badness(p, mm, total, &bad))
		points = (1000 + bad * 1000 / (s64)total) * 2 / 3;
	forget_mm(mm);
	return max_t(s64, points, 0);
}

/*
 * What mlock(2) holds, by process: a locked page that two share counts for each.  Locked ranges are
 * filled at once, so their size is what is in memory, but for MLOCK_ONFAULT: never more than all.
 */
u64 mm_locked_pages(void)
{
	struct process *p;
	u64 pages = 0;

	for (int nr = 1; (p = process_next(nr)); nr++) {
		struct mm *mm = process_mm(p);

		nr = p->pid->nr;
		if (mm && READ_ONCE(mm->locked_vm))
			pages += min(READ_ONCE(mm->locked_vm), (u64)max_t(s64, rss(mm), 0));
		forget_mm(mm);
		process_put(p);
	}
	return pages;
}

/* --- the choice --- */

/* +1 on the worst process, NULL if there is none. */
static struct process *choose(u64 total)
{
	struct process *worst = NULL, *p;
	s64 most = 0, bad;

	for (int nr = 1; (p = process_next(nr)); nr++) {
		struct mm *mm = process_mm(p);

		nr = p->pid->nr;
		if (mm && badness(p, mm, total, &bad) && (!worst || bad > most)) {
			process_put(worst);
			worst = process_get(p);
			most = bad;
		}
		forget_mm(mm);
		process_put(p);
	}
	return worst;
}

static void show_tasks(void)
{
	struct process *p;

	pr_info("Tasks state (memory values in pages):\n");
	pr_info("[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj "
		"name\n");
	for (int nr = 1; (p = process_next(nr)); nr++) {
		struct mm *mm = process_mm(p);

		nr = p->pid->nr;
		struct task *t = process_task(p);

		if (mm && t)
			pr_info("[%7d] %5d %5d %8llu %8lld %8llu %8u         %5d %s\n", nr,
				t->cred->uid, nr, mm->total_vm, rss(mm), mm->pgtable_bytes, 0,
				p->oom_score_adj, t->comm);
		task_put(t);
		forget_mm(mm);
		process_put(p);
	}
}

static void show_memory(void)
{
	struct frame_stats s;
	struct frame_reclaim_stats r;

	frame_stats(&s);
	frame_reclaim_stats(&r);
	pr_warn("Mem-Info:\n");
	pr_warn("active_anon:%llu pagetables:%llu kernel_stack:%llu slab:%llu page_cache:%llu "
		"free:%llu\n",
		s.by_type[FRAME_ANON], s.by_type[FRAME_PGTABLE], s.by_type[FRAME_STACK],
		s.by_type[FRAME_SLAB], s.by_type[FRAME_FOLIO], s.free);
	pr_warn("free:%llukB min:%llukB low:%llukB high:%llukB managed:%llukB\n", s.free << 2,
		r.min << 2, r.low << 2, r.high << 2, s.total << 2);
}

/* --- the victim --- */

static bool victim_set(struct mm *mm, const struct process *p, const struct task *leader)
{
	unsigned long irq = spin_lock_irqsave(&victim_lock);
	bool free = !victim_mm;

	if (free) {
		mm_ref(mm);
		WRITE_ONCE(victim_mm, mm);
		WRITE_ONCE(victim_killed, false);
		victim_pid = p->pid->nr;
		memcpy(victim_comm, leader->comm, sizeof(victim_comm));
	}
	spin_unlock_irqrestore(&victim_lock, irq);
	return free;
}

/* What is to be reaped: +1 on the struct, or NULL. */
static struct mm *victim_get(void)
{
	unsigned long irq = spin_lock_irqsave(&victim_lock);
	struct mm *mm = victim_killed ? victim_mm : NULL;

	if (mm)
		mm_ref(mm);
	spin_unlock_irqrestore(&victim_lock, irq);
	return mm;
}

static void victim_to_reap(const struct mm *mm)
{
	unsigned long irq = spin_lock_irqsave(&victim_lock);

	/* It may be gone already. */
	if (victim_mm == mm)
		WRITE_ONCE(victim_killed, true);
	spin_unlock_irqrestore(&victim_lock, irq);
	wake_up_all(&reap_wait);
}

/* What @mm had has come back, or will not: the next one may be chosen. */
void oom_gone(struct mm *mm)
{
	unsigned long irq = spin_lock_irqsave(&victim_lock);
	bool ours = victim_mm == mm;

	if (ours) {
		WRITE_ONCE(victim_mm, NULL);
		WRITE_ONCE(victim_killed, false);
	}
	spin_unlock_irqrestore(&victim_lock, irq);
	if (!ours)
		return;
	wake_up_all(&gone_wait);
	mm_unref(mm);
}

/* --- the reaper --- */

static bool reapable(const struct vma *v)
{
	return !(v->flags & VM_PFNMAP) && (vma_is_anon(v) || !(v->flags & VM_SHARED));
}

/* Nothing can be touched there afterwards: a call that is still under way must not find zeroes
 * where its data was. */
static bool reap_vma(struct gather *g, struct vma *v)
{
	if (!vma_write_trylock(v))
		return false;
	vma_set_flags(v, v->flags & ~(VM_ACCESS | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC));
	pt_zap(g, v, v->start, v->end, ZAP_ALL);
	vma_write_unlock(v);
	return true;
}

int mm_reap(struct mm *mm)
{
	struct btree_iter it;
	struct gather g;
	struct vma *v;
	bool all = true;

	if (!rwsem_write_trylock(&mm->lock))
		return -EAGAIN;
	gather_begin(&g, mm, false);
	btree_iter_init(&it, &mm->vmas, 0);
	while ((v = btree_iter_next(&it, NULL))) {
		if (reapable(v))
			all &= reap_vma(&g, v);
	}
	gather_end(&g);
	mm_changed(mm);
	if (all)
		WRITE_ONCE(mm->oom_skip, true);
	rwsem_write_unlock(&mm->lock);
	return all ? 0 : -EAGAIN;
}

/* Another process may share the memory of one that leaves, as between vfork and exec; a core dump
 * still needs it. */
bool mm_is_leaving(const struct mm *mm)
{
	struct process *p;
	bool all = true;

	for (int nr = 1; all && (p = process_next(nr)); nr++) {
		struct mm *other = process_mm(p);

		nr = p->pid->nr;
		all = other != mm ||
		      (READ_ONCE(p->group_flags) & PROC_GROUP_EXIT && !READ_ONCE(p->coredump));
		forget_mm(other);
		process_put(p);
	}
	return all;
}

/* True: there is nothing left to do. */
static bool try_reap(struct mm *mm)
{
	/* It may leave by itself, as most do. */
	(void)!wait_event_deadline(&gone_wait, READ_ONCE(victim_mm) != mm,
				   time_mono_ns() + REAP_WAIT_NS);
	if (READ_ONCE(victim_mm) != mm)
		return true;
	if (!mm_tryget(mm))
		return false; /* is being taken down */
	bool done = !mm_reap(mm);

	if (done)
		pr_info("oom_reaper: reaped process %d (%s), now anon-rss:%lldkB, "
			"file-rss:%lldkB, shmem-rss:%lldkB\n",
			victim_pid, victim_comm, mm->rss_anon << 2, mm->rss_file << 2,
			mm->rss_shmem << 2);
	mm_put(mm);
	return done;
}

static int reaper_main(void *ctx)
{
	(void)ctx;
	for (;;) {
		bool done = false;

		(void)wait_event_interruptible(&reap_wait, READ_ONCE(victim_killed));
		struct mm *mm = victim_get();

		if (!mm)
			continue;
		for (int i = 0; !done && i < REAP_TRIES; i++)
			done = try_reap(mm);
		if (!done)
			pr_info("oom_reaper: unable to reap pid:%d (%s)\n", victim_pid,
				victim_comm);
		WRITE_ONCE(mm->oom_skip, true);
		oom_gone(mm);
		mm_unref(mm);
	}
	return 0;
}

/* --- the kill --- */

/* Everybody who has @mm; false if one of them cannot be killed. */
static bool kill_sharers(const struct mm *mm)
{
	struct process *p;
	bool all = true;

	for (int nr = 1; (p = process_next(nr)); nr++) {
		struct mm *other = process_mm(p);

		nr = p->pid->nr;
		if (other == mm) {
			if (p->group_flags & PROC_UNKILLABLE)
				all = false;
			else
				(void)signal_send_process(p, SIGKILL, NULL);
		}
		forget_mm(other);
		process_put(p);
	}
	return all;
}

static void kill_led(struct process *p, const struct task *t, const char *why)
{
	struct mm *mm = process_mm(p);

	if (!mm)
		return;
	WRITE_ONCE(mm->oom_victim, true);
	if (!victim_set(mm, p, t)) {
		forget_mm(mm);
		return;
	}
	smp_mb(); /* with the end of teardown() */
	if (READ_ONCE(mm->oom_skip)) {
		oom_gone(mm);
		forget_mm(mm);
		return;
	}
	this_cpu_inc(mm_event.oom_kill);
	pr_info("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
		"global_oom,task_memcg=/,task=%s,pid=%d,uid=%u\n",
		t->comm, p->pid->nr, t->cred->uid);
	pr_err("%s: Killed process %d (%s) total-vm:%llukB, anon-rss:%lldkB, file-rss:%lldkB, "
	       "shmem-rss:%lldkB, UID:%u pgtables:%llukB oom_score_adj:%d\n",
	       why, p->pid->nr, t->comm, mm->total_vm << 2, mm->rss_anon << 2, mm->rss_file << 2,
	       mm->rss_shmem << 2, t->cred->uid, mm->pgtable_bytes >> 10, p->oom_score_adj);
	if (kill_sharers(mm)) {
		victim_to_reap(mm);
	} else {
		/* Somebody out of the reach of signals uses it: it cannot be taken away. */
		WRITE_ONCE(mm->oom_skip, true);
		oom_gone(mm);
	}
	forget_mm(mm);
}

static void kill(struct process *p, const char *why)
{
	struct task *leader = process_task(p);

	if (leader)
		kill_led(p, leader, why);
	task_put(leader);
}

static void report(unsigned int order, u32 gfp)
{
	pr_warn("%s invoked oom-killer: gfp_mask=0x%x(%s), order=%u, oom_score_adj=%d\n",
		current->comm, gfp, gfp & GFP_USER ? "GFP_USER" : "GFP_KERNEL", order,
		current->process ? current->process->oom_score_adj : 0);
	show_memory();
	if (dump_tasks)
		show_tasks();
}

static void choose_and_kill(unsigned int order, u32 gfp)
{
	u64 total = total_pages();
	struct process *me = current->process;
	s64 bad;

	/* It may have come back while this task came here. */
	if (READ_ONCE(victim_mm) || frame_at_hand(order, gfp))
		return;

	if (panic_on_oom) {
		report(order, gfp);
		panic("Out of memory: %s panic_on_oom is enabled",
		      panic_on_oom == 2 ? "compulsory" : "system-wide");
	}
	struct process *p = choose(total);

	report(order, gfp);
	if (kill_allocating && current->mm && badness(me, current->mm, total, &bad))
		kill(me, "Out of memory (oom_kill_allocating_task)");
	else if (p)
		kill(p, "Out of memory");
	else
		panic("System is deadlocked on memory");
	process_put(p);
}

bool oom_kill(unsigned int order, u32 gfp)
{
	if (signal_fatal_pending(current))
		return false; /* is leaving already: what it wants must fail */
	if (!__atomic_exchange_n(&killing, 1, __ATOMIC_ACQUIRE)) {
		choose_and_kill(order, gfp);
		__atomic_store_n(&killing, 0, __ATOMIC_RELEASE);
	}
	if (signal_fatal_pending(current))
		return false;
	if (READ_ONCE(victim_mm))
		(void)!wait_event_full(&gone_wait, !READ_ONCE(victim_mm), TASK_KILLABLE, false,
				       time_mono_ns() + VICTIM_WAIT_NS);
	else if (!frame_at_hand(order, gfp))
		(void)!sched_sleep_until(time_mono_ns() + CHOICE_WAIT_NS, TASK_KILLABLE);
	return true;
}

bool oom_may_use_reserve(void)
{
	return current->mm && READ_ONCE(current->mm->oom_victim);
}

void oom_init(void)
{
	wait_queue_init(&reap_wait);
	wait_queue_init(&gone_wait);
	frame_set_oom_hook(oom_kill);
}

static void reaper_start(void)
{
	struct task *t;

	if (kthread_start(reaper_main, NULL, "oom_reaper", &t))
		pr_warn("no oom_reaper\n");
}
INITCALL(reaper_start);

/* --- /proc/PID --- */

static int show_score(struct seq *s, struct task *t)
{
	seq_printf(s, "%lld\n", (long long)oom_score(t->process));
	return 0;
}

static int show_score_adj(struct seq *s, struct task *t)
{
	seq_printf(s, "%d\n", t->process->oom_score_adj);
	return 0;
}

/* The old scale, -17 to 15. */
static int show_adj(struct seq *s, struct task *t)
{
	int v = t->process->oom_score_adj;

	seq_printf(s, "%d\n", v == OOM_ADJ_MAX ? 15 : v * 17 / OOM_ADJ_MAX);
	return 0;
}

static int set_adj(struct task *t, int value, int least)
{
	struct process *p = t->process;
	bool may = capable(CAP_SYS_RESOURCE);

	if (value < least && !may)
		return -EACCES;
	WRITE_ONCE(p->oom_score_adj, value);
	if (may)
		WRITE_ONCE(p->oom_score_adj_min, value);
	return 0;
}

static int store_score_adj(struct task *t, const char *text)
{
	int value;

	if (!proc_parse_int(text, &value) || value < OOM_ADJ_NEVER || value > OOM_ADJ_MAX)
		return -EINVAL;
	return set_adj(t, value, t->process->oom_score_adj_min);
}

static int store_adj(struct task *t, const char *text)
{
	int value;

	if (!proc_parse_int(text, &value) || value < -17 || value > 15)
		return -EINVAL;
	value = value == 15 ? OOM_ADJ_MAX : value * OOM_ADJ_MAX / 17;
	return set_adj(t, value, t->process->oom_score_adj);
}

PROC_TASK_FILE("oom_score", 0444, show_score, NULL);
PROC_TASK_FILE("oom_score_adj", 0644, show_score_adj, store_score_adj);
PROC_TASK_FILE("oom_adj", 0644, show_adj, store_adj);
