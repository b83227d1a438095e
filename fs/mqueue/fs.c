/*
 * The mqueue file system: one for each IPC namespace, whose files are the queues.
 *
 * The namespace's own mount is made by the first mq_open(2) or mount(2); what users mount is the
 * same super.
 */
#include <fs/mqueue/mqueue_impl.h>

#include <kernel/boot/boot.h>
#include <kernel/ipc/ipc.h>
#include <kernel/procfs/procfs.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/fs_type.h>
#include <lib/parse/parse.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/resource.h>

#define MQ_HARD_MESSAGES 65536
#define MQ_HARD_SIZE (16 * 1024 * 1024)
/* What Linux counts beside the bytes: a header for each message, a node for each priority. */
#define MQ_HEADER_COST 48
#define MQ_NODE_COST 48

static const struct inode_ops mq_dir_ops;

/* ---- what a queue costs ---- */

static s64 queue_cost(const struct mq_attr *a)
{
	return a->mq_maxmsg * MQ_HEADER_COST +
	       min_t(s64, a->mq_maxmsg, MQ_PRIO_MAX) * MQ_NODE_COST + a->mq_maxmsg * a->mq_msgsize;
}

/* RLIMIT_MSGQUEUE: -EMFILE. */
static int charge(struct mq_queue *q)
{
	struct ucounts *u = current_cred()->ucounts;

	if (!ucounts_charge(u, UCOUNT_MSGQUEUE, q->charge, task_rlimit(RLIMIT_MSGQUEUE))) {
		ucounts_uncharge(u, UCOUNT_MSGQUEUE, q->charge);
		return -EMFILE;
	}
	q->ucounts = ucounts_get(u);
	return 0;
}

static int judge(const struct mq_ns *ns, const struct mq_attr *a)
{
	bool privileged = ns_capable(ns->owner, CAP_SYS_RESOURCE);
	long messages = privileged ? MQ_HARD_MESSAGES : ns->msg_max;
	long size = privileged ? MQ_HARD_SIZE : ns->msgsize_max;

	if (a->mq_maxmsg <= 0 || a->mq_msgsize <= 0)
		return -EINVAL;
	return a->mq_maxmsg > messages || a->mq_msgsize > size ? -EINVAL : 0;
}

/* ---- inodes ---- */

static int queue_new(struct mq_ns *ns, const struct mq_attr *given, struct mq_queue **out)
{
	struct mq_attr a = {.mq_maxmsg = min(ns->msg_max, ns->msg_default),
			    .mq_msgsize = min(ns->msgsize_max, ns->msgsize_default)};
	struct mq_queue *q;
	int err = 0;

	if (given) {
		a = *given;
		err = judge(ns, &a);
	}
	if (err)
		return err;
	q = kzalloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->charge = queue_cost(&a);
	err = charge(q);
	if (err) {
		kfree(q);
		return err;
	}
	spin_init(&q->lock, LK_IPC);
	q->messages = RB_ROOT;
	q->max_messages = a.mq_maxmsg;
	q->message_size = a.mq_msgsize;
	list_init(&q->senders);
	list_init(&q->receivers);
	wait_queue_init(&q->poll_wait);
	q->ns = ns;
	*out = q;
	return 0;
}

static void queue_free(struct mq_queue *q)
{
	struct rb_node *n;

	while ((n = rb_first(&q->messages))) {
		rb_erase(n, &q->messages);
		kvfree(rb_entry(n, struct mq_message, node));
	}
	ucounts_uncharge(q->ucounts, UCOUNT_MSGQUEUE, q->charge);
	ucounts_put(q->ucounts);
	kfree(q);
}

static int count_queue(struct mq_ns *ns)
{
	u32 now = __atomic_add_fetch(&ns->queues, 1, __ATOMIC_RELAXED);

	if (now <= (u32)ns->queues_max || ns_capable(ns->owner, CAP_SYS_RESOURCE))
		return 0;
	__atomic_sub_fetch(&ns->queues, 1, __ATOMIC_RELAXED);
	return -ENOSPC;
}

int mq_inode_new(struct inode *dir, umode_t mode, const struct mq_attr *attr, struct inode **out)
{
	struct mq_ns *ns = dir->super->fs_data;
	struct mq_queue *q;
	struct inode *i;
	int err = READ_ONCE(ns->ended) ? -EACCES : count_queue(ns);

	if (err)
		return err;
	err = queue_new(ns, attr, &q);
	if (err)
		goto uncount;
	err = inode_alloc(dir->super, &i);
	if (err) {
		queue_free(q);
		goto uncount;
	}
	i->ino = inode_next_ino();
	inode_init_owner(i, dir, S_IFREG | (mode & 0777));
	i->fops = &mq_file_ops;
	i->fs_data = q;
	inode_set_size(i, MQ_FILE_SIZE);
	*out = i;
	return 0;
uncount:
	__atomic_sub_fetch(&ns->queues, 1, __ATOMIC_RELAXED);
	return err;
}

static void mq_evict(struct inode *i)
{
	struct mq_ns *ns = i->super->fs_data;

	if (!S_ISREG(i->mode))
		return;
	queue_free(mq_of_inode(i));
	__atomic_sub_fetch(&ns->queues, 1, __ATOMIC_RELAXED);
}

static int mq_create(struct inode *dir, struct dentry *d, umode_t mode, bool excl)
{
	struct inode *i;
	int err = mq_inode_new(dir, mode, NULL, &i);

	(void)excl;
	if (err)
		return err;
	dentry_set_inode_pinned(d, i);
	inode_touch(dir, true, true);
	return 0;
}

static int mq_unlink_name(struct inode *dir, struct dentry *d)
{
	d->inode->nlink--;
	inode_touch(d->inode, false, true);
	inode_touch(dir, true, true);
	return 0;
}

static const struct inode_ops mq_dir_ops = {
	.lookup = simple_lookup,
	.create = mq_create,
	.unlink = mq_unlink_name,
};

/* ---- a queue as a file ---- */

static ssize_t mq_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct mq_queue *q = mq_of_inode(f->inode);
	char text[80];
	size_t len;

	spin_lock(&q->lock);
	len = (size_t)snprintf(
		text, sizeof(text), "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
		(unsigned long)q->bytes, q->notify_pid ? q->notify_kind : 0,
		q->notify_pid && q->notify_kind == SIGEV_SIGNAL ? q->notify_signal : 0,
		q->notify_pid ? pid_vnr(q->notify_pid) : 0);
	spin_unlock(&q->lock);
	if (*pos < 0 || (size_t)*pos >= len)
		return 0;
	len = uio_copy_to(u, text + *pos, min(u->left, len - (size_t)*pos));
	*pos += (loff_t)len;
	return len ? (ssize_t)len : -EFAULT;
}

/* A close by the process that wanted to know ends that. */
static int mq_flush(struct file *f)
{
	struct mq_queue *q = mq_of_inode(f->inode);

	spin_lock(&q->lock);
	if (q->notify_process == current->process)
		mq_notify_drop(q);
	spin_unlock(&q->lock);
	return 0;
}

const struct file_ops mq_file_ops = {
	.read = mq_read,
	.lseek = generic_lseek,
	.poll = mq_poll,
	.flush = mq_flush,
};

/* ---- supers and namespaces ---- */

static void mq_ns_put(struct mq_ns *ns)
{
	if (__atomic_sub_fetch(&ns->refs, 1, __ATOMIC_ACQ_REL))
		return;
	user_ns_put(ns->owner);
	kfree(ns);
}

static void mq_put_super(struct super *sb)
{
	mq_ns_put(sb->fs_data);
}

static int mq_statfs(struct dentry *d, struct kstatfs *st)
{
	(void)d;
	st->bsize = st->frsize = PAGE_SIZE;
	st->namelen = NAME_MAX_LEN;
	return 0;
}

static const struct super_ops mq_super_ops = {
	.put_super = mq_put_super,
	.evict = mq_evict,
	.statfs = mq_statfs,
};

static int mq_mount(const struct fs_type *t, u32 ms_flags, const char *source, const char *options,
		    struct super **out)
{
	struct mq_ns *ns = mq_ns_of_current();

	(void)t;
	(void)ms_flags;
	(void)source;
	if (options && *options)
		return -EINVAL;
	if (!ns)
		return -ENOMEM;
	__atomic_fetch_add(&ns->super->refs, 1, __ATOMIC_RELAXED);
	*out = ns->super;
	return 0;
}

static struct ns_common *mq_shows(void)
{
	return current_ns(NS_IPC);
}

static const struct fs_type mq_type = {
	.name = "mqueue",
	.flags = FS_NODEV | FS_USERNS,
	.mount = mq_mount,
	.shows = mq_shows,
};
FS_TYPE(mq_type);

static int fill_super(struct super *sb)
{
	struct inode *root;
	int err = inode_alloc(sb, &root);

	if (err)
		return err;
	root->ino = inode_next_ino();
	root->mode = S_IFDIR | 01777;
	root->nlink = 2;
	root->ops = &mq_dir_ops;
	root->fops = &simple_dir_ops;
	return dentry_alloc_root(sb, root, &sb->root);
}

static struct mq_ns *mq_ns_new(struct ipc_ns *ipc)
{
	struct mq_ns *ns = kzalloc(sizeof(*ns));
	struct super *sb;

	if (!ns)
		return NULL;
	if (super_alloc(&mq_type, 0, &sb)) {
		kfree(ns);
		return NULL;
	}
	ns->refs = 2; /* namespace and super */
	ns->super = sb;
	ns->owner = user_ns_get(ipc_ns_common(ipc)->owner);
	ns->queues_max = 256;
	ns->msg_max = ns->msg_default = 10;
	ns->msgsize_max = ns->msgsize_default = 8192;
	sb->fs_data = ns;
	sb->magic = 0x19800202; /* MQUEUE_MAGIC, which linux/magic.h does not have */
	sb->ops = &mq_super_ops;
	if (fill_super(sb)) {
		mq_ns_put(ns);
		super_put(sb);
		return NULL;
	}
	if (vfs_internal_mount(sb, &ns->mount)) {
		mq_ns_put(ns);
		return NULL;
	}
	return ns;
}

/* The namespace ends, or lost the race to be the first. */
static void mq_ns_drop(void *p)
{
	struct mq_ns *ns = p;
	struct path place = {ns->mount, dentry_get(ns->super->root)};

	WRITE_ONCE(ns->ended, true);
	path_put(&place);
	mq_ns_put(ns);
}

struct mq_ns *mq_ns_of_current(void)
{
	struct ipc_ns *ipc = current_ipc_ns();
	void **at = ipc_ns_mqueue(ipc), *have = smp_load_acquire(at);
	struct mq_ns *ns;

	if (likely(have))
		return have;
	ns = mq_ns_new(ipc);
	if (!ns)
		return NULL;
	if (__atomic_compare_exchange_n(at, &have, (void *)ns, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return ns;
	mq_ns_drop(ns);
	return have;
}

static void mq_init(void)
{
	ipc_ns_mqueue_drop = mq_ns_drop;
}
INITCALL(mq_init);

/* ---- /proc/sys/fs/mqueue ---- */

static int store(const char *text, int lowest, int highest, int *at)
{
	int v;

	if (parse_s32(text, 10, &v) || v < lowest || v > highest)
		return -EINVAL;
	WRITE_ONCE(*at, v);
	return 0;
}

#define MQ_LIMIT(field, lowest, highest)                                        \
	static int field##_text(char *buf, size_t size)                         \
	{                                                                       \
		struct mq_ns *ns = mq_ns_of_current();                          \
                                                                                \
		return ns ? snprintf(buf, size, "%d", ns->field) : -ENOMEM;     \
	}                                                                       \
	static int field##_store(const char *text)                              \
	{                                                                       \
		struct mq_ns *ns = mq_ns_of_current();                          \
                                                                                \
		return ns ? store(text, lowest, highest, &ns->field) : -ENOMEM; \
	}                                                                       \
	SYSCTL_TEXT("fs/mqueue/" #field, 0644, field##_text, field##_store)

MQ_LIMIT(queues_max, 0, 0x7fffffff);
MQ_LIMIT(msg_max, 1, MQ_HARD_MESSAGES);
MQ_LIMIT(msgsize_max, 128, MQ_HARD_SIZE);
MQ_LIMIT(msg_default, 1, MQ_HARD_MESSAGES);
MQ_LIMIT(msgsize_default, 128, MQ_HARD_SIZE);
