/*
 * Files without a name: pipes, sockets, eventfds and the like.
 *
 * Three pseudo supers that are mounted nowhere.  All "anon_inode" files share one inode, since they
 * differ in their operations only; pipes and sockets have one each.  /proc/PID/fd shows the text
 * that their dentries make.
 */
#include <kernel/file/file_impl.h>
#include <kernel/panic/panic.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/vfs_impl.h>
#include <linux/magic.h>

enum pseudo { PSEUDO_ANON, PSEUDO_PIPE, PSEUDO_SOCK, PSEUDO_COUNT };

static struct mount *mounts[PSEUDO_COUNT];
static struct inode *anon_inode;

static int anon_name(struct dentry *d, char *buf, size_t size)
{
	int n = scnprintf(buf, size, "%s", d->name.name);

	return (size_t)n + 1 >= size ? -ENAMETOOLONG : n;
}

static int numbered_name(struct dentry *d, char *buf, size_t size)
{
	const char *kind = d->super->magic == PIPEFS_MAGIC ? "pipe" : "socket";
	int n = scnprintf(buf, size, "%s:[%llu]", kind, (unsigned long long)d->inode->ino);

	return (size_t)n + 1 >= size ? -ENAMETOOLONG : n;
}

static const struct dentry_ops anon_dentry_ops = {.name = anon_name};
static const struct dentry_ops numbered_dentry_ops = {.name = numbered_name};
static const struct inode_ops pseudo_inode_ops;

static const struct fs_type pseudo_types[PSEUDO_COUNT] = {
	[PSEUDO_ANON] = {.name = "anon_inodefs", .flags = FS_NODEV},
	[PSEUDO_PIPE] = {.name = "pipefs", .flags = FS_NODEV},
	[PSEUDO_SOCK] = {.name = "sockfs", .flags = FS_NODEV},
};

int vfs_internal_mount(struct super *sb, struct mount **out)
{
	return mount_create(sb, sb->root, "none", MNT_INTERNAL | MNT_NOATIME, out);
}

int vfs_pseudo_mount(const struct fs_type *type, u64 magic, umode_t mode,
		     const struct super_ops *ops, const struct dentry_ops *dentry_ops,
		     struct mount **out)
{
	struct super *sb;
	struct inode *root;
	int err = super_alloc(type, 0, &sb);

	if (err)
		return err;
	sb->magic = magic;
	sb->ops = ops;
	sb->dentry_ops = dentry_ops;
	err = inode_alloc(sb, &root);
	if (!err) {
		root->mode = mode;
		root->ino = inode_next_ino();
		root->ops = &pseudo_inode_ops;
		err = dentry_alloc_root(sb, root, &sb->root);
	}
	if (err) {
		super_put(sb);
		return err;
	}
	return vfs_internal_mount(sb, out);
}

static int make_mount(enum pseudo n, u64 magic, umode_t mode, const struct dentry_ops *ops)
{
	return vfs_pseudo_mount(&pseudo_types[n], magic, mode, NULL, ops, &mounts[n]);
}

void anon_init(void)
{
	if (make_mount(PSEUDO_ANON, ANON_INODE_FS_MAGIC, 0600, &anon_dentry_ops) ||
	    make_mount(PSEUDO_PIPE, PIPEFS_MAGIC, S_IFDIR | 0755, &numbered_dentry_ops) ||
	    make_mount(PSEUDO_SOCK, SOCKFS_MAGIC, S_IFDIR | 0755, &numbered_dentry_ops))
		panic("No memory for pseudo file systems");
	anon_inode = inode_get(mounts[PSEUDO_ANON]->root->inode);
}

/* A file on @inode (reference kept by the caller) under a fresh nameless dentry. */
static int open_on(enum pseudo n, const char *name, struct inode *inode, const struct file_ops *ops,
		   void *private_data, u32 flags, struct file **out)
{
	struct qstr q = {name, (u32)strlen(name), 0};
	struct dentry *d;
	struct file *f;
	int err;

	err = file_alloc(flags & ~(u32)O_CLOEXEC, ops, &f);
	if (err)
		return err;
	err = dentry_alloc_nameless(mounts[n]->root, &q, inode_get(inode), &d);
	if (err) {
		f->ops = &file_dead_ops;
		file_put_now(f);
		return err;
	}
	f->path.mnt = mount_get(mounts[n]);
	f->path.dentry = d;
	f->inode = inode;
	f->private_data = private_data;
	f->mode = (flags & O_ACCMODE) == O_WRONLY ? FMODE_WRITE
		  : (flags & O_ACCMODE) == O_RDWR ? FMODE_READ | FMODE_WRITE
						  : FMODE_READ;
	if (ops->lseek && ops->lseek != no_lseek)
		f->mode |= FMODE_LSEEK; /* but neither pread nor pwrite, as on Linux */
	else
		f->mode |= FMODE_STREAM;
	*out = f;
	return 0;
}

int file_create_anon(const char *name, const struct file_ops *ops, void *private_data, u32 flags,
		     struct file **out)
{
	return open_on(PSEUDO_ANON, name, anon_inode, ops, private_data, flags, out);
}

int vfs_pseudo_inode(umode_t mode, struct inode **out)
{
	enum pseudo n = S_ISFIFO(mode) ? PSEUDO_PIPE : PSEUDO_SOCK;
	struct inode *i;
	int err = inode_alloc(mounts[n]->super, &i);

	if (err)
		return err;
	/* Opened again through /proc/PID/fd, a pipe acts as a named one; a socket refuses. */
	inode_init_special(i, mode, 0);
	i->uid = current_cred()->fsuid;
	i->gid = current_cred()->fsgid;
	i->ino = inode_next_ino();
	i->ops = &pseudo_inode_ops;
	*out = i;
	return 0;
}

int vfs_pseudo_open(struct inode *inode, const struct file_ops *ops, void *private_data, u32 flags,
		    struct file **out)
{
	enum pseudo n = S_ISFIFO(inode->mode) ? PSEUDO_PIPE : PSEUDO_SOCK;

	return open_on(n, "", inode, ops, private_data, flags, out);
}

int vfs_nameless_file(struct mount *m, const char *name, struct inode *inode, u32 flags,
		      struct file **out)
{
	struct qstr q = {name, (u32)strlen(name), 0};
	struct dentry *d;
	struct file *f;
	int err = dentry_alloc_nameless(m->root, &q, inode, &d);

	if (err)
		return err;
	err = file_alloc(flags & ~(u32)O_CLOEXEC, inode->fops, &f);
	if (err) {
		dentry_put(d);
		return err;
	}
	f->path = (struct path){mount_get(m), d};
	f->inode = inode;
	f->cache = inode->cache;
	/* Not counted as a writer, so that a sealed copy of a program can be run through it. */
	f->mode = FMODE_READ | FMODE_WRITE | FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE | FMODE_POS;
	*out = f;
	return 0;
}

int (*vfs_memory_file)(const char *name, loff_t size, umode_t mode,
		       struct file **out) __ro_after_init;

int vfs_reopen(const struct file *f, const struct file_ops *ops, void *private_data, u32 flags,
	       struct file **out)
{
	struct file *n;
	int err = file_alloc(flags & ~(u32)O_CLOEXEC, ops, &n);

	if (err)
		return err;
	n->path = path_get(&f->path);
	n->inode = f->inode;
	n->cache = f->cache;
	n->private_data = private_data;
	n->mode = FMODE_READ | FMODE_LSEEK | FMODE_PREAD;
	if ((flags & O_ACCMODE) == O_RDWR) {
		n->mode |= FMODE_WRITE | FMODE_PWRITE | FMODE_WRITER;
		__atomic_fetch_add(&f->inode->writers, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&f->path.mnt->writers, 1, __ATOMIC_RELAXED);
	}
	*out = n;
	return 0;
}
