/*
 * Time namespaces: offsets of the monotonic clock and of the time since boot. time_namespaces(7).
 *
 * unshare and setns choose where children will be. Offsets may be set until the first task enters;
 * from then on they never change, so that readers take no lock. Inside the kernel all times are the
 * machine's: offsets are added where a time goes to a program, and taken off where an absolute one
 * comes from it.
 */
#include <kernel/time/time_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <asm/vdso.h>
#include <kernel/boot/boot.h>
#include <kernel/file/file.h>
#include <kernel/frame/frame.h>
#include <kernel/ns/user.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <lib/parse/parse.h>
#include <linux/sched.h>

struct time_ns {
	struct ns_common ns;
	s64 mono_ns, boot_ns; /* offset_lock until frozen, then constant */
	bool frozen;	      /* offset_lock: somebody is, or was, inside */
	void *vdso_page;      /* [I] a frame; NULL: initial */
};

static const struct ns_kind time_kind;
static struct time_ns time_initial = {
	.ns = NS_COMMON_INITIAL(&time_kind, NS_INO_TIME),
	.frozen = true,
};
static struct mutex offset_lock;

static struct time_ns *time_ns_of(struct ns_common *ns)
{
	return container_of(ns, struct time_ns, ns);
}

static s64 offset_of(const struct time_ns *t, int clock)
{
	switch (clock) {
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
		return t->mono_ns;
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		return t->boot_ns;
	}
	return 0;
}

s64 time_ns_offset(int clock)
{
	struct ns_common *ns = current_ns(NS_TIME);

	return likely(ns == &time_initial.ns) ? 0 : offset_of(time_ns_of(ns), clock);
}

u64 time_ns_to_host(int clock, u64 ns)
{
	s64 offset = time_ns_offset(clock), host;

	if (likely(!offset) || !ns)
		return ns;
	if (ns > (u64)S64_MAX || __builtin_sub_overflow((s64)ns, offset, &host))
		return (u64)S64_MAX;
	return host > 0 ? (u64)host : 1;
}

u64 time_ns_vdso_phys(struct ns_common *ns)
{
	return virt_to_phys(time_ns_of(ns)->vdso_page);
}

void time_ns_enter(struct ns_common *ns)
{
	struct time_ns *t = time_ns_of(ns);

	if (t == &time_initial)
		return;
	mutex_lock(&offset_lock);
	if (!t->frozen)
		vdso_fill_time_ns(t->vdso_page, t->mono_ns, t->boot_ns);
	t->frozen = true;
	mutex_unlock(&offset_lock);
}

/* ---- the kind ---- */

static int time_copy(const struct ns_copy *req, struct ns_common *old, struct ns_common **out)
{
	struct time_ns *t = kzalloc(sizeof(*t)), *from = time_ns_of(old);
	int err;

	if (!t)
		return -ENOMEM;
	t->vdso_page = frame_alloc_virt(0, GFP_KERNEL | GFP_ZERO);
	err = t->vdso_page ? ns_init(&t->ns, &time_kind, req->owner) : -ENOMEM;
	if (err) {
		frame_free_virt(t->vdso_page);
		kfree(t);
		return err;
	}
	mutex_lock(&offset_lock);
	t->mono_ns = from->mono_ns;
	t->boot_ns = from->boot_ns;
	mutex_unlock(&offset_lock);
	*out = &t->ns;
	return 0;
}

static void time_free(struct ns_common *ns)
{
	struct time_ns *t = time_ns_of(ns);

	frame_free_virt(t->vdso_page);
	ns_release(ns);
	kfree(t);
}

/* The one a task lives in; .slot is that of its children. */
static struct ns_common *time_get(struct task *t)
{
	struct nsproxy *p = task_nsproxy(t);
	struct ns_common *ns = p ? ns_get(p->of[NS_TIME]) : NULL;

	nsproxy_put(p);
	return ns;
}

/* Does another process run in current's memory? It would read the wrong time there. */
static bool shares_memory(void)
{
	struct task *t;
	bool shared = false;

	if (__atomic_load_n(&current->mm->users, __ATOMIC_RELAXED) == 1)
		return false;
	spin_lock_irq(&tasklist_lock);
	list_for_each_entry (t, &tasklist, all_link)
		shared |= t->process != current->process && READ_ONCE(t->mm) == current->mm;
	spin_unlock_irq(&tasklist_lock);
	return shared;
}

static int time_install(struct ns_set *set, struct ns_common *ns)
{
	int err;

	if (current->process->thread_count > 1 || shares_memory())
		return -EUSERS;
	err = ns_may_join(set, ns);
	if (err)
		return err;
	ns_set_slot(set, NS_TIME, ns);
	ns_set_slot(set, NS_TIME_CHILDREN, ns);
	return 0;
}

static const struct ns_kind time_kind = {
	.name = "time",
	.flag = CLONE_NEWTIME,
	.slot = NS_TIME_CHILDREN,
	.ucount = UCOUNT_TIME_NAMESPACES,
	.initial = &time_initial.ns,
	.copy = time_copy,
	.free = time_free,
	.install = time_install,
	.get = time_get,
};
NS_KIND(time_kind);

static const struct ns_kind children_kind = {
	.name = "time_for_children",
	.slot = NS_TIME_CHILDREN,
	.initial = &time_initial.ns,
};
NS_KIND(children_kind);

static void time_ns_init(void)
{
	mutex_init(&offset_lock, LK_SLEEP_LEAF);
}
INITCALL(time_ns_init);

/* ---- /proc/PID/timens_offsets ---- */

/* +1 on the namespace that children of the task of @i will be in. */
static int children_of(const struct inode *i, struct time_ns **out)
{
	struct task *t = proc_task(i);
	struct ns_common *ns = t ? ns_of_task(&children_kind, t) : NULL;

	task_put(t);
	if (!ns)
		return -ESRCH;
	*out = time_ns_of(ns);
	return 0;
}

static void show_offset(struct seq *s, const char *clock, s64 ns)
{
	s64 sec = ns / (s64)NSEC_PER_SEC, rest = ns % (s64)NSEC_PER_SEC;

	if (rest < 0) {
		sec--;
		rest += (s64)NSEC_PER_SEC;
	}
	seq_printf(s, "%-10s %10lld %9lld\n", clock, sec, rest);
}

static int offsets_show(struct seq *s, void *v)
{
	struct time_ns *t;
	int err = children_of(s->file->inode, &t);

	(void)v;
	if (err)
		return 0;
	mutex_lock(&offset_lock);
	s64 mono = t->mono_ns, boot = t->boot_ns;

	mutex_unlock(&offset_lock);
	ns_put(&t->ns);
	show_offset(s, "monotonic", mono);
	show_offset(s, "boottime", boot);
	return 0;
}

/* What one write(2) asks for: at most two lines. */
struct offset_line {
	bool boot;
	s64 sec;
	u64 nsec;
};

/* Decimal digits behind blanks; too many are no number. */
static bool parse_number(const char **at, bool may_be_negative, s64 *out)
{
	const char *p = *at;
	bool negative = false;
	u64 v;

	while (char_is_space(*p))
		p++;
	if (may_be_negative && (*p == '-' || *p == '+'))
		negative = *p++ == '-';
	if (!parse_digits(&p, 10, &v) || v > (u64)S64_MAX)
		return false;
	*at = p;
	*out = negative ? -(s64)v : (s64)v;
	return true;
}

static bool parse_clock(const char **at, bool *boot)
{
	static const struct {
		const char *name;
		bool boot;
	} names[] = {{"monotonic", false}, {"1", false}, {"boottime", true}, {"7", true}};
	const char *p = *at;
	size_t len = 0;

	while (char_is_space(*p))
		p++;
	while (p[len] && !char_is_space(p[len]))
		len++;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i].name) != len || memcmp(names[i].name, p, len))
			continue;
		*boot = names[i].boot;
		*at = p + len;
		return true;
	}
	return false;
}

/* "monotonic 10 500": clock, seconds, nanoseconds. What stands behind on the line is not read. */
static bool parse_line(const char *p, struct offset_line *l)
{
	s64 nsec;

	if (!parse_clock(&p, &l->boot) || !parse_number(&p, true, &l->sec) ||
	    !parse_number(&p, false, &nsec) || nsec >= (s64)NSEC_PER_SEC)
		return false;
	l->nsec = (u64)nsec;
	return true;
}

/* Returns how many lines there are in @l, and in *used how much of the text they took. */
static int parse_lines(char *text, struct offset_line *l, int max, size_t *used)
{
	char *line = text;
	int n = 0;

	while (line && n < max) {
		char *end = strchr(line, '\n'), *next = end ? end + 1 : NULL;

		if (end)
			*end = 0;
		if (!parse_line(line, &l[n]))
			return -EINVAL;
		n++;
		line = next && *next ? next : NULL;
		if (line)
			*used = (size_t)(line - text);
	}
	if (!line)
		*used = 0; /* all */
	return n;
}

/* A clock must not become negative, nor come near the end of 64 bits. */
static int judge_offset(const struct offset_line *l)
{
	const s64 sec_max = S64_MAX / (s64)NSEC_PER_SEC;
	struct timespec64 now = timespec64_from_ns(l->boot ? time_boot_ns() : time_mono_ns());

	if (l->sec > sec_max || l->sec < -sec_max)
		return -ERANGE;
	s64 sec = now.tv_sec + l->sec + ((u64)now.tv_nsec + l->nsec >= (u64)NSEC_PER_SEC);

	return sec < 0 || sec > sec_max / 2 ? -ERANGE : 0;
}

static int set_offsets(struct time_ns *t, const struct offset_line *l, int n)
{
	for (int i = 0; i < n; i++) {
		int err = judge_offset(&l[i]);

		if (err)
			return err;
	}
	guard(mutex)(&offset_lock);
	if (t->frozen)
		return -EACCES;
	for (int i = 0; i < n; i++)
		*(l[i].boot ? &t->boot_ns : &t->mono_ns) =
			l[i].sec * (s64)NSEC_PER_SEC + (s64)l[i].nsec;
	return 0;
}

static int write_offsets(struct file *f, char *text, size_t *len)
{
	struct offset_line lines[2];
	struct time_ns *t;
	size_t used;
	int n = parse_lines(text, lines, 2, &used), err;

	if (n < 0)
		return n;
	err = children_of(f->inode, &t);
	if (err)
		return err;
	err = cred_ns_capable(f->cred, t->ns.owner, CAP_SYS_TIME) ? set_offsets(t, lines, n)
								  : -EPERM;
	ns_put(&t->ns);
	if (!err && used)
		*len = used;
	return err;
}

static ssize_t offsets_write(struct file *f, struct uio *u, loff_t *pos)
{
	size_t len = u->left;
	char *text;
	int err = 0;

	if (*pos || len >= PAGE_SIZE)
		return -EINVAL;
	text = kmalloc(len + 1);
	if (!text)
		return -ENOMEM;
	if (uio_copy_from(u, text, len) != len)
		err = -EFAULT;
	text[len] = 0;
	if (!err)
		err = write_offsets(f, text, &len);
	kfree(text);
	return err ? err : (ssize_t)len;
}

static int offsets_open(struct inode *i, struct file *f)
{
	int err = seq_open_single(f, offsets_show, NULL);

	(void)i;
	if (!err)
		f->mode &= ~FMODE_PWRITE;
	return err;
}

static const struct file_ops offsets_fops = {
	.open = offsets_open,
	.read = seq_read,
	.write = offsets_write,
	.lseek = seq_lseek,
	.release = seq_release,
};
PROC_TASK_ENTRY(.name = "timens_offsets", .mode = S_IFREG | 0644, .fops = &offsets_fops,
		.process_only = true);
