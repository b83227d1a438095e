/* The constant tree: directories, links and files that do not belong to a task. */
#include <fs/proc/proc_impl.h>

#include <lib/sort/sort.h>

struct name_key {
	const char *name;
	u32 len;
};

/* The order of compare_paths() in tree.c, for one name. */
static int compare_name(const void *a, const void *b, void *context)
{
	const struct proc_node *n = a;
	const struct name_key *key = b;
	int order = memcmp(n->name, key->name, min(n->len, key->len));

	(void)context;
	return order ? order : (int)n->len - (int)key->len;
}

static const struct proc_node *node_find(const struct proc_node *dir, const struct name_key *key)
{
	size_t i = sort_lower_bound(dir->children, dir->child_count, sizeof(*dir), key,
				    compare_name, NULL);

	if (i == dir->child_count || compare_name(&dir->children[i], key, NULL))
		return NULL;
	return &dir->children[i];
}

static int node_lookup(struct inode *dir, struct dentry *d)
{
	const struct name_key key = {d->name.name, d->name.len};
	const struct proc_node *n = node_find(proc_of(dir)->node, &key);
	struct inode *i;
	int err;

	if (!n)
		return -ENOENT; /* no negative entries, and no EACCES for O_CREAT */
	err = proc_node_inode(dir->super, n, &i);
	if (!err)
		dentry_set_inode(d, i);
	return err;
}

static u8 node_type(const struct proc_node *n)
{
	return (u8)(n->mode >> 12 & 15);
}

/* subset=pid leaves only what is about processes. */
bool proc_name_shown(const struct super *sb, const char *name, u32 len)
{
	return !proc_super_of(sb)->pid_only || (len == 4 && !memcmp(name, "self", 4)) ||
	       (len == 11 && !memcmp(name, "thread-self", 11));
}

/* Entries from position 2 on; false when the buffer is full. */
bool proc_node_emit(struct file *f, struct dir_context *ctx, const struct proc_node *dir)
{
	if (!dir_emit_dots(f, ctx))
		return false;
	for (loff_t at = ctx->pos - 2; at < dir->child_count; at++) {
		const struct proc_node *n = &dir->children[at];

		if (dir == &proc_root && !proc_name_shown(f->inode->super, n->name, n->len))
			continue;
		if (!dir_emit(ctx, n->name, n->len, (u64)(uptr)n >> 3 & U32_MAX, node_type(n)))
			return false;
		ctx->pos = at + 3;
	}
	return true;
}

static int node_readdir(struct file *f, struct dir_context *ctx)
{
	proc_node_emit(f, ctx, proc_of(f->inode)->node);
	return 0;
}

static ssize_t node_readlink(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	const struct proc_entry *e = proc_of(i)->node->entry;
	size_t len;

	(void)d;
	if (e->make_link)
		return e->make_link(proc_super_of(i->super)->head.pid_ns, buf, size);
	len = min(strlen(e->link), size);
	memcpy(buf, e->link, len);
	return (ssize_t)len;
}

static int node_open(struct inode *i, struct file *f)
{
	const struct proc_entry *e = proc_of(i)->node->entry;

	if (e->list)
		return seq_open(f, e->list, NULL);
	return seq_open_single(f, e->show, NULL);
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
