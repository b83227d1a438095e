/* Raw access to user memory, by the unprivileged load and store instructions. */
#pragma once

#include <asm/page.h>
#include <kern/compiler.h>
#include <kern/errno.h>
#include <kern/types.h>

static __always_inline bool access_ok(const void __user *p, size_t size)
{
	return size <= USER_END && (unsigned long)p <= USER_END - size;
}

size_t arch_copy_to_user(void __user *to, const void *from, size_t n) __must_check;
size_t arch_copy_from_user(void *to, const void __user *from, size_t n) __must_check;
size_t arch_clear_user(void __user *to, size_t n) __must_check;
size_t arch_copy_user_raw(void *to, const void *from, size_t n) __must_check;
ssize_t arch_strncpy_from_user(char *to, const char __user *from, size_t n) __must_check;
size_t arch_strnlen_user(const char __user *s, size_t n) __must_check;

#define arch_get_user(x, ptr)                                                             \
	({                                                                                \
		__typeof__(*(ptr)) __gv = {0};                                            \
		int __gerr = arch_copy_from_user(&__gv, ptr, sizeof(__gv)) ? -EFAULT : 0; \
		(x) = __gv;                                                               \
		(void)(x);                                                                \
		__gerr;                                                                   \
	})
#define arch_put_user(x, ptr)                                              \
	({                                                                 \
		__typeof__(*(ptr)) __pv = (__typeof__(*(ptr)))(x);         \
		arch_copy_to_user(ptr, &__pv, sizeof(__pv)) ? -EFAULT : 0; \
	})

#define arch_load_small(to, from, n) (arch_copy_from_user(to, from, n) != 0)
#define arch_store_small(to, from, n) (arch_copy_to_user(to, from, n) != 0)

int arch_user_cmpxchg32(u32 __user *at, u32 old, u32 new, u32 *found) __must_check;
int arch_user_cmpxchg64(u64 __user *at, u64 old, u64 new, u64 *found) __must_check;
int arch_futex_op(u32 __user *at, int op, u32 operand, u32 *old) __must_check;
