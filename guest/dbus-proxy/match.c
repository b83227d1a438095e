// SPDX-License-Identifier: BSD-2-Clause
/* Match rules: parser, comparison, verdicts. */
#include <gio/gio.h>
#include <string.h>

#include "match.h"

#define RULE_LENGTH_MAX 1024
#define DBUS_NAME "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"

void match_free(struct match *match)
{
	unsigned int i;

	g_free(match->sender);
	g_free(match->interface);
	g_free(match->member);
	g_free(match->path);
	g_free(match->path_namespace);
	g_free(match->destination);
	g_free(match->arg0_namespace);
	for (i = 0; i < MATCH_ARGS; i++) {
		g_free(match->arg[i]);
		g_free(match->arg_path[i]);
	}
	g_free(match);
}

/* ---- values */

static char *set_once(char **where, const char *key, const char *value)
{
	if (*where)
		return g_strdup_printf("Key %s specified twice in match rule", key);
	*where = g_strdup(value);
	return NULL;
}

static char *set_type(struct match *match, const char *value)
{
	static const char *const names[] = {"", "method_call", "method_return", "error", "signal"};
	unsigned int i;

	if (match->type)
		return g_strdup("Key type specified twice in match rule");
	for (i = 1; i < G_N_ELEMENTS(names); i++)
		if (strcmp(value, names[i]) == 0)
			match->type = i;
	return match->type ? NULL
			   : g_strdup_printf("Invalid message type (%s) in match rule", value);
}

static bool is_namespace(const char *value)
{
	g_autofree char *longer = g_strconcat(value, ".a", NULL);

	return value[0] && g_dbus_is_name(longer) && !g_dbus_is_unique_name(longer);
}

static bool is_bus_name(const char *value)
{
	return g_dbus_is_name(value);
}

static bool is_member(const char *value)
{
	return g_dbus_is_member_name(value);
}

static bool is_interface(const char *value)
{
	return g_dbus_is_interface_name(value);
}

static bool is_path(const char *value)
{
	return g_variant_is_object_path(value);
}

/* "arg0", "arg12path": the number, or -1. */
static int argument_number(const char *key, const char **rest)
{
	guint64 n;
	char *end;

	if (!g_str_has_prefix(key, "arg") || !g_ascii_isdigit(key[3]))
		return -1;
	n = g_ascii_strtoull(key + 3, &end, 10);
	*rest = end;
	return n < MATCH_ARGS ? (int)n : -1;
}

static char *set_argument(struct match *match, const char *key, const char *value)
{
	const char *rest = "";
	int n = argument_number(key, &rest);

	if (n < 0)
		return g_strdup_printf("Unknown key \"%s\" in match rule", key);
	if (n == 0 && strcmp(rest, "namespace") == 0)
		return is_namespace(value)
			       ? set_once(&match->arg0_namespace, key, value)
			       : g_strdup_printf("arg0namespace=%s is not a bus name", value);
	if (match->arg[n] || match->arg_path[n])
		return g_strdup_printf("Argument %d matched more than once in match rule", n);
	match->args = MAX(match->args, (unsigned int)n + 1);
	if (strcmp(rest, "path") == 0)
		return set_once(&match->arg_path[n], key, value);
	if (rest[0])
		return g_strdup_printf("Unknown key \"%s\" in match rule", key);
	return set_once(&match->arg[n], key, value);
}

static char *set_eavesdrop(struct match *match, const char *value)
{
	match->eavesdrop = strcmp(value, "true") == 0;
	if (match->eavesdrop || strcmp(value, "false") == 0)
		return NULL;
	return g_strdup_printf("eavesdrop='%s' is neither true nor false", value);
}

static const struct {
	const char *name;
	size_t offset;
	bool (*valid)(const char *value);
} text_keys[] = {
	{"sender", offsetof(struct match, sender), is_bus_name},
	{"interface", offsetof(struct match, interface), is_interface},
	{"member", offsetof(struct match, member), is_member},
	{"path", offsetof(struct match, path), is_path},
	{"path_namespace", offsetof(struct match, path_namespace), is_path},
	{"destination", offsetof(struct match, destination), is_bus_name},
};

static char *set_key(struct match *match, const char *key, const char *value)
{
	unsigned int i;

	if (strcmp(key, "type") == 0)
		return set_type(match, value);
	if (strcmp(key, "eavesdrop") == 0)
		return set_eavesdrop(match, value);
	for (i = 0; i < G_N_ELEMENTS(text_keys); i++) {
		char **where = (char **)((char *)match + text_keys[i].offset);

		if (strcmp(key, text_keys[i].name) != 0)
			continue;
		if (!text_keys[i].valid(value))
			return g_strdup_printf("%s='%s' is not valid in a match rule", key, value);
		return set_once(where, key, value);
	}
	return set_argument(match, key, value);
}

/* ---- text: key='value',... where 'it'\''s' is it's */

/* Takes the value at @*at up to its comma; NULL for an open quote. */
static char *take_value(const char **at)
{
	GString *value = g_string_new(NULL);
	const char *p = *at;
	bool quoted = false;

	for (; *p && (quoted || *p != ','); p++) {
		if (*p == '\'')
			quoted = !quoted;
		else if (!quoted && *p == '\\' && p[1] == '\'')
			g_string_append_c(value, *++p);
		else
			g_string_append_c(value, *p);
	}
	*at = *p ? p + 1 : p;
	if (!quoted)
		return g_string_free(value, FALSE);
	g_string_free(value, TRUE);
	return NULL;
}

static char *take_pair(struct match *match, const char **at)
{
	const char *equals = strchr(*at, '=');
	g_autofree char *key = NULL, *value = NULL;

	if (!equals || equals == *at)
		return g_strdup("Match rule has a key with no subsequent '=' character");
	key = g_strndup(*at, (gsize)(equals - *at));
	g_strstrip(key);
	*at = equals + 1;
	value = take_value(at);
	if (!value)
		return g_strdup("Unbalanced quotation marks in match rule");
	return set_key(match, key, value);
}

struct match *match_parse(const char *text, char **wrong)
{
	struct match *match = g_new0(struct match, 1);

	*wrong = NULL;
	if (strlen(text) > RULE_LENGTH_MAX)
		*wrong = g_strdup("Match rule text is too long");
	while (!*wrong) {
		while (g_ascii_isspace(*text))
			text++;
		if (!*text)
			break;
		*wrong = take_pair(match, &text);
	}
	if (!*wrong && match->path && match->path_namespace)
		*wrong = g_strdup("path and path_namespace exclude each other in a match rule");
	if (!*wrong)
		return match;
	match_free(match);
	return NULL;
}

static void append_pair(GString *text, const char *key, const char *value)
{
	if (value)
		g_string_append_printf(text, "%s%s='%s'", text->len ? "," : "", key, value);
}

char *match_text(const struct match *match)
{
	static const char *const types[] = {NULL, "method_call", "method_return", "error",
					    "signal"};
	GString *text = g_string_new(NULL);
	unsigned int i;
	char key[24];

	append_pair(text, "type", types[match->type]);
	for (i = 0; i < G_N_ELEMENTS(text_keys); i++)
		append_pair(text, text_keys[i].name,
			    *(char *const *)((const char *)match + text_keys[i].offset));
	if (match->eavesdrop)
		append_pair(text, "eavesdrop", "true");
	append_pair(text, "arg0namespace", match->arg0_namespace);
	for (i = 0; i < match->args; i++) {
		g_snprintf(key, sizeof(key), "arg%u", i);
		append_pair(text, key, match->arg[i]);
		g_snprintf(key, sizeof(key), "arg%upath", i);
		append_pair(text, key, match->arg_path[i]);
	}
	return g_string_free(text, FALSE);
}

bool match_equal(const struct match *a, const struct match *b)
{
	unsigned int i;

	if (a->type != b->type || a->args != b->args || a->eavesdrop != b->eavesdrop ||
	    g_strcmp0(a->arg0_namespace, b->arg0_namespace) != 0)
		return false;
	for (i = 0; i < G_N_ELEMENTS(text_keys); i++)
		if (g_strcmp0(*(char *const *)((const char *)a + text_keys[i].offset),
			      *(char *const *)((const char *)b + text_keys[i].offset)) != 0)
			return false;
	for (i = 0; i < a->args; i++)
		if (g_strcmp0(a->arg[i], b->arg[i]) != 0 ||
		    g_strcmp0(a->arg_path[i], b->arg_path[i]) != 0)
			return false;
	return true;
}

/* ---- verdicts */

void match_args_of(struct match_args *args, GVariant *body)
{
	gsize i, n;

	memset(args, 0, sizeof(*args));
	if (!body || !g_variant_is_of_type(body, G_VARIANT_TYPE_TUPLE))
		return;
	n = MIN(g_variant_n_children(body), MATCH_ARGS);
	for (i = 0; i < n; i++) {
		/* the text lives in the body's own memory, which outlives the child */
		g_autoptr(GVariant) child = g_variant_get_child_value(body, i);
		bool string = g_variant_is_of_type(child, G_VARIANT_TYPE_STRING);

		if (!string && !g_variant_is_of_type(child, G_VARIANT_TYPE_OBJECT_PATH))
			continue;
		args->text[i] = g_variant_get_string(child, NULL);
		args->is_string[i] = string;
	}
	args->count = (unsigned int)n;
}

/* @text is @above or lies below it, steps being parted by @separator. */
static bool lies_below(const char *text, const char *above, char separator)
{
	size_t n = strlen(above);

	if (strcmp(above, "/") == 0)
		return text[0] == '/';
	return strncmp(text, above, n) == 0 && (text[n] == '\0' || text[n] == separator);
}

/* Equal, or one of them ends in '/' and the other begins with it. */
static bool path_related(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	if (strcmp(a, b) == 0)
		return true;
	if (n && a[n - 1] == '/' && strncmp(a, b, n) == 0)
		return true;
	return m && b[m - 1] == '/' && strncmp(a, b, m) == 0;
}

static bool sender_applies(const char *wanted, const struct facts *facts)
{
	const char *const *name;

	if (facts->sender && strcmp(wanted, facts->sender) == 0)
		return true;
	for (name = facts->sender_names; name && *name; name++)
		if (strcmp(wanted, *name) == 0)
			return true;
	return false;
}

static bool args_apply(const struct match *match, const struct match_args *args)
{
	unsigned int i;

	for (i = 0; i < match->args; i++) {
		const char *text = i < args->count ? args->text[i] : NULL;

		if (match->arg[i] &&
		    (!text || !args->is_string[i] || strcmp(match->arg[i], text) != 0))
			return false;
		if (match->arg_path[i] && (!text || !path_related(match->arg_path[i], text)))
			return false;
	}
	if (!match->arg0_namespace)
		return true;
	return args->count && args->text[0] && args->is_string[0] &&
	       lies_below(args->text[0], match->arg0_namespace, '.');
}

static bool same(const char *wanted, const char *is)
{
	return !wanted || (is && strcmp(wanted, is) == 0);
}

bool match_applies(const struct match *match, const struct facts *facts,
		   const struct match_args *args)
{
	if (match->type && match->type != facts->type)
		return false;
	if (!same(match->interface, facts->interface) || !same(match->member, facts->member) ||
	    !same(match->path, facts->path) || !same(match->destination, facts->destination))
		return false;
	if (match->path_namespace &&
	    (!facts->path || !lies_below(facts->path, match->path_namespace, '/')))
		return false;
	if (match->sender && !sender_applies(match->sender, facts))
		return false;
	return args_apply(match, args);
}

bool match_wants_bus_signal(const struct match *match, const char *member)
{
	if (match->type && match->type != G_DBUS_MESSAGE_TYPE_SIGNAL)
		return false;
	return same(match->interface, DBUS_NAME) && same(match->member, member) &&
	       same(match->path, DBUS_PATH) && same(match->sender, DBUS_NAME) &&
	       !match->destination &&
	       (!match->path_namespace || lies_below(DBUS_PATH, match->path_namespace, '/'));
}
