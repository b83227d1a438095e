/* Fast user-space locks: futex(2), robust lists.  See futex.c for the ordering argument. */
#pragma once

#include <kern/types.h>
#include <linux/futex.h>

struct task;

void futex_init(void);
/* @t's own scheduling priority changed while it waits for a lock with an owner. */
void futex_priority_changed(struct task *t);
/* exit and exec: owner-died marks, clear_child_tid wake. */
void futex_exit_robust(struct task *t);
/* Kernel-side wake of a word of user memory of current's mm (CLONE_CHILD_CLEARTID). */
int futex_wake_user(u32 __user *uaddr, int count);
