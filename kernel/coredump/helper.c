/* The program behind `|` in core_pattern: root, in the namespaces and under the root of init. */
#include <kernel/coredump/coredump_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/exec/exec.h>
#include <kernel/pipe/pipe.h>
#include <kernel/task/helper.h>
#include <kernel/vfs/vfs.h>

struct helper {
	struct core_name *name;
	struct file *in;
	int err;
	struct completion running; /* exec has succeeded or failed */
};

int core_use_init_root(void)
{
	struct task *t = current;
	struct fs_ctx *of_init = task_fs(init_task), *mine, *old;
	int err;

	if (!of_init)
		return -ESRCH;
	spin_lock(&t->alloc_lock);
	old = t->fs;
	t->fs = of_init; /* for a moment, to be copied */
	spin_unlock(&t->alloc_lock);
	if (old)
		fs_ctx_put(old);
	err = fs_ctx_clone(&mine);
	if (!err)
		fs_ctx_switch(mine);
	return err;
}

static int prepare(struct helper *h)
{
	struct rlimit64 *core = &current->process->rlim[RLIMIT_CORE];
	int err, fd;

	current->files = files_create_init();
	if (!current->files)
		return -ENOMEM;
	err = core_use_init_root();
	if (!err)
		err = fd_install_new(file_get(h->in), 0, &fd);
	core->rlim_cur = core->rlim_max = 1; /* no dump of the one that takes dumps */
	return err;
}

static int helper_main(void *ctx)
{
	static const char *const no_env[] = {NULL};
	struct helper *h = ctx;
	int err = prepare(h);

	if (!err)
		err = exec_kernel(h->name->argv[0], (const char *const *)h->name->argv, no_env);
	h->err = err;
	completion_done(&h->running);
	return err ? 1 : 0;
}

int core_helper_start(struct core_name *n, struct file **out, struct task **helper)
{
	struct helper h = {.name = n};
	struct file *ends[2];
	int err = pipe_create(0, ends);

	if (err)
		return err;
	h.in = ends[0];
	completion_init(&h.running);
	err = task_start_helper(helper_main, &h, "core_helper", helper);
	if (!err) {
		completion_wait(&h.running);
		err = h.err;
		if (err)
			task_put(*helper);
	}
	file_put_now(ends[0]);
	if (err)
		file_put_now(ends[1]);
	else
		*out = ends[1];
	return err;
}
