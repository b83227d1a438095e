/*
 * Private to fs/proc.
 *
 * Two kinds of inodes: nodes of a constant tree (struct proc_node), and files of a task (struct
 * proc_pid_node), which hold its struct pid.
 */
#pragma once

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/vfs/vfs.h>

/* Made at boot (tree.c), constant afterwards. */
struct proc_node {
	const char *name; /* not terminated: len */
	u32 len;
	umode_t mode;			  /* S_IF* and permissions */
	u32 child_count;		  /* directory */
	const struct proc_node *children; /* directory: sorted by name */
	const struct proc_entry *entry;	  /* what the room declared; NULL: only a directory */
};

/* inode->fs_data */
struct proc_inode {
	struct proc_inode_head head; /* first: see kernel/procfs */
	const struct proc_node *node;
	const struct proc_task_entry *entry;
	struct rcu_head rcu;
	int fd;		/* /proc/PID/fd/N; in ns/: which kind; in /proc/irq: the line */
	u64 start, end; /* in map_files/: the mapping; in /proc/irq, start: which file */
	bool is_thread; /* below /proc/PID/task/ */
};

/* super->fs_data: one for each mount(2). */
struct proc_super {
	struct proc_super_head head; /* first */
	int hide_pid;		     /* HIDE_* */
	u32 gid;		     /* who sees all the same; a kernel id */
	bool pid_only;		     /* subset=pid */
};
#define HIDE_NOTHING 0
#define HIDE_CONTENTS 1	   /* others' directories may not be entered */
#define HIDE_EXISTENCE 2   /* nor seen */
#define HIDE_UNTRACEABLE 4 /* what may not be traced is not there at all */

/* super.c */
static inline const struct proc_super *proc_super_of(const struct super *sb)
{
	return sb->fs_data;
}
int proc_inode_new(struct super *sb, umode_t mode, struct inode **out) __must_check;
int proc_node_inode(struct super *sb, const struct proc_node *node, struct inode **out)
	__must_check;
static inline struct proc_inode *proc_of(const struct inode *i)
{
	return i->fs_data;
}

/* Is @d the entry @name of its directory? */
static inline bool proc_is_name(const struct dentry *d, const char *name)
{
	return strlen(name) == d->name.len && !memcmp(name, d->name.name, d->name.len);
}

/* node.c */
bool proc_name_shown(const struct super *sb, const char *name, u32 len);
bool proc_node_emit(struct file *f, struct dir_context *ctx, const struct proc_node *dir);
extern struct proc_node proc_root; /* tree.c */
extern const struct inode_ops proc_node_dir_iops, proc_node_link_iops, proc_node_file_iops;
extern const struct file_ops proc_node_dir_fops, proc_node_fops;
extern const struct inode_ops proc_sysctl_iops; /* sysctl.c */
extern const struct file_ops proc_sysctl_fops;

extern int proc_kptr_restrict; /* system.c */

/* pid.c */
extern const struct inode_ops proc_task_dir_iops;
extern const struct file_ops proc_task_dir_fops;
extern const struct inode_ops proc_root_iops;
extern const struct file_ops proc_root_fops;
/* kernel/tty: device number (as in stat) of a process's terminal and its foreground group. */
/* May current look into @t as ptrace(2) PTRACE_MODE_READ says? */
bool proc_may_look(struct task *t);
int proc_pid_inode(struct super *sb, struct task *t, const struct proc_inode *data, umode_t mode,
		   struct inode **out) __must_check;
/* Makes @d positive as a file of @t, checked again at each use. */
int proc_pid_instantiate(struct dentry *d, struct task *t, const struct proc_inode *data,
			 umode_t mode, const struct inode_ops *iops, const struct file_ops *fops)
	__must_check;
extern const struct dentry_ops proc_pid_dentry_ops;
bool proc_parse_number(const char *name, u32 len, int *out);

/* pid_files.c, pid_stat.c, pid_fd.c */
extern const struct proc_task_entry proc_task_entries[];
extern const size_t proc_task_entry_count;
int proc_pid_stat(struct seq *s, struct task *t);
int proc_pid_status(struct seq *s, struct task *t);
int proc_pid_statm(struct seq *s, struct task *t);
extern const struct inode_ops proc_fd_dir_iops, proc_fdinfo_dir_iops;
extern const struct file_ops proc_fd_dir_fops, proc_fdinfo_dir_fops;

/* What lstat(2) says of the length of magic links. */
#define PROC_LINK_SIZE 64
/* readlink(2) of one that leads to @p, which is consumed. */
ssize_t proc_path_text(struct path *p, char *buf, size_t size) __must_check;
/* ... of one that may be read by who may follow it. */
ssize_t proc_link_text(struct inode *i, struct dentry *d, char *buf, size_t size);
int proc_never_keep(const struct dentry *d); /* delete_on_last_put: always */
/* pid_map_files.c */
extern const struct inode_ops proc_map_files_iops;
extern const struct file_ops proc_map_files_fops;

/* pid_ns.c */
extern const struct inode_ops proc_ns_dir_iops;
extern const struct file_ops proc_ns_dir_fops;
