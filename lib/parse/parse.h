/*
 * Text to values: numbers, sizes, the kernel command line, mount options.
 */
#pragma once

#include <kern/types.h>

/*
 * The whole of @s as a number: optional sign, digits of @base (0: 0x and 0 prefixes decide),
 * optionally one newline behind. -EINVAL if it is anything else, -ERANGE if it does not fit. A '-'
 * is accepted by the signed forms only.
 */
int parse_u64(const char *s, unsigned int base, u64 *out) __must_check;
int parse_s64(const char *s, unsigned int base, s64 *out) __must_check;
int parse_u32(const char *s, unsigned int base, u32 *out) __must_check;
int parse_s32(const char *s, unsigned int base, s32 *out) __must_check;
/* y Y 1 on, n N 0 off; -EINVAL. */
int parse_bool(const char *s, bool *out) __must_check;

/*
 * The digits at *@s: a number up to the first other character, to which *@s moves. False, and
 * nothing moves, if there is no digit or it does not fit. No sign, no white space.
 */
bool parse_digits(const char **s, unsigned int base, u64 *out);

/*
 * A size with an optional suffix K M G T P E (powers of 1024), at *@s, which moves behind it.
 * -EINVAL, -ERANGE.
 */
int parse_size(const char **s, u64 *out) __must_check;

/*
 * Takes the next word of a kernel command line from *@line, changing it in place: words are
 * separated by white space except inside double quotes; "key=value" is split, quotes around the
 * word or the value are removed; *@value is NULL without '='. False at the end. The word "--" comes
 * as any other: what follows belongs to init.
 */
bool parse_word(char **line, char **key, char **value);
/* Are parameter names equal? '-' and '_' are. */
bool parse_key_is(const char *key, const char *name);

/*
 * Takes the next option of "key,key=value,..." from *@options, changing it in place; empty ones are
 * skipped. False at the end.
 */
bool parse_option(char **options, char **key, char **value);
