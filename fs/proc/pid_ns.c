/* /proc/PID/ns: a magic link into nsfs for each kind of namespace. namespaces(7). */
#include <fs/proc/proc_impl.h>

#include <kernel/ns/ns.h>

/* +1; -ENOENT: the task is gone; -EACCES. */
static int ns_of_link(const struct inode *i, struct ns_common **out)
{
	struct task *t = proc_task(i);
	int err = !t ? -ENOENT : proc_may_look(t) ? 0 : -EACCES;

	if (!err) {
		*out = ns_of_task(ns_kind_at((unsigned int)proc_of(i)->fd), t);
		err = *out ? 0 : -ENOENT;
	}
	task_put(t);
	return err;
}

static int ns_link_path(struct dentry *d, struct path *out)
{
	struct ns_common *ns;
	int err = ns_of_link(d->inode, &ns);

	if (err)
		return err;
	err = nsfs_path(ns, out);
	ns_put(ns);
	return err;
}

static ssize_t ns_readlink(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	char text[64];
	struct ns_common *ns;
	int err = ns_of_link(i, &ns);

	(void)d;
	if (err)
		return err;
	size_t n = min((size_t)ns_text(ns, text, sizeof(text)), size);

	ns_put(ns);
	memcpy(buf, text, n);
	return (ssize_t)n;
}

static const struct inode_ops ns_link_iops = {
	.readlink = ns_readlink,
	.get_path = ns_link_path,
};

static int ns_dir_lookup(struct inode *dir, struct dentry *d)
{
	struct proc_inode data = *proc_of(dir);
	const struct ns_kind *k;
	struct task *t;
	int err;

	for (data.fd = 0; (k = ns_kind_at((unsigned int)data.fd)); data.fd++) {
		if (proc_is_name(d, k->name))
			break;
	}
	if (!k)
		return 0;
	t = proc_task(dir);
	if (!t)
		return -ENOENT;
	err = proc_pid_instantiate(d, t, &data, S_IFLNK | 0777, &ns_link_iops, NULL);
	task_put(t);
	return err;
}

static int ns_dir_readdir(struct file *f, struct dir_context *ctx)
{
	struct task *t = proc_task(f->inode);
	int err = !t ? -ENOENT : proc_may_look(t) ? 0 : -EACCES;
	const struct ns_kind *k;

	task_put(t);
	if (err || !dir_emit_dots(f, ctx))
		return err;
	while ((k = ns_kind_at((unsigned int)ctx->pos - 2))) {
		if (!dir_emit(ctx, k->name, (u32)strlen(k->name), f->inode->ino + (u64)ctx->pos,
			      S_IFLNK >> 12))
			break;
		ctx->pos++;
	}
	return 0;
}

const struct inode_ops proc_ns_dir_iops = {.lookup = ns_dir_lookup};
const struct file_ops proc_ns_dir_fops = {.readdir = ns_dir_readdir, .lseek = generic_lseek};
