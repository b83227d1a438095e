/*
 * POSIX access control lists, acl(5), for file systems that keep their inodes in memory.
 *
 * A list is immutable: a change makes a new one and frees the old one after a grace period, so that
 * path walks judge it without a lock.  The group bits of the mode are the mask; a list that says no
 * more than the mode is not kept.  Lists come and go as extended attributes in the form of
 * linux/posix_acl_xattr.h.
 */
#include <kern/overflow.h>
#include <kernel/ns/user.h>
#include <kernel/rcu/rcu.h>
#include <kernel/vfs/vfs_impl.h>
#include <linux/limits.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/xattr.h>

#define PERM_ALL (ACL_READ | ACL_WRITE | ACL_EXECUTE)

struct acl_entry {
	u16 tag, perm;
	u32 id;
};

struct acl {
	struct rcu_head rcu;
	u32 count;
	struct acl_entry entry[];
};

/* ---- judging ---- */

bool acl_allows(const struct inode *i, const struct cred *c, int mask)
{
	unsigned int want = (unsigned int)mask & PERM_ALL, perm = 0, limit = PERM_ALL;
	bool in_group = false, named = false;

	guard(rcu)();
	const struct acl *a = READ_ONCE(i->acl);

	/* It went while we came here: then the mode says all; its group is the mask. */
	if (!a)
		return !(want & ~(cred_in_group(c, i->gid) ? i->mode >> 3 : i->mode));
	for (u32 n = 0; n < a->count; n++) {
		const struct acl_entry *e = &a->entry[n];

		switch (e->tag) {
		case ACL_USER:
			if (e->id == c->fsuid) {
				perm = e->perm;
				named = true;
			}
			break;
		case ACL_GROUP_OBJ:
		case ACL_GROUP:
			if (named || !cred_in_group(c, e->tag == ACL_GROUP ? e->id : i->gid))
				break;
			in_group = true;
			/* Any one group that grants all of it. */
			if ((e->perm & want) == want)
				perm = e->perm;
			break;
		case ACL_MASK:
			limit = e->perm;
			break;
		case ACL_OTHER:
			if (!named && !in_group)
				return !(want & ~(unsigned int)e->perm);
			break;
		}
	}
	return !(want & ~(perm & limit));
}

/* ---- lists and modes ---- */

static struct acl *acl_new(u32 count)
{
	struct acl *a = kmalloc(struct_size(a, entry, count));

	if (a)
		a->count = count;
	return a;
}

static struct acl *acl_copy(const struct acl *from)
{
	struct acl *a = acl_new(from->count);

	if (a)
		memcpy(a->entry, from->entry, from->count * sizeof(a->entry[0]));
	return a;
}

/* The entry that the group bits of the mode stand for. */
static struct acl_entry *group_class(struct acl *a)
{
	struct acl_entry *found = NULL;

	for (u32 n = 0; n < a->count; n++) {
		if (a->entry[n].tag == ACL_MASK || (a->entry[n].tag == ACL_GROUP_OBJ && !found))
			found = &a->entry[n];
	}
	return found;
}

/* The mode's bits that @a stands for; *more: it says more than a mode can. */
static umode_t acl_mode(struct acl *a, bool *more)
{
	umode_t mode = (umode_t)(group_class(a)->perm << 3);

	*more = false;
	for (u32 n = 0; n < a->count; n++) {
		const struct acl_entry *e = &a->entry[n];

		if (e->tag == ACL_USER_OBJ)
			mode |= (umode_t)(e->perm << 6);
		else if (e->tag == ACL_OTHER)
			mode |= e->perm;
		else if (e->tag != ACL_GROUP_OBJ)
			*more = true;
	}
	return mode;
}

static void acl_set_mode(struct acl *a, umode_t mode)
{
	for (u32 n = 0; n < a->count; n++) {
		struct acl_entry *e = &a->entry[n];

		if (e->tag == ACL_USER_OBJ)
			e->perm = mode >> 6 & PERM_ALL;
		else if (e->tag == ACL_OTHER)
			e->perm = mode & PERM_ALL;
	}
	group_class(a)->perm = mode >> 3 & PERM_ALL;
}

static void acl_replace(struct acl **at, struct acl *new)
{
	struct acl *old = *at;

	rcu_assign_pointer(*at, new);
	if (old)
		rcu_kfree(&old->rcu, old);
}

umode_t vfs_create_mode(const struct inode *dir, umode_t mode)
{
	return READ_ONCE(dir->default_acl) ? mode : (umode_t)(mode & ~current_umask());
}

int acl_inherit(struct inode *i, const struct inode *dir)
{
	const struct acl *from = dir && !S_ISLNK(i->mode) ? dir->default_acl : NULL;
	struct acl *a, *d = NULL;
	bool more;

	if (likely(!from))
		return 0;
	a = acl_copy(from);
	if (a && S_ISDIR(i->mode))
		d = acl_copy(from);
	if (!a || (!d && S_ISDIR(i->mode))) {
		kfree(a);
		return -ENOMEM;
	}
	/* Each class gets what both the directory's list and the creator allow. */
	umode_t mode = i->mode & acl_mode(a, &more);

	acl_set_mode(a, mode);
	i->mode = (i->mode & ~0777) | mode;
	if (more)
		i->acl = a;
	else
		kfree(a);
	i->default_acl = d;
	return 0;
}

int acl_chmod(struct inode *i, umode_t mode)
{
	struct acl *a;

	if (likely(!i->acl))
		return 0;
	a = acl_copy(i->acl);
	if (!a)
		return -ENOMEM;
	acl_set_mode(a, mode);
	acl_replace(&i->acl, a);
	return 0;
}

/* ---- attributes ---- */

bool acl_is_xattr(const char *name)
{
	return !strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS) ||
	       !strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT);
}

static bool is_default(const char *name)
{
	return !strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT);
}

/* Ids of entries as current's user namespace has them; ACL_UNDEFINED_ID: none, or not mapped. */
static u32 id_of_user(u16 tag, u32 id)
{
	return tag == ACL_USER ? uid_from_user(id) : tag == ACL_GROUP ? gid_from_user(id) : id;
}

static u32 id_to_user(u16 tag, u32 id)
{
	const struct user_ns *u = current_cred()->user_ns;

	return tag == ACL_USER ? user_ns_uid(u, id) : tag == ACL_GROUP ? user_ns_gid(u, id) : id;
}

ssize_t acl_xattr_get(struct inode *i, const char *name, void *buf, size_t size)
{
	struct posix_acl_xattr_header *h = buf;
	struct posix_acl_xattr_entry *to = (void *)(h + 1);

	if (!i->super->ops || !i->super->ops->acls || S_ISLNK(i->mode))
		return -EOPNOTSUPP;
	guard(rcu)();
	const struct acl *a = READ_ONCE(*(is_default(name) ? &i->default_acl : &i->acl));

	if (!a)
		return -ENODATA;
	size_t len = sizeof(*h) + a->count * sizeof(*to);

	if (!size)
		return (ssize_t)len;
	if (size < len)
		return -ERANGE;
	h->a_version = POSIX_ACL_XATTR_VERSION;
	for (u32 n = 0; n < a->count; n++) {
		to[n].e_tag = a->entry[n].tag;
		to[n].e_perm = a->entry[n].perm;
		to[n].e_id = id_to_user(a->entry[n].tag, a->entry[n].id);
	}
	return (ssize_t)len;
}

/* acl_valid(3): which entries there must be, in which order. */
static bool acl_valid(const struct acl *a)
{
	static const u8 order[] = {ACL_USER_OBJ, ACL_USER, ACL_GROUP_OBJ,
				   ACL_GROUP,	 ACL_MASK, ACL_OTHER};
	u32 seen = 0, at = 0;

	for (u32 n = 0; n < a->count; n++) {
		const struct acl_entry *e = &a->entry[n];
		bool repeats = e->tag == ACL_USER || e->tag == ACL_GROUP;

		if (e->perm & ~PERM_ALL || (repeats && e->id == (u32)ACL_UNDEFINED_ID))
			return false;
		while (at < ARRAY_SIZE(order) && order[at] != e->tag)
			at++;
		if (at == ARRAY_SIZE(order))
			return false;
		seen |= e->tag;
		at += !repeats;
	}
	if (seen & (ACL_USER | ACL_GROUP) && !(seen & ACL_MASK))
		return false;
	return (seen & (ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER)) ==
	       (ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER);
}

/* *out is NULL for a list without entries. */
static int acl_parse(const void *v, size_t size, struct acl **out)
{
	const struct posix_acl_xattr_header *h = v;
	const struct posix_acl_xattr_entry *from = (const void *)(h + 1);
	struct acl *a;

	*out = NULL;
	if (size < sizeof(*h))
		return -EINVAL;
	if (h->a_version != POSIX_ACL_XATTR_VERSION)
		return -EOPNOTSUPP;
	size -= sizeof(*h);
	if (size % sizeof(*from))
		return -EINVAL;
	if (!size)
		return 0;
	a = acl_new((u32)(size / sizeof(*from)));
	if (!a)
		return -ENOMEM;
	for (u32 n = 0; n < a->count; n++)
		a->entry[n] = (struct acl_entry){from[n].e_tag, from[n].e_perm,
						 id_of_user(from[n].e_tag, from[n].e_id)};
	*out = a;
	return 0;
}

/* The mode follows the access list. */
static void access_set(struct inode *i, struct acl *a)
{
	bool more = false;

	if (a) {
		umode_t mode = (umode_t)((i->mode & ~0777) | acl_mode(a, &more));

		if (!cred_in_group(current_cred(), i->gid) && !capable(CAP_FSETID))
			mode &= ~S_ISGID;
		i->mode = mode;
	}
	if (!more) {
		kfree(a);
		a = NULL;
	}
	acl_replace(&i->acl, a);
}

int acl_xattr_set(struct inode *i, const char *name, const void *v, size_t size)
{
	struct acl *a = NULL;
	int err;

	if (!i->super->ops || !i->super->ops->acls || S_ISLNK(i->mode))
		return -EOPNOTSUPP;
	err = v ? acl_parse(v, size, &a) : 0;
	if (err)
		return err;
	if (is_default(name) && !S_ISDIR(i->mode))
		err = a ? -EACCES : 0;
	else if (!inode_owner_or_capable(i))
		err = -EPERM;
	else if (a && !acl_valid(a))
		err = -EINVAL;
	if (err || (is_default(name) && !S_ISDIR(i->mode))) {
		kfree(a);
		return err;
	}
	if (is_default(name))
		acl_replace(&i->default_acl, a);
	else
		access_set(i, a);
	inode_touch(i, false, true);
	return 0;
}
