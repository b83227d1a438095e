/* Text to values. */
#include <lib/parse/parse.h>
#include <kern/errno.h>
#include <kern/overflow.h>
#include <kern/string.h>

static unsigned int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 16;
}

/* Moves over the prefix that decides the base. */
static unsigned int base_of(const char **s, unsigned int base)
{
	const char *p = *s;
	bool hex = p[0] == '0' && (p[1] | 0x20) == 'x' && digit_of(p[2]) < 16;

	if (hex && (base == 0 || base == 16)) {
		*s = p + 2;
		return 16;
	}
	if (base)
		return base;
	return p[0] == '0' ? 8 : 10;
}

/* -EINVAL without a digit, -ERANGE. *@s moves behind the digits in any case. */
static int read_digits(const char **s, unsigned int base, u64 *out)
{
	const char *p = *s;
	bool over = false;
	u64 v = 0;

	for (unsigned int d; (d = digit_of(*p)) < base; p++) {
		over |= check_mul_overflow(v, (u64)base, &v);
		over |= check_add_overflow(v, (u64)d, &v);
	}
	if (p == *s)
		return -EINVAL;
	*s = p;
	if (over)
		return -ERANGE;
	*out = v;
	return 0;
}

bool parse_digits(const char **s, unsigned int base, u64 *out)
{
	const char *p = *s;

	base = base_of(&p, base);
	if (read_digits(&p, base, out))
		return false;
	*s = p;
	return true;
}

/* The number behind the sign. */
static int read_whole(const char *s, unsigned int base, u64 *out)
{
	u64 v;

	base = base_of(&s, base);
	int err = read_digits(&s, base, &v);

	if (err == -EINVAL)
		return err;
	if (*s == '\n')
		s++;
	if (*s)
		return -EINVAL;
	if (!err)
		*out = v;
	return err;
}

int parse_u64(const char *s, unsigned int base, u64 *out)
{
	return read_whole(s + (*s == '+'), base, out);
}

int parse_s64(const char *s, unsigned int base, s64 *out)
{
	bool negative = *s == '-';
	u64 v;
	int err = read_whole(s + (negative || *s == '+'), base, &v);

	if (err)
		return err;
	if (v > (u64)S64_MAX + negative)
		return -ERANGE;
	*out = negative ? (s64)(0 - v) : (s64)v;
	return 0;
}

int parse_u32(const char *s, unsigned int base, u32 *out)
{
	u64 v;
	int err = parse_u64(s, base, &v);

	if (err)
		return err;
	if (v > U32_MAX)
		return -ERANGE;
	*out = (u32)v;
	return 0;
}

int parse_s32(const char *s, unsigned int base, s32 *out)
{
	s64 v;
	int err = parse_s64(s, base, &v);

	if (err)
		return err;
	if (v > S32_MAX || v < S32_MIN)
		return -ERANGE;
	*out = (s32)v;
	return 0;
}

int parse_bool(const char *s, bool *out)
{
	switch (*s) {
	case 'y':
	case 'Y':
	case 't':
	case 'T':
	case '1':
		*out = true;
		return 0;
	case 'n':
	case 'N':
	case 'f':
	case 'F':
	case '0':
		*out = false;
		return 0;
	case 'o':
	case 'O':
		if ((s[1] | 0x20) != 'n' && (s[1] | 0x20) != 'f')
			return -EINVAL;
		*out = (s[1] | 0x20) == 'n';
		return 0;
	default:
		return -EINVAL;
	}
}

int parse_size(const char **s, u64 *out)
{
	static const char suffixes[] = "kmgtpe";
	const char *p = *s;
	unsigned int base = base_of(&p, 0), shift = 0;
	u64 v;
	int err = read_digits(&p, base, &v);

	if (err)
		return err;
	const char *suffix = *p ? strchr(suffixes, *p | 0x20) : NULL;

	if (suffix) {
		shift = ((unsigned int)(suffix - suffixes) + 1) * 10;
		p++;
	}
	if (v << shift >> shift != v)
		return -ERANGE;
	*s = p;
	*out = v << shift;
	return 0;
}

/* Removes a quote at both ends of the string at @s. */
static char *unquote(char *s)
{
	size_t n = strlen(s);

	if (*s != '"')
		return s;
	if (n > 1 && s[n - 1] == '"')
		s[n - 1] = 0;
	return s + 1;
}

static void split_value(char *word, char **value)
{
	char *eq = strchr(word, '=');

	*value = NULL;
	if (!eq)
		return;
	*eq = 0;
	*value = unquote(eq + 1);
}

bool parse_word(char **line, char **key, char **value)
{
	char *p = *line;
	bool quoted = false;

	while (char_is_space(*p))
		p++;
	if (!*p)
		return false;
	char *word = p;

	for (; *p && (quoted || !char_is_space(*p)); p++)
		quoted ^= *p == '"';
	if (*p)
		*p++ = 0;
	*line = p;
	word = unquote(word);
	split_value(word, value);
	*key = word;
	return true;
}

bool parse_key_is(const char *key, const char *name)
{
	for (;; key++, name++) {
		char a = *key == '-' ? '_' : *key;
		char b = *name == '-' ? '_' : *name;

		if (a != b)
			return false;
		if (!a)
			return true;
	}
}

bool parse_option(char **options, char **key, char **value)
{
	char *word;

	do {
		word = strsep(options, ",");
		if (!word)
			return false;
	} while (!*word);
	*value = strchr(word, '=');
	if (*value)
		*(*value)++ = 0;
	*key = word;
	return true;
}
