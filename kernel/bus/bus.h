/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The message bus (kdbus): domains, buses, endpoints, connections. What programs see of it is
 * <abi/kdbus.h>; the files that they open are made by fs/kdbusfs.
 *
 * A domain is one mount of kdbusfs. It keeps buses apart by name, and users' accounts.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

struct bus;
struct bus_domain;
struct bus_endpoint;
struct dentry;
struct file;
struct file_ops;
struct user_ns;

#define BUS_NODE_NAME_MAX 63

enum bus_node_kind { BUS_NODE_BUS, BUS_NODE_ENDPOINT };

/* What has a name in the file system: a directory for a bus, in it a file for each endpoint. */
struct bus_node {
	enum bus_node_kind kind; /* [I] */
	umode_t mode;		 /* [I] permissions */
	u32 uid, gid;		 /* [I] kernel ids */
	char name[BUS_NODE_NAME_MAX + 1]; /* [I] */
	struct dentry *dentry;		  /* the file system's */
};

/* What the file system does for the buses of a domain. May sleep. */
struct bus_tree_ops {
	/* Enters @n in the directory of @parent (NULL: the root): -EEXIST, -ENOMEM. Its files refer
	 * to what @n is part of, by bus_node_get() and bus_node_put(). */
	int (*add)(void *tree, struct bus_node *parent, struct bus_node *n);
	/* Nobody finds @n, or what is below it, from now on. */
	void (*remove)(void *tree, struct bus_node *n);
};

/* @tree goes to the operations; +1. -ENOMEM. Of current's user namespace. */
int bus_domain_create(const struct bus_tree_ops *ops, void *tree, struct bus_domain **out)
	__must_check;
void bus_domain_put(struct bus_domain *d);

void bus_node_get(struct bus_node *n);
void bus_node_put(struct bus_node *n); /* may sleep */

/* Of the files: inode->fs_data is the domain of "control", the node of an endpoint, the node of the
 * bus of "stats". */
extern const struct file_ops bus_control_ops, bus_endpoint_ops, bus_stats_ops;

/* Descriptors of files that @refused agrees to are not sent: -EOPNOTSUPP. Boot, once (net/unix). */
void bus_refuse_files(bool (*refused)(const struct file *f));
