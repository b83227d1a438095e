/*
 * Memory, strings and formatting. Bodies: lib/string and lib/fmt; an architecture may replace the
 * mem* ones (they are weak).
 *
 * On the host the names are mapped to kern_*, so that what is tested is this code and not libc's.
 */
#pragma once

#include <stdarg.h>
#include <kern/types.h>

#if KERN_HOST
#define memcpy kern_memcpy
#define memmove kern_memmove
#define memset kern_memset
#define memcmp kern_memcmp
#define memchr kern_memchr
#define strlen kern_strlen
#define strnlen kern_strnlen
#define strcmp kern_strcmp
#define strncmp kern_strncmp
#define strcasecmp kern_strcasecmp
#define strncasecmp kern_strncasecmp
#define strchr kern_strchr
#define strchrnul kern_strchrnul
#define strrchr kern_strrchr
#define strstr kern_strstr
#define strnstr kern_strnstr
#define strspn kern_strspn
#define strcspn kern_strcspn
#define strpbrk kern_strpbrk
#define strsep kern_strsep
#define snprintf kern_snprintf
#define vsnprintf kern_vsnprintf
#define scnprintf kern_scnprintf
#define vscnprintf kern_vscnprintf
#endif

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
/* The first byte of @s that is not @c, or NULL. */
void *memchr_inv(const void *s, int c, size_t n);
/* Clears secrets; not optimised away. */
void memzero_explicit(void *s, size_t n);
/* Compares secrets: 0 if equal; takes the same time wherever they differ. */
int memcmp_secret(const void *a, const void *b, size_t n);

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
int strcasecmp(const char *a, const char *b);
int strncasecmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
/* As strchr, but the end of the string if there is no @c. */
char *strchrnul(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *what);
/* Looks at @n bytes of @s at most. */
char *strnstr(const char *s, const char *what, size_t n);
size_t strspn(const char *s, const char *accept);
size_t strcspn(const char *s, const char *reject);
char *strpbrk(const char *s, const char *accept);
/* Splits off *@s the token that ends at one of @delim (or the end); NULL when *@s is NULL. */
char *strsep(char **s, const char *delim);
/* True if @s begins with @prefix. */
bool str_has_prefix(const char *s, const char *prefix);
/* White space of the C locale. */
static inline bool char_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}
/* Removes white space at both ends, in place. */
char *strstrip(char *s);

/*
 * Copies with termination, at most @size bytes in all. Returns the length, or -E2BIG if it had to
 * cut (or @size is 0).
 */
ssize_t strscpy(char *dst, const char *src, size_t size);
/* Appends to the string in @dst (of @size bytes in all); same result for the whole string. */
ssize_t strscat(char *dst, const char *src, size_t size);

/* Returns the length that the full text has; @buf is terminated if @size > 0. */
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args) __printf(3, 0);
/* The same, but the length of what is in @buf. */
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int vscnprintf(char *buf, size_t size, const char *fmt, va_list args) __printf(3, 0);

#if !KERN_HOST
/* Freestanding C does not expand these in line; constant sizes matter too much to call. */
#define memcpy(d, s, n) __builtin_memcpy(d, s, n)
#define memmove(d, s, n) __builtin_memmove(d, s, n)
#define memset(d, c, n) __builtin_memset(d, c, n)
#define memcmp(a, b, n) __builtin_memcmp(a, b, n)
#define strlen(s) __builtin_strlen(s)
#endif
