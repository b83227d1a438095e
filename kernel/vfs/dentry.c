/*
 * The dentry cache: names in memory.
 *
 * One hash table by (parent, name).  Readers walk the buckets under RCU and check each dentry with
 * its sequence count: name, parent and inode change only inside seq_write_begin()/end() under
 * d->lock.  A reader that finds nothing may have been led astray by a rename that moved a dentry to
 * another bucket under its feet; vfs_rename_seq tells.
 *
 * References: d->refs counts users; zero is an ordinary state (cached, unused).  The last step of a
 * life is refs 0 -> DEAD by compare-and-swap, after which dentry_tryget() fails; the memory goes
 * after a grace period. Memory file systems set DENTRY_PERSISTENT: the dentry is the directory
 * entry and stays without references until it is dropped.  In a DENTRY_COMPLETE directory (every
 * child is such a dentry) a miss in the cache is the answer, no call into the file system and no
 * negative dentry needed.
 *
 * A directory's children list is in order of the children's cookies, which readdir hands out as
 * positions.
 */
#include <kern/hash.h>
#include <kernel/vfs/vfs_impl.h>
#include <kernel/frame/frame.h>
#include <kernel/notify/notify.h>
#include <kernel/panic/panic.h>
#include <kernel/sched/sched.h>

#define REFS_DEAD 0x80000000u
#define STRIPES 256u

static struct slab_cache *dentry_cache;
static struct hlist_head *table;
static unsigned int table_bits;
static struct spinlock stripes[STRIPES];

struct seqcount vfs_rename_seq;
static struct spinlock rename_lock = SPINLOCK_INIT(LK_MOUNT);

static struct spinlock lru_lock = SPINLOCK_INIT(LK_SPIN_LEAF);
static LIST_HEAD(lru);
static u64 lru_count;

/* ---- names ---- */

/* Must agree with the walk's combined scan in namei.c. */
u32 qstr_hash(const struct dentry *parent, const char *name, u32 len)
{
	u64 h = (u64)(unsigned long)parent;
	u64 w;

	for (; len >= 8; len -= 8, name += 8) {
		memcpy(&w, name, 8);
		h = (h ^ w) * HASH_GOLDEN_64;
		h = h << 23 | h >> 41;
	}
	if (len)
		h = (h ^ load_tail(name, len)) * HASH_GOLDEN_64;
	return (u32)(h >> 32);
}

/* Names in dentries are padded with at least one zero up to a multiple of 8. */
static __always_inline bool name_equal(const char *dname, const char *name, u32 len)
{
	u64 a, b;

	for (; len >= 8; len -= 8, name += 8, dname += 8) {
		memcpy(&a, dname, 8);
		memcpy(&b, name, 8);
		if (a != b)
			return false;
	}
	if (!len)
		return true;
	memcpy(&a, dname, 8);
	return (a & ((1ull << len * 8) - 1)) == load_tail(name, len);
}

static inline struct hlist_head *bucket(u32 hash)
{
	return &table[hash >> (32 - table_bits)];
}

static inline struct spinlock *bucket_lock(u32 hash)
{
	return &stripes[(hash >> (32 - table_bits)) % STRIPES];
}

struct dentry *dentry_lookup_rcu(const struct dentry *parent, const char *name, u32 len, u32 hash,
				 u32 *out_seq)
{
	struct dentry *d;

	hlist_for_each_entry_rcu(d, bucket(hash), hash)
	{
		u32 seq;

		if (READ_ONCE(d->name.hash) != hash || READ_ONCE(d->parent) != parent)
			continue;
		seq = seq_read_begin(&d->seq);
		if (READ_ONCE(d->parent) != parent || READ_ONCE(d->name.len) != len ||
		    !(READ_ONCE(d->flags) & DENTRY_CACHED))
			continue;
		if (!name_equal(READ_ONCE(d->name.name), name, len))
			continue;
		*out_seq = seq;
		return d;
	}
	return NULL;
}

bool dentry_tryget(struct dentry *d)
{
	u32 old = READ_ONCE(d->refs);

	do {
		if (old & REFS_DEAD)
			return false;
	} while (!try_cmpxchg(&d->refs, &old, old + 1));
	return true;
}

struct dentry *dentry_get(struct dentry *d)
{
	if (d)
		__atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
	return d;
}

struct dentry *dentry_find(struct dentry *dir, const struct qstr *q)
{
	struct dentry *d;

	rcu_read_lock();
	for (;;) {
		u32 seq, rename = seq_read_begin(&vfs_rename_seq);

		d = dentry_lookup_rcu(dir, q->name, q->len, q->hash, &seq);
		if (!d) {
			if (seq_read_retry(&vfs_rename_seq, rename))
				continue;
			break;
		}
		if (!dentry_tryget(d)) {
			cpu_relax();
			continue;
		}
		if (!seq_read_retry(&d->seq, seq))
			break;
		rcu_read_unlock();
		dentry_put(d);
		rcu_read_lock();
	}
	rcu_read_unlock();
	return d;
}

void dentry_hash_add(struct dentry *d)
{
	struct spinlock *l = bucket_lock(d->name.hash);

	spin_lock(l);
	hlist_add_head_rcu(&d->hash, bucket(d->name.hash));
	spin_unlock(l);
}

static void hash_remove(struct dentry *d)
{
	struct spinlock *l = bucket_lock(d->name.hash);

	spin_lock(l);
	hlist_del_init_rcu(&d->hash);
	spin_unlock(l);
}

/* ---- birth ---- */

static int name_set(struct dentry *d, const char *name, u32 len)
{
	char *p = d->inline_name;

	if (len >= sizeof(d->inline_name)) {
		p = kzalloc(ALIGN(len + 1, 8u));
		if (!p)
			return -ENOMEM;
	}
	memcpy(p, name, len);
	d->name.name = p;
	d->name.len = len;
	return 0;
}

static int alloc_common(struct super *sb, const struct qstr *q, struct dentry **out)
{
	struct dentry *d = slab_alloc(dentry_cache, GFP_KERNEL);
	int err;

	if (!d)
		return -ENOMEM;
	memset(d, 0, sizeof(*d));
	err = name_set(d, q->name, q->len);
	if (err) {
		slab_free(dentry_cache, d);
		return err;
	}
	d->refs = 1;
	d->super = sb;
	d->ops = sb->dentry_ops;
	if (d->ops && d->ops->revalidate)
		d->flags = DENTRY_REVALIDATE;
	spin_init(&d->lock, LK_DENTRY);
	list_init(&d->children);
	list_init(&d->sibling);
	list_init(&d->alias);
	list_init(&d->lru);
	d->parent = d;
	*out = d;
	return 0;
}

int dentry_alloc(struct dentry *parent, const struct qstr *q, struct dentry **out)
{
	struct dentry *d;
	int err;

	if (q->len > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	err = alloc_common(parent->super, q, &d);
	if (err)
		return err;
	d->name.hash = qstr_hash(parent, q->name, q->len);
	d->parent = dentry_get(parent);
	spin_lock(&parent->lock);
	d->cookie = parent->next_cookie < 2 ? 2 : parent->next_cookie;
	parent->next_cookie = d->cookie + 1;
	list_add_tail(&d->sibling, &parent->children);
	spin_unlock(&parent->lock);
	*out = d;
	return 0;
}

int dentry_alloc_root(struct super *sb, struct inode *root, struct dentry **out)
{
	struct qstr q = {.name = "/", .len = 1};
	struct dentry *d;
	int err = alloc_common(sb, &q, &d);

	if (err) {
		inode_put(root);
		return err;
	}
	dentry_set_inode(d, root);
	*out = d;
	return 0;
}

/* Off the parent's list; no lock of @d held.  The parent cannot change: @d is unhashed or dead. */
static void unlink_from_parent(struct dentry *d)
{
	struct dentry *parent = d->parent;

	if (parent == d || list_empty(&d->sibling))
		return;
	spin_lock(&parent->lock);
	list_del_init(&d->sibling);
	spin_unlock(&parent->lock);
}

u32 mode_to_dt(u32 mode)
{
	return (mode & S_IFMT) >> 12;
}

static void set_inode(struct dentry *d, struct inode *i, u32 flags, bool hash)
{
	flags |= mode_to_dt(i->mode) << DENTRY_KIND_SHIFT;
	if (S_ISDIR(i->mode) && i->ops && i->ops->lookup == simple_lookup)
		flags |= DENTRY_COMPLETE;
	if (S_ISDIR(i->mode))
		lock_debug_init(&i->lock.debug, LK_INODE_DIR);
	spin_lock(&d->lock);
	spin_lock(&i->spin);
	list_add(&d->alias, &i->dentries);
	spin_unlock(&i->spin);
	seq_write_begin(&d->seq);
	d->inode = i;
	d->flags |= flags;
	seq_write_end(&d->seq);
	if (hash && d->parent != d && !(d->flags & DENTRY_CACHED)) {
		d->flags |= DENTRY_CACHED;
		dentry_hash_add(d);
	}
	spin_unlock(&d->lock);
}

void dentry_set_inode(struct dentry *d, struct inode *i)
{
	set_inode(d, i, 0, true);
}

void dentry_set_inode_pinned(struct dentry *d, struct inode *i)
{
	set_inode(d, i, DENTRY_PERSISTENT, true);
}

void dentry_set_inode_nameless(struct dentry *d, struct inode *i)
{
	unlink_from_parent(d);
	set_inode(d, i, 0, false);
}

/*
 * A dentry that is in no directory, for pipes and the like: nothing of @root changes, so that CPUs
 * do not meet there. Consumes @i, on failure too.
 */
int dentry_alloc_nameless(struct dentry *root, const struct qstr *q, struct inode *i,
			  struct dentry **out)
{
	struct dentry *d;
	int err = alloc_common(root->super, q, &d);

	if (err) {
		inode_put(i);
		return err;
	}
	set_inode(d, i, 0, false);
	*out = d;
	return 0;
}

/* ---- death ---- */

static void free_rcu(struct rcu_head *head)
{
	struct dentry *d = container_of(head, struct dentry, rcu);

	if (d->name.name != d->inline_name)
		kfree(d->name.name);
	slab_free(dentry_cache, d);
}

static void lru_remove(struct dentry *d)
{
	if (!(d->flags & DENTRY_LRU))
		return;
	spin_lock(&lru_lock);
	list_del_init(&d->lru);
	lru_count--;
	spin_unlock(&lru_lock);
	d->flags &= ~DENTRY_LRU;
}

static void lru_add(struct dentry *d)
{
	if (d->flags & DENTRY_LRU) {
		d->flags |= DENTRY_REFERENCED; /* used since it came */
		return;
	}
	d->flags |= DENTRY_LRU;
	spin_lock(&lru_lock);
	list_add_tail(&d->lru, &lru);
	lru_count++;
	spin_unlock(&lru_lock);
}

/* d->lock held. */
static void unhash_locked(struct dentry *d)
{
	if (!(d->flags & DENTRY_CACHED))
		return;
	seq_write_begin(&d->seq);
	d->flags &= ~(DENTRY_CACHED | DENTRY_PERSISTENT);
	seq_write_end(&d->seq);
	hash_remove(d);
}

/*
 * Takes a dentry with DEAD set and d->lock held apart; returns its parent, whose reference the
 * caller drops next (a loop instead of recursion).
 */
static struct dentry *dismantle(struct dentry *d)
{
	struct dentry *parent = d->parent != d ? d->parent : NULL;
	struct inode *inode = d->inode;

	lru_remove(d);
	unhash_locked(d);
	seq_write_begin(&d->seq);
	d->inode = NULL;
	seq_write_end(&d->seq);
	if (inode) {
		spin_lock(&inode->spin);
		list_del_init(&d->alias);
		spin_unlock(&inode->spin);
	}
	spin_unlock(&d->lock);
	unlink_from_parent(d);
	if (d->ops && d->ops->release)
		d->ops->release(d);
	if (inode && !inode->nlink)
		notify_deleted(inode);
	if (inode)
		inode_put(inode);
	rcu_call(&d->rcu, free_rcu);
	return parent;
}

static bool keep_cached(struct dentry *d)
{
	if (!(d->flags & DENTRY_CACHED))
		return false;
	return !d->ops || !d->ops->delete_on_last_put || !d->ops->delete_on_last_put(d);
}

/* refs fell to zero; RCU read lock held, dropped here.  Returns the next to put, or NULL. */
static noinline struct dentry *put_last(struct dentry *d)
{
	u32 zero = 0;

	spin_lock(&d->lock);
	rcu_read_unlock(); /* the lock keeps preemption off, d stays until it is released */
	if (READ_ONCE(d->refs) || (d->flags & DENTRY_PERSISTENT)) {
		spin_unlock(&d->lock);
		return NULL;
	}
	if (keep_cached(d)) {
		lru_add(d);
		spin_unlock(&d->lock);
		return NULL;
	}
	if (!try_cmpxchg(&d->refs, &zero, REFS_DEAD)) {
		spin_unlock(&d->lock);
		return NULL;
	}
	return dismantle(d);
}

void dentry_put(struct dentry *d)
{
	while (d) {
		rcu_read_lock();
		if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) != 0 ||
		    (READ_ONCE(d->flags) & DENTRY_PERSISTENT)) {
			rcu_read_unlock();
			return;
		}
		d = put_last(d);
	}
}

void dentry_drop(struct dentry *d)
{
	spin_lock(&d->lock);
	unhash_locked(d);
	d->flags &= ~DENTRY_PERSISTENT;
	spin_unlock(&d->lock);
	unlink_from_parent(d);
}

/* First child of @dir with one reference (dying ones are waited for), or NULL. */
static struct dentry *first_child(struct dentry *dir)
{
	struct dentry *c, *found = NULL;

	spin_lock(&dir->lock);
	list_for_each_entry (c, &dir->children, sibling) {
		if (dentry_tryget(c)) {
			found = c;
			break;
		}
	}
	spin_unlock(&dir->lock);
	return found;
}

/* Depth first, without recursion: goes down to a leaf, drops it, and begins again from its parent.
 */
void dentry_drop_tree(struct dentry *root)
{
	struct dentry *d = dentry_get(root);

	for (;;) {
		struct dentry *c = first_child(d), *parent;

		if (c) {
			dentry_put(d);
			d = c;
			continue;
		}
		if (d->inode && S_ISDIR(d->inode->mode))
			d->inode->flags |= INODE_DEAD;
		dentry_drop(d);
		if (d == root)
			break;
		parent = dentry_get(d->parent);
		dentry_put(d);
		d = parent;
	}
	dentry_put(d);
}

/* The last mount is gone: nobody can hold or find a dentry of @sb. */
void dentry_prune_super(struct super *sb)
{
	struct dentry *root = sb->root;

	if (!root)
		return;
	sb->root = NULL;
	dentry_drop_tree(root);
	dentry_put(root);
}

/* ---- shrinking ---- */

#define DENTRIES_A_FRAME 8 /* with their inodes, about */

int vfs_cache_pressure = 100;
static u64 dentries_scanned; /* atomic */

u64 vfs_slabs_scanned(void)
{
	return __atomic_load_n(&dentries_scanned, __ATOMIC_RELAXED);
}

/* The oldest unused dentry, locked and dead, off the list.  NULL: this one is kept. */
static struct dentry *lru_take(bool aged)
{
	struct dentry *d;
	u32 zero = 0;

	spin_lock(&lru_lock);
	d = list_empty(&lru) ? NULL : list_first_entry(&lru, struct dentry, lru);
	/* d->lock comes before lru_lock, so it can only be tried here. */
	if (!d || !spin_trylock(&d->lock)) {
		if (d)
			list_move_tail(&d->lru, &lru);
		spin_unlock(&lru_lock);
		return NULL;
	}
	if (aged && d->flags & DENTRY_REFERENCED) {
		d->flags &= ~DENTRY_REFERENCED;
		list_move_tail(&d->lru, &lru);
		spin_unlock(&lru_lock);
		spin_unlock(&d->lock);
		return NULL;
	}
	list_del_init(&d->lru);
	lru_count--;
	d->flags &= ~(DENTRY_LRU | DENTRY_REFERENCED);
	spin_unlock(&lru_lock);
	if (try_cmpxchg(&d->refs, &zero, REFS_DEAD))
		return d;
	spin_unlock(&d->lock);
	return NULL;
}

/* Up to @want dentries of @scan that are looked at. */
static u64 lru_shrink_some(u64 want, u64 scan, bool aged)
{
	u64 freed = 0, seen = 0;

	while (freed < want && seen < scan) {
		struct dentry *d = lru_take(aged);

		seen++;
		if (!d)
			continue;
		dentry_put(dismantle(d));
		freed++;
		sched_cond_resched();
	}
	__atomic_fetch_add(&dentries_scanned, seen, __ATOMIC_RELAXED);
	return freed;
}

static u64 lru_shrink(u64 want)
{
	return lru_shrink_some(want * DENTRIES_A_FRAME, READ_ONCE(lru_count), true) /
	       DENTRIES_A_FRAME;
}

static u64 lru_size(void)
{
	return READ_ONCE(lru_count) * (u64)READ_ONCE(vfs_cache_pressure) / (100 * DENTRIES_A_FRAME);
}

static struct frame_shrinker lru_shrinker = {
	.name = "dentry", .shrink = lru_shrink, .size = lru_size};

/* Parents become unused when their last child goes: until nothing does. */
void vfs_drop_slabs(void)
{
	for (int depth = 0; depth < 64; depth++) {
		if (!lru_shrink_some(~0ull, READ_ONCE(lru_count), false))
			return;
	}
}

/* ---- moves ---- */

static void move_begin(struct dentry *a, struct dentry *b)
{
	spin_lock(&rename_lock);
	seq_write_begin(&vfs_rename_seq);
	spin_lock(&a->lock);
	spin_lock_nested(&b->lock, 1);
	seq_write_begin(&a->seq);
	seq_write_begin(&b->seq);
}

static void move_end(struct dentry *a, struct dentry *b)
{
	seq_write_end(&b->seq);
	seq_write_end(&a->seq);
	spin_unlock(&b->lock);
	spin_unlock(&a->lock);
	seq_write_end(&vfs_rename_seq);
	spin_unlock(&rename_lock);
}

static void swap_names(struct dentry *a, struct dentry *b)
{
	bool a_in = a->name.name == a->inline_name, b_in = b->name.name == b->inline_name;

	for (size_t i = 0; i < sizeof(a->inline_name) / 8; i++) {
		u64 x, y;

		memcpy(&x, a->inline_name + i * 8, 8);
		memcpy(&y, b->inline_name + i * 8, 8);
		memcpy(a->inline_name + i * 8, &y, 8);
		memcpy(b->inline_name + i * 8, &x, 8);
	}
	swap(a->name, b->name);
	if (b_in)
		a->name.name = a->inline_name;
	if (a_in)
		b->name.name = b->inline_name;
}

/* From one directory's list to the end of another's; both directories are locked. */
static void relink(struct dentry *d, struct dentry *old_parent, struct dentry *parent)
{
	spin_lock(&old_parent->lock);
	list_del_init(&d->sibling);
	spin_unlock(&old_parent->lock);
	spin_lock(&parent->lock);
	d->cookie = parent->next_cookie < 2 ? 2 : parent->next_cookie;
	parent->next_cookie = d->cookie + 1;
	list_add_tail(&d->sibling, &parent->children);
	spin_unlock(&parent->lock);
}

/*
 * @d takes the name and the place of @target, which leaves the cache.  No name is allocated: a long
 * one is swapped, so that an open file that was replaced then shows the other's name.  In the same
 * directory the position for readdir stays.
 */
void dentry_move(struct dentry *d, struct dentry *target)
{
	struct dentry *old_parent = d->parent, *parent = target->parent;

	move_begin(d, target);
	hash_remove(d);
	if (target->flags & DENTRY_CACHED)
		hash_remove(target);
	target->flags &= ~(DENTRY_CACHED | DENTRY_PERSISTENT);
	if (d->name.name == d->inline_name && target->name.name == target->inline_name) {
		memcpy(d->inline_name, target->inline_name, sizeof(d->inline_name));
		d->name.len = target->name.len;
		d->name.hash = target->name.hash;
	} else {
		swap_names(d, target);
	}
	d->parent = parent;
	d->flags |= DENTRY_CACHED;
	dentry_hash_add(d);
	move_end(d, target);

	unlink_from_parent(target);
	if (parent != old_parent) {
		relink(d, old_parent, parent);
		dentry_get(parent);
		dentry_put(old_parent);
	}
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
	struct dentry *pa = a->parent, *pb = b->parent;

	move_begin(a, b);
	hash_remove(a);
	hash_remove(b);
	swap_names(a, b);
	a->parent = pb;
	b->parent = pa;
	dentry_hash_add(a);
	dentry_hash_add(b);
	move_end(a, b);
	if (pa != pb) {
		relink(a, pa, pb);
		relink(b, pb, pa);
	}
}

/* Stable while rename_lock of the superblock is held; else a snapshot. */
bool dentry_is_below(const struct dentry *d, const struct dentry *ancestor)
{
	bool found;
	u32 seq;

	rcu_read_lock();
	do {
		const struct dentry *p = d;

		seq = seq_read_begin(&vfs_rename_seq);
		while (p != ancestor && READ_ONCE(p->parent) != p)
			p = READ_ONCE(p->parent);
		found = p == ancestor;
	} while (seq_read_retry(&vfs_rename_seq, seq));
	rcu_read_unlock();
	return found;
}

bool dentry_has_children(struct dentry *dir)
{
	struct dentry *c;
	bool found = false;

	spin_lock(&dir->lock);
	list_for_each_entry (c, &dir->children, sibling) {
		if (c->inode && (c->flags & DENTRY_CACHED)) {
			found = true;
			break;
		}
	}
	spin_unlock(&dir->lock);
	return found;
}

void dentry_set_mounted(struct dentry *d, bool on)
{
	spin_lock(&d->lock);
	if (on)
		d->flags |= DENTRY_MOUNTED;
	else
		d->flags &= ~DENTRY_MOUNTED;
	spin_unlock(&d->lock);
}

void dentry_init(void)
{
	struct frame_stats st;
	unsigned int order;

	dentry_cache = SLAB_CACHE_BOOT(dentry, SLAB_RECLAIM);
	frame_stats(&st);
	/* One bucket for four frames of memory. */
	table_bits = 10;
	while (table_bits < 20 && (1ull << (table_bits + 3)) <= st.total)
		table_bits++;
	order = table_bits + 3 - PAGE_SHIFT;
	if (table_bits + 3 < PAGE_SHIFT)
		order = 0;
	table = frame_alloc_virt(order, GFP_ZERO);
	if (!table)
		panic("no memory for the dentry table");
	for (unsigned int i = 0; i < STRIPES; i++)
		spin_init(&stripes[i], LK_SPIN_LEAF);
	frame_register_shrinker(&lru_shrinker);
}
