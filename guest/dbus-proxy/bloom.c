// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bloom filters of messages and masks of rules, bit for bit those of the clients of the kernel bus
 * that systemd and GLib had in 2015: each string that a rule may ask for is hashed with SipHash-2-4
 * under fixed public keys, and the bytes of the hashes choose the bits.
 */
#include <string.h>

#include "match.h"

static const uint8_t keys[8][16] = {
	{0xb9, 0x66, 0x0b, 0xf0, 0x46, 0x70, 0x47, 0xc1, 0x88, 0x75, 0xc4, 0x9c, 0x54, 0xb9, 0xbd,
	 0x15},
	{0xaa, 0xa1, 0x54, 0xa2, 0xe0, 0x71, 0x4b, 0x39, 0xbf, 0xe1, 0xdd, 0x2e, 0x9f, 0xc5, 0x4a,
	 0x3b},
	{0x63, 0xfd, 0xae, 0xbe, 0xcd, 0x82, 0x48, 0x12, 0xa1, 0x6e, 0x41, 0x26, 0xcb, 0xfa, 0xa0,
	 0xc8},
	{0x23, 0xbe, 0x45, 0x29, 0x32, 0xd2, 0x46, 0x2d, 0x82, 0x03, 0x52, 0x28, 0xfe, 0x37, 0x17,
	 0xf5},
	{0x56, 0x3b, 0xbf, 0xee, 0x5a, 0x4f, 0x43, 0x39, 0xaf, 0xaa, 0x94, 0x08, 0xdf, 0xf0, 0xfc,
	 0x10},
	{0x31, 0x80, 0xc8, 0x73, 0xc7, 0xea, 0x46, 0xd3, 0xaa, 0x25, 0x75, 0x0f, 0x9e, 0x4c, 0x09,
	 0x29},
	{0x7d, 0xf7, 0x18, 0x4b, 0x7b, 0xa4, 0x44, 0xd5, 0x85, 0x3c, 0x06, 0xe0, 0x65, 0x53, 0x96,
	 0x6d},
	{0xf2, 0x77, 0xe9, 0x6f, 0x93, 0xb5, 0x4e, 0x71, 0x9a, 0x0c, 0x34, 0x88, 0x39, 0x25, 0xbf,
	 0x35},
};

struct bits {
	uint64_t *words;
	size_t bytes;
	unsigned int hashes;
	bool any;
};

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return GUINT64_FROM_LE(v);
}

static uint64_t rotate(uint64_t v, unsigned int n)
{
	return v << n | v >> (64 - n);
}

static void sip_rounds(uint64_t v[4], unsigned int n)
{
	while (n--) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

static uint64_t siphash(const uint8_t *data, size_t len, const uint8_t key[16])
{
	uint64_t k0 = load64(key), k1 = load64(key + 8);
	uint64_t v[4] = {0x736f6d6570736575ULL ^ k0, 0x646f72616e646f6dULL ^ k1,
			 0x6c7967656e657261ULL ^ k0, 0x7465646279746573ULL ^ k1};
	uint8_t last[8] = {0};
	size_t left = len;
	uint64_t m;

	for (; left >= 8; left -= 8, data += 8) {
		m = load64(data);
		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	memcpy(last, data, left);
	last[7] = (uint8_t)len;
	m = load64(last);
	v[3] ^= m;
	sip_rounds(v, 2);
	v[0] ^= m;
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Sets the bits of one string. */
static void add_text(struct bits *bits, const char *text, size_t len)
{
	uint64_t m = bits->bytes * 8;
	unsigned int width, i, d, left = 0, key = 0;
	uint64_t hash = 0;

	for (width = 0; m > 1; m >>= 1)
		width++;
	width = (width + 7) / 8; /* bytes that make one position */
	m = bits->bytes * 8;
	for (i = 0; i < bits->hashes; i++) {
		uint64_t position = 0;

		for (d = 0; d < width; d++) {
			if (!left) {
				hash = siphash((const uint8_t *)text, len, keys[key++ % 8]);
				left = 8;
			}
			/* the bytes in the order of memory of a little-endian machine */
			position = position << 8 | (hash >> (8 * (8 - left)) & 0xff);
			left--;
		}
		position &= m - 1;
		bits->words[position / 64] |= 1ULL << position % 64;
	}
	bits->any = true;
}

static void add_pair(struct bits *bits, const char *kind, const char *value)
{
	g_autofree char *text = NULL;

	if (!value)
		return;
	text = g_strconcat(kind, ":", value, NULL);
	add_text(bits, text, strlen(text));
}

/* @value and everything above it, with and without the separator at the end. */
static void add_prefixes(struct bits *bits, const char *kind, const char *value, char separator)
{
	g_autofree char *text = NULL;
	char *start, *end;

	if (!value)
		return;
	text = g_strconcat(kind, ":", value, NULL);
	start = text + strlen(kind) + 1;
	add_text(bits, text, strlen(text));
	while ((end = strrchr(start, separator))) {
		end[1] = '\0';
		add_text(bits, text, (size_t)(end + 1 - text));
		if (end == start)
			break;
		end[0] = '\0';
		add_text(bits, text, (size_t)(end - text));
	}
}

static const char *type_name(unsigned int type)
{
	static const char *const names[] = {NULL, "method_call", "method_return", "error",
					    "signal"};

	return type < G_N_ELEMENTS(names) ? names[type] : NULL;
}

static void add_arguments(struct bits *bits, const struct match_args *args)
{
	unsigned int i;
	char kind[32];

	for (i = 0; i < args->count; i++) {
		if (!args->text[i] || !args->is_string[i])
			continue;
		g_snprintf(kind, sizeof(kind), "arg%u", i);
		add_pair(bits, kind, args->text[i]);
		g_snprintf(kind, sizeof(kind), "arg%u-dot-prefix", i);
		add_prefixes(bits, kind, args->text[i], '.');
		g_snprintf(kind, sizeof(kind), "arg%u-slash-prefix", i);
		add_prefixes(bits, kind, args->text[i], '/');
	}
}

void bloom_of_message(uint64_t *words, size_t bytes, unsigned int hashes, const struct facts *facts,
		      const struct match_args *args)
{
	struct bits bits = {words, bytes, hashes, false};

	add_pair(&bits, "message-type", type_name(facts->type));
	add_pair(&bits, "interface", facts->interface);
	add_pair(&bits, "member", facts->member);
	add_pair(&bits, "path", facts->path);
	add_pair(&bits, "path-slash-prefix", facts->path);
	add_prefixes(&bits, "path-slash-prefix", facts->path, '/');
	add_arguments(&bits, args);
}

bool bloom_of_match(uint64_t *words, size_t bytes, unsigned int hashes, const struct match *match)
{
	struct bits bits = {words, bytes, hashes, false};
	unsigned int i;
	char kind[32];

	add_pair(&bits, "message-type", type_name(match->type));
	add_pair(&bits, "interface", match->interface);
	add_pair(&bits, "member", match->member);
	add_pair(&bits, "path", match->path);
	if (match->path_namespace && strcmp(match->path_namespace, "/") != 0)
		add_pair(&bits, "path-slash-prefix", match->path_namespace);
	add_pair(&bits, "arg0-dot-prefix", match->arg0_namespace);
	/* argNpath also lets what is above it through, which no mask can say: it is looked at here
	 */
	for (i = 0; i < match->args; i++) {
		g_snprintf(kind, sizeof(kind), "arg%u", i);
		add_pair(&bits, kind, match->arg[i]);
	}
	return bits.any;
}
