/* Flags of mounts and supers, and their changes: mount(2) MS_REMOUNT, mount_setattr(2). */
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/mount_impl.h>

#define REMOUNT_SUPER_FLAGS (MS_RDONLY | MS_SYNCHRONOUS | MS_MANDLOCK | MS_I_VERSION | MS_LAZYTIME)

u32 mount_flags_of_ms(unsigned long ms)
{
	static const struct {
		unsigned long ms;
		u32 mnt;
	} map[] = {
		{MS_NOSUID, MNT_NOSUID},	   {MS_NODEV, MNT_NODEV},
		{MS_NOEXEC, MNT_NOEXEC},	   {MS_NOATIME, MNT_NOATIME},
		{MS_NODIRATIME, MNT_NODIRATIME},   {MS_RDONLY, MNT_READONLY},
		{MS_NOSYMFOLLOW, MNT_NOSYMFOLLOW},
	};
	u32 mnt = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		if (ms & map[i].ms)
			mnt |= map[i].mnt;
	}
	if (!(ms & MS_NOATIME))
		mnt |= MNT_RELATIME;
	if (ms & MS_STRICTATIME)
		mnt &= ~(MNT_RELATIME | MNT_NOATIME);
	return mnt;
}

/* Does @flags keep what a more privileged namespace has set? */
static bool flags_allowed(const struct mount *m, u32 flags)
{
	static const struct {
		u32 lock, flag;
	} locks[] = {
		{MNT_LOCK_READONLY, MNT_READONLY},
		{MNT_LOCK_NODEV, MNT_NODEV},
		{MNT_LOCK_NOSUID, MNT_NOSUID},
		{MNT_LOCK_NOEXEC, MNT_NOEXEC},
	};

	for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
		if ((m->flags & locks[i].lock) && !(flags & locks[i].flag))
			return false;
	}
	return !(m->flags & MNT_LOCK_ATIME) || !((m->flags ^ flags) & MNT_ATIME_FLAGS);
}

static bool blocked_by_writers(const struct mount *m, u32 flags)
{
	return (flags & MNT_READONLY) && !(m->flags & MNT_READONLY) && READ_ONCE(m->writers) > 0;
}

/* mount_lock held. */
static int set_flags(struct mount *m, u32 flags)
{
	if (blocked_by_writers(m, flags))
		return -EBUSY;
	WRITE_ONCE(m->flags, (m->flags & ~MNT_USER_FLAGS) | (flags & MNT_USER_FLAGS));
	return 0;
}

static int may_remount(const struct path *at, u32 flags)
{
	if (!mount_is_ours(at->mnt) || !mount_is_root_of(at))
		return -EINVAL;
	return flags_allowed(at->mnt, flags) ? 0 : -EPERM;
}

int mount_remount_bind(const struct path *at, u32 flags)
{
	int err;

	mutex_lock(&mount_tree_lock);
	err = may_remount(at, flags);
	if (!err) {
		mount_write_begin();
		err = set_flags(at->mnt, flags);
		mount_write_end();
		mount_ns_touch(at->mnt->ns);
	}
	mutex_unlock(&mount_tree_lock);
	return err;
}

static bool super_has_writers(struct super *sb)
{
	struct mount *m;
	bool busy = false;

	spin_lock(&mount_lock);
	list_for_each_entry (m, &sb->mounts, super_link)
		busy |= READ_ONCE(m->writers) > 0;
	spin_unlock(&mount_lock);
	return busy;
}

int super_reconfigure(struct super *sb, u32 ms_flags, u32 mask, const char *options)
{
	u32 flags = (u32)((sb->flags & ~(u64)mask) | (ms_flags & mask));
	int err = 0;

	if ((flags & MS_RDONLY) && !(sb->flags & MS_RDONLY) && super_has_writers(sb))
		return -EBUSY;
	if (sb->ops && sb->ops->remount)
		err = sb->ops->remount(sb, &flags, options);
	else if (options && *options)
		err = fs_options_judge(sb->type, options);
	if (!err)
		WRITE_ONCE(sb->flags, flags);
	return err;
}

int mount_remount(const struct path *at, u32 ms_flags, u32 flags, const char *options)
{
	struct super *sb = at->mnt->super;
	int err;

	mutex_lock(&mount_tree_lock);
	err = may_remount(at, flags);
	mutex_unlock(&mount_tree_lock);
	if (err)
		return err;
	if (!ns_capable(sb->owner, CAP_SYS_ADMIN))
		return -EPERM;
	err = super_reconfigure(sb, ms_flags, REMOUNT_SUPER_FLAGS, options);
	if (err)
		return err;
	mutex_lock(&mount_tree_lock);
	err = may_remount(at, flags);
	if (!err) {
		mount_write_begin();
		WRITE_ONCE(at->mnt->flags,
			   (at->mnt->flags & ~MNT_USER_FLAGS) | (flags & MNT_USER_FLAGS));
		mount_write_end();
		mount_ns_touch(at->mnt->ns);
	}
	mutex_unlock(&mount_tree_lock);
	return err;
}

bool mount_may_suid(const struct path *p)
{
	return !(p->mnt->flags & MNT_NOSUID) && mount_is_ours(p->mnt) &&
	       user_ns_is_below(current_cred()->user_ns, p->mnt->super->owner);
}

/* ---- mount_setattr ---- */

struct change {
	u32 set, clear;
	unsigned long propagation;
	bool recursive;
};

static u32 changed_flags(const struct mount *m, const struct change *c)
{
	return ((m->flags & MNT_USER_FLAGS) & ~c->clear) | c->set;
}

/* The tree is locked, mount_lock too: all or nothing. */
static int change_tree(struct mount *top, const struct change *c)
{
	for (struct mount *m = top; m; m = c->recursive ? mount_next(m, top) : NULL) {
		u32 flags = changed_flags(m, c);

		if (!flags_allowed(m, flags))
			return -EPERM;
		if (blocked_by_writers(m, flags))
			return -EBUSY;
	}
	for (struct mount *m = top; m; m = c->recursive ? mount_next(m, top) : NULL)
		(void)set_flags(m, changed_flags(m, c));
	return 0;
}

static int setattr_path(const struct path *at, const struct change *c)
{
	struct mount *top = at->mnt;
	int err = -EINVAL;

	if (!mount_is_root_of(at))
		return -EINVAL;
	mutex_lock(&mount_tree_lock);
	if (top->ns && (mount_is_attached(top) ? mount_is_ours(top) : top->ns->anon)) {
		mount_write_begin();
		err = change_tree(top, c);
		mount_write_end();
	}
	for (struct mount *m = top; m && !err && c->propagation;
	     m = c->recursive ? mount_next(m, top) : NULL) {
		if (c->propagation == MS_SHARED && !m->group_id)
			mount_new_group(m);
		mount_change_type(m, c->propagation);
	}
	if (!err)
		mount_ns_touch(top->ns);
	mutex_unlock(&mount_tree_lock);
	return err;
}

/* No file system here can be seen through other ids: what the arguments deserve before that. */
static int judge_idmap(const struct mount_attr *a)
{
	struct ns_common *ns;
	struct fd_ref r;
	int err = -EINVAL;

	if (!((a->attr_set | a->attr_clr) & MOUNT_ATTR_IDMAP))
		return 0;
	if ((a->attr_clr & MOUNT_ATTR_IDMAP) || a->userns_fd > INT_MAX)
		return -EINVAL;
	r = fd_get((unsigned int)a->userns_fd);
	if (!r.file)
		return -EBADF;
	ns = nsfs_ns(r.file);
	if (ns == &user_ns_init.ns)
		err = -EPERM;
	fd_put(r);
	return err;
}

static int change_of_attr(const struct mount_attr *a, struct change *c)
{
	const u64 types = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
	const u64 valid = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			  MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME |
			  MOUNT_ATTR_NOSYMFOLLOW | MOUNT_ATTR_IDMAP;
	int err = 0;

	if ((a->propagation & ~types) || (a->propagation & (a->propagation - 1)))
		return -EINVAL;
	if ((a->attr_set | a->attr_clr) & ~valid)
		return -EINVAL;
	c->propagation = a->propagation;
	c->set = mount_flags_of_attr(a->attr_set);
	c->clear = mount_flags_of_attr(a->attr_clr);
	/* Access times are one of three: to choose another, the old is cleared whole. */
	if (a->attr_clr & MOUNT_ATTR__ATIME) {
		if ((a->attr_clr & MOUNT_ATTR__ATIME) != MOUNT_ATTR__ATIME)
			return -EINVAL;
		c->clear |= MNT_RELATIME | MNT_NOATIME;
		err = mount_atime_of_attr(a->attr_set, &c->set);
	} else if (a->attr_set & MOUNT_ATTR__ATIME) {
		err = -EINVAL;
	}
	return err ? err : judge_idmap(a);
}

long sys_mount_setattr(int dfd, const char __user *path, unsigned int flags,
		       const struct mount_attr __user *uattr, size_t size)
{
	u32 lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct change c = {.recursive = flags & AT_RECURSIVE};
	struct mount_attr attr;
	struct path at;
	int err;

	if (flags & ~(u32)(AT_EMPTY_PATH | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < MOUNT_ATTR_SIZE_VER0)
		return -EINVAL;
	if (!mount_may())
		return -EPERM;
	err = copy_struct_from_user(&attr, sizeof(attr), uattr, size);
	if (err)
		return err;
	if (!attr.attr_set && !attr.attr_clr && !attr.propagation)
		return 0;
	err = change_of_attr(&attr, &c);
	if (err)
		return err;
	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	err = path_lookup_user(dfd, path, lookup, &at);
	if (err)
		return err;
	err = setattr_path(&at, &c);
	path_put(&at);
	return err;
}
