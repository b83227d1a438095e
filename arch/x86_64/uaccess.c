/* User strings word by word, and the atomic operations that futexes need. */
#include <asm/uaccess.h>
#include <linux/futex.h>

#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

/* Non-zero if a byte of @v is zero; its lowest set bit belongs to the first such byte. */
static __always_inline u64 zero_bytes(u64 v)
{
	return (v - ONES) & ~v & HIGHS;
}

static __always_inline unsigned int first_byte(u64 mask)
{
	return (unsigned int)__builtin_ctzll(mask) / 8;
}

static __always_inline void window_open(void)
{
	asm volatile(UACCESS_OPEN : : : "memory", "cc");
}

/* One load with the window open: non-zero on a fault. */
#define LOAD_OPEN(insn, mod, val, at, err)                                                        \
	asm volatile(                                                                             \
		"1:\t" insn " %2, %" mod "1\n2:\n"                                                \
		".pushsection .fixup, \"ax\"\n3:\tmovl $1, %0\n\tjmp 2b\n.popsection\n" EX_ENTRY( \
			"1b", "3b", "0")                                                          \
		: "+r"(err), "=&r"(val)                                                           \
		: "m"(*(at)))

ssize_t arch_strncpy_from_user(char *to, const char __user *ufrom, size_t n)
{
	const char *from = (const char __force *)ufrom;
	size_t at = 0;
	u32 err = 0;

	window_open();
	while (n - at >= 8) {
		u64 v;

		LOAD_OPEN("movq", "q", v, (const u64 *)(from + at), err);
		if (err)
			break; /* bytewise up to the bad page */
		u64 zero = zero_bytes(v);

		*(u64 __attribute__((__aligned__(1))) *)(to + at) = v;
		if (zero) {
			arch_uaccess_close();
			return (ssize_t)(at + first_byte(zero));
		}
		at += 8;
	}
	for (err = 0; at < n; at++) {
		u8 c = 0;

		LOAD_OPEN("movb", "b", c, (const u8 *)(from + at), err);
		if (err)
			break;
		to[at] = (char)c;
		if (!c)
			break;
	}
	arch_uaccess_close();
	return err ? -EFAULT : (ssize_t)at;
}

size_t arch_strnlen_user(const char __user *us, size_t n)
{
	const char *s = (const char __force *)us;
	size_t at = 0;
	u32 err = 0;

	window_open();
	while (at < n) {
		u64 v;

		if ((unsigned long)(s + at) & 7) {
			u8 c = 0;

			LOAD_OPEN("movb", "b", c, (const u8 *)(s + at), err);
			if (err || !c)
				break;
			at++;
			continue;
		}
		/* Aligned: never reaches into a page the string does not reach. */
		LOAD_OPEN("movq", "q", v, (const u64 *)(s + at), err);
		if (err)
			break;
		u64 zero = zero_bytes(v);

		if (zero) {
			at += first_byte(zero);
			break;
		}
		at += 8;
	}
	arch_uaccess_close();
	return err ? 0 : (at < n ? at : n) + 1;
}

/* An atomic instruction on user memory in asm text; @in and @out as its operands. */
#define ATOMIC_OPEN(text, at, reg, err)                                                   \
	asm volatile(UACCESS_OPEN                                                         \
		     "\n1:\t" text "\n2:\t" UACCESS_CLOSE ".pushsection .fixup, \"ax\"\n" \
		     "3:\tmovl %3, %0\n\tjmp 2b\n.popsection\n" EX_ENTRY("1b", "3b", "0") \
		     : "+r"(err), "+r"(reg), "+m"(*(at))                                  \
		     : "i"(-EFAULT)                                                       \
		     : "memory", "cc")

int arch_user_cmpxchg32(u32 __user *uat, u32 old, u32 new, u32 *found)
{
	u32 *at = (u32 __force *)uat;
	int err = 0;

	asm volatile(UACCESS_OPEN
		     "\n1:\tlock cmpxchgl %3, %2\n2:\t" UACCESS_CLOSE
		     ".pushsection .fixup, \"ax\"\n"
		     "3:\tmovl %4, %0\n\tjmp 2b\n.popsection\n" EX_ENTRY("1b", "3b", "0")
		     : "+r"(err), "+a"(old), "+m"(*at)
		     : "r"(new), "i"(-EFAULT)
		     : "memory", "cc");
	*found = old;
	return err;
}

int arch_user_cmpxchg64(u64 __user *uat, u64 old, u64 new, u64 *found)
{
	u64 *at = (u64 __force *)uat;
	int err = 0;

	asm volatile(UACCESS_OPEN
		     "\n1:\tlock cmpxchgq %3, %2\n2:\t" UACCESS_CLOSE
		     ".pushsection .fixup, \"ax\"\n"
		     "3:\tmovl %4, %0\n\tjmp 2b\n.popsection\n" EX_ENTRY("1b", "3b", "0")
		     : "+r"(err), "+a"(old), "+m"(*at)
		     : "r"(new), "i"(-EFAULT)
		     : "memory", "cc");
	*found = old;
	return err;
}

static u32 futex_combine(int op, u32 old, u32 operand)
{
	switch (op) {
	case FUTEX_OP_OR:
		return old | operand;
	case FUTEX_OP_ANDN:
		return old & ~operand;
	default:
		return old ^ operand;
	}
}

int arch_futex_op(u32 __user *uat, int op, u32 operand, u32 *old)
{
	u32 *at = (u32 __force *)uat;
	u32 v = operand;
	int err = 0;

	switch (op) {
	case FUTEX_OP_SET:
		ATOMIC_OPEN("xchgl %1, %2", at, v, err);
		break;
	case FUTEX_OP_ADD:
		ATOMIC_OPEN("lock xaddl %1, %2", at, v, err);
		break;
	case FUTEX_OP_OR:
	case FUTEX_OP_ANDN:
	case FUTEX_OP_XOR: {
		u32 expect;

		err = arch_get_user(v, uat);
		do {
			expect = v;
			if (!err)
				err = arch_user_cmpxchg32(uat, expect,
							  futex_combine(op, expect, operand), &v);
		} while (!err && v != expect);
		break;
	}
	default:
		return -ENOSYS;
	}
	*old = v;
	return err;
}
