/*
 * Formatted text: one pass, one output cursor.
 *
 * The cursor counts all bytes and stores those that fit, so no conversion needs to know about the
 * buffer's end.
 */
#include <lib/fmt/fmt.h>
#include <kern/limits.h>

__weak size_t (*fmt_symbol)(unsigned long addr, char *buf, size_t size);

enum {
	F_LEFT = 1,
	F_PLUS = 2,
	F_SPACE = 4,
	F_ALT = 8,
	F_ZERO = 16,
	F_UPPER = 32,
	F_SIGNED = 64,
};

struct out {
	char *buf;
	size_t size; /* bytes that may be stored, without the terminator */
	size_t len;  /* bytes produced */
};

struct spec {
	unsigned int flags;
	int width;
	int precision; /* -1: none */
	char length;   /* 'H' hh, 'h', 'l' (also ll z t j), 0 int */
};

static const char digit_pairs[] = "0001020304050607080910111213141516171819"
				  "2021222324252627282930313233343536373839"
				  "4041424344454647484950515253545556575859"
				  "6061626364656667686970717273747576777879"
				  "8081828384858687888990919293949596979899";

/* Writes the digits that end at @end and returns where they begin. */
static char *dec_back(char *end, u64 v)
{
	while (v >= 100) {
		unsigned int pair = (unsigned int)(v % 100) * 2;

		v /= 100;
		*--end = digit_pairs[pair + 1];
		*--end = digit_pairs[pair];
	}
	if (v >= 10)
		*--end = digit_pairs[v * 2 + 1];
	*--end = v >= 10 ? digit_pairs[v * 2] : (char)('0' + v);
	return end;
}

size_t fmt_dec(char buf[FMT_DEC_MAX], u64 v)
{
	char tmp[FMT_DEC_MAX];
	char *p = dec_back(tmp + sizeof(tmp), v);
	size_t n = (size_t)(tmp + sizeof(tmp) - p);

	memcpy(buf, p, n);
	return n;
}

size_t fmt_hex(char buf[FMT_HEX_MAX], u64 v)
{
	size_t n = v ? (size_t)(64 - __builtin_clzll(v) + 3) / 4 : 1;

	for (size_t i = n; i--; v >>= 4)
		buf[i] = "0123456789abcdef"[v & 15];
	return n;
}

static void put_mem(struct out *o, const char *s, size_t n)
{
	if (o->len < o->size)
		memcpy(o->buf + o->len, s, min(n, o->size - o->len));
	o->len += n;
}

static void put_fill(struct out *o, char c, size_t n)
{
	if (o->len < o->size)
		memset(o->buf + o->len, c, min(n, o->size - o->len));
	o->len += n;
}

static void put_char(struct out *o, char c)
{
	if (o->len < o->size)
		o->buf[o->len] = c;
	o->len++;
}

/* @prefix and @zeros stand between the padding and the text. */
static void put_padded(struct out *o, const struct spec *sp, const char *prefix, size_t zeros,
		       const char *s, size_t n)
{
	size_t plen = strlen(prefix);
	size_t total = plen + zeros + n;
	size_t pad = (size_t)sp->width > total ? (size_t)sp->width - total : 0;

	if (!(sp->flags & F_LEFT))
		put_fill(o, ' ', pad);
	put_mem(o, prefix, plen);
	put_fill(o, '0', zeros);
	put_mem(o, s, n);
	if (sp->flags & F_LEFT)
		put_fill(o, ' ', pad);
}

static char *digits_back(char *end, u64 v, unsigned int base, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned int shift = base == 16 ? 4 : 3;

	if (base == 10)
		return dec_back(end, v);
	do {
		*--end = digits[v & (base - 1)];
		v >>= shift;
	} while (v);
	return end;
}

static const char *sign_of(const struct spec *sp, bool negative)
{
	if (negative)
		return "-";
	if (!(sp->flags & F_SIGNED))
		return "";
	return sp->flags & F_PLUS ? "+" : sp->flags & F_SPACE ? " " : "";
}

static void put_number(struct out *o, const struct spec *sp, u64 v, unsigned int base)
{
	char tmp[24];
	bool negative = (sp->flags & F_SIGNED) && (s64)v < 0;
	const char *prefix = sign_of(sp, negative);
	char *p = tmp + sizeof(tmp);
	size_t zeros = 0;

	if (v || sp->precision)
		p = digits_back(p, negative ? -v : v, base, sp->flags & F_UPPER);
	size_t n = (size_t)(tmp + sizeof(tmp) - p);

	if (sp->flags & F_ALT && base == 16 && v)
		prefix = sp->flags & F_UPPER ? "0X" : "0x";
	if (sp->precision > (int)n)
		zeros = (size_t)sp->precision - n;
	else if (sp->flags & F_ALT && base == 8 && (!n || *p != '0'))
		zeros = 1;
	if (sp->flags & F_ZERO && !(sp->flags & F_LEFT) && sp->precision < 0) {
		size_t used = strlen(prefix) + zeros + n;

		if ((size_t)sp->width > used)
			zeros += (size_t)sp->width - used;
	}
	put_padded(o, sp, prefix, zeros, p, n);
}

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
	if (!s)
		s = "(null)";
	put_padded(o, sp, "", 0, s,
		   sp->precision < 0 ? strlen(s) : strnlen(s, (size_t)sp->precision));
}

/* Groups of @group bytes in hexadecimal, separated by @sep. */
static char *put_groups(char *to, const u8 *bytes, unsigned int n, unsigned int group, char sep)
{
	for (unsigned int i = 0; i < n; i++) {
		if (i && i % group == 0)
			*to++ = sep;
		*to++ = "0123456789abcdef"[bytes[i] >> 4];
		*to++ = "0123456789abcdef"[bytes[i] & 15];
	}
	return to;
}

static char *put_uuid(char *to, const u8 *b)
{
	static const u8 lengths[] = {4, 2, 2, 2, 6};

	for (unsigned int i = 0; i < sizeof(lengths); b += lengths[i++]) {
		if (i)
			*to++ = '-';
		to = put_groups(to, b, lengths[i], 16, 0);
	}
	return to;
}

static size_t format_ipv4(char *to, const u8 *b)
{
	size_t n = 0;

	for (unsigned int i = 0; i < 4; i++) {
		if (i)
			to[n++] = '.';
		n += fmt_dec(to + n, b[i]);
	}
	return n;
}

static size_t format_symbol(char *tmp, size_t size, unsigned long addr, bool offset)
{
	size_t n = fmt_symbol ? fmt_symbol(addr, tmp, size) : 0;

	if (!n) {
		memcpy(tmp, "0x", 2);
		return 2 + fmt_hex(tmp + 2, addr);
	}
	n = min(n, size);
	if (!offset) {
		const char *plus = memchr(tmp, '+', n);

		n = plus ? (size_t)(plus - tmp) : n;
	}
	return n;
}

/* Formats what follows "%p"; returns how many characters of the format that were. */
static size_t put_pointer(struct out *o, const struct spec *sp, const char *fmt, const void *p)
{
	char tmp[128];
	size_t used = 1, n;

	if (fmt[0] == 'x') {
		for (n = 0; n < 16; n++)
			tmp[n] = "0123456789abcdef"[(unsigned long)p >> (60 - 4 * n) & 15];
	} else if (fmt[0] == 'S' || fmt[0] == 's') {
		n = format_symbol(tmp, sizeof(tmp), (unsigned long)p, fmt[0] == 'S');
	} else if (fmt[0] == 'M') {
		n = (size_t)(put_groups(tmp, p, 6, 1, ':') - tmp);
	} else if (fmt[0] == 'U') {
		n = (size_t)(put_uuid(tmp, p) - tmp);
	} else if (fmt[0] == 'I' && fmt[1] == '4') {
		n = format_ipv4(tmp, p);
		used = 2;
	} else if (fmt[0] == 'I' && fmt[1] == '6') {
		n = (size_t)(put_groups(tmp, p, 16, 2, ':') - tmp);
		used = 2;
	} else {
		memcpy(tmp, "(ptrval)", 8);
		n = 8;
		used = 0;
	}
	put_padded(o, sp, "", 0, tmp, n);
	return used;
}

static const char *parse_number(const char *fmt, int *out)
{
	int n = 0;

	while (*fmt >= '0' && *fmt <= '9') {
		n = n < INT_MAX / 20 ? n * 10 + (*fmt - '0') : INT_MAX / 20;
		fmt++;
	}
	*out = n;
	return fmt;
}

static const char *parse_flags(const char *fmt, unsigned int *out)
{
	unsigned int flags = 0;

	for (;; fmt++) {
		switch (*fmt) {
		case '-':
			flags |= F_LEFT;
			break;
		case '+':
			flags |= F_PLUS;
			break;
		case ' ':
			flags |= F_SPACE;
			break;
		case '#':
			flags |= F_ALT;
			break;
		case '0':
			flags |= F_ZERO;
			break;
		default:
			*out = flags;
			return fmt;
		}
	}
}

static const char *parse_length(const char *fmt, char *out)
{
	*out = 0;
	if (*fmt == 'h') {
		*out = fmt[1] == 'h' ? 'H' : 'h';
		return fmt + (fmt[1] == 'h' ? 2 : 1);
	}
	if (*fmt == 'l' || *fmt == 'z' || *fmt == 't' || *fmt == 'j') {
		*out = 'l';
		return fmt + (fmt[0] == 'l' && fmt[1] == 'l' ? 2 : 1);
	}
	return fmt;
}

/* A va_list parameter is a pointer on some machines: this lets it be passed on and advanced. */
struct args {
	va_list ap;
};

static const char *parse_spec(const char *fmt, struct spec *sp, struct args *a)
{
	fmt = parse_flags(fmt, &sp->flags);
	if (*fmt == '*') {
		sp->width = va_arg(a->ap, int);
		if (sp->width < 0) {
			sp->flags |= F_LEFT;
			sp->width = sp->width == INT_MIN ? 0 : -sp->width;
		}
		fmt++;
	} else {
		fmt = parse_number(fmt, &sp->width);
	}
	sp->precision = -1;
	if (*fmt == '.') {
		if (fmt[1] == '*') {
			sp->precision = va_arg(a->ap, int);
			sp->precision = max(sp->precision, -1);
			fmt += 2;
		} else {
			fmt = parse_number(fmt + 1, &sp->precision);
		}
	}
	return parse_length(fmt, &sp->length);
}

static u64 next_integer(const struct spec *sp, struct args *a)
{
	bool is_signed = sp->flags & F_SIGNED;

	if (sp->length == 'l')
		return va_arg(a->ap, u64);
	unsigned int v = va_arg(a->ap, unsigned int);

	if (sp->length == 'H')
		return is_signed ? (u64)(s8)v : (u8)v;
	if (sp->length == 'h')
		return is_signed ? (u64)(s16)v : (u16)v;
	return is_signed ? (u64)(s32)v : v;
}

/* Returns false if @conv is not a conversion of integers. */
static bool put_integer(struct out *o, struct spec *sp, char conv, struct args *a)
{
	unsigned int base = 10;

	switch (conv) {
	case 'd':
	case 'i':
		sp->flags |= F_SIGNED;
		break;
	case 'u':
		break;
	case 'o':
		base = 8;
		break;
	case 'X':
		sp->flags |= F_UPPER;
		fallthrough;
	case 'x':
		base = 16;
		break;
	default:
		return false;
	}
	put_number(o, sp, next_integer(sp, a), base);
	return true;
}

/* One conversion; @fmt is behind the '%'. Returns what follows it, or NULL if it is unknown. */
static const char *put_conversion(struct out *o, const char *fmt, struct args *a)
{
	struct spec sp;
	char c;

	fmt = parse_spec(fmt, &sp, a);
	switch (*fmt) {
	case '%':
		put_char(o, '%');
		return fmt + 1;
	case 'c':
		c = (char)va_arg(a->ap, int);
		put_padded(o, &sp, "", 0, &c, 1);
		return fmt + 1;
	case 's':
		put_string(o, &sp, va_arg(a->ap, const char *));
		return fmt + 1;
	case 'p':
		return fmt + 1 + put_pointer(o, &sp, fmt + 1, va_arg(a->ap, const void *));
	default:
		return put_integer(o, &sp, *fmt, a) ? fmt + 1 : NULL;
	}
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out o = {.buf = buf, .size = size ? size - 1 : 0};
	struct args a;

	va_copy(a.ap, args);
	while (*fmt) {
		const char *percent = strchrnul(fmt, '%');

		put_mem(&o, fmt, (size_t)(percent - fmt));
		if (!*percent)
			break;
		fmt = put_conversion(&o, percent + 1, &a);
		if (!fmt) {
			put_mem(&o, percent, strlen(percent));
			break;
		}
	}
	va_end(a.ap);
	if (size)
		buf[min(o.len, o.size)] = 0;
	return o.len > INT_MAX ? INT_MAX : (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(buf, size, fmt, args);

	va_end(args);
	return n;
}

int vscnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	int n = vsnprintf(buf, size, fmt, args);

	if (!size)
		return 0;
	return (size_t)n < size ? n : (int)(size - 1);
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vscnprintf(buf, size, fmt, args);

	va_end(args);
	return n;
}
