/*
 * Arguments and environment, written straight into the pages of the new stack.
 *
 * Strings go from the top downwards: file name, environment, arguments, each vector from its last
 * to its first string, so that they lie in order.  The address of each is noted as it is written,
 * in x->strings: spare slots for what #! scripts put in front, then argv, then envp.
 */
#include <kernel/exec/exec_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/frame/frame.h>
#include <kernel/mm/mm.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>

#define ARGS_MIN 131072u /* always allowed, whatever the stack limit */
#define ARGS_MAX ((u64)(8u << 20) / 4 * 3)
#define ARGS_COUNT_MAX 0x7fffffffu

struct exec_page {
	u64 addr;	     /* user address of the page; 0: none */
	struct frame *frame; /* +1 */
	u8 *mem;
};

void args_flush(struct exec *x)
{
	if (x->page && x->page->frame) {
		frame_put(x->page->frame);
		x->page->frame = NULL;
		x->page->addr = 0;
	}
}

/* Kernel address of @addr in the new stack. */
static int stack_at(struct exec *x, u64 addr, u8 **out)
{
	struct exec_page *pg = x->page;
	u64 page = addr & PAGE_MASK;

	if (pg->addr != page) {
		struct frame *f;

		args_flush(x);
		ssize_t n = mm_pin(x->mm, page, 1, true, &f);

		if (n != 1)
			return n < 0 ? (int)n : -E2BIG;
		pg->addr = page;
		pg->frame = f;
		pg->mem = frame_to_virt(f);
	}
	*out = pg->mem + (addr - page);
	return 0;
}

/* Reserves room for @len bytes below what is there. */
static int take_room(struct exec *x, size_t len, u64 *out)
{
	if (x->stack_top - len < x->stack_low_limit || len > x->stack_top)
		return -E2BIG;
	x->stack_top -= len;
	*out = x->stack_top;
	return 0;
}

static int put_kernel(struct exec *x, const char *s, size_t len, u64 at)
{
	while (len) {
		size_t n = min_t(size_t, len, PAGE_SIZE - (at & (PAGE_SIZE - 1)));
		u8 *to;
		int err = stack_at(x, at, &to);

		if (err)
			return err;
		memcpy(to, s, n);
		s += n;
		at += n;
		len -= n;
	}
	return 0;
}

static int put_user_string(struct exec *x, const char __user *s, size_t len, u64 at)
{
	while (len) {
		size_t n = min_t(size_t, len, PAGE_SIZE - (at & (PAGE_SIZE - 1)));
		u8 *to;
		int err = stack_at(x, at, &to);

		if (err)
			return err;
		if (copy_from_user(to, s, n))
			return -EFAULT;
		s += n;
		at += n;
		len -= n;
	}
	return 0;
}

static int push_kernel(struct exec *x, const char *s, u64 *out)
{
	size_t len = strlen(s) + 1;
	int err = take_room(x, len, out);

	return err ? err : put_kernel(x, s, len, *out);
}

static int push_user(struct exec *x, const char __user *s, u64 *out)
{
	size_t len = strnlen_user(s, EXEC_ARG_MAX_STRLEN);

	if (!len)
		return -EFAULT;
	if (len > EXEC_ARG_MAX_STRLEN)
		return -E2BIG;
	int err = take_room(x, len, out);

	return err ? err : put_user_string(x, s, len, *out);
}

static int push_vector(struct exec *x, const struct exec_vector *v, u64 *slots)
{
	for (unsigned int i = v->count; i-- > 0;) {
		const char __user *s;
		int err;

		if (v->kernel) {
			err = push_kernel(x, v->kernel[i], &slots[i]);
		} else {
			if (get_user(s, v->user + i))
				return -EFAULT;
			err = push_user(x, s, &slots[i]);
		}
		if (err)
			return err;
		if (signal_fatal_pending(current))
			return -ERESTARTNOHAND;
	}
	return 0;
}

int args_count(struct exec_vector *v)
{
	v->count = 0;
	if (v->kernel) {
		while (v->kernel[v->count])
			v->count++;
		return 0;
	}
	if (!v->user)
		return 0;
	for (;;) {
		const char __user *s;

		if (get_user(s, v->user + v->count))
			return -EFAULT;
		if (!s)
			return 0;
		if (++v->count >= ARGS_COUNT_MAX)
			return -E2BIG;
		if (!(v->count & 1023) && signal_fatal_pending(current))
			return -ERESTARTNOHAND;
	}
}

/* A quarter of the stack limit, pointers included; never less than 128 KiB. */
static int set_limit(struct exec *x, u64 argc, u64 envc)
{
	u64 limit = max_t(u64, min_t(u64, ARGS_MAX, task_rlimit(RLIMIT_STACK) / 4), ARGS_MIN);
	u64 pointers = (max_t(u64, argc, 1) + envc) * sizeof(u64);

	if (limit <= pointers)
		return -E2BIG;
	x->stack_low_limit = x->stack_top - (limit - pointers);
	return 0;
}

int args_setup(struct exec *x, struct exec_vector *argv, struct exec_vector *envp)
{
	static const char *const no_argv[] = {"", NULL};
	u64 name_at;
	int err = set_limit(x, argv->count, envp->count);

	if (err)
		return err;
	/* A program finds at least an argv[0], be it empty. */
	if (!argv->count)
		*argv = (struct exec_vector){.kernel = no_argv, .count = 1};
	x->argc = (int)argv->count;
	x->envc = (int)envp->count;
	x->first = EXEC_SPARE_ARGS;
	x->slots = EXEC_SPARE_ARGS + argv->count + envp->count;
	x->strings = kvmalloc(x->slots * sizeof(u64), GFP_KERNEL);
	x->page = kzalloc(sizeof(*x->page));
	if (!x->strings || !x->page)
		return -ENOMEM;
	err = push_kernel(x, x->filename, &name_at);
	if (err)
		return err;
	x->filename_at = name_at;
	err = push_vector(x, envp, x->strings + x->first + argv->count);
	if (err)
		return err;
	return push_vector(x, argv, x->strings + x->first);
}

int exec_push_arg(struct exec *x, const char *s)
{
	u64 at;
	int err = push_kernel(x, s, &at);

	if (err)
		return err;
	if (!x->first)
		return -ELOOP;
	x->strings[--x->first] = at;
	x->argc++;
	return 0;
}

void exec_drop_argv0(struct exec *x)
{
	if (!x->argc)
		return;
	x->first++;
	x->argc--;
	/* Its room is used again: strings lie in order. */
	x->stack_top = x->first < x->slots ? x->strings[x->first] : x->filename_at;
}
