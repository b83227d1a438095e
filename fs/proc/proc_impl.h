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
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/vfs/vfs.h>

struct proc_node {
	const char *name;
	umode_t mode;				  /* S_IF* and permissions */
	int (*show)(struct seq *s, void *v);	  /* regular file: its text */
	const struct seq_ops *list;		  /* or: a list */
	const struct file_ops *fops;		  /* or: everything by itself */
	const char *link;			  /* symlink */
	int (*make_link)(char *buf, size_t size); /* symlink made at each look; length */
	const struct proc_node *children;	  /* directory; ends with name NULL */
	const struct proc_ctl *ctl;		  /* sysctl variable */
};

#define PROC_SHOW(n, fn)                                          \
	{                                                         \
		.name = (n), .mode = S_IFREG | 0444, .show = (fn) \
	}
#define PROC_DIR(n, c)                                               \
	{                                                            \
		.name = (n), .mode = S_IFDIR | 0555, .children = (c) \
	}

struct proc_pid_node {
	const char *name;
	umode_t mode;
	int (*show)(struct seq *s, struct task *t);
	const struct file_ops *fops;
	const struct inode_ops *iops;
	bool private_file; /* only for who may trace the task */
	bool process_only; /* not under /proc/PID/task/TID */
};

/* inode->fs_data */
struct proc_inode {
	const struct proc_node *node;
	const struct proc_pid_node *pid_node;
	struct pid *pid; /* +1 */
	struct rcu_head rcu;
	int fd;		/* /proc/PID/fd/N */
	bool is_thread; /* below /proc/PID/task/ */
};

/* super.c */
int proc_inode_new(struct super *sb, umode_t mode, struct inode **out) __must_check;
int proc_node_inode(struct super *sb, const struct proc_node *node, struct inode **out)
	__must_check;
static inline struct proc_inode *proc_of(const struct inode *i)
{
	return i->fs_data;
}

/* node.c */
const struct proc_node *proc_node_find(const struct proc_node *dir, const char *name, u32 len);
bool proc_node_emit(struct file *f, struct dir_context *ctx, const struct proc_node *children);
extern const struct inode_ops proc_node_dir_iops, proc_node_link_iops, proc_node_file_iops;
extern const struct file_ops proc_node_dir_fops, proc_node_fops;
extern const struct proc_node proc_root_nodes[]; /* system.c */
extern const struct proc_node proc_sys_nodes[];	 /* sysctl.c */
extern const struct file_ops proc_ctl_fops;

/* memory.c, cpu.c */
int proc_meminfo(struct seq *s, void *v);
int proc_vmstat(struct seq *s, void *v);
int proc_slabinfo(struct seq *s, void *v);
int proc_cpuinfo(struct seq *s, void *v);
int proc_stat(struct seq *s, void *v);
int proc_interrupts(struct seq *s, void *v);

/* pid.c */
extern const struct inode_ops *const proc_task_dir_iops;
extern const struct file_ops *const proc_task_dir_fops;
extern const struct inode_ops proc_root_iops;
extern const struct file_ops proc_root_fops;
/* The task of a /proc/PID inode, +1; NULL: it is gone. */
struct task *proc_task(const struct inode *i) __must_check;
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
bool proc_parse_int(const char *text, int *out); /* decimal with sign, blanks around */
bool proc_parse_number(const char *name, u32 len, int *out);

/* pid_files.c, pid_stat.c, pid_fd.c */
extern const struct proc_pid_node proc_pid_nodes[];
int proc_pid_stat(struct seq *s, struct task *t);
int proc_pid_status(struct seq *s, struct task *t);
int proc_pid_statm(struct seq *s, struct task *t);
extern const struct inode_ops proc_fd_dir_iops, proc_fdinfo_dir_iops;
extern const struct file_ops proc_fd_dir_fops, proc_fdinfo_dir_fops;
