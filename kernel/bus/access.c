/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may what: the owner of a bus everything on its default endpoint, a user what is between his
 * own connections, everybody else what the policy says; through a custom endpoint only what its own
 * policy says as well.
 */
#include "bus_impl.h"

#include <kernel/ns/user.h>
#include <kernel/rcu/rcu.h>

bool bus_is_privileged(const struct bus_endpoint *ep, const struct cred *cred)
{
	return !ep->user && cred_ns_capable(cred, ep->bus->domain->user_ns, CAP_IPC_OWNER);
}

bool bus_is_owner(const struct bus_endpoint *ep, const struct cred *cred)
{
	return !ep->user &&
	       (cred->euid == ep->bus->node.uid || bus_is_privileged(ep, cred));
}

static struct bus_policy_who who_is(const struct cred *c)
{
	return (struct bus_policy_who){.uid = c->euid,
				       .gid = c->egid,
				       .groups = c->groups ? c->groups->gid : NULL,
				       .group_count = c->groups ? c->groups->count : 0};
}

static bool name_allows(const struct bus_policy *p, const struct cred *cred, const char *name,
			int access)
{
	struct bus_policy_who who = who_is(cred);
	int have;

	rcu_read_lock();
	have = bus_policy_query(p, &who, name);
	rcu_read_unlock();
	return have >= access;
}

static bool names_allow(const struct bus_policy *p, const struct cred *cred,
			const struct bus_conn *of, int access)
{
	struct bus_policy_who who = who_is(cred);
	bool yes;

	rcu_read_lock();
	yes = bus_policy_query_user(p, &who, &of->names, access);
	rcu_read_unlock();
	return yes;
}

bool bus_may_own(const struct bus_conn *c, const struct cred *cred, const char *name)
{
	if (!cred)
		cred = c->cred;
	if (c->ep->user && !name_allows(&c->ep->policy, cred, name, KDBUS_POLICY_OWN))
		return false;
	return c->owner || name_allows(&c->bus->policy, cred, name, KDBUS_POLICY_OWN);
}

bool bus_may_talk(const struct bus_conn *c, const struct cred *cred, const struct bus_conn *to)
{
	if (!cred)
		cred = c->cred;
	if (c->ep->user && !names_allow(&c->ep->policy, cred, to, KDBUS_POLICY_TALK))
		return false;
	if (c->owner || cred->euid == to->cred->uid)
		return true;
	return names_allow(&c->bus->policy, cred, to, KDBUS_POLICY_TALK);
}

bool bus_may_see_name(const struct bus_conn *c, const struct cred *cred, const char *name)
{
	return !c->ep->user ||
	       name_allows(&c->ep->policy, cred ? cred : c->cred, name, KDBUS_POLICY_SEE);
}

bool bus_may_see(const struct bus_conn *c, const struct cred *cred, const struct bus_conn *whom)
{
	return !c->ep->user ||
	       names_allow(&c->ep->policy, cred ? cred : c->cred, whom, KDBUS_POLICY_SEE);
}

static u32 import_uid(void *ctx, u64 id)
{
	(void)ctx;
	return id >= U32_MAX ? U32_MAX : uid_from_user((u32)id);
}

static u32 import_gid(void *ctx, u64 id)
{
	(void)ctx;
	return id >= U32_MAX ? U32_MAX : gid_from_user((u32)id);
}

int bus_policy_import(const struct bus_policy *p, const struct bus_args *a, u32 max,
		      bool wildcards, struct bus_policy_set **out)
{
	static const struct bus_policy_ids ids = {.uid = import_uid, .gid = import_gid};

	return bus_policy_parse(p, a->items, a->items_size, max, wildcards, &ids, out);
}
