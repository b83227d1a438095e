/* select(2) and pselect(2), over the waiter of poll.c. */
#include <kernel/poll/poll_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>

#define SELECT_IN (EPOLLRDNORM | EPOLLRDBAND | EPOLLIN | EPOLLHUP | EPOLLERR)
#define SELECT_OUT (EPOLLWRBAND | EPOLLWRNORM | EPOLLOUT | EPOLLERR)
#define SELECT_EX EPOLLPRI

#define SELECT_STACK_WORDS 16 /* per set: 1024 descriptors */

/* Six bitmaps: what is asked for (in, out, ex) and what is ready. */
struct select_sets {
	unsigned int n, words;
	unsigned long *ask[3], *ready[3];
	unsigned long stack[6 * SELECT_STACK_WORDS];
	unsigned long *heap;
};

static int select_load(struct select_sets *s, unsigned int n, unsigned long __user *const user[3])
{
	unsigned long *base = s->stack;

	s->n = n;
	s->words = (n + 63) / 64;
	s->heap = NULL;
	if (s->words > SELECT_STACK_WORDS) {
		base = s->heap = kvmalloc(6ul * s->words * sizeof(long), GFP_KERNEL);
		if (!base)
			return -ENOMEM;
	}
	memset(base, 0, 6ul * s->words * sizeof(long));
	for (unsigned int i = 0; i < 3; i++) {
		s->ask[i] = base + (size_t)i * s->words;
		s->ready[i] = base + (size_t)(3 + i) * s->words;
		if (user[i] && copy_from_user(s->ask[i], user[i], s->words * sizeof(long)))
			return -EFAULT;
		if (n % 64 && s->words)
			s->ask[i][s->words - 1] &= (1ul << (n % 64)) - 1;
	}
	return 0;
}

static int select_store(const struct select_sets *s, unsigned long __user *const user[3])
{
	for (unsigned int i = 0; i < 3; i++)
		if (user[i] && copy_to_user(user[i], s->ready[i], s->words * sizeof(long)))
			return -EFAULT;
	return 0;
}

/* One word of the three sets: 64 descriptors. Number of ready bits, or -EBADF. */
static int select_word(struct select_sets *s, unsigned int w, struct poll_table *pt)
{
	const unsigned long in = s->ask[0][w], out = s->ask[1][w], ex = s->ask[2][w];
	int ready = 0;

	for (unsigned long any = in | out | ex; any; any &= any - 1) {
		unsigned long bit = any & -any;
		struct fd_ref ref = fd_get(w * 64 + (unsigned int)__builtin_ctzl(any));
		u32 wanted = 0, mask;

		if (unlikely(!ref.file))
			return -EBADF;
		if (in & bit)
			wanted = SELECT_IN;
		if (out & bit)
			wanted |= SELECT_OUT;
		if (ex & bit)
			wanted |= SELECT_EX;
		if (pt)
			pt->wanted = wanted;
		mask = poll_file(ref.file, pt);
		fd_put(ref);
		if (likely(!(mask & wanted)))
			continue;
		if ((in & bit) && (mask & SELECT_IN))
			s->ready[0][w] |= bit, ready++;
		if ((out & bit) && (mask & SELECT_OUT))
			s->ready[1][w] |= bit, ready++;
		if ((ex & bit) && (mask & SELECT_EX))
			s->ready[2][w] |= bit, ready++;
		if (ready)
			pt = NULL; /* there will be no waiting */
	}
	return ready;
}

static int select_scan(struct select_sets *s, struct poll_table *pt)
{
	int ready = 0;

	for (unsigned int w = 0; w < s->words; w++) {
		int n = select_word(s, w, ready ? NULL : pt);

		if (n < 0)
			return n;
		ready += n;
	}
	return ready;
}

static int select_wait(struct select_sets *s, u64 deadline_ns)
{
	struct poll_waiter w;
	int ready, err = 0;

	poll_waiter_init(&w);
	ready = select_scan(s, deadline_ns ? &w.table : NULL);
	if (w.error && !ready)
		ready = w.error;
	while (!ready && deadline_ns && !err) {
		err = poll_waiter_block(&w, deadline_ns);
		ready = select_scan(s, NULL);
	}
	poll_waiter_release(&w);
	if (ready)
		return ready;
	return err == -ETIME ? 0 : err;
}

static long select_user(int n, unsigned long __user *const user[3], u64 deadline_ns)
{
	struct select_sets s;
	long ret;

	if (n < 0)
		return -EINVAL;
	/* Descriptors past the limit cannot be open: Linux cuts at the table's size. */
	ret = select_load(&s, min_t(unsigned int, (unsigned int)n, 1u << 20), user);
	if (!ret)
		ret = select_wait(&s, deadline_ns);
	if (ret >= 0 && select_store(&s, user))
		ret = -EFAULT;
	kvfree(s.heap);
	return ret;
}

long sys_select(int nfds, unsigned long __user *readfds, unsigned long __user *writefds,
		unsigned long __user *exceptfds, struct __kernel_old_timeval __user *timeout)
{
	unsigned long __user *const user[3] = {readfds, writefds, exceptfds};
	u64 deadline = WAIT_FOREVER, now, ns;
	long ret;

	if (timeout) {
		int err = timeval_from_user(timeout, &ns);

		if (err)
			return err;
		deadline = ns ? deadline_after(time_mono_ns(), ns) : 0;
	}
	ret = select_user(nfds, user, deadline);
	if (!timeout)
		return poll_result(ret, true);
	if (poll_keeps_timeout())
		return poll_result(ret, false);
	if (!deadline)
		return poll_result(ret, true);
	now = time_mono_ns();
	/* A read-only time-out is not an error: select(2) of Linux. */
	return poll_result(ret, !timeval_to_user(deadline > now ? deadline - now : 0, timeout));
}

/* The sixth argument of pselect6. */
struct select_sigmask {
	const u64 __user *mask;
	size_t size;
};

long sys_pselect6(int nfds, unsigned long __user *readfds, unsigned long __user *writefds,
		  unsigned long __user *exceptfds, struct __kernel_timespec __user *timeout,
		  const void __user *sig)
{
	unsigned long __user *const user[3] = {readfds, writefds, exceptfds};
	struct select_sigmask sm = {NULL, 0};
	u64 deadline;
	long ret;

	if (sig && copy_from_user(&sm, sig, sizeof(sm)))
		return -EFAULT;
	ret = poll_deadline_user(timeout, &deadline);
	if (!ret && sm.mask)
		ret = signal_set_user_mask(sm.mask, sm.size);
	if (ret)
		return ret;
	ret = select_user(nfds, user, deadline);
	if (sm.mask)
		signal_restore_saved_mask_unless(ret == -ERESTARTSYS);
	return poll_result(ret, poll_write_left(timeout, deadline));
}
