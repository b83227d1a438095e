/* What rooms need to show files in /proc beyond the declarations: parsing, tasks behind inodes. */
#include <kernel/procfs/procfs.h>

#include <kern/errno.h>
#include <kern/overflow.h>
#include <kernel/file/file.h>
#include <kernel/rcu/rcu.h>
#include <kernel/seq/seq.h>
#include <kernel/task/task.h>
#include <kernel/vfs/vfs.h>

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\n')
		p++;
	return p;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
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
	s64 v = 0;

	p = skip_blanks(p);
	negative = *p == '-';
	p += negative || *p == '+';
	if (!is_digit(*p))
		return false;
	for (; is_digit(*p); p++) {
		v = v * 10 + (*p - '0');
		if (v > 0x7fffffffll + negative)
			return false;
	}
	if (*skip_blanks(p))
		return false;
	*out = (int)(negative ? -v : v);
	return true;
}

int proc_parse_u64s(const char *p, u64 *out, int n)
{
	int got = 0;

	for (p = skip_blanks(p); *p && got < n; p = skip_blanks(p), got++) {
		u64 v = 0;

		if (!is_digit(*p))
			return -EINVAL;
		for (; is_digit(*p); p++)
			if (check_mul_overflow(v, (u64)10, &v) ||
			    check_add_overflow(v, (u64)(*p - '0'), &v))
				return -EINVAL;
		out[got] = v;
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
