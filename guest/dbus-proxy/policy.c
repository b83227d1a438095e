// SPDX-License-Identifier: BSD-2-Clause
/*
 * Policy rules and what they say about a message or a name. Replies come here only when the kernel
 * bus knows the call that they answer, so every reply is a requested one.
 */
#include <string.h>
#include <unistd.h>

#include "policy.h"

struct peer_policy {
	GPtrArray *rules; /* borrowed from the policy */
	bool open;
};

static GPtrArray *rule_array(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)policy_rule_free);
}

struct policy *policy_create(void)
{
	struct policy *p = g_new0(struct policy, 1);
	GDestroyNotify drop = (GDestroyNotify)g_ptr_array_unref;

	p->defaults = rule_array();
	p->mandatory = rule_array();
	p->at_console = rule_array();
	p->not_at_console = rule_array();
	p->users = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, drop);
	p->groups = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, drop);
	return p;
}

void policy_destroy(struct policy *policy)
{
	g_ptr_array_unref(policy->defaults);
	g_ptr_array_unref(policy->mandatory);
	g_ptr_array_unref(policy->at_console);
	g_ptr_array_unref(policy->not_at_console);
	g_hash_table_unref(policy->users);
	g_hash_table_unref(policy->groups);
	g_free(policy);
}

void policy_rule_free(struct policy_rule *rule)
{
	g_free(rule->interface);
	g_free(rule->member);
	g_free(rule->error);
	g_free(rule->path);
	g_free(rule->name);
	g_free(rule);
}

GPtrArray *policy_rules_of(GHashTable *table, int64_t id)
{
	GPtrArray *rules = g_hash_table_lookup(table, &id);

	if (!rules) {
		rules = rule_array();
		g_hash_table_insert(table, g_memdup2(&id, sizeof(id)), rules);
	}
	return rules;
}

/* ---- who may connect */

static bool in_groups(const gid_t *groups, size_t n, int64_t id)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (groups[i] == id)
			return true;
	return false;
}

static bool connect_verdict(GPtrArray *rules, uid_t uid, const gid_t *groups, size_t n, bool before)
{
	guint i;

	for (i = 0; i < rules->len; i++) {
		const struct policy_rule *rule = g_ptr_array_index(rules, i);

		if (rule->kind == RULE_USER && (rule->id == -1 || rule->id == uid))
			before = rule->allow;
		if (rule->kind == RULE_GROUP && (rule->id == -1 || in_groups(groups, n, rule->id)))
			before = rule->allow;
	}
	return before;
}

bool policy_may_connect(const struct policy *policy, uid_t uid, const gid_t *groups, size_t n)
{
	bool may = connect_verdict(policy->defaults, uid, groups, n, uid == geteuid());

	return connect_verdict(policy->mandatory, uid, groups, n, may);
}

/* ---- the rules of one peer */

static void take_rules(struct peer_policy *peer, GPtrArray *rules)
{
	guint i;

	for (i = 0; rules && i < rules->len; i++) {
		struct policy_rule *rule = g_ptr_array_index(rules, i);

		if (rule->kind <= RULE_OWN)
			g_ptr_array_add(peer->rules, rule);
	}
}

/* The kind is allowed by a rule without conditions, behind which nothing is denied. */
static bool is_open(const struct peer_policy *peer, enum rule_kind kind)
{
	bool open = false;
	guint i;

	for (i = 0; i < peer->rules->len; i++) {
		const struct policy_rule *r = g_ptr_array_index(peer->rules, i);

		if (r->kind != kind)
			continue;
		if (!r->allow)
			open = false;
		else if (!r->type && !r->interface && !r->member && !r->error && !r->path &&
			 !r->name && r->broadcast == EITHER && !r->min_fds &&
			 r->max_fds == G_MAXUINT)
			open = true;
	}
	return open;
}

struct peer_policy *policy_for(const struct policy *policy, uid_t uid, const gid_t *groups,
			       size_t n, bool at_console)
{
	struct peer_policy *peer = g_new0(struct peer_policy, 1);
	int64_t id = uid;
	size_t i;

	peer->rules = g_ptr_array_new();
	take_rules(peer, policy->defaults);
	for (i = 0; i < n; i++) {
		int64_t group = groups[i];

		take_rules(peer, g_hash_table_lookup(policy->groups, &group));
	}
	take_rules(peer, g_hash_table_lookup(policy->users, &id));
	take_rules(peer, at_console ? policy->at_console : policy->not_at_console);
	take_rules(peer, policy->mandatory);
	peer->open =
		is_open(peer, RULE_SEND) && is_open(peer, RULE_RECEIVE) && is_open(peer, RULE_OWN);
	return peer;
}

void peer_policy_free(struct peer_policy *peer)
{
	if (!peer)
		return;
	g_ptr_array_unref(peer->rules);
	g_free(peer);
}

bool peer_policy_is_open(const struct peer_policy *peer)
{
	return peer->open;
}

/* ---- verdicts */

/* @name lies below @prefix or is it. */
static bool name_below(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 && (name[n] == '\0' || name[n] == '.');
}

static bool name_applies(const struct policy_rule *rule, const char *name)
{
	if (!name)
		return false;
	return rule->name_is_prefix ? name_below(name, rule->name) : strcmp(name, rule->name) == 0;
}

/* One of the peer's names, or what the message says where the peer is not known. */
static bool peer_applies(const struct policy_rule *rule, const char *const *names,
			 const char *in_message)
{
	if (!rule->name)
		return true;
	if (name_applies(rule, in_message))
		return true;
	for (; names && *names; names++)
		if (name_applies(rule, *names))
			return true;
	return false;
}

bool peer_may_own(const struct peer_policy *peer, const char *name)
{
	bool may = false;
	guint i;

	for (i = 0; i < peer->rules->len; i++) {
		const struct policy_rule *rule = g_ptr_array_index(peer->rules, i);

		if (rule->kind == RULE_OWN && (!rule->name || name_applies(rule, name)))
			may = rule->allow;
	}
	return may;
}

static bool is_reply(GDBusMessageType type)
{
	return type == G_DBUS_MESSAGE_TYPE_METHOD_RETURN || type == G_DBUS_MESSAGE_TYPE_ERROR;
}

static bool differs(const char *wanted, const char *is)
{
	return wanted && (!is || strcmp(wanted, is) != 0);
}

/* What send and receive rules have in common. */
static bool message_applies(const struct policy_rule *rule, const struct facts *facts)
{
	if (rule->type && rule->type != facts->type)
		return false;
	/* "deny, but not requested replies": all replies here are requested */
	if (is_reply(facts->type) && !rule->allow && !rule->requested_reply)
		return false;
	if (rule->path && facts->path && strcmp(rule->path, facts->path) != 0)
		return false;
	/* a message without interface may be meant for any: deny rules apply, allow rules do not */
	if (rule->interface &&
	    (facts->interface ? strcmp(rule->interface, facts->interface) != 0 : rule->allow))
		return false;
	if (rule->member && facts->member && strcmp(rule->member, facts->member) != 0)
		return false;
	if (differs(rule->error, facts->error))
		return false;
	return facts->fd_count >= rule->min_fds && facts->fd_count <= rule->max_fds;
}

bool peer_may_send(const struct peer_policy *peer, const struct facts *facts,
		   const char *const *names)
{
	bool broadcast = facts->type == G_DBUS_MESSAGE_TYPE_SIGNAL && !facts->destination;
	bool may = false;
	guint i;

	for (i = 0; i < peer->rules->len; i++) {
		const struct policy_rule *rule = g_ptr_array_index(peer->rules, i);

		if (rule->kind != RULE_SEND || !message_applies(rule, facts))
			continue;
		if (rule->broadcast != EITHER && (rule->broadcast == YES) != broadcast)
			continue;
		if (peer_applies(rule, names, facts->destination))
			may = rule->allow;
	}
	return may;
}

bool peer_may_receive(const struct peer_policy *peer, const struct facts *facts)
{
	bool may = false;
	guint i;

	for (i = 0; i < peer->rules->len; i++) {
		const struct policy_rule *rule = g_ptr_array_index(peer->rules, i);

		if (rule->kind != RULE_RECEIVE || !message_applies(rule, facts))
			continue;
		if (!rule->allow && rule->eavesdrop)
			continue; /* nobody eavesdrops here */
		if (peer_applies(rule, facts->sender_names, facts->sender))
			may = rule->allow;
	}
	return may;
}

void facts_of(struct facts *facts, GDBusMessage *message)
{
	memset(facts, 0, sizeof(*facts));
	facts->type = g_dbus_message_get_message_type(message);
	facts->interface = g_dbus_message_get_interface(message);
	facts->member = g_dbus_message_get_member(message);
	facts->error = g_dbus_message_get_error_name(message);
	facts->path = g_dbus_message_get_path(message);
	facts->destination = g_dbus_message_get_destination(message);
	facts->sender = g_dbus_message_get_sender(message);
	facts->fd_count = g_dbus_message_get_num_unix_fds(message);
	facts->body = g_dbus_message_get_body(message);
}
