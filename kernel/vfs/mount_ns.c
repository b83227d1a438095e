/*
 * Mount namespaces: mount_namespaces(7).
 *
 * A namespace is the list of the mounts of one tree.  It ends with its last user: then the tree is
 * taken off lazily.  Detached trees (open_tree(2), fsmount(2)) have a nameless one of their own.
 */
#include <kernel/vfs/mount_impl.h>
#include <kernel/vfs/fs_type.h>
#include <linux/sched.h>

static u64 last_seq;

struct mount_ns init_mount_ns = {
	.ns = NS_COMMON_INITIAL(&mount_ns_kind, NS_INO_MNT),
	.mounts = LIST_HEAD_INIT(init_mount_ns.mounts),
	.wait = WAIT_QUEUE_INIT(init_mount_ns.wait),
};

static struct mount_ns *of(struct ns_common *ns)
{
	return container_of(ns, struct mount_ns, ns);
}

int mount_ns_alloc(bool anon, struct user_ns *owner, struct mount_ns **out)
{
	struct mount_ns *ns = kzalloc(sizeof(*ns));
	int err;

	if (!ns)
		return -ENOMEM;
	err = ns_init(&ns->ns, &mount_ns_kind, owner);
	if (err) {
		kfree(ns);
		return err;
	}
	ns->anon = anon;
	if (!anon)
		ns->seq = __atomic_add_fetch(&last_seq, 1, __ATOMIC_RELAXED);
	list_init(&ns->mounts);
	wait_queue_init(&ns->wait);
	*out = ns;
	return 0;
}

void mount_ns_free(struct mount_ns *ns)
{
	if (!ns)
		return;
	ns_release(&ns->ns);
	kfree(ns);
}

void mount_attach_root(struct mount *m)
{
	mutex_lock(&mount_tree_lock);
	init_mount_ns.root = m;
	mount_ns_add_tree(&init_mount_ns, m);
	mutex_unlock(&mount_tree_lock);
}

/* ---- copy ---- */

/* The copy of @m, by going through both trees side by side; or NULL. */
static struct mount *copy_of(struct mount *m, struct mount *top, struct mount *top_copy)
{
	struct mount *p = top, *q = top_copy;

	while (p && q) {
		if (p->root != q->root) { /* left out */
			p = mount_next_skip(p, top);
			continue;
		}
		if (p == m)
			return q;
		p = mount_next(p, top);
		q = mount_next(q, top_copy);
	}
	return NULL;
}

static void move_place(struct fs_ctx *fs, struct path *slot, struct mount *top, struct mount *copy)
{
	struct mount *to = copy_of(slot->mnt, top, copy);
	struct path p;

	if (!to)
		return;
	p = (struct path){mount_get(to), dentry_get(slot->dentry)};
	fs_ctx_set(fs, slot, &p);
}

static int copy_ns(const struct ns_copy *req, struct ns_common *old, struct ns_common **out)
{
	struct mount_ns *from = of(old), *to;
	bool lesser = from->ns.owner != req->owner;
	struct mount *copy;
	int err = mount_ns_alloc(false, req->owner, &to);

	if (err)
		return err;
	mutex_lock(&mount_tree_lock);
	err = mount_copy_tree(from->root, from->root->root,
			      CLONE_UNBINDABLE | (lesser ? CLONE_SHARED_TO_SLAVE : 0), &copy);
	if (!err) {
		if (lesser)
			mount_lock_flags(copy);
		to->root = copy;
		mount_ns_add_tree(to, copy);
		if (req->fs) {
			move_place(req->fs, &req->fs->root, from->root, copy);
			move_place(req->fs, &req->fs->pwd, from->root, copy);
		}
	}
	mutex_unlock(&mount_tree_lock);
	if (err)
		mount_ns_free(to);
	else
		*out = &to->ns;
	return err;
}

static void free_ns(struct ns_common *c)
{
	struct mount_ns *ns = of(c);
	LIST_HEAD(dead);

	mutex_lock(&mount_tree_lock);
	mount_umount_tree(ns->root, 0, &dead);
	mutex_unlock(&mount_tree_lock);
	mount_release(&dead);
	mount_ns_free(ns);
}

/* ---- setns ---- */

static int install_ns(struct ns_set *set, struct ns_common *c)
{
	const struct cred *cred = set->cred ? set->cred : current_cred();
	struct mount_ns *ns = of(c);
	struct path root, pwd;
	int err = ns_may_join(set, c);

	if (err)
		return err;
	if (!cred_ns_capable(cred, cred->user_ns, CAP_SYS_CHROOT))
		return -EPERM;
	if (set->flags == CLONE_NEWNS && READ_ONCE(current->fs->refs) != 1)
		return -EINVAL;
	root = (struct path){mount_get(ns->root), dentry_get(ns->root->root)};
	mount_follow_down(&root);
	pwd = path_get(&root);
	fs_ctx_set(set->fs, &set->fs->root, &root);
	fs_ctx_set(set->fs, &set->fs->pwd, &pwd);
	ns_set_slot(set, NS_MNT, c);
	return 0;
}

const struct ns_kind mount_ns_kind = {
	.name = "mnt",
	.flag = CLONE_NEWNS,
	.slot = NS_MNT,
	.ucount = UCOUNT_MNT_NAMESPACES,
	.initial = &init_mount_ns.ns,
	.copy = copy_ns,
	.free = free_ns,
	.install = install_ns,
};
NS_KIND(mount_ns_kind);

/* ---- files of namespaces ---- */

bool mount_is_ns_file(const struct dentry *d)
{
	struct ns_common *ns = nsfs_dentry_ns(d);

	return ns && ns->kind == &mount_ns_kind;
}

/* Mounted inside itself, or inside an older one, it would keep itself alive. */
bool mount_ns_loop(const struct dentry *d)
{
	return mount_is_ns_file(d) && of(nsfs_dentry_ns(d))->seq <= current_mount_ns()->seq;
}

/* ---- what a less privileged namespace may mount ---- */

struct user_ns *fs_type_owner(const struct fs_type *t)
{
	return t && t->shows ? t->shows()->owner : current_cred()->user_ns;
}

bool fs_type_may_mount(const struct fs_type *t)
{
	return t->flags & FS_USERNS ? ns_capable(fs_type_owner(t), CAP_SYS_ADMIN)
				    : capable(CAP_SYS_ADMIN);
}

/* Something is mounted over a part of @m that is not an empty directory. */
static bool hides_something(struct mount *m)
{
	struct mount *c;

	list_for_each_entry (c, &m->children, child_link) {
		struct inode *i = c->mountpoint->inode;

		if ((c->flags & MNT_LOCKED) && !(i->flags & INODE_EMPTY_DIR))
			return true;
	}
	return false;
}

bool mount_too_revealing(const struct super *sb, u32 *flags)
{
	struct mount_ns *ns = current_mount_ns();
	struct mount *m;
	bool visible = false;

	if (ns->ns.owner == &user_ns_init || !(sb->type->flags & FS_VISIBLE))
		return false;
	mutex_lock(&mount_tree_lock);
	list_for_each_entry (m, &ns->mounts, ns_link) {
		u32 have = m->flags | (m->super->flags & MS_RDONLY ? MNT_LOCK_READONLY : 0);

		if (m->super->type != sb->type || m->root != m->super->root)
			continue;
		if ((have & MNT_LOCK_READONLY) && !(*flags & MNT_READONLY))
			continue;
		if ((have & MNT_LOCK_ATIME) && ((have ^ *flags) & MNT_ATIME_FLAGS))
			continue;
		if (hides_something(m))
			continue;
		*flags |= have & (MNT_LOCK_READONLY | MNT_LOCK_ATIME);
		visible = true;
		break;
	}
	mutex_unlock(&mount_tree_lock);
	return !visible;
}
