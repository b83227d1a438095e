/*
 * The message bus under random commands: processes with threads that share descriptors make buses,
 * endpoints and connections, talk, listen, close and are killed. Commands are right in form more
 * often than not, and then some of their bytes are changed.
 *
 * A connection of this process is called all the time and takes no part. At the end nothing of the
 * others is left: no bus, no connection, no bytes of that connection's pool and of anybody's quota.
 *
 * usage: bus_fuzz [SECONDS [SEED]]; or bus_fuzz=SECONDS on the kernel's command line.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include "../../abi/kdbus.h"
#include "proc_help.h"

#define PROCESSES 4
#define THREADS 4
#define SLOTS 32
#define ROOT "/tmp/bus-fuzz"
#define BLOOM 16u /* bytes */
#define SHORT_RUN 4

static char home[64]; /* directory of the bus that lasts */

/* Of all processes: what they have seen of each other. */
static struct shared {
	uint64_t ids[64];     /* connections */
	uint64_t cookies[64]; /* of calls */
	uint64_t commands, successes;
	uint64_t good[256]; /* by command: those that worked */
} * seen;

static int slots[SLOTS]; /* descriptors, -1: none; of one process */

struct fuzz {
	uint64_t state;
	size_t at; /* in buf */
	uint64_t buf[1024];
	char *payload; /* memory to be sent */
	char *pool;    /* the last one that was mapped */
	size_t pool_size;
};

static uint64_t next(struct fuzz *f)
{
	f->state ^= f->state << 13;
	f->state ^= f->state >> 7;
	f->state ^= f->state << 17;
	return f->state * 0x2545f4914f6cdd1dull >> 8;
}

static uint64_t below(struct fuzz *f, uint64_t n)
{
	return next(f) % n;
}

static int one_in(struct fuzz *f, uint64_t n)
{
	return !below(f, n);
}

/* ---- descriptors ---- */

static int pick(struct fuzz *f)
{
	return __atomic_load_n(&slots[below(f, SLOTS)], __ATOMIC_RELAXED);
}

static void keep(struct fuzz *f, int fd)
{
	int old;

	if (fd < 0)
		return;
	old = __atomic_exchange_n(&slots[below(f, SLOTS)], fd, __ATOMIC_RELAXED);
	if (old >= 0)
		close(old);
}

static int any_memfd(struct fuzz *f)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

	if (fd < 0)
		return -1;
	if (ftruncate(fd, (off_t)below(f, 20000)))
		return fd;
	if (one_in(f, 8))
		seals &= (int)next(f);
	fcntl(fd, F_ADD_SEALS, seals);
	return fd;
}

/* ---- commands ---- */

static void begin(struct fuzz *f, size_t size)
{
	memset(f->buf, 0, size);
	f->at = size;
}

static void *item(struct fuzz *f, uint64_t type, size_t payload)
{
	struct kdbus_item *i = (void *)((char *)f->buf + f->at);
	size_t whole = (16 + payload + 7) & ~7ul;

	if (f->at + whole > sizeof(f->buf) - 64)
		whole = payload = 0, f->at = sizeof(struct kdbus_cmd_hello), i = (void *)f->buf;
	memset(i, 0, whole + 16);
	i->size = 16 + payload;
	i->type = type;
	f->at += whole;
	return i->data;
}

static void text_item(struct fuzz *f, uint64_t type, const char *text)
{
	memcpy(item(f, type, strlen(text) + 1), text, strlen(text) + 1);
}

static const char *any_name(struct fuzz *f)
{
	static const char *const names[] = {"a.b", "a.c",   "a.b.c", "x.y", "x.y.z", "q.r",
					    "a.*", "x.y.*", "bad",   "",    ".a",    "a.b."};

	return names[below(f, one_in(f, 6) ? 12 : 6)];
}

static uint64_t any_id(struct fuzz *f)
{
	uint64_t id = __atomic_load_n(&seen->ids[below(f, 64)], __ATOMIC_RELAXED);

	switch (below(f, 12)) {
	case 0:
		return ~0ull;
	case 1:
		return below(f, 40);
	default:
		return id;
	}
}

static void note(struct fuzz *f, uint64_t *table, uint64_t value)
{
	__atomic_store_n(&table[below(f, 64)], value, __ATOMIC_RELAXED);
}

static uint64_t any_flags(struct fuzz *f, uint64_t good)
{
	if (one_in(f, 40))
		return next(f) << 40 | next(f);
	return next(f) & good & (one_in(f, 3) ? ~0ull : next(f));
}

/* Changes some bytes now and then. */
static void spoil(struct fuzz *f)
{
	uint64_t n = one_in(f, 6) ? 1 + below(f, 3) : 0;

	while (n--) {
		uint64_t *word = &f->buf[below(f, f->at / 8 + 1)];

		switch (below(f, 4)) {
		case 0:
			*word = 1ull << below(f, 64);
			break;
		case 1:
			*word ^= 1ull << below(f, 64);
			break;
		case 2:
			*word = ~0ull - below(f, 64);
			break;
		default:
			*word = below(f, 4096);
		}
	}
}

static int issue(struct fuzz *f, int fd, unsigned long number)
{
	int err;

	f->buf[0] = f->at;
	spoil(f);
	err = ioctl(fd, number, one_in(f, 200) ? (void *)(next(f) << below(f, 40)) : f->buf);
	__atomic_fetch_add(&seen->commands, 1, __ATOMIC_RELAXED);
	if (!err) {
		__atomic_fetch_add(&seen->successes, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&seen->good[number & 255], 1, __ATOMIC_RELAXED);
	}
	return err;
}

static int open_in(const char *dir, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return open(path, O_RDWR | O_CLOEXEC);
}

static void make_bus(struct fuzz *f)
{
	struct kdbus_bloom_parameter *b;
	char name[32];
	int fd = open_in(ROOT, "control");

	begin(f, sizeof(struct kdbus_cmd));
	f->buf[1] = any_flags(f, KDBUS_MAKE_ACCESS_GROUP | KDBUS_MAKE_ACCESS_WORLD);
	snprintf(name, sizeof(name), "%u-f%d", geteuid(), (int)below(f, 6));
	text_item(f, KDBUS_ITEM_MAKE_NAME, name);
	b = item(f, KDBUS_ITEM_BLOOM_PARAMETER, sizeof(*b));
	*b = (struct kdbus_bloom_parameter){one_in(f, 10) ? below(f, 8192) : BLOOM, 1};
	if (!issue(f, fd, KDBUS_CMD_BUS_MAKE) || one_in(f, 8))
		keep(f, fd);
	else
		close(fd);
}

/* A fresh endpoint file: of the bus that lasts, or of one of the others. */
static int open_endpoint(struct fuzz *f)
{
	char dir[64], file[32];

	snprintf(dir, sizeof(dir), ROOT "/%u-f%d", geteuid(), (int)below(f, 6));
	snprintf(file, sizeof(file), "%u-e%d", geteuid(), (int)below(f, 4));
	return open_in(one_in(f, 3) ? dir : home, one_in(f, 4) ? file : "bus");
}

static void policy_items(struct fuzz *f)
{
	for (uint64_t n = below(f, 4); n--;) {
		text_item(f, KDBUS_ITEM_NAME, any_name(f));
		for (uint64_t k = below(f, 3); k--;) {
			struct kdbus_policy_access *a =
				item(f, KDBUS_ITEM_POLICY_ACCESS, sizeof(*a));

			*a = (struct kdbus_policy_access){1 + below(f, 3), below(f, 3),
							  one_in(f, 2) ? 0 : 65534};
		}
	}
}

static void make_endpoint(struct fuzz *f)
{
	char name[32];
	int fd = open_endpoint(f);

	begin(f, sizeof(struct kdbus_cmd));
	f->buf[1] = any_flags(f, KDBUS_MAKE_ACCESS_GROUP | KDBUS_MAKE_ACCESS_WORLD);
	snprintf(name, sizeof(name), "%u-e%d", geteuid(), (int)below(f, 4));
	text_item(f, KDBUS_ITEM_MAKE_NAME, name);
	policy_items(f);
	if (!issue(f, fd, KDBUS_CMD_ENDPOINT_MAKE) || one_in(f, 8))
		keep(f, fd);
	else
		close(fd);
}

static void update_endpoint(struct fuzz *f)
{
	begin(f, sizeof(struct kdbus_cmd));
	policy_items(f);
	issue(f, pick(f), KDBUS_CMD_ENDPOINT_UPDATE);
}

static void hello(struct fuzz *f)
{
	struct kdbus_cmd_hello *h = (void *)f->buf;
	int fd = open_endpoint(f);

	begin(f, sizeof(*h));
	h->flags = one_in(f, 4) ? any_flags(f, 15) : below(f, 2);
	h->attach_flags_send = any_flags(f, _KDBUS_ATTACH_ALL);
	h->attach_flags_recv = any_flags(f, _KDBUS_ATTACH_ALL);
	h->pool_size = one_in(f, 30) ? next(f) : 4096ul << below(f, 7);
	if (h->flags & (KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_POLICY_HOLDER))
		policy_items(f);
	if (one_in(f, 4))
		text_item(f, KDBUS_ITEM_CONN_DESCRIPTION, "somebody");
	if (one_in(f, 16))
		memset(item(f, KDBUS_ITEM_CREDS, sizeof(struct kdbus_creds)), 0, 64);
	if (issue(f, fd, KDBUS_CMD_HELLO)) {
		close(fd);
		return;
	}
	note(f, seen->ids, h->id);
	keep(f, fd);
}

static void update(struct fuzz *f)
{
	begin(f, sizeof(struct kdbus_cmd));
	*(uint64_t *)item(f, KDBUS_ITEM_ATTACH_FLAGS_SEND, 8) = any_flags(f, _KDBUS_ATTACH_ALL);
	*(uint64_t *)item(f, KDBUS_ITEM_ATTACH_FLAGS_RECV, 8) = any_flags(f, _KDBUS_ATTACH_ALL);
	if (one_in(f, 3))
		policy_items(f);
	issue(f, pick(f), KDBUS_CMD_UPDATE);
}

/* ---- messages ---- */

static void put_payload(struct fuzz *f)
{
	struct kdbus_vec *v = item(f, KDBUS_ITEM_PAYLOAD_VEC, sizeof(*v));

	v->size = one_in(f, 4) ? below(f, 70000) : 1 + below(f, 500);
	if (one_in(f, 5))
		v->address = 0;
	else if (one_in(f, 16))
		v->address = one_in(f, 2) ? 0xffffffff80000000ull + next(f) % (1 << 24) : next(f);
	else
		v->address = (uintptr_t)f->payload + below(f, 4096);
}

/* Descriptors that the message carries are added to @opened. */
static void put_parts(struct fuzz *f, int *opened, int *n)
{
	for (uint64_t k = below(f, 4); k--;)
		put_payload(f);
	if (one_in(f, 5)) {
		struct kdbus_memfd *m = item(f, KDBUS_ITEM_PAYLOAD_MEMFD, sizeof(*m));

		*m = (struct kdbus_memfd){.size = 1 + below(f, 5000), .fd = any_memfd(f)};
		opened[(*n)++] = m->fd;
	}
	if (one_in(f, 6)) {
		uint64_t count = below(f, 5);
		int *fds = item(f, KDBUS_ITEM_FDS, count * sizeof(int));

		for (uint64_t i = 0; i < count; i++)
			fds[i] = one_in(f, 20) ? pick(f) : eventfd(0, EFD_CLOEXEC);
		for (uint64_t i = 0; i < count; i++)
			opened[(*n)++] = fds[i];
	}
}

static void put_bloom(struct fuzz *f)
{
	uint64_t *b = item(f, KDBUS_ITEM_BLOOM_FILTER, 8 + BLOOM);

	b[0] = below(f, 3);
	b[1] = next(f) & next(f);
	b[2] = next(f) & next(f);
}

static void put_message(struct fuzz *f, int *opened, int *n)
{
	struct kdbus_msg *m = (void *)f->buf;

	begin(f, sizeof(*m));
	m->priority = (int64_t)below(f, 5) - 2;
	m->dst_id = any_id(f);
	m->payload_type = KDBUS_PAYLOAD_DBUS;
	m->cookie = 1 + below(f, 1000);
	if (one_in(f, 3)) {
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC, &t);
		m->flags = KDBUS_MSG_EXPECT_REPLY;
		m->timeout_ns =
			(uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec + below(f, 20000000);
		note(f, seen->cookies, m->cookie);
	} else if (one_in(f, 2)) {
		m->cookie_reply = __atomic_load_n(&seen->cookies[below(f, 64)], __ATOMIC_RELAXED);
	}
	if (one_in(f, 4) || m->dst_id == ~0ull) {
		m->flags |= KDBUS_MSG_SIGNAL;
		put_bloom(f);
	}
	if (one_in(f, 4)) {
		m->dst_id = one_in(f, 2) ? 0 : m->dst_id;
		text_item(f, KDBUS_ITEM_DST_NAME, any_name(f));
	}
	put_parts(f, opened, n);
	m->size = f->at;
}

/*
 * Reads what a slice of the pool holds, and takes the descriptors. Other threads may free it and
 * get other messages in its place at any time: each size is read once.
 */
static void use_message(struct fuzz *f, uint64_t offset)
{
	const char *p = f->pool + offset, *end;
	uint64_t size;

	if (!f->pool || offset > f->pool_size - sizeof(struct kdbus_msg))
		return;
	size = *(const volatile uint64_t *)p;
	if (size > f->pool_size - offset)
		return;
	end = p + size;
	p += sizeof(struct kdbus_msg);
	while (end - p > 16) {
		const struct kdbus_item *i = (const void *)p;

		size = *(const volatile uint64_t *)p;
		if (size < 16 || size > (uint64_t)(end - p))
			return;
		if (i->type == KDBUS_ITEM_PAYLOAD_MEMFD && i->memfd.fd > 2)
			close(i->memfd.fd);
		for (uint64_t k = 0; i->type == KDBUS_ITEM_FDS && k < (size - 16) / 4; k++) {
			if (i->fds[k] > 2)
				close(i->fds[k]);
		}
		p += (size + 7) & ~7ul;
	}
}

static void free_slice(struct fuzz *f, int fd, uint64_t offset)
{
	struct kdbus_cmd_free *c = (void *)f->buf;

	begin(f, sizeof(*c));
	c->offset = offset;
	issue(f, fd, KDBUS_CMD_FREE);
}

static void send_message(struct fuzz *f)
{
	static __thread struct kdbus_msg message[128]; /* with its items */
	struct kdbus_cmd_send *s = (void *)f->buf;
	int opened[8], n = 0, fd = pick(f), cancel = -1;

	put_message(f, opened, &n);
	spoil(f);
	memcpy(message, f->buf, f->at);
	begin(f, sizeof(*s));
	s->msg_address = (uintptr_t)message;
	if (message->flags & KDBUS_MSG_EXPECT_REPLY && one_in(f, 2))
		s->flags = KDBUS_SEND_SYNC_REPLY;
	if (one_in(f, 8)) {
		cancel = eventfd(below(f, 2), EFD_CLOEXEC);
		*(int *)item(f, KDBUS_ITEM_CANCEL_FD, sizeof(int)) = cancel;
	}
	if (!issue(f, fd, KDBUS_CMD_SEND) && s->flags & KDBUS_SEND_SYNC_REPLY)
		free_slice(f, fd, s->reply.offset);
	close(cancel);
	while (n--) {
		if (opened[n] > 2)
			close(opened[n]);
	}
}

static void map_pool(struct fuzz *f, int fd)
{
	size_t size = 4096ul << below(f, 7);
	int own = dup(fd);
	struct statfs fs;
	char *p = MAP_FAILED;

	/* Another thread may have closed it, and the number be that of a memory file by now. */
	if (own >= 0 && !fstatfs(own, &fs) && fs.f_type == KDBUS_SUPER_MAGIC)
		p = mmap(NULL, size, PROT_READ, MAP_SHARED, own, 0);
	close(own);
	if (p == MAP_FAILED)
		return;
	if (f->pool)
		munmap(f->pool, f->pool_size);
	f->pool = p;
	f->pool_size = size;
}

/* SIGBUS and the like end the process: the whole pool can be read. */
static void receive(struct fuzz *f)
{
	struct kdbus_cmd_recv *r = (void *)f->buf;
	int fd = pick(f);
	uint64_t rounds = 1 + below(f, 6);

	if (one_in(f, 4))
		map_pool(f, fd);
	while (rounds--) {
		begin(f, sizeof(*r));
		if (one_in(f, 3))
			r->flags = any_flags(f, 7);
		r->priority = (int64_t)below(f, 5) - 2;
		if (issue(f, fd, KDBUS_CMD_RECV))
			return;
		uint64_t offset = r->msg.offset;

		if (!(r->flags & (KDBUS_RECV_DROP | KDBUS_RECV_PEEK)))
			use_message(f, offset);
		if (!one_in(f, 16))
			free_slice(f, fd, offset);
	}
}

/* ---- the rest ---- */

static void acquire_name(struct fuzz *f)
{
	begin(f, sizeof(struct kdbus_cmd));
	f->buf[1] = any_flags(f, 7);
	text_item(f, KDBUS_ITEM_NAME, any_name(f));
	issue(f, pick(f), KDBUS_CMD_NAME_ACQUIRE);
}

static void release_name(struct fuzz *f)
{
	begin(f, sizeof(struct kdbus_cmd));
	text_item(f, KDBUS_ITEM_NAME, any_name(f));
	issue(f, pick(f), KDBUS_CMD_NAME_RELEASE);
}

static void put_rule(struct fuzz *f)
{
	static const uint64_t types[] = {
		KDBUS_ITEM_BLOOM_MASK,	KDBUS_ITEM_NAME,     KDBUS_ITEM_ID,
		KDBUS_ITEM_DST_ID,	KDBUS_ITEM_NAME_ADD, KDBUS_ITEM_NAME_REMOVE,
		KDBUS_ITEM_NAME_CHANGE, KDBUS_ITEM_ID_ADD,   KDBUS_ITEM_ID_REMOVE};
	uint64_t type = types[below(f, 9)], *words;

	if (type == KDBUS_ITEM_NAME) {
		text_item(f, type, any_name(f));
	} else if (type == KDBUS_ITEM_BLOOM_MASK) {
		uint64_t n = BLOOM / 8 * (1 + below(f, 2));

		words = item(f, type, n * 8);
		while (n--)
			words[n] = one_in(f, 2) ? 0 : 1ull << below(f, 64);
	} else if (type >= KDBUS_ITEM_NAME_ADD && type <= KDBUS_ITEM_NAME_CHANGE) {
		words = item(f, type, 32 + (one_in(f, 2) ? 4 : 0));
		words[0] = any_id(f);
		words[2] = any_id(f);
		memcpy(&words[4], "a.b", 4);
	} else {
		words = item(f, type, type >= KDBUS_ITEM_ID_ADD ? 16 : 8);
		words[0] = any_id(f);
	}
}

static void add_match(struct fuzz *f)
{
	struct kdbus_cmd_match *m = (void *)f->buf;

	begin(f, sizeof(*m));
	m->cookie = below(f, 8);
	m->flags = any_flags(f, KDBUS_MATCH_REPLACE);
	for (uint64_t n = below(f, 3); n--;)
		put_rule(f);
	issue(f, pick(f), KDBUS_CMD_MATCH_ADD);
}

static void remove_match(struct fuzz *f)
{
	struct kdbus_cmd_match *m = (void *)f->buf;

	begin(f, sizeof(*m));
	m->cookie = below(f, 8);
	issue(f, pick(f), KDBUS_CMD_MATCH_REMOVE);
}

static void list(struct fuzz *f)
{
	struct kdbus_cmd_list *l = (void *)f->buf;
	int fd = pick(f);

	begin(f, sizeof(*l));
	l->flags = any_flags(f, 15);
	if (!issue(f, fd, KDBUS_CMD_LIST) && !one_in(f, 16))
		free_slice(f, fd, l->offset);
}

static void info(struct fuzz *f)
{
	struct kdbus_cmd_info *i = (void *)f->buf;
	int fd = pick(f);

	begin(f, sizeof(*i));
	i->id = any_id(f);
	i->attach_flags = any_flags(f, _KDBUS_ATTACH_ALL);
	if (one_in(f, 2)) {
		i->id = 0;
		text_item(f, KDBUS_ITEM_NAME, any_name(f));
	}
	if (!issue(f, fd, one_in(f, 4) ? KDBUS_CMD_BUS_CREATOR_INFO : KDBUS_CMD_CONN_INFO))
		free_slice(f, fd, i->offset);
}

static void free_any(struct fuzz *f)
{
	free_slice(f, pick(f), below(f, 8192) & ~7ull);
}

static void byebye(struct fuzz *f)
{
	begin(f, sizeof(struct kdbus_cmd));
	issue(f, pick(f), KDBUS_CMD_BYEBYE);
}

static void close_one(struct fuzz *f)
{
	int fd = __atomic_exchange_n(&slots[below(f, SLOTS)], one_in(f, 8) ? dup(pick(f)) : -1,
				     __ATOMIC_RELAXED);

	if (fd >= 0)
		close(fd);
}

static void wait_for(struct fuzz *f)
{
	struct pollfd p[4];

	for (int i = 0; i < 4; i++)
		p[i] = (struct pollfd){.fd = pick(f), .events = POLLIN | POLLOUT};
	poll(p, 4, (int)below(f, 3));
	if (one_in(f, 16))
		usleep((unsigned int)below(f, 2000));
}

static void read_stats(struct fuzz *f)
{
	char text[512];
	int fd = open_in(home, "stats");

	while (fd >= 0 && read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
	(void)f;
}

static void garbage(struct fuzz *f)
{
	f->at = 8 + below(f, 256);
	for (size_t i = 0; i < f->at / 8; i++)
		f->buf[i] = one_in(f, 3) ? next(f) : below(f, 64);
	issue(f, pick(f), _IOC(below(f, 4), 0x95, below(f, 0xc0), below(f, 128)));
}

static const struct {
	unsigned int weight;
	void (*fn)(struct fuzz *f);
} acts[] = {
	{2, make_bus},	   {3, make_endpoint}, {2, update_endpoint}, {16, hello},
	{4, update},	   {60, send_message}, {50, receive},	     {12, acquire_name},
	{8, release_name}, {10, add_match},    {4, remove_match},    {4, list},
	{6, info},	   {2, free_any},      {2, byebye},	     {5, close_one},
	{8, wait_for},	   {1, read_stats},    {3, garbage},
};

static void act(struct fuzz *f)
{
	unsigned int sum = 0, n;

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		sum += acts[i].weight;
	n = (unsigned int)below(f, sum);
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (n < acts[i].weight) {
			acts[i].fn(f);
			return;
		}
		n -= acts[i].weight;
	}
}

/* ---- processes ---- */

static void *thread(void *seed)
{
	struct fuzz *f = calloc(1, sizeof(*f));

	f->state = (uintptr_t)seed * 0x9e3779b97f4a7c15ull | 1;
	f->payload =
		mmap(NULL, 1 << 17, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 8; i++)
		next(f);
	for (;;)
		act(f);
	return NULL;
}

static void process(uint64_t seed, int unprivileged)
{
	pthread_t t;

	if (unprivileged && (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)))
		_exit(1);
	for (int i = 0; i < SLOTS; i++)
		slots[i] = -1;
	for (uint64_t i = 1; i < THREADS; i++)
		pthread_create(&t, NULL, thread, (void *)(seed * 16 + i));
	thread((void *)(seed * 16));
}

static pid_t start(uint64_t seed)
{
	pid_t pid = fork();

	if (!pid)
		process(seed, seed % 3 == 0);
	return pid;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Those that end by themselves do so by SIGKILL only. */
static void reap(pid_t pid)
{
	int status = 0;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, SIGKILL);
}

/* ---- the connection that lasts ---- */

static int lasting = -1;
static uint64_t lasting_id;

static void settle(int control)
{
	uint64_t buf[64] = {0};
	struct fuzz f = {.state = 1};
	struct kdbus_cmd_hello h = {.size = sizeof(h),
				    .flags = KDBUS_HELLO_ACCEPT_FD,
				    .pool_size = 1 << 20,
				    .attach_flags_recv = _KDBUS_ATTACH_ALL,
				    .attach_flags_send = _KDBUS_ATTACH_ALL};
	struct kdbus_cmd_free give = {.size = sizeof(give)};
	struct kdbus_bloom_parameter *b;

	(void)buf;
	snprintf(home, sizeof(home), ROOT "/%u-home", geteuid());
	begin(&f, sizeof(struct kdbus_cmd));
	f.buf[1] = KDBUS_MAKE_ACCESS_WORLD;
	text_item(&f, KDBUS_ITEM_MAKE_NAME, strrchr(home, '/') + 1);
	b = item(&f, KDBUS_ITEM_BLOOM_PARAMETER, sizeof(*b));
	*b = (struct kdbus_bloom_parameter){BLOOM, 1};
	f.buf[0] = f.at;
	REQUIRE(!ioctl(control, KDBUS_CMD_BUS_MAKE, f.buf));
	lasting = open_in(home, "bus");
	REQUIRE(!ioctl(lasting, KDBUS_CMD_HELLO, &h));
	lasting_id = h.id;
	give.offset = h.offset;
	CHECK(!ioctl(lasting, KDBUS_CMD_FREE, &give));
}

/* Everything received and given back. */
static void drain(void)
{
	int idle = 0;

	while (idle < 3) {
		struct kdbus_cmd_recv r = {.size = sizeof(r)};
		struct kdbus_cmd_free give = {.size = sizeof(give)};
		struct fuzz f = {.pool_size = 1 << 20};

		if (ioctl(lasting, KDBUS_CMD_RECV, &r)) {
			if (errno == EAGAIN)
				idle++;
			continue;
		}
		idle = 0;
		f.pool = mmap(NULL, f.pool_size, PROT_READ, MAP_SHARED, lasting, 0);
		use_message(&f, r.msg.offset);
		munmap(f.pool, f.pool_size);
		give.offset = r.msg.offset;
		CHECK(!ioctl(lasting, KDBUS_CMD_FREE, &give));
	}
}

/* The number behind @word in a line of the statistics. */
static uint64_t figure(const char *line, const char *word)
{
	const char *p = strstr(line, word);

	CHECK(p);
	return p ? strtoull(p + strlen(word), NULL, 10) : 0;
}

static void check_line(const char *line)
{
	static const char *const conn[] = {" queued ", " queued_bytes ", " inflight ",
					   " pool_used ", " requests "};
	static const char *const quota[] = {" messages ", " bytes ", " fds "};

	if (!strncmp(line, "bus ", 4)) {
		CHECK_EQ(figure(line, " connections "), 1);
		CHECK_EQ(figure(line, " user_connections "), 1);
		CHECK_EQ(figure(line, " user_buses "), 1);
		CHECK_EQ(figure(line, " monitors "), 0);
		CHECK_EQ(figure(line, " matches "), 0);
		return;
	}
	for (size_t i = 0; !strncmp(line, "connection ", 11) && i < 5; i++)
		CHECK_EQ(figure(line, conn[i]), 0);
	for (size_t i = 0; !strncmp(line, "quota ", 6) && i < 3; i++)
		CHECK_EQ(figure(line, quota[i]), 0);
}

static void check_stats(void)
{
	char path[128], line[1024];
	int before = test_failures;
	FILE *f;

	snprintf(path, sizeof(path), "%s/stats", home);
	f = fopen(path, "r");
	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		check_line(line);
		if (test_failures > before)
			printf("# %s", line);
	}
	fclose(f);
}

static void check_tree(void)
{
	DIR *d = opendir(ROOT);
	struct dirent *e;

	REQUIRE(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] != '.' && strcmp(e->d_name, "control") &&
		    strcmp(e->d_name, strrchr(home, '/') + 1)) {
			printf("# %s is left\n", e->d_name);
			test_failures++;
		}
	}
	closedir(d);
}

/* Work of the kernel that is put off (RCU, closing) may take a moment. */
static void settle_down(void)
{
	for (int i = 0; i < 50; i++) {
		drain();
		usleep(20000);
	}
}

static uint64_t free_kb(void)
{
	char line[256];
	uint64_t sum = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "MemFree:", 8) || !strncmp(line, "Cached:", 7) ||
		    !strncmp(line, "Buffers:", 8))
			sum += figure(line, ":");
	}
	if (f)
		fclose(f);
	return sum;
}

static void run(uint64_t ms, uint64_t seed)
{
	uint64_t end = now_ms() + ms, number = seed;
	pid_t pid[PROCESSES];
	struct fuzz f = {.state = seed | 1};

	for (int i = 0; i < PROCESSES; i++)
		pid[i] = start(++number);
	while (now_ms() < end) {
		int victim = (int)below(&f, PROCESSES);

		for (int i = 0; i < 8; i++)
			note(&f, seen->ids, lasting_id);
		usleep(100000);
		if (one_in(&f, 2))
			drain();
		if (one_in(&f, 3)) {
			kill(pid[victim], SIGKILL);
			reap(pid[victim]);
			pid[victim] = start(++number);
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		kill(pid[i], SIGKILL);
		reap(pid[i]);
	}
	settle_down();
}

static uint64_t seconds = SHORT_RUN, seed = 1;

static void read_cmdline(void)
{
	char text[4096] = "";
	const char *p;

	read_text("/proc/cmdline", text, sizeof(text));
	p = strstr(text, "bus_fuzz=");
	if (p)
		seconds = strtoull(p + 9, NULL, 10);
}

TEST(everything_comes_back)
{
	uint64_t before, after;
	int control;

	if (geteuid() || !in_test_machine())
		return;
	alarm((unsigned int)(seconds * 4 + 50));
	REQUIRE(!unshare(CLONE_NEWNS));
	REQUIRE(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	mkdir(ROOT, 0755);
	if (mount("kdbusfs", ROOT, "kdbusfs", 0, NULL) && errno == ENODEV)
		return; /* Linux */
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	control = open_in(ROOT, "control");
	REQUIRE(control >= 0);
	settle(control);
	run(1000, seed); /* caches fill */
	before = free_kb();
	run(seconds * 1000, seed + 1000000);
	after = free_kb();
	check_stats();
	check_tree();
	printf("# %llu commands, %llu succeeded; free memory %llu kB, then %llu kB\n",
	       (unsigned long long)seen->commands, (unsigned long long)seen->successes,
	       (unsigned long long)before, (unsigned long long)after);
	for (int i = 0; i < 256; i++) {
		if (seen->good[i])
			printf("# command %#x: %llu\n", i, (unsigned long long)seen->good[i]);
	}
	CHECK(seen->successes > 100);
	CHECK(after + 6144 + seconds > before);
	close(lasting);
	close(control);
	CHECK(!umount(ROOT));
}

int main(int argc, char **argv)
{
	read_cmdline();
	if (argc > 1)
		seconds = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	return test_run();
}
