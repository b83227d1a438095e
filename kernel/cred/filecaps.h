/*
 * What a program file gives whoever runs it: its set-id bits and its capabilities, which lie in the
 * extended attribute security.capability.  capabilities(7).
 *
 * Revision 3 of the attribute names a root user: the capabilities count in user namespaces of which
 * he is root and below.  On the disk that is a kernel id; a program sees and writes its own.
 */
#pragma once

#include <kernel/cred/cred.h>

struct dentry;
struct inode;

struct file_caps {
	u64 permitted, inheritable;
	bool present;	/* there are some, perhaps empty ones, for the reader's user namespace */
	bool effective; /* those that the program gets are in use at once */
};

struct program_file {
	u32 mode, uid, gid;    /* kernel ids */
	bool may_suid;	       /* the mount honours set-id bits and capabilities */
	bool led;	       /* another process could lead it: no more rights than before */
	struct file_caps caps; /* file_caps_read() */
};

/*
 * For current's user namespace.  @d's inode is not locked; may sleep.  -EINVAL: an attribute that
 * makes no sense.
 */
int file_caps_read(struct dentry *d, struct file_caps *out) __must_check;
/* exec's -EPERM: the program expects what @c cannot get. */
int file_caps_judge(const struct file_caps *f, const struct cred *c) __must_check;
/*
 * setxattr: judges the value and turns its root user into a kernel id.
 * @v has room for XATTR_CAPS_SZ_3 bytes.
 */
int file_caps_from_user(const struct inode *i, void *v, size_t *size) __must_check;
/* getxattr: as current sees it; the length, or -ERANGE, -ENODATA, -EOVERFLOW, -EINVAL. */
ssize_t file_caps_to_user(struct dentry *d, void *buf, size_t size) __must_check;
/* The file changes: its capabilities go.  @d's inode is locked for writing. */
int file_caps_drop(struct dentry *d) __must_check;

/*
 * exec: gives @c (a private copy) what the file and the rules of capabilities(7) say.  Returns in
 * *secure what AT_SECURE shall be.
 */
void cred_exec(struct cred *c, const struct program_file *f, bool *secure);
