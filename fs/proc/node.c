/* The constant tree: directories, links and files that do not belong to a task. */
#include <fs/proc/proc_impl.h>

const struct proc_node *proc_node_find(const struct proc_node *dir, const char *name, u32 len)
{
	for (const struct proc_node *n = dir; n && n->name; n++)
		if (strlen(n->name) == len && !memcmp(n->name, name, len))
			return n;
	return NULL;
}

static int node_lookup(struct inode *dir, struct dentry *d)
{
	const struct proc_node *n =
		proc_node_find(proc_of(dir)->node->children, d->name.name, d->name.len);
	struct inode *i;
	int err;

	if (!n)
		return 0;
	err = proc_node_inode(dir->super, n, &i);
	if (!err)
		dentry_set_inode(d, i);
	return err;
}

static u8 node_type(const struct proc_node *n)
{
	return (u8)(n->mode >> 12 & 15);
}

/* Entries from position 2 on; false when the buffer is full. */
bool proc_node_emit(struct file *f, struct dir_context *ctx, const struct proc_node *children)
{
	if (!dir_emit_dots(f, ctx))
		return false;
	for (loff_t at = 2; children && children->name; at++, children++) {
		if (at < ctx->pos)
			continue;
		if (!dir_emit(ctx, children->name, (u32)strlen(children->name),
			      (u64)(uptr)children >> 3 & U32_MAX, node_type(children)))
			return false;
		ctx->pos = at + 1;
	}
	return true;
}

static int node_readdir(struct file *f, struct dir_context *ctx)
{
	proc_node_emit(f, ctx, proc_of(f->inode)->node->children);
	return 0;
}

static ssize_t node_readlink(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	const struct proc_node *n = proc_of(i)->node;
	size_t len;

	(void)d;
	if (n->make_link)
		return n->make_link(buf, size);
	len = min(strlen(n->link), size);
	memcpy(buf, n->link, len);
	return (ssize_t)len;
}

static int node_open(struct inode *i, struct file *f)
{
	const struct proc_node *n = proc_of(i)->node;

	if (n->list)
		return seq_open(f, n->list, NULL);
	return seq_open_single(f, n->show, NULL);
}

const struct inode_ops proc_node_dir_iops = {.lookup = node_lookup};
const struct inode_ops proc_node_link_iops = {.readlink = node_readlink};
const struct inode_ops proc_node_file_iops = {.lookup = NULL};
const struct file_ops proc_node_dir_fops = {.readdir = node_readdir, .lseek = generic_lseek};
const struct file_ops proc_node_fops = {
	.open = node_open,
	.read = seq_read,
	.lseek = seq_lseek,
	.release = seq_release,
};
