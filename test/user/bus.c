/* SPDX-License-Identifier: BSD-2-Clause */
/* The message bus: mounts, buses, connections, pools, what the bus tells about itself. */
#include "bus.h"
#include <sys/statfs.h>

/* ---- the file system ---- */

TEST(each_mount_is_a_domain_of_its_own)
{
	struct bus b = bus_start();
	struct statfs fs;
	struct stat st;

	CHECK(!statfs(BUS_ROOT, &fs));
	CHECK_EQ(fs.f_type, KDBUS_SUPER_MAGIC);
	CHECK(!stat(BUS_ROOT "/control", &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0666);
	CHECK(!stat(BUS_ROOT "/0-test", &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 0555);
	CHECK(!stat(b.path, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0666);
	mkdir("/tmp/bus-other", 0755);
	REQUIRE(!mount("kdbusfs", "/tmp/bus-other", "kdbusfs", 0, NULL));
	CHECK(!access("/tmp/bus-other/control", R_OK | W_OK));
	CHECK_ERR(access("/tmp/bus-other/0-test", F_OK), ENOENT);
	CHECK_ERR(mount("kdbusfs", "/tmp/bus-other", "kdbusfs", 0, "option"), EINVAL);
	CHECK_ERR(mkdir(BUS_ROOT "/dir", 0755), EPERM);
	CHECK_ERR(unlink(BUS_ROOT "/control"), EPERM);
	CHECK_ERR(open(BUS_ROOT "/new", O_CREAT | O_RDWR, 0600), EACCES);
}

TEST(a_bus_is_gone_with_its_owner)
{
	struct bus b = bus_start();
	struct conn c = join(&b);
	struct pollfd p = {.fd = c.fd, .events = POLLIN | POLLOUT};

	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT);
	close(b.control);
	CHECK_ERR(access(b.path, F_OK), ENOENT);
	CHECK_ERR(access(BUS_ROOT "/0-test", F_OK), ENOENT);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLERR | POLLHUP);
	CHECK_EQ(send_text(&c, c.id, 1, "x"), -ESHUTDOWN);
	/* The name is free again, what was mapped stays. */
	CHECK_EQ(c.pool[0], 32); /* of HELLO's item */
	b.control = open(BUS_ROOT "/control", O_RDWR);
	CHECK_EQ(bus_make(b.control, "0-test", 0), 0);
}

TEST(bus_make)
{
	int control, other;
	struct stat st;

	bus_playground();
	control = open(BUS_ROOT "/control", O_RDWR);
	other = open(BUS_ROOT "/control", O_RDWR);
	CHECK_EQ(bus_make(control, "foo", 0), -EINVAL);
	CHECK_EQ(bus_make(control, "1-foo", 0), -EINVAL);
	CHECK_EQ(bus_make(control, "0-blah@123", 0), -EINVAL);
	CHECK_EQ(bus_make(control, "0-blah-", 0), -EINVAL);
	CHECK_EQ(bus_make(control, "", 0), -EINVAL);
	CHECK_EQ(bus_make(control,
			  "0-234567890123456789012345678901234567890123456789012345678901234", 0),
		 -ENAMETOOLONG);
	CHECK_EQ(bus_make(control, "0-blah", 1u << 5), -EINVAL);
	CHECK_EQ(bus_make(control, "0-blah_1.x-y", KDBUS_MAKE_ACCESS_GROUP), 0);
	CHECK(!stat(BUS_ROOT "/0-blah_1.x-y/bus", &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0660);
	CHECK_EQ(bus_make(other, "0-blah_1.x-y", 0), -EEXIST);
	CHECK_EQ(bus_make(control, "0-more", 0), -EBADFD);
	CHECK_EQ(bus_make(other, "0-more", 0), 0);
	CHECK(!stat(BUS_ROOT "/0-more/bus", &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	CHECK_EQ(simple(control, KDBUS_CMD_SEND), -EBADFD);
	CHECK_EQ(simple(control, _IO(KDBUS_IOCTL_MAGIC, 0x77)), -ENOTTY);
}

/* 16 of one user; with what is wrong with the parameters. */
TEST(bus_limits)
{
	struct kdbus_bloom_parameter wrong[] = {{0, 1}, {7, 1}, {12, 1}, {4104, 1}, {64, 0}};
	char name[32];
	int fd[17];

	bus_playground();
	for (int i = 0; i < 17; i++) {
		snprintf(name, sizeof(name), "0-n%d", i);
		fd[i] = open(BUS_ROOT "/control", O_RDWR);
		CHECK_EQ(bus_make(fd[i], name, 0), i < 16 ? 0 : -EMFILE);
	}
	close(fd[3]);
	CHECK_EQ(bus_make(fd[16], "0-again", 0), 0);
	close(fd[4]);
	fd[3] = open(BUS_ROOT "/control", O_RDWR);
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct words w = {{0}};
		struct kdbus_cmd *c = (void *)&w;

		c->size = sizeof(*c);
		item_text(c, KDBUS_ITEM_MAKE_NAME, "0-bloom");
		item(c, KDBUS_ITEM_BLOOM_PARAMETER, &wrong[i], sizeof(wrong[i]));
		CHECK_EQ(command(fd[3], KDBUS_CMD_BUS_MAKE, c), -EINVAL);
	}
	CHECK_EQ(simple(fd[3], KDBUS_CMD_BUS_MAKE), -EINVAL);
}

/* ---- connections ---- */

TEST(hello)
{
	struct bus b = bus_start();
	struct hello h = {.flags = KDBUS_HELLO_ACCEPT_FD};
	struct kdbus_cmd_hello raw = {.size = sizeof(raw), .pool_size = 4096};
	struct words w = {{0}};
	struct conn c, d;
	int fd = open(b.path, O_RDWR);

	CHECK_EQ(simple(fd, KDBUS_CMD_RECV), -EBADFD);
	CHECK_ERR((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), EBADFD);
	memcpy((char *)&w + 1, &raw, sizeof(raw));
	CHECK_EQ(command(fd, KDBUS_CMD_HELLO, (char *)&w + 1), -EFAULT);
	CHECK_EQ(command(fd, KDBUS_CMD_HELLO, NULL), -EFAULT);
	raw.size = 1;
	CHECK_EQ(command(fd, KDBUS_CMD_HELLO, &raw), -EINVAL);
	raw.size = sizeof(raw);
	raw.flags = 1ull << 32;
	CHECK_EQ(command(fd, KDBUS_CMD_HELLO, &raw), -EINVAL);
	raw.flags = 0;
	raw.attach_flags_recv = 1ull << 20;
	CHECK_EQ(command(fd, KDBUS_CMD_HELLO, &raw), -EINVAL);
	raw.attach_flags_recv = ANY;
	raw.pool_size = 0;
	CHECK_EQ(command(fd, KDBUS_CMD_HELLO, &raw), -EINVAL);
	raw.pool_size = 4097;
	CHECK_EQ(command(fd, KDBUS_CMD_HELLO, &raw), -EINVAL);
	raw.pool_size = 4096;
	CHECK_EQ(command(fd, KDBUS_CMD_HELLO, &raw), 0);
	CHECK_EQ(raw.bus_flags, KDBUS_MAKE_ACCESS_WORLD);
	CHECK(raw.id && raw.items_size == 32 && raw.offset < 4096);
	CHECK_EQ(command(fd, KDBUS_CMD_HELLO, &raw), -EBADFD);
	close(fd);
	CHECK_EQ(hello(b.path, &h, &c), 0);
	CHECK_EQ(hello(b.path, &h, &d), 0);
	CHECK(d.id > c.id && c.id > raw.id);
	h.flags = KDBUS_HELLO_ACTIVATOR;
	CHECK_EQ(hello(b.path, &h, &d), -EINVAL);
	h.flags = KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_MONITOR;
	h.name = "a.b";
	CHECK_EQ(hello(b.path, &h, &d), -EINVAL);
	h.flags = 0;
	CHECK_EQ(hello(b.path, &h, &d), -EINVAL);
}

TEST(the_pool_is_never_written_by_its_owner)
{
	struct bus b = bus_start();
	struct conn c = join(&b);
	void *p;

	CHECK_ERR((long)mmap(NULL, POOL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, c.fd, 0), EPERM);
	CHECK_ERR((long)mmap(NULL, POOL_SIZE + 4096, PROT_READ, MAP_SHARED, c.fd, 0), EFAULT);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, c.fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERR(mprotect(p, 4096, PROT_READ | PROT_WRITE), EACCES);
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, c.fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERR(read(c.fd, p, 1), EINVAL);
}

TEST(byebye)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	struct got g;

	CHECK_EQ(send_text(&d, c.id, 7, "hello"), 0);
	CHECK_EQ(simple(c.fd, KDBUS_CMD_BYEBYE), -EBUSY);
	CHECK_EQ(receive(&c, &g), 0);
	CHECK_EQ(release_slice(&c, g.offset), 0);
	CHECK_EQ(simple(c.fd, KDBUS_CMD_BYEBYE), 0);
	CHECK_EQ(simple(c.fd, KDBUS_CMD_BYEBYE), -ESHUTDOWN);
	CHECK_EQ(receive(&c, &g), -ESHUTDOWN);
	CHECK_EQ(send_text(&d, c.id, 8, "hello"), -ENXIO);
}

TEST(free_takes_what_was_given)
{
	struct bus b = bus_start();
	struct conn c = join(&b);
	struct got g, again;

	CHECK_EQ(send_text(&c, c.id, 1, "x"), 0);
	CHECK_EQ(release_slice(&c, 0), 0); /* HELLO's items */
	CHECK_EQ(release_slice(&c, 0), -ENXIO);
	CHECK_EQ(release_slice(&c, 8), -ENXIO);
	CHECK_EQ(release_slice(&c, POOL_SIZE + 8), -ENXIO);
	CHECK_EQ(release_slice(&c, POOL_SIZE), 0); /* of an empty answer */
	CHECK_EQ(receive_how(&c, KDBUS_RECV_PEEK, 0, &g), 0);
	CHECK_EQ(release_slice(&c, g.offset), -EINVAL);
	CHECK_EQ(receive(&c, &again), 0);
	CHECK_EQ(again.offset, g.offset);
	CHECK_EQ(again.msg->cookie, 1);
	CHECK_EQ(release_slice(&c, g.offset), 0);
	CHECK_EQ(release_slice(&c, g.offset), -ENXIO);
	CHECK_EQ(bus_figure(&b, "connection", c.id, "pool_used"), 0);
}

TEST(a_descriptor_that_was_passed_on_is_the_same_connection)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	int copy = dup(c.fd);

	IN_CHILD_DO({
		struct conn mine = c;

		mine.fd = copy;
		CHECK_EQ(send_text(&mine, d.id, 5, "from the child"), 0);
	});
	CHECK_EQ(take(&d), 5);
	close(c.fd);
	CHECK_EQ(send_text(&d, c.id, 6, "still there"), 0);
	c.fd = copy;
	CHECK_EQ(take(&c), 6);
	close(copy);
	CHECK_EQ(send_text(&d, c.id, 7, "gone"), -ENXIO);
}

/* ---- what it tells ---- */

static const struct kdbus_item *first_of(const struct kdbus_info *i, uint64_t type)
{
	const struct kdbus_item *it = i->items;

	for (; (const char *)it < (const char *)i + i->size;
	     it = (const void *)((const char *)it + ALIGN8(it->size))) {
		if (it->type == type)
			return it;
	}
	return NULL;
}

TEST(creator_info)
{
	struct bus b = bus_start();
	struct conn c = join(&b);
	struct kdbus_cmd_info i = {.size = sizeof(i), .attach_flags = KDBUS_ATTACH_CREDS};
	const struct kdbus_info *info;
	const struct kdbus_item *it;

	REQUIRE(!command(c.fd, KDBUS_CMD_BUS_CREATOR_INFO, &i));
	info = (const void *)(c.pool + i.offset);
	CHECK_EQ(info->size, i.info_size);
	it = first_of(info, KDBUS_ITEM_MAKE_NAME);
	CHECK(it && !strcmp(it->str, "0-test"));
	it = first_of(info, KDBUS_ITEM_CREDS);
	CHECK(it && it->creds.uid == 0);
	CHECK_EQ(release_slice(&c, i.offset), 0);
	i.attach_flags = 1ull << 20;
	CHECK_EQ(command(c.fd, KDBUS_CMD_BUS_CREATOR_INFO, &i), -EINVAL);
}

static int conn_info(const struct conn *c, uint64_t id, const char *name, uint64_t flags,
		     const struct kdbus_info **out)
{
	struct words w = {{0}};
	struct kdbus_cmd_info *i = (void *)&w;
	int err;

	i->size = sizeof(*i);
	i->id = id;
	i->attach_flags = flags;
	if (name)
		item_text(i, KDBUS_ITEM_NAME, name);
	err = command(c->fd, KDBUS_CMD_CONN_INFO, i);
	if (!err)
		*out = (const void *)(c->pool + i->offset);
	return err;
}

TEST(connection_info)
{
	struct bus b = bus_start();
	struct hello h = {.send = _KDBUS_ATTACH_ALL, .description = "who-I-am"};
	struct conn c, d = join(&b);
	const struct kdbus_info *info = NULL;
	const struct kdbus_item *it;
	int names = 0;

	REQUIRE(!hello(b.path, &h, &c));
	CHECK_EQ(acquire(&c, "com.example.one", 0, NULL), 0);
	CHECK_EQ(acquire(&c, "com.example.two", 0, NULL), 0);
	CHECK_EQ(conn_info(&d, 0, NULL, 0, &info), -EINVAL);
	CHECK_EQ(conn_info(&d, 9999, NULL, 0, &info), -ENXIO);
	CHECK_EQ(conn_info(&d, 0, "com.example.none", 0, &info), -ESRCH);
	CHECK_EQ(conn_info(&d, d.id, "com.example.one", 0, &info), -ESRCH);
	REQUIRE(!conn_info(&d, 0, "com.example.one", _KDBUS_ATTACH_ALL, &info));
	CHECK_EQ(info->id, c.id);
	it = first_of(info, KDBUS_ITEM_PIDS);
	CHECK(it && it->pids.pid == (uint64_t)getpid() && it->pids.ppid == (uint64_t)getppid());
	it = first_of(info, KDBUS_ITEM_CONN_DESCRIPTION);
	CHECK(it && !strcmp(it->str, "who-I-am"));
	for (it = info->items; (const char *)it < (const char *)info + info->size;
	     it = (const void *)((const char *)it + ALIGN8(it->size)))
		names += it->type == KDBUS_ITEM_OWNED_NAME;
	CHECK_EQ(names, 2);
	/* What it does not give out is not told. */
	REQUIRE(!conn_info(&c, d.id, NULL, _KDBUS_ATTACH_ALL, &info));
	CHECK_EQ(info->size, sizeof(*info));
}

/* Flags and items that a command knows, and nothing done. */
TEST(negotiation)
{
	struct bus b = bus_start();
	struct conn c = join(&b);
	uint64_t types[] = {KDBUS_ITEM_NAME, KDBUS_ITEM_FDS, 0x777};
	struct words w = {{0}};
	struct kdbus_cmd *cmd = (void *)&w;

	cmd->size = sizeof(*cmd);
	cmd->flags = KDBUS_FLAG_NEGOTIATE;
	item(cmd, KDBUS_ITEM_NEGOTIATE, types, sizeof(types));
	CHECK_EQ(command(c.fd, KDBUS_CMD_NAME_ACQUIRE, cmd), 0);
	CHECK_EQ(cmd->flags,
		 KDBUS_NAME_REPLACE_EXISTING | KDBUS_NAME_ALLOW_REPLACEMENT | KDBUS_NAME_QUEUE);
	const uint64_t *left = (const void *)(cmd->items + 0);

	CHECK_EQ(left[2], KDBUS_ITEM_NAME);
	CHECK_EQ(left[3], 0);
	CHECK_EQ(left[4], 0);
	struct kdbus_cmd_send s = {.size = sizeof(s), .flags = KDBUS_FLAG_NEGOTIATE};

	CHECK_EQ(command(c.fd, KDBUS_CMD_SEND, &s), 0);
	CHECK_EQ(s.flags, KDBUS_SEND_SYNC_REPLY);
	struct kdbus_msg m = {.size = sizeof(m), .flags = KDBUS_FLAG_NEGOTIATE};

	s.flags = 0;
	s.msg_address = (uintptr_t)&m;
	CHECK_EQ(command(c.fd, KDBUS_CMD_SEND, &s), -EINVAL);
	m.flags = s.flags = KDBUS_FLAG_NEGOTIATE;
	CHECK_EQ(command(c.fd, KDBUS_CMD_SEND, &s), 0);
	CHECK_EQ(m.flags, KDBUS_MSG_EXPECT_REPLY | KDBUS_MSG_NO_AUTO_START | KDBUS_MSG_SIGNAL);
}

TEST(update)
{
	struct bus b = bus_start();
	struct hello h = {.recv = KDBUS_ATTACH_TIMESTAMP | KDBUS_ATTACH_CREDS};
	struct words w = {{0}};
	struct kdbus_cmd *cmd = (void *)&w;
	struct conn c;
	struct got g;

	REQUIRE(!hello(b.path, &h, &c));
	CHECK_EQ(send_text(&c, c.id, 1, "x"), 0);
	CHECK_EQ(receive(&c, &g), 0);
	CHECK(find_item(g.msg, KDBUS_ITEM_TIMESTAMP) && find_item(g.msg, KDBUS_ITEM_CREDS));
	cmd->size = sizeof(*cmd);
	item_u64(cmd, KDBUS_ITEM_ATTACH_FLAGS_RECV, KDBUS_ATTACH_CREDS);
	CHECK_EQ(command(c.fd, KDBUS_CMD_UPDATE, cmd), 0);
	CHECK_EQ(send_text(&c, c.id, 1, "x"), 0);
	CHECK_EQ(receive(&c, &g), 0);
	CHECK(!find_item(g.msg, KDBUS_ITEM_TIMESTAMP) && find_item(g.msg, KDBUS_ITEM_CREDS));
	cmd->items[0].id = 1ull << 20;
	CHECK_EQ(command(c.fd, KDBUS_CMD_UPDATE, cmd), -EINVAL);
	memset(&w, 0, sizeof(w));
	cmd->size = sizeof(*cmd);
	item_text(cmd, KDBUS_ITEM_NAME, "a.b");
	CHECK_EQ(command(c.fd, KDBUS_CMD_UPDATE, cmd), -EOPNOTSUPP);
}

int main(void)
{
	return bus_main();
}
