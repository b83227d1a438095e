/*
 * Devices: numbers to operations, names for /dev.
 *
 * A driver registers a number, a name and operations; devtmpfs shows the name, inode_init_special()
 * finds the operations, /proc/devices and /sys list both.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <linux/major.h>

struct file_ops;
struct seq;

enum device_kind { DEVICE_CHAR, DEVICE_BLOCK };

struct device {
	const char *name;	/* under /dev: "null", "pts/ptmx" */
	const char *driver;	/* in /proc/devices: "mem" */
	const char *sysfs_name; /* in its class; NULL: the last part of name */
	const char *class_name; /* /sys/class/<class>: "mem", "tty"; NULL: none */
	enum device_kind kind;
	u32 major, minor;
	u32 count;    /* minors covered by the same ops; the name is of the first */
	umode_t mode; /* permissions of the node */
	bool no_node; /* no entry in /dev (pty slaves) */
	const struct file_ops *ops;
	void *private_data;
	struct device *next;
};

/* Static devices: DEVICE(null) in any room; registered by device_init(). */
#define DEVICE(sym)                                                                              \
	static struct device *const device_##sym __attribute__((section(".tab.device"), used)) = \
		&sym

/* A single character device among the miscellaneous ones, and what its name is in sysfs. */
#define MISC_DEVICE(sym, node, in_sysfs, number, fops) \
	static struct device sym = {                   \
		.name = node,                          \
		.driver = "misc",                      \
		.sysfs_name = in_sysfs,                \
		.class_name = "misc",                  \
		.kind = DEVICE_CHAR,                   \
		.major = MISC_MAJOR,                   \
		.minor = number,                       \
		.count = 1,                            \
		.mode = 0600,                          \
		.ops = fops,                           \
	};                                             \
	DEVICE(sym)

void device_init(void);
/* -EBUSY when the number is taken.  The struct stays the caller's and must stay. */
int device_register(struct device *d) __must_check;
void device_unregister(struct device *d);
struct device *device_find(enum device_kind kind, u32 dev); /* stays valid */
/* Calls fn for all; used by devtmpfs, sysfs and /proc/devices. */
int device_for_each(int (*fn)(struct device *d, void *ctx), void *ctx);
void device_show(struct seq *s); /* /proc/devices */
/* devtmpfs: told of devices that come and go. */
struct device_listener {
	void (*added)(struct device *d);
	void (*removed)(struct device *d);
};
void device_set_listener(const struct device_listener *l);
