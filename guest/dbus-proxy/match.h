// SPDX-License-Identifier: BSD-2-Clause
/* Match rules of the D-Bus specification: text, what they let through, their bloom masks. Pure. */
#ifndef DBUS_PROXY_MATCH_H
#define DBUS_PROXY_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy.h"

#define MATCH_ARGS 64

struct match {
	unsigned int type; /* 0: any */
	char *sender, *interface, *member, *path, *path_namespace, *destination;
	char *arg0_namespace;
	char *arg[MATCH_ARGS], *arg_path[MATCH_ARGS];
	unsigned int args; /* one more than the highest number */
	bool eavesdrop;
	uint64_t cookie; /* the owner's */
};

/* Parses @text; NULL with @wrong set. */
struct match *match_parse(const char *text, char **wrong);
void match_free(struct match *match);
bool match_equal(const struct match *a, const struct match *b);
char *match_text(const struct match *match);

/* Strings among the first arguments of a message, borrowed from its body. */
struct match_args {
	const char *text[MATCH_ARGS];
	bool is_string[MATCH_ARGS]; /* a string, not an object path */
	unsigned int count;
};
void match_args_of(struct match_args *args, GVariant *body);

/*
 * Does @match let a message of @facts through? @src_name: a well-known name that the sender has
 * without the facts knowing, or NULL.
 */
bool match_applies(const struct match *match, const struct facts *facts,
		   const struct match_args *args);
/* Can the rule let signals of the bus itself through that tell of @member (NameOwnerChanged)? */
bool match_wants_bus_signal(const struct match *match, const char *member);

/* The filter of a broadcast and the mask of a rule; @bits is @bytes long and was zeroed. */
void bloom_of_message(uint64_t *bits, size_t bytes, unsigned int hashes, const struct facts *facts,
		      const struct match_args *args);
/* False when the rule asks for nothing that a filter holds. */
bool bloom_of_match(uint64_t *bits, size_t bytes, unsigned int hashes, const struct match *match);

#endif
