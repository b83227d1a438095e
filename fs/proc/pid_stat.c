/* /proc/PID/stat, status, statm: what ps, top and free of procps read.  proc(5). */
#include <fs/proc/proc_impl.h>

#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/mm/mm.h>
#include <kernel/rcu/rcu.h>
#include <kernel/seccomp/seccomp.h>
#include <kernel/time/time.h>
#include <kernel/tty/tty.h>
#include <asm/cpumask.h>
#include <asm/context.h>
#include <asm/smp.h>
#include <linux/prctl.h>
#include <linux/sched.h>

struct pid_signals {
	sigmask pending, shared, blocked, ignored, caught;
	u32 queued;
};

static void signals_of(struct task *t, struct pid_signals *out)
{
	struct sighand *h;

	memset(out, 0, sizeof(*out));
	rcu_read_lock();
	h = rcu_dereference(t->sighand);
	if (h) {
		out->pending = READ_ONCE(t->pending.mask);
		out->shared = READ_ONCE(t->process->pending.mask);
		out->blocked = READ_ONCE(t->blocked);
		for (int sig = 1; sig <= SIGNAL_COUNT; sig++) {
			u64 handler = READ_ONCE(h->action[sig - 1].handler);

			if (handler == (u64)(uptr)SIG_IGN)
				out->ignored |= SIGMASK(sig);
			else if (handler != (u64)(uptr)SIG_DFL)
				out->caught |= SIGMASK(sig);
		}
	}
	rcu_read_unlock();
}

/* PF_* bits that programs look at: kernel thread, forked but no exec yet, exiting. */
static u32 pid_flags(const struct task *t)
{
	u32 flags = 0;

	if (t->flags & TF_KTHREAD)
		flags |= 0x00200000;
	if (t->flags & TF_FORKNOEXEC)
		flags |= 0x40;
	if (t->flags & TF_EXITING)
		flags |= 0x4;
	return flags | 0x00400000; /* PF_RANDOMIZE */
}

static s64 pid_priority(const struct task *t)
{
	if (t->se.prio) /* its own or lent */
		return -1 - (s64)t->se.prio;
	return 20 + (s64)t->se.nice;
}

static u32 thread_count(struct task *t)
{
	return READ_ONCE(t->process->thread_count);
}

struct pid_totals {
	u64 utime, stime, min_flt, maj_flt;
};

/* Of the whole process for its directory, as Linux: threads that are gone included. */
static void process_totals(struct task *t, struct pid_totals *out, struct process_times *times)
{
	struct process *p = t->process;
	struct task *i;

	process_times(p, times);
	out->utime = times->utime_ns;
	out->stime = times->stime_ns;
	out->min_flt = p->min_flt;
	out->maj_flt = p->maj_flt;
	rcu_read_lock();
	list_for_each_entry_rcu(i, &p->threads, thread_link)
	{
		out->min_flt += i->min_flt;
		out->maj_flt += i->maj_flt;
	}
	rcu_read_unlock();
}

static void stat_memory(struct seq *s, struct mm *mm, bool look)
{
	seq_put_u64(s, " ", mm && look ? mm->start_code : 0);
	seq_put_u64(s, " ", mm && look ? mm->end_code : 0);
	seq_put_u64(s, " ", mm && look ? mm->start_stack : 0);
}

int proc_pid_stat(struct seq *s, struct task *t)
{
	struct process *p = t->process;
	bool is_thread = proc_of(s->private_data)->is_thread, look = proc_may_look(t);
	const struct pid_ns *ns = proc_seq_ns(s);
	struct mm *mm = task_mm(t);
	struct process_times times;
	struct pid_totals sum;
	struct pid_signals sig;
	struct mm_usage use = {0};
	char comm[TASK_COMM_LEN];
	u32 tty = 0;
	int tty_pgrp = -1;

	tty_process_info(p, ns, &tty, &tty_pgrp);

	process_totals(t, &sum, &times);
	if (is_thread) {
		task_times(t, &sum.utime, &sum.stime);
		sum.min_flt = t->min_flt;
		sum.maj_flt = t->maj_flt;
	}
	signals_of(t, &sig);
	task_comm(t, comm);
	if (mm)
		mm_usage(mm, &use);
	seq_printf(s, "%d (%s) %c %d %d %d %u %d %u", task_tid_in(t, ns), comm, task_state_char(t),
		   process_ppid_in(p, ns), task_pgrp_nr_in(t, ns), task_session_nr_in(t, ns), tty,
		   tty_pgrp, pid_flags(t));
	seq_put_u64(s, " ", sum.min_flt);
	seq_put_u64(s, " ", p->cmin_flt);
	seq_put_u64(s, " ", sum.maj_flt);
	seq_put_u64(s, " ", p->cmaj_flt);
	seq_put_u64(s, " ", task_ns_to_ticks(sum.utime));
	seq_put_u64(s, " ", task_ns_to_ticks(sum.stime));
	seq_put_u64(s, " ", task_ns_to_ticks(times.cutime_ns));
	seq_put_u64(s, " ", task_ns_to_ticks(times.cstime_ns));
	seq_put_s64(s, " ", pid_priority(t));
	seq_put_s64(s, " ", t->se.nice);
	seq_put_u64(s, " ", thread_count(t));
	seq_puts(s, " 0");
	seq_put_u64(s, " ",
		    task_ns_to_ticks(t->start_boot_ns + (u64)time_ns_offset(CLOCK_BOOTTIME)));
	seq_put_u64(s, " ", use.size << PAGE_SHIFT);
	seq_put_u64(s, " ", use.resident);
	seq_put_u64(s, " ", p->rlim[RLIMIT_RSS].rlim_cur);
	stat_memory(s, mm, look);
	seq_printf(s, " 0 0 %llu %llu %llu %llu", sig.pending & 0x7fffffff,
		   sig.blocked & 0x7fffffff, sig.ignored & 0x7fffffff, sig.caught & 0x7fffffff);
	seq_printf(s, " %d 0 0 %d %u %u %u 0 0 0", t->wchan ? 1 : 0,
		   t->exit_signal < 0 ? 0 : t->exit_signal, t->se.cpu, t->se.rt_priority,
		   t->se.policy);
	if (mm && look)
		seq_printf(s, " %llu %llu %llu %llu %llu %llu %llu", mm->start_data, mm->end_data,
			   mm->start_brk, mm->arg_start, mm->arg_end, mm->env_start, mm->env_end);
	else
		seq_puts(s, " 0 0 0 0 0 0 0");
	seq_printf(s, " %d\n", look ? t->exit_code : 0);
	mm_put(mm);
	return 0;
}

int proc_pid_statm(struct seq *s, struct task *t)
{
	struct mm *mm = task_mm(t);
	struct mm_usage u = {0};

	if (mm)
		mm_usage(mm, &u);
	mm_put(mm);
	seq_printf(s, "%llu %llu %llu %llu 0 %llu 0\n", u.size, u.resident, u.shared, u.text,
		   u.data);
	return 0;
}

static const char *state_name(char c)
{
	switch (c) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 'D':
		return "D (disk sleep)";
	case 'T':
		return "T (stopped)";
	case 't':
		return "t (tracing stop)";
	case 'Z':
		return "Z (zombie)";
	case 'I':
		return "I (idle)";
	default:
		return "X (dead)";
	}
}

static int tracer_number(struct task *t, const struct pid_ns *ns)
{
	rcu_read_lock();
	struct task *tracer = rcu_dereference(t->tracer);
	int nr = tracer ? task_tid_in(tracer, ns) : 0;

	rcu_read_unlock();
	return nr;
}

typedef int task_nr_fn(struct task *t, const struct pid_ns *ns);

/* A line with the number in each namespace from the mount's down to the task's own. */
static void status_ns_line(struct seq *s, struct task *t, const struct pid_ns *top,
			   const char *name, task_nr_fn *nr)
{
	const struct pid *pid = t->pid;

	seq_puts(s, name);
	for (u32 l = top->level; pid_nr_in(pid, top) && l <= pid->level; l++)
		seq_put_s64(s, "\t", nr(t, pid->number[l].ns));
	seq_putc(s, '\n');
}

static int tid_in(struct task *t, const struct pid_ns *ns)
{
	return task_tid_in(t, ns);
}

static int tgid_in(struct task *t, const struct pid_ns *ns)
{
	return task_tgid_in(t, ns);
}

static const struct {
	const char *name;
	task_nr_fn *nr;
} ns_lines[] = {
	{"NStgid:", tgid_in},
	{"NSpid:", tid_in},
	{"NSpgid:", task_pgrp_nr_in},
	{"NSsid:", task_session_nr_in},
};

static void status_ids(struct seq *s, struct task *t)
{
	const struct user_ns *u = s->file->cred->user_ns;
	const struct pid_ns *ns = proc_seq_ns(s);
	const struct cred *c = cred_of(t);
	struct fs_ctx *fs = task_fs(t);
	char comm[TASK_COMM_LEN];
	u32 fds = 0;

	task_comm(t, comm);
	seq_puts(s, "Name:\t");
	seq_escape(s, comm, "\n\\");
	if (fs)
		seq_printf(s, "\nUmask:\t%04o", fs->umask);
	fs_ctx_put(fs);
	seq_printf(s, "\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
		   state_name(task_state_char(t)), task_tgid_in(t, ns), task_tid_in(t, ns),
		   process_ppid_in(t->process, ns), tracer_number(t, ns));
	seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", user_ns_show_uid(u, c->uid),
		   user_ns_show_uid(u, c->euid), user_ns_show_uid(u, c->suid),
		   user_ns_show_uid(u, c->fsuid), user_ns_show_gid(u, c->gid),
		   user_ns_show_gid(u, c->egid), user_ns_show_gid(u, c->sgid),
		   user_ns_show_gid(u, c->fsgid));
	struct files *files = task_files(t);

	if (files) {
		fds = files_table_size(files);
		files_put(files);
	}
	seq_printf(s, "FDSize:\t%u\nGroups:\t", fds);
	for (u32 i = 0; i < c->groups->count; i++)
		seq_printf(s, "%u ", user_ns_show_gid(u, c->groups->gid[i]));
	seq_putc(s, '\n');
	for (size_t i = 0; i < sizeof(ns_lines) / sizeof(ns_lines[0]); i++)
		status_ns_line(s, t, ns, ns_lines[i].name, ns_lines[i].nr);
	cred_put(c);
}

static void status_kb(struct seq *s, const char *name, u64 kb)
{
	seq_printf(s, "%s:\t%8llu kB\n", name, kb);
}

static void status_memory(struct seq *s, struct mm *mm)
{
	struct mm_usage u;
	u64 rss, anon = (u64)max_t(s64, mm->rss_anon, 0) << 2;
	u64 file = (u64)max_t(s64, mm->rss_file, 0) << 2, shmem = (u64)max_t(s64, mm->rss_shmem, 0)
								  << 2;

	mm_usage(mm, &u);
	rss = anon + file + shmem;
	status_kb(s, "VmPeak", max(mm->hiwater_vm, u.size) << 2);
	status_kb(s, "VmSize", u.size << 2);
	status_kb(s, "VmLck", mm->locked_vm << 2);
	status_kb(s, "VmPin", 0);
	status_kb(s, "VmHWM", max(mm->hiwater_rss << 2, rss));
	status_kb(s, "VmRSS", rss);
	status_kb(s, "RssAnon", anon);
	status_kb(s, "RssFile", file);
	status_kb(s, "RssShmem", shmem);
	status_kb(s, "VmData", mm->data_vm << 2);
	status_kb(s, "VmStk", mm->stack_vm << 2);
	status_kb(s, "VmExe", (mm->end_code - mm->start_code) >> 10);
	status_kb(s, "VmLib",
		  mm->exec_vm << 2 > (mm->end_code - mm->start_code) >> 10
			  ? (mm->exec_vm << 2) - ((mm->end_code - mm->start_code) >> 10)
			  : 0);
	status_kb(s, "VmPTE", mm->pgtable_bytes >> 10);
	status_kb(s, "VmSwap", 0);
	status_kb(s, "HugetlbPages", (u64)max_t(s64, READ_ONCE(mm->hugetlb), 0) << 2);
}

static void status_signals(struct seq *s, struct task *t)
{
	const struct cred *c = cred_of(t);
	u32 signal_count = (u32)max_t(s64, READ_ONCE(c->ucounts->used[UCOUNT_SIGPENDING]), 0);
	struct pid_signals g;

	cred_put(c);
	signals_of(t, &g);
	seq_printf(s, "Threads:\t%u\nSigQ:\t%u/%llu\n", thread_count(t), signal_count,
		   (unsigned long long)t->process->rlim[RLIMIT_SIGPENDING].rlim_cur);
	seq_printf(s,
		   "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:"
		   "\t%016llx\n",
		   g.pending, g.shared, g.blocked, g.ignored, g.caught);
}

static void status_caps(struct seq *s, struct task *t)
{
	const struct cred *c = cred_of(t);

	seq_printf(s,
		   "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:"
		   "\t%016llx\n",
		   c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bset,
		   c->cap_ambient);
	seq_printf(s, "NoNewPrivs:\t%d\nSeccomp:\t%d\nSeccomp_filters:\t%u\n", t->no_new_privs,
		   t->seccomp_mode, seccomp_count(t));
	cred_put(c);
}

/* What prctl(PR_GET_SPECULATION_CTRL) says; no task differs from another. */
static void status_speculation(struct seq *s)
{
	bool safe = arch_speculation_get(PR_SPEC_STORE_BYPASS) == PR_SPEC_NOT_AFFECTED;

	seq_printf(s, "Speculation_Store_Bypass:\t%s\nSpeculationIndirectBranch:\t%s\n",
		   safe ? "not vulnerable" : "vulnerable", "always enabled");
}

/* As a map of as many digits as the machine's CPUs need, and as a list. */
static void status_cpus(struct seq *s, struct task *t)
{
	u64 mask = t->se.allowed.bits & cpumask_read(&cpu_possible_mask).bits;

	seq_puts(s, "Cpus_allowed:\t");
	seq_put_mask(s, mask, smp_possible_count());
	seq_puts(s, "\nCpus_allowed_list:\t");
	seq_put_bits(s, mask);
}

int proc_pid_status(struct seq *s, struct task *t)
{
	struct mm *mm = task_mm(t);

	status_ids(s, t);
	if (mm) {
		status_memory(s, mm);
		seq_puts(s, "CoreDumping:\t0\nTHP_enabled:\t0\n");
	}
	mm_put(mm);
	status_signals(s, t);
	status_caps(s, t);
	status_speculation(s);
	status_cpus(s, t);
	seq_printf(s,
		   "\nMems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t%llu\n"
		   "nonvoluntary_ctxt_switches:\t%llu\n",
		   t->se.nvcsw, t->se.nivcsw);
	return 0;
}
