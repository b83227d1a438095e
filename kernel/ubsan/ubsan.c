/*
 * The handlers that gcc's -fsanitize=undefined calls, with the data it passes (libsanitizer's
 * interface: a location, types, then what depends on the kind). The column of the location is
 * set to all ones in the compiler's own data once a place has reported, so that a loop does not
 * flood the log.
 */
#include <kernel/ubsan/ubsan.h>

#include <kern/atomic.h>
#include <kern/bug.h>

struct ubsan_location {
	const char *file;
	u32 line, column;
};

struct ubsan_type {
	u16 kind; /* 0: integer */
	u16 info; /* bit 0: signed; above: log2 of the width in bits */
	char name[];
};

struct ubsan_overflow {
	struct ubsan_location at;
	const struct ubsan_type *type;
};

struct ubsan_bounds {
	struct ubsan_location at;
	const struct ubsan_type *array, *index;
};

struct ubsan_shift {
	struct ubsan_location at;
	const struct ubsan_type *lhs, *rhs;
};

struct ubsan_mismatch {
	struct ubsan_location at;
	const struct ubsan_type *type;
	u8 log_alignment;
	u8 access;
};

struct ubsan_nonnull {
	struct ubsan_location at, attribute;
	int arg;
};

#define REPORTED (~0u)

static bool expecting;
static u32 expected;

void ubsan_expect(bool on)
{
	if (on)
		__atomic_store_n(&expected, 0u, __ATOMIC_RELAXED);
	__atomic_store_n(&expecting, on, __ATOMIC_RELAXED);
}

unsigned int ubsan_expected_count(void)
{
	return __atomic_load_n(&expected, __ATOMIC_RELAXED);
}

/* True if this place has to be reported now. */
static bool ubsan_first(struct ubsan_location *at)
{
	if (__atomic_load_n(&expecting, __ATOMIC_RELAXED)) {
		__atomic_fetch_add(&expected, 1, __ATOMIC_RELAXED);
		return false;
	}
	return __atomic_exchange_n(&at->column, REPORTED, __ATOMIC_RELAXED) != REPORTED;
}

static s64 ubsan_value(const struct ubsan_type *type, unsigned long raw)
{
	unsigned int bits = 1u << (type->info >> 1);

	if (bits > 64)
		return *(const s64 *)raw;
	if (bits == 64 || !(type->info & 1))
		return (s64)raw;
	return (s64)(raw << (64 - bits)) >> (64 - bits);
}

#define REPORT(at, fmt, ...)                                                                  \
	do {                                                                                  \
		if (ubsan_first(at))                                                          \
			bug_warn_fmt((at)->file, (int)(at)->line, "undefined behaviour", fmt, \
				     ##__VA_ARGS__);                                          \
	} while (0)

void __ubsan_handle_out_of_bounds(struct ubsan_bounds *d, unsigned long index);
void __ubsan_handle_shift_out_of_bounds(struct ubsan_shift *d, unsigned long lhs,
					unsigned long rhs);
void __ubsan_handle_divrem_overflow(struct ubsan_overflow *d, unsigned long lhs, unsigned long rhs);
void __ubsan_handle_negate_overflow(struct ubsan_overflow *d, unsigned long v);
void __ubsan_handle_add_overflow(struct ubsan_overflow *d, unsigned long lhs, unsigned long rhs);
void __ubsan_handle_sub_overflow(struct ubsan_overflow *d, unsigned long lhs, unsigned long rhs);
void __ubsan_handle_mul_overflow(struct ubsan_overflow *d, unsigned long lhs, unsigned long rhs);
void __ubsan_handle_load_invalid_value(struct ubsan_overflow *d, unsigned long v);
void __ubsan_handle_vla_bound_not_positive(struct ubsan_overflow *d, unsigned long v);
void __ubsan_handle_type_mismatch_v1(struct ubsan_mismatch *d, unsigned long ptr);
void __ubsan_handle_pointer_overflow(struct ubsan_overflow *d, unsigned long base,
				     unsigned long result);
void __ubsan_handle_nonnull_arg(struct ubsan_nonnull *d);
void __ubsan_handle_builtin_unreachable(struct ubsan_location *at);

void __ubsan_handle_out_of_bounds(struct ubsan_bounds *d, unsigned long index)
{
	REPORT(&d->at, "index %lld is outside %s", (long long)ubsan_value(d->index, index),
	       d->array->name);
}

void __ubsan_handle_shift_out_of_bounds(struct ubsan_shift *d, unsigned long lhs, unsigned long rhs)
{
	REPORT(&d->at, "shift of %lld (%s) by %lld", (long long)ubsan_value(d->lhs, lhs),
	       d->lhs->name, (long long)ubsan_value(d->rhs, rhs));
}

void __ubsan_handle_divrem_overflow(struct ubsan_overflow *d, unsigned long lhs, unsigned long rhs)
{
	REPORT(&d->at, "division of %lld by %lld", (long long)ubsan_value(d->type, lhs),
	       (long long)ubsan_value(d->type, rhs));
}

void __ubsan_handle_negate_overflow(struct ubsan_overflow *d, unsigned long v)
{
	REPORT(&d->at, "negation of %lld overflows", (long long)ubsan_value(d->type, v));
}

void __ubsan_handle_add_overflow(struct ubsan_overflow *d, unsigned long lhs, unsigned long rhs)
{
	REPORT(&d->at, "%lld + %lld overflows %s", (long long)ubsan_value(d->type, lhs),
	       (long long)ubsan_value(d->type, rhs), d->type->name);
}

void __ubsan_handle_sub_overflow(struct ubsan_overflow *d, unsigned long lhs, unsigned long rhs)
{
	REPORT(&d->at, "%lld - %lld overflows %s", (long long)ubsan_value(d->type, lhs),
	       (long long)ubsan_value(d->type, rhs), d->type->name);
}

void __ubsan_handle_mul_overflow(struct ubsan_overflow *d, unsigned long lhs, unsigned long rhs)
{
	REPORT(&d->at, "%lld * %lld overflows %s", (long long)ubsan_value(d->type, lhs),
	       (long long)ubsan_value(d->type, rhs), d->type->name);
}

void __ubsan_handle_load_invalid_value(struct ubsan_overflow *d, unsigned long v)
{
	REPORT(&d->at, "%lld is no value of %s", (long long)v, d->type->name);
}

void __ubsan_handle_vla_bound_not_positive(struct ubsan_overflow *d, unsigned long v)
{
	REPORT(&d->at, "array of %lld elements", (long long)ubsan_value(d->type, v));
}

void __ubsan_handle_type_mismatch_v1(struct ubsan_mismatch *d, unsigned long ptr)
{
	if (!ptr)
		REPORT(&d->at, "null pointer to %s", d->type->name);
	else if (ptr & ((1ul << d->log_alignment) - 1))
		REPORT(&d->at, "address %#lx is not aligned for %s", ptr, d->type->name);
	else
		REPORT(&d->at, "no room for %s at %#lx", d->type->name, ptr);
}

void __ubsan_handle_pointer_overflow(struct ubsan_overflow *d, unsigned long base,
				     unsigned long result)
{
	REPORT(&d->at, "pointer %#lx wraps to %#lx", base, result);
}

void __ubsan_handle_nonnull_arg(struct ubsan_nonnull *d)
{
	REPORT(&d->at, "argument %d may not be null", d->arg);
}

/* Going on would run whatever code comes next. */
void __ubsan_handle_builtin_unreachable(struct ubsan_location *at)
{
	bug_fatal(at->file, (int)at->line, "unreachable code reached");
}
