// SPDX-License-Identifier: BSD-2-Clause
/* Between the reader of configuration files and the judge of policy elements. */
#ifndef DBUS_PROXY_CONFIG_IMPL_H
#define DBUS_PROXY_CONFIG_IMPL_H

#include "config.h"

/* Where the rules of <policy @attributes> go; NULL with @wrong set, or for one that cannot apply.
 */
GPtrArray *config_policy_rules(struct policy *policy, const char **attributes, char **wrong);
/* The rule of <allow> or <deny>; NULL with @wrong set. */
struct policy_rule *config_rule(const char **attributes, bool allow, char **wrong);
int config_compare_strings(const char *const *a, const char *const *b);

#endif
