/* A mount: what walks, exec and /proc look at. Changes are kernel/vfs's own. */
#pragma once

#include <kern/types.h>
#include <kern/list.h>
#include <kernel/rcu/rcu.h>
#include <kernel/vfs/path.h>

struct mount_ns;
struct super;

/*
 * A place where a super is attached.  The tree, peers and masters change under the lock of the
 * mount tree (LK_MOUNT_NS); what walks look at changes inside mount_lock with mount_seq odd.
 */
struct mount {
	struct hlist_node hash;	   /* by (parent, mountpoint); RCU */
	struct mount *parent;	   /* itself: attached nowhere */
	struct dentry *mountpoint; /* in parent */
	struct dentry *root;
	struct super *super;
	u32 flags;	 /* MNT_* */
	u32 expire_mark; /* set by umount2(MNT_EXPIRE), cleared by each use */
	s64 refs;	 /* atomic */
	int id;
	int group_id; /* of the peers; 0: none */
	s32 writers;  /* atomic: files open for writing */
	struct mount_ns *ns;
	struct mount *master;	     /* whose events it receives */
	struct list_head peers;	     /* ring of those with the same group */
	struct list_head slaves;     /* those whose master it is */
	struct list_head slave_link; /* master->slaves */
	struct list_head children, child_link, ns_link;
	struct hlist_node at;	      /* by mountpoint alone; mount_lock */
	struct list_head super_link;  /* super->mounts; mount_lock */
	struct list_head work, heard; /* of an operation that holds the tree's lock */
	struct mount *made;	      /* the same: a copy of its group */
	struct path was;	      /* where it was attached: references to drop */
	char *source;		      /* device name for /proc/mounts; NULL: none */
	struct rcu_head rcu;
};
#define MNT_NOSUID 1u
#define MNT_NODEV 2u
#define MNT_NOEXEC 4u
#define MNT_NOATIME 8u
#define MNT_NODIRATIME 16u
#define MNT_RELATIME 32u
#define MNT_READONLY 64u
#define MNT_UMOUNTED 128u /* is being or has been unmounted */
#define MNT_UNBINDABLE 256u
#define MNT_INTERNAL 512u /* of a pseudo file system: in no namespace */
#define MNT_NOSYMFOLLOW 1024u
#define MNT_SHARED 2048u
#define MNT_LOCKED 4096u /* may not be taken off by its namespace: it would show what it covers */
/* Flags that came from a more privileged namespace and stay. */
#define MNT_LOCK_ATIME 0x2000u
#define MNT_LOCK_NOEXEC 0x4000u
#define MNT_LOCK_NOSUID 0x8000u
#define MNT_LOCK_NODEV 0x10000u
#define MNT_LOCK_READONLY 0x20000u
#define MNT_ATIME_FLAGS (MNT_NOATIME | MNT_NODIRATIME | MNT_RELATIME)
#define MNT_USER_FLAGS \
	(MNT_NOSUID | MNT_NODEV | MNT_NOEXEC | MNT_ATIME_FLAGS | MNT_READONLY | MNT_NOSYMFOLLOW)
