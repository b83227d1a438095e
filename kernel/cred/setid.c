/*
 * User and group ids: set*id(2) with the rules of credentials(7).
 *
 * Every call makes a copy, judges and changes it, and publishes it; a refused call leaves nothing.
 */
#include <kernel/cred/cred_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/ns/user.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>

#define GROUPS_MAX 65536

long sys_getuid(void)
{
	return uid_to_user(current->cred->uid);
}

long sys_geteuid(void)
{
	return uid_to_user(current->cred->euid);
}

long sys_getgid(void)
{
	return gid_to_user(current->cred->gid);
}

long sys_getegid(void)
{
	return gid_to_user(current->cred->egid);
}

/* An argument that may be -1 for "as it is": false when it names nobody. */
static bool uid_argument(u32 *id)
{
	if (*id == ID_NONE)
		return true;
	*id = uid_from_user(*id);
	return *id != ID_NONE;
}

static bool gid_argument(u32 *id)
{
	if (*id == ID_NONE)
		return true;
	*id = gid_from_user(*id);
	return *id != ID_NONE;
}

static bool may(int cap)
{
	return ns_capable(current->cred->user_ns, cap);
}

static int set_real_uid(struct cred *c, u32 uid)
{
	struct cred_user *u;

	if (c->uid == uid)
		return 0;
	int err = cred_user_find(uid, &u);

	if (err)
		return -EAGAIN;
	cred_user_put(c->user);
	c->user = u;
	c->uid = uid;
	return cred_set_account(c);
}

/* Whoever becomes a user that has too many processes is told by exec: execve(2), EAGAIN. */
static void judge_nproc(const struct cred *c)
{
	if (c->ucounts == current->cred->ucounts)
		return;
	if (c->uid && ucounts_over(c->ucounts, UCOUNT_NPROC, task_rlimit(RLIMIT_NPROC)))
		current->flags |= TF_NPROC_EXCEEDED;
	else
		current->flags &= ~TF_NPROC_EXCEEDED;
}

static long finish_uid(struct cred *c, long err)
{
	if (err) {
		cred_abort(c);
		return err;
	}
	judge_nproc(c);
	cred_caps_fix_setuid(c, current->cred);
	cred_commit(c);
	return 0;
}

static long finish_gid(struct cred *c, long err)
{
	if (err)
		cred_abort(c);
	else
		cred_commit(c);
	return err;
}

long sys_setuid(unsigned int uid)
{
	struct cred *c;
	int err;

	uid = uid_from_user(uid);
	if (uid == ID_NONE)
		return -EINVAL;
	err = cred_prepare(&c);
	if (err)
		return err;
	if (may(CAP_SETUID)) {
		c->suid = uid;
		err = set_real_uid(c, uid);
	} else if (uid != c->uid && uid != c->suid) {
		err = -EPERM;
	}
	c->euid = uid;
	c->fsuid = uid;
	return finish_uid(c, err);
}

long sys_setreuid(unsigned int ruid, unsigned int euid)
{
	const struct cred *old = current->cred;
	struct cred *c;

	if (!uid_argument(&ruid) || !uid_argument(&euid))
		return -EINVAL;
	int err = cred_prepare(&c);

	if (err)
		return err;
	if (ruid != ID_NONE) {
		if (old->uid != ruid && old->euid != ruid && !may(CAP_SETUID))
			err = -EPERM;
		else
			err = set_real_uid(c, ruid);
	}
	if (euid != ID_NONE) {
		c->euid = euid;
		if (old->uid != euid && old->euid != euid && old->suid != euid && !may(CAP_SETUID))
			err = -EPERM;
	}
	if (ruid != ID_NONE || (euid != ID_NONE && euid != old->uid))
		c->suid = c->euid;
	c->fsuid = c->euid;
	return finish_uid(c, err);
}

static bool uid_is_own(const struct cred *c, u32 uid)
{
	return uid == ID_NONE || uid == c->uid || uid == c->euid || uid == c->suid;
}

static bool gid_is_own(const struct cred *c, u32 gid)
{
	return gid == ID_NONE || gid == c->gid || gid == c->egid || gid == c->sgid;
}

long sys_setresuid(unsigned int ruid, unsigned int euid, unsigned int suid)
{
	const struct cred *old = current->cred;
	struct cred *c;

	if (!uid_argument(&ruid) || !uid_argument(&euid) || !uid_argument(&suid))
		return -EINVAL;
	int err = cred_prepare(&c);

	if (err)
		return err;
	if (!(uid_is_own(old, ruid) && uid_is_own(old, euid) && uid_is_own(old, suid)) &&
	    !may(CAP_SETUID))
		err = -EPERM;
	if (!err && ruid != ID_NONE)
		err = set_real_uid(c, ruid);
	if (euid != ID_NONE)
		c->euid = euid;
	if (suid != ID_NONE)
		c->suid = suid;
	c->fsuid = c->euid;
	return finish_uid(c, err);
}

long sys_setgid(unsigned int gid)
{
	struct cred *c;
	int err;

	gid = gid_from_user(gid);
	if (gid == ID_NONE)
		return -EINVAL;
	err = cred_prepare(&c);
	if (err)
		return err;
	if (may(CAP_SETGID)) {
		c->gid = gid;
		c->sgid = gid;
	} else if (gid != c->gid && gid != c->sgid) {
		err = -EPERM;
	}
	c->egid = gid;
	c->fsgid = gid;
	return finish_gid(c, err);
}

long sys_setregid(unsigned int rgid, unsigned int egid)
{
	const struct cred *old = current->cred;
	struct cred *c;

	if (!gid_argument(&rgid) || !gid_argument(&egid))
		return -EINVAL;
	int err = cred_prepare(&c);

	if (err)
		return err;
	if (rgid != ID_NONE) {
		c->gid = rgid;
		if (old->gid != rgid && old->egid != rgid && !may(CAP_SETGID))
			err = -EPERM;
	}
	if (egid != ID_NONE) {
		c->egid = egid;
		if (!gid_is_own(old, egid) && !may(CAP_SETGID))
			err = -EPERM;
	}
	if (rgid != ID_NONE || (egid != ID_NONE && egid != old->gid))
		c->sgid = c->egid;
	c->fsgid = c->egid;
	return finish_gid(c, err);
}

long sys_setresgid(unsigned int rgid, unsigned int egid, unsigned int sgid)
{
	const struct cred *old = current->cred;
	struct cred *c;

	if (!gid_argument(&rgid) || !gid_argument(&egid) || !gid_argument(&sgid))
		return -EINVAL;
	int err = cred_prepare(&c);

	if (err)
		return err;
	if (!(gid_is_own(old, rgid) && gid_is_own(old, egid) && gid_is_own(old, sgid)) &&
	    !may(CAP_SETGID))
		err = -EPERM;
	if (rgid != ID_NONE)
		c->gid = rgid;
	if (egid != ID_NONE)
		c->egid = egid;
	if (sgid != ID_NONE)
		c->sgid = sgid;
	c->fsgid = c->egid;
	return finish_gid(c, err);
}

long sys_getresuid(unsigned int __user *ruid, unsigned int __user *euid, unsigned int __user *suid)
{
	const struct cred *c = current->cred;

	if (put_user(uid_to_user(c->uid), ruid) || put_user(uid_to_user(c->euid), euid) ||
	    put_user(uid_to_user(c->suid), suid))
		return -EFAULT;
	return 0;
}

long sys_getresgid(unsigned int __user *rgid, unsigned int __user *egid, unsigned int __user *sgid)
{
	const struct cred *c = current->cred;

	if (put_user(gid_to_user(c->gid), rgid) || put_user(gid_to_user(c->egid), egid) ||
	    put_user(gid_to_user(c->sgid), sgid))
		return -EFAULT;
	return 0;
}

/* Returns the previous id whatever happens. */
long sys_setfsuid(unsigned int uid)
{
	const struct cred *old = current->cred;
	u32 before = uid_to_user(old->fsuid);
	struct cred *c;

	uid = uid_from_user(uid);
	if (uid == ID_NONE || uid == old->fsuid)
		return before;
	if (!uid_is_own(old, uid) && !may(CAP_SETUID))
		return before;
	if (cred_prepare(&c))
		return before;
	c->fsuid = uid;
	cred_caps_fix_setfsuid(c, old);
	cred_commit(c);
	return before;
}

long sys_setfsgid(unsigned int gid)
{
	const struct cred *old = current->cred;
	u32 before = gid_to_user(old->fsgid);
	struct cred *c;

	gid = gid_from_user(gid);
	if (gid == ID_NONE || gid == old->fsgid)
		return before;
	if (!gid_is_own(old, gid) && !may(CAP_SETGID))
		return before;
	if (cred_prepare(&c))
		return before;
	c->fsgid = gid;
	cred_commit(c);
	return before;
}

long sys_getgroups(int size, unsigned int __user *list)
{
	const struct cred_groups *g = current->cred->groups;

	if (size < 0)
		return -EINVAL;
	if (!size)
		return g->count;
	if ((u32)size < g->count)
		return -EINVAL;
	for (u32 i = 0; i < g->count; i++) {
		if (put_user(gid_to_user(g->gid[i]), &list[i]))
			return -EFAULT;
	}
	return g->count;
}

static void sort_gids(u32 *v, u32 n)
{
	for (u32 gap = n / 2; gap; gap /= 2) {
		for (u32 i = gap; i < n; i++) {
			u32 x = v[i], j = i;

			for (; j >= gap && v[j - gap] > x; j -= gap)
				v[j] = v[j - gap];
			v[j] = x;
		}
	}
}

long sys_setgroups(int size, const unsigned int __user *list)
{
	struct cred_groups *g;
	struct cred *c;
	int err;

	if (!may(CAP_SETGID) || !user_ns_may_setgroups(current->cred->user_ns))
		return -EPERM;
	if ((u32)size > GROUPS_MAX)
		return -EINVAL;
	g = kvmalloc(sizeof(*g) + (size_t)size * sizeof(g->gid[0]), GFP_KERNEL);
	if (!g)
		return -ENOMEM;
	g->refs = 1;
	g->count = (u32)size;
	if (copy_from_user(g->gid, list, g->count * sizeof(g->gid[0]))) {
		kvfree(g);
		return -EFAULT;
	}
	for (u32 i = 0; i < g->count; i++) {
		g->gid[i] = gid_from_user(g->gid[i]);
		if (g->gid[i] == ID_NONE) {
			kvfree(g);
			return -EINVAL;
		}
	}
	sort_gids(g->gid, g->count);
	err = cred_prepare(&c);
	if (err) {
		kvfree(g);
		return err;
	}
	cred_groups_put(c->groups);
	c->groups = g;
	cred_commit(c);
	return 0;
}
