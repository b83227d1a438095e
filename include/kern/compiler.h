/*
 * Attributes, annotations and small typed macros.
 *
 * KERN_HOST is 1 when a pure file is compiled for the build machine (hosted C), 0 in the kernel
 * (-ffreestanding).
 */
#pragma once

#include <stddef.h>
#include <stdbool.h>

#if defined(CORBEL_HOST) || __STDC_HOSTED__
#define KERN_HOST 1
#else
#define KERN_HOST 0
#endif

#define __must_check __attribute__((__warn_unused_result__))
#define __cold __attribute__((__cold__))
#define __noreturn __attribute__((__noreturn__))
#define __packed __attribute__((__packed__))
#define __aligned(n) __attribute__((__aligned__(n)))
#define __printf(fmt, args) __attribute__((__format__(__printf__, fmt, args)))
#define __section(name) __attribute__((__section__(name)))
#define __used __attribute__((__used__))
#define __maybe_unused __attribute__((__unused__))
#define __weak __attribute__((__weak__))
#define __alias(name) __attribute__((__alias__(#name)))
#undef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#define noinline __attribute__((__noinline__))
#define __pure __attribute__((__pure__))
#define __const __attribute__((__const__))
#define __malloc __attribute__((__malloc__))
#define __flatten __attribute__((__flatten__))
#define __cleanup(fn) __attribute__((__cleanup__(fn)))
#define fallthrough __attribute__((__fallthrough__))

#ifdef __clang__
#define __no_sanitize_undefined __attribute__((__no_sanitize__("undefined")))
#define __no_sanitize_address __attribute__((__no_sanitize__("address")))
#define __no_loop_to_libcall
#define __patchable_none
#define __nonstring
#else
#define __no_sanitize_undefined __attribute__((__no_sanitize_undefined__))
#define __no_sanitize_address __attribute__((__no_sanitize_address__))
/* For the bodies of memset and friends: gcc must not turn their loops into calls to themselves. */
#define __no_loop_to_libcall __attribute__((__optimize__("no-tree-loop-distribute-patterns")))
#define __patchable_none __attribute__((__patchable_function_entry__(0, 0)))
#define __nonstring __attribute__((__nonstring__))
#endif

/* Code and data that are freed after boot; on the host they are ordinary. */
#if KERN_HOST
#define __init __cold
#define __initdata
#define __ro_after_init
#else
#define __init __section(".init.text") __cold
#define __initdata __section(".init.data")
#define __ro_after_init __section(".data..ro_after_init")
#endif

/*
 * An element of an array that the linker gathers from many files. The explicit alignment keeps the
 * compiler from padding between elements.
 */
#define __linker_entry(sect) __used __section(sect) __aligned(8)

/* User pointers: never dereferenced, only passed to copy_{from,to}_user and friends. */
#if defined(CHECK_USER) && defined(__clang__)
#define __user __attribute__((__noderef__, address_space(1)))
#define __force
#elif defined(__CHECKER__)
#define __user __attribute__((noderef, address_space(__user)))
#define __force __attribute__((force))
#else
#define __user
#define __force
#endif

/* Lock annotations, checked by clang 19 -Wthread-safety (it parses them inside C structs). */
#if defined(__clang__) && __clang_major__ >= 19
#define __capability(name) __attribute__((capability(name)))
#define __guarded_by(lock) __attribute__((guarded_by(lock)))
#define __pt_guarded_by(lock) __attribute__((pt_guarded_by(lock)))
#define __acquires(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define __releases(...) __attribute__((release_capability(__VA_ARGS__)))
#define __requires(...) __attribute__((requires_capability(__VA_ARGS__)))
#define __asserts_held(...) __attribute__((assert_capability(__VA_ARGS__)))
#define __no_lock_analysis __attribute__((no_thread_safety_analysis))
#else
#define __capability(name)
#define __guarded_by(lock)
#define __pt_guarded_by(lock)
#define __acquires(...)
#define __releases(...)
#define __requires(...)
#define __asserts_held(...)
#define __no_lock_analysis
#endif

#ifndef static_assert
#define static_assert _Static_assert
#endif

#define likely(c) __builtin_expect(!!(c), 1)
#define unlikely(c) __builtin_expect(!!(c), 0)
#define unreachable() __builtin_unreachable()

#define barrier() __asm__ __volatile__("" ::: "memory")
/* Hides where @v came from, so that the optimiser cannot reason about it. */
#define hide_var(v) __asm__("" : "+r"(v))

#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, val)                               \
	do {                                             \
		volatile __typeof__(x) *__once_p = &(x); \
		*__once_p = (val);                       \
	} while (0)

#define __stringify_1(...) #__VA_ARGS__
#define __stringify(...) __stringify_1(__VA_ARGS__)
#define __paste_1(a, b) a##b
#define __paste(a, b) __paste_1(a, b)
#define __unique_id(prefix) __paste(__uniq_##prefix##_, __COUNTER__)

#define __same_type(a, b) __builtin_types_compatible_p(__typeof__(a), __typeof__(b))
/* 0, or a compile error if @c is true. */
#define BUILD_BUG_ON_ZERO(c) ((int)sizeof(struct { int : (-!!(c)); }))
#define BUILD_BUG_ON(c) static_assert(!(c), #c)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]) + BUILD_BUG_ON_ZERO(__same_type((a), &(a)[0])))
#define sizeof_field(type, member) sizeof(((type *)0)->member)
#define offsetofend(type, member) (offsetof(type, member) + sizeof_field(type, member))

/* From a pointer to a member to the structure around it. */
#define container_of(ptr, type, member)                                   \
	({                                                                \
		const void *__mptr = (ptr);                               \
		static_assert(__same_type(*(ptr), ((type *)0)->member) || \
				      __same_type(*(ptr), void),          \
			      "container_of: wrong member type");         \
		(type *)((unsigned long)__mptr - offsetof(type, member)); \
	})
#define container_of_or_null(ptr, type, member)                     \
	({                                                          \
		__typeof__(ptr) __cptr = (ptr);                     \
		__cptr ? container_of(__cptr, type, member) : NULL; \
	})

/* Each argument is evaluated once; mixed signedness is a -Wsign-compare error: use min_t then. */
#define __minmax_ids(a, b, op, ua, ub)  \
	({                              \
		__typeof__(a) ua = (a); \
		__typeof__(b) ub = (b); \
		ua op ub ? ua : ub;     \
	})
#define __minmax(a, b, op, ua, ub) __minmax_ids(a, b, op, ua, ub)
#define min(a, b) __minmax(a, b, <, __unique_id(l), __unique_id(r))
#define max(a, b) __minmax(a, b, >, __unique_id(l), __unique_id(r))
#define min_t(type, a, b) min((type)(a), (type)(b))
#define max_t(type, a, b) max((type)(a), (type)(b))
#define min3(a, b, c) min(min(a, b), c)
#define max3(a, b, c) max(max(a, b), c)
#define clamp(v, lo, hi) min(max(v, lo), hi)
#define clamp_t(type, v, lo, hi) clamp((type)(v), (type)(lo), (type)(hi))
#define swap(a, b)                              \
	do {                                    \
		__typeof__(a) __swap_tmp = (a); \
		(a) = (b);                      \
		(b) = __swap_tmp;               \
	} while (0)

/*
 * Scope-held locks.
 *
 *	DEFINE_GUARD(mutex, struct mutex, mutex_lock, mutex_unlock)
 *	DEFINE_GUARD_FLAGS(spin_irqsave, struct spinlock, spin_lock_irqsave, spin_unlock_irqrestore)
 *	DEFINE_GUARD_VOID(rcu, rcu_read_lock, rcu_read_unlock)
 *
 * after which `guard(mutex)(&p->lock);` holds the lock until the end of the block, and
 * `scoped_guard (mutex, &p->lock) { ... }` for the following statement. The _FLAGS form takes a
 * lock function that returns the saved state and an unlock function that takes it.
 */
#define DEFINE_GUARD(name, type, lockfn, unlockfn)                                          \
	struct __guard_##name {                                                             \
		type *lock;                                                                 \
	};                                                                                  \
	static __always_inline __maybe_unused                                               \
		__no_lock_analysis struct __guard_##name __guard_enter_##name(type *_l)     \
	{                                                                                   \
		lockfn(_l);                                                                 \
		return (struct __guard_##name){_l};                                         \
	}                                                                                   \
	static __always_inline __maybe_unused __no_lock_analysis void __guard_leave_##name( \
		struct __guard_##name *g)                                                   \
	{                                                                                   \
		unlockfn(g->lock);                                                          \
	}

#define DEFINE_GUARD_FLAGS(name, type, lockfn, unlockfn)                                    \
	struct __guard_##name {                                                             \
		type *lock;                                                                 \
		unsigned long flags;                                                        \
	};                                                                                  \
	static __always_inline __maybe_unused                                               \
		__no_lock_analysis struct __guard_##name __guard_enter_##name(type *_l)     \
	{                                                                                   \
		unsigned long flags = lockfn(_l);                                           \
		return (struct __guard_##name){_l, flags};                                  \
	}                                                                                   \
	static __always_inline __maybe_unused __no_lock_analysis void __guard_leave_##name( \
		struct __guard_##name *g)                                                   \
	{                                                                                   \
		unlockfn(g->lock, g->flags);                                                \
	}

#define DEFINE_GUARD_VOID(name, lockfn, unlockfn)                                           \
	struct __guard_##name {                                                             \
		char held;                                                                  \
	};                                                                                  \
	static __always_inline __maybe_unused                                               \
		__no_lock_analysis struct __guard_##name __guard_enter_##name(void)         \
	{                                                                                   \
		lockfn();                                                                   \
		return (struct __guard_##name){1};                                          \
	}                                                                                   \
	static __always_inline __maybe_unused __no_lock_analysis void __guard_leave_##name( \
		struct __guard_##name *g)                                                   \
	{                                                                                   \
		(void)g;                                                                    \
		unlockfn();                                                                 \
	}

#define __guard_var(name, id)                                                     \
	struct __guard_##name id __cleanup(__guard_leave_##name) __maybe_unused = \
		__guard_enter_##name
#define guard(name) __guard_var(name, __unique_id(guard))

#define scoped_guard(name, ...)                                                           \
	for (struct __guard_##name __scope                                                \
		     __cleanup(__guard_leave_##name) = __guard_enter_##name(__VA_ARGS__), \
		     *__once = &__scope;                                                  \
	     __once; __once = NULL)
