// SPDX-License-Identifier: BSD-2-Clause
/* Lines of the D-Bus specification's authentication protocol. */
#include <string.h>

#include "sasl.h"

#define LINE_BYTES_MAX 16384
#define REJECTIONS_MAX 6

static void reject(struct sasl *sasl, GString *reply)
{
	sasl->state = ++sasl->rejections >= REJECTIONS_MAX ? SASL_FAILED : SASL_AUTH;
	g_string_append(reply, sasl->external ? "REJECTED EXTERNAL\r\n" : "REJECTED\r\n");
}

static void fail(struct sasl *sasl G_GNUC_UNUSED, GString *reply, const char *why)
{
	g_string_append_printf(reply, "ERROR \"%s\"\r\n", why);
}

/* Is @hex the number of the user at the other end, in hexadecimal digits of its decimal ones? */
static bool names_peer(const struct sasl *sasl, const char *hex)
{
	g_autofree char *decimal = g_strdup_printf("%u", (unsigned int)sasl->uid);
	size_t i, n = strlen(decimal);

	if (!hex[0])
		return true; /* "as whoever I am" */
	if (strlen(hex) != 2 * n)
		return false;
	for (i = 0; i < n; i++) {
		int high = g_ascii_xdigit_value(hex[2 * i]);
		int low = g_ascii_xdigit_value(hex[2 * i + 1]);

		if (high < 0 || low < 0 || high * 16 + low != decimal[i])
			return false;
	}
	return true;
}

static void judge(struct sasl *sasl, const char *hex, GString *reply)
{
	if (!names_peer(sasl, hex)) {
		reject(sasl, reply);
		return;
	}
	sasl->state = SASL_BEGIN;
	g_string_append_printf(reply, "OK %s\r\n", sasl->guid);
}

static void on_auth(struct sasl *sasl, char *rest, GString *reply)
{
	char *hex = strchr(rest, ' ');

	if (hex)
		*hex++ = '\0';
	if (!sasl->external || strcmp(rest, "EXTERNAL") != 0) {
		reject(sasl, reply);
	} else if (hex) {
		judge(sasl, hex, reply);
	} else {
		sasl->state = SASL_DATA;
		g_string_append(reply, "DATA\r\n");
	}
}

static void on_data(struct sasl *sasl, char *rest, GString *reply)
{
	judge(sasl, rest, reply);
}

static void on_cancel(struct sasl *sasl, char *rest G_GNUC_UNUSED, GString *reply)
{
	reject(sasl, reply);
}

static void on_begin(struct sasl *sasl, char *rest G_GNUC_UNUSED, GString *reply G_GNUC_UNUSED)
{
	sasl->state = sasl->state == SASL_BEGIN ? SASL_DONE : SASL_FAILED;
}

static void on_fds(struct sasl *sasl, char *rest G_GNUC_UNUSED, GString *reply)
{
	sasl->fds = true;
	g_string_append(reply, "AGREE_UNIX_FD\r\n");
}

#define IN(state) (1U << (state))
static const struct {
	const char *word;
	unsigned int states;
	void (*handle)(struct sasl *sasl, char *rest, GString *reply);
} commands[] = {
	{"AUTH", IN(SASL_AUTH), on_auth},
	{"DATA", IN(SASL_DATA), on_data},
	{"CANCEL", IN(SASL_DATA) | IN(SASL_BEGIN), on_cancel},
	{"ERROR", IN(SASL_AUTH) | IN(SASL_DATA) | IN(SASL_BEGIN), on_cancel},
	{"BEGIN", IN(SASL_AUTH) | IN(SASL_DATA) | IN(SASL_BEGIN), on_begin},
	{"NEGOTIATE_UNIX_FD", IN(SASL_BEGIN), on_fds},
};

static void take_line(struct sasl *sasl, char *line, GString *reply)
{
	char *rest = strchr(line, ' ');
	unsigned int i;

	if (rest)
		*rest++ = '\0';
	for (i = 0; i < G_N_ELEMENTS(commands); i++) {
		if (strcmp(commands[i].word, line) != 0)
			continue;
		if (commands[i].states & IN(sasl->state))
			commands[i].handle(sasl, rest ? rest : line + strlen(line), reply);
		else
			fail(sasl, reply, "Not now");
		return;
	}
	fail(sasl, reply, "Unknown command");
}

size_t sasl_feed(struct sasl *sasl, const char *data, size_t len, GString *reply)
{
	size_t used = 0;

	if (sasl->state == SASL_NUL && len) {
		sasl->state = data[0] ? SASL_FAILED : SASL_AUTH;
		used = 1;
	}
	while (sasl->state < SASL_DONE) {
		const char *end = memmem(data + used, len - used, "\r\n", 2);
		g_autofree char *line = NULL;

		if (!end) {
			if (len - used > LINE_BYTES_MAX)
				sasl->state = SASL_FAILED;
			break;
		}
		line = g_strndup(data + used, (gsize)(end - data) - used);
		used = (size_t)(end + 2 - data);
		take_line(sasl, line, reply);
	}
	return used;
}
