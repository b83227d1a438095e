/*
 * procfs: the file-system type and its inodes.
 *
 * Each mount has its own super.  Entries become dentries when they are looked up and may be
 * forgotten at any time.
 */
#include <fs/proc/proc_impl.h>

#include <kernel/ns/user.h>
#include <kernel/vfs/fs_type.h>
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
		bool own = node->entry && node->entry->iops;

		i->ops = own ? node->entry->iops : &proc_node_dir_iops;
		i->fops = own ? node->entry->fops : &proc_node_dir_fops;
	} else if (S_ISLNK(node->mode)) {
		i->ops = &proc_node_link_iops;
	} else {
		i->ops = node->entry->sysctl ? &proc_sysctl_iops : &proc_node_file_iops;
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

/* ---- mount options ---- */

static const struct {
	const char *text;
	int value;
} hide_words[] = {
	{"0", HIDE_NOTHING},	 {"off", HIDE_NOTHING},
	{"1", HIDE_CONTENTS},	 {"noaccess", HIDE_CONTENTS},
	{"2", HIDE_EXISTENCE},	 {"invisible", HIDE_EXISTENCE},
	{"4", HIDE_UNTRACEABLE}, {"ptraceable", HIDE_UNTRACEABLE},
};

static int option_hidepid(struct proc_super *ps, const char *text)
{
	for (size_t i = 0; i < sizeof(hide_words) / sizeof(hide_words[0]); i++) {
		if (!strcmp(text, hide_words[i].text)) {
			ps->hide_pid = hide_words[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

static int option_gid(struct proc_super *ps, const char *text)
{
	int gid;

	if (!proc_parse_int(text, &gid) || gid < 0)
		return -EINVAL;
	ps->gid = gid_from_user((u32)gid);
	return ps->gid == ID_NONE ? -EINVAL : 0;
}

static int option_subset(struct proc_super *ps, const char *text)
{
	if (strcmp(text, "pid"))
		return -EINVAL;
	ps->pid_only = true;
	return 0;
}

static const struct {
	const char *name;
	int (*set)(struct proc_super *ps, const char *text);
} option_table[] = {{"hidepid=", option_hidepid}, {"gid=", option_gid}, {"subset=", option_subset}};

static int option_one(struct proc_super *ps, const char *word)
{
	for (size_t i = 0; i < sizeof(option_table) / sizeof(option_table[0]); i++) {
		size_t n = strlen(option_table[i].name);

		if (!strncmp(word, option_table[i].name, n))
			return option_table[i].set(ps, word + n);
	}
	return -EINVAL;
}

/* Judges all of @options on a copy, so that a bad word changes nothing. */
static int options_parse(struct proc_super *ps, const char *options)
{
	struct proc_super copy = *ps;
	char word[64];

	while (options && *options) {
		const char *end = strchr(options, ',');
		size_t n = end ? (size_t)(end - options) : strlen(options);

		if (n >= sizeof(word))
			return -EINVAL;
		memcpy(word, options, n);
		word[n] = 0;
		int err = n ? option_one(&copy, word) : 0;

		if (err)
			return err;
		options += n + !!end;
	}
	*ps = copy;
	return 0;
}

static int proc_remount(struct super *sb, u32 *flags, const char *options)
{
	(void)flags;
	return options_parse(sb->fs_data, options);
}

static void proc_show_options(struct super *sb, struct seq *s)
{
	static const char *const names[] = {"off", "noaccess", "invisible", "", "ptraceable"};
	const struct proc_super *ps = proc_super_of(sb);

	if (ps->gid)
		seq_printf(s, ",gid=%u", gid_to_user(ps->gid));
	if (ps->hide_pid)
		seq_printf(s, ",hidepid=%s", names[ps->hide_pid]);
	if (ps->pid_only)
		seq_puts(s, ",subset=pid");
}

static void proc_put_super(struct super *sb)
{
	struct proc_super *ps = sb->fs_data;

	ns_put(&ps->head.pid_ns->ns);
	kfree(ps);
}

static const struct super_ops proc_super_ops = {
	.put_super = proc_put_super,
	.evict = proc_evict,
	.statfs = proc_statfs,
	.remount = proc_remount,
	.show_options = proc_show_options,
};

static int make_root(struct super *sb)
{
	struct inode *root;
	int err = proc_node_inode(sb, &proc_root, &root);

	if (err)
		return err;
	root->ino = 1;
	root->ops = &proc_root_iops;
	root->fops = &proc_root_fops;
	return dentry_alloc_root(sb, root, &sb->root);
}

static int proc_mount(const struct fs_type *t, u32 ms_flags, const char *source,
		      const char *options, struct super **out)
{
	struct proc_super *ps = kzalloc(sizeof(*ps));
	struct super *sb;
	int err;

	(void)source;
	if (!ps)
		return -ENOMEM;
	err = options_parse(ps, options);
	if (!err)
		err = super_alloc(t, ms_flags, &sb);
	if (err) {
		kfree(ps);
		return err;
	}
	ps->head.pid_ns = task_pid_ns(current);
	ns_get(&ps->head.pid_ns->ns);
	sb->fs_data = ps;
	sb->ops = &proc_super_ops;
	sb->magic = PROC_SUPER_MAGIC;
	sb->blksize = 1024;
	err = make_root(sb);
	if (err)
		super_put(sb);
	else
		*out = sb;
	return err;
}

static struct ns_common *proc_shows(void)
{
	return &task_pid_ns(current)->ns;
}

static const struct fs_param proc_params[] = {
	{"gid", FS_PARAM_NUMBER},
	{"hidepid", FS_PARAM_TEXT},
	{"subset", FS_PARAM_TEXT},
	{NULL, FS_PARAM_FLAG},
};

static const struct fs_type proc_type = {
	.name = "proc",
	.flags = FS_NODEV | FS_USERNS | FS_VISIBLE,
	.mount = proc_mount,
	.params = proc_params,
	.shows = proc_shows,
};
FS_TYPE(proc_type);
