/*
 * /proc/PID/mounts, mountinfo, mountstats: proc(5).
 *
 * An open file looks at the namespace and the root that its process had when it was opened.
 */
#include <kernel/poll/poll.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/mount_impl.h>

enum mounts_form { MOUNTS_PLAIN, MOUNTS_INFO, MOUNTS_STATS };

struct mounts_view {
	struct mount_ns *ns; /* +1 */
	struct path root;    /* +1 */
	u64 event;	     /* that poll has told of */
	enum mounts_form form;
	char *text, *text2; /* PATH_MAX_LEN each */
};

static void show_mount_flags(struct seq *s, u32 flags)
{
	static const struct {
		u32 flag;
		const char *text;
	} names[] = {
		{MNT_NOSUID, ",nosuid"},	   {MNT_NODEV, ",nodev"},
		{MNT_NOEXEC, ",noexec"},	   {MNT_NOATIME, ",noatime"},
		{MNT_NODIRATIME, ",nodiratime"},   {MNT_RELATIME, ",relatime"},
		{MNT_NOSYMFOLLOW, ",nosymfollow"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (flags & names[i].flag)
			seq_puts(s, names[i].text);
	}
}

static void show_super_flags(struct seq *s, const struct super *sb)
{
	if (sb->flags & MS_SYNCHRONOUS)
		seq_puts(s, ",sync");
	if (sb->flags & MS_DIRSYNC)
		seq_puts(s, ",dirsync");
	if (sb->flags & MS_MANDLOCK)
		seq_puts(s, ",mand");
	if (sb->flags & MS_LAZYTIME)
		seq_puts(s, ",lazytime");
}

static void show_options(struct seq *s, const struct mount *m)
{
	if (m->super->ops && m->super->ops->show_options)
		m->super->ops->show_options(m->super, s);
}

static void show_source(struct seq *s, const struct mount *m)
{
	seq_escape(s, m->source ? m->source : "none", " \t\n\\#");
}

static void show_plain(struct seq *s, const struct mounts_view *v, struct mount *m, const char *at)
{
	bool ro = (m->flags & MNT_READONLY) || (m->super->flags & MS_RDONLY);

	(void)v;
	show_source(s, m);
	seq_putc(s, ' ');
	seq_escape(s, at, " \t\n\\");
	seq_printf(s, " %s %s", m->super->type->name, ro ? "ro" : "rw");
	show_super_flags(s, m->super);
	show_mount_flags(s, m->flags);
	show_options(s, m);
	seq_puts(s, " 0 0\n");
}

/* The root of the mount in its file system. */
static void show_root(struct seq *s, const struct mounts_view *v, struct mount *m)
{
	const struct dentry_ops *ops = m->root->ops;
	char *text = v->text2;

	if (ops && ops->name && ops->name(m->root, text, PATH_MAX_LEN) >= 0)
		seq_escape(s, text, " \t\n\\");
	else if (!dentry_format(m->root, v->text2, PATH_MAX_LEN, &text))
		seq_escape(s, text, " \t\n\\");
}

static void show_group(struct seq *s, const struct mounts_view *v, struct mount *m)
{
	if (mount_is_shared(m))
		seq_printf(s, " shared:%d", m->group_id);
	if (m->master) {
		int master = m->master->group_id;
		int from = mount_dominating_group(m, &v->root);

		seq_printf(s, " master:%d", master);
		if (from && from != master)
			seq_printf(s, " propagate_from:%d", from);
	}
	if (m->flags & MNT_UNBINDABLE)
		seq_puts(s, " unbindable");
}

static void show_info(struct seq *s, const struct mounts_view *v, struct mount *m, const char *at)
{
	seq_printf(s, "%d %d %u:%u ", m->id, m->parent->id, vfs_major(m->super->dev),
		   vfs_minor(m->super->dev));
	show_root(s, v, m);
	seq_putc(s, ' ');
	seq_escape(s, at, " \t\n\\");
	seq_puts(s, m->flags & MNT_READONLY ? " ro" : " rw");
	show_mount_flags(s, m->flags);
	show_group(s, v, m);
	seq_printf(s, " - %s ", m->super->type->name);
	show_source(s, m);
	seq_puts(s, m->super->flags & MS_RDONLY ? " ro" : " rw");
	show_super_flags(s, m->super);
	show_options(s, m);
	seq_putc(s, '\n');
}

static void show_stats(struct seq *s, const struct mounts_view *v, struct mount *m, const char *at)
{
	(void)v;
	if (m->source) {
		seq_puts(s, "device ");
		seq_escape(s, m->source, " \t\n\\#");
	} else {
		seq_puts(s, "no device");
	}
	seq_puts(s, " mounted on ");
	seq_escape(s, at, " \t\n\\");
	seq_printf(s, " with fstype %s\n", m->super->type->name);
}

static int mounts_show(struct seq *s, void *data)
{
	static void (*const forms[])(struct seq *, const struct mounts_view *, struct mount *,
				     const char *) = {
		[MOUNTS_PLAIN] = show_plain,
		[MOUNTS_INFO] = show_info,
		[MOUNTS_STATS] = show_stats,
	};
	const struct mounts_view *v = data;
	struct mount *m;

	mutex_lock(&mount_tree_lock);
	list_for_each_entry (m, &v->ns->mounts, ns_link) {
		struct path p = {m, m->root};
		char *at;

		/* What is outside of the root is not for this process. */
		if (path_format_below(&p, &v->root, v->text, PATH_MAX_LEN, &at) == 1)
			forms[v->form](s, v, m, at);
	}
	mutex_unlock(&mount_tree_lock);
	return 0;
}

static void view_free(struct mounts_view *v)
{
	if (v->ns)
		ns_put(&v->ns->ns);
	if (v->root.dentry)
		path_put(&v->root);
	kfree(v->text);
	kfree(v);
}

static int mounts_open(struct file *f, struct task *t, enum mounts_form form)
{
	struct mounts_view *v = kzalloc(sizeof(*v));
	struct ns_common *ns = NULL;
	struct fs_ctx *fs = NULL;
	int err = -ENOMEM;

	if (!v)
		return err;
	v->form = form;
	v->text = kmalloc(2 * PATH_MAX_LEN);
	if (!v->text)
		goto fail;
	v->text2 = v->text + PATH_MAX_LEN;
	err = -EINVAL; /* it has ended */
	ns = ns_of_task(&mount_ns_kind, t);
	fs = task_fs(t);
	if (ns)
		v->ns = container_of(ns, struct mount_ns, ns);
	if (fs) {
		v->root = fs_ctx_root(fs);
		fs_ctx_put(fs);
	}
	if (!ns || !fs)
		goto fail;
	v->event = READ_ONCE(v->ns->event);
	err = seq_open_single(f, mounts_show, v);
	if (!err)
		return 0;
fail:
	view_free(v);
	return err;
}

static void mounts_release(struct file *f)
{
	struct mounts_view *v = seq_private(f);

	seq_release(f);
	view_free(v);
}

static u32 mounts_poll(struct file *f, struct poll_table *pt)
{
	struct mounts_view *v = seq_private(f);
	u64 event;

	poll_wait(pt, f, &v->ns->wait);
	event = READ_ONCE(v->ns->event);
	if (xchg(&v->event, event) == event)
		return EPOLLIN | EPOLLRDNORM;
	return EPOLLIN | EPOLLRDNORM | EPOLLERR | EPOLLPRI;
}

static int open_of(struct inode *i, struct file *f, enum mounts_form form)
{
	struct task *t = proc_task(i);
	int err = t ? mounts_open(f, t, form) : -ESRCH;

	task_put(t);
	return err;
}

#define MOUNTS_FILE(name_, perm, form_)                          \
	static int open_##name_(struct inode *i, struct file *f) \
	{                                                        \
		return open_of(i, f, form_);                     \
	}                                                        \
	static const struct file_ops name_##_fops = {            \
		.open = open_##name_,                            \
		.read = seq_read,                                \
		.lseek = seq_lseek,                              \
		.poll = mounts_poll,                             \
		.release = mounts_release,                       \
	};                                                       \
	PROC_TASK_ENTRY(.name = #name_, .mode = S_IFREG | (perm), .fops = &name_##_fops)
MOUNTS_FILE(mounts, 0444, MOUNTS_PLAIN);
MOUNTS_FILE(mountinfo, 0444, MOUNTS_INFO);
MOUNTS_FILE(mountstats, 0400, MOUNTS_STATS);
