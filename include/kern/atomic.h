/*
 * Atomic integers over the compiler's builtins.
 *
 * Operations that return a value are full barriers, those that do not are unordered; _relaxed,
 * _acquire and _release say otherwise in their names. The three typedefs are the exception to "no
 * struct typedefs": they wrap one scalar so that plain arithmetic on it does not compile.
 */
#pragma once

#include <kern/types.h>
#include <kern/limits.h>
#include <kern/bug.h>

typedef struct atomic {
	int v;
} atomic_t;

typedef struct atomic64 {
	s64 v;
} atomic64_t;

#define ATOMIC_INIT(i)   \
	{                \
		.v = (i) \
	}
#define ATOMIC64_INIT(i) \
	{                \
		.v = (i) \
	}

#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, val) __atomic_store_n(p, val, __ATOMIC_RELEASE)
#define smp_store_mb(var, val) __atomic_store_n(&(var), val, __ATOMIC_SEQ_CST)
#define smp_mb__before_atomic() smp_mb__around_atomic()
#define smp_mb__after_atomic() smp_mb__around_atomic()
#if defined(__x86_64__)
/* Locked instructions are full barriers. */
#define smp_mb__around_atomic() barrier()
#else
#define smp_mb__around_atomic() smp_mb()
#endif

/* On plain integers and pointers. cmpxchg returns the value found. */
#define xchg(p, val) __atomic_exchange_n(p, val, __ATOMIC_SEQ_CST)
#define cmpxchg(p, old, new)                                                           \
	({                                                                             \
		__typeof__(*(p)) __found = (old);                                      \
		__atomic_compare_exchange_n(p, &__found, new, false, __ATOMIC_SEQ_CST, \
					    __ATOMIC_SEQ_CST);                         \
		__found;                                                               \
	})
/* True if *@p was *@oldp and is now @new; else *@oldp becomes the value found. */
#define try_cmpxchg(p, oldp, new) \
	__atomic_compare_exchange_n(p, oldp, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define try_cmpxchg_acquire(p, oldp, new) \
	__atomic_compare_exchange_n(p, oldp, new, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
#define try_cmpxchg_release(p, oldp, new) \
	__atomic_compare_exchange_n(p, oldp, new, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define try_cmpxchg_relaxed(p, oldp, new) \
	__atomic_compare_exchange_n(p, oldp, new, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)

/* A reference more, unless the last one is gone: then the object is on its way out. */
static inline bool ref_tryget(u32 *refs)
{
	u32 old = __atomic_load_n(refs, __ATOMIC_RELAXED);

	while (old) {
		if (try_cmpxchg(refs, &old, old + 1))
			return true;
	}
	return false;
}

#define __ATOMIC_FAMILY(name, stype, type)                                            \
	static __always_inline type name##_read(const stype *a)                       \
	{                                                                             \
		return __atomic_load_n(&a->v, __ATOMIC_RELAXED);                      \
	}                                                                             \
	static __always_inline type name##_read_acquire(const stype *a)               \
	{                                                                             \
		return __atomic_load_n(&a->v, __ATOMIC_ACQUIRE);                      \
	}                                                                             \
	static __always_inline void name##_set(stype *a, type i)                      \
	{                                                                             \
		__atomic_store_n(&a->v, i, __ATOMIC_RELAXED);                         \
	}                                                                             \
	static __always_inline void name##_set_release(stype *a, type i)              \
	{                                                                             \
		__atomic_store_n(&a->v, i, __ATOMIC_RELEASE);                         \
	}                                                                             \
	static __always_inline void name##_add(stype *a, type i)                      \
	{                                                                             \
		(void)__atomic_fetch_add(&a->v, i, __ATOMIC_RELAXED);                 \
	}                                                                             \
	static __always_inline void name##_sub(stype *a, type i)                      \
	{                                                                             \
		(void)__atomic_fetch_sub(&a->v, i, __ATOMIC_RELAXED);                 \
	}                                                                             \
	static __always_inline void name##_inc(stype *a)                              \
	{                                                                             \
		name##_add(a, 1);                                                     \
	}                                                                             \
	static __always_inline void name##_dec(stype *a)                              \
	{                                                                             \
		name##_sub(a, 1);                                                     \
	}                                                                             \
	static __always_inline void name##_or(stype *a, type i)                       \
	{                                                                             \
		(void)__atomic_fetch_or(&a->v, i, __ATOMIC_RELAXED);                  \
	}                                                                             \
	static __always_inline void name##_and(stype *a, type i)                      \
	{                                                                             \
		(void)__atomic_fetch_and(&a->v, i, __ATOMIC_RELAXED);                 \
	}                                                                             \
	static __always_inline void name##_andnot(stype *a, type i)                   \
	{                                                                             \
		(void)__atomic_fetch_and(&a->v, ~i, __ATOMIC_RELAXED);                \
	}                                                                             \
	static __always_inline type name##_add_return(stype *a, type i)               \
	{                                                                             \
		return __atomic_add_fetch(&a->v, i, __ATOMIC_SEQ_CST);                \
	}                                                                             \
	static __always_inline type name##_sub_return(stype *a, type i)               \
	{                                                                             \
		return __atomic_sub_fetch(&a->v, i, __ATOMIC_SEQ_CST);                \
	}                                                                             \
	static __always_inline type name##_inc_return(stype *a)                       \
	{                                                                             \
		return name##_add_return(a, 1);                                       \
	}                                                                             \
	static __always_inline type name##_dec_return(stype *a)                       \
	{                                                                             \
		return name##_sub_return(a, 1);                                       \
	}                                                                             \
	static __always_inline type name##_fetch_add(stype *a, type i)                \
	{                                                                             \
		return __atomic_fetch_add(&a->v, i, __ATOMIC_SEQ_CST);                \
	}                                                                             \
	static __always_inline type name##_fetch_sub(stype *a, type i)                \
	{                                                                             \
		return __atomic_fetch_sub(&a->v, i, __ATOMIC_SEQ_CST);                \
	}                                                                             \
	static __always_inline type name##_fetch_or(stype *a, type i)                 \
	{                                                                             \
		return __atomic_fetch_or(&a->v, i, __ATOMIC_SEQ_CST);                 \
	}                                                                             \
	static __always_inline type name##_fetch_and(stype *a, type i)                \
	{                                                                             \
		return __atomic_fetch_and(&a->v, i, __ATOMIC_SEQ_CST);                \
	}                                                                             \
	static __always_inline type name##_fetch_andnot(stype *a, type i)             \
	{                                                                             \
		return __atomic_fetch_and(&a->v, ~i, __ATOMIC_SEQ_CST);               \
	}                                                                             \
	static __always_inline type name##_fetch_xor(stype *a, type i)                \
	{                                                                             \
		return __atomic_fetch_xor(&a->v, i, __ATOMIC_SEQ_CST);                \
	}                                                                             \
	static __always_inline bool name##_dec_and_test(stype *a)                     \
	{                                                                             \
		return __atomic_sub_fetch(&a->v, 1, __ATOMIC_SEQ_CST) == 0;           \
	}                                                                             \
	static __always_inline bool name##_sub_and_test(stype *a, type i)             \
	{                                                                             \
		return __atomic_sub_fetch(&a->v, i, __ATOMIC_SEQ_CST) == 0;           \
	}                                                                             \
	static __always_inline bool name##_inc_and_test(stype *a)                     \
	{                                                                             \
		return __atomic_add_fetch(&a->v, 1, __ATOMIC_SEQ_CST) == 0;           \
	}                                                                             \
	static __always_inline type name##_xchg(stype *a, type i)                     \
	{                                                                             \
		return __atomic_exchange_n(&a->v, i, __ATOMIC_SEQ_CST);               \
	}                                                                             \
	/* Returns the value found. */                                                \
	static __always_inline type name##_cmpxchg(stype *a, type old, type new)      \
	{                                                                             \
		return cmpxchg(&a->v, old, new);                                      \
	}                                                                             \
	static __always_inline bool name##_try_cmpxchg(stype *a, type *old, type new) \
	{                                                                             \
		return try_cmpxchg(&a->v, old, new);                                  \
	}                                                                             \
	/* Adds @i unless the value is @unless; true if it added. */                  \
	static __always_inline bool name##_add_unless(stype *a, type i, type unless)  \
	{                                                                             \
		type old = name##_read(a);                                            \
                                                                                      \
		do {                                                                  \
			if (old == unless)                                            \
				return false;                                         \
		} while (!try_cmpxchg(&a->v, &old, old + i));                         \
		return true;                                                          \
	}                                                                             \
	static __always_inline bool name##_inc_not_zero(stype *a)                     \
	{                                                                             \
		return name##_add_unless(a, 1, 0);                                    \
	}                                                                             \
	/* Takes one off a positive value; true if it did. */                         \
	static __always_inline bool name##_dec_if_positive(stype *a)                  \
	{                                                                             \
		type old = name##_read(a);                                            \
                                                                                      \
		do {                                                                  \
			if (old <= 0)                                                 \
				return false;                                         \
		} while (!try_cmpxchg(&a->v, &old, old - 1));                         \
		return true;                                                          \
	}

__ATOMIC_FAMILY(atomic, struct atomic, int)
__ATOMIC_FAMILY(atomic64, struct atomic64, s64)

/*
 * Reference counts: saturate instead of wrapping, and warn when an object with no reference gains
 * one. A saturated count leaks its object, which is safer than freeing it twice.
 */
typedef struct refcount {
	int v;
} refcount_t;

#define REFCOUNT_INIT(n) \
	{                \
		.v = (n) \
	}
#define REFCOUNT_SATURATED (INT_MIN / 2)

static __always_inline void refcount_set(struct refcount *r, int n)
{
	__atomic_store_n(&r->v, n, __ATOMIC_RELAXED);
}

static __always_inline int refcount_read(const struct refcount *r)
{
	return __atomic_load_n(&r->v, __ATOMIC_RELAXED);
}

static inline void refcount_saturate(struct refcount *r)
{
	refcount_set(r, REFCOUNT_SATURATED);
	WARN(true, "reference count out of range");
}

static __always_inline void refcount_add(struct refcount *r, int n)
{
	int old = __atomic_fetch_add(&r->v, n, __ATOMIC_RELAXED);

	if (unlikely(old <= 0 || old > INT_MAX - n))
		refcount_saturate(r);
}

static __always_inline void refcount_inc(struct refcount *r)
{
	refcount_add(r, 1);
}

/* False, and nothing done, if the count is zero (the object is being freed). */
static __always_inline bool __must_check refcount_inc_not_zero(struct refcount *r)
{
	int old = refcount_read(r);

	do {
		if (!old)
			return false;
		if (unlikely(old < 0 || old == INT_MAX)) {
			refcount_saturate(r);
			return true;
		}
	} while (!try_cmpxchg_acquire(&r->v, &old, old + 1));
	return true;
}

/* True if this was the last reference; then every earlier access by others is visible. */
static __always_inline bool __must_check refcount_sub_and_test(struct refcount *r, int n)
{
	int old = __atomic_fetch_sub(&r->v, n, __ATOMIC_ACQ_REL);

	if (old == n && n > 0)
		return true;
	if (unlikely(old < n))
		refcount_saturate(r);
	return false;
}

static __always_inline bool __must_check refcount_dec_and_test(struct refcount *r)
{
	return refcount_sub_and_test(r, 1);
}

/* Drops a reference that is known not to be the last. */
static __always_inline void refcount_dec(struct refcount *r)
{
	if (unlikely(refcount_sub_and_test(r, 1)))
		refcount_saturate(r);
}
