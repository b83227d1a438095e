/*
 * Capabilities: capget(2), capset(2), what set*id and exec do to them.  capabilities(7). */
#include <kernel/cred/cred_impl.h>
#include <kernel/cred/filecaps.h>

#include <kern/errno.h>
#include <kernel/ns/user.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/securebits.h>
#include <linux/stat.h>

#define CAP_FS_SET                                                               \
	(1ull << CAP_CHOWN | 1ull << CAP_MKNOD | 1ull << CAP_DAC_OVERRIDE |      \
	 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_FOWNER | 1ull << CAP_FSETID | \
	 1ull << CAP_LINUX_IMMUTABLE | 1ull << CAP_MAC_OVERRIDE)

/* The kernel id of what @c calls 0; ID_NONE: nobody. */
static u32 root_of(const struct cred *c)
{
	return user_ns_kuid(c->user_ns, 0);
}

static bool any_root(const struct cred *c)
{
	u32 root = root_of(c);

	return c->uid == root || c->euid == root || c->suid == root;
}

void cred_caps_fix_setuid(struct cred *c, const struct cred *old)
{
	u32 root = root_of(c);

	if (c->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (any_root(old) && !any_root(c)) {
		if (!(c->securebits & SECBIT_KEEP_CAPS)) {
			c->cap_permitted = 0;
			c->cap_effective = 0;
		}
		c->cap_ambient = 0;
	}
	if (old->euid == root && c->euid != root)
		c->cap_effective = 0;
	if (old->euid != root && c->euid == root)
		c->cap_effective = c->cap_permitted;
}

void cred_caps_fix_setfsuid(struct cred *c, const struct cred *old)
{
	u32 root = root_of(c);

	if (c->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (old->fsuid == root && c->fsuid != root)
		c->cap_effective &= ~CAP_FS_SET;
	if (old->fsuid != root && c->fsuid == root)
		c->cap_effective |= c->cap_permitted & CAP_FS_SET;
}

/* Set-id bits; whom the namespace cannot name nobody inside may become. */
static void exec_ids(struct cred *c, const struct program_file *f)
{
	if (!f->may_suid || current->no_new_privs || user_ns_uid(c->user_ns, f->uid) == ID_NONE ||
	    user_ns_gid(c->user_ns, f->gid) == ID_NONE)
		return;
	if (f->mode & S_ISUID)
		c->euid = f->uid;
	if ((f->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		c->egid = f->gid;
}

/* What the file's capabilities give, and being run by root; ambient ones are not in it. */
static u64 exec_permitted(const struct cred *c, const struct program_file *f, bool *effective)
{
	u32 root = root_of(c);
	u64 permitted = 0;

	*effective = f->caps.effective;
	if (f->caps.present)
		permitted = (c->cap_bset & f->caps.permitted) |
			    (c->cap_inheritable & f->caps.inheritable);
	if (c->securebits & SECBIT_NOROOT)
		return permitted;
	/* A set-user-ID-root program with capabilities gets those alone. */
	if (f->caps.present && c->euid == root && c->uid != root)
		return permitted;
	if (c->euid == root || c->uid == root)
		permitted = c->cap_bset | c->cap_inheritable;
	*effective |= c->euid == root;
	return permitted;
}

void cred_exec(struct cred *c, const struct program_file *f, bool *secure)
{
	const struct cred *old = current->cred;
	bool effective;

	exec_ids(c, f);
	u64 permitted = exec_permitted(c, f, &effective);
	bool is_setid = c->euid != old->uid || c->egid != old->gid;

	if ((f->led || current->no_new_privs) && (is_setid || (permitted & ~old->cap_permitted))) {
		if (current->no_new_privs || !ns_capable(c->user_ns, CAP_SETUID)) {
			c->euid = c->uid;
			c->egid = c->gid;
		}
		permitted &= old->cap_permitted;
	}
	if (is_setid || f->caps.present)
		c->cap_ambient = 0;
	c->cap_permitted = permitted | c->cap_ambient;
	c->cap_effective = effective ? c->cap_permitted : c->cap_ambient;
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	c->securebits &= ~(u32)SECBIT_KEEP_CAPS;
	*secure = is_setid ||
		  (c->uid != root_of(c) && (effective || (c->cap_permitted & ~c->cap_ambient)));
}

/* How many 32-bit words the caller's version has; it is told ours if it is unknown. */
static int cap_words(struct __user_cap_header_struct __user *hdr, unsigned int *words)
{
	u32 version;

	if (get_user(version, &hdr->version))
		return -EFAULT;
	switch (version) {
	case _LINUX_CAPABILITY_VERSION_1:
		*words = _LINUX_CAPABILITY_U32S_1;
		return 0;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		*words = _LINUX_CAPABILITY_U32S_3;
		return 0;
	}
	if (put_user((u32)_LINUX_CAPABILITY_VERSION_3, &hdr->version))
		return -EFAULT;
	return -EINVAL;
}

long sys_capget(struct __user_cap_header_struct __user *hdr,
		struct __user_cap_data_struct __user *data)
{
	struct __user_cap_data_struct d[2];
	unsigned int words;
	struct task *t;
	int pid;
	int err = cap_words(hdr, &words);

	if (!data || err)
		return !data && err == -EINVAL ? 0 : err;
	if (get_user(pid, &hdr->pid))
		return -EFAULT;
	if (pid < 0)
		return -EINVAL;
	t = pid ? task_find(pid) : task_get(current);
	if (!t)
		return -ESRCH;
	const struct cred *c = cred_of(t);

	for (unsigned int i = 0; i < 2; i++) {
		d[i].effective = (u32)(c->cap_effective >> (32 * i));
		d[i].permitted = (u32)(c->cap_permitted >> (32 * i));
		d[i].inheritable = (u32)(c->cap_inheritable >> (32 * i));
	}
	cred_put(c);
	task_put(t);
	return copy_to_user(data, d, words * sizeof(d[0])) ? -EFAULT : 0;
}

static int capset_judge(const struct cred *old, u64 e, u64 p, u64 i)
{
	if (!ns_capable(old->user_ns, CAP_SETPCAP) &&
	    (i & ~(old->cap_inheritable | old->cap_permitted)))
		return -EPERM;
	if (i & ~(old->cap_inheritable | old->cap_bset))
		return -EPERM;
	if ((p & ~old->cap_permitted) || (e & ~p))
		return -EPERM;
	return 0;
}

long sys_capset(struct __user_cap_header_struct __user *hdr,
		const struct __user_cap_data_struct __user *data)
{
	struct __user_cap_data_struct d[2] = {{0}, {0}};
	unsigned int words;
	struct cred *c;
	int pid;
	int err = cap_words(hdr, &words);

	if (err)
		return err;
	if (get_user(pid, &hdr->pid))
		return -EFAULT;
	if (pid && pid != task_tid(current))
		return -EPERM;
	if (copy_from_user(d, data, words * sizeof(d[0])))
		return -EFAULT;
	u64 e = (d[0].effective | (u64)d[1].effective << 32) & CAP_FULL_SET;
	u64 p = (d[0].permitted | (u64)d[1].permitted << 32) & CAP_FULL_SET;
	u64 i = (d[0].inheritable | (u64)d[1].inheritable << 32) & CAP_FULL_SET;

	err = capset_judge(current->cred, e, p, i);
	if (err)
		return err;
	err = cred_prepare(&c);
	if (err)
		return err;
	c->cap_effective = e;
	c->cap_permitted = p;
	c->cap_inheritable = i;
	c->cap_ambient &= p & i;
	cred_commit(c);
	return 0;
}
