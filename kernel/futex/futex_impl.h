/* Shared by the files of kernel/futex. */
#pragma once

#include <kernel/futex/futex.h>
#include <kernel/lock/lock.h>
#include <kernel/mm/mm.h>

int futex_wake_key(u32 __user *uaddr, bool shared, int count, u32 bitset);

int futex_get_key(u32 __user *uaddr, bool shared, bool write, struct mm_key *key) __must_check;
bool futex_key_equal(const struct mm_key *a, const struct mm_key *b);
/* With a bucket locked: -EFAULT if the page is not there right now. */
int futex_read_word(u32 __user *uaddr, u32 *out) __must_check;

/* pi.c */
void futex_pi_init(void);
int futex_lock_pi(u32 __user *uaddr, bool shared, u64 deadline, bool try_only);
int futex_unlock_pi(u32 __user *uaddr, bool shared);
void futex_exit_pi(struct task *t);
