/*
 * What rooms need to show files beyond the declarations: parsing, tasks behind inodes, directories
 * of sysfs that come and go.
 */
#include <kernel/procfs/procfs.h>

#include <kern/errno.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/poll/poll.h>
#include <kernel/printk/printk.h>
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

void *sysfs_file_ctx(const struct file *f)
{
	return ((const struct sysfs_inode_head *)f->inode->fs_data)->ctx;
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

/* ---- directories of sysfs and debugfs that come and go ---- */

static struct mutex groups_lock; /* LK_SYSFS_GROUPS */
static LIST_HEAD(groups);
static struct sysfs_tree trees[2]; /* sysfs, debugfs */

/* groups_lock held. */
static void show_group(struct sysfs_group *g)
{
	const struct sysfs_tree *t = &trees[g->debugfs];
	int err = t->root ? t->add(t->root, g) : 0;

	if (err)
		pr_warn("%s: no directory %s: error %d\n", g->debugfs ? "debugfs" : "sysfs",
			g->path, err);
}

void sysfs_group_add(struct sysfs_group *g)
{
	guard(mutex)(&groups_lock);
	g->dentry = NULL;
	list_add_tail(&g->link, &groups);
	show_group(g);
}

void sysfs_group_remove(struct sysfs_group *g)
{
	guard(mutex)(&groups_lock);
	list_del(&g->link);
	if (g->dentry)
		trees[g->debugfs].remove(g);
}

void sysfs_tree_ready(const struct sysfs_tree *tree, bool debugfs)
{
	struct sysfs_group *g;

	guard(mutex)(&groups_lock);
	trees[debugfs] = *tree;
	list_for_each_entry (g, &groups, link) {
		if (g->debugfs == debugfs)
			show_group(g);
	}
}

void sysfs_groups_init(void)
{
	mutex_init(&groups_lock, LK_SYSFS_GROUPS);
}
