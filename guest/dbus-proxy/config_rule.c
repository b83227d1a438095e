// SPDX-License-Identifier: BSD-2-Clause
/* The attributes of <policy>, <allow> and <deny>. */
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "config_impl.h"

#define NOBODY (-2)
#define EVERYBODY (-1)

int config_compare_strings(const char *const *a, const char *const *b)
{
	return strcmp(*a, *b);
}

static int64_t id_of(const char *text, bool group)
{
	guint64 id;

	if (strcmp(text, "*") == 0)
		return EVERYBODY;
	if (g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &id, NULL))
		return (int64_t)id;
	if (group) {
		struct group *g = getgrnam(text);

		return g ? (int64_t)g->gr_gid : NOBODY;
	}
	struct passwd *p = getpwnam(text);

	return p ? (int64_t)p->pw_uid : NOBODY;
}

static GPtrArray *rules_of_id(struct policy *policy, const char *text, bool group)
{
	int64_t id = id_of(text, group);

	if (id == NOBODY) {
		g_warning("policy of %s \"%s\", which does not exist, is left out",
			  group ? "group" : "user", text);
		return NULL;
	}
	if (id == EVERYBODY)
		return policy->defaults;
	return policy_rules_of(group ? policy->groups : policy->users, id);
}

GPtrArray *config_policy_rules(struct policy *policy, const char **attributes, char **wrong)
{
	const char *key = attributes[0], *value = key ? attributes[1] : NULL;

	if (!key || attributes[2])
		*wrong = g_strdup("<policy> has one attribute");
	else if (strcmp(key, "context") == 0 && strcmp(value, "default") == 0)
		return policy->defaults;
	else if (strcmp(key, "context") == 0 && strcmp(value, "mandatory") == 0)
		return policy->mandatory;
	else if (strcmp(key, "at_console") == 0 && strcmp(value, "true") == 0)
		return policy->at_console;
	else if (strcmp(key, "at_console") == 0 && strcmp(value, "false") == 0)
		return policy->not_at_console;
	else if (strcmp(key, "user") == 0 || strcmp(key, "group") == 0)
		return rules_of_id(policy, value, key[0] == 'g');
	else
		*wrong = g_strdup_printf("<policy %s=\"%s\"> is not known", key, value);
	return NULL;
}

/* Attributes and the kinds of rule (as bits) where each may stand. */
enum { SEND = 1 << RULE_SEND, RECEIVE = 1 << RULE_RECEIVE, OWN = 1 << RULE_OWN };
enum { USER = 1 << RULE_USER, GROUP = 1 << RULE_GROUP };
enum key { K_INTERFACE, K_MEMBER, K_ERROR, K_PATH, K_NAME, K_PREFIX, K_TYPE, K_BROADCAST };
enum more_keys { K_REPLY = K_BROADCAST + 1, K_EAVESDROP, K_MIN, K_MAX, K_ID, K_LOG, K_COUNT };

static const struct {
	const char *name;
	unsigned int kinds, key;
} attributes_known[] = {
	{"send_interface", SEND, K_INTERFACE},
	{"send_member", SEND, K_MEMBER},
	{"send_error", SEND, K_ERROR},
	{"send_path", SEND, K_PATH},
	{"send_destination", SEND, K_NAME},
	{"send_destination_prefix", SEND, K_PREFIX},
	{"send_type", SEND, K_TYPE},
	{"send_broadcast", SEND, K_BROADCAST},
	{"send_requested_reply", SEND, K_REPLY},
	{"receive_interface", RECEIVE, K_INTERFACE},
	{"receive_member", RECEIVE, K_MEMBER},
	{"receive_error", RECEIVE, K_ERROR},
	{"receive_path", RECEIVE, K_PATH},
	{"receive_sender", RECEIVE, K_NAME},
	{"receive_type", RECEIVE, K_TYPE},
	{"receive_requested_reply", RECEIVE, K_REPLY},
	{"eavesdrop", SEND | RECEIVE, K_EAVESDROP},
	{"min_fds", SEND | RECEIVE, K_MIN},
	{"max_fds", SEND | RECEIVE, K_MAX},
	{"own", OWN, K_NAME},
	{"own_prefix", OWN, K_PREFIX},
	{"user", USER, K_ID},
	{"group", GROUP, K_ID},
	{"log", SEND | RECEIVE | OWN, K_LOG},
};

struct found {
	const char *value[K_COUNT];
	unsigned int kinds;
};

static char *find_attributes(struct found *found, const char **attributes)
{
	unsigned int i;

	found->kinds = SEND | RECEIVE | OWN | USER | GROUP;
	for (; attributes[0]; attributes += 2) {
		for (i = 0; i < G_N_ELEMENTS(attributes_known); i++)
			if (strcmp(attributes_known[i].name, attributes[0]) == 0)
				break;
		if (i == G_N_ELEMENTS(attributes_known))
			return g_strdup_printf("attribute \"%s\" is not known", attributes[0]);
		found->value[attributes_known[i].key] = attributes[1];
		found->kinds &= attributes_known[i].kinds;
	}
	if (!found->kinds)
		return g_strdup("these attributes exclude each other");
	if (found->value[K_NAME] && found->value[K_PREFIX])
		return g_strdup("a name and a prefix exclude each other");
	return NULL;
}

static bool set_bool(const char *text, bool *value, char **wrong)
{
	if (!text)
		return true;
	*value = strcmp(text, "true") == 0;
	if (*value || strcmp(text, "false") == 0)
		return true;
	*wrong = g_strdup_printf("\"%s\" is neither true nor false", text);
	return false;
}

static bool set_number(const char *text, unsigned int *value, char **wrong)
{
	guint64 n;

	if (!text)
		return true;
	if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT32, &n, NULL)) {
		*wrong = g_strdup_printf("\"%s\" is no number of descriptors", text);
		return false;
	}
	*value = (unsigned int)n;
	return true;
}

static bool set_type(const char *text, unsigned int *type, char **wrong)
{
	static const char *const names[] = {"*", "method_call", "method_return", "error", "signal"};
	unsigned int i;

	for (i = 0; text && i < G_N_ELEMENTS(names); i++)
		if (strcmp(text, names[i]) == 0)
			break;
	if (!text)
		return true;
	if (i == G_N_ELEMENTS(names)) {
		*wrong = g_strdup_printf("\"%s\" is no type of message", text);
		return false;
	}
	*type = i;
	return true;
}

/* "*" is what a missing attribute says. */
static char *unless_any(const char *text)
{
	return text && strcmp(text, "*") != 0 ? g_strdup(text) : NULL;
}

/* What makes no sense together. */
static const char *contradiction(const struct found *f, const struct policy_rule *rule)
{
	if (rule->broadcast == YES && (rule->name || f->value[K_PREFIX]))
		return "a broadcast has no destination";
	if (rule->broadcast == YES && rule->type && rule->type != G_DBUS_MESSAGE_TYPE_SIGNAL)
		return "only signals are broadcast";
	if (f->value[K_MEMBER] && strcmp(f->value[K_MEMBER], "*") != 0 && !f->value[K_INTERFACE] &&
	    !f->value[K_PATH])
		return "a member needs an interface or a path";
	if (rule->error && (rule->interface || rule->member))
		return "an error has neither interface nor member";
	return NULL;
}

static enum rule_kind kind_of(unsigned int kinds)
{
	/* an empty eavesdrop or fds rule is for receiving, as in <allow eavesdrop="true"/> */
	return kinds == (SEND | RECEIVE) ? RULE_RECEIVE : (enum rule_kind)g_bit_nth_lsf(kinds, -1);
}

static bool fill_rule(struct policy_rule *rule, const struct found *f, char **wrong)
{
	bool broadcast = false;

	if (!set_bool(f->value[K_BROADCAST], &broadcast, wrong) ||
	    !set_bool(f->value[K_REPLY], &rule->requested_reply, wrong) ||
	    !set_bool(f->value[K_EAVESDROP], &rule->eavesdrop, wrong) ||
	    !set_number(f->value[K_MIN], &rule->min_fds, wrong) ||
	    !set_number(f->value[K_MAX], &rule->max_fds, wrong) ||
	    !set_type(f->value[K_TYPE], &rule->type, wrong))
		return false;
	rule->broadcast = !f->value[K_BROADCAST] ? EITHER : broadcast ? YES : NO;
	rule->interface = unless_any(f->value[K_INTERFACE]);
	rule->member = unless_any(f->value[K_MEMBER]);
	rule->error = unless_any(f->value[K_ERROR]);
	rule->path = unless_any(f->value[K_PATH]);
	rule->name = unless_any(f->value[K_PREFIX] ? f->value[K_PREFIX] : f->value[K_NAME]);
	rule->name_is_prefix = f->value[K_PREFIX] != NULL;
	if (f->value[K_ID])
		rule->id = id_of(f->value[K_ID], rule->kind == RULE_GROUP);
	*wrong = g_strdup(contradiction(f, rule));
	return !*wrong;
}

struct policy_rule *config_rule(const char **attributes, bool allow, char **wrong)
{
	struct found found = {0};
	struct policy_rule *rule;

	if (!attributes[0]) {
		*wrong = g_strdup("a rule has attributes");
		return NULL;
	}
	*wrong = find_attributes(&found, attributes);
	if (*wrong)
		return NULL;
	rule = g_new0(struct policy_rule, 1);
	rule->allow = allow;
	rule->kind = kind_of(found.kinds);
	rule->requested_reply = allow;
	rule->max_fds = G_MAXUINT;
	if (fill_rule(rule, &found, wrong))
		return rule;
	policy_rule_free(rule);
	return NULL;
}
