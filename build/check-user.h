/*
 * Forced into every source by check-user (clang, CHECK_USER): get_user() and put_user() that keep
 * nothing but the demand that the pointer is one of user memory. Their real bodies are assembly.
 */
#pragma once

#include <kernel/uaccess/uaccess.h>

#undef get_user
#define get_user(x, ptr)                         \
	({                                       \
		const void __user *__gu = (ptr); \
		(void)__gu;                      \
		(x) = (__typeof__(x))0;          \
		0;                               \
	})
#undef put_user
#define put_user(x, ptr)                   \
	({                                 \
		void __user *__pu = (ptr); \
		(void)__pu;                \
		(void)(x);                 \
		0;                         \
	})
