/*
 * PT_NOTE: what a debugger wants to know of threads and process, in the order of Linux.
 * <sys/procfs.h>, elf(5).
 */
#include <kernel/coredump/coredump_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/slab/slab.h>
#include <kernel/vfs/vfs.h>
#include <asm/regset.h>
#include <linux/elf.h>

#define NAMES_MAX (4u << 20) /* of NT_FILE, as Linux */
#define PSARGS 80

struct core_timeval {
	s64 sec, usec;
};

/* struct elf_prstatus without the registers, which follow, and pr_fpvalid behind them. */
struct core_prstatus {
	s32 signo, code, err;
	s16 cursig;
	u64 sigpend, sighold;
	s32 pid, ppid, pgrp, sid;
	struct core_timeval utime, stime, cutime, cstime;
};
static_assert(sizeof(struct core_prstatus) == 112, "struct elf_prstatus");

struct core_prpsinfo {
	u8 state;
	char sname;
	u8 zomb;
	s8 nice;
	u64 flag;
	u32 uid, gid;
	s32 pid, ppid, pgrp, sid;
	char fname[16];
	char psargs[PSARGS];
};
static_assert(sizeof(struct core_prpsinfo) == 136, "struct elf_prpsinfo");

/* A block of memory that grows; once it could not, nothing is added any more. */
struct notes {
	u8 *at;
	size_t len, room;
	bool failed;
};

static void *reserve(struct notes *n, size_t len)
{
	if (n->failed)
		return NULL;
	if (n->len + len > n->room) {
		size_t room = max(n->room * 2, n->len + len + PAGE_SIZE);
		u8 *more = kvmalloc(room, GFP_KERNEL);

		if (!more) {
			n->failed = true;
			return NULL;
		}
		memcpy(more, n->at, n->len);
		kvfree(n->at);
		n->at = more;
		n->room = room;
	}
	u8 *p = n->at + n->len;

	memset(p, 0, len);
	n->len += len;
	return p;
}

/* Returns where the contents go, until the next call. */
static void *add(struct notes *n, const char *name, u32 type, size_t size)
{
	size_t name_size = strlen(name) + 1, name_room = (name_size + 3) & ~3ul;
	u8 *p = reserve(n, sizeof(Elf64_Nhdr) + name_room + ((size + 3) & ~3ul));
	Elf64_Nhdr h = {.n_namesz = (u32)name_size, .n_descsz = (u32)size, .n_type = type};

	if (!p)
		return NULL;
	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), name, name_size);
	return p + sizeof(h) + name_room;
}

static void add_bytes(struct notes *n, u32 type, const void *data, size_t size)
{
	void *p = add(n, "CORE", type, size);

	if (p)
		memcpy(p, data, size);
}

static struct core_timeval timeval_of(u64 ns)
{
	return (struct core_timeval){(s64)(ns / 1000000000u), (s64)(ns % 1000000000u / 1000u)};
}

static void add_status(struct notes *n, struct task *t, int sig, const struct regset *r)
{
	struct process *p = t->process;
	struct core_prstatus s = {
		.signo = sig,
		.cursig = (s16)sig,
		.sigpend = t->pending.mask,
		.sighold = t->blocked,
		.pid = task_tid(t),
		.ppid = process_ppid(p),
		.pgrp = task_pgrp_nr(t),
		.sid = task_session_nr(t),
		.cutime = timeval_of(p->cutime_ns),
		.cstime = timeval_of(p->cstime_ns),
	};
	struct process_times all;
	u64 utime, stime;

	task_times(t, &utime, &stime);
	if (t == p->leader) {
		process_times(p, &all);
		utime = all.utime_ns;
		stime = all.stime_ns;
	}
	s.utime = timeval_of(utime);
	s.stime = timeval_of(stime);
	u8 *at = add(n, "CORE", NT_PRSTATUS, sizeof(s) + r->size() + sizeof(u64));

	if (!at)
		return;
	memcpy(at, &s, sizeof(s));
	if (r->get(t, at + sizeof(s)))
		n->failed = true;
	at[sizeof(s) + r->size()] = 1; /* pr_fpvalid */
}

static void add_registers(struct notes *n, struct task *t, const struct regset *sets,
			  unsigned int count)
{
	for (unsigned int i = 1; i < count; i++) {
		if (!sets[i].in_core)
			continue;
		void *buf = kzalloc(sets[i].size());

		if (buf && !sets[i].get(t, buf)) {
			void *at = add(n, sets[i].note == NT_PRFPREG ? "CORE" : "LINUX",
				       sets[i].note, sets[i].size());

			if (at)
				memcpy(at, buf, sets[i].size());
		}
		kfree(buf);
	}
}

static void add_psinfo(struct notes *n)
{
	struct task *t = current;
	struct mm *mm = t->mm;
	struct core_prpsinfo i = {
		.sname = 'R',
		.nice = t->se.nice,
		.uid = t->cred->uid,
		.gid = t->cred->gid,
		.pid = task_tgid(t),
		.ppid = process_ppid(t->process),
		.pgrp = task_pgrp_nr(t),
		.sid = task_session_nr(t),
	};
	size_t len = min_t(u64, mm->arg_end - mm->arg_start, PSARGS - 1);

	len = mm_access(mm, mm->arg_start, i.psargs, len, false, true);
	for (size_t k = 0; k < len; k++) {
		if (!i.psargs[k])
			i.psargs[k] = ' ';
	}
	task_comm(t, i.fname);
	add_bytes(n, NT_PRPSINFO, &i, sizeof(i));
}

/* NT_FILE: count, page size, then start, end and page offset of each, then the names. */
static void add_files(struct notes *n, const struct core_map *m)
{
	char *buf = kmalloc(PAGE_SIZE), *name;
	struct notes head = {0}, names = {0};
	u64 count = 0;

	for (u32 i = 0; buf && i < m->count && names.len < NAMES_MAX; i++) {
		const struct core_area *a = &m->area[i];

		if (!a->file || path_format(&a->file->path, buf, PAGE_SIZE, &name))
			continue;
		u64 row[3] = {a->start, a->end, a->pgoff};
		u8 *r = reserve(&head, sizeof(row)), *s = reserve(&names, strlen(name) + 1);

		if (!r || !s)
			break;
		memcpy(r, row, sizeof(row));
		memcpy(s, name, strlen(name));
		count++;
	}
	if (count && !head.failed && !names.failed) {
		u8 *at = add(n, "CORE", NT_FILE, 16 + head.len + names.len);
		u64 first[2] = {count, PAGE_SIZE};

		if (at) {
			memcpy(at, first, 16);
			memcpy(at + 16, head.at, head.len);
			memcpy(at + 16 + head.len, names.at, names.len);
		}
	}
	kvfree(head.at);
	kvfree(names.at);
	kfree(buf);
}

/* The held thread with the next number; they stay, so RCU is for the list alone. */
static struct task *next_thread(struct process *p, int after)
{
	struct task *t, *best = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(t, &p->threads, thread_link)
	{
		if (t != current && (t->stop_state & STOP_CORE) && task_tid(t) > after &&
		    (!best || task_tid(t) < task_tid(best)))
			best = t;
	}
	rcu_read_unlock();
	return best;
}

int core_notes(const struct siginfo *info, const struct core_map *m, void **out, size_t *size)
{
	unsigned int count;
	const struct regset *sets = arch_regsets(&count);
	struct mm *mm = current->mm;
	struct notes n = {0};
	struct task *t = NULL;

	add_status(&n, current, info->si_signo, &sets[0]);
	add_psinfo(&n);
	add_bytes(&n, NT_SIGINFO, info, sizeof(*info));
	add_bytes(&n, NT_AUXV, mm->saved_auxv, mm->auxv_len * sizeof(u64));
	add_files(&n, m);
	add_registers(&n, current, sets, count);
	while ((t = next_thread(current->process, t ? task_tid(t) : 0))) {
		add_status(&n, t, info->si_signo, &sets[0]);
		add_registers(&n, t, sets, count);
	}
	if (n.failed) {
		kvfree(n.at);
		return -ENOMEM;
	}
	*out = n.at;
	*size = n.len;
	return 0;
}
