/* One request to make a task, in the shape of clone3(2). */
#pragma once

#include <kernel/task/task.h>

struct fork_request {
	u64 flags; /* CLONE_*, without the exit signal */
	int exit_signal;
	u64 stack; /* top; 0: the caller's */
	u64 tls;
	u32 __user *parent_tid, *child_tid;
	int __user *pidfd;
	int wanted_pid; /* set_tid; 0: any */
};

long fork_user(const struct fork_request *r);
