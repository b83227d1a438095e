/*
 * Text of places: getcwd(2), /proc/PID/fd, /proc/mounts.
 *
 * Names are read under RCU while renames and mounts go on; both sequence counts are checked at the
 * end.
 */
#include <kernel/vfs/vfs_impl.h>

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

int dentry_format(const struct dentry *d, char *buf, size_t size, char **out)
{
	struct back b = {buf, buf + size};
	char *start;
	int err;

	if (prepend(&b, "", 1) || (dentry_unlinked(d) && prepend(&b, "//deleted", 9)))
		return -ENAMETOOLONG;
	start = b.p;
	rcu_read_lock();
	for (;;) {
		u32 renames = seq_read_begin(&vfs_rename_seq);

		b.p = start;
		err = 0;
		for (const struct dentry *n = d; !err && READ_ONCE(n->parent) != n;
		     n = READ_ONCE(n->parent))
			err = prepend_name(&b, n);
		if (!seq_read_retry(&vfs_rename_seq, renames))
			break;
	}
	rcu_read_unlock();
	if (!err && b.p == start)
		err = prepend(&b, "/", 1);
	if (!err)
		*out = b.p;
	return err;
}

int path_format(const struct path *p, char *buf, size_t size, char **out)
{
	static const char deleted[] = " (deleted)";
	struct path root;
	size_t tail;
	int err;

	if (p->dentry->ops && p->dentry->ops->name) {
		err = p->dentry->ops->name(p->dentry, buf, size);
		if (err >= 0)
			*out = buf;
		return err < 0 ? err : 0;
	}
	root = fs_ctx_root(current->fs);
	tail = dentry_unlinked(p->dentry) ? sizeof(deleted) - 1 : 0;
	err = size <= tail ? -ENAMETOOLONG : path_format_below(p, &root, buf, size - tail, out);
	if (err >= 0 && tail)
		strscpy(buf + size - sizeof(deleted), deleted, sizeof(deleted));
	path_put(&root);
	return err < 0 ? err : 0;
}
