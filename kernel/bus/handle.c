/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open files of a bus. One command decides what a file is for good: BUS_MAKE the owner of a bus,
 * ENDPOINT_MAKE that of an endpoint, HELLO a connection. What it owns ends when it is closed.
 */
#include "bus_impl.h"

#include <kernel/mm/mm.h>
#include <kernel/seq/seq.h>
#include <kernel/vfs/vfs.h>

enum handle_role { ROLE_NONE, ROLE_BUS, ROLE_ENDPOINT, ROLE_CONN };

struct bus_handle {
	struct mutex lock; /* LK_BUS_HANDLE */
	u32 role;	   /* enum handle_role: set once, with release, under lock */
	union {
		struct bus *bus;
		struct bus_endpoint *ep;
		struct bus_conn *conn;
	};
};

typedef int conn_command(struct bus_conn *c, void __user *user);

static const struct {
	unsigned int number;
	conn_command *run;
} conn_commands[] = {
	{KDBUS_CMD_SEND, bus_cmd_send},
	{KDBUS_CMD_RECV, bus_cmd_recv},
	{KDBUS_CMD_FREE, bus_cmd_free},
	{KDBUS_CMD_BYEBYE, bus_cmd_byebye},
	{KDBUS_CMD_UPDATE, bus_cmd_update},
	{KDBUS_CMD_CONN_INFO, bus_cmd_conn_info},
	{KDBUS_CMD_BUS_CREATOR_INFO, bus_cmd_creator_info},
	{KDBUS_CMD_LIST, bus_cmd_list},
	{KDBUS_CMD_NAME_ACQUIRE, bus_cmd_name_acquire},
	{KDBUS_CMD_NAME_RELEASE, bus_cmd_name_release},
	{KDBUS_CMD_MATCH_ADD, bus_cmd_match_add},
	{KDBUS_CMD_MATCH_REMOVE, bus_cmd_match_remove},
};

static conn_command *find_command(unsigned int number)
{
	for (u32 i = 0; i < ARRAY_SIZE(conn_commands); i++) {
		if (conn_commands[i].number == number)
			return conn_commands[i].run;
	}
	return NULL;
}

static bool is_setup(unsigned int cmd)
{
	return cmd == KDBUS_CMD_BUS_MAKE || cmd == KDBUS_CMD_ENDPOINT_MAKE ||
	       cmd == KDBUS_CMD_HELLO;
}

/* ---- commands that decide what the file is ---- */

static long setup_control(struct file *f, struct bus_handle *h, unsigned int cmd,
			  void __user *user)
{
	int err;

	if (cmd != KDBUS_CMD_BUS_MAKE)
		return -EBADFD;
	err = bus_cmd_make(f->inode->fs_data, user, &h->bus);
	if (!err && h->bus)
		smp_store_release(&h->role, ROLE_BUS);
	return err;
}

static long setup_endpoint(struct file *f, struct bus_handle *h, unsigned int cmd,
			   void __user *user)
{
	struct bus_endpoint *at =
		container_of((struct bus_node *)f->inode->fs_data, struct bus_endpoint, node);
	int err;

	if (!READ_ONCE(at->active))
		return -ESHUTDOWN;
	if (cmd == KDBUS_CMD_ENDPOINT_MAKE) {
		err = bus_cmd_endpoint_make(at, f, user, &h->ep);
		if (!err && h->ep)
			smp_store_release(&h->role, ROLE_ENDPOINT);
		return err;
	}
	if (cmd != KDBUS_CMD_HELLO)
		return -EBADFD;
	err = bus_cmd_hello(at, f, user, &h->conn);
	if (!err && h->conn)
		smp_store_release(&h->role, ROLE_CONN);
	return err;
}

static long setup(struct file *f, unsigned int cmd, void __user *user)
{
	struct bus_handle *h = f->private_data;
	long err;

	mutex_lock(&h->lock);
	if (h->role != ROLE_NONE)
		err = -EBADFD;
	else if (f->ops == &bus_control_ops)
		err = setup_control(f, h, cmd, user);
	else
		err = setup_endpoint(f, h, cmd, user);
	mutex_unlock(&h->lock);
	return err;
}

/* ---- the others ---- */

static long run_conn(struct bus_handle *h, unsigned int cmd, void __user *user)
{
	conn_command *run = find_command(cmd);

	if (!run)
		return cmd == KDBUS_CMD_ENDPOINT_UPDATE ? -EBADFD : -ENOTTY;
	if (!READ_ONCE(h->conn->active))
		return -ESHUTDOWN;
	return run(h->conn, user);
}

static long handle_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct bus_handle *h = f->private_data;
	void __user *user = (void __user *)arg;

	switch (smp_load_acquire(&h->role)) {
	case ROLE_CONN:
		if (likely(!is_setup(cmd)))
			return run_conn(h, cmd, user);
		return -EBADFD;
	case ROLE_ENDPOINT:
		if (cmd != KDBUS_CMD_ENDPOINT_UPDATE)
			break;
		if (!READ_ONCE(h->ep->active))
			return -ESHUTDOWN;
		return bus_cmd_endpoint_update(h->ep, user);
	default:
		break;
	}
	if (is_setup(cmd))
		return setup(f, cmd, user);
	return find_command(cmd) || cmd == KDBUS_CMD_ENDPOINT_UPDATE ? -EBADFD : -ENOTTY;
}

static int handle_open(struct inode *i, struct file *f)
{
	struct bus_handle *h = kzalloc(sizeof(*h));

	(void)i;
	if (!h)
		return -ENOMEM;
	mutex_init(&h->lock, LK_BUS_HANDLE);
	f->private_data = h;
	return 0;
}

static void handle_release(struct file *f)
{
	struct bus_handle *h = f->private_data;

	switch (h->role) {
	case ROLE_BUS:
		bus_end(h->bus);
		break;
	case ROLE_ENDPOINT:
		bus_endpoint_end(h->ep);
		break;
	case ROLE_CONN:
		bus_conn_end(h->conn, false);
		bus_conn_put(h->conn);
		break;
	default:
		break;
	}
	kfree(h);
}

static struct bus_conn *conn_of(const struct file *f)
{
	struct bus_handle *h = f->private_data;

	return smp_load_acquire(&h->role) == ROLE_CONN ? h->conn : NULL;
}

static u32 handle_poll(struct file *f, struct poll_table *pt)
{
	struct bus_conn *c = conn_of(f);
	u32 mask = EPOLLOUT | EPOLLWRNORM;

	if (!c)
		return EPOLLERR | EPOLLHUP;
	poll_wait(pt, f, &c->wait);
	if (!READ_ONCE(c->active))
		return EPOLLERR | EPOLLHUP;
	if (!list_empty(&c->queue) || READ_ONCE(c->lost))
		mask |= EPOLLIN | EPOLLRDNORM;
	return mask;
}

static int handle_mmap(struct file *f, struct vma *vma)
{
	struct bus_conn *c = conn_of(f);

	return c ? bus_pool_mmap(c, vma) : -EBADFD;
}

const struct file_ops bus_control_ops = {
	.open = handle_open,
	.release = handle_release,
	.ioctl = handle_ioctl,
	.poll = handle_poll,
	.mmap = handle_mmap,
	.lseek = noop_lseek,
};

const struct file_ops bus_endpoint_ops = {
	.open = handle_open,
	.release = handle_release,
	.ioctl = handle_ioctl,
	.poll = handle_poll,
	.mmap = handle_mmap,
	.lseek = noop_lseek,
};

/* ---- stats ---- */

static int stats_open(struct inode *i, struct file *f)
{
	return seq_open_single(f, bus_stats_show,
			       container_of((struct bus_node *)i->fs_data, struct bus, node));
}

const struct file_ops bus_stats_ops = {
	.open = stats_open,
	.read = seq_read,
	.lseek = seq_lseek,
	.release = seq_release,
};
