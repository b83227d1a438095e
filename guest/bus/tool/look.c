// SPDX-License-Identifier: BSD-2-Clause
/* list, tree, stats: what there is on a bus. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tool_impl.h"

#define PEER_ATTACH                                                       \
	(KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS | KDBUS_ATTACH_PID_COMM | \
	 KDBUS_ATTACH_CONN_DESCRIPTION)

/* A connection with one of its names; or without, when it has none. */
struct row {
	uint64_t id, conn_flags, name_flags;
	char name[256]; /* "": a connection */
};

struct table {
	struct row *rows;
	size_t count, room;
};

void copy_printable(char *to, size_t size, const char *from)
{
	size_t i = 0;

	for (; from[i] && i + 1 < size; i++)
		to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '.';
	to[i] = 0;
}

void peer_look_up(struct cbus *bus, uint64_t id, struct peer *peer)
{
	struct cbus_info info;
	const struct kdbus_item *item;

	*peer = (struct peer){.id = id};
	if (cbus_conn_info(bus, NULL, id, PEER_ATTACH, &info) < 0)
		return;
	peer->known = true;
	if ((item = cbus_info_item(&info, KDBUS_ITEM_PIDS, NULL)))
		peer->pid = item->pids.pid;
	if ((item = cbus_info_item(&info, KDBUS_ITEM_CREDS, NULL)))
		peer->uid = item->creds.euid;
	if ((item = cbus_info_item(&info, KDBUS_ITEM_PID_COMM, NULL)))
		copy_printable(peer->comm, sizeof(peer->comm), item->str);
	if ((item = cbus_info_item(&info, KDBUS_ITEM_CONN_DESCRIPTION, NULL)))
		copy_printable(peer->description, sizeof(peer->description), item->str);
	cbus_info_free(&info);
}

static struct row *add_row(struct table *t)
{
	if (t->count == t->room) {
		t->room = t->room ? t->room * 2 : 64;
		t->rows = realloc(t->rows, t->room * sizeof(*t->rows));
		if (!t->rows)
			fail(ENOMEM, "list");
	}
	return memset(&t->rows[t->count++], 0, sizeof(*t->rows));
}

static void read_table(struct cbus *bus, uint64_t flags, struct table *t)
{
	const struct kdbus_info *record;
	struct cbus_info info;
	int r = cbus_list(bus, flags, &info);

	if (r < 0)
		fail(r, "cannot list");
	while ((record = cbus_info_next(&info))) {
		const struct kdbus_item *item = cbus_info_item(&info, KDBUS_ITEM_OWNED_NAME, NULL);
		struct row *row = add_row(t);

		row->id = record->id;
		row->conn_flags = record->flags;
		if (!item)
			continue;
		row->name_flags = item->name.flags;
		copy_printable(row->name, sizeof(row->name), item->name.name);
	}
	cbus_info_free(&info);
}

static int by_id(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int n = strcmp(x->name, y->name);

	return n ? n : by_id(a, b);
}

static const char *conn_kind(uint64_t flags)
{
	if (flags & KDBUS_HELLO_ACTIVATOR)
		return "activator";
	if (flags & KDBUS_HELLO_POLICY_HOLDER)
		return "policy";
	return flags & KDBUS_HELLO_MONITOR ? "monitor" : "";
}

static const char *name_kind(uint64_t flags)
{
	if (flags & KDBUS_NAME_ACTIVATOR)
		return "activator";
	return flags & KDBUS_NAME_IN_QUEUE ? "waits" : "owner";
}

static void print_peer(struct cbus *bus, const struct row *row, const char *what)
{
	struct peer peer;
	char id[32];

	peer_look_up(bus, row->id, &peer);
	snprintf(id, sizeof(id), ":1.%llu", (unsigned long long)row->id);
	if (peer.known)
		printf("%-10s %-10s %7llu %6llu %-16s %s\n", id, what, (unsigned long long)peer.pid,
		       (unsigned long long)peer.uid, peer.comm, peer.description);
	else
		printf("%-10s %-10s\n", id, what);
}

int command_list(int argc, char **argv)
{
	static const struct option_row rows[] = {{NULL, NULL, NULL}};

	argc -= take_options(argc, argv, rows);
	if (argc)
		usage("list takes no words");
	struct cbus *bus = connect_bus(0, 0);
	struct table names = {0}, all = {0};

	read_table(bus, KDBUS_LIST_UNIQUE, &all);
	read_table(bus, KDBUS_LIST_NAMES | KDBUS_LIST_ACTIVATORS | KDBUS_LIST_QUEUED, &names);
	qsort(all.rows, all.count, sizeof(struct row), by_id);
	qsort(names.rows, names.count, sizeof(struct row), by_name);
	printf("%-36s %-10s %-10s %7s %6s %-16s %s\n", "NAME", "ID", "KIND", "PID", "UID",
	       "PROCESS", "DESCRIPTION");
	for (size_t i = 0; i < all.count; i++) {
		printf("%-36s ", "-");
		print_peer(bus, &all.rows[i], conn_kind(all.rows[i].conn_flags));
	}
	for (size_t i = 0; i < names.count; i++) {
		if (!names.rows[i].name[0])
			continue;
		printf("%-36s ", names.rows[i].name);
		print_peer(bus, &names.rows[i], name_kind(names.rows[i].name_flags));
	}
	free(all.rows);
	free(names.rows);
	cbus_close(bus);
	return 0;
}

static void print_waiting(const struct table *names, const char *name)
{
	const char *word = "  waiting:";

	for (size_t i = 0; i < names->count; i++) {
		if (!(names->rows[i].name_flags & KDBUS_NAME_IN_QUEUE) ||
		    strcmp(names->rows[i].name, name))
			continue;
		printf("%s :1.%llu", word, (unsigned long long)names->rows[i].id);
		word = ",";
	}
}

static void print_names(const struct table *names, uint64_t id)
{
	size_t last = names->count;

	for (size_t i = 0; i < names->count; i++)
		if (names->rows[i].id == id && names->rows[i].name[0] &&
		    !(names->rows[i].name_flags & KDBUS_NAME_IN_QUEUE))
			last = i;
	for (size_t i = 0; i <= last && i < names->count; i++) {
		const struct row *row = &names->rows[i];

		if (row->id != id || !row->name[0] || row->name_flags & KDBUS_NAME_IN_QUEUE)
			continue;
		printf("%s %s%s%s", i == last ? "`--" : "|--", row->name,
		       row->name_flags & KDBUS_NAME_ACTIVATOR ? "  (activator)" : "",
		       row->name_flags & KDBUS_NAME_ALLOW_REPLACEMENT ? "  (replaceable)" : "");
		print_waiting(names, row->name);
		printf("\n");
	}
}

int command_tree(int argc, char **argv)
{
	static const struct option_row rows[] = {{NULL, NULL, NULL}};

	argc -= take_options(argc, argv, rows);
	if (argc)
		usage("tree takes no words");
	struct cbus *bus = connect_bus(0, 0);
	struct table names = {0}, all = {0};

	read_table(bus, KDBUS_LIST_UNIQUE | KDBUS_LIST_ACTIVATORS, &all);
	read_table(bus, KDBUS_LIST_NAMES | KDBUS_LIST_ACTIVATORS | KDBUS_LIST_QUEUED, &names);
	qsort(all.rows, all.count, sizeof(struct row), by_id);
	qsort(names.rows, names.count, sizeof(struct row), by_name);
	for (size_t i = 0; i < all.count; i++) {
		const struct row *row = &all.rows[i];
		struct peer peer;

		if (i && all.rows[i - 1].id == row->id)
			continue;
		peer_look_up(bus, row->id, &peer);
		printf(":1.%llu", (unsigned long long)row->id);
		if (peer.known)
			printf("  %s  pid %llu, user %llu", peer.comm[0] ? peer.comm : "?",
			       (unsigned long long)peer.pid, (unsigned long long)peer.uid);
		if (peer.description[0])
			printf("  \"%s\"", peer.description);
		printf("%s%s\n", *conn_kind(row->conn_flags) ? "  " : "",
		       conn_kind(row->conn_flags));
		print_names(&names, row->id);
	}
	free(all.rows);
	free(names.rows);
	cbus_close(bus);
	return 0;
}

int command_stats(int argc, char **argv)
{
	static const struct option_row rows[] = {{NULL, NULL, NULL}};
	const char *name = bus_name ? bus_name : getenv("CORBEL_BUS");
	char path[512], text[4096];
	ssize_t n;

	argc -= take_options(argc, argv, rows);
	if (argc)
		usage("stats takes no words");
	if (!name || !*name)
		name = "0-system";
	if (strchr(name, '/'))
		usage("stats wants the name of a bus, not a path");
	snprintf(path, sizeof(path), "%s/%s/stats", CBUS_ROOT, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail(errno, "%s", path);
	while ((n = read(fd, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)n, stdout);
	close(fd);
	return 0;
}
