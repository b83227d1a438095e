// SPDX-License-Identifier: BSD-2-Clause
/*
 * Who may connect, own names, send and receive: the rules of <policy> elements. The last rule that
 * applies wins; without one the answer is no. Pure: no kernel, no sockets.
 */
#ifndef DBUS_PROXY_POLICY_H
#define DBUS_PROXY_POLICY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <gio/gio.h>

enum rule_kind { RULE_SEND, RULE_RECEIVE, RULE_OWN, RULE_USER, RULE_GROUP };
enum tristate { NO, YES, EITHER };

/* One <allow> or <deny>. NULL is "any". */
struct policy_rule {
	bool allow;
	enum rule_kind kind;
	unsigned int type; /* of the message, 0 for any */
	char *interface, *member, *error, *path;
	char *name; /* of the other side, what is owned */
	bool name_is_prefix;
	enum tristate broadcast;
	bool requested_reply, eavesdrop;
	unsigned int min_fds, max_fds;
	int64_t id; /* USER, GROUP: -1 for all, -2 for one that does not exist */
};

struct policy {
	GPtrArray *defaults, *mandatory, *at_console, *not_at_console; /* of struct policy_rule */
	GHashTable *users, *groups; /* id -> array of struct policy_rule */
};

/* The rules that concern one peer, in their order. */
struct peer_policy;

/* What rules look at. */
struct facts {
	GDBusMessageType type;
	const char *interface, *member, *error, *path, *destination, *sender;
	const char *const *sender_names; /* well-known ones, may be NULL */
	uint64_t src_id;		 /* 0: the bus itself */
	unsigned int fd_count;
	GVariant *body; /* may be NULL; the message's */
};

struct policy *policy_create(void);
void policy_destroy(struct policy *policy);
void policy_rule_free(struct policy_rule *rule);
GPtrArray *policy_rules_of(GHashTable *table, int64_t id);

bool policy_may_connect(const struct policy *policy, uid_t uid, const gid_t *groups, size_t n);
struct peer_policy *policy_for(const struct policy *policy, uid_t uid, const gid_t *groups,
			       size_t n, bool at_console);
void peer_policy_free(struct peer_policy *peer);
/* Every message passes and every name may be owned: nothing needs to be asked. */
bool peer_policy_is_open(const struct peer_policy *peer);
bool peer_may_own(const struct peer_policy *peer, const char *name);
/* @names: the well-known names of the receiver, NULL when it is not known (or the bus itself). */
bool peer_may_send(const struct peer_policy *peer, const struct facts *facts,
		   const char *const *names);
bool peer_may_receive(const struct peer_policy *peer, const struct facts *facts);

void facts_of(struct facts *facts, GDBusMessage *message);

#endif
