// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reader of configuration files: expat finds the elements, a table says what each may hold and who
 * takes it. Files that are included are read by the same functions into the same configuration.
 */
#include <errno.h>
#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"

#define DEPTH_MAX 16
#define INCLUDE_DEPTH_MAX 16

static const struct {
	const char *name;
	int64_t value;
} limit_defaults[LIMIT_COUNT] = {
	[LIMIT_INCOMING_BYTES] = {"max_incoming_bytes", 127 << 20},
	[LIMIT_INCOMING_FDS] = {"max_incoming_unix_fds", 64},
	[LIMIT_OUTGOING_BYTES] = {"max_outgoing_bytes", 127 << 20},
	[LIMIT_OUTGOING_FDS] = {"max_outgoing_unix_fds", 64},
	[LIMIT_MESSAGE_BYTES] = {"max_message_size", 32 << 20},
	[LIMIT_MESSAGE_FDS] = {"max_message_unix_fds", 16},
	[LIMIT_START_TIMEOUT] = {"service_start_timeout", 25000},
	[LIMIT_AUTH_TIMEOUT] = {"auth_timeout", 5000},
	[LIMIT_PENDING_FD_TIMEOUT] = {"pending_fd_timeout", 150000},
	[LIMIT_REPLY_TIMEOUT] = {"reply_timeout", -1},
	[LIMIT_COMPLETED] = {"max_completed_connections", 2048},
	[LIMIT_INCOMPLETE] = {"max_incomplete_connections", 64},
	[LIMIT_USER_CONNECTIONS] = {"max_connections_per_user", 256},
	[LIMIT_PENDING_STARTS] = {"max_pending_service_starts", 512},
	[LIMIT_NAMES] = {"max_names_per_connection", 512},
	[LIMIT_RULES] = {"max_match_rules_per_connection", 512},
	[LIMIT_REPLIES] = {"max_replies_per_connection", 128},
	[LIMIT_CONTAINERS] = {"max_containers", 512},
	[LIMIT_USER_CONTAINERS] = {"max_containers_per_user", 16},
	[LIMIT_CONTAINER_CONNECTIONS] = {"max_connections_per_container", 8},
	[LIMIT_CONTAINER_METADATA] = {"max_container_metadata_bytes", 4096},
};

struct parser {
	struct config *config;
	const char *file;
	const struct parser *includer;
	unsigned int includes;
	const struct element *stack[DEPTH_MAX];
	unsigned int depth;
	GString *text;
	GPtrArray *rules; /* where <allow> and <deny> go */
	char *limit;
	bool ignore_missing, skip_include;
	XML_Parser xml;
	GError *error;
};

/* An element of the file format. */
struct element {
	const char *name, *parent;
	bool has_text;
	void (*begin)(struct parser *parser, const char **attributes);
	void (*end)(struct parser *parser, const char *text);
};

static void complain(struct parser *parser, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void complain(struct parser *parser, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list ap;

	if (parser->error)
		return;
	va_start(ap, format);
	what = g_strdup_vprintf(format, ap);
	va_end(ap);
	g_set_error(&parser->error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT, "%s:%lu: %s",
		    parser->file, XML_GetCurrentLineNumber(parser->xml), what);
	XML_StopParser(parser->xml, XML_FALSE);
}

static void no_attributes(struct parser *parser, const char **attributes)
{
	if (attributes[0])
		complain(parser, "attribute \"%s\" is not known here", attributes[0]);
}

/* ---- what the elements mean */

static void set_string(char **where, const char *text)
{
	g_free(*where);
	*where = g_strdup(text);
}

static void end_user(struct parser *parser, const char *text)
{
	set_string(&parser->config->user, text);
}

static void end_type(struct parser *parser, const char *text)
{
	set_string(&parser->config->type, text);
}

static void end_pidfile(struct parser *parser, const char *text)
{
	set_string(&parser->config->pidfile, text);
}

static void end_listen(struct parser *parser, const char *text)
{
	g_ptr_array_add(parser->config->listen, g_strdup(text));
}

static void end_auth(struct parser *parser, const char *text)
{
	g_ptr_array_add(parser->config->auth, g_strdup(text));
}

static void end_servicedir(struct parser *parser, const char *text)
{
	g_autofree char *here = g_path_get_dirname(parser->file);

	g_ptr_array_add(parser->config->service_dirs, g_canonicalize_filename(text, here));
}

static void end_servicehelper(struct parser *parser G_GNUC_UNUSED, const char *text G_GNUC_UNUSED)
{
	/* the bridge starts services itself */
}

#define FLAG_ELEMENT(flag)                                                       \
	static void begin_##flag(struct parser *parser, const char **attributes) \
	{                                                                        \
		no_attributes(parser, attributes);                               \
		parser->config->flag = true;                                     \
	}
FLAG_ELEMENT(fork)
FLAG_ELEMENT(syslog)
FLAG_ELEMENT(keep_umask)
FLAG_ELEMENT(allow_anonymous)
FLAG_ELEMENT(standard_session_dirs)
FLAG_ELEMENT(standard_system_dirs)

static bool read_included(struct parser *parser, const char *file);

static void end_includedir(struct parser *parser, const char *text)
{
	g_autofree char *here = g_path_get_dirname(parser->file);
	g_autofree char *path = g_canonicalize_filename(text, here);
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *entry;
	guint i;

	while (dir && (entry = g_dir_read_name(dir)))
		if (g_str_has_suffix(entry, ".conf"))
			g_ptr_array_add(files, g_build_filename(path, entry, NULL));
	if (dir)
		g_dir_close(dir);
	g_ptr_array_sort(files, (GCompareFunc)config_compare_strings);
	for (i = 0; i < files->len && !parser->error; i++) {
		if (read_included(parser, g_ptr_array_index(files, i)))
			continue;
		/* one package's bad file does not take the whole bus down */
		g_warning("%s is left out: %s", (char *)g_ptr_array_index(files, i),
			  parser->error->message);
		g_clear_error(&parser->error);
	}
}

static bool yes_or_no(struct parser *parser, const char *name, const char *value)
{
	if (strcmp(value, "yes") == 0)
		return true;
	if (strcmp(value, "no") != 0)
		complain(parser, "attribute \"%s\" is yes or no", name);
	return false;
}

static void begin_include(struct parser *parser, const char **attributes)
{
	parser->ignore_missing = parser->skip_include = false;
	for (; attributes[0]; attributes += 2) {
		bool yes = yes_or_no(parser, attributes[0], attributes[1]);

		if (strcmp(attributes[0], "ignore_missing") == 0)
			parser->ignore_missing = yes;
		else if (strcmp(attributes[0], "if_selinux_enabled") == 0)
			parser->skip_include = yes; /* there is no SELinux */
		else if (strcmp(attributes[0], "selinux_root_relative") != 0)
			complain(parser, "attribute \"%s\" is not known here", attributes[0]);
	}
}

static void end_include(struct parser *parser, const char *text)
{
	g_autofree char *here = g_path_get_dirname(parser->file);
	g_autofree char *path = g_canonicalize_filename(text, here);

	if (parser->skip_include)
		return;
	if (parser->ignore_missing && !g_file_test(path, G_FILE_TEST_EXISTS))
		return;
	if (!read_included(parser, path))
		XML_StopParser(parser->xml, XML_FALSE);
}

static void begin_limit(struct parser *parser, const char **attributes)
{
	g_clear_pointer(&parser->limit, g_free);
	for (; attributes[0]; attributes += 2) {
		if (strcmp(attributes[0], "name") != 0)
			complain(parser, "attribute \"%s\" is not known here", attributes[0]);
		set_string(&parser->limit, attributes[1]);
	}
	if (!parser->limit)
		complain(parser, "a limit has a name");
}

static void end_limit(struct parser *parser, const char *text)
{
	guint64 value;
	unsigned int i;

	if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT32, &value, NULL)) {
		complain(parser, "\"%s\" is no value of a limit", text);
		return;
	}
	for (i = 0; i < LIMIT_COUNT; i++) {
		if (strcmp(limit_defaults[i].name, parser->limit) != 0)
			continue;
		parser->config->limits[i] = (int64_t)value;
		return;
	}
	complain(parser, "there is no limit \"%s\"", parser->limit);
}

static void begin_policy(struct parser *parser, const char **attributes)
{
	g_autofree char *what = NULL;

	parser->rules = config_policy_rules(parser->config->policy, attributes, &what);
	if (what)
		complain(parser, "%s", what);
}

static void begin_rule(struct parser *parser, const char **attributes, bool allow)
{
	g_autofree char *what = NULL;
	struct policy_rule *rule = config_rule(attributes, allow, &what);

	if (!rule)
		complain(parser, "%s", what);
	else if (parser->rules)
		g_ptr_array_add(parser->rules, rule);
	else
		policy_rule_free(rule); /* of a user that does not exist */
}

static void begin_allow(struct parser *parser, const char **attributes)
{
	begin_rule(parser, attributes, true);
}

static void begin_deny(struct parser *parser, const char **attributes)
{
	begin_rule(parser, attributes, false);
}

static void begin_associate(struct parser *parser, const char **attributes)
{
	unsigned int known = 0, n = 0;

	for (; attributes[0]; attributes += 2, n++)
		if (strcmp(attributes[0], "own") == 0 || strcmp(attributes[0], "context") == 0)
			known++;
	if (known != 2 || n != 2)
		complain(parser, "<associate> has own and context");
}

static void begin_apparmor(struct parser *parser, const char **attributes)
{
	static const char *const modes[] = {"required", "enabled", "disabled", NULL};

	for (; attributes[0]; attributes += 2)
		if (strcmp(attributes[0], "mode") != 0 || !g_strv_contains(modes, attributes[1]))
			complain(parser, "<apparmor> has a mode: required, enabled or disabled");
}

static const struct element elements[] = {
	{"busconfig", NULL, false, no_attributes, NULL},
	{"user", "busconfig", true, no_attributes, end_user},
	{"type", "busconfig", true, no_attributes, end_type},
	{"pidfile", "busconfig", true, no_attributes, end_pidfile},
	{"listen", "busconfig", true, no_attributes, end_listen},
	{"auth", "busconfig", true, no_attributes, end_auth},
	{"servicedir", "busconfig", true, no_attributes, end_servicedir},
	{"servicehelper", "busconfig", true, no_attributes, end_servicehelper},
	{"includedir", "busconfig", true, no_attributes, end_includedir},
	{"include", "busconfig", true, begin_include, end_include},
	{"limit", "busconfig", true, begin_limit, end_limit},
	{"fork", "busconfig", false, begin_fork, NULL},
	{"syslog", "busconfig", false, begin_syslog, NULL},
	{"keep_umask", "busconfig", false, begin_keep_umask, NULL},
	{"allow_anonymous", "busconfig", false, begin_allow_anonymous, NULL},
	{"standard_session_servicedirs", "busconfig", false, begin_standard_session_dirs, NULL},
	{"standard_system_servicedirs", "busconfig", false, begin_standard_system_dirs, NULL},
	{"policy", "busconfig", false, begin_policy, NULL},
	{"allow", "policy", false, begin_allow, NULL},
	{"deny", "policy", false, begin_deny, NULL},
	{"selinux", "busconfig", false, no_attributes, NULL},
	{"associate", "selinux", false, begin_associate, NULL},
	{"apparmor", "busconfig", false, begin_apparmor, NULL},
};

/* ---- expat's side */

static const struct element *find_element(const struct parser *parser, const char *name)
{
	const char *parent = parser->depth ? parser->stack[parser->depth - 1]->name : NULL;
	unsigned int i;

	for (i = 0; i < G_N_ELEMENTS(elements); i++)
		if (strcmp(elements[i].name, name) == 0 &&
		    g_strcmp0(elements[i].parent, parent) == 0)
			return &elements[i];
	return NULL;
}

static void on_begin(void *arg, const char *name, const char **attributes)
{
	struct parser *parser = arg;
	const struct element *element = find_element(parser, name);

	if (parser->error)
		return;
	if (!element || parser->depth == DEPTH_MAX) {
		complain(parser, "element <%s> is not known here", name);
		return;
	}
	parser->stack[parser->depth++] = element;
	g_string_truncate(parser->text, 0);
	element->begin(parser, attributes);
}

static void on_end(void *arg, const char *name G_GNUC_UNUSED)
{
	struct parser *parser = arg;
	const struct element *element;

	if (parser->error || !parser->depth)
		return;
	element = parser->stack[--parser->depth];
	g_strstrip(parser->text->str);
	if (element->has_text && !parser->text->str[0])
		complain(parser, "element <%s> is empty", element->name);
	else if (element->has_text)
		element->end(parser, parser->text->str);
	g_string_truncate(parser->text, 0);
}

static void on_text(void *arg, const char *text, int length)
{
	struct parser *parser = arg;
	int i;

	if (parser->error || !parser->depth)
		return;
	if (parser->stack[parser->depth - 1]->has_text) {
		g_string_append_len(parser->text, text, length);
		return;
	}
	for (i = 0; i < length && g_ascii_isspace(text[i]); i++)
		;
	if (i < length)
		complain(parser, "text stands where none belongs");
}

static void parse(struct parser *parser)
{
	g_autofree char *text = NULL;
	gsize length;

	if (!g_file_get_contents(parser->file, &text, &length, &parser->error))
		return;
	parser->xml = XML_ParserCreate("UTF-8");
	parser->text = g_string_new(NULL);
	XML_SetUserData(parser->xml, parser);
	XML_SetElementHandler(parser->xml, on_begin, on_end);
	XML_SetCharacterDataHandler(parser->xml, on_text);
	if (XML_Parse(parser->xml, text, (int)length, XML_TRUE) == XML_STATUS_ERROR &&
	    !parser->error)
		complain(parser, "%s", XML_ErrorString(XML_GetErrorCode(parser->xml)));
	XML_ParserFree(parser->xml);
	g_string_free(parser->text, TRUE);
	g_free(parser->limit);
}

static bool read_included(struct parser *parser, const char *file)
{
	struct parser inner = {.config = parser->config,
			       .file = file,
			       .includer = parser,
			       .includes = parser->includes + 1};
	const struct parser *p;

	for (p = parser; p; p = p->includer)
		if (strcmp(p->file, file) == 0)
			complain(parser, "%s includes itself", file);
	if (inner.includes > INCLUDE_DEPTH_MAX)
		complain(parser, "too many files include each other");
	if (parser->error)
		return false;
	parse(&inner);
	if (!inner.error)
		return true;
	g_propagate_error(&parser->error, inner.error);
	return false;
}

struct config *config_read(const char *file, GError **error)
{
	struct config *config = g_new0(struct config, 1);
	g_autofree char *path = g_canonicalize_filename(file, NULL);
	struct parser parser = {.config = config, .file = path};
	unsigned int i;

	config->policy = policy_create();
	config->listen = g_ptr_array_new_with_free_func(g_free);
	config->auth = g_ptr_array_new_with_free_func(g_free);
	config->service_dirs = g_ptr_array_new_with_free_func(g_free);
	for (i = 0; i < LIMIT_COUNT; i++)
		config->limits[i] = limit_defaults[i].value;
	parse(&parser);
	if (!parser.error)
		return config;
	g_propagate_error(error, parser.error);
	config_free(config);
	return NULL;
}

void config_free(struct config *config)
{
	policy_destroy(config->policy);
	g_ptr_array_unref(config->listen);
	g_ptr_array_unref(config->auth);
	g_ptr_array_unref(config->service_dirs);
	g_free(config->type);
	g_free(config->user);
	g_free(config->pidfile);
	g_free(config);
}
