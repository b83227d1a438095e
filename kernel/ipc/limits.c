/* /proc/sys/kernel: the limits of the namespace that the reader is in.  proc(5), sysvipc(7). */
#include <kernel/ipc/ipc_impl.h>

#include <kernel/procfs/procfs.h>
#include <lib/parse/parse.h>
#include <linux/capability.h>

/* ---- numbers ---- */

static int store_int(const char *text, int lowest, int highest, int *at)
{
	s32 v;
	int err = parse_s32(text, 10, &v);

	if (err || v < lowest || v > highest)
		return -EINVAL;
	WRITE_ONCE(*at, v);
	return 0;
}

static int store_u64(const char *text, u64 *at)
{
	u64 v;

	if (parse_u64(text, 10, &v))
		return -EINVAL;
	WRITE_ONCE(*at, v);
	return 0;
}

#define LIMIT(name_, format, field, store_expr)                              \
	static int name_##_text(char *buf, size_t size)                      \
	{                                                                    \
		return snprintf(buf, size, format, current_ipc_ns()->field); \
	}                                                                    \
	static int name_##_store(const char *text)                           \
	{                                                                    \
		struct ipc_ns *ns = current_ipc_ns();                        \
                                                                             \
		return store_expr;                                           \
	}                                                                    \
	SYSCTL_TEXT("kernel/" #name_, 0644, name_##_text, name_##_store)
#define LIMIT_INT(name_, field, lowest, highest) \
	LIMIT(name_, "%d", field, store_int(text, lowest, highest, &ns->field))

LIMIT(shmmax, "%llu", shm_max, store_u64(text, &ns->shm_max));
LIMIT(shmall, "%llu", shm_all, store_u64(text, &ns->shm_all));
LIMIT_INT(shmmni, shm_mni, 0, IPC_IDS_MAX);
LIMIT_INT(msgmax, msg_max, 0, 0x7fffffff);
LIMIT_INT(msgmnb, msg_mnb, 0, 0x7fffffff);
LIMIT_INT(msgmni, msg_mni, 0, IPC_IDS_MAX);

/* Of no effect since the limits are no longer computed: as Linux, which keeps the file. */
static int auto_msgmni_text(char *buf, size_t size)
{
	return snprintf(buf, size, "0");
}

static int auto_msgmni_store(const char *text)
{
	int v;

	return store_int(text, 0, 1, &v);
}

SYSCTL_TEXT("kernel/auto_msgmni", 0644, auto_msgmni_text, auto_msgmni_store);

static int rmid_forced_store(const char *text)
{
	struct ipc_ns *ns = current_ipc_ns();
	int err = store_int(text, 0, 1, &ns->shm_rmid_forced);

	if (!err && ns->shm_rmid_forced)
		shm_destroy_orphans(ns);
	return err;
}

static int rmid_forced_text(char *buf, size_t size)
{
	return snprintf(buf, size, "%d", current_ipc_ns()->shm_rmid_forced);
}

SYSCTL_TEXT("kernel/shm_rmid_forced", 0644, rmid_forced_text, rmid_forced_store);

/* ---- the id that the next object shall have ---- */

static int next_id_store(const char *text, enum ipc_kind kind)
{
	int err, v;

	if (!ns_capable(current_ipc_ns()->ns.owner, CAP_CHECKPOINT_RESTORE) &&
	    !ns_capable(current_ipc_ns()->ns.owner, CAP_SYS_ADMIN))
		return -EPERM;
	err = store_int(text, -1, 0x7fffffff, &v);
	if (!err)
		WRITE_ONCE(current_ipc_ns()->ids[kind].next_id, v);
	return err;
}

#define NEXT_ID(name_, kind)                                                           \
	static int name_##_text(char *buf, size_t size)                                \
	{                                                                              \
		return snprintf(buf, size, "%d", current_ipc_ns()->ids[kind].next_id); \
	}                                                                              \
	static int name_##_store(const char *text)                                     \
	{                                                                              \
		return next_id_store(text, kind);                                      \
	}                                                                              \
	SYSCTL_TEXT("kernel/" #name_, 0644, name_##_text, name_##_store)

NEXT_ID(shm_next_id, IPC_KIND_SHM);
NEXT_ID(sem_next_id, IPC_KIND_SEM);
NEXT_ID(msg_next_id, IPC_KIND_MSG);

/* ---- kernel.sem: four numbers ---- */

static int sem_text(char *buf, size_t size)
{
	const int *v = current_ipc_ns()->sem_limits;

	return snprintf(buf, size, "%d\t%d\t%d\t%d", v[0], v[1], v[2], v[3]);
}

/* Fewer numbers leave the others as they are. */
static int sem_store(const char *text)
{
	struct ipc_ns *ns = current_ipc_ns();
	int values[4];
	u64 v;

	memcpy(values, ns->sem_limits, sizeof(values));
	for (unsigned int i = 0; i < 4; i++) {
		while (*text == ' ' || *text == '\t')
			text++;
		if (!*text)
			break;
		if (!parse_digits(&text, 10, &v) || v > 0x7fffffff)
			return -EINVAL;
		if (*text && *text != ' ' && *text != '\t')
			return -EINVAL;
		values[i] = (int)v;
	}
	if (values[3] > IPC_IDS_MAX)
		return -ERANGE;
	memcpy(ns->sem_limits, values, sizeof(values));
	return 0;
}

SYSCTL_TEXT("kernel/sem", 0644, sem_text, sem_store);
