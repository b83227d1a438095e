/*
 * User memory of the running task. The only way to touch a __user pointer.
 *
 * All of these check the address, may sleep in the page fault, and fail without side effects on the
 * kernel for any address whatever. Inside uaccess_nofault_begin()/end(), and wherever preemption is
 * off, a page that is not there is a failure at once.
 */
#pragma once

#include <asm/preempt.h>
#include <asm/uaccess.h>
#include <kern/compiler.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kern/types.h>

/* Bytes NOT copied: 0 is success. copy_from_user() zeroes what it could not fill. */
size_t copy_from_user_slow(void *to, const void __user *from, size_t n) __must_check;
size_t copy_to_user_slow(void __user *to, const void *from, size_t n) __must_check;

/* Small fixed sizes, most of all struct timespec, take no call. */
#define UACCESS_SMALL(n) (__builtin_constant_p(n) && (n) >= 4 && (n) <= 32 && (n) % 4 == 0)

static __always_inline size_t __must_check copy_from_user(void *to, const void __user *from,
							  size_t n)
{
	if (UACCESS_SMALL(n)) {
		if (likely(access_ok(from, n)) && likely(!arch_load_small(to, from, n)))
			return 0;
		memset(to, 0, n);
		return n;
	}
	return copy_from_user_slow(to, from, n);
}

static __always_inline size_t __must_check copy_to_user(void __user *to, const void *from, size_t n)
{
	if (UACCESS_SMALL(n))
		return likely(access_ok(to, n)) && likely(!arch_store_small(to, from, n)) ? 0 : n;
	return copy_to_user_slow(to, from, n);
}

/* Bytes not cleared. */
size_t clear_user(void __user *to, size_t n) __must_check;

/* One scalar of 1, 2, 4 or 8 bytes; 0 or -EFAULT. */
#define get_user(x, ptr)                                                                   \
	({                                                                                 \
		const __typeof__(*(ptr)) __user *__gu = (ptr);                             \
		likely(access_ok(__gu, sizeof(*__gu))) ? arch_get_user(x, __gu) : -EFAULT; \
	})
#define put_user(x, ptr)                                                                   \
	({                                                                                 \
		__typeof__(*(ptr)) __user *__pu = (ptr);                                   \
		likely(access_ok(__pu, sizeof(*__pu))) ? arch_put_user(x, __pu) : -EFAULT; \
	})

/*
 * Copies a string of at most @n bytes with its terminator; returns its length without it, @n if
 * there is none in @n bytes (then @to is not terminated), or -EFAULT.
 */
ssize_t strncpy_from_user(char *to, const char __user *from, size_t n) __must_check;

/* Length with the terminator, more than @n if there is none in @n bytes, 0 on a fault. */
size_t strnlen_user(const char __user *s, size_t n) __must_check;

/*
 * A structure whose size the caller of the system call states: what user space does not know is
 * zeroed, what the kernel does not know must be zero. -E2BIG, -EFAULT.
 */
int copy_struct_from_user(void *to, size_t ksize, const void __user *from, size_t usize)
	__must_check;

/* 1 if all @n bytes are zero, 0 if not, -EFAULT. */
int check_zeroed_user(const void __user *from, size_t n) __must_check;

/* The calls between the two fail instead of resolving page faults. Nests. */
static __always_inline void uaccess_nofault_begin(void)
{
	preempt_disable();
}

static __always_inline void uaccess_nofault_end(void)
{
	preempt_enable();
}

/* Kernel memory that may not be mapped (stack walks, crash dumps): 0 or -EFAULT. */
int copy_from_kernel_nofault(void *to, const void *from, size_t n) __must_check;
