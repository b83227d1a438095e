/*
 * Files that rooms put into /proc, /proc/sys, /sys and debugfs: each room declares its own beside
 * the code that it shows, and the file systems (fs/proc, fs/sys, fs/debugfs) make the trees.
 *
 *	PROC_FILE("sysvipc/shm", 0444, show_shm);
 *	SYSCTL_INT("kernel/panic_on_oops", 0644, &panic_on_oops, 0, 1);
 *	PROC_TASK_FILE(coredump_filter, 0644, show_filter, store_filter);
 *	SYSFS_FILE("kernel/mm/ksm/run", 0644, show_run, store_run, NULL);
 *	DEBUGFS_FILE("page_owner", 0400, show_owners, NULL, NULL);
 *
 * Show functions print and have no other effect; they may sleep and run again with a larger buffer
 * (see kernel/seq).  Store functions get the written text, terminated, without its last newline;
 * they may sleep and return 0 or a negative errno.  Source: proc(5), sysfs(5).
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kern/list.h>
#include <kernel/wait/wait.h>
#include <linux/stat.h>

struct dentry;
struct file;
struct file_ops;
struct inode;
struct inode_ops;
struct pid;
struct pid_ns;
struct seq;
struct seq_ops;
struct task;

/* Changes of a variable, for poll(2) of its file: proc_watch_changed() after each. */
struct proc_watch {
	u32 event; /* atomic: how many there were */
	struct wait_queue wait;
};
#define PROC_WATCH_INIT(name)                        \
	{                                            \
		.wait = WAIT_QUEUE_INIT((name).wait) \
	}
void proc_watch_changed(struct proc_watch *w);

/* What is behind a variable of /proc/sys: one of value, value64, show. */
struct sysctl {
	int *value; /* a number between min and max, else -EINVAL */
	int min, max;
	u64 *value64; /* an unsigned number between min64 and max64 */
	u64 min64, max64;
	int (*show)(char *buf, size_t size); /* a text: its length without newline, or -errno */
	int (*store)(const char *text);	     /* NULL: not writable (-EPERM) */
	/* May current write (and read) it, whoever it is? Else it only reads. NULL: as for files
	 * of root, and capabilities do not help. */
	bool (*may_write)(void);
	struct proc_watch *watch; /* or NULL: its changes are not told */
};

struct proc_entry {
	const char *path;		     /* below /proc, without a leading slash */
	umode_t mode;			     /* S_IF* and permissions */
	int (*show)(struct seq *s, void *v); /* regular file: its text */
	const struct seq_ops *list;	     /* or: a list */
	const struct file_ops *fops;	     /* or: everything by itself */
	const struct inode_ops *iops;	     /* with fops: a directory of names of its own */
	const char *link;		     /* symlink */
	/* symlink made at each look, as @ns sees it: its length */
	int (*make_link)(const struct pid_ns *ns, char *buf, size_t size);
	const struct sysctl *sysctl; /* variable of /proc/sys */
};

/* A file of /proc/PID, and of /proc/PID/task/TID unless process_only. */
struct proc_task_entry {
	const char *name;
	umode_t mode;
	int (*show)(struct seq *s, struct task *t);
	int (*store)(struct task *t, const char *text);
	const struct file_ops *fops; /* instead of show and store */
	const struct inode_ops *iops;
	bool private_file; /* only for who may trace the task */
	bool process_only;
};

struct sysfs_attr {
	const char *name; /* in a SYSFS_FILE: the path below /sys */
	umode_t mode;	  /* permissions */
	int (*show)(struct seq *s, void *ctx);
	int (*store)(const char *text, void *ctx); /* NULL: -EIO as Linux (debugfs: -EINVAL) */
	/* Instead of show and store, not in groups; finds its ctx by sysfs_file_ctx(). */
	const struct file_ops *fops;
	u32 size; /* with fops: what stat(2) tells */
};

struct sysfs_entry {
	struct sysfs_attr attr;
	const void *ctx; /* given to show and store */
};

/*
 * A directory of /sys, or of debugfs, that comes and goes with what it shows.  Its owner fills the
 * first fields and keeps it until sysfs_group_remove().
 */
struct sysfs_group {
	const char *path;		/* below the root of its tree */
	const struct sysfs_attr *attrs; /* up to the one without a name */
	void *ctx;
	bool debugfs;
	struct list_head link; /* LK_SYSFS_GROUPS */
	struct dentry *dentry; /* fs/kernfs: NULL as long as nobody mounted the tree */
};
void sysfs_groups_init(void); /* boot, before the first INITCALL */
/* No lock may be held.  A directory that cannot be made for want of memory is missing. */
void sysfs_group_add(struct sysfs_group *g);
/* When it returns nobody uses the ctx of @g any more. */
void sysfs_group_remove(struct sysfs_group *g);
/* For fs/kernfs: there is a tree now, @root, which groups are added to. */
struct sysfs_tree {
	struct dentry *root;
	int (*add)(struct dentry *root, struct sysfs_group *g);
	void (*remove)(struct sysfs_group *g);
};
void sysfs_tree_ready(const struct sysfs_tree *tree, bool debugfs);

#define PROCFS_CAT_(a, b) a##b
#define PROCFS_CAT(a, b) PROCFS_CAT_(a, b)
#define PROCFS_ROW(type, table, sym, ...)                     \
	static const struct type sym = {__VA_ARGS__};         \
	static const struct type *const PROCFS_CAT(sym, _row) \
		__attribute__((section(".tab." #table), used)) = &sym
#define PROC_ENTRY(...) \
	PROCFS_ROW(proc_entry, proc_entry, PROCFS_CAT(proc_entry_, __COUNTER__), __VA_ARGS__)

#define PROC_FILE(path_, perm, show_) \
	PROC_ENTRY(.path = (path_), .mode = S_IFREG | (perm), .show = (show_))
#define PROC_LIST(path_, perm, ops) \
	PROC_ENTRY(.path = (path_), .mode = S_IFREG | (perm), .list = (ops))
#define PROC_FOPS(path_, perm, ops) \
	PROC_ENTRY(.path = (path_), .mode = S_IFREG | (perm), .fops = (ops))
#define PROC_LINK(path_, target) \
	PROC_ENTRY(.path = (path_), .mode = S_IFLNK | 0777, .link = (target))
/* A file of /proc/PID/net; @show's v, respectively s->private_data, is the struct ns_common. */
#define PROC_NET_ENTRY(...)                                                              \
	PROCFS_ROW(proc_entry, proc_net_entry, PROCFS_CAT(proc_net_entry_, __COUNTER__), \
		   __VA_ARGS__)
#define PROC_NET_FILE(name_, perm, show_) \
	PROC_NET_ENTRY(.path = (name_), .mode = S_IFREG | (perm), .show = (show_))
#define PROC_NET_LIST(name_, perm, ops) \
	PROC_NET_ENTRY(.path = (name_), .mode = S_IFREG | (perm), .list = (ops))
/* An empty directory, for others to mount on. */
#define PROC_DIRECTORY(path_) PROC_ENTRY(.path = (path_), .mode = S_IFDIR | 0555)

#define SYSCTL(path_, perm, ...)                                   \
	PROC_ENTRY(.path = "sys/" path_, .mode = S_IFREG | (perm), \
		   .sysctl = &(const struct sysctl){__VA_ARGS__})
#define SYSCTL_INT(path_, perm, var, lo, hi) \
	SYSCTL(path_, perm, .value = (var), .min = (lo), .max = (hi))
#define SYSCTL_U64(path_, perm, var, lo, hi) \
	SYSCTL(path_, perm, .value64 = (var), .min64 = (lo), .max64 = (hi))
#define SYSCTL_TEXT(path_, perm, show_, store_) \
	SYSCTL(path_, perm, .show = (show_), .store = (store_))

#define PROC_TASK_ENTRY(...)                                                                    \
	PROCFS_ROW(proc_task_entry, proc_task_entry, PROCFS_CAT(proc_task_entry_, __COUNTER__), \
		   __VA_ARGS__)
#define PROC_TASK_FILE(name_, perm, show_, store_)                                  \
	PROC_TASK_ENTRY(.name = (name_), .mode = S_IFREG | (perm), .show = (show_), \
			.store = (store_))

#define SYSFS_FILE(path_, perm, show_, store_, ctx_)                                \
	PROCFS_ROW(sysfs_entry, sysfs_entry, PROCFS_CAT(sysfs_entry_, __COUNTER__), \
		   .attr = {(path_), (perm), (show_), (store_)}, .ctx = (ctx_))
/* The same below the root of debugfs, /sys/kernel/debug. */
#define DEBUGFS_ENTRY(...) \
	PROCFS_ROW(sysfs_entry, debugfs_entry, PROCFS_CAT(debugfs_entry_, __COUNTER__), __VA_ARGS__)
#define DEBUGFS_FILE(path_, perm, show_, store_, ctx_) \
	DEBUGFS_ENTRY(.attr = {(path_), (perm), (show_), (store_)}, .ctx = (ctx_))
#define DEBUGFS_FOPS(path_, perm, fops_) \
	DEBUGFS_ENTRY(.attr = {.name = (path_), .mode = (perm), .fops = (fops_)})

/*
 * What is known at boot only: devices that were found.  The function is called once, while the tree
 * is built, and makes entries by paths below /sys; missing directories are made on the way.  May
 * sleep; its -errno is that of the mount.
 */
struct sysfs_builder {
	int (*dir)(struct sysfs_builder *b, const char *path);
	/* Those of a table, up to the one without a name, in the directory @path. */
	int (*files)(struct sysfs_builder *b, const char *path, const struct sysfs_attr *a,
		     void *ctx);
	/* Links from the device whose directory is @dir to its bus and driver (NULL: it has none),
	 * and back. */
	int (*join)(struct sysfs_builder *b, const char *dir, const char *bus, const char *driver);
};
typedef int sysfs_build_fn(struct sysfs_builder *b);
#define SYSFS_BUILD(fn)                                                                            \
	static sysfs_build_fn *const fn##_row __attribute__((section(".tab.sysfs_build"), used)) = \
		fn

/* For attributes with operations of their own: the ctx they were made with. */
void *sysfs_file_ctx(const struct file *f);
/* The fs_data of every file that fs/kernfs makes begins so. */
struct sysfs_inode_head {
	const struct sysfs_attr *attr; /* NULL: gone (of a group) */
	void *ctx;
};

/* Texts of variables.  Decimal with optional sign and blanks around; nothing else. */
bool proc_parse_int(const char *text, int *out);
/* @n unsigned numbers with blanks between; fewer leave the others of @out as they are.  Returns how
 * many, or -EINVAL. */
int proc_parse_u64s(const char *text, u64 *out, int n) __must_check;

/*
 * For entries with operations of their own: the task behind an inode of /proc/PID, +1; NULL when it
 * is gone.  Every inode of fs/proc begins its fs_data so; pid is NULL for files of the machine.
 */
struct proc_inode_head {
	struct pid *pid; /* +1 */
};
struct task *proc_task(const struct inode *i) __must_check;
/* Of the directories /proc/PID (fs/proc). */
extern const struct file_ops proc_process_dir_ops;
/* The number whose directory /proc/PID @f is, +0: lasts as long as @f.  NULL: it is none. */
struct pid *proc_process_dir(const struct file *f);
/* Every super of fs/proc begins its fs_data so: the namespace whose numbers it shows. */
struct proc_super_head {
	struct pid_ns *pid_ns; /* +1 */
};
/* What is shown in @s (of fs/proc) is numbered so. */
const struct pid_ns *proc_seq_ns(const struct seq *s);
