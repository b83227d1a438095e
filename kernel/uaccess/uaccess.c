/* Address checks and loops around the architecture's raw accesses. */
#include <kernel/uaccess/uaccess.h>

size_t copy_from_user_slow(void *to, const void __user *from, size_t n)
{
	size_t left = n;

	if (likely(access_ok(from, n)))
		left = arch_copy_from_user(to, from, n);
	/* Nothing of the kernel's own leaks through what could not be filled. */
	if (unlikely(left))
		memset((char *)to + (n - left), 0, left);
	return left;
}

size_t copy_to_user_slow(void __user *to, const void *from, size_t n)
{
	if (unlikely(!access_ok(to, n)))
		return n;
	return arch_copy_to_user(to, from, n);
}

size_t clear_user(void __user *to, size_t n)
{
	if (unlikely(!access_ok(to, n)))
		return n;
	return arch_clear_user(to, n);
}

ssize_t strncpy_from_user(char *to, const char __user *from, size_t n)
{
	unsigned long addr = (unsigned long)from;

	if (unlikely(addr >= USER_END))
		return -EFAULT;
	if (n > USER_END - addr) {
		/* Running into the end without a terminator is a fault, not a long string. */
		size_t most = USER_END - addr;
		ssize_t len = arch_strncpy_from_user(to, from, most);

		return len == (ssize_t)most ? -EFAULT : len;
	}
	return arch_strncpy_from_user(to, from, n);
}

size_t strnlen_user(const char __user *s, size_t n)
{
	unsigned long addr = (unsigned long)s;

	if (unlikely(addr >= USER_END))
		return 0;
	if (n > USER_END - addr) {
		size_t most = USER_END - addr;
		size_t len = arch_strnlen_user(s, most);

		return len > most ? 0 : len;
	}
	return arch_strnlen_user(s, n);
}

int check_zeroed_user(const void __user *from, size_t n)
{
	const char __user *p = from;

	if (!access_ok(from, n))
		return -EFAULT;
	while (n) {
		u64 word = 0;
		size_t step = n < sizeof(word) ? n : sizeof(word);

		if (arch_copy_from_user(&word, p, step))
			return -EFAULT;
		if (word)
			return 0;
		p += step;
		n -= step;
	}
	return 1;
}

int copy_struct_from_user(void *to, size_t ksize, const void __user *from, size_t usize)
{
	size_t common = ksize < usize ? ksize : usize;

	if (usize > ksize) {
		int zero = check_zeroed_user((const char __user *)from + ksize, usize - ksize);

		if (zero <= 0)
			return zero ? zero : -E2BIG;
	}
	if (copy_from_user(to, from, common))
		return -EFAULT;
	memset((char *)to + common, 0, ksize - common);
	return 0;
}

int copy_from_kernel_nofault(void *to, const void *from, size_t n)
{
	if (!addr_is_kernel((unsigned long)from) ||
	    (n && !addr_is_kernel((unsigned long)from + n - 1)))
		return -EFAULT;
	preempt_disable();
	size_t left = arch_copy_user_raw(to, from, n);

	preempt_enable();
	return left ? -EFAULT : 0;
}
