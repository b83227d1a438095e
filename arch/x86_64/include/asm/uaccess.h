/*
 * Raw access to user memory. Rooms use <kernel/uaccess/uaccess.h>; this is what it is made of.
 *
 * Each access is an instruction listed in the exception table: a fault that mm cannot resolve
 * continues at the fix-up. With preemption off a fault is not resolved at all but fails at once.
 * SMAP is opened by stac and closed by clac around the access, where the CPU has it.
 */
#pragma once

#include <asm/page.h>
#include <asm/patch.h>
#include <kern/compiler.h>
#include <kern/errno.h>
#include <kern/types.h>

/* Fix-up kinds of the exception table. */
#define EX_KIND_JUMP 0	     /* continue at the fix-up */
#define EX_KIND_EFAULT_REG 1 /* also put -EFAULT into register n: kind is 1 + (n << 8) */

#define EX_ENTRY(from, to, kind)                                                \
	".pushsection .tab.extable, \"a\"\n"                                    \
	"\t.balign 4\n\t.long (" from ") - ., (" to ") - .\n\t.long " kind "\n" \
	".popsection\n"

/* The feature number as the assembler sees it. */
#define CPU_SMAP_NR 6

#define UACCESS_OPEN ALTERNATIVE("nopl (%%rax)", "stac", PATCH_STR(CPU_SMAP_NR))
#define UACCESS_CLOSE ALTERNATIVE("nopl (%%rax)", "clac", PATCH_STR(CPU_SMAP_NR))

static_assert(CPU_SMAP == CPU_SMAP_NR, "CPU_SMAP_NR");

/* True if [addr, addr + size) lies in the user half. */
static __always_inline bool access_ok(const void __user *p, size_t size)
{
	unsigned long addr = (unsigned long)p;

	/*
	 * A short object that starts in the lower half ends at worst among non-canonical addresses,
	 * which fault like unmapped ones.
	 */
	if (__builtin_constant_p(size) && size <= PAGE_SIZE)
		return (long)addr >= 0;
	return size <= USER_END && addr <= USER_END - size;
}

/* These return the number of bytes NOT copied, counted from the end. */
size_t arch_copy_user_raw(void *to, const void *from, size_t n) __must_check;

static __always_inline size_t __must_check arch_copy_to_user(void __user *to, const void *from,
							     size_t n)
{
	return arch_copy_user_raw((void __force *)to, from, n);
}

static __always_inline size_t __must_check arch_copy_from_user(void *to, const void __user *from,
							       size_t n)
{
	return arch_copy_user_raw(to, (const void __force *)from, n);
}

size_t arch_clear_user(void __user *to, size_t n) __must_check;

/*
 * Copies a string of at most @n bytes with its terminator; returns its length without it, @n if
 * there is no terminator in @n bytes, or -EFAULT.
 */
ssize_t arch_strncpy_from_user(char *to, const char __user *from, size_t n) __must_check;
/* Length with the terminator, more than @n if there is none, 0 on a fault. */
size_t arch_strnlen_user(const char __user *s, size_t n) __must_check;

#define UACCESS_GET_(insn, mod, reg, val, ptr, err)                                  \
	asm volatile(UACCESS_OPEN "\n1:\t" insn " %2, %" mod "1\n2:\t" UACCESS_CLOSE \
				  ".pushsection .fixup, \"ax\"\n"                    \
				  "3:\tmov %3, %0\n\txor %k1, %k1\n\tjmp 2b\n"       \
				  ".popsection\n" EX_ENTRY("1b", "3b", "0")          \
		     : "+r"(err), reg(val)                                           \
		     : "m"(*(ptr)), "i"(-EFAULT)                                     \
		     : "memory")

/* Stores *ptr in @x; 0 or -EFAULT. The address has been checked. */
#define arch_get_user(x, ptr)                                                             \
	({                                                                                \
		int __gerr = 0;                                                           \
		unsigned long __gul = 0;                                                  \
		const __typeof__(*(ptr)) __force *__gp =                                  \
			(const __typeof__(*(ptr)) __force *)(ptr);                        \
		switch (sizeof(*__gp)) {                                                  \
		case 1: {                                                                 \
			u8 __gv;                                                          \
			UACCESS_GET_("movb", "b", "=q", __gv, (const u8 *)__gp, __gerr);  \
			__gul = (unsigned long)__gv;                                      \
			break;                                                            \
		}                                                                         \
		case 2: {                                                                 \
			u16 __gv;                                                         \
			UACCESS_GET_("movw", "w", "=r", __gv, (const u16 *)__gp, __gerr); \
			__gul = (unsigned long)__gv;                                      \
			break;                                                            \
		}                                                                         \
		case 4: {                                                                 \
			u32 __gv;                                                         \
			UACCESS_GET_("movl", "k", "=r", __gv, (const u32 *)__gp, __gerr); \
			__gul = (unsigned long)__gv;                                      \
			break;                                                            \
		}                                                                         \
		case 8: {                                                                 \
			u64 __gv;                                                         \
			UACCESS_GET_("movq", "q", "=r", __gv, (const u64 *)__gp, __gerr); \
			__gul = (unsigned long)__gv;                                      \
			break;                                                            \
		}                                                                         \
		default:                                                                  \
			uaccess_bad_size();                                               \
		}                                                                         \
		(x) = (__typeof__(*(ptr)))__gul;                                          \
		(void)(x); /* reading only to fault a page in is a use */                 \
		__gerr;                                                                   \
	})

#define UACCESS_PUT_(insn, mod, reg, val, ptr, fail)                               \
	asm goto(UACCESS_OPEN "\n1:\t" insn " %" mod                               \
			      "0, %1\n\t" UACCESS_CLOSE EX_ENTRY("1b", "%l2", "0") \
		 :                                                                 \
		 : reg(val), "m"(*(ptr))                                           \
		 : "memory"                                                        \
		 : fail)

/* Stores @x at *ptr; 0 or -EFAULT. The address has been checked. */
#define arch_put_user(x, ptr)                                                                  \
	({                                                                                     \
		__label__ __put_fault, __put_done;                                             \
		int __perr = 0;                                                                \
		__typeof__(*(ptr)) __force *__pp = (__typeof__(*(ptr)) __force *)(ptr);        \
		__typeof__(*__pp) __pv = (__typeof__(*__pp))(x);                               \
		switch (sizeof(*__pp)) {                                                       \
		case 1:                                                                        \
			UACCESS_PUT_("movb", "b", "iq", (u8)(unsigned long)__pv, (u8 *)__pp,   \
				     __put_fault);                                             \
			break;                                                                 \
		case 2:                                                                        \
			UACCESS_PUT_("movw", "w", "ir", (u16)(unsigned long)__pv, (u16 *)__pp, \
				     __put_fault);                                             \
			break;                                                                 \
		case 4:                                                                        \
			UACCESS_PUT_("movl", "k", "ir", (u32)(unsigned long)__pv, (u32 *)__pp, \
				     __put_fault);                                             \
			break;                                                                 \
		case 8:                                                                        \
			UACCESS_PUT_("movq", "q", "er", (u64)(unsigned long)__pv, (u64 *)__pp, \
				     __put_fault);                                             \
			break;                                                                 \
		default:                                                                       \
			uaccess_bad_size();                                                    \
		}                                                                              \
		goto __put_done;                                                               \
	__put_fault:                                                                           \
		arch_uaccess_close();                                                          \
		__perr = -EFAULT;                                                              \
	__put_done:                                                                            \
		__perr;                                                                        \
	})

/* Never defined: an access of a size no instruction has fails to link. */
void uaccess_bad_size(void);

static __always_inline void arch_uaccess_close(void)
{
	asm volatile(UACCESS_CLOSE : : : "memory", "cc");
}

/*
 * Up to 32 bytes of a size known at compile time, a multiple of 4: straight-line code. Non-zero on
 * a fault; what is stored then is partial, what is loaded is lost.
 */
#define UACCESS_FIX_           \
	"\n2:\t" UACCESS_CLOSE \
	".pushsection .fixup, \"ax\"\n3:\tmovl $1, %0\n\tjmp 2b\n.popsection\n"

static __always_inline u32 arch_load_small(void *to, const void __user *ufrom, size_t n)
{
	const char *from = (const char __force *)ufrom;
	u64 v[4] = {0};
	u32 tail = 0, err = 0;

	switch (n / 8) {
	case 1:
		asm volatile(UACCESS_OPEN
			     "\n1:\tmovq (%2), %1" UACCESS_FIX_ EX_ENTRY("1b", "3b", "0")
			     : "+r"(err), "=&r"(v[0])
			     : "r"(from)
			     : "memory");
		break;
	case 2:
		asm volatile(UACCESS_OPEN
			     "\n1:\tmovq (%3), %1\n4:\tmovq 8(%3), %2" UACCESS_FIX_ EX_ENTRY(
				     "1b", "3b", "0") EX_ENTRY("4b", "3b", "0")
			     : "+r"(err), "=&r"(v[0]), "=&r"(v[1])
			     : "r"(from)
			     : "memory");
		break;
	case 3:
		asm volatile(UACCESS_OPEN
			     "\n1:\tmovq (%4), %1\n4:\tmovq 8(%4), %2\n"
			     "5:\tmovq 16(%4), %3" UACCESS_FIX_ EX_ENTRY("1b", "3b", "0")
				     EX_ENTRY("4b", "3b", "0") EX_ENTRY("5b", "3b", "0")
			     : "+r"(err), "=&r"(v[0]), "=&r"(v[1]), "=&r"(v[2])
			     : "r"(from)
			     : "memory");
		break;
	case 4:
		asm volatile(UACCESS_OPEN
			     "\n1:\tmovq (%5), %1\n4:\tmovq 8(%5), %2\n"
			     "5:\tmovq 16(%5), %3\n6:\tmovq 24(%5), %4" UACCESS_FIX_ EX_ENTRY(
				     "1b", "3b", "0") EX_ENTRY("4b", "3b", "0")
				     EX_ENTRY("5b", "3b", "0") EX_ENTRY("6b", "3b", "0")
			     : "+r"(err), "=&r"(v[0]), "=&r"(v[1]), "=&r"(v[2]), "=&r"(v[3])
			     : "r"(from)
			     : "memory");
		break;
	default:
		break;
	}
	if (n % 8)
		asm volatile(UACCESS_OPEN
			     "\n1:\tmovl (%2), %1" UACCESS_FIX_ EX_ENTRY("1b", "3b", "0")
			     : "+r"(err), "=&r"(tail)
			     : "r"(from + n / 8 * 8)
			     : "memory");
	__builtin_memcpy(to, v, n / 8 * 8);
	if (n % 8)
		__builtin_memcpy((char *)to + n / 8 * 8, &tail, 4);
	return err;
}

static __always_inline u32 arch_store_small(void __user *uto, const void *from, size_t n)
{
	char *to = (char __force *)uto;
	u64 v[4] = {0};
	u32 tail = 0, err = 0;

	__builtin_memcpy(v, from, n / 8 * 8);
	if (n % 8)
		__builtin_memcpy(&tail, (const char *)from + n / 8 * 8, 4);
	switch (n / 8) {
	case 1:
		asm volatile(UACCESS_OPEN
			     "\n1:\tmovq %1, (%2)" UACCESS_FIX_ EX_ENTRY("1b", "3b", "0")
			     : "+r"(err)
			     : "r"(v[0]), "r"(to)
			     : "memory");
		break;
	case 2:
		asm volatile(UACCESS_OPEN
			     "\n1:\tmovq %1, (%3)\n4:\tmovq %2, 8(%3)" UACCESS_FIX_ EX_ENTRY(
				     "1b", "3b", "0") EX_ENTRY("4b", "3b", "0")
			     : "+r"(err)
			     : "r"(v[0]), "r"(v[1]), "r"(to)
			     : "memory");
		break;
	case 3:
		asm volatile(UACCESS_OPEN
			     "\n1:\tmovq %1, (%4)\n4:\tmovq %2, 8(%4)\n"
			     "5:\tmovq %3, 16(%4)" UACCESS_FIX_ EX_ENTRY("1b", "3b", "0")
				     EX_ENTRY("4b", "3b", "0") EX_ENTRY("5b", "3b", "0")
			     : "+r"(err)
			     : "r"(v[0]), "r"(v[1]), "r"(v[2]), "r"(to)
			     : "memory");
		break;
	case 4:
		asm volatile(UACCESS_OPEN
			     "\n1:\tmovq %1, (%5)\n4:\tmovq %2, 8(%5)\n"
			     "5:\tmovq %3, 16(%5)\n6:\tmovq %4, 24(%5)" UACCESS_FIX_ EX_ENTRY(
				     "1b", "3b", "0") EX_ENTRY("4b", "3b", "0")
				     EX_ENTRY("5b", "3b", "0") EX_ENTRY("6b", "3b", "0")
			     : "+r"(err)
			     : "r"(v[0]), "r"(v[1]), "r"(v[2]), "r"(v[3]), "r"(to)
			     : "memory");
		break;
	default:
		break;
	}
	if (n % 8)
		asm volatile(UACCESS_OPEN
			     "\n1:\tmovl %1, (%2)" UACCESS_FIX_ EX_ENTRY("1b", "3b", "0")
			     : "+r"(err)
			     : "r"(tail), "r"(to + n / 8 * 8)
			     : "memory");
	return err;
}

/*
 * Many fields of one object, the address checked before: open, accesses, close. Nothing else may be
 * called between. A faulting store jumps to @fault (still open); a faulting load sets @err.
 */
static __always_inline void arch_user_open(void)
{
	asm volatile(UACCESS_OPEN : : : "memory", "cc");
}

#define ARCH_USER_STORE64(val, ptr, fault)                      \
	asm goto("1:\tmovq %0, %1\n" EX_ENTRY("1b", "%l2", "0") \
		 :                                              \
		 : "er"((u64)(val)), "m"(*(u64 *)(ptr))         \
		 : "memory"                                     \
		 : fault)

#define ARCH_USER_LOAD64(val, ptr, err)                                                         \
	asm volatile(                                                                           \
		"1:\tmovq %2, %1\n2:\n.pushsection .fixup, \"ax\"\n3:\tmovl $1, %0\n\tjmp 2b\n" \
		".popsection\n" EX_ENTRY("1b", "3b", "0")                                       \
		: "+r"(err), "=&r"(val)                                                         \
		: "m"(*(const u64 *)(ptr)))

/*
 * Compare-and-exchange of a user word: *found is what was there. 0 or -EFAULT.
 */
int arch_user_cmpxchg32(u32 __user *at, u32 old, u32 new, u32 *found) __must_check;
int arch_user_cmpxchg64(u64 __user *at, u64 old, u64 new, u64 *found) __must_check;

/* FUTEX_WAKE_OP operations on a user word, numbered as the UAPI does: 0 or -EFAULT, -ENOSYS. */
int arch_futex_op(u32 __user *at, int op, u32 operand, u32 *old) __must_check;
