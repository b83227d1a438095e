/*
 * Shared by sem.c, sem_op.c, sem_ctl.c and undo.c.
 *
 * Locks of a set: an operation on one semaphore takes that semaphore's lock alone, as long as no
 * operation on several is under way or asleep ("complex").  A complex one takes the object's lock,
 * says so in @complex_mode and waits until the single locks are free.
 */
#pragma once

#include <kernel/ipc/ipc_impl.h>
#include <linux/sem.h>

#define SEM_LOCK_ALL (-1)

struct sem {
	struct spinlock lock; /* LK_IPC_SEM */
	int value;
	struct pid *pid; /* +1: who changed it last */
	s64 otime;
	struct list_head alter, zero; /* single operations asleep */
};

struct sem_set {
	struct ipc_object object;
	s64 ctime;
	struct list_head alter, zero; /* complex ones asleep, and single ones beside them */
	struct list_head undos;	      /* struct sem_undo */
	u32 complex_mode;	      /* changed under object.lock; read with acquire */
	u32 complex_waiters;	      /* with all locks */
	u32 count;		      /* [I] */
	struct sem sems[];
};

/* What one process (or several that share it) did with SEM_UNDO. */
struct sem_undo_list {
	u32 refs;	       /* atomic */
	struct spinlock lock;  /* LK_IPC_UNDO */
	struct rb_root by_set; /* lock */
};

/* Adjustments of one set. */
struct sem_undo {
	struct rb_node node; /* list->lock */
	struct sem_undo_list *list;
	struct sem_set *set;	   /* +1 */
	struct list_head set_link; /* set: all locks */
	s16 adjust[];		   /* each by the lock of its semaphore */
};

/* Operations of a call that sleeps; on its stack. */
struct sem_wait {
	struct list_head link;
	struct task *task;
	struct sembuf *ops, *blocking;
	struct sem_undo *undo;
	struct pid *pid;
	int status; /* SEM_ASLEEP until somebody did it or gave it up; then hands off */
	u32 count;
	bool alters;
};
#define SEM_ASLEEP 1

static inline struct sem_set *set_of(struct ipc_object *o)
{
	return container_of(o, struct sem_set, object);
}

/* ---- sem.c ---- */
/* For @ops, or for everything (NULL).  Returns what unlock wants. */
int sem_lock(struct sem_set *s, const struct sembuf *ops, u32 count);
void sem_unlock(struct sem_set *s, int locked);
/* Finds and locks the whole set: -EINVAL, -EIDRM. */
int sem_lock_set(struct ipc_ns *ns, int id, struct sem_set **out) __must_check;
/* The object's lock is held (and the table's, to remove): the single locks are free from now on. */
void sem_complex_enter(struct sem_set *s);
void sem_complex_leave(struct sem_set *s);
long sem_rmid(struct ipc_ns *ns, int id);
/* Everything is locked: wakes all with -EIDRM, forgets all adjustments. */
void sem_empty(struct sem_set *s);

/* ---- sem_op.c ---- */
struct op_kinds {
	u32 highest;
	bool alters, undoes;
};
/* 0 done, 1 has to wait, -errno. */
int sem_perform(struct sem_set *s, struct sem_wait *w);
/* After @ops (NULL: anything) changed values: does what sleeps and can be done now. */
void sem_update(struct sem_set *s, const struct sembuf *ops, u32 count);
void sem_wake(struct sem_wait *w, int status);

/* ---- undo.c ---- */
/* The adjustments of current for @s, made when there are none. */
int sem_undo_find(struct sem_set *s, struct sem_undo **out) __must_check;
/* All locks of its set held. */
void sem_undo_forget(struct sem_undo *u);
