/* /proc/PID/fd and fdinfo: a magic link, and a text, for each open descriptor. */
#include <fs/proc/proc_impl.h>

#include <kernel/rcu/rcu.h>
#include <lib/fmt/fmt.h>

/* The file behind descriptor @fd of the task, +1; NULL when there is none. */
static struct file *fd_of_task(struct task *t, unsigned int fd, u32 *cloexec)
{
	struct files *files = task_files(t);
	unsigned int at = fd;
	struct file *f;

	if (!files)
		return NULL;
	f = files_next(files, &at, cloexec);
	files_put(files);
	if (f && at != fd) {
		file_put(f);
		return NULL;
	}
	return f;
}

static struct file *fd_of_inode(const struct inode *i, u32 *cloexec)
{
	struct task *t = proc_task(i);
	struct file *f = NULL;

	if (t && proc_may_look(t))
		f = fd_of_task(t, (unsigned int)proc_of(i)->fd, cloexec);
	task_put(t);
	return f;
}

static int fd_get_path_of(struct dentry *d, struct path *out)
{
	u32 cloexec;
	struct file *f = fd_of_inode(d->inode, &cloexec);

	if (!f)
		return -ENOENT;
	*out = path_get(&f->path);
	file_put(f);
	return 0;
}

/* lstat of a link shows how the file is open: r-x------ and so on. */
static umode_t fd_link_mode(const struct file *f)
{
	umode_t mode = S_IFLNK;

	if (f->mode & FMODE_READ)
		mode |= S_IRUSR | S_IXUSR;
	if (f->mode & FMODE_WRITE)
		mode |= S_IWUSR | S_IXUSR;
	return mode;
}

static const struct inode_ops fd_link_iops = {
	.readlink = proc_link_text,
	.get_path = fd_get_path_of,
};

/* A descriptor's dentry is good while the same task has that descriptor open. */
static int fd_revalidate(struct dentry *d, bool rcu)
{
	u32 cloexec;
	struct file *f;

	if (rcu)
		return -ECHILD;
	if (!d->inode)
		return 0;
	f = fd_of_inode(d->inode, &cloexec);
	if (!f)
		return 0;
	if (S_ISLNK(d->inode->mode))
		d->inode->mode = fd_link_mode(f);
	file_put(f);
	return 1;
}

static const struct dentry_ops fd_dentry_ops = {
	.revalidate = fd_revalidate,
	.delete_on_last_put = proc_never_keep,
};

/* ---- fdinfo ---- */

static void fdinfo_locks(struct seq *s, const struct inode *i, const struct file *f)
{
	struct task *t = proc_task(i);
	struct files *files = t ? task_files(t) : NULL;

	if (files) {
		locks_show_file(s, f, files);
		files_put(files);
	}
	task_put(t);
}

static int fdinfo_show(struct seq *s, void *v)
{
	const struct inode *i = s->private_data;
	u32 cloexec;
	struct file *f = fd_of_inode(i, &cloexec);

	(void)v;
	if (!f)
		return -ENOENT;
	seq_printf(s, "pos:\t%lli\nflags:\t0%o\nmnt_id:\t%i\nino:\t%llu\n", (long long)f->pos,
		   f->flags | (cloexec ? O_CLOEXEC : 0), f->path.mnt ? f->path.mnt->id : 0,
		   (unsigned long long)f->inode->ino);
	fdinfo_locks(s, i, f);
	if (f->ops->fdinfo)
		f->ops->fdinfo(f, s);
	file_put(f);
	return 0;
}

static int fdinfo_open(struct inode *i, struct file *f)
{
	return seq_open_single(f, fdinfo_show, i);
}

static const struct file_ops fdinfo_fops = {
	.open = fdinfo_open,
	.read = seq_read,
	.lseek = seq_lseek,
	.release = seq_release,
};

/* ---- the directories ---- */

static int fd_instantiate(struct inode *dir, struct dentry *d, bool info)
{
	struct task *t = proc_task(dir);
	struct proc_inode data = *proc_of(dir);
	struct file *f = NULL;
	u32 cloexec;
	int fd, err = -ENOENT; /* no negative entry: the next look may find it */

	if (t && proc_may_look(t) && proc_parse_number(d->name.name, d->name.len, &fd))
		f = fd_of_task(t, (unsigned int)fd, &cloexec);
	if (f) {
		data.fd = fd;
		data.entry = NULL;
		err = proc_pid_instantiate(d, t, &data, info ? S_IFREG | 0400 : fd_link_mode(f),
					   info ? &proc_node_file_iops : &fd_link_iops,
					   info ? &fdinfo_fops : NULL);
		if (!err)
			d->ops = &fd_dentry_ops;
		file_put(f);
	}
	task_put(t);
	return err;
}

static int fd_dir_lookup(struct inode *dir, struct dentry *d)
{
	return fd_instantiate(dir, d, false);
}

static int fdinfo_dir_lookup(struct inode *dir, struct dentry *d)
{
	return fd_instantiate(dir, d, true);
}

static void fd_dir_emit(struct file *f, struct dir_context *ctx, struct files *files, u8 type)
{
	unsigned int fd = (unsigned int)ctx->pos - 2;
	struct file *open;
	u32 cloexec;

	while ((open = files_next(files, &fd, &cloexec))) {
		char name[FMT_DEC_MAX];
		size_t len = fmt_dec(name, fd);

		file_put(open);
		ctx->pos = (loff_t)fd + 2;
		if (!dir_emit(ctx, name, (u32)len, f->inode->ino + fd + 1, type))
			return;
		ctx->pos = (loff_t)++fd + 2;
	}
}

static int fd_dir_read(struct file *f, struct dir_context *ctx, u8 type)
{
	struct task *t = proc_task(f->inode);
	struct files *files;
	int err = 0;

	if (!t)
		return -ENOENT;
	if (!proc_may_look(t)) {
		err = -EACCES;
	} else if (dir_emit_dots(f, ctx)) {
		files = task_files(t);
		if (files) {
			fd_dir_emit(f, ctx, files, type);
			files_put(files);
		}
	}
	task_put(t);
	return err;
}

static int fd_dir_readdir(struct file *f, struct dir_context *ctx)
{
	return fd_dir_read(f, ctx, S_IFLNK >> 12);
}

static int fdinfo_dir_readdir(struct file *f, struct dir_context *ctx)
{
	return fd_dir_read(f, ctx, S_IFREG >> 12);
}

/* Any thread of the process may enter, whatever its owner became: /dev/stdin of a set-id program.
 */
static int fd_dir_permission(struct inode *i, int mask)
{
	struct task *t = proc_task(i);
	bool own = t && t->process == current->process;

	task_put(t);
	return own ? 0 : generic_permission(i, mask);
}

const struct inode_ops proc_fd_dir_iops = {
	.lookup = fd_dir_lookup,
	.permission = fd_dir_permission,
};
const struct inode_ops proc_fdinfo_dir_iops = {
	.lookup = fdinfo_dir_lookup,
	.permission = fd_dir_permission,
};
const struct file_ops proc_fd_dir_fops = {.readdir = fd_dir_readdir, .lseek = generic_lseek};
const struct file_ops proc_fdinfo_dir_fops = {.readdir = fdinfo_dir_readdir,
					      .lseek = generic_lseek};
