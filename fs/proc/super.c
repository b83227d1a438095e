/*
 * procfs: the file-system type and its inodes.
 *
 * Each mount has its own super.  Entries become dentries when they are looked up and may be
 * forgotten at any time.
 */
#include <fs/proc/proc_impl.h>

#include <linux/magic.h>
#include <linux/mount.h>

int proc_inode_new(struct super *sb, umode_t mode, struct inode **out)
{
	struct proc_inode *p = kzalloc(sizeof(*p));
	struct inode *i;
	int err;

	if (!p)
		return -ENOMEM;
	err = inode_alloc(sb, &i);
	if (err) {
		kfree(p);
		return err;
	}
	i->ino = inode_next_ino();
	i->mode = mode;
	i->nlink = S_ISDIR(mode) ? 2 : 1;
	i->fs_data = p;
	p->fd = -1;
	*out = i;
	return 0;
}

int proc_node_inode(struct super *sb, const struct proc_node *node, struct inode **out)
{
	struct inode *i;
	int err = proc_inode_new(sb, node->mode, &i);

	if (err)
		return err;
	proc_of(i)->node = node;
	if (S_ISDIR(node->mode)) {
		i->ops = &proc_node_dir_iops;
		i->fops = &proc_node_dir_fops;
	} else if (S_ISLNK(node->mode)) {
		i->ops = &proc_node_link_iops;
	} else {
		i->ops = &proc_node_file_iops;
		i->fops = node->entry->fops	? node->entry->fops
			  : node->entry->sysctl ? &proc_sysctl_fops
						: &proc_node_fops;
	}
	*out = i;
	return 0;
}

static void proc_evict(struct inode *i)
{
	struct proc_inode *p = proc_of(i);

	/* Lock-free walks may be looking at it, and the pid lasts as long for them. */
	pid_put(p->head.pid);
	rcu_kfree(&p->rcu, p);
}

static int proc_statfs(struct dentry *d, struct kstatfs *st)
{
	(void)d;
	st->type = PROC_SUPER_MAGIC;
	st->bsize = st->frsize = PAGE_SIZE;
	st->namelen = NAME_MAX_LEN;
	return 0;
}

static const struct super_ops proc_super_ops = {
	.evict = proc_evict,
	.statfs = proc_statfs,
};

static int proc_mount(const struct fs_type *t, u32 ms_flags, const char *source,
		      const char *options, struct super **out)
{
	struct super *sb;
	struct inode *root;
	int err;

	(void)source;
	if (options && *options) /* hidepid=, gid=, subset= */
		return -EINVAL;
	err = super_alloc(t, ms_flags, &sb);
	if (err)
		return err;
	sb->ops = &proc_super_ops;
	sb->magic = PROC_SUPER_MAGIC;
	sb->blksize = 1024;
	err = proc_node_inode(sb, &proc_root, &root);
	if (!err) {
		root->ino = 1;
		root->ops = &proc_root_iops;
		root->fops = &proc_root_fops;
		err = dentry_alloc_root(sb, root, &sb->root);
	}
	if (err)
		super_put(sb);
	else
		*out = sb;
	return err;
}

static const struct fs_type proc_type = {
	.name = "proc",
	.flags = FS_NODEV | FS_USERNS | FS_VISIBLE,
	.mount = proc_mount,
};
FS_TYPE(proc_type);
