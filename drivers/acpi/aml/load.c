/* Tables to names. Code of methods is passed over: it is read when it runs. */
#include "aml_impl.h"

#include <kern/errno.h>
#include <kern/string.h>

#define HEADER 36u
#define PARTS_MAX 255u
#define LOAD_DEPTH 16u /* scopes inside one another */

#define EXT_MUTEX 0x01
#define EXT_EVENT 0x02
#define EXT_REGION 0x80
#define EXT_FIELD 0x81
#define EXT_DEVICE 0x82
#define EXT_PROCESSOR 0x83
#define EXT_POWER 0x84
#define EXT_THERMAL 0x85
#define EXT_INDEX_FIELD 0x86
#define EXT_BANK_FIELD 0x87

static int load_terms(struct aml *a, struct aml_code c, u16 scope, unsigned int depth);

/* ---- pieces of code ---- */

int aml_u8(struct aml_code *c, u8 *out)
{
	if (c->at >= c->end)
		return -EINVAL;
	*out = *c->at++;
	return 0;
}

int aml_number(struct aml_code *c, unsigned int bytes, u64 *out)
{
	if ((size_t)(c->end - c->at) < bytes)
		return -EINVAL;
	*out = 0;
	for (unsigned int i = 0; i < bytes; i++)
		*out |= (u64)c->at[i] << 8 * i;
	c->at += bytes;
	return 0;
}

int aml_package(struct aml_code *c, struct aml_code *out)
{
	const u8 *start = c->at;
	u8 first;

	if (aml_u8(c, &first))
		return -EINVAL;
	unsigned int more = first >> 6;
	u32 len = more ? first & 0xf : first & 0x3f;

	for (unsigned int i = 0; i < more; i++) {
		u8 b;

		if (aml_u8(c, &b))
			return -EINVAL;
		len |= (u32)b << (4 + 8 * i);
	}
	if (len < (u32)(c->at - start) || len > (size_t)(c->end - start))
		return -EINVAL;
	*out = (struct aml_code){c->at, start + len};
	c->at = start + len;
	return 0;
}

/* ---- names ---- */

static bool lead_char(u8 b)
{
	return (b >= 'A' && b <= 'Z') || b == '_';
}

bool aml_starts_name(u8 op)
{
	return lead_char(op) || op == OP_ROOT || op == OP_PARENT || op == OP_DUAL || op == OP_MULTI;
}

static u16 child_of(const struct aml *a, u16 parent, u32 name)
{
	for (u16 n = a->node[parent].child; n != AML_NONE; n = a->node[n].next) {
		if (a->node[n].name == name)
			return n;
	}
	return AML_NONE;
}

/* Walks to the parent of the last part. *simple: one part and no prefix, which is looked for
 * upwards too. @name 0: the name is @parent itself. */
static int name_parts(const struct aml *a, struct aml_code *c, u16 scope, u16 *parent, u32 *name,
		      bool *simple)
{
	u16 at = scope;
	bool prefixed = false;
	u8 op, count = 1;

	for (; c->at < c->end && (*c->at == OP_ROOT || *c->at == OP_PARENT); c->at++) {
		at = *c->at == OP_ROOT || at == AML_NONE ? 0 : a->node[at].parent;
		at = at == AML_NONE ? 0 : at;
		prefixed = true;
	}
	if (c->at >= c->end)
		return -EINVAL;
	op = *c->at;
	if (op == OP_ZERO || op == OP_DUAL || op == OP_MULTI)
		c->at++;
	if (op == OP_ZERO)
		count = 0;
	else if (op == OP_DUAL)
		count = 2;
	else if (op == OP_MULTI && (aml_u8(c, &count) || !count))
		return -EINVAL;
	if ((size_t)(c->end - c->at) < 4u * count)
		return -EINVAL;
	*name = 0;
	for (unsigned int i = 0; i < count; i++, c->at += 4) {
		if (i && at != AML_NONE)
			at = child_of(a, at, *name);
		if (!lead_char(c->at[0]))
			return -EINVAL;
		memcpy(name, c->at, 4);
	}
	*parent = at;
	*simple = count == 1 && !prefixed;
	return 0;
}

int aml_name(const struct aml *a, struct aml_code *c, u16 scope, u16 *out)
{
	u16 parent;
	u32 name;
	bool simple;
	int err = name_parts(a, c, scope, &parent, &name, &simple);

	if (err)
		return err;
	if (!name || parent == AML_NONE) {
		*out = parent;
		return 0;
	}
	*out = child_of(a, parent, name);
	while (simple && *out == AML_NONE && parent) {
		parent = a->node[parent].parent;
		*out = child_of(a, parent, name);
	}
	return 0;
}

/* A node for a name that is declared here, or the one that has it already. */
static int declare(struct aml *a, struct aml_code *c, u16 scope, enum aml_kind kind, u16 *out)
{
	u16 parent;
	u32 name;
	bool simple;
	int err = name_parts(a, c, scope, &parent, &name, &simple);

	if (err)
		return err;
	if (parent == AML_NONE)
		return -EINVAL;
	*out = name ? child_of(a, parent, name) : parent;
	if (*out != AML_NONE)
		return 0;
	if (a->nodes >= a->nodes_max)
		return -ENOMEM;
	*out = (u16)a->nodes++;
	a->node[*out] = (struct aml_node){
		.name = name,
		.parent = parent,
		.child = AML_NONE,
		.next = a->node[parent].child,
		.kind = (u8)kind,
	};
	a->node[parent].child = *out;
	return 0;
}

/* ---- passing over data ---- */

/* An object, or an argument that needs no arithmetic. */
static int skip_data(struct aml_code *c)
{
	struct aml_code inner;
	u8 op;
	u64 v;

	if (aml_u8(c, &op))
		return -EINVAL;
	switch (op) {
	case OP_ZERO:
	case OP_ONE:
	case OP_ONES:
		return 0;
	case OP_BYTE:
		return aml_number(c, 1, &v);
	case OP_WORD:
		return aml_number(c, 2, &v);
	case OP_DWORD:
		return aml_number(c, 4, &v);
	case OP_QWORD:
		return aml_number(c, 8, &v);
	case OP_STRING:
		do {
			if (aml_u8(c, &op))
				return -EINVAL;
		} while (op);
		return 0;
	case OP_BUFFER:
	case OP_PACKAGE:
	case OP_VAR_PACKAGE:
		return aml_package(c, &inner);
	default:
		return -EINVAL;
	}
}

/* ---- terms ---- */

static int load_name(struct aml *a, struct aml_code *c, u16 scope)
{
	u16 n;
	int err = declare(a, c, scope, AML_NAME, &n);

	if (err)
		return err;
	if (a->node[n].kind == AML_NAME) {
		a->node[n].body = c->at;
		a->node[n].len = (u32)(c->end - c->at);
	}
	return skip_data(c);
}

static int load_method(struct aml *a, struct aml_code *c, u16 scope)
{
	struct aml_code in;
	u16 n;
	u8 flags;
	int err = aml_package(c, &in);

	if (!err)
		err = declare(a, &in, scope, AML_METHOD, &n);
	if (err || aml_u8(&in, &flags))
		return err ? err : -EINVAL;
	if (a->node[n].kind == AML_METHOD) {
		a->node[n].args = flags & 7;
		a->node[n].body = in.at;
		a->node[n].len = (u32)(in.end - in.at);
	}
	return 0;
}

/* A scope with names in it; @fixed: so many bytes stand between its name and them. From what cannot
 * be read in it to its end is lost, no more. */
static int load_scope(struct aml *a, struct aml_code *c, u16 scope, enum aml_kind kind,
		      unsigned int fixed, unsigned int depth)
{
	struct aml_code in;
	u16 n;
	int err = aml_package(c, &in);

	if (!err)
		err = declare(a, &in, scope, kind, &n);
	if (err || (size_t)(in.end - in.at) < fixed)
		return err ? err : -EINVAL;
	in.at += fixed;
	err = depth < LOAD_DEPTH ? load_terms(a, in, n, depth + 1) : -EINVAL;
	if (err)
		a->lost = err;
	return 0;
}

static int load_extended(struct aml *a, struct aml_code *c, u16 scope, unsigned int depth)
{
	struct aml_code in;
	u16 n;
	u8 op, b;
	int err;

	if (aml_u8(c, &op))
		return -EINVAL;
	switch (op) {
	case EXT_MUTEX:
		err = declare(a, c, scope, AML_OTHER, &n);
		return err ? err : aml_u8(c, &b);
	case EXT_EVENT:
		return declare(a, c, scope, AML_OTHER, &n);
	case EXT_REGION:
		err = declare(a, c, scope, AML_OTHER, &n);
		if (!err)
			err = aml_u8(c, &b);
		if (!err)
			err = skip_data(c);
		return err ? err : skip_data(c);
	case EXT_FIELD:
	case EXT_INDEX_FIELD:
	case EXT_BANK_FIELD:
		return aml_package(c, &in);
	case EXT_DEVICE:
		return load_scope(a, c, scope, AML_DEVICE, 0, depth);
	case EXT_PROCESSOR:
		return load_scope(a, c, scope, AML_OTHER, 6, depth);
	case EXT_POWER:
		return load_scope(a, c, scope, AML_OTHER, 3, depth);
	case EXT_THERMAL:
		return load_scope(a, c, scope, AML_OTHER, 0, depth);
	default:
		return -EINVAL;
	}
}

static int load_term(struct aml *a, struct aml_code *c, u16 scope, unsigned int depth)
{
	struct aml_code in;
	u16 n;
	u8 op;
	u64 v;
	int err;

	if (aml_u8(c, &op))
		return -EINVAL;
	switch (op) {
	case OP_NAME:
		return load_name(a, c, scope);
	case OP_SCOPE:
		return load_scope(a, c, scope, AML_SCOPE, 0, depth);
	case OP_METHOD:
		return load_method(a, c, scope);
	case OP_EXT:
		return load_extended(a, c, scope, depth);
	case OP_ALIAS:
		err = aml_name(a, c, scope, &n);
		return err ? err : aml_name(a, c, scope, &n);
	case OP_EXTERNAL:
		err = aml_name(a, c, scope, &n);
		return err ? err : aml_number(c, 2, &v);
	case OP_IF: /* names that are there under a condition are not there */
	case OP_ELSE:
	case OP_WHILE:
		return aml_package(c, &in);
	case OP_NOOP:
		return 0;
	default:
		return -EINVAL;
	}
}

static int load_terms(struct aml *a, struct aml_code c, u16 scope, unsigned int depth)
{
	int err = 0;

	while (c.at < c.end && !err)
		err = load_term(a, &c, scope, depth);
	return err;
}

void aml_init(struct aml *a, struct aml_node *nodes, u32 nodes_max, void *heap, size_t heap_size)
{
	*a = (struct aml){
		.node = nodes,
		.nodes = 1,
		.nodes_max = min(nodes_max, (u32)AML_NONE),
		.heap = heap,
		.heap_size = heap_size,
	};
	nodes[0] = (struct aml_node){.parent = AML_NONE, .child = AML_NONE, .next = AML_NONE};
	/* What every table takes for granted: 5.3.1. */
	static const char *const given[] = {"_GPE", "_PR_", "_SB_", "_SI_", "_TZ_"};

	for (unsigned int i = 0; i < ARRAY_SIZE(given) && a->nodes < a->nodes_max; i++) {
		struct aml_node *n = &nodes[a->nodes];

		*n = (struct aml_node){.child = AML_NONE, .next = nodes[0].child};
		memcpy(&n->name, given[i], 4);
		nodes[0].child = (u16)a->nodes++;
	}
}

int aml_load(struct aml *a, const u8 *table, u32 len)
{
	struct aml_code c = {table + HEADER, table + len};

	if (len < HEADER)
		return -EINVAL;
	a->lost = 0;
	int err = load_terms(a, c, 0, 0);

	return err ? err : a->lost;
}

/* ---- asking ---- */

u16 aml_find(const struct aml *a, u16 scope, const char *path)
{
	u16 at = scope;

	if (*path == '\\') {
		at = 0;
		path++;
	}
	while (*path && at != AML_NONE) {
		u8 part[4] = {'_', '_', '_', '_'};
		unsigned int i = 0;
		u32 name;

		for (; *path && *path != '.'; path++) {
			if (i < 4)
				part[i++] = (u8)*path;
		}
		path += *path == '.';
		memcpy(&name, part, 4);
		at = child_of(a, at, name);
	}
	return at;
}

u16 aml_next_device(const struct aml *a, u16 after)
{
	for (u32 n = after == AML_NONE ? 1 : after + 1u; n < a->nodes; n++) {
		if (a->node[n].kind == AML_DEVICE)
			return (u16)n;
	}
	return AML_NONE;
}

void aml_path(const struct aml *a, u16 node, char *buf, size_t size)
{
	u16 up[LOAD_DEPTH + 2];
	unsigned int n = 0;
	size_t len = 1;

	for (; node && node != AML_NONE && n < ARRAY_SIZE(up); node = a->node[node].parent)
		up[n++] = node;
	if (size < 2)
		return;
	buf[0] = '\\';
	while (n-- && len + 6 < size) {
		if (len > 1)
			buf[len++] = '.';
		memcpy(buf + len, &a->node[up[n]].name, 4);
		len += 4;
		while (buf[len - 1] == '_')
			len--;
	}
	buf[len] = 0;
}
