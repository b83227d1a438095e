/*
 * Namespaces that have an identity only: control groups (there are none, so every one shows the
 * same root) and, for what a socket family keeps apart by itself, networks.
 */
#include <kernel/ns/ns_impl.h>

#include <kern/errno.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <linux/sched.h>

static int plain_copy(const struct ns_kind *kind, const struct ns_copy *req, struct ns_common **out)
{
	struct ns_common *ns = kzalloc(sizeof(*ns));
	int err;

	if (!ns)
		return -ENOMEM;
	err = ns_init(ns, kind, req->owner);
	if (err)
		kfree(ns);
	else
		*out = ns;
	return err;
}

static void plain_free(struct ns_common *ns)
{
	ns_release(ns);
	kfree(ns);
}

static const struct ns_kind cgroup_kind, net_kind;

static int cgroup_copy(const struct ns_copy *req, struct ns_common *old, struct ns_common **out)
{
	(void)old;
	return plain_copy(&cgroup_kind, req, out);
}

static int net_copy(const struct ns_copy *req, struct ns_common *old, struct ns_common **out)
{
	(void)old;
	return plain_copy(&net_kind, req, out);
}

static struct ns_common cgroup_initial = NS_COMMON_INITIAL(&cgroup_kind, NS_INO_CGROUP);
static struct ns_common net_initial = NS_COMMON_INITIAL(&net_kind, NS_INO_NET);

static const struct ns_kind cgroup_kind = {
	.name = "cgroup",
	.flag = CLONE_NEWCGROUP,
	.slot = NS_CGROUP,
	.ucount = UCOUNT_CGROUP_NAMESPACES,
	.initial = &cgroup_initial,
	.copy = cgroup_copy,
	.free = plain_free,
};
NS_KIND(cgroup_kind);

static const struct ns_kind net_kind = {
	.name = "net",
	.flag = CLONE_NEWNET,
	.slot = NS_NET,
	.ucount = UCOUNT_NET_NAMESPACES,
	.initial = &net_initial,
	.copy = net_copy,
	.free = plain_free,
};
NS_KIND(net_kind);
