/*
 * Text of places: getcwd(2), /proc/PID/fd, /proc/mounts.
 *
 * Names are read under RCU while renames and mounts go on; both sequence counts are checked at the
 * end.
 */
#include <kernel/seq/seq.h>
#include <kernel/vfs/vfs_impl.h>
#include <linux/mount.h>

struct back {
	char *buf, *p;
};

static int prepend(struct back *b, const char *s, size_t len)
{
	if ((size_t)(b->p - b->buf) < len)
		return -ENAMETOOLONG;
	b->p -= len;
	memcpy(b->p, s, len);
	return 0;
}

/* A concurrent rename may make length and text disagree: never reads past the text's terminator. */
static int prepend_name(struct back *b, const struct dentry *d)
{
	u32 len = READ_ONCE(d->name.len);
	const char *s = READ_ONCE(d->name.name);

	if ((size_t)(b->p - b->buf) < len + 1)
		return -ENAMETOOLONG;
	b->p -= len + 1;
	b->p[0] = '/';
	for (u32 i = 0; i < len && s[i]; i++)
		b->p[i + 1] = s[i];
	return 0;
}

static int walk_up(const struct path *p, const struct path *root, struct back *b)
{
	const struct dentry *d = p->dentry;
	const struct mount *m = p->mnt;
	int err;

	while (d != root->dentry || m != root->mnt) {
		if (d == READ_ONCE(m->root) || d == READ_ONCE(d->parent)) {
			const struct mount *up = READ_ONCE(m->parent);
			const struct dentry *at = READ_ONCE(m->mountpoint);

			if (d != m->root || up == m || !at)
				return 0;
			d = at;
			m = up;
			continue;
		}
		err = prepend_name(b, d);
		if (err)
			return err;
		d = READ_ONCE(d->parent);
	}
	return 1;
}

int path_format_below(const struct path *p, const struct path *root, char *buf, size_t size,
		      char **out)
{
	struct back b = {buf, buf + size};
	char *start;
	int err;

	if (prepend(&b, "", 1))
		return -ENAMETOOLONG;
	if (dentry_unlinked(p->dentry) && prepend(&b, " (deleted)", 10))
		return -ENAMETOOLONG;
	start = b.p;
	rcu_read_lock();
	for (;;) {
		u32 renames = seq_read_begin(&vfs_rename_seq), mounts = seq_read_begin(&mount_seq);

		b.p = start;
		err = walk_up(p, root, &b);
		if (!seq_read_retry(&vfs_rename_seq, renames) &&
		    !seq_read_retry(&mount_seq, mounts))
			break;
	}
	rcu_read_unlock();
	if (err < 0)
		return err;
	if (b.p == start && prepend(&b, "/", 1))
		return -ENAMETOOLONG;
	*out = b.p;
	return err;
}

int path_format(const struct path *p, char *buf, size_t size, char **out)
{
	struct path root;
	int err;

	if (p->dentry->ops && p->dentry->ops->name) {
		err = p->dentry->ops->name(p->dentry, buf, size);
		if (err >= 0)
			*out = buf;
		return err < 0 ? err : 0;
	}
	root = fs_ctx_root(current->fs);
	err = path_format_below(p, &root, buf, size, out);
	path_put(&root);
	return err < 0 ? err : 0;
}

/* ---- /proc/mounts and mountinfo ---- */

static void show_mount_flags(struct seq *s, u32 flags)
{
	static const struct {
		u32 flag;
		const char *text;
	} names[] = {
		{MNT_NOSUID, ",nosuid"},	 {MNT_NODEV, ",nodev"},
		{MNT_NOEXEC, ",noexec"},	 {MNT_NOATIME, ",noatime"},
		{MNT_NODIRATIME, ",nodiratime"}, {MNT_RELATIME, ",relatime"},
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
	if (sb->flags & MS_LAZYTIME)
		seq_puts(s, ",lazytime");
}

static void show_source(struct seq *s, const struct mount *m)
{
	seq_escape(s, m->source, " \t\n\\#");
}

static void show_line(struct seq *s, const struct mount *m, const char *at)
{
	bool ro = (m->flags & MNT_READONLY) || (m->super->flags & MS_RDONLY);

	show_source(s, m);
	seq_putc(s, ' ');
	seq_escape(s, at, " \t\n\\");
	seq_printf(s, " %s %s", m->super->type->name, ro ? "ro" : "rw");
	show_super_flags(s, m->super);
	show_mount_flags(s, m->flags);
	if (m->super->ops && m->super->ops->show_options)
		m->super->ops->show_options(m->super, s);
	seq_puts(s, " 0 0\n");
}

static void show_info(struct seq *s, struct mount *m, const char *at, char *buf, size_t size)
{
	struct path in_fs = {m, m->root}, fs_root = {m, m->super->root};
	char *text = buf;

	seq_printf(s, "%d %d %u:%u ", m->id, m->parent->id, vfs_major(m->super->dev),
		   vfs_minor(m->super->dev));
	if (m->root == m->super->root)
		seq_putc(s, '/');
	else if (path_format_below(&in_fs, &fs_root, buf, size, &text) >= 0)
		seq_escape(s, text, " \t\n\\");
	seq_putc(s, ' ');
	seq_escape(s, at, " \t\n\\");
	seq_puts(s, m->flags & MNT_READONLY ? " ro" : " rw");
	show_mount_flags(s, m->flags);
	if (m->group_id)
		seq_printf(s, " shared:%d", m->group_id);
	if (m->flags & MNT_UNBINDABLE)
		seq_puts(s, " unbindable");
	seq_printf(s, " - %s ", m->super->type->name);
	show_source(s, m);
	seq_puts(s, m->super->flags & MS_RDONLY ? " ro" : " rw");
	show_super_flags(s, m->super);
	if (m->super->ops && m->super->ops->show_options)
		m->super->ops->show_options(m->super, s);
	seq_putc(s, '\n');
}

void mounts_show(struct seq *s, struct task *t, bool info)
{
	struct fs_ctx *fs = task_fs(t);
	char *buf = kmalloc(2 * PATH_MAX_LEN);
	struct path root;
	struct mount *m;

	if (!fs || !buf)
		goto out;
	root = fs_ctx_root(fs);
	mutex_lock(&mount_ns_lock);
	list_for_each_entry (m, &init_mount_ns.mounts, ns_link) {
		struct path p = {m, m->root};
		char *at;

		if (path_format_below(&p, &root, buf, PATH_MAX_LEN, &at) != 1)
			continue;
		if (info)
			show_info(s, m, at, buf + PATH_MAX_LEN, PATH_MAX_LEN);
		else
			show_line(s, m, at);
	}
	mutex_unlock(&mount_ns_lock);
	path_put(&root);
out:
	if (fs)
		fs_ctx_put(fs);
	kfree(buf);
}

u64 mounts_event(void)
{
	return READ_ONCE(init_mount_ns.event);
}
