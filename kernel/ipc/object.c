/*
 * What the three kinds of System V objects have in common: ids, keys, permissions.
 *
 * An id is (sequence number << 15 | index).  Indices go round, so that an id that was removed is
 * not given again soon, and the sequence number counts the rounds.
 */
#include <kernel/ipc/ipc_impl.h>

#include <linux/capability.h>

/* ---- tables ---- */

static struct radix_node *node_alloc(void)
{
	return kmalloc_atomic(sizeof(struct radix_node));
}

static void node_free(struct radix_node *n)
{
	kfree(n);
}

static void node_retire(struct radix_node *n)
{
	rcu_kfree(&n->rcu, n);
}

static const struct radix_ops node_ops = {node_alloc, node_free, node_retire};

void ipc_ids_init(struct ipc_ids *ids)
{
	spin_init(&ids->lock, LK_IPC_IDS);
	idr_init(&ids->idr, &node_ops);
	ids->keys = RB_ROOT;
	ids->last_index = ids->max_index = ids->next_id = -1;
}

void ipc_object_init(struct ipc_object *o, struct ipc_ns *ns, const struct ipc_request *r,
		     void (*free)(struct ipc_object *o))
{
	const struct cred *c = current_cred();

	spin_init(&o->lock, LK_IPC);
	o->refs = 1;
	o->ns = ns;
	o->deleted = true; /* until it is in the table as a whole */
	o->key = r->key;
	o->mode = r->flags & 0777;
	o->uid = o->cuid = c->euid;
	o->gid = o->cgid = c->egid;
	o->free = free;
}

static void free_rcu(struct rcu_head *head)
{
	struct ipc_object *o = container_of(head, struct ipc_object, rcu);

	o->free(o);
}

bool ipc_object_tryget(struct ipc_object *o)
{
	return ref_tryget(&o->refs);
}

void ipc_object_put(struct ipc_object *o)
{
	if (!__atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL))
		rcu_call(&o->rcu, free_rcu);
}

static int key_compare(const void *key, const struct rb_node *n)
{
	int a = *(const int *)key, b = rb_entry(n, struct ipc_object, key_node)->key;

	return a < b ? -1 : a > b;
}

static bool key_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct ipc_object, key_node)->key <
	       rb_entry(b, struct ipc_object, key_node)->key;
}

static struct ipc_object *key_find(struct ipc_ids *ids, int key)
{
	return rb_entry_safe(rb_find(&key, &ids->keys, key_compare), struct ipc_object, key_node);
}

/* ---- into the table ---- */

/* The index and sequence number that the next id shall have, or any. */
static int assign_index(struct ipc_ids *ids, struct ipc_object *o, int limit)
{
	u32 index, max_index;
	int err;

	if (ids->next_id >= 0) { /* asked for once */
		o->seq = (u32)ids->next_id >> IPC_INDEX_BITS;
		index = (u32)ids->next_id & (IPC_IDS_MAX - 1);
		ids->next_id = -1;
		err = idr_alloc(&ids->idr, o, index, IPC_IDS_MAX - 1, NULL, &index);
	} else {
		max_index = min_t(u32, max_t(u32, ids->in_use * 3 / 2, IPC_MIN_CYCLE), (u32)limit);
		max_index = max_t(u32, max_index, 1);
		err = idr_alloc_cyclic(&ids->idr, o, 0, max_index - 1, NULL, &index);
		if (!err && (int)index <= ids->last_index)
			ids->seq = ids->seq + 1 >= IPC_SEQ_MAX ? 0 : ids->seq + 1;
		if (!err)
			ids->last_index = (int)index;
		o->seq = ids->seq;
	}
	if (err)
		return err;
	ids->max_index = max(ids->max_index, (int)index);
	WRITE_ONCE(o->id, (int)(o->seq << IPC_INDEX_BITS | index));
	return 0;
}

/* -EAGAIN: somebody else made the key. */
static int add_locked(struct ipc_ns *ns, struct ipc_ids *ids, struct ipc_object *o,
		      const struct ipc_get_ops *ops)
{
	int err;

	if (o->key != IPC_PRIVATE && key_find(ids, o->key))
		return -EAGAIN;
	if ((int)ids->in_use >= ops->limit(ns))
		return -ENOSPC;
	o->id = -1;
	err = assign_index(ids, o, min(ops->limit(ns), IPC_IDS_MAX));
	if (err)
		return err;
	err = ops->admit(ns, o);
	if (err) {
		idr_remove(&ids->idr, (u32)o->id & (IPC_IDS_MAX - 1));
		return err;
	}
	if (o->key != IPC_PRIVATE)
		rb_add(&o->key_node, &ids->keys, key_less);
	ids->in_use++;
	spin_lock(&o->lock);
	o->deleted = false;
	spin_unlock(&o->lock);
	return 0;
}

static int make_object(struct ipc_ns *ns, const struct ipc_request *r,
		       const struct ipc_get_ops *ops)
{
	struct ipc_ids *ids = &ns->ids[ops->kind];
	struct ipc_object *o;
	int id, err = ops->create(ns, r, &o);

	if (err)
		return err;
	spin_lock(&ids->lock);
	err = add_locked(ns, ids, o, ops);
	id = o->id;
	spin_unlock(&ids->lock);
	if (!err)
		return id;
	ops->discard(ns, o);
	ipc_object_put(o);
	return err;
}

/* The id of the object with the key; -ENOENT. */
static int find_key(struct ipc_ns *ns, const struct ipc_request *r, const struct ipc_get_ops *ops)
{
	struct ipc_ids *ids = &ns->ids[ops->kind];
	struct ipc_object *o;
	int ret = -ENOENT;

	guard(spin)(&ids->lock);
	o = key_find(ids, r->key);
	if (!o)
		return ret;
	guard(spin)(&o->lock);
	if ((r->flags & IPC_CREAT) && (r->flags & IPC_EXCL))
		return -EEXIST;
	ret = ops->check ? ops->check(o, r) : 0;
	if (!ret)
		ret = ipc_permit(o, r->flags);
	return ret ? ret : o->id;
}

int ipc_get_id(struct ipc_ns *ns, const struct ipc_request *r, const struct ipc_get_ops *ops)
{
	int ret;

	if (r->key == IPC_PRIVATE)
		return make_object(ns, r, ops);
	do {
		ret = find_key(ns, r, ops);
		if (ret != -ENOENT || !(r->flags & IPC_CREAT))
			return ret;
		ret = make_object(ns, r, ops);
	} while (ret == -EAGAIN);
	return ret;
}

/* ---- finding ---- */

int ipc_find(struct ipc_ids *ids, int id, struct ipc_object **out)
{
	struct ipc_object *o;

	if (id < 0)
		return -EINVAL;
	o = idr_find(&ids->idr, (u32)id & (IPC_IDS_MAX - 1));
	if (!o || READ_ONCE(o->id) != id)
		return -EINVAL;
	*out = o;
	return 0;
}

int ipc_lock(struct ipc_ids *ids, int id, struct ipc_object **out)
{
	struct ipc_object *o;
	int err;

	guard(rcu)();
	err = ipc_find(ids, id, &o);
	if (err)
		return err;
	spin_lock(&o->lock);
	if (o->deleted) {
		spin_unlock(&o->lock);
		return -EIDRM;
	}
	*out = o;
	return 0;
}

int ipc_lock_index(struct ipc_ids *ids, int index, struct ipc_object **out)
{
	struct ipc_object *o;

	guard(rcu)();
	o = idr_find(&ids->idr, (u32)index & (IPC_IDS_MAX - 1));
	if (!o)
		return -EINVAL;
	spin_lock(&o->lock);
	if (o->deleted || o->id < 0) {
		spin_unlock(&o->lock);
		return -EINVAL;
	}
	*out = o;
	return 0;
}

struct ipc_object *ipc_lock_next(struct ipc_ids *ids, u32 *index)
{
	struct ipc_object *o;

	guard(rcu)();
	for (; *index < IPC_IDS_MAX; ++*index) {
		o = idr_next(&ids->idr, index);
		if (!o)
			return NULL;
		spin_lock(&o->lock);
		if (!o->deleted && o->id >= 0)
			return o;
		spin_unlock(&o->lock);
	}
	return NULL;
}

int ipc_lock_both(struct ipc_ids *ids, int id, struct ipc_object **out)
{
	int err;

	spin_lock(&ids->lock);
	err = ipc_lock(ids, id, out);
	if (err)
		spin_unlock(&ids->lock);
	return err;
}

void ipc_unlock_both(struct ipc_ids *ids, struct ipc_object *o)
{
	spin_unlock(&o->lock);
	spin_unlock(&ids->lock);
}

void ipc_key_drop(struct ipc_ids *ids, struct ipc_object *o)
{
	if (o->key != IPC_PRIVATE)
		rb_erase(&o->key_node, &ids->keys);
	o->key = IPC_PRIVATE;
}

void ipc_unlink(struct ipc_ids *ids, struct ipc_object *o)
{
	int index = o->id & (IPC_IDS_MAX - 1);

	idr_remove(&ids->idr, (u32)index);
	ipc_key_drop(ids, o);
	ids->in_use--;
	o->deleted = true;
	if (index != ids->max_index)
		return;
	while (--index >= 0 && !idr_find(&ids->idr, (u32)index))
		;
	ids->max_index = index;
}

int ipc_max_index(struct ipc_ids *ids)
{
	return max(READ_ONCE(ids->max_index), 0);
}

/* ---- permissions ---- */

int ipc_permit(const struct ipc_object *o, int flags)
{
	int wanted = flags >> 6 | flags >> 3 | flags, granted = o->mode;
	const struct cred *c = current_cred();

	if (c->euid == o->cuid || c->euid == o->uid)
		granted >>= 6;
	else if (cred_in_group(c, o->cgid) || cred_in_group(c, o->gid))
		granted >>= 3;
	return (wanted & ~granted & 7) && !ns_capable(o->ns->ns.owner, CAP_IPC_OWNER) ? -EACCES : 0;
}

int ipc_permit_owner(const struct ipc_object *o)
{
	u32 euid = current_cred()->euid;

	return euid == o->cuid || euid == o->uid || ns_capable(o->ns->ns.owner, CAP_SYS_ADMIN)
		       ? 0
		       : -EPERM;
}

void ipc_perm_out(const struct ipc_object *o, struct ipc64_perm *out)
{
	out->key = o->key;
	out->uid = uid_to_user(o->uid);
	out->gid = gid_to_user(o->gid);
	out->cuid = uid_to_user(o->cuid);
	out->cgid = gid_to_user(o->cgid);
	out->mode = o->mode;
	out->seq = (unsigned short)o->seq;
}

int ipc_perm_in(struct ipc_object *o, const struct ipc64_perm *in)
{
	u32 uid = uid_from_user(in->uid), gid = gid_from_user(in->gid);

	if (uid == ID_NONE || gid == ID_NONE)
		return -EINVAL;
	o->uid = uid;
	o->gid = gid;
	o->mode = (u16)((o->mode & ~0777) | (in->mode & 0777));
	return 0;
}

void ipc_set_pid(struct pid **at, struct pid *pid)
{
	struct pid *old = *at;

	if (old == pid)
		return;
	*at = pid ? pid_get(pid) : NULL;
	pid_put(old);
}
