/*
 * Filters: made from a user's program, run as a chain, counted.
 *
 * Two counts: refs keep the memory, users say whether any task can still be judged by the filter.
 * When users falls to zero the listener is told (EPOLLHUP), though its file keeps the memory.
 */
#include <kernel/seccomp/seccomp_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/poll/poll.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>

struct seccomp *seccomp_get(struct seccomp *f)
{
	__atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);
	return f;
}

static void filter_free(struct seccomp *f)
{
	pmalloc_destroy(f->pool);
	kfree(f);
}

static void free_work(struct work *w)
{
	filter_free(container_of(w, struct seccomp, free));
}

void seccomp_put(struct seccomp *f)
{
	/* A chain is as long as its users made it: no recursion. */
	while (f && __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		struct seccomp *prev = f->prev;

		work_queue(&f->free);
		f = prev;
	}
}

static void drop_user(struct seccomp *f)
{
	while (f && __atomic_sub_fetch(&f->users, 1, __ATOMIC_ACQ_REL) == 0) {
		wake_up_poll(&f->wait, EPOLLHUP);
		f = f->prev;
	}
}

void seccomp_fork(struct task *child)
{
	struct task *me = current;

	/* Copied with the task before the lock was taken: TSYNC may have come since. */
	child->no_new_privs = me->no_new_privs;
	child->seccomp_mode = me->seccomp_mode;
	child->seccomp = me->seccomp;
	if (likely(!child->seccomp_mode))
		return;
	if (child->seccomp) {
		seccomp_get(child->seccomp);
		__atomic_fetch_add(&child->seccomp->users, 1, __ATOMIC_RELAXED);
	}
	child->work |= WORK_SECCOMP;
}

void seccomp_release(struct task *t)
{
	struct seccomp *f = t->seccomp;

	if (likely(!f))
		return;
	t->seccomp = NULL;
	drop_user(f);
	seccomp_put(f);
}

u32 seccomp_count(struct task *t)
{
	unsigned long flags;
	u32 n;

	if (!sighand_lock(t, &flags))
		return 0;
	n = t->seccomp ? t->seccomp->depth : 0;
	sighand_unlock(t, flags);
	return n;
}

static int check_program(const struct seccomp_code *c)
{
	u16 *scratch = kmalloc(c->len * sizeof(u16));
	int err;

	if (!scratch)
		return -ENOMEM;
	err = bpf_check(c->prog, c->len, BPF_KIND_SECCOMP, sizeof(struct seccomp_data), scratch);
	kfree(scratch);
	return err;
}

/* Which calls the program allows whatever their arguments. */
static void cache_fill(struct seccomp_code *c)
{
	u32 result;

	for (u32 nr = 0; nr < NR_SYSCALLS; nr++) {
		if (bpf_const_result(c->prog, nr, SECCOMP_ARCH, &result) &&
		    result == SECCOMP_RET_ALLOW)
			c->always[nr / 64] |= 1ull << (nr % 64);
	}
}

/* Read from the user, judged, protected: in this order, so that nothing changes it in between. */
static int code_create(struct pmalloc_pool *pool, const struct sock_fprog *fprog,
		       struct seccomp_code **out)
{
	struct seccomp_code *c = pmalloc_alloc(pool, sizeof(*c) + fprog->len * sizeof(c->prog[0]));
	int err;

	if (!c)
		return -ENOMEM;
	c->len = fprog->len;
	if (copy_from_user(c->prog, (const void __user *)fprog->filter,
			   c->len * sizeof(c->prog[0])))
		return -EFAULT;
	err = check_program(c);
	if (err)
		return err;
	cache_fill(c);
	pmalloc_protect(pool);
	*out = c;
	return 0;
}

int seccomp_filter_create(const void __user *ufprog, struct seccomp **out)
{
	struct sock_fprog fprog;
	struct seccomp *f;
	int err;

	if (copy_from_user(&fprog, ufprog, sizeof(fprog)))
		return -EFAULT;
	if (!fprog.len || fprog.len > BPF_MAXINSNS)
		return -EINVAL;
	/* Else a set-id program could be made to misunderstand its own failing calls. */
	if (!current->no_new_privs && !ns_capable(current->cred->user_ns, CAP_SYS_ADMIN))
		return -EACCES;
	f = kzalloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->refs = f->users = 1;
	mutex_init(&f->lock, LK_SLEEP_LEAF);
	wait_queue_init(&f->wait);
	work_init(&f->free, free_work);
	err = pmalloc_create(NULL, &f->pool);
	if (!err)
		err = code_create(f->pool, &fprog, &f->code);
	if (err) {
		filter_free(f);
		return err;
	}
	*out = f;
	return 0;
}

u32 seccomp_run(struct seccomp *chain, const struct seccomp_data *sd, struct seccomp **match)
{
	const struct bpf_data d = {
		.bytes = (const u8 *)sd, .len = sizeof(*sd), .kind = BPF_KIND_SECCOMP};
	u32 least = SECCOMP_RET_ALLOW;

	for (struct seccomp *f = chain; f; f = f->prev) {
		u32 answer = bpf_run(f->code->prog, &d);

		if ((s32)(answer & SECCOMP_RET_ACTION_FULL) <
		    (s32)(least & SECCOMP_RET_ACTION_FULL)) {
			least = answer;
			*match = f;
		}
	}
	return least;
}
