/*
 * Open files and descriptor tables.
 *
 * struct file is one open file description.  A descriptor table maps small numbers to files;
 * lookups take no lock.  fd_get() takes no reference when the table is not shared.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kernel/lock/lock.h>
#include <kernel/rcu/rcu.h>
#include <kernel/vfs/path.h>

struct cred;
struct dir_context;
struct files;
struct file;
struct inode;
struct pagecache;
struct pipe;
struct poll_table;
struct seq;
struct task;
struct uio;
struct vma;

struct file_ops {
	/* Bytes moved, 0 at the end, -errno.  *pos moves on; pos is NULL for streams.  May sleep.
	 */
	ssize_t (*read)(struct file *f, struct uio *u, loff_t *pos);
	ssize_t (*write)(struct file *f, struct uio *u, loff_t *pos);
	/* For generic_write(), under inode->lock: -errno, or cuts @u to what may be written. */
	int (*write_check)(struct file *f, struct uio *u, loff_t pos);
	int (*lseek)(struct file *f, loff_t off, int whence, loff_t *out);
	int (*readdir)(struct file *f, struct dir_context *ctx);
	/* Ready mask; registers queues in @pt (may be NULL).  NULL op: always ready. */
	u32 (*poll)(struct file *f, struct poll_table *pt);
	/* -ENOIOCTLCMD: not mine. */
	long (*ioctl)(struct file *f, unsigned int cmd, unsigned long arg);
	/* Sets vma->cache and/or vma->ops. */
	int (*mmap)(struct file *f, struct vma *vma);
	int (*open)(struct inode *inode, struct file *f);
	int (*flush)(struct file *f);	 /* at each close(2) */
	void (*release)(struct file *f); /* at the last one */
	int (*fsync)(struct file *f, loff_t start, loff_t end, bool data_only);
	int (*fasync)(struct file *f, int fd, bool on);
	int (*fallocate)(struct file *f, int mode, loff_t off, loff_t len);
	ssize_t (*splice_read)(struct file *f, loff_t *pos, struct pipe *to, size_t len, u32 flags);
	ssize_t (*splice_write)(struct pipe *from, struct file *f, loff_t *pos, size_t len,
				u32 flags);
	/* Lines after pos/flags/mnt_id/ino in /proc/PID/fdinfo. */
	void (*fdinfo)(struct file *f, struct seq *s);
};

struct file {
	u32 refs;  /* atomic */
	u32 flags; /* O_*; FMODE in mode; O_APPEND etc. change under lock */
	u32 mode;  /* FMODE_* */
	const struct file_ops *ops;
	struct inode *inode;	  /* [I] */
	struct path path;	  /* [I] +1 each; dentry NULL only while opening */
	struct pagecache *cache;  /* of the inode, or NULL */
	loff_t pos;		  /* pos_lock if shared (FMODE_POS) */
	struct mutex pos_lock;	  /* LK_FILE_POS */
	struct spinlock lock;	  /* LK_SPIN_LEAF: flags, owner, epoll list */
	const struct cred *cred;  /* of the opener; +1 */
	void *private_data;	  /* by ops */
	struct file_owner *owner; /* F_SETOWN, F_SETSIG; RCU, lock; NULL: none */
	struct list_head epolls;  /* epoll items that watch it */
	struct rcu_head rcu;	  /* storage of the deferred last put */
};

/* Who gets signals about a file, and which; never changed, only replaced. */
struct file_owner {
	struct pid *pid; /* +1, or NULL */
	u32 uid, euid;	 /* of who said so */
	int signum;	 /* 0: SIGIO without details */
	int type;	 /* F_OWNER_* */
	struct rcu_head rcu;
};

#define FMODE_READ 1u
#define FMODE_WRITE 2u
#define FMODE_LSEEK 4u
#define FMODE_PREAD 8u
#define FMODE_PWRITE 16u
#define FMODE_EXEC 32u
#define FMODE_PATH 64u	  /* O_PATH: names a place only */
#define FMODE_POS 128u	  /* regular file or directory: pos is locked when shared */
#define FMODE_STREAM 256u /* no position */
#define FMODE_NOWAIT 512u
#define FMODE_DETACHED 2048u /* its mount goes with it: open_tree(2), fsmount(2) */
#define FMODE_WRITER 1024u   /* counted in the inode's writers */
#define FMODE_ASYNC 4096u    /* was on a fasync_list; set once, atomically */
#define FMODE_DNOTIFY 8192u  /* somebody asked for F_NOTIFY; set once, atomically */

void file_system_init(void);
/*
 * O_ASYNC: the open files that want a signal when an object gets ready.  Zeroed memory is an empty
 * list.  Its object outlives the files on it (closing takes a file off) and who notifies.
 */
struct fasync_entry;
struct fasync_list {
	struct fasync_entry *first; /* RCU */
};
/* For file_ops.fasync.  0, -ENOMEM. */
int fasync_set(struct fasync_list *l, struct file *f, int fd, bool on) __must_check;
void fasync_remove(struct fasync_list *l, struct file *f);
void fasync_send(struct fasync_list *l, int code);
/* @code: POLL_IN, POLL_OUT, POLL_HUP, POLL_PRI (beside SIGURG).  Any context, under no lock after
 * LK_SIGHAND. */
static __always_inline void fasync_notify(struct fasync_list *l, int code)
{
	if (unlikely(READ_ONCE(l->first)))
		fasync_send(l, code);
}
/* fcntl(2) F_SETOWN*, F_GETOWN*, F_SETSIG; type: F_OWNER_*; nr 0: nobody.  -ESRCH, -EINVAL,
 * -ENOMEM. */
int file_set_owner(struct file *f, int type, int nr) __must_check;
int file_set_owner_signed(struct file *f, int who) __must_check; /* < 0: a group */
void file_get_owner(struct file *f, int *type, int *nr);
int file_get_owner_signed(struct file *f);
/* Current's process owns @f unless it has an owner: -ENOMEM. */
int file_default_owner(struct file *f) __must_check;
/* The owner's signal about @fd, as fasync_send(); @f is open. */
void file_owner_notify(struct file *f, int fd, int code);
/* Sends @sig as from the kernel to those whom the owner's setter may signal: SIGURG.  @o was read
 * in this RCU section from a file that was open; NULL: nobody.  Under no lock after LK_SIGHAND. */
void file_owner_signal(const struct file_owner *o, int sig);
/* An unopened file with one reference: -ENFILE, -ENOMEM. */
int file_alloc(u32 flags, const struct file_ops *ops, struct file **out) __must_check;
/* A file without a name in any directory ("anon_inode:[eventfd]", "socket:[7]", "pipe:[9]"). */
int file_create_anon(const char *name, const struct file_ops *ops, void *private_data, u32 flags,
		     struct file **out) __must_check;
/* A file of @size bytes that is nothing but page cache, named @name in /proc/PID/maps: set by
 * fs/tmpfs before the first user program.  @mode: permissions of its inode, of current. */
extern int (*vfs_memory_file)(const char *name, loff_t size, umode_t mode, struct file **out);
/* Another open file on the inode of @f, by other operations.  Does not call ops->open. */
int vfs_reopen(const struct file *f, const struct file_ops *ops, void *private_data, u32 flags,
	       struct file **out) __must_check;
static inline struct file *file_get(struct file *f)
{
	__atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);
	return f;
}
bool file_tryget(struct file *f) __must_check;
/* The last put closes; runs as task callback when current has one, so any lock may be held. */
void file_put(struct file *f);
/* The last put closes at once: may sleep.  For what must be closed when the call returns. */
void file_put_now(struct file *f);

/* A borrowed or owned file from the current table. */
struct fd_ref {
	struct file *file; /* NULL: bad descriptor */
	bool owned, pos_locked;
};
struct fd_ref fd_get(unsigned int fd);	    /* not O_PATH */
struct fd_ref fd_get_path(unsigned int fd); /* O_PATH too */
struct fd_ref fd_get_pos(unsigned int fd);  /* with f_pos locked if it can be shared */
void fd_put_slow(struct fd_ref ref);
static __always_inline void fd_put(struct fd_ref ref)
{
	if (unlikely(ref.owned | ref.pos_locked))
		fd_put_slow(ref);
}
bool fd_is(unsigned int fd, const struct file *f); /* now, in current's table */
struct file *fd_file(unsigned int fd);		   /* +1 or NULL: to keep beyond the call */

#define FD_CLOEXEC_FLAG O_CLOEXEC
/* Reserves the lowest free number >= @from: -EMFILE, -ENOMEM. */
int fd_reserve(unsigned int from, u32 o_cloexec, int *out) __must_check;
void fd_install(int fd, struct file *f); /* consumes the reference */
void fd_unreserve(int fd);
/* reserve + install: consumes on success only. */
int fd_install_new(struct file *f, u32 o_cloexec, int *out) __must_check;
/* Two at once, their numbers stored to user space (pipe, socketpair): consumes both or nothing.
 * -EFAULT. */
int fd_install_pair(struct file *const f[2], u32 o_cloexec, int __user *fds) __must_check;
int fd_close(unsigned int fd) __must_check;
int fd_close_range(unsigned int first, unsigned int last, u32 flags) __must_check;
int fd_replace(unsigned int fd, struct file *f, u32 o_cloexec)
	__must_check; /* dup2; consumes nothing */

int files_copy(struct task *child, u64 clone_flags) __must_check;
int files_unshare(void) __must_check;
void files_exec(void); /* closes FD_CLOEXEC */
struct files *files_get(struct files *files);
void files_put(struct files *files);
struct files *files_create_init(void);
/* For /proc/PID/fd: smallest descriptor >= *fd, +1 on its file; NULL when none. */
struct file *files_next(struct files *files, unsigned int *fd, u32 *cloexec) __must_check;
u32 files_table_size(struct files *files); /* FDSize in /proc/PID/status */
extern u64 fd_max;		       /* fs.nr_open: no descriptor and no RLIMIT_NOFILE above it */
void files_usage(u64 *open, u64 *max); /* /proc/sys/fs/file-nr */
