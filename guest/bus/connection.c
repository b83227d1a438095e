// SPDX-License-Identifier: BSD-2-Clause
/* Buses and connections: making, saying hello, leaving; names. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bus_impl.h"

#define POOL_DEFAULT (16ul << 20)
/* Parameters of filters that clients of D-Bus agreed on. */
#define BLOOM_BYTES 64
#define BLOOM_HASHES 8
#define PATH_SIZE 512

int cbus_bus_make(const char *root, const char *name, uint64_t flags, int *fd)
{
	const struct kdbus_bloom_parameter bloom = {BLOOM_BYTES, BLOOM_HASHES};
	const uint64_t attach = _KDBUS_ATTACH_ALL;
	char text[PATH_SIZE];
	struct builder b;

	if ((size_t)snprintf(text, sizeof(text), "%s/control", root ? root : CBUS_ROOT) >=
	    sizeof(text))
		return -ENAMETOOLONG;
	int control = open(text, O_RDWR | O_CLOEXEC);

	if (control < 0)
		return -errno;
	if ((size_t)snprintf(text, sizeof(text), "%lu-%s", (unsigned long)geteuid(), name) >=
	    sizeof(text)) {
		close(control);
		return -ENAMETOOLONG;
	}
	builder_begin(&b, sizeof(struct kdbus_cmd));
	builder_add(&b, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	builder_add(&b, KDBUS_ITEM_ATTACH_FLAGS_SEND, &attach, sizeof(attach));
	builder_add_string(&b, KDBUS_ITEM_MAKE_NAME, text);
	struct kdbus_cmd *cmd = (void *)b.base;

	cmd->size = b.used;
	cmd->flags = flags;
	int r = b.error ? b.error : bus_ioctl(control, KDBUS_CMD_BUS_MAKE, cmd);

	builder_end(&b);
	if (r < 0) {
		close(control);
		return r;
	}
	*fd = control;
	return 0;
}

/* The path of the endpoint that @bus means. */
static int endpoint_path(const char *bus, char *path, size_t size)
{
	static const char scheme[] = "kernel:path=";
	int n;

	if (!bus)
		bus = getenv("CORBEL_BUS");
	if (!bus || !*bus)
		bus = "0-system";
	if (!strncmp(bus, scheme, sizeof(scheme) - 1)) {
		bus += sizeof(scheme) - 1;
		n = snprintf(path, size, "%.*s", (int)strcspn(bus, ";,"), bus);
	} else if (strchr(bus, '/')) {
		n = snprintf(path, size, "%s", bus);
	} else {
		n = snprintf(path, size, CBUS_ROOT "/%s/bus", bus);
	}
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int hello(struct cbus *bus, const struct cbus_options *o)
{
	struct builder b;

	builder_begin(&b, sizeof(struct kdbus_cmd_hello));
	if (o->description)
		builder_add_string(&b, KDBUS_ITEM_CONN_DESCRIPTION, o->description);
	if (o->name)
		builder_add_string(&b, KDBUS_ITEM_NAME, o->name);
	struct kdbus_cmd_hello *cmd = (void *)b.base;

	cmd->size = b.used;
	cmd->flags = o->flags | (o->refuse_fds ? 0 : KDBUS_HELLO_ACCEPT_FD);
	cmd->attach_flags_send =
		o->attach_send || o->send_nothing ? o->attach_send : _KDBUS_ATTACH_ALL;
	cmd->attach_flags_recv = o->attach_receive;
	cmd->pool_size = o->pool_size ? o->pool_size : POOL_DEFAULT;
	int r = b.error ? b.error : bus_ioctl(bus->fd, KDBUS_CMD_HELLO, cmd);

	if (r == 0) {
		bus->id = cmd->id;
		bus->pool_size = cmd->pool_size;
		void *p = mmap(NULL, bus->pool_size, PROT_READ, MAP_SHARED, bus->fd, 0);

		if (p == MAP_FAILED)
			r = -errno;
		else
			bus->pool = p;
		/* What the kernel says of the bus is read by the caller, and lies here meanwhile.
		 */
		if (r == 0 && !in_pool(bus, cmd->offset, cmd->items_size))
			r = -EBADMSG;
		const void *items = r == 0 ? bus->pool + cmd->offset : NULL;
		const struct kdbus_item *bloom =
			r == 0 && items_valid(items, cmd->items_size)
				? items_find(items, cmd->items_size, KDBUS_ITEM_BLOOM_PARAMETER,
					     NULL)
				: NULL;

		if (bloom) {
			bus->bloom_size = bloom->bloom_parameter.size;
			bus->bloom_hashes = bloom->bloom_parameter.n_hash;
		}
		pool_free(bus, cmd->offset);
	}
	builder_end(&b);
	return r;
}

int cbus_connect(const char *name, const struct cbus_options *options, struct cbus **out)
{
	static const struct cbus_options defaults;
	char path[PATH_SIZE];
	int r = endpoint_path(name, path, sizeof(path));

	if (r < 0)
		return r;
	struct cbus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return -ENOMEM;
	bus->fd = open(path, O_RDWR | O_CLOEXEC);
	r = bus->fd < 0 ? -errno : hello(bus, options ? options : &defaults);
	if (r < 0) {
		cbus_close(bus);
		return r;
	}
	*out = bus;
	return 0;
}

int cbus_disconnect(struct cbus *bus)
{
	struct kdbus_cmd cmd = {.size = sizeof(cmd)};

	return bus_ioctl(bus->fd, KDBUS_CMD_BYEBYE, &cmd);
}

void cbus_close(struct cbus *bus)
{
	if (!bus)
		return;
	if (bus->pool)
		munmap((void *)(uintptr_t)bus->pool, bus->pool_size);
	if (bus->fd >= 0)
		close(bus->fd);
	free(bus);
}

int cbus_fd(const struct cbus *bus)
{
	return bus->fd;
}

uint64_t cbus_id(const struct cbus *bus)
{
	return bus->id;
}

static int name_command(struct cbus *bus, unsigned long command, const char *name, uint64_t flags,
			uint64_t *result)
{
	struct builder b;

	builder_begin(&b, sizeof(struct kdbus_cmd));
	builder_add_string(&b, KDBUS_ITEM_NAME, name);
	struct kdbus_cmd *cmd = (void *)b.base;

	cmd->size = b.used;
	cmd->flags = flags;
	int r = b.error ? b.error : bus_ioctl(bus->fd, command, cmd);

	if (r == 0 && result)
		*result = cmd->return_flags;
	builder_end(&b);
	return r;
}

int cbus_name_acquire(struct cbus *bus, const char *name, uint64_t flags, uint64_t *result)
{
	return name_command(bus, KDBUS_CMD_NAME_ACQUIRE, name, flags, result);
}

int cbus_name_release(struct cbus *bus, const char *name)
{
	return name_command(bus, KDBUS_CMD_NAME_RELEASE, name, 0, NULL);
}
