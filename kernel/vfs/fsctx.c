/*
 * Root, working directory and umask of processes; chdir(2), chroot(2), getcwd(2), umask(2),
 * pivot_root(2).
 *
 * A walk reads the two places without a lock (fs->seq); changes take fs->lock.
 */
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/mount_impl.h>
#include <linux/sched.h>

static struct slab_cache *fs_cache;

void fs_ctx_init(void)
{
	fs_cache = SLAB_CACHE_BOOT(fs_ctx, 0);
}

struct path path_get(const struct path *p)
{
	mount_get(p->mnt);
	dentry_get(p->dentry);
	return *p;
}

void path_put(const struct path *p)
{
	struct mount *m = p->mnt;

	dentry_put(p->dentry);
	mount_put(m);
}

static struct fs_ctx *fs_alloc(void)
{
	struct fs_ctx *fs = slab_alloc(fs_cache, GFP_KERNEL);

	if (!fs)
		return NULL;
	memset(fs, 0, sizeof(*fs));
	fs->refs = 1;
	fs->umask = 022;
	spin_init(&fs->lock, LK_FS_CTX);
	return fs;
}

/* For the boot task: both places are the root of the first namespace. */
int fs_ctx_create_boot(struct mount *root)
{
	struct path p = {root, root->root};
	struct fs_ctx *fs = fs_alloc();

	if (!fs)
		return -ENOMEM;
	fs->root = path_get(&p);
	fs->pwd = path_get(&p);
	current->fs = fs;
	return 0;
}

/* +1, shared with nobody. */
static int fs_copy(struct fs_ctx *from, struct fs_ctx **out)
{
	struct fs_ctx *fs = fs_alloc();

	if (!fs)
		return -ENOMEM;
	spin_lock(&from->lock);
	fs->umask = from->umask;
	fs->root = path_get(&from->root);
	fs->pwd = path_get(&from->pwd);
	spin_unlock(&from->lock);
	*out = fs;
	return 0;
}

int fs_ctx_copy(struct task *child, u64 clone_flags)
{
	struct fs_ctx *from = current->fs;

	if (!from) {
		child->fs = NULL;
		return 0;
	}
	if (clone_flags & CLONE_FS) {
		__atomic_fetch_add(&from->refs, 1, __ATOMIC_RELAXED);
		child->fs = from;
		return 0;
	}
	return fs_copy(from, &child->fs);
}

int fs_ctx_clone(struct fs_ctx **out)
{
	return fs_copy(current->fs, out);
}

void fs_ctx_switch(struct fs_ctx *fs)
{
	struct task *t = current;

	spin_lock(&t->alloc_lock);
	struct fs_ctx *old = t->fs;

	t->fs = fs;
	spin_unlock(&t->alloc_lock);
	fs_ctx_put(old);
}

bool fs_ctx_is_chrooted(struct fs_ctx *fs)
{
	struct path root = fs_ctx_root(fs), top;
	struct mount_ns *ns = READ_ONCE(root.mnt->ns);
	bool yes = true;

	if (ns && ns->root) {
		top = (struct path){mount_get(ns->root), dentry_get(ns->root->root)};
		mount_follow_down(&top);
		yes = top.mnt != root.mnt || top.dentry != root.dentry;
		path_put(&top);
	}
	path_put(&root);
	return yes;
}

void fs_ctx_put(struct fs_ctx *fs)
{
	if (!fs || __atomic_sub_fetch(&fs->refs, 1, __ATOMIC_ACQ_REL))
		return;
	path_put(&fs->root);
	path_put(&fs->pwd);
	slab_free(fs_cache, fs);
}

struct path fs_ctx_root(struct fs_ctx *fs)
{
	struct path p;

	spin_lock(&fs->lock);
	p = path_get(&fs->root);
	spin_unlock(&fs->lock);
	return p;
}

struct path fs_ctx_pwd(struct fs_ctx *fs)
{
	struct path p;

	spin_lock(&fs->lock);
	p = path_get(&fs->pwd);
	spin_unlock(&fs->lock);
	return p;
}

u32 current_umask(void)
{
	return current->fs->umask;
}

void fs_ctx_set(struct fs_ctx *fs, struct path *slot, const struct path *p)
{
	struct path old;

	spin_lock(&fs->lock);
	seq_write_begin(&fs->seq);
	old = *slot;
	*slot = *p;
	seq_write_end(&fs->seq);
	spin_unlock(&fs->lock);
	path_put(&old);
}

long sys_umask(unsigned int mask)
{
	return xchg(&current->fs->umask, mask & 0777);
}

long sys_chdir(const char __user *name)
{
	struct path p;
	int err = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (err)
		return err;
	err = inode_permission(p.dentry->inode, MAY_EXEC | MAY_CHDIR);
	if (err)
		path_put(&p);
	else
		fs_ctx_set(current->fs, &current->fs->pwd, &p);
	return err;
}

long sys_fchdir(int fd)
{
	struct fd_ref r = fd_get_path((unsigned int)fd);
	int err = 0;

	if (!r.file)
		return -EBADF;
	if (!r.file->path.dentry || !S_ISDIR(r.file->inode->mode))
		err = -ENOTDIR;
	else
		err = inode_permission(r.file->inode, MAY_EXEC | MAY_CHDIR);
	if (!err) {
		struct path p = path_get(&r.file->path);

		fs_ctx_set(current->fs, &current->fs->pwd, &p);
	}
	fd_put(r);
	return err;
}

long sys_chroot(const char __user *name)
{
	struct path p;
	int err = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (err)
		return err;
	err = inode_permission(p.dentry->inode, MAY_EXEC | MAY_CHDIR);
	if (!err && !ns_capable(current_cred()->user_ns, CAP_SYS_CHROOT))
		err = -EPERM;
	if (err)
		path_put(&p);
	else
		fs_ctx_set(current->fs, &current->fs->root, &p);
	return err;
}

long sys_getcwd(void __user *ubuf, size_t size)
{
	struct path root = fs_ctx_root(current->fs), pwd = fs_ctx_pwd(current->fs);
	char *buf = kmalloc(PATH_MAX_LEN), *text;
	long ret;

	if (!buf) {
		ret = -ENOMEM;
		goto out;
	}
	ret = -ENOENT;
	if (dentry_unlinked(pwd.dentry))
		goto out;
	/* 13 bytes in front for the prefix. */
	ret = path_format_below(&pwd, &root, buf + 13, PATH_MAX_LEN - 13, &text);
	if (ret < 0)
		goto out;
	if (!ret) {
		text -= 13;
		memcpy(text, "(unreachable)", 13);
	}
	ret = (long)strlen(text) + 1;
	if ((size_t)ret > size)
		ret = -ERANGE;
	else if (copy_to_user(ubuf, text, (size_t)ret))
		ret = -EFAULT;
out:
	kfree(buf);
	path_put(&root);
	path_put(&pwd);
	return ret;
}

static void replace_places(struct fs_ctx *fs, const struct path *old, const struct path *new)
{
	u32 put = 0;

	spin_lock(&fs->lock);
	seq_write_begin(&fs->seq);
	if (fs->root.mnt == old->mnt && fs->root.dentry == old->dentry) {
		fs->root = path_get(new);
		put++;
	}
	if (fs->pwd.mnt == old->mnt && fs->pwd.dentry == old->dentry) {
		fs->pwd = path_get(new);
		put++;
	}
	seq_write_end(&fs->seq);
	spin_unlock(&fs->lock);
	while (put--)
		path_put(old);
}

/* All processes that are in the old root go to the new one: pivot_root(2). */
static void move_all(const struct path *old, const struct path *new)
{
	struct process *p;
	int nr = 1;

	while ((p = process_next(nr)) != NULL) {
		struct task *t;
		struct fs_ctx *fs;

		nr = p->pid->nr + 1;
		t = task_find_in(&pid_ns_init, p->pid->nr);
		fs = t ? task_fs(t) : NULL;
		if (fs) {
			replace_places(fs, old, new);
			fs_ctx_put(fs);
		}
		task_put(t);
		process_put(p);
	}
	replace_places(current->fs, old, new);
}

long sys_pivot_root(const char __user *new_name, const char __user *old_name)
{
	struct path new_root, put_old, root;
	int err;

	if (!mount_may())
		return -EPERM;
	err = path_lookup_user(AT_FDCWD, new_name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &new_root);
	if (err)
		return err;
	err = path_lookup_user(AT_FDCWD, old_name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &put_old);
	if (err)
		goto put_new;
	root = fs_ctx_root(current->fs);
	err = mount_pivot(&root, &new_root, &put_old);
	if (!err)
		move_all(&root, &new_root);
	path_put(&root);
	path_put(&put_old);
put_new:
	path_put(&new_root);
	return err;
}
