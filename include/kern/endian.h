/*
 * Integers of a fixed byte order, for disk and wire. They are structs, so that arithmetic on the
 * raw value does not compile; they need no alignment beyond their integer's.
 */
#pragma once

#include <kern/types.h>

typedef struct {
	u16 raw;
} le16;
typedef struct {
	u32 raw;
} le32;
typedef struct {
	u64 raw;
} le64;
typedef struct {
	u16 raw;
} be16;
typedef struct {
	u32 raw;
} be32;
typedef struct {
	u64 raw;
} be64;

#define swab16(x) __builtin_bswap16(x)
#define swab32(x) __builtin_bswap32(x)
#define swab64(x) __builtin_bswap64(x)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define __le_order(bits, x) (x)
#define __be_order(bits, x) swab##bits(x)
#else
#error "big-endian machines are not supported"
#endif

#define __ENDIAN_TYPE(bits)                                              \
	static __always_inline u##bits le##bits##_get(le##bits v)        \
	{                                                                \
		return __le_order(bits, v.raw);                          \
	}                                                                \
	static __always_inline le##bits le##bits##_make(u##bits x)       \
	{                                                                \
		return (le##bits){__le_order(bits, x)};                  \
	}                                                                \
	static __always_inline u##bits be##bits##_get(be##bits v)        \
	{                                                                \
		return __be_order(bits, v.raw);                          \
	}                                                                \
	static __always_inline be##bits be##bits##_make(u##bits x)       \
	{                                                                \
		return (be##bits){__be_order(bits, x)};                  \
	}                                                                \
	/* At any address. */                                            \
	static __always_inline u##bits le##bits##_read(const void *p)    \
	{                                                                \
		u##bits x;                                               \
                                                                         \
		__builtin_memcpy(&x, p, sizeof(x));                      \
		return __le_order(bits, x);                              \
	}                                                                \
	static __always_inline u##bits be##bits##_read(const void *p)    \
	{                                                                \
		u##bits x;                                               \
                                                                         \
		__builtin_memcpy(&x, p, sizeof(x));                      \
		return __be_order(bits, x);                              \
	}                                                                \
	static __always_inline void le##bits##_write(void *p, u##bits x) \
	{                                                                \
		x = __le_order(bits, x);                                 \
		__builtin_memcpy(p, &x, sizeof(x));                      \
	}                                                                \
	static __always_inline void be##bits##_write(void *p, u##bits x) \
	{                                                                \
		x = __be_order(bits, x);                                 \
		__builtin_memcpy(p, &x, sizeof(x));                      \
	}

__ENDIAN_TYPE(16)
__ENDIAN_TYPE(32)
__ENDIAN_TYPE(64)

#define le16_add(p, n) (*(p) = le16_make((u16)(le16_get(*(p)) + (n))))
#define le32_add(p, n) (*(p) = le32_make(le32_get(*(p)) + (u32)(n)))
#define le64_add(p, n) (*(p) = le64_make(le64_get(*(p)) + (u64)(n)))
