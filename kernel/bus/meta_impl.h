/*
 * Metadata: what a message, or an answer of CONN_INFO, says of the task that it comes from.
 *
 * A struct bus_meta holds what was captured, in the kernel's terms (kernel ids, struct pid); a
 * view is a connection's way to see it: user namespace, pid namespace and root of who made the
 * connection. Items are made from the two. A capture for a message lives on the sender's stack and
 * borrows all from current, so that nothing that is shared is written; the capture of a
 * connection's creator owns what it refers to.
 *
 * Bits are KDBUS_ATTACH_* of <abi/kdbus.h>.
 */
#pragma once

#include <abi/kdbus.h>
#include <kernel/task/task.h>
#include <kernel/vfs/vfs.h>

struct bus_name_user;
struct cred;
struct pid;
struct pid_ns;
struct user_ns;

/* Of a task; the rest (TIMESTAMP, NAMES, CONN_DESCRIPTION) is the connection's. */
#define BUS_META_PROCESS     \
	(_KDBUS_ATTACH_ALL & \
	 ~(u64)(KDBUS_ATTACH_TIMESTAMP | KDBUS_ATTACH_NAMES | KDBUS_ATTACH_CONN_DESCRIPTION))

/* Embedded in a connection. All [I] after init. */
struct bus_meta_view {
	struct user_ns *user_ns; /* +1 */
	struct pid *pid;	 /* +1 of the creating thread; holds its namespace */
	struct path root;	 /* +1 */
};
/* That of current. */
void bus_meta_view_init(struct bus_meta_view *v);
void bus_meta_view_destroy(struct bus_meta_view *v); /* a zeroed one is fine; may sleep */
/* Do both see the same? Then what was written for one will do for the other. */
bool bus_meta_view_same(const struct bus_meta_view *a, const struct bus_meta_view *b);

struct bus_meta {
	u64 valid;  /* what there is */
	u64 asked;  /* what capture has been asked for */
	bool owned; /* references below are this one's: +1 each */
	bool faked; /* told by a privileged HELLO, not captured: ids in .id, no .cred */
	const struct cred *cred;
	u32 id[8];		 /* kernel ids in the order of struct kdbus_creds, if faked */
	struct pid *tid, *pid;	 /* thread, process */
	struct pid *ppid;	 /* parent, if owned; NULL: none */
	struct process *process; /* instead of .ppid, if borrowed */
	char tid_comm[TASK_COMM_LEN], pid_comm[TASK_COMM_LEN];
	/* Always owned. */
	char *exe;	  /* as seen from .root */
	struct path root; /* of the task, with .exe */
	char *cmdline;	  /* the arguments, each with its terminator; the first 4 KiB */
	u32 cmdline_len;
	char *seclabel; /* faked only: there are no security modules */
};

/*
 * What a connection that asks for @recv is told of @provider, whose connection gives out @send:
 * ids and what is public on the bus always, the rest if given out or if /proc of the receiver would
 * show it.
 */
u64 bus_meta_mask(const struct pid *provider, u64 send, const struct bus_meta_view *receiver,
		  u64 recv);

/*
 * Captures @what from current for the time until it returns to user mode; @m is zeroed before the
 * first time, and may be asked for more later. Only EXE and CMDLINE may sleep or need memory: with
 * others it never fails and may be called under spin locks. -ENOMEM.
 */
int bus_meta_capture(struct bus_meta *m, u64 what) __must_check;
/* Ends what bus_meta_capture() began. A zeroed one is fine. */
void bus_meta_release(struct bus_meta *m);

/* All of current, to be kept: of the creator of a connection or bus. May sleep. -ENOMEM. */
int bus_meta_create(struct bus_meta **out) __must_check;
/*
 * What HELLO says instead, as current's namespaces name it; each may be NULL. -EINVAL: an id or a
 * pid that there is not (-1 and 0 stand for none). -ENOMEM.
 */
int bus_meta_create_faked(const struct kdbus_creds *creds, const struct kdbus_pids *pids,
			  const char *seclabel, struct bus_meta **out) __must_check;
void bus_meta_destroy(struct bus_meta *m); /* NULL-safe; may sleep */

/* What items are made of; NULL members have none. */
struct bus_meta_source {
	const struct bus_meta *task;
	const struct bus_name_user *names; /* RCU or N of name_impl.h around size and write */
	const char *description;
	const struct kdbus_timestamp *timestamp;
};
/*
 * Bytes of the items for @mask (a multiple of 8), 0 if there are none. EXE is left out if the task
 * has another root than the view. Any context.
 */
size_t bus_meta_size(const struct bus_meta_source *s, u64 mask, const struct bus_meta_view *v);
/*
 * Writes them to @buf, @size bytes (what bus_meta_size() said): returns how many; fewer if names
 * went in between. Padding is zeroed. Any context.
 */
size_t bus_meta_write(const struct bus_meta_source *s, u64 mask, const struct bus_meta_view *v,
		      void *buf, size_t size);
