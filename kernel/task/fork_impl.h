/* One request to make a task, in the shape of clone3(2). */
#pragma once

#include <kernel/task/task_impl.h>

struct fork_request {
	u64 flags; /* CLONE_*, without the exit signal */
	int exit_signal;
	u64 stack; /* top; 0: the caller's */
	u64 tls;
	u32 __user *parent_tid, *child_tid;
	int __user *pidfd;
	struct pid_wanted wanted; /* set_tid */
};

/* clone.c: may the caller choose these in @ns? -EINVAL, -EPERM. */
int pid_wanted_judge(const struct pid_wanted *wanted, const struct pid_ns *ns) __must_check;

long fork_user(const struct fork_request *r);
