/* eventfd(2): a 64-bit counter that can be read, written and polled. */
#pragma once

#include <kern/types.h>

struct file;

/* For other rooms that signal user space: adds @n without blocking; -EINVAL if @f is no eventfd,
 * -EAGAIN if full. */
int eventfd_signal(struct file *f, u64 n) __must_check;
