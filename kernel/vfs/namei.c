/*
 * Path walks.
 *
 * A walk first runs in RCU mode: preemption off, no lock, no reference; each step checks the
 * sequence count of the directory it came from after it has read the child, so the whole chain was
 * valid at one time.  The result is either used on the spot (stat) or made referenced by
 * nd_unlazy().  Where RCU mode cannot go on (a name that only the file system knows, something that
 * may sleep) nd_unlazy() makes the place reached so far referenced and the walk goes on in
 * reference mode from there; -ECHILD means that even this failed and the walk starts again with
 * references.
 *
 * Symbolic links: the rest of the outer text is pushed on a stack and the link's text walked; at
 * most 40 links in all. Reference mode copies link texts, RCU mode reads them in place (they are
 * freed after a grace period).
 */
#include <kern/hash.h>
#include <kernel/vfs/vfs_impl.h>

struct nd_body {
	struct nd_body *next;
	char text[];
};

void nd_init(struct nameidata *nd, int dfd, const struct path *base, const char *name, size_t len,
	     u32 flags)
{
	nd->flags = flags;
	nd->dfd = dfd;
	nd->base = base;
	nd->name = name;
	nd->name_end = name + len;
	nd->stack = nd->inline_stack;
	nd->bodies = NULL;
	nd->scoped = flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT);
}

/* ---- references ---- */

/* Gives back what a walk holds; nd->path too if @place. */
static void drop(struct nameidata *nd, bool place)
{
	if (nd->rcu) {
		nd->rcu = false;
		rcu_read_unlock();
	} else {
		if (place && nd->path.dentry)
			path_put(&nd->path);
		if (nd->have_root)
			path_put(&nd->root);
	}
	nd->have_root = false;
	while (unlikely(nd->bodies)) {
		struct nd_body *b = nd->bodies;

		nd->bodies = b->next;
		kfree(b);
	}
	if (unlikely(nd->stack != nd->inline_stack)) {
		kfree(nd->stack);
		nd->stack = nd->inline_stack;
	}
}

void nd_end(struct nameidata *nd)
{
	drop(nd, false);
}

static bool legitimize(struct nameidata *nd, const struct path *p, u32 seq, struct mount **undo_mnt,
		       struct dentry **undo_dentry)
{
	if (unlikely(!mount_tryget(p->mnt)))
		return false;
	*undo_mnt = p->mnt;
	/* Pairs with the barrier in mount_detach(): it sees our count or we see its sequence. */
	smp_mb__after_atomic();
	if (unlikely(seq_read_retry(&mount_seq, nd->mount_seq)))
		return false;
	if (unlikely(!dentry_tryget(p->dentry)))
		return false;
	*undo_dentry = p->dentry;
	return !seq_read_retry(&p->dentry->seq, seq);
}

/* From RCU mode to reference mode, at nd->path.  On failure out of RCU mode with nothing held:
 * -ECHILD. */
static int nd_unlazy(struct nameidata *nd)
{
	struct mount *m[2] = {NULL, NULL};
	struct dentry *d[2] = {NULL, NULL};
	bool ok;

	ok = legitimize(nd, &nd->path, nd->seq, &m[0], &d[0]);
	if (ok && nd->have_root)
		ok = legitimize(nd, &nd->root, nd->root_seq, &m[1], &d[1]);
	nd->rcu = false;
	rcu_read_unlock();
	if (likely(ok))
		return 0;
	nd->path = (struct path){NULL, NULL};
	nd->have_root = false;
	for (int i = 0; i < 2; i++) {
		dentry_put(d[i]);
		mount_put(m[i]);
	}
	return -ECHILD;
}

/* The same in the middle of a walk: texts of links read in place would not stay. */
static int nd_unlazy_midway(struct nameidata *nd)
{
	if (nd->depth) {
		drop(nd, true);
		nd->path = (struct path){NULL, NULL};
		return -ECHILD;
	}
	return nd_unlazy(nd);
}

bool nd_end_rcu(struct nameidata *nd)
{
	bool ok = !seq_read_retry(&nd->path.dentry->seq, nd->seq) &&
		  !seq_read_retry(&mount_seq, nd->mount_seq);

	drop(nd, false);
	return ok;
}

/* ---- where a walk starts ---- */

static void read_place(struct fs_ctx *fs, const struct path *slot, struct path *out, u32 *seq)
{
	u32 s;

	do {
		s = seq_read_begin(&fs->seq);
		*out = *slot;
		*seq = seq_read_begin(&out->dentry->seq);
	} while (seq_read_retry(&fs->seq, s));
}

static void set_root(struct nameidata *nd)
{
	struct fs_ctx *fs = current->fs;

	if (nd->have_root)
		return;
	if (nd->rcu)
		read_place(fs, &fs->root, &nd->root, &nd->root_seq);
	else
		nd->root = fs_ctx_root(fs);
	nd->have_root = true;
}

/* An absolute path or link. */
static int jump_root(struct nameidata *nd)
{
	if (nd->flags & LOOKUP_BENEATH)
		return -EXDEV;
	set_root(nd);
	if (nd->flags & LOOKUP_NO_XDEV && nd->path.dentry && nd->path.mnt != nd->root.mnt)
		return -EXDEV;
	if (nd->rcu) {
		nd->path = nd->root;
		nd->seq = nd->root_seq;
		nd->inode = READ_ONCE(nd->path.dentry->inode);
		return seq_read_retry(&nd->path.dentry->seq, nd->seq) ? -ECHILD : 0;
	}
	if (nd->path.dentry)
		path_put(&nd->path);
	nd->path = path_get(&nd->root);
	nd->inode = nd->path.dentry->inode;
	return 0;
}

static int start_at_fd(struct nameidata *nd)
{
	struct fd_ref r = fd_get_path((unsigned int)nd->dfd);
	int err = 0;

	if (!r.file)
		return -EBADF;
	if (!r.file->path.dentry || (!S_ISDIR(r.file->inode->mode) && nd->name != nd->name_end)) {
		err = -ENOTDIR;
	} else if (nd->rcu) {
		nd->path = r.file->path;
		nd->seq = seq_read_begin(&nd->path.dentry->seq);
		/* A table that is shared may lose the file at once: its place then needs
		 * references. */
		if (r.owned) {
			nd->path = path_get(&r.file->path);
			nd->rcu = false;
			rcu_read_unlock();
		}
	} else {
		nd->path = path_get(&r.file->path);
	}
	fd_put(r);
	return err;
}

static int nd_start(struct nameidata *nd)
{
	struct fs_ctx *fs = current->fs;
	int err = 0;

	nd->depth = nd->links = 0;
	nd->have_root = false;
	nd->path = (struct path){NULL, NULL};
	nd->last_type = LAST_ROOT;
	nd->last_slash = false;
	nd->mount_seq = seq_read_begin(&mount_seq);
	nd->rename_seq = nd->scoped ? seq_read_begin(&vfs_rename_seq) : 0;
	if (nd->name != nd->name_end && *nd->name == '/' && !nd->scoped)
		return jump_root(nd);
	if (nd->base) {
		nd->path = *nd->base;
		if (nd->rcu)
			nd->seq = seq_read_begin(&nd->path.dentry->seq);
		else
			path_get(nd->base);
	} else if (nd->dfd == AT_FDCWD) {
		if (nd->rcu)
			read_place(fs, &fs->pwd, &nd->path, &nd->seq);
		else
			nd->path = fs_ctx_pwd(fs);
	} else {
		err = start_at_fd(nd);
		if (err)
			return err;
	}
	nd->inode = READ_ONCE(nd->path.dentry->inode);
	if (nd->scoped) {
		nd->root = nd->path;
		nd->root_seq = nd->seq;
		if (!nd->rcu)
			path_get(&nd->root);
		nd->have_root = true;
		if (nd->name != nd->name_end && *nd->name == '/' && (nd->flags & LOOKUP_BENEATH))
			return -EXDEV;
	}
	return 0;
}

/* ---- one component ---- */

#define ONES 0x0101010101010101ull
#define HIGHS 0x8080808080808080ull
#define SLASHES (ONES * '/')

/* Length of the component at @p and its hash as qstr_hash() has it, a word at a time. */
static __always_inline u32 scan_name(const struct dentry *parent, const char *p, const char *end,
				     u32 *out_hash)
{
	u64 h = (u64)(unsigned long)parent;
	u32 len = 0;

	for (;;) {
		size_t left = (size_t)(end - p) - len;
		u64 w, x, m;

		if (left >= 8)
			memcpy(&w, p + len, 8);
		else
			w = left ? load_tail(p + len, (u32)left) : 0;
		x = w ^ SLASHES;
		m = (((w - ONES) & ~w) | ((x - ONES) & ~x)) & HIGHS;
		if (m) {
			u32 n = (u32)__builtin_ctzll(m) >> 3;

			if (n) {
				w &= (1ull << n * 8) - 1;
				h = (h ^ w) * HASH_GOLDEN_64;
				len += n;
			}
			break;
		}
		h = (h ^ w) * HASH_GOLDEN_64;
		h = h << 23 | h >> 41;
		len += 8;
	}
	*out_hash = (u32)(h >> 32);
	return len;
}

/* May current go through the directory nd->path? */
static __always_inline int may_walk(struct nameidata *nd)
{
	struct inode *i = nd->inode;
	int err;

	if (unlikely(!i))
		return nd->rcu ? -ECHILD : -ENOENT;
	if (unlikely(!S_ISDIR(i->mode)))
		return -ENOTDIR;
	if (likely((i->mode & 0111) == 0111 && !i->ops->permission))
		return 0;
	if (!nd->rcu)
		return inode_permission(i, MAY_EXEC);
	err = inode_permission(i, MAY_EXEC | MAY_NOT_BLOCK);
	if (err != -ECHILD)
		return err;
	err = nd_unlazy_midway(nd);
	return err ? err : inode_permission(i, MAY_EXEC);
}

static bool at_root(const struct nameidata *nd)
{
	return nd->path.dentry == nd->root.dentry && nd->path.mnt == nd->root.mnt;
}

/* Down into what is mounted on (*mnt, *d); RCU mode. */
static int cross_mounts_rcu(struct nameidata *nd, struct mount **mnt, struct dentry **d, u32 *seq)
{
	while (READ_ONCE((*d)->flags) & DENTRY_MOUNTED) {
		struct mount *m = mount_find_rcu(*mnt, *d);

		if (!m)
			break;
		if (nd->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
		*mnt = m;
		*d = m->root;
		*seq = seq_read_begin(&m->root->seq);
	}
	return seq_read_retry(&mount_seq, nd->mount_seq) ? -ECHILD : 0;
}

static int dotdot_rcu(struct nameidata *nd)
{
	struct dentry *d = nd->path.dentry, *parent;
	struct mount *m = nd->path.mnt;
	u32 seq;
	int err;

	if (at_root(nd))
		return nd->flags & LOOKUP_BENEATH ? -EXDEV : 0;
	while (d == m->root) {
		struct mount *up = READ_ONCE(m->parent);
		struct dentry *at = READ_ONCE(m->mountpoint);

		if (up == m || !at)
			goto stay;
		if (nd->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
		d = at;
		m = up;
		nd->seq = seq_read_begin(&d->seq);
		if (seq_read_retry(&mount_seq, nd->mount_seq))
			return -ECHILD;
		if (d == nd->root.dentry && m == nd->root.mnt)
			goto stay;
	}
	parent = READ_ONCE(d->parent);
	seq = seq_read_begin(&parent->seq);
	if (seq_read_retry(&d->seq, nd->seq))
		return -ECHILD;
	d = parent;
	nd->seq = seq;
stay:
	nd->path = (struct path){m, d};
	err = cross_mounts_rcu(nd, &nd->path.mnt, &nd->path.dentry, &nd->seq);
	nd->inode = READ_ONCE(nd->path.dentry->inode);
	return err;
}

static int dotdot_ref(struct nameidata *nd)
{
	struct dentry *parent;

	if (at_root(nd))
		return nd->flags & LOOKUP_BENEATH ? -EXDEV : 0;
	while (nd->path.dentry == nd->path.mnt->root) {
		if (nd->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
		if (!mount_follow_up(&nd->path) || at_root(nd))
			goto stay;
	}
	spin_lock(&nd->path.dentry->lock);
	parent = dentry_get(nd->path.dentry->parent);
	spin_unlock(&nd->path.dentry->lock);
	dentry_put(nd->path.dentry);
	nd->path.dentry = parent;
stay:
	mount_follow_down(&nd->path);
	nd->inode = nd->path.dentry->inode;
	return 0;
}

static int walk_dotdot(struct nameidata *nd)
{
	int err;

	set_root(nd);
	err = nd->rcu ? dotdot_rcu(nd) : dotdot_ref(nd);
	/* A rename or mount meanwhile may have taken us out of the scope. */
	if (!err && nd->scoped &&
	    (seq_read_retry(&vfs_rename_seq, nd->rename_seq) ||
	     seq_read_retry(&mount_seq, nd->mount_seq)))
		return -EAGAIN;
	return err;
}

int vfs_lookup_child(struct dentry *dir, const struct qstr *q, bool locked, struct dentry **out)
{
	struct inode *i = dir->inode;
	struct dentry *d;
	int err = 0;

	for (;;) {
		d = dentry_find(dir, q);
		if (!d)
			break;
		if (!(d->flags & DENTRY_REVALIDATE))
			goto found;
		err = d->ops->revalidate(d, false);
		if (err > 0)
			goto found;
		if (!err)
			dentry_drop(d);
		dentry_put(d);
		if (err < 0)
			return err;
	}
	if (!i->ops->lookup)
		return -ENOTDIR;
	if (!locked) {
		if (dir->flags & DENTRY_COMPLETE)
			return -ENOENT;
		rwsem_write_lock(&i->lock);
		d = dentry_find(dir, q);
		if (d) {
			rwsem_write_unlock(&i->lock);
			goto found;
		}
	}
	err = i->flags & INODE_DEAD ? -ENOENT : dentry_alloc(dir, q, &d);
	if (!err && !(dir->flags & DENTRY_COMPLETE)) {
		err = i->ops->lookup(i, d);
		if (!err && !(d->flags & DENTRY_CACHED) && !d->inode) {
			spin_lock(&d->lock);
			d->flags |= DENTRY_CACHED;
			dentry_hash_add(d);
			spin_unlock(&d->lock);
		}
		if (err)
			dentry_put(d);
	}
	if (!locked)
		rwsem_write_unlock(&i->lock);
	if (err)
		return err;
found:
	*out = d;
	return 0;
}

/* ---- symbolic links ---- */

static int links_check(struct nameidata *nd, const struct mount *m, const struct inode *link)
{
	nd->link_uid = link->uid;
	if ((nd->flags & LOOKUP_NO_SYMLINKS) || (READ_ONCE(m->flags) & MNT_NOSYMFOLLOW))
		return -ELOOP;
	return ++nd->links > ND_MAX_LINKS ? -ELOOP : 0;
}

/* Reference mode: the text is copied, since its owner may go while the walk sleeps. */
static int link_text_ref(struct nameidata *nd, struct dentry *d, const char **body,
			 const char **body_end)
{
	struct inode *i = d->inode;
	size_t room = i->link ? strlen(i->link) + 1 : PATH_MAX_LEN;
	struct nd_body *b;
	ssize_t len;

	b = kmalloc(sizeof(*b) + room);
	if (!b)
		return -ENOMEM;
	if (i->link) {
		len = (ssize_t)room - 1;
		memcpy(b->text, i->link, room);
	} else {
		len = i->ops->readlink ? i->ops->readlink(i, d, b->text, room) : -EINVAL;
	}
	if (len <= 0) {
		kfree(b);
		return len ? (int)len : -ENOENT;
	}
	b->next = nd->bodies;
	nd->bodies = b;
	*body = b->text;
	*body_end = b->text + len;
	return 0;
}

/* Magic link: jumps.  Consumes the reference on @link. */
static int follow_magic(struct nameidata *nd, struct path *link)
{
	struct path to;
	int err = -ELOOP;

	if (!(nd->flags & LOOKUP_NO_MAGICLINKS))
		err = link->dentry->inode->ops->get_path(link->dentry, &to);
	if (!err && nd->scoped) {
		path_put(&to);
		err = -EXDEV;
	}
	if (!err && (nd->flags & LOOKUP_NO_XDEV) && to.mnt != nd->path.mnt) {
		path_put(&to);
		err = -EXDEV;
	}
	path_put(link);
	if (err)
		return err;
	path_put(&nd->path);
	nd->path = to;
	nd->inode = to.dentry->inode;
	return 0;
}

/* ---- one step ---- */

static int step_ref(struct nameidata *nd, bool follow, const char **body, const char **body_end)
{
	struct qstr q = {nd->last, nd->last_len, nd->last_hash};
	struct path p = {nd->path.mnt, NULL};
	struct inode *i;
	int err = vfs_lookup_child(nd->path.dentry, &q, false, &p.dentry);

	if (err)
		return err;
	i = READ_ONCE(p.dentry->inode);
	if (!i) {
		dentry_put(p.dentry);
		return -ENOENT;
	}
	mount_get(p.mnt);
	if (p.dentry->flags & DENTRY_MOUNTED) {
		mount_follow_down(&p);
		if ((nd->flags & LOOKUP_NO_XDEV) && p.mnt != nd->path.mnt) {
			path_put(&p);
			return -EXDEV;
		}
		i = p.dentry->inode;
	}
	if (S_ISLNK(i->mode) && follow) {
		err = links_check(nd, p.mnt, i);
		if (!err && i->ops->get_path)
			return follow_magic(nd, &p);
		if (!err)
			err = link_text_ref(nd, p.dentry, body, body_end);
		if (!err)
			inode_access(&p);
		path_put(&p);
		return err;
	}
	path_put(&nd->path);
	nd->path = p;
	nd->inode = i;
	return 0;
}

/* Not in the cache: either that is the answer, or the file system must be asked. */
static noinline int step_rcu_miss(struct nameidata *nd, bool follow, const char **body,
				  const char **body_end)
{
	struct dentry *parent = nd->path.dentry;
	u32 rename, seq;
	int err;

	if (READ_ONCE(parent->flags) & DENTRY_COMPLETE) {
		rename = seq_read_begin(&vfs_rename_seq);
		if (!dentry_lookup_rcu(parent, nd->last, nd->last_len, nd->last_hash, &seq) &&
		    !seq_read_retry(&vfs_rename_seq, rename))
			return -ENOENT;
		return -ECHILD;
	}
	err = nd_unlazy_midway(nd);
	return err ? err : step_ref(nd, follow, body, body_end);
}

static int step_rcu(struct nameidata *nd, bool follow, const char **body, const char **body_end)
{
	struct dentry *parent = nd->path.dentry, *d;
	struct mount *m = nd->path.mnt;
	struct inode *i;
	u32 seq, flags;
	int err;

	d = dentry_lookup_rcu(parent, nd->last, nd->last_len, nd->last_hash, &seq);
	if (unlikely(!d))
		return step_rcu_miss(nd, follow, body, body_end);
	if (unlikely(seq_read_retry(&parent->seq, nd->seq)))
		return -ECHILD;
	flags = READ_ONCE(d->flags);
	if (unlikely(flags & DENTRY_REVALIDATE) && d->ops->revalidate(d, true) <= 0) {
		err = nd_unlazy_midway(nd);
		return err ? err : step_ref(nd, follow, body, body_end);
	}
	i = READ_ONCE(d->inode);
	if (unlikely(!i))
		return seq_read_retry(&d->seq, seq) ? -ECHILD : -ENOENT;
	if (unlikely(flags & DENTRY_MOUNTED)) {
		err = cross_mounts_rcu(nd, &m, &d, &seq);
		if (err)
			return err;
		i = READ_ONCE(d->inode);
		if (!i)
			return -ECHILD;
	}
	if (unlikely(dentry_kind(READ_ONCE(d->flags)) == S_IFLNK >> 12) && follow) {
		const char *text = READ_ONCE(i->link);

		if (!text || seq_read_retry(&d->seq, seq)) {
			err = nd_unlazy_midway(nd);
			return err ? err : step_ref(nd, follow, body, body_end);
		}
		err = links_check(nd, m, i);
		*body = text;
		*body_end = text + strlen(text);
		return err;
	}
	nd->path.mnt = m;
	nd->path.dentry = d;
	nd->inode = i;
	nd->seq = seq;
	return 0;
}

/* Walks nd->last.  A link to follow: its text in *body; the place stays at the directory. */
static __always_inline int step(struct nameidata *nd, bool follow, const char **body,
				const char **body_end)
{
	*body = NULL;
	if (unlikely(nd->last_type != LAST_NORM))
		return nd->last_type == LAST_DOTDOT ? walk_dotdot(nd) : 0;
	if (likely(nd->rcu))
		return step_rcu(nd, follow, body, body_end);
	return step_ref(nd, follow, body, body_end);
}

static int push_rest(struct nameidata *nd, const char *p, const char *end)
{
	if (nd->depth == ND_INLINE_LINKS && nd->stack == nd->inline_stack) {
		struct nd_rest *s;

		if (nd->rcu)
			return -ECHILD; /* with references there may be an allocation */
		s = alloc_array(ND_MAX_LINKS + 1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		memcpy(s, nd->inline_stack, sizeof(nd->inline_stack));
		nd->stack = s;
	}
	nd->stack[nd->depth++] = (struct nd_rest){p, end};
	return 0;
}

static __always_inline void classify(struct nameidata *nd)
{
	const char *p = nd->last;

	nd->last_type = LAST_NORM;
	if (likely(p[0] != '.') || nd->last_len > 2)
		return;
	if (nd->last_len == 1)
		nd->last_type = LAST_DOT;
	else if (p[1] == '.')
		nd->last_type = LAST_DOTDOT;
}

/* Walks all but the last component of the text, which ends up in nd->last. */
static int walk_prefix(struct nameidata *nd, const char *p, const char *end)
{
	while (p < end && *p == '/')
		p++;
	for (;;) {
		const char *rest, *body, *body_end;
		int err;

		while (p == end) {
			if (!nd->depth) {
				nd->last_type = LAST_ROOT;
				nd->last_slash = false;
				return 0;
			}
			nd->depth--;
			p = nd->stack[nd->depth].p;
			end = nd->stack[nd->depth].end;
		}
		err = may_walk(nd);
		if (unlikely(err))
			return err;
		nd->last = p;
		nd->last_len = scan_name(nd->path.dentry, p, end, &nd->last_hash);
		if (unlikely(nd->last_len > NAME_MAX_LEN))
			return -ENAMETOOLONG;
		classify(nd);
		rest = p + nd->last_len;
		nd->last_slash = rest < end;
		while (rest < end && *rest == '/')
			rest++;
		if (rest == end) {
			if (!nd->depth)
				return 0;
			nd->depth--;
			rest = nd->stack[nd->depth].p;
			end = nd->stack[nd->depth].end;
		}
		err = step(nd, true, &body, &body_end);
		if (unlikely(err))
			return err;
		if (likely(!body)) {
			p = rest;
			continue;
		}
		err = push_rest(nd, rest, end);
		if (err)
			return err;
		p = body;
		end = body_end;
		if (*p == '/') {
			err = jump_root(nd);
			if (err)
				return err;
			while (p < end && *p == '/')
				p++;
		}
	}
}

int nd_step_last(struct nameidata *nd, const char **body, const char **body_end)
{
	bool follow = (nd->flags & LOOKUP_FOLLOW) || nd->last_slash;
	int err;

	if (nd->last_slash)
		nd->flags |= LOOKUP_DIRECTORY;
	err = step(nd, follow, body, body_end);
	if (unlikely(*body) && !err)
		err = may_follow_link(nd->inode, nd->link_uid);
	return err;
}

int nd_continue(struct nameidata *nd, const char *p, const char *end)
{
	if (p < end && *p == '/') {
		int err = jump_root(nd);

		if (err)
			return err;
	}
	return walk_prefix(nd, p, end);
}

/* The whole text. */
static int walk_all(struct nameidata *nd)
{
	const char *body, *body_end;
	int err = nd_start(nd);

	if (err)
		return err;
	err = walk_prefix(nd, nd->name, nd->name_end);
	while (!err) {
		err = nd_step_last(nd, &body, &body_end);
		if (err || !body)
			break;
		err = nd_continue(nd, body, body_end);
	}
	if (!err && (nd->flags & LOOKUP_DIRECTORY)) {
		if (!nd->inode || !S_ISDIR(nd->inode->mode))
			err = -ENOTDIR;
	}
	return err;
}

/* An answer found in RCU mode holds only if the place it was found at is still what it was. */
static int check_rcu_error(struct nameidata *nd, int err)
{
	if (nd->rcu && err != -ECHILD && nd->path.dentry &&
	    seq_read_retry(&nd->path.dentry->seq, nd->seq))
		err = -ECHILD;
	drop(nd, true);
	return err;
}

int nd_walk_rcu(struct nameidata *nd)
{
	u32 flags = nd->flags;
	int err;

	rcu_read_lock();
	nd->rcu = true;
	err = walk_all(nd);
	if (likely(!err && nd->rcu))
		return 0;
	if (!err) {
		/* Went on with references: the caller wants the lock-free form or nothing. */
		drop(nd, true);
		nd->flags = flags;
		return -ECHILD;
	}
	nd->flags = flags;
	return check_rcu_error(nd, err);
}

int nd_walk_ref(struct nameidata *nd)
{
	int err;

	nd->rcu = false;
	err = walk_all(nd);
	if (err)
		drop(nd, true);
	return err;
}

int nd_walk(struct nameidata *nd)
{
	u32 flags = nd->flags;
	int err;

	rcu_read_lock();
	nd->rcu = true;
	err = walk_all(nd);
	if (unlikely(err))
		err = check_rcu_error(nd, err);
	else if (nd->rcu)
		err = nd_unlazy(nd);
	if (err == -ECHILD) {
		if (flags & LOOKUP_CACHED)
			return -EAGAIN;
		nd->flags = flags;
		err = nd_walk_ref(nd);
	}
	return err;
}

static int walk_parent_once(struct nameidata *nd)
{
	int err = nd_start(nd);

	if (!err)
		err = walk_prefix(nd, nd->name, nd->name_end);
	/* Operations on names need a directory to work in. */
	if (!err && (!nd->inode || !S_ISDIR(nd->inode->mode)))
		err = -ENOTDIR;
	return err;
}

int nd_walk_parent(struct nameidata *nd)
{
	int err;

	rcu_read_lock();
	nd->rcu = true;
	err = walk_parent_once(nd);
	if (unlikely(err)) {
		err = check_rcu_error(nd, err);
	} else if (nd->rcu) {
		/* nd->last may point into the text of a link. */
		bool own = nd->links && (nd->last < nd->name || nd->last >= nd->name_end);

		if (own) {
			drop(nd, true);
			err = -ECHILD;
		} else {
			err = nd_unlazy(nd);
		}
	}
	if (err == -ECHILD) {
		nd->rcu = false;
		err = walk_parent_once(nd);
		if (err)
			drop(nd, true);
	}
	return err;
}
