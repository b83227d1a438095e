/*
 * /proc/PID/net: what the network namespace of a task has to tell. Rooms declare the files with
 * PROC_NET_FILE and PROC_NET_LIST (kernel/procfs).
 *
 * An open file belongs to the namespace that the task was in when it was opened, and keeps it.
 */
#include <fs/proc/proc_impl.h>

#include <kernel/ns/ns.h>

extern const struct proc_entry *const __start_proc_net_entry[], *const __stop_proc_net_entry[];

PROC_LINK("net", "self/net");

static const struct proc_entry *entry_at(size_t i)
{
	return i < (size_t)(__stop_proc_net_entry - __start_proc_net_entry)
		       ? __start_proc_net_entry[i]
		       : NULL;
}

/* +1; NULL: the task is gone. */
static struct ns_common *net_of(const struct inode *i)
{
	struct task *t = proc_task(i);
	struct ns_common *ns = NULL;
	const struct ns_kind *k;

	for (unsigned int n = 0; t && !ns && (k = ns_kind_at(n)); n++)
		if (k->slot == NS_NET)
			ns = ns_of_task(k, t);
	if (t)
		task_put(t);
	return ns;
}

static int net_open(struct inode *i, struct file *f)
{
	const struct proc_entry *e = entry_at((size_t)proc_of(i)->fd);
	struct ns_common *ns = net_of(i);
	int err;

	if (!ns)
		return -ENXIO;
	err = e->list ? seq_open(f, e->list, ns) : seq_open_single(f, e->show, ns);
	if (err)
		ns_put(ns);
	return err;
}

static void net_release(struct file *f)
{
	ns_put(seq_private(f));
	seq_release(f);
}

static const struct file_ops net_file_fops = {
	.open = net_open,
	.read = seq_read,
	.lseek = seq_lseek,
	.release = net_release,
};

static int net_dir_lookup(struct inode *dir, struct dentry *d)
{
	struct proc_inode data = *proc_of(dir);
	const struct proc_entry *e;
	struct task *t;
	int err;

	for (data.fd = 0; (e = entry_at((size_t)data.fd)); data.fd++)
		if (proc_is_name(d, e->path))
			break;
	if (!e)
		return 0;
	t = proc_task(dir);
	if (!t)
		return -ENOENT;
	err = proc_pid_instantiate(d, t, &data, e->mode, &proc_node_file_iops, &net_file_fops);
	task_put(t);
	return err;
}

static int net_dir_readdir(struct file *f, struct dir_context *ctx)
{
	const struct proc_entry *e;

	if (!dir_emit_dots(f, ctx))
		return 0;
	while ((e = entry_at((size_t)ctx->pos - 2))) {
		if (!dir_emit(ctx, e->path, (u32)strlen(e->path), f->inode->ino + (u64)ctx->pos,
			      S_IFREG >> 12))
			break;
		ctx->pos++;
	}
	return 0;
}

static const struct inode_ops net_dir_iops = {.lookup = net_dir_lookup};
static const struct file_ops net_dir_fops = {.readdir = net_dir_readdir, .lseek = generic_lseek};
PROC_TASK_ENTRY(.name = "net", .mode = S_IFDIR | 0555, .iops = &net_dir_iops,
		.fops = &net_dir_fops);
