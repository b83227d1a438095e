// SPDX-License-Identifier: BSD-2-Clause
/*
 * Messages of D-Bus, as the bridge for its clients carries them, for people to read. Nothing of
 * them is believed: each read is held against the end of the message, depth and lines are limited.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "tool_impl.h"

#define DEPTH_MOST 16
#define ELEMENTS_MOST 32

struct reader {
	const uint8_t *data;
	size_t size, at;
	bool big; /* big-endian */
	bool bad; /* something was read that is not there */
	FILE *out;
};

static uint64_t get(struct reader *r, size_t bytes)
{
	uint64_t x = 0;

	r->at = (r->at + bytes - 1) / bytes * bytes;
	if (r->at > r->size || bytes > r->size - r->at) {
		r->bad = true;
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		x |= (uint64_t)r->data[r->at + i] << 8 * (r->big ? bytes - 1 - i : i);
	r->at += bytes;
	return x;
}

/* @length bytes and the NUL behind them. */
static const char *get_text(struct reader *r, uint64_t length)
{
	const char *s = (const char *)r->data + r->at;

	if (r->bad || r->at >= r->size || length >= r->size - r->at || s[length] ||
	    memchr(s, 0, length)) {
		r->bad = true;
		return "";
	}
	r->at += length + 1;
	return s;
}

static void put_text(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s >= ' ' && *s <= '~')
			fprintf(out, "%s%c", *s == '"' || *s == '\\' ? "\\" : "", *s);
		else
			fprintf(out, "\\x%02x", (unsigned char)*s);
	}
	fputc('"', out);
}

/* Behind the one complete type at @s; NULL: there is none. */
static const char *type_end(const char *s, int depth)
{
	if (depth > DEPTH_MOST || !*s || *s == ')' || *s == '}')
		return NULL;
	if (*s == 'a')
		return type_end(s + 1, depth + 1);
	if (*s != '(' && *s != '{')
		return s + 1;
	char close = *s++ == '(' ? ')' : '}';

	while (s && *s && *s != close)
		s = type_end(s, depth + 1);
	return s && *s == close ? s + 1 : NULL;
}

static const struct {
	char letter;
	uint8_t bytes;
	const char *name;
} basics[] = {{'y', 1, "byte"},	  {'b', 4, "boolean"}, {'n', 2, "int16"}, {'q', 2, "uint16"},
	      {'i', 4, "int32"},  {'u', 4, "uint32"},  {'x', 8, "int64"}, {'t', 8, "uint64"},
	      {'d', 8, "double"}, {'h', 4, "fd"}};

static bool show_basic(struct reader *r, char type)
{
	for (size_t i = 0; i < sizeof(basics) / sizeof(basics[0]); i++) {
		if (basics[i].letter != type)
			continue;
		uint64_t x = get(r, basics[i].bytes);
		double d;

		memcpy(&d, &x, sizeof(d));
		if (r->bad)
			return true;
		fprintf(r->out, "%s ", basics[i].name);
		if (type == 'd')
			fprintf(r->out, "%g", d);
		else if (type == 'b')
			fprintf(r->out, "%s", x ? "true" : "false");
		else if (type == 'n' || type == 'i' || type == 'x')
			fprintf(r->out, "%" PRId64,
				(int64_t)(x << (64 - 8 * basics[i].bytes)) >>
					(64 - 8 * basics[i].bytes));
		else
			fprintf(r->out, "%" PRIu64, x);
		return true;
	}
	return false;
}

static size_t alignment(char type)
{
	for (size_t i = 0; i < sizeof(basics) / sizeof(basics[0]); i++)
		if (basics[i].letter == type)
			return basics[i].bytes;
	if (type == '(' || type == '{')
		return 8;
	return type == 'g' || type == 'v' ? 1 : 4;
}

static void show(struct reader *r, const char *type, int depth);

static void show_array(struct reader *r, const char *element, int depth)
{
	uint64_t length = get(r, 4);
	size_t step = alignment(*element), n = 0;

	r->at = (r->at + step - 1) / step * step;
	if (r->bad || r->at > r->size || length > r->size - r->at) {
		r->bad = true;
		return;
	}
	size_t end = r->at + length;

	fprintf(r->out, "[");
	for (; r->at < end && !r->bad; n++) {
		size_t before = r->at;

		if (n == ELEMENTS_MOST) {
			fprintf(r->out, ", and %zu bytes more", end - r->at);
			r->at = end;
			break;
		}
		fprintf(r->out, "%s", n ? ", " : "");
		show(r, element, depth + 1);
		r->bad = r->bad || r->at == before; /* nothing is that small */
	}
	fprintf(r->out, "]");
}

static void show_fields(struct reader *r, const char *type, int depth)
{
	const char *word = "";
	char close = *type == '(' ? ')' : '}';

	fputc(*type, r->out);
	r->at = (r->at + 7) / 8 * 8;
	for (type++; type && *type && *type != close && !r->bad; type = type_end(type, depth)) {
		fprintf(r->out, "%s", word);
		show(r, type, depth + 1);
		word = ", ";
	}
	fputc(close, r->out);
}

static void show(struct reader *r, const char *type, int depth)
{
	const char *inner;

	if (depth > DEPTH_MOST || !type_end(type, depth)) {
		r->bad = true;
	} else if (*type == 's' || *type == 'o') {
		put_text(r->out, get_text(r, get(r, 4)));
	} else if (*type == 'g') {
		put_text(r->out, get_text(r, get(r, 1)));
	} else if (*type == 'v') {
		inner = get_text(r, get(r, 1));
		if (!r->bad)
			show(r, inner, depth + 1);
	} else if (*type == 'a') {
		show_array(r, type + 1, depth);
	} else if (*type == '(' || *type == '{') {
		show_fields(r, type, depth);
	} else if (!show_basic(r, *type)) {
		r->bad = true;
	}
}

static const char *const kinds[] = {"?", "method_call", "method_return", "error", "signal"};
static const char *const field_names[] = {NULL,	       "path",	       "interface",   "member",
					  "error",     "reply_serial", "destination", "sender",
					  "signature", "fds"};

/* The fields of the header; the signature of the body, or "". */
static const char *show_header(struct reader *r)
{
	const char *signature = "";
	uint64_t length = get(r, 4);

	if (r->bad || length > r->size - r->at) {
		r->bad = true;
		return signature;
	}
	size_t end = r->at + length;

	while (r->at < end && !r->bad) {
		r->at = (r->at + 7) / 8 * 8;
		uint64_t code = get(r, 1);
		const char *type = get_text(r, get(r, 1));
		size_t before = r->at;

		if (r->bad)
			break;
		if (code == 0 || code >= sizeof(field_names) / sizeof(field_names[0]))
			fprintf(r->out, " field%" PRIu64 "=", code);
		else
			fprintf(r->out, " %s=", field_names[code]);
		if (code == 8 && !strcmp(type, "g"))
			signature = (const char *)r->data + before + 1;
		show(r, type, 0);
	}
	if (r->bad)
		return "";
	r->at = (end + 7) / 8 * 8;
	return signature;
}

bool show_dbus1(FILE *out, const uint8_t *data, size_t size, const char *indent)
{
	struct reader r = {.data = data, .size = size, .out = out};

	if (size < 16 || (data[0] != 'l' && data[0] != 'B') || data[1] == 0 || data[1] > 4 ||
	    data[3] != 1)
		return false;
	r.big = data[0] == 'B';
	r.at = 8;
	fprintf(out, "%sD-Bus %s serial=%" PRIu64, indent, kinds[data[1]], get(&r, 4));
	const char *type = show_header(&r);

	fputc('\n', out);
	while (!r.bad && *type) {
		fprintf(out, "%s  ", indent);
		show(&r, type, 0);
		fputc('\n', out);
		type = r.bad ? "" : type_end(type, 0);
	}
	if (r.bad)
		fprintf(out, "%s  (the rest is not D-Bus)\n", indent);
	return true;
}
