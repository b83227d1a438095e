/*
 * Advisory locks: fcntl(2) records (of a process: owner is its descriptor table; of an open file
 * description: owner is the file) and flock(2), which is a record of the whole file in a space of
 * its own.
 *
 * The locks of an inode are in two trees: by range, each node with the largest end below it, which
 * finds a conflict; and by owner, whose records are disjoint, which finds what a request changes.
 *
 * A request that conflicts waits for one lock; or, if another request that already waits for that
 * lock conflicts with it too, for that request, and so on.  So a release wakes only requests that
 * can all be granted together.  The chain is cut at a length: what comes later waits at its end.
 * Waiters look again when the part of the lock that they wanted goes.
 *
 * Deadlocks are looked for among process-owned records: a request whose chain of owners, each
 * waiting for the next, leads back to itself is refused.  Source: fcntl(2), flock(2).
 */
#include "locks_impl.h"

#include <kernel/sched/sched.h>
#include <asm/fcntl.h>

#define CHAIN_MAX 64
#define DEADLOCK_MAX 10 /* owners looked at; as Linux */
#define DROP_BATCH 64

static struct spinlock all_lock = SPINLOCK_INIT(LK_FILE_LOCKS_ALL);
static LIST_HEAD(all_file_locks); /* all_lock */
/* Who waits for whom, of all inodes. */
static struct spinlock wait_lock = SPINLOCK_INIT(LK_FILE_LOCKS_WAIT);
static struct rb_root waiting; /* process-owned requests by owner; wait_lock */
static struct slab_cache *lock_cache;

void locks_init(void)
{
	lock_cache = SLAB_CACHE_BOOT(file_lock, 0);
}

int file_locks_of(struct inode *i, struct file_locks **out)
{
	struct file_locks *fl = smp_load_acquire(&i->locks), *there;

	if (fl) {
		*out = fl;
		return 0;
	}
	fl = kzalloc(sizeof(*fl));
	if (!fl)
		return -ENOMEM;
	spin_init(&fl->lock, LK_FILE_LOCKS);
	spin_lock(&all_lock);
	there = i->locks;
	if (!there) {
		list_add_tail(&fl->all, &all_file_locks);
		smp_store_release(&i->locks, fl);
	}
	spin_unlock(&all_lock);
	if (there)
		kfree(fl);
	*out = there ? there : fl;
	return 0;
}

void locks_inode_free(struct inode *i)
{
	struct file_locks *fl = i->locks;

	if (likely(!fl))
		return;
	WARN_ON(!RB_EMPTY_ROOT(&fl->posix.ranges) || !RB_EMPTY_ROOT(&fl->flock.ranges));
	spin_lock(&all_lock);
	list_del(&fl->all);
	spin_unlock(&all_lock);
	kfree(fl);
}

/* ---- trees of ranges ---- */

static struct file_lock *of_range(const struct rb_node *n)
{
	return n ? rb_entry(n, struct file_lock, range) : NULL;
}

static void update_ends(struct rb_node *n)
{
	struct file_lock *l = of_range(n);
	const struct file_lock *kids[] = {of_range(n->left), of_range(n->right)};

	l->max_end = l->end;
	l->max_wr_end = l->type == F_WRLCK ? l->end : -1;
	for (int k = 0; k < 2; k++) {
		if (!kids[k])
			continue;
		l->max_end = max(l->max_end, kids[k]->max_end);
		l->max_wr_end = max(l->max_wr_end, kids[k]->max_wr_end);
	}
}

static void range_insert(struct rb_root *root, struct file_lock *l)
{
	struct rb_node **link = &root->node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = l->start < of_range(parent)->start ? &parent->left : &parent->right;
	}
	rb_link_node(&l->range, parent, link);
	rb_insert_augmented(&l->range, root, update_ends);
}

static void range_erase(struct rb_root *root, struct file_lock *l)
{
	rb_erase_augmented(&l->range, root, update_ends);
}

/* What is looked for: overlaps [start, end]; @writes: of F_WRLCK only. */
struct range_query {
	loff_t start, end;
	bool writes;
};

static bool reaches(const struct rb_node *subtree, const struct range_query *q)
{
	const struct file_lock *l = of_range(subtree);

	return l && (q->writes ? l->max_wr_end : l->max_end) >= q->start;
}

static bool is_hit(const struct file_lock *l, const struct range_query *q)
{
	return l->end >= q->start && (!q->writes || l->type == F_WRLCK);
}

static struct file_lock *first_below(struct rb_node *n, const struct range_query *q)
{
	if (!reaches(n, q))
		return NULL;
	for (;;) {
		if (reaches(n->left, q)) {
			n = n->left;
			continue;
		}
		if (of_range(n)->start > q->end)
			return NULL;
		if (is_hit(of_range(n), q))
			return of_range(n);
		if (!reaches(n->right, q))
			return NULL;
		n = n->right;
	}
}

static struct file_lock *next_hit(struct file_lock *l, const struct range_query *q)
{
	struct rb_node *n = &l->range, *from;

	for (;;) {
		if (reaches(n->right, q))
			return first_below(n->right, q);
		do {
			from = n;
			n = rb_parent(n);
			if (!n)
				return NULL;
		} while (from == n->right);
		if (of_range(n)->start > q->end)
			return NULL;
		if (is_hit(of_range(n), q))
			return of_range(n);
	}
}

struct file_lock *lock_conflict(const struct rb_root *root, const struct file_lock *want)
{
	struct range_query q = {want->start, want->end, want->type == F_RDLCK};
	struct file_lock *l = first_below(root->node, &q);

	while (l && l->owner == want->owner)
		l = next_hit(l, &q);
	return l;
}

/* ---- trees of owners ---- */

static struct file_lock *of_mine(const struct rb_node *n)
{
	return n ? rb_entry(n, struct file_lock, mine) : NULL;
}

static bool mine_less(const struct rb_node *a, const struct rb_node *b)
{
	const struct file_lock *x = of_mine(a), *y = of_mine(b);

	return x->owner != y->owner ? x->owner < y->owner : x->start < y->start;
}

/* The owner's record that begins last at or before @start; if there is none, its first. */
static struct file_lock *mine_near(const struct lock_space *s, const void *owner, loff_t start)
{
	struct file_lock key = {.owner = owner, .start = start};
	struct file_lock *before = NULL, *after = NULL;
	struct rb_node *n = s->mine.node;

	while (n) {
		if (mine_less(&key.mine, n)) {
			after = of_mine(n);
			n = n->left;
		} else {
			before = of_mine(n);
			n = n->right;
		}
	}
	if (before && before->owner == owner)
		return before;
	return after && after->owner == owner ? after : NULL;
}

struct file_lock *lock_first_of(const struct lock_space *s, const void *owner)
{
	return mine_near(s, owner, -1);
}

struct file_lock *lock_next_of(const struct file_lock *l)
{
	struct file_lock *next = of_mine(rb_next(&l->mine));

	return next && next->owner == l->owner ? next : NULL;
}

/* ---- waiting ---- */

static int cmp_owner(const void *owner, const struct rb_node *n)
{
	const void *o = of_mine(n)->owner;

	return owner < o ? -1 : owner > o;
}

/* wait_lock and the lock of the inode are held. */
static void unblock(struct file_lock *r)
{
	range_erase(&r->blocker->blocked, r);
	if (r->kind == KIND_POSIX)
		rb_erase(&r->mine, &waiting);
	/* The task comes back through the inode's lock, so its queue lives as long as that is held.
	 */
	WRITE_ONCE(r->blocker, NULL);
	wake_up_all(r->wait);
}

/* [start, end] of @l is free, or another's: who wanted some of it looks again. */
static void wake_blocked(struct file_lock *l, loff_t start, loff_t end)
{
	struct range_query q = {start, end, false};
	struct file_lock *r;

	if (RB_EMPTY_ROOT(&l->blocked))
		return;
	spin_lock(&wait_lock);
	while ((r = first_below(l->blocked.node, &q)))
		unblock(r);
	spin_unlock(&wait_lock);
}

/* Does the owner of @c wait, through others, for the one of @want? */
static bool would_deadlock(const struct file_lock *want, const struct file_lock *c)
{
	for (int n = 0; c->kind == KIND_POSIX && n < DEADLOCK_MAX; n++) {
		if (c->owner == want->owner)
			return true;
		c = of_mine(rb_find(c->owner, &waiting, cmp_owner));
		if (!c)
			return false;
		while (c->blocker)
			c = c->blocker;
	}
	return false;
}

/* Makes @want wait for @blocker, or for a request that does. */
static int block_on(struct file_lock *blocker, struct file_lock *want)
{
	struct file_lock *c;
	int err = 0;

	/* Nobody may be found to wait for a request that waits for nobody. */
	wake_blocked(want, 0, S64_MAX);
	spin_lock(&wait_lock);
	if (want->kind == KIND_POSIX && would_deadlock(want, blocker)) {
		err = -EDEADLK;
	} else {
		for (int n = 0; n < CHAIN_MAX; n++) {
			c = lock_conflict(&blocker->blocked, want);
			if (!c)
				break;
			blocker = c;
		}
		WRITE_ONCE(want->blocker, blocker);
		range_insert(&blocker->blocked, want);
		if (want->kind == KIND_POSIX)
			(void)rb_add(&want->mine, &waiting, mine_less);
	}
	spin_unlock(&wait_lock);
	return err;
}

/* A request that is not going to be a lock. */
static void give_up(struct file_locks *fl, struct file_lock *want)
{
	spin_lock(&fl->lock);
	if (want->blocker) {
		spin_lock(&wait_lock);
		unblock(want);
		spin_unlock(&wait_lock);
	}
	wake_blocked(want, 0, S64_MAX);
	spin_unlock(&fl->lock);
}

/* ---- changing ---- */

static void insert(struct lock_space *s, struct file_lock *l)
{
	range_insert(&s->ranges, l);
	(void)rb_add(&l->mine, &s->mine, mine_less);
}

static void remove(struct lock_space *s, struct file_lock *l)
{
	range_erase(&s->ranges, l);
	rb_erase(&l->mine, &s->mine);
	wake_blocked(l, 0, S64_MAX);
	slab_free(lock_cache, l);
}

/* Takes [start, end] away from @l, which has some of it; @spare becomes the rest behind. */
static void cut(struct lock_space *s, struct file_lock *l, loff_t start, loff_t end,
		struct file_lock **spare)
{
	loff_t old_start = l->start, old_end = l->end;
	struct file_lock *tail;

	if (old_start >= start && old_end <= end) {
		remove(s, l);
		return;
	}
	if (old_start >= start) {
		range_erase(&s->ranges, l);
		l->start = end + 1;
		range_insert(&s->ranges, l);
		wake_blocked(l, old_start, end);
		return;
	}
	l->end = start - 1;
	rb_propagate(&l->range, update_ends);
	if (old_end > end) {
		tail = *spare;
		*spare = NULL;
		*tail = *l;
		tail->blocked = RB_ROOT;
		tail->start = end + 1;
		tail->end = old_end;
		insert(s, tail);
	}
	/* Who wanted what is the tail's now finds that again. */
	wake_blocked(l, start, old_end);
}

static bool touches(const struct file_lock *l, const struct file_lock *want)
{
	return (l->end == S64_MAX || l->end + 1 >= want->start) &&
	       (want->end == S64_MAX || want->end + 1 >= l->start);
}

/*
 * Takes the range of *@want away from the owner's records and puts it there unless it unlocks;
 * neighbours of the same type are joined.  *@want, *@spare: NULL when they became locks.
 */
static void apply(struct lock_space *s, struct file_lock **want, struct file_lock **spare)
{
	struct file_lock *w = *want, *l, *next;
	loff_t end = w->end == S64_MAX ? S64_MAX : w->end + 1;

	for (l = mine_near(s, w->owner, w->start); l && l->start <= end; l = next) {
		next = lock_next_of(l);
		if (l->type == w->type && touches(l, w)) {
			if (l->start <= w->start && l->end >= w->end)
				return;
			w->start = min(w->start, l->start);
			w->end = max(w->end, l->end);
			remove(s, l);
		} else if (l->end >= w->start && l->start <= w->end) {
			cut(s, l, w->start, w->end, spare);
		}
	}
	if (w->type == F_UNLCK)
		return;
	insert(s, w);
	*want = NULL;
}

/* One attempt.  1: done, 0: waits now. */
static int attempt(struct file_locks *fl, struct file_lock **want, struct file_lock **spare,
		   bool wait)
{
	struct file_lock *w = *want, *c = NULL;
	struct lock_space *s = lock_space_of(fl, w->kind);
	int ret = 1;

	spin_lock(&fl->lock);
	if (w->type != F_UNLCK) {
		/* flock(2): a conversion gives up what it had first, whatever comes of it. */
		c = w->kind == KIND_FLOCK ? lock_first_of(s, w->owner) : NULL;
		if (c && c->type != w->type)
			remove(s, c);
		c = lock_conflict(&s->ranges, w);
	}
	if (!c)
		apply(s, want, spare);
	else
		ret = wait ? block_on(c, w) : -EAGAIN;
	spin_unlock(&fl->lock);
	return ret;
}

int lock_set(const struct file_lock *proto, bool wait)
{
	struct file_lock *want, *spare;
	struct file_locks *fl;
	struct wait_queue queue;
	int err;

	if (proto->type == F_UNLCK && !smp_load_acquire(&proto->inode->locks))
		return 0;
	err = file_locks_of(proto->inode, &fl);
	if (err)
		return err;
	want = slab_alloc(lock_cache, GFP_KERNEL);
	spare = slab_alloc(lock_cache, GFP_KERNEL);
	err = -ENOLCK;
	if (!want || !spare)
		goto out;
	wait_queue_init(&queue);
	*want = *proto;
	want->wait = &queue;
	while (!(err = attempt(fl, &want, &spare, wait))) {
		err = wait_event_interruptible(&queue, !READ_ONCE(want->blocker));
		if (err)
			break;
	}
	if (err == 1)
		err = 0;
	if (want && wait)
		give_up(fl, want);
out:
	if (want)
		slab_free(lock_cache, want);
	if (spare)
		slab_free(lock_cache, spare);
	return err;
}

/* ---- ends ---- */

/* The owner takes no new ones meanwhile, so the lock may be let go between. */
static void drop_owner(struct file_locks *fl, struct lock_space *s, const void *owner)
{
	struct file_lock *l;

	do {
		spin_lock(&fl->lock);
		for (int n = 0; n < DROP_BATCH; n++) {
			l = lock_first_of(s, owner);
			if (!l)
				break;
			remove(s, l);
		}
		spin_unlock(&fl->lock);
	} while (l);
}

void locks_close(struct file *f, struct files *owner)
{
	struct file_locks *fl = smp_load_acquire(&f->inode->locks);

	if (!fl)
		return;
	if (owner) {
		drop_owner(fl, &fl->posix, owner);
	} else {
		drop_owner(fl, &fl->posix, f);
		drop_owner(fl, &fl->flock, f);
	}
}

/* The request after @l in the tree of those that wait for @top. */
static struct file_lock *next_blocked(const struct file_lock *top, struct file_lock *l, int *level)
{
	struct rb_node *n = rb_first(&l->blocked);

	if (n) {
		++*level;
		return of_range(n);
	}
	for (; l != top; l = l->blocker, --*level) {
		n = rb_next(&l->range);
		if (n)
			return of_range(n);
	}
	return NULL;
}

static void for_each_in(struct lock_space *s,
			void (*show)(void *ctx, const struct file_lock *l, int level), void *ctx)
{
	struct file_lock *l, *r;

	rb_for_each_entry(l, &s->mine, mine)
	{
		int level = 0;

		for (r = l; r; r = next_blocked(l, r, &level))
			show(ctx, r, level);
	}
}

void locks_for_each(void (*show)(void *ctx, const struct file_lock *l, int level), void *ctx)
{
	struct file_locks *fl;

	guard(spin)(&all_lock);
	list_for_each_entry (fl, &all_file_locks, all) {
		spin_lock(&fl->lock);
		spin_lock(&wait_lock);
		for_each_in(&fl->posix, show, ctx);
		for_each_in(&fl->flock, show, ctx);
		spin_unlock(&wait_lock);
		spin_unlock(&fl->lock);
	}
}
