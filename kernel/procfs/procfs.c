/* What rooms need to show files in /proc beyond the declarations: parsing, tasks behind inodes. */
#include <kernel/procfs/procfs.h>

#include <kern/errno.h>
#include <kernel/file/file.h>
#include <kernel/poll/poll.h>
#include <kernel/rcu/rcu.h>
#include <kernel/seq/seq.h>
#include <kernel/task/task.h>
#include <kernel/vfs/vfs.h>
#include <lib/parse/parse.h>

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\n')
		p++;
	return p;
}

struct pid *proc_process_dir(const struct file *f)
{
	const struct proc_inode_head *head;

	if (f->ops != &proc_process_dir_ops)
		return NULL;
	head = f->inode->fs_data;
	return head->pid;
}

bool proc_parse_int(const char *p, int *out)
{
	bool negative;
	u64 v;

	p = skip_blanks(p);
	negative = *p == '-';
	p += negative || *p == '+';
	if (!parse_digits(&p, 10, &v) || v > 0x7fffffffull + negative || *skip_blanks(p))
		return false;
	*out = (int)(negative ? -(s64)v : (s64)v);
	return true;
}

int proc_parse_u64s(const char *p, u64 *out, int n)
{
	int got = 0;

	for (p = skip_blanks(p); *p && got < n; p = skip_blanks(p), got++) {
		if (!parse_digits(&p, 10, &out[got]))
			return -EINVAL;
	}
	return *p || !got ? -EINVAL : got;
}

const struct pid_ns *proc_seq_ns(const struct seq *s)
{
	const struct proc_super_head *head = s->file->inode->super->fs_data;

	return head->pid_ns;
}

struct task *proc_task(const struct inode *i)
{
	const struct proc_inode_head *head = i->fs_data;
	struct task *t = NULL;
	struct list_head *first;

	rcu_read_lock();
	first = READ_ONCE(head->pid->members[PID_TASK].next);
	if (first != &head->pid->members[PID_TASK]) {
		t = container_of(first, struct task, pid_link);
		if (!task_tryget(t))
			t = NULL;
	}
	rcu_read_unlock();
	return t;
}

void proc_watch_changed(struct proc_watch *w)
{
	__atomic_fetch_add(&w->event, 1, __ATOMIC_RELEASE);
	wake_up_poll(&w->wait, EPOLLIN | EPOLLRDNORM | EPOLLERR | EPOLLPRI);
}
