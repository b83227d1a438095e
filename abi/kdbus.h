/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The message bus as programs see it: kdbus, in the form that it had in September 2015, its last.
 *
 * Everything goes through ioctl(2) on files of a kdbusfs mount. Each command is a structure that
 * begins with { size, flags, return_flags } and ends with a list of items; structures and items
 * stand at addresses that 8 divides. An item's size counts its head and payload but not the padding
 * to the next multiple of 8, where the next item begins. [in] the caller writes, [out] the kernel.
 *
 * KDBUS_FLAG_NEGOTIATE in `flags` asks what the kernel knows: it writes the flags that it accepts
 * back to `flags`, turns unknown types in KDBUS_ITEM_NEGOTIATE items to 0, and does nothing else.
 */
#pragma once

#include <linux/ioctl.h>
#include <linux/types.h>

#define KDBUS_IOCTL_MAGIC 0x95
#define KDBUS_SUPER_MAGIC 0x44427573 /* f_type of statfs(2): "DBus" */

#define KDBUS_SRC_ID_KERNEL 0ULL       /* src_id of what the kernel sends */
#define KDBUS_DST_ID_NAME 0ULL	       /* dst_id: the item DST_NAME says who */
#define KDBUS_DST_ID_BROADCAST (~0ULL) /* dst_id: whoever has a match */
#define KDBUS_MATCH_ID_ANY (~0ULL)     /* any connection, in matches of notifications */

#define KDBUS_FLAG_NEGOTIATE (1ULL << 63)

/* ---- Items ---- */

enum kdbus_item_type {
	_KDBUS_ITEM_NULL = 0,
	_KDBUS_ITEM_USER_BASE = 1,
	KDBUS_ITEM_NEGOTIATE = 1,	   /* data64[]: item types that the caller asks about */
	KDBUS_ITEM_PAYLOAD_VEC = 2,	   /* vec: [in] memory of the sender, which is copied */
	KDBUS_ITEM_PAYLOAD_OFF = 3,	   /* vec: [out] payload at an offset from the message */
	KDBUS_ITEM_PAYLOAD_MEMFD = 4,	   /* memfd: part of a sealed memory file */
	KDBUS_ITEM_FDS = 5,		   /* fds[] */
	KDBUS_ITEM_CANCEL_FD = 6,	   /* fds[0]: readable means that the call is given up */
	KDBUS_ITEM_BLOOM_PARAMETER = 7,	   /* bloom_parameter: of a bus */
	KDBUS_ITEM_BLOOM_FILTER = 8,	   /* bloom_filter: of a signal */
	KDBUS_ITEM_BLOOM_MASK = 9,	   /* data64[]: of a match, one or more generations */
	KDBUS_ITEM_DST_NAME = 10,	   /* str */
	KDBUS_ITEM_MAKE_NAME = 11,	   /* str: name of a bus or an endpoint */
	KDBUS_ITEM_ATTACH_FLAGS_SEND = 12, /* data64[0] */
	KDBUS_ITEM_ATTACH_FLAGS_RECV = 13, /* data64[0] */
	KDBUS_ITEM_ID = 14,		   /* id: source of a message, in matches */
	KDBUS_ITEM_NAME = 15,		   /* str, or name where a list is the answer */
	KDBUS_ITEM_DST_ID = 16,		   /* id: destination of a message, in matches */

	/* Metadata: type 0x1000 + n is attached for bit n of the attach flags. */
	_KDBUS_ITEM_ATTACH_BASE = 0x1000,
	KDBUS_ITEM_TIMESTAMP = 0x1000,	      /* timestamp */
	KDBUS_ITEM_CREDS = 0x1001,	      /* creds */
	KDBUS_ITEM_PIDS = 0x1002,	      /* pids */
	KDBUS_ITEM_AUXGROUPS = 0x1003,	      /* data64[]: group ids */
	KDBUS_ITEM_OWNED_NAME = 0x1004,	      /* name: one item for each name */
	KDBUS_ITEM_TID_COMM = 0x1005,	      /* str */
	KDBUS_ITEM_PID_COMM = 0x1006,	      /* str */
	KDBUS_ITEM_EXE = 0x1007,	      /* str */
	KDBUS_ITEM_CMDLINE = 0x1008,	      /* str: strings that NUL separates */
	KDBUS_ITEM_CGROUP = 0x1009,	      /* str */
	KDBUS_ITEM_CAPS = 0x100a,	      /* caps */
	KDBUS_ITEM_SECLABEL = 0x100b,	      /* str */
	KDBUS_ITEM_AUDIT = 0x100c,	      /* audit */
	KDBUS_ITEM_CONN_DESCRIPTION = 0x100d, /* str */

	_KDBUS_ITEM_POLICY_BASE = 0x2000,
	KDBUS_ITEM_POLICY_ACCESS = 0x2000, /* policy_access: for the KDBUS_ITEM_NAME before it */

	/* Notifications: messages of the kernel carry one of them, matches ask for them. */
	_KDBUS_ITEM_KERNEL_BASE = 0x8000,
	KDBUS_ITEM_NAME_ADD = 0x8000,	   /* name_change */
	KDBUS_ITEM_NAME_REMOVE = 0x8001,   /* name_change */
	KDBUS_ITEM_NAME_CHANGE = 0x8002,   /* name_change */
	KDBUS_ITEM_ID_ADD = 0x8003,	   /* id_change */
	KDBUS_ITEM_ID_REMOVE = 0x8004,	   /* id_change */
	KDBUS_ITEM_REPLY_TIMEOUT = 0x8005, /* no payload: cookie_reply says for what */
	KDBUS_ITEM_REPLY_DEAD = 0x8006,	   /* no payload */
};

enum kdbus_attach_flags {
	KDBUS_ATTACH_TIMESTAMP = 1ULL << 0,
	KDBUS_ATTACH_CREDS = 1ULL << 1,
	KDBUS_ATTACH_PIDS = 1ULL << 2,
	KDBUS_ATTACH_AUXGROUPS = 1ULL << 3,
	KDBUS_ATTACH_NAMES = 1ULL << 4,
	KDBUS_ATTACH_TID_COMM = 1ULL << 5,
	KDBUS_ATTACH_PID_COMM = 1ULL << 6,
	KDBUS_ATTACH_EXE = 1ULL << 7,
	KDBUS_ATTACH_CMDLINE = 1ULL << 8,
	KDBUS_ATTACH_CGROUP = 1ULL << 9,
	KDBUS_ATTACH_CAPS = 1ULL << 10,
	KDBUS_ATTACH_SECLABEL = 1ULL << 11,
	KDBUS_ATTACH_AUDIT = 1ULL << 12,
	KDBUS_ATTACH_CONN_DESCRIPTION = 1ULL << 13,
	_KDBUS_ATTACH_ALL = (1ULL << 14) - 1,
	_KDBUS_ATTACH_ANY = ~0ULL,
};

struct kdbus_notify_id_change {
	__u64 id;    /* of the connection that came or went */
	__u64 flags; /* KDBUS_HELLO_* of an id, KDBUS_NAME_* of a name's owner */
} __attribute__((__aligned__(8)));

struct kdbus_notify_name_change {
	struct kdbus_notify_id_change old_id; /* 0: there was no owner */
	struct kdbus_notify_id_change new_id; /* 0: there is none now */
	char name[0];
} __attribute__((__aligned__(8)));

struct kdbus_creds {
	__u64 uid, euid, suid, fsuid;
	__u64 gid, egid, sgid, fsgid;
} __attribute__((__aligned__(8)));

struct kdbus_pids {
	__u64 pid;  /* process */
	__u64 tid;  /* thread */
	__u64 ppid; /* parent process; 0 when it is out of the reader's sight */
} __attribute__((__aligned__(8)));

struct kdbus_caps {
	__u32 last_cap; /* highest capability that the kernel knows */
	__u32 caps[0];	/* inheritable, permitted, effective, bounding: last_cap / 32 + 1 words each
			 */
} __attribute__((__aligned__(8)));

struct kdbus_audit {
	__u32 sessionid;
	__u32 loginuid;
} __attribute__((__aligned__(8)));

struct kdbus_timestamp {
	__u64 seqnum;	    /* of the bus's domain: the order of all messages */
	__u64 monotonic_ns; /* CLOCK_MONOTONIC */
	__u64 realtime_ns;  /* CLOCK_REALTIME */
} __attribute__((__aligned__(8)));

struct kdbus_vec {
	__u64 size;
	union {
		__u64 address; /* PAYLOAD_VEC; 0: `size` bytes of zero */
		__u64 offset;  /* PAYLOAD_OFF: from the head of the message; ~0: bytes of zero */
	};
} __attribute__((__aligned__(8)));

struct kdbus_bloom_parameter {
	__u64 size;   /* bytes of a filter: 8 to 4096, a multiple of 8 */
	__u64 n_hash; /* bits that one string sets, at least 1; a hint for the programs alone */
} __attribute__((__aligned__(8)));

struct kdbus_bloom_filter {
	__u64 generation; /* which of a match's masks is the one to look at */
	__u64 data[0];
} __attribute__((__aligned__(8)));

struct kdbus_memfd {
	__u64 start;
	__u64 size;
	int fd; /* [out] -1 when it could not be installed */
	__u32 __pad;
} __attribute__((__aligned__(8)));

struct kdbus_name {
	__u64 flags; /* KDBUS_NAME_* */
	char name[0];
} __attribute__((__aligned__(8)));

enum kdbus_policy_access_type {
	_KDBUS_POLICY_ACCESS_NULL = 0,
	KDBUS_POLICY_ACCESS_USER = 1,
	KDBUS_POLICY_ACCESS_GROUP = 2,
	KDBUS_POLICY_ACCESS_WORLD = 3,
};

enum kdbus_policy_type {
	KDBUS_POLICY_SEE = 0,  /* know that the name is there */
	KDBUS_POLICY_TALK = 1, /* and send to its owner */
	KDBUS_POLICY_OWN = 2,  /* and own it */
};

struct kdbus_policy_access {
	__u64 type;   /* KDBUS_POLICY_ACCESS_* */
	__u64 access; /* KDBUS_POLICY_SEE, TALK, OWN */
	__u64 id;     /* user or group */
} __attribute__((__aligned__(8)));

struct kdbus_item {
	__u64 size; /* of head and payload, without padding */
	__u64 type; /* KDBUS_ITEM_* */
	union {
		__u8 data[0];
		__u32 data32[0];
		__u64 data64[0];
		char str[0];
		__u64 id;
		struct kdbus_vec vec;
		struct kdbus_creds creds;
		struct kdbus_pids pids;
		struct kdbus_audit audit;
		struct kdbus_caps caps;
		struct kdbus_timestamp timestamp;
		struct kdbus_name name;
		struct kdbus_bloom_parameter bloom_parameter;
		struct kdbus_bloom_filter bloom_filter;
		struct kdbus_memfd memfd;
		int fds[0];
		struct kdbus_notify_name_change name_change;
		struct kdbus_notify_id_change id_change;
		struct kdbus_policy_access policy_access;
	};
} __attribute__((__aligned__(8)));

/* ---- Messages ---- */

enum kdbus_msg_flags {
	KDBUS_MSG_EXPECT_REPLY = 1ULL << 0,  /* timeout_ns and cookie are meant */
	KDBUS_MSG_NO_AUTO_START = 1ULL << 1, /* not to an activator: ESRCH instead */
	KDBUS_MSG_SIGNAL = 1ULL << 2,	     /* only to who has a match */
};

enum kdbus_payload_type {
	KDBUS_PAYLOAD_KERNEL = 0, /* a notification */
	KDBUS_PAYLOAD_DBUS = 0x4442757344427573ULL,
};

struct kdbus_msg {
	__u64 size;	/* of head and items */
	__u64 flags;	/* KDBUS_MSG_* */
	__s64 priority; /* lower goes first */
	__u64 dst_id;
	__u64 src_id;	    /* [in] 0 or the sender's own */
	__u64 payload_type; /* any number but 0 */
	__u64 cookie;	    /* [in] not 0 */
	union {
		__u64 timeout_ns;   /* with EXPECT_REPLY: when, by CLOCK_MONOTONIC */
		__u64 cookie_reply; /* else: cookie of the call that this answers, or 0 */
	};
	struct kdbus_item items[0];
} __attribute__((__aligned__(8)));

struct kdbus_msg_info {
	__u64 offset;	    /* [out] of the message in the caller's pool */
	__u64 msg_size;	    /* [out] of the whole slice */
	__u64 return_flags; /* [out] KDBUS_RECV_RETURN_INCOMPLETE_FDS */
} __attribute__((__aligned__(8)));

/* ---- Commands ---- */

/* BUS_MAKE, ENDPOINT_MAKE, ENDPOINT_UPDATE, UPDATE, BYEBYE, NAME_ACQUIRE, NAME_RELEASE. */
struct kdbus_cmd {
	__u64 size;
	__u64 flags;
	__u64 return_flags;
	struct kdbus_item items[0];
} __attribute__((__aligned__(8)));

enum kdbus_make_flags {
	KDBUS_MAKE_ACCESS_GROUP = 1ULL << 0,
	KDBUS_MAKE_ACCESS_WORLD = 1ULL << 1,
};

enum kdbus_name_flags {
	KDBUS_NAME_REPLACE_EXISTING = 1ULL << 0,  /* [in] take it from who allows that */
	KDBUS_NAME_ALLOW_REPLACEMENT = 1ULL << 1, /* [in] others may take it */
	KDBUS_NAME_QUEUE = 1ULL << 2,		  /* [in] wait for it */
	KDBUS_NAME_IN_QUEUE = 1ULL << 3,	  /* [out] waiting */
	KDBUS_NAME_ACTIVATOR = 1ULL << 4,	  /* [out] the owner is an activator */
	KDBUS_NAME_PRIMARY = 1ULL << 5,		  /* [out] this one owns it */
	KDBUS_NAME_ACQUIRED = 1ULL << 6,	  /* [out] it is owned since this call */
};

enum kdbus_hello_flags {
	KDBUS_HELLO_ACCEPT_FD = 1ULL << 0,
	KDBUS_HELLO_ACTIVATOR = 1ULL << 1,
	KDBUS_HELLO_POLICY_HOLDER = 1ULL << 2,
	KDBUS_HELLO_MONITOR = 1ULL << 3,
};

struct kdbus_cmd_hello {
	__u64 size;
	__u64 flags; /* KDBUS_HELLO_* */
	__u64 return_flags;
	__u64 attach_flags_send; /* KDBUS_ATTACH_*: what others may learn of the caller */
	__u64 attach_flags_recv; /* what the caller wants to have with each message */
	__u64 bus_flags;	 /* [out] KDBUS_MAKE_* of the bus */
	__u64 id;		 /* [out] of the new connection */
	__u64 pool_size;	 /* bytes, a multiple of the page size */
	__u64 offset;		 /* [out] of a list of items about the bus, in the pool */
	__u64 items_size;	 /* [out] of that list */
	__u8 id128[16];		 /* [out] of the bus */
	struct kdbus_item items[0];
} __attribute__((__aligned__(8)));

enum kdbus_send_flags {
	KDBUS_SEND_SYNC_REPLY = 1ULL << 0, /* sleep until the reply is there */
};

struct kdbus_cmd_send {
	__u64 size;
	__u64 flags; /* KDBUS_SEND_* */
	__u64 return_flags;
	__u64 msg_address;	     /* of a struct kdbus_msg */
	struct kdbus_msg_info reply; /* [out] */
	struct kdbus_item items[0];
} __attribute__((__aligned__(8)));

enum kdbus_recv_flags {
	KDBUS_RECV_PEEK = 1ULL << 0,	     /* leave it in the queue */
	KDBUS_RECV_DROP = 1ULL << 1,	     /* throw it away */
	KDBUS_RECV_USE_PRIORITY = 1ULL << 2, /* the most urgent, if its priority is at most that */
};

enum kdbus_recv_return_flags {
	KDBUS_RECV_RETURN_INCOMPLETE_FDS = 1ULL << 0, /* in msg: some descriptor is -1 */
	KDBUS_RECV_RETURN_DROPPED_MSGS = 1ULL << 1,   /* in the command: dropped_msgs is not 0 */
};

struct kdbus_cmd_recv {
	__u64 size;
	__u64 flags; /* KDBUS_RECV_* */
	__u64 return_flags;
	__s64 priority;
	__u64 dropped_msgs;	   /* [out] signals lost since the last RECV */
	struct kdbus_msg_info msg; /* [out] */
	struct kdbus_item items[0];
} __attribute__((__aligned__(8)));

struct kdbus_cmd_free {
	__u64 size;
	__u64 flags;
	__u64 return_flags;
	__u64 offset; /* that a command gave out */
	struct kdbus_item items[0];
} __attribute__((__aligned__(8)));

enum kdbus_list_flags {
	KDBUS_LIST_UNIQUE = 1ULL << 0,	   /* connections */
	KDBUS_LIST_NAMES = 1ULL << 1,	   /* names that somebody owns */
	KDBUS_LIST_ACTIVATORS = 1ULL << 2, /* names that only an activator holds */
	KDBUS_LIST_QUEUED = 1ULL << 3,	   /* connections that wait for a name */
};

/* An answer of LIST is a run of these, of CONN_INFO and BUS_CREATOR_INFO it is one. */
struct kdbus_info {
	__u64 size;
	__u64 id;
	__u64 flags; /* KDBUS_HELLO_* of a connection, KDBUS_MAKE_* of a bus */
	struct kdbus_item items[0];
} __attribute__((__aligned__(8)));

struct kdbus_cmd_list {
	__u64 size;
	__u64 flags; /* KDBUS_LIST_* */
	__u64 return_flags;
	__u64 offset;	 /* [out] of the list in the pool */
	__u64 list_size; /* [out] */
	struct kdbus_item items[0];
} __attribute__((__aligned__(8)));

struct kdbus_cmd_info {
	__u64 size;
	__u64 flags;
	__u64 return_flags;
	__u64 id;	    /* of a connection; 0: the item NAME says who */
	__u64 attach_flags; /* KDBUS_ATTACH_* */
	__u64 offset;	    /* [out] of a struct kdbus_info in the pool */
	__u64 info_size;    /* [out] */
	struct kdbus_item items[0];
} __attribute__((__aligned__(8)));

enum kdbus_cmd_match_flags {
	KDBUS_MATCH_REPLACE = 1ULL << 0, /* drop the rules of the same cookie in the same step */
};

struct kdbus_cmd_match {
	__u64 size;
	__u64 flags; /* KDBUS_MATCH_* */
	__u64 return_flags;
	__u64 cookie; /* by which MATCH_REMOVE finds it */
	struct kdbus_item items[0];
} __attribute__((__aligned__(8)));

/* ---- Numbers ---- */

/* On the file "control": */
#define KDBUS_CMD_BUS_MAKE _IOW(KDBUS_IOCTL_MAGIC, 0x00, struct kdbus_cmd)
/* On an endpoint's file: */
#define KDBUS_CMD_ENDPOINT_MAKE _IOW(KDBUS_IOCTL_MAGIC, 0x10, struct kdbus_cmd)
#define KDBUS_CMD_ENDPOINT_UPDATE _IOW(KDBUS_IOCTL_MAGIC, 0x11, struct kdbus_cmd)
#define KDBUS_CMD_HELLO _IOWR(KDBUS_IOCTL_MAGIC, 0x80, struct kdbus_cmd_hello)
/* After HELLO: */
#define KDBUS_CMD_UPDATE _IOW(KDBUS_IOCTL_MAGIC, 0x81, struct kdbus_cmd)
#define KDBUS_CMD_BYEBYE _IOW(KDBUS_IOCTL_MAGIC, 0x82, struct kdbus_cmd)
#define KDBUS_CMD_FREE _IOW(KDBUS_IOCTL_MAGIC, 0x83, struct kdbus_cmd_free)
#define KDBUS_CMD_CONN_INFO _IOR(KDBUS_IOCTL_MAGIC, 0x84, struct kdbus_cmd_info)
#define KDBUS_CMD_BUS_CREATOR_INFO _IOR(KDBUS_IOCTL_MAGIC, 0x85, struct kdbus_cmd_info)
#define KDBUS_CMD_LIST _IOR(KDBUS_IOCTL_MAGIC, 0x86, struct kdbus_cmd_list)
#define KDBUS_CMD_SEND _IOW(KDBUS_IOCTL_MAGIC, 0x90, struct kdbus_cmd_send)
#define KDBUS_CMD_RECV _IOR(KDBUS_IOCTL_MAGIC, 0x91, struct kdbus_cmd_recv)
#define KDBUS_CMD_NAME_ACQUIRE _IOW(KDBUS_IOCTL_MAGIC, 0xa0, struct kdbus_cmd)
#define KDBUS_CMD_NAME_RELEASE _IOW(KDBUS_IOCTL_MAGIC, 0xa1, struct kdbus_cmd)
#define KDBUS_CMD_MATCH_ADD _IOW(KDBUS_IOCTL_MAGIC, 0xb0, struct kdbus_cmd_match)
#define KDBUS_CMD_MATCH_REMOVE _IOW(KDBUS_IOCTL_MAGIC, 0xb1, struct kdbus_cmd_match)
