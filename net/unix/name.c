/*
 * Names of AF_UNIX sockets: in the file system, or abstract (first byte zero).
 *
 * A bound inode points to its socket (inode->socket, under inode->spin) without a reference; the
 * socket clears it when it closes.  Abstract names live in a hash table of their own.
 */
#include <net/unix/unix_impl.h>

#include <kern/hash.h>
#include <kernel/printk/printk.h>
#include <kernel/rng/rng.h>
#include <kernel/vfs/vfs.h>
#include <lib/hash/hash.h>

#define NAME_BUCKETS 256u
#define NAME_FAMILY_LEN ((u32)offsetof(struct sockaddr_un, sun_path))

static struct spinlock unix_names_lock = SPINLOCK_INIT(LK_SPIN_LEAF);
static struct hlist_head unix_names[NAME_BUCKETS]; /* unix_names_lock */

struct unix_name *unix_name_get(struct unix_name *n)
{
	if (n)
		__atomic_fetch_add(&n->refs, 1, __ATOMIC_RELAXED);
	return n;
}

void unix_name_put(struct unix_name *n)
{
	if (n && !__atomic_sub_fetch(&n->refs, 1, __ATOMIC_ACQ_REL))
		kfree(n);
}

u32 unix_name_copy(const struct unix_name *n, void *out)
{
	struct sockaddr_un unnamed = {.sun_family = AF_UNIX};

	if (!n) {
		memcpy(out, &unnamed, NAME_FAMILY_LEN);
		return NAME_FAMILY_LEN;
	}
	memcpy(out, &n->addr, n->len);
	return n->len;
}

/* Checks an address from user space. -EINVAL. */
static int name_check(const void *addr, u32 len)
{
	const struct sockaddr_un *un = addr;

	if (len <= NAME_FAMILY_LEN || len > sizeof(*un))
		return -EINVAL;
	return un->sun_family == AF_UNIX ? 0 : -EINVAL;
}

static struct unix_name *name_new(const void *addr, u32 len)
{
	struct unix_name *n = kzalloc(sizeof(*n));

	if (!n)
		return NULL;
	n->refs = 1;
	memcpy(&n->addr, addr, len);
	n->len = len;
	/* A path's length is that of the string with its terminator, whatever the caller said. */
	if (n->addr.sun_path[0])
		n->len = min_t(u32,
			       NAME_FAMILY_LEN + (u32)strnlen(n->addr.sun_path, UNIX_PATH_MAX) + 1,
			       sizeof(n->addr));
	return n;
}

/* ---- abstract names ---- */

static struct hlist_head *name_bucket(const struct sockaddr_un *a, u32 len)
{
	return &unix_names[hash_name(0, a->sun_path, len - NAME_FAMILY_LEN) % NAME_BUCKETS];
}

static struct unix_name *name_find_locked(const struct ns_common *net, const struct sockaddr_un *a,
					  u32 len)
{
	struct unix_name *n;

	hlist_for_each_entry (n, name_bucket(a, len), hash)
		if (n->owner->net == net && n->len == len && !memcmp(&n->addr, a, len))
			return n;
	return NULL;
}

/* Binds @sk to an abstract name; consumes @n on success. */
static int bind_abstract(struct unix_sock *sk, struct unix_name *n)
{
	int err = 0;

	spin_lock(&sk->lock);
	spin_lock(&unix_names_lock);
	if (sk->name) {
		err = -EINVAL;
	} else if (name_find_locked(sk->net, &n->addr, n->len)) {
		err = -EADDRINUSE;
	} else {
		n->owner = sk;
		hlist_add_head(&n->hash, name_bucket(&n->addr, n->len));
		__atomic_store_n(&sk->name, n, __ATOMIC_RELEASE);
	}
	spin_unlock(&unix_names_lock);
	spin_unlock(&sk->lock);
	return err;
}

/* bind(2) with a family only: five hexadecimal digits that are free. */
static int bind_auto(struct unix_sock *sk)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct unix_name *n;
	int err = -ENOSPC;

	if (READ_ONCE(sk->name))
		return 0;
	n = name_new(&a, NAME_FAMILY_LEN + 6);
	if (!n)
		return -ENOMEM;
	for (unsigned int tries = 0; tries < 1024; tries++) {
		snprintf(n->addr.sun_path + 1, 6, "%05x", rng_u32() & 0xfffff);
		err = bind_abstract(sk, n);
		if (err != -EADDRINUSE)
			break;
	}
	if (err)
		unix_name_put(n);
	return err == -EINVAL ? 0 : err;
}

/* ---- names in the file system ---- */

static int bind_path(struct unix_sock *sk, struct unix_name *n)
{
	const char *text = n->addr.sun_path;
	struct inode *inode;
	struct path p;
	int err = vfs_mknod(text, (umode_t)(S_IFSOCK | (0777 & ~current_umask())), 0);

	if (err)
		return err == -EEXIST ? -EADDRINUSE : err;
	err = path_lookup(AT_FDCWD, text, 0, &p);
	if (err)
		return err;
	/* From here on the node is ours to take away again. */
	inode = p.dentry->inode;
	spin_lock(&sk->lock);
	if (sk->name)
		err = -EINVAL;
	spin_lock(&inode->spin);
	if (!err && (!S_ISSOCK(inode->mode) || inode->socket))
		err = -EADDRINUSE;
	if (!err) {
		inode->socket = sk;
		__atomic_store_n(&sk->name, n, __ATOMIC_RELEASE);
		sk->path = p;
	}
	spin_unlock(&inode->spin);
	spin_unlock(&sk->lock);
	if (err) {
		path_put(&p);
		if (err == -EINVAL && vfs_unlink(text))
			pr_debug("unix: %s stays behind\n", text);
	}
	return err;
}

int unix_bind(struct socket *s, const void *name, u32 len)
{
	struct unix_sock *sk = s->sk;
	struct unix_name *n;
	int err;

	if (len == NAME_FAMILY_LEN && ((const struct sockaddr_un *)name)->sun_family == AF_UNIX)
		return bind_auto(sk);
	err = name_check(name, len);
	if (err)
		return err;
	n = name_new(name, len);
	if (!n)
		return -ENOMEM;
	err = n->addr.sun_path[0] ? bind_path(sk, n) : bind_abstract(sk, n);
	if (err)
		unix_name_put(n);
	return err;
}

int unix_bind_sender(struct socket *s)
{
	return likely(!s->passcred) ? 0 : bind_auto(s->sk);
}

/* The name stays with the object for getpeername(2); nobody finds it any more. */
void unix_unbind(struct unix_sock *sk)
{
	struct path p = sk->path;
	struct unix_name *n = sk->name;

	if (p.dentry) {
		struct inode *inode = p.dentry->inode;

		sk->path = (struct path){NULL, NULL};
		spin_lock(&inode->spin);
		if (inode->socket == sk)
			inode->socket = NULL;
		spin_unlock(&inode->spin);
		path_put(&p);
	}
	spin_lock(&unix_names_lock);
	if (n && n->owner == sk) {
		hlist_del(&n->hash);
		n->owner = NULL;
	}
	spin_unlock(&unix_names_lock);
}

int unix_getname(struct socket *s, void *name, bool peer)
{
	struct unix_sock *sk = s->sk, *of;
	u32 len;

	if (!peer)
		return (int)unix_name_copy(READ_ONCE(sk->name), name);
	of = unix_peer_get(sk);
	if (!of)
		return -ENOTCONN;
	len = unix_name_copy(READ_ONCE(of->name), name);
	unix_put(of);
	return (int)len;
}

/* ---- looking up ---- */

static int find_path(const struct sockaddr_un *a, u32 len, struct unix_sock **out)
{
	char text[UNIX_PATH_MAX + 1] = {0};
	struct unix_sock *sk = NULL;
	struct inode *inode;
	struct path p;
	int err;

	memcpy(text, a->sun_path, len - NAME_FAMILY_LEN);
	err = path_lookup(AT_FDCWD, text, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	inode = p.dentry->inode;
	err = vfs_permission(inode, MAY_WRITE);
	if (!err) {
		spin_lock(&inode->spin);
		sk = S_ISSOCK(inode->mode) ? inode->socket : NULL;
		if (!sk || !unix_tryget(sk))
			err = -ECONNREFUSED;
		spin_unlock(&inode->spin);
	}
	path_put(&p);
	if (!err)
		*out = sk;
	return err;
}

static int find_abstract(const struct ns_common *net, const struct sockaddr_un *a, u32 len,
			 struct unix_sock **out)
{
	struct unix_name *n;
	int err = -ECONNREFUSED;

	spin_lock(&unix_names_lock);
	n = name_find_locked(net, a, len);
	if (n && n->owner && unix_tryget(n->owner)) {
		*out = n->owner;
		err = 0;
	}
	spin_unlock(&unix_names_lock);
	return err;
}

int unix_find(const struct unix_sock *from, const void *name, u32 len, struct unix_sock **out)
{
	const struct sockaddr_un *a = name;
	struct unix_sock *sk;
	int err = name_check(name, len);

	if (err)
		return err;
	err = a->sun_path[0] ? find_path(a, len, &sk) : find_abstract(from->net, a, len, &sk);
	if (err)
		return err;
	if (sk->type != from->type) {
		unix_put(sk);
		return -EPROTOTYPE;
	}
	*out = sk;
	return 0;
}
