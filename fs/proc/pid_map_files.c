/* /proc/PID/map_files: a magic link, named by its addresses, for each mapped file. proc(5). */
#include <fs/proc/proc_impl.h>

#include <kernel/cred/cred.h>
#include <kernel/mm/mm.h>
#include <kernel/ns/user.h>
#include <lib/parse/parse.h>
#include <linux/capability.h>

/* Hexadecimal as the kernel writes it: without leading zeros. */
static bool parse_address(const char **at, u64 *out)
{
	const char *from = *at;

	return parse_digits(at, 16, out) && (*from != '0' || *at == from + 1);
}

static bool parse_name(const char *name, u64 *start, u64 *end)
{
	return parse_address(&name, start) && *name++ == '-' && parse_address(&name, end) && !*name;
}

/* The file mapped at just these addresses, +1.  -ESRCH: no memory at all; -ENOENT. */
static int mapped_file(struct task *t, u64 start, u64 end, struct file **out)
{
	struct mm *mm = task_mm(t);
	u64 from = start, to;

	if (!mm)
		return -ESRCH;
	struct file *f = mm_find_file(mm, &from, &to);

	mm_put(mm);
	if (f && from == start && to == end) {
		*out = f;
		return 0;
	}
	if (f)
		file_put(f);
	return -ENOENT;
}

static int link_path(const struct inode *i, struct path *out)
{
	struct task *t = proc_task(i);
	struct file *f;
	int err = !t ? -ENOENT : proc_may_look(t) ? 0 : -EACCES;

	if (!err)
		err = mapped_file(t, proc_of(i)->start, proc_of(i)->end, &f);
	task_put(t);
	if (err)
		return err == -ESRCH ? -ENOENT : err;
	*out = path_get(&f->path);
	file_put(f);
	return 0;
}

/* Going through one opens files that no path leads to: not for everybody. */
static int link_follow(struct dentry *d, struct path *out)
{
	if (!capable(CAP_CHECKPOINT_RESTORE) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	return link_path(d->inode, out);
}

static ssize_t link_read(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	struct path p;
	int err = link_path(i, &p);

	(void)d;
	return err ? err : proc_path_text(&p, buf, size);
}

static const struct inode_ops link_iops = {.readlink = link_read, .get_path = link_follow};

/* Good while that mapping is there, and current may look. */
static int link_revalidate(struct dentry *d, bool rcu)
{
	struct path p;

	if (rcu)
		return -ECHILD;
	if (!d->inode || link_path(d->inode, &p))
		return 0;
	path_put(&p);
	return 1;
}

static const struct dentry_ops link_dentry_ops = {
	.revalidate = link_revalidate,
	.delete_on_last_put = proc_never_keep,
};

static int instantiate(struct dentry *d, struct task *t, struct proc_inode *data,
		       const struct file *f)
{
	umode_t mode = S_IFLNK;

	if (f->mode & FMODE_READ)
		mode |= S_IRUSR;
	if (f->mode & FMODE_WRITE)
		mode |= S_IWUSR;
	int err = proc_pid_instantiate(d, t, data, mode, &link_iops, NULL);

	if (!err) {
		d->inode->size = PROC_LINK_SIZE;
		d->ops = &link_dentry_ops;
	}
	return err;
}

static int map_files_lookup(struct inode *dir, struct dentry *d)
{
	struct proc_inode data = *proc_of(dir);
	struct task *t = proc_task(dir);
	struct file *f;
	int err = -ENOENT; /* no negative entry: the next look may find it */

	data.entry = NULL;
	if (t && !proc_may_look(t))
		err = -EACCES;
	else if (t && parse_name(d->name.name, &data.start, &data.end))
		err = mapped_file(t, data.start, data.end, &f);
	if (!err) {
		err = instantiate(d, t, &data, f);
		file_put(f);
	}
	task_put(t);
	return err;
}

/* Positions are pages, so that mappings that come and go do not shift the others. */
static void emit_mappings(struct file *dir, struct dir_context *ctx, struct mm *mm)
{
	u64 start = (u64)(ctx->pos - 2) << PAGE_SHIFT, end;
	struct file *f;

	while ((f = mm_find_file(mm, &start, &end))) {
		char name[40];
		int len = scnprintf(name, sizeof(name), "%llx-%llx", (unsigned long long)start,
				    (unsigned long long)end);

		file_put(f);
		ctx->pos = (loff_t)(start >> PAGE_SHIFT) + 2;
		if (!dir_emit(ctx, name, (u32)len, dir->inode->ino + (start >> PAGE_SHIFT) + 1,
			      S_IFLNK >> 12))
			return;
		ctx->pos = (loff_t)(end >> PAGE_SHIFT) + 2;
		start = end;
	}
}

static int map_files_readdir(struct file *f, struct dir_context *ctx)
{
	struct task *t = proc_task(f->inode);
	int err = !t ? -ENOENT : proc_may_look(t) ? 0 : -EACCES;

	if (!err && dir_emit_dots(f, ctx)) {
		struct mm *mm = task_mm(t);

		if (mm)
			emit_mappings(f, ctx, mm);
		mm_put(mm);
	}
	task_put(t);
	return err;
}

const struct inode_ops proc_map_files_iops = {.lookup = map_files_lookup};
const struct file_ops proc_map_files_fops = {.readdir = map_files_readdir, .lseek = generic_lseek};
