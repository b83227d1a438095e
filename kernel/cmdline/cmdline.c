/*
 * Command line parsing. The text is scanned anew for each question: it is short, questions are few,
 * and so it works before there is memory to keep anything in.
 */
#include <kernel/cmdline/cmdline.h>
#include <kern/string.h>

bool cmdline_next_of(const char *text, size_t *pos, char *word, size_t size, bool *for_init)
{
	size_t i = *pos, len = 0;
	bool quoted = false;

	if (i == 0)
		*for_init = false;
	for (;;) {
		while (text[i] == ' ' || text[i] == '\t' || text[i] == '\n')
			i++;
		if (*for_init || text[i] != '-' || text[i + 1] != '-' ||
		    (text[i + 2] && text[i + 2] != ' '))
			break;
		*for_init = true;
		i += 2;
	}
	if (!text[i])
		return false;
	for (; text[i] && (quoted || (text[i] != ' ' && text[i] != '\t' && text[i] != '\n')); i++) {
		if (text[i] == '"') {
			quoted = !quoted;
			continue;
		}
		if (len + 1 < size)
			word[len++] = text[i];
	}
	if (size)
		word[len] = '\0';
	*pos = i;
	return true;
}

/* Compares a name with the front of a word; the character after it, or -1 when it differs. */
static int cmdline_match(const char *word, const char *name)
{
	for (; *name; name++, word++) {
		char a = *word == '-' ? '_' : *word, b = *name == '-' ? '_' : *name;

		if (a != b)
			return -1;
	}
	return (unsigned char)*word;
}

#define CMDLINE_WORD_MAX 512

/* Finds the last word for @name; its value (or "") goes to @buf if that is not NULL. */
static bool cmdline_lookup(const char *text, const char *name, bool with_value, char *buf,
			   size_t size)
{
	char word[CMDLINE_WORD_MAX];
	bool for_init, found = false;
	size_t pos = 0;

	while (cmdline_next_of(text, &pos, word, sizeof(word), &for_init) && !for_init) {
		int after = cmdline_match(word, name);

		if (after != '=' && (after != 0 || with_value))
			continue;
		found = true;
		if (buf)
			(void)strscpy(buf, after ? word + strlen(name) + 1 : "", size);
	}
	return found;
}

bool cmdline_value_of(const char *text, const char *name, char *buf, size_t size)
{
	return cmdline_lookup(text, name, true, buf, size);
}

static bool cmdline_parse_u64(const char *s, u64 *out, const char **end)
{
	unsigned int base = 10;
	const char *begin;
	u64 v = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	} else if (s[0] == '0') {
		base = 8;
	}
	for (begin = s;; s++) {
		unsigned int d = *s >= '0' && *s <= '9'	  ? (unsigned int)(*s - '0')
				 : *s >= 'a' && *s <= 'f' ? (unsigned int)(*s - 'a') + 10
				 : *s >= 'A' && *s <= 'F' ? (unsigned int)(*s - 'A') + 10
							  : 99;

		if (d >= base)
			break;
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
			return false;
	}
	*out = v;
	*end = s;
	return s != begin;
}

static __maybe_unused bool cmdline_number(const char *text, const char *name, bool suffixes,
					  u64 *out)
{
	static const char units[] = "KMGT";
	const char *end, *unit;
	char buf[64];
	u64 v;

	if (!cmdline_value_of(text, name, buf, sizeof(buf)) || !cmdline_parse_u64(buf, &v, &end))
		return false;
	if (*end && suffixes) {
		unit = strchr(units, *end & ~0x20);
		if (!unit || v > U64_MAX >> (10 * (unit - units + 1)))
			return false;
		v <<= 10 * (unit - units + 1);
		end++;
	}
	if (*end)
		return false;
	*out = v;
	return true;
}

#if !KERN_HOST
#include <kernel/boot/boot.h>

bool cmdline_next(size_t *pos, char *word, size_t size, bool *for_init)
{
	return cmdline_next_of(boot_info.cmdline, pos, word, size, for_init);
}

bool cmdline_has(const char *name)
{
	return cmdline_lookup(boot_info.cmdline, name, false, NULL, 0);
}

bool cmdline_value(const char *name, char *buf, size_t size)
{
	return cmdline_value_of(boot_info.cmdline, name, buf, size);
}

bool cmdline_u64(const char *name, u64 *out)
{
	return cmdline_number(boot_info.cmdline, name, false, out);
}

bool cmdline_size(const char *name, u64 *out)
{
	return cmdline_number(boot_info.cmdline, name, true, out);
}
#endif
