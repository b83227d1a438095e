/* Shared by match.c and match_parse.c. */
#pragma once

#include "match_impl.h"

/* Generations of one mask that are filed one by one. */
#define MATCH_PLACES_MAX 8u

struct match_rule {
	u64 type; /* KDBUS_ITEM_* */
	union {
		struct { /* BLOOM_MASK */
			const u64 *mask;
			u32 masks;
		};
		u64 id;	 /* ID, DST_ID */
		struct { /* NAME; NAME_*, ID_* */
			u64 old_id, new_id;
			const char *name; /* NULL: any */
		};
	};
};

enum match_sort {
	MATCH_EVERY, /* no rules: fits everything */
	MATCH_MESSAGE,
	MATCH_NOTICE,
	MATCH_NEVER, /* rules that nothing can keep together */
};

enum match_list {
	LIST_NONE,
	LIST_BIT,
	LIST_KEY,
	LIST_ANY,
	LIST_EVERY,
};

/* One of the lists where a match stands. */
struct match_place {
	union {
		struct bus_table_node node; /* LIST_KEY */
		struct hlist_node link;
	};
	struct bus_match *match;
	enum match_list list;
	u32 bucket; /* LIST_BIT */
	u32 mask;   /* which of the rule's masks: LIST_BIT, and LIST_ANY */
	u32 masks;  /* 0: good for every generation */
};

/* One allocation: rules, places, names and masks stand behind. */
struct bus_match {
	struct rb_node by_cookie; /* user->by_cookie; M */
	u64 cookie;
	struct bus_match_user *user; /* M */
	enum match_sort sort;
	u32 rules, places, places_max;
	struct match_place *place;
	struct match_rule rule[];
};

bool match_fits_message(const struct bus_match_index *x, const struct bus_match *m,
			const struct bus_match_message *msg);
bool match_fits_notice(const struct bus_match *m, const struct bus_match_notice *n);
