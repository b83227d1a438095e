/* Strings. */
#include <lib/string/string.h>
#include <kern/errno.h>

#define ONES 0x0101010101010101ull
#define HIGHS 0x8080808080808080ull

/* Reads whole aligned words: beyond the end of the string, but never beyond its page. */
__no_sanitize_address size_t(strlen)(const char *s)
{
	typedef u64 __attribute__((__may_alias__)) word_t;
	const char *p = s;

	for (; (unsigned long)p & 7; p++) {
		if (!*p)
			return (size_t)(p - s);
	}
	for (const word_t *w = (const word_t *)(const void *)p;; w++) {
		u64 zeros = (*w - ONES) & ~*w & HIGHS;

		if (zeros)
			return (size_t)((const char *)w - s) +
			       (unsigned int)__builtin_ctzll(zeros) / 8;
	}
}

size_t strnlen(const char *s, size_t n)
{
	const char *end = memchr(s, 0, n);

	return end ? (size_t)(end - s) : n;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	}
	return 0;
}

static u8 fold(char c)
{
	return (u8)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

int strncasecmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (fold(*a) != fold(*b) || !*a)
			return fold(*a) - fold(*b);
	}
	return 0;
}

int strcasecmp(const char *a, const char *b)
{
	return strncasecmp(a, b, SIZE_MAX);
}

/* C's string searches return a pointer without const into a string that may have it. */
static char *writable(const char *s)
{
	return (char *)(unsigned long)s;
}

char *strchrnul(const char *s, int c)
{
	while (*s && *s != (char)c)
		s++;
	return writable(s);
}

char *strchr(const char *s, int c)
{
	s = strchrnul(s, c);
	return *s == (char)c ? writable(s) : NULL;
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	do {
		if (*s == (char)c)
			last = s;
	} while (*s++);
	return writable(last);
}

char *strnstr(const char *s, const char *what, size_t n)
{
	size_t len = strlen(what);

	if (!len)
		return writable(s);
	n = strnlen(s, n);
	for (; n >= len; n--, s++) {
		if (*s == *what && !memcmp(s, what, len))
			return writable(s);
	}
	return NULL;
}

char *strstr(const char *s, const char *what)
{
	return strnstr(s, what, strlen(s));
}

size_t strspn(const char *s, const char *accept)
{
	size_t n = 0;

	while (s[n] && strchr(accept, s[n]))
		n++;
	return n;
}

size_t strcspn(const char *s, const char *reject)
{
	size_t n = 0;

	while (s[n] && !strchr(reject, s[n]))
		n++;
	return n;
}

char *strpbrk(const char *s, const char *accept)
{
	s += strcspn(s, accept);
	return *s ? writable(s) : NULL;
}

char *strsep(char **s, const char *delim)
{
	char *token = *s;

	if (!token)
		return NULL;
	char *end = token + strcspn(token, delim);

	*s = *end ? end + 1 : NULL;
	*end = 0;
	return token;
}

bool str_has_prefix(const char *s, const char *prefix)
{
	while (*prefix) {
		if (*s++ != *prefix++)
			return false;
	}
	return true;
}

char *strstrip(char *s)
{
	size_t n = strlen(s);

	while (n && char_is_space(s[n - 1]))
		s[--n] = 0;
	while (char_is_space(*s))
		s++;
	return s;
}

ssize_t strscpy(char *dst, const char *src, size_t size)
{
	size_t len = strnlen(src, size);

	if (!size)
		return -E2BIG;
	bool cut = len == size;

	len -= cut;
	memcpy(dst, src, len);
	dst[len] = 0;
	return cut ? -E2BIG : (ssize_t)len;
}

ssize_t strscat(char *dst, const char *src, size_t size)
{
	size_t used = strnlen(dst, size);

	if (used == size)
		return -E2BIG;
	ssize_t n = strscpy(dst + used, src, size - used);

	return n < 0 ? n : (ssize_t)used + n;
}
