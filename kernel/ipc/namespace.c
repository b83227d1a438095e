/* IPC namespaces: a set of tables with their limits.  ipc_namespaces(7). */
#include <kernel/ipc/ipc_impl.h>

#include <kernel/boot/boot.h>
#include <linux/msg.h>
#include <linux/sched.h>
#include <linux/sem.h>
#include <linux/shm.h>

void (*ipc_ns_mqueue_drop)(void *mqueue) __ro_after_init;

static const struct ns_kind ipc_kind;
static struct ipc_ns ipc_initial = {.ns = NS_COMMON_INITIAL(&ipc_kind, NS_INO_IPC)};

static void tables_init(struct ipc_ns *ns)
{
	for (unsigned int i = 0; i < IPC_KINDS; i++)
		ipc_ids_init(&ns->ids[i]);
	ns->sem_limits[0] = SEMMSL;
	ns->sem_limits[1] = SEMMNS;
	ns->sem_limits[2] = SEMOPM;
	ns->sem_limits[3] = SEMMNI;
	ns->msg_max = MSGMAX;
	ns->msg_mnb = MSGMNB;
	ns->msg_mni = MSGMNI;
	ns->shm_max = SHMMAX;
	ns->shm_all = SHMALL;
	ns->shm_mni = SHMMNI;
}

static void ipc_init(void)
{
	tables_init(&ipc_initial);
}
INITCALL(ipc_init);

struct ipc_ns *current_ipc_ns(void)
{
	return container_of(current_ns(NS_IPC), struct ipc_ns, ns);
}

static int ipc_copy(const struct ns_copy *req, struct ns_common *old, struct ns_common **out)
{
	struct ipc_ns *ns = kzalloc(sizeof(*ns));
	int err;

	(void)old;
	if (!ns)
		return -ENOMEM;
	err = ns_init(&ns->ns, &ipc_kind, req->owner);
	if (err) {
		kfree(ns);
		return err;
	}
	tables_init(ns);
	*out = &ns->ns;
	return 0;
}

static void ipc_free(struct ns_common *common)
{
	struct ipc_ns *ns = container_of(common, struct ipc_ns, ns);

	sem_destroy_all(ns);
	msg_destroy_all(ns);
	shm_destroy_all(ns);
	if (ns->mqueue)
		ipc_ns_mqueue_drop(ns->mqueue);
	for (unsigned int i = 0; i < IPC_KINDS; i++)
		idr_destroy(&ns->ids[i].idr);
	ns_release(common);
	kfree(ns);
}

static const struct ns_kind ipc_kind = {
	.name = "ipc",
	.flag = CLONE_NEWIPC,
	.slot = NS_IPC,
	.ucount = UCOUNT_IPC_NAMESPACES,
	.initial = &ipc_initial.ns,
	.copy = ipc_copy,
	.free = ipc_free,
};
NS_KIND(ipc_kind);

void **ipc_ns_mqueue(struct ipc_ns *ns)
{
	return &ns->mqueue;
}

struct ns_common *ipc_ns_common(struct ipc_ns *ns)
{
	return &ns->ns;
}
