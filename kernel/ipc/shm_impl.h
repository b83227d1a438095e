/* Shared by shm.c and shm_ctl.c. */
#pragma once

#include <kernel/ipc/ipc_impl.h>

struct file;

#define SHM_MODE_DEST 01000   /* goes with the last attachment */
#define SHM_MODE_LOCKED 02000 /* SHM_LOCK */

struct shm_segment {
	struct ipc_object object;
	struct file *file; /* +1 until removed */
	u64 size;
	u64 committed;		 /* pages promised */
	unsigned long nattch;	 /* object.lock */
	s64 atime, dtime, ctime; /* object.lock */
	struct pid *cpid, *lpid; /* +1; lpid: object.lock */
	bool has_creator;	 /* ids lock: on a task's list */
	struct hlist_node creator_link;
	struct ucounts *locker; /* +1; object.lock: whom SHM_LOCK is charged to */
};

static inline struct shm_segment *shm_of(struct ipc_object *o)
{
	return container_of(o, struct shm_segment, object);
}
static inline u64 shm_size_pages(const struct shm_segment *s)
{
	return (s->size + PAGE_SIZE - 1) >> PAGE_SHIFT;
}
/* Both locks held and released: out of the table, memory given back. */
void shm_remove_unlock(struct ipc_ns *ns, struct shm_segment *s);
/* SHM_UNLOCK: object.lock held; the caller puts the user. */
struct ucounts *shm_uncharge_lock(struct shm_segment *s);
u64 shm_resident_pages(const struct shm_segment *s);
