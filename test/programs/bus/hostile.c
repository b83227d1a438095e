/*
 * libcorbelbus under sanitizers, without a kernel: messages whose every number may be wrong, in
 * memory that is no longer than they say; and matches beside the filters of signals that they must
 * let in.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "../../../guest/bus/bus_impl.h"
#include "../../../guest/bus/tool/tool_impl.h"

#define POOL 8192
#define ROUNDS 40000

int __wrap_close(int fd);
void *__wrap_mmap(void *a, size_t size, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *a, size_t size);
int __wrap_ioctl(int fd, unsigned long command, void *argument);

static uint64_t state = 88172645463325252u;
static unsigned long opened, refused, mapped;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Descriptors are numbers out of a random message here. */
int __wrap_close(int fd)
{
	(void)fd;
	return 0;
}

void *__wrap_mmap(void *a, size_t size, int prot, int flags, int fd, off_t offset)
{
	void *p = size <= 65536 ? malloc(size) : NULL;

	(void)a, (void)prot, (void)flags, (void)fd, (void)offset;
	if (!p) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	memset(p, 1, size);
	mapped++;
	return p;
}

int __wrap_munmap(void *a, size_t size)
{
	(void)size;
	free(a);
	return 0;
}

/* The match that the library would have added. */
static uint64_t last_mask[8];
static bool last_mask_set;

int __wrap_ioctl(int fd, unsigned long command, void *argument)
{
	struct kdbus_cmd_match *cmd = argument;

	(void)fd;
	if (command == KDBUS_CMD_MATCH_ADD) {
		const struct kdbus_item *item = items_find(cmd->items, cmd->size - sizeof(*cmd),
							   KDBUS_ITEM_BLOOM_MASK, NULL);

		last_mask_set = item && item->size == ITEM_HEAD + sizeof(last_mask);
		if (last_mask_set)
			memcpy(last_mask, item->data, sizeof(last_mask));
	}
	return 0;
}

static const uint64_t types[] = {
	KDBUS_ITEM_PAYLOAD_OFF,	  KDBUS_ITEM_PAYLOAD_OFF,
	KDBUS_ITEM_PAYLOAD_MEMFD, KDBUS_ITEM_FDS,
	KDBUS_ITEM_TIMESTAMP,	  KDBUS_ITEM_PID_COMM,
	KDBUS_ITEM_OWNED_NAME,	  KDBUS_ITEM_NAME_ADD,
	KDBUS_ITEM_CREDS,	  0x4711,
};

/* A good message of some items, then up to three numbers of it are changed; the size of the slice.
 */
static uint64_t compose(uint8_t *slice, uint64_t room)
{
	struct kdbus_msg *m = (void *)slice;
	uint64_t at = sizeof(*m), items = rnd() % 6;

	memset(slice, 0, room);
	for (uint64_t n = 0; n < items; n++) {
		struct kdbus_item *item = (void *)(slice + at);
		uint64_t size = ITEM_HEAD + 8 + rnd() % 80;

		if (at + ALIGN8(size) + 8 > room)
			break;
		item->type = types[rnd() % (sizeof(types) / sizeof(types[0]))];
		item->size = size;
		item->vec.offset = rnd() % 3 ? rnd() % room : UINT64_MAX;
		item->vec.size = rnd() % 200;
		if (item->type == KDBUS_ITEM_PAYLOAD_OFF)
			item->size = ITEM_HEAD + sizeof(struct kdbus_vec);
		at += ALIGN8(item->size);
	}
	m->size = at;
	m->src_id = 7;
	for (uint64_t n = rnd() % 4; n; n--) {
		static const uint64_t odd[] = {0,	   1,	       15,	  16,
					       1ull << 31, 1ull << 45, INT64_MAX, UINT64_MAX};
		uint64_t value = rnd() % 2 ? odd[rnd() % 8] : rnd() % (2 * room);

		memcpy(slice + rnd() % (at / 8) * 8, &value, 8);
	}
	return rnd() % 4 ? room : rnd() % (room + 64);
}

static void use(struct cbus_received *r)
{
	struct cbus_part part;
	const void *data;
	size_t position = 0, size;
	int fd, n, seen = 0;
	volatile unsigned char sum = 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct kdbus_item *item = cbus_item(r, types[i], NULL);

		if (item && (item->type == KDBUS_ITEM_PID_COMM))
			sum += (unsigned char)strlen(item->str);
		if (item && item->type == KDBUS_ITEM_OWNED_NAME)
			sum += (unsigned char)strlen(item->name.name);
		if (item && item->type == KDBUS_ITEM_NAME_ADD)
			sum += (unsigned char)strlen(item->name_change.name);
		if (item && item->type == KDBUS_ITEM_TIMESTAMP)
			sum += (unsigned char)item->timestamp.realtime_ns;
	}
	while ((n = cbus_part_next(r, &position, &part)) && seen++ < 2000)
		for (size_t i = 0; n > 0 && part.data && i < part.size; i++)
			sum += ((const unsigned char *)part.data)[i];
	if (cbus_payload(r, &data, &size) == 0)
		for (size_t i = 0; i < size; i++)
			sum += ((const unsigned char *)data)[i];
	for (size_t i = 0; i < 40; i++)
		cbus_take_fd(r, i, &fd);
}

static void messages(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t room = (96 + rnd() % 512) & ~7ull;
		uint8_t *pool = malloc(room);
		struct cbus bus = {.fd = -1, .pool = pool, .pool_size = room};
		struct kdbus_msg_info info = {.msg_size = compose(pool, room)};
		struct cbus_received r;

		if (rnd() % 16 == 0)
			info.offset = rnd() % 3 ? rnd() % (room + 16) : UINT64_MAX - 7;
		if (received_open(&bus, &info, &r) == 0) {
			opened++;
			r.peeked = rnd() % 2;
			use(&r);
			cbus_free(&r);
		} else {
			refused++;
		}
		free(pool);
	}
}

static const char *word(void)
{
	static const char *const words[] = {"a.b", "a.b.c", "/", "/x", "/x/y", "/x/y/z", "M", "N"};

	return words[rnd() % 8];
}

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* What a rule means, without filters. */
static bool fits(int kind, const char *value, const struct cbus_topic *t)
{
	size_t n = strlen(value);

	switch (kind) {
	case 0:
		return !strcmp(t->interface, value);
	case 1:
		return !strcmp(t->member, value);
	case 2:
		return !strcmp(t->path, value);
	case 3:
		return begins(t->path, value) &&
		       (t->path[n] == 0 || t->path[n] == '/' || (n && value[n - 1] == '/'));
	case 4:
		return !strcmp(t->args[1], value);
	case 5:
		return begins(t->args[0], value) && (t->args[0][n] == 0 || t->args[0][n] == '.');
	}
	return value[n - 1] == '/' ? begins(t->args[1], value) : !strcmp(t->args[1], value);
}

static int filters(void)
{
	static const char *const keys[] = {"interface",	     "member", "path",
					   "path_namespace", "arg1",   "arg0namespace",
					   "arg1path"};
	struct cbus bus = {.fd = -1, .bloom_size = 64, .bloom_hashes = 8};
	unsigned long wanted = 0, strangers = 0, others = 0;

	for (int i = 0; i < 100000; i++) {
		const char *args[] = {word(), word()};
		struct cbus_topic topic = {word(), word(), word(), args, 2};
		uint64_t filter[8] = {0};
		int kind = (int)(rnd() % 7);
		const char *value = word();
		bool in = true;
		char rule[64];

		snprintf(rule, sizeof(rule), "type='signal',%s='%s'", keys[kind], value);
		if (cbus_match_add(&bus, 1, rule, false) || !last_mask_set)
			return printf("no match for %s\n", rule);
		bloom_add_topic(&bus, filter, &topic);
		for (int n = 0; n < 8; n++)
			in = in && (filter[n] & last_mask[n]) == last_mask[n];
		if (fits(kind, value, &topic)) {
			wanted++;
			if (!in)
				return printf("%s keeps a wanted signal out\n", rule);
		} else {
			others++;
			strangers += in;
		}
	}
	if (!wanted || strangers * 100 > others)
		return printf("%lu wanted, %lu strangers of %lu\n", wanted, strangers, others);
	return 0;
}

static int rules(void)
{
	static const char *const bad[] = {"x",
					  "=",
					  "a='b'",
					  "member",
					  "member='x",
					  "member='x'y",
					  "argx='1'",
					  "arg64='x'",
					  "arg0what='x'",
					  "type='error'",
					  "arg1namespace='a'",
					  "sender=':1.x'",
					  "member='a',,"};
	static const char *const good[] = {"",
					   "member='x'",
					   "member=x",
					   "member=''",
					   "arg63='x',sender=':1.5'",
					   "type='signal',sender='a.b',arg0namespace='c.d'"};
	struct cbus bus = {.fd = -1, .bloom_size = 64, .bloom_hashes = 8};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (cbus_match_add(&bus, 1, bad[i], false) != -EINVAL)
			return printf("%s is taken for a rule\n", bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (cbus_match_add(&bus, 1, good[i], false))
			return printf("%s is not taken\n", good[i]);
	return 0;
}

/* A call with a string, a number, an array of pairs, a variant and an array of doubles. */
static const uint8_t call[] = {
	108, 1,	  0,   1,   64,	 0,   0,   0, 2,   0,  0, 0,   48,  0,	 0,  0,	  1,   1,   111,
	0,   2,	  0,   0,   0,	 47,  120, 0, 0,   0,  0, 0,   0,   3,	 1,  115, 0,   4,   0,
	0,   0,	  80,  105, 110, 103, 0,   0, 0,   0,  8, 1,   103, 0,	 10, 115, 117, 97,  123,
	115, 118, 125, 118, 97,	 100, 0,   2, 0,   0,  0, 104, 105, 0,	 0,  7,	  0,   0,   0,
	16,  0,	  0,   0,   1,	 0,   0,   0, 107, 0,  1, 105, 0,   0,	 0,  0,	  254, 255, 255,
	255, 1,	  103, 0,   1,	 115, 0,   0, 0,   16, 0, 0,   0,   0,	 0,  0,	  0,   0,   0,
	0,   0,	  0,   0,   224, 63,  0,   0, 0,   0,  0, 0,   240, 191,
};

static int dbus_messages(void)
{
	FILE *out = fopen("/dev/null", "w");
	char *text = NULL;
	size_t length = 0;
	FILE *memory = open_memstream(&text, &length);

	show_dbus1(memory, call, sizeof(call), "");
	fclose(memory);
	if (!strstr(text, "D-Bus method_call serial=2 path=\"/x\" member=\"Ping\"") ||
	    !strstr(text, "\n  \"hi\"\n  uint32 7\n  [{\"k\", int32 -2}]\n  \"s\"\n  [double 0.5, "
			  "double -1]\n"))
		return printf("a good message of D-Bus reads as %s\n", text);
	free(text);
	for (int i = 0; i < ROUNDS * 5; i++) {
		size_t size = rnd() % 4 ? sizeof(call) : rnd() % sizeof(call);
		uint8_t *copy = malloc(size + 1);

		memcpy(copy, call, size);
		for (uint64_t n = rnd() % 4; n && size > 4; n--)
			copy[4 + rnd() % (size - 4)] =
				rnd() % 2 ? (uint8_t)rnd() : (uint8_t) "av(){}s\377"[rnd() % 8];
		uint8_t *exact = realloc(copy, size ? size : 1);

		show_dbus1(out, exact, size, "");
		free(exact);
	}
	fclose(out);
	return 0;
}

void usage(const char *format, ...)
{
	printf("%s\n", format);
	exit(3);
}

int main(void)
{
	uint8_t key[16], data[15];

	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	memcpy(data, key, sizeof(data));
	/* The example of the paper. */
	if (bus_siphash(data, sizeof(data), key) != 0xa129ca6149be45e5u)
		return printf("SipHash is wrong\n");
	if (rules() || filters() || dbus_messages())
		return 1;
	messages();
	if (opened < ROUNDS / 20 || refused < ROUNDS / 20 || !mapped)
		return printf("%lu opened, %lu refused, %lu mapped\n", opened, refused, mapped);
	printf("hostile: good\n");
	return 0;
}
