/*
 * Values: data, and methods as they run.
 *
 * A run has a budget of steps, a bounded depth, and a heap that is given up as a whole. The frames
 * of methods are on the caller's stack, so recursion over terms counts as depth as well.
 */
#include "aml_impl.h"

#include <kern/endian.h>
#include <kern/errno.h>
#include <kern/string.h>

#define LOCALS 8u
#define ARGS 7u
#define TERM_DEPTH 12u /* terms inside one another, over all calls */
#define ELEMENTS_MAX 255u
#define BYTES_MAX 4096u

/* What a list of terms ended with, beside an error. */
enum flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE, FLOW_RETURN };

struct frame {
	struct aml *a;
	u16 scope;
	struct aml_value local[LOCALS], arg[ARGS], result;
};

static int term(struct frame *f, struct aml_code *c, struct aml_value *out);
static int run_list(struct frame *f, struct aml_code c, enum flow *flow);

static int step(struct aml *a)
{
	if (!a->steps)
		return -ELOOP;
	a->steps--;
	return 0;
}

static void *heap_get(struct aml *a, size_t size)
{
	size = (size + 15) & ~(size_t)15;
	if (size > a->heap_size - a->heap_used)
		return NULL;
	void *p = a->heap + a->heap_used;

	a->heap_used += size;
	memset(p, 0, size);
	return p;
}

static void set_integer(struct aml_value *v, u64 n)
{
	*v = (struct aml_value){.type = AML_INTEGER, .integer = n};
}

/* ---- data ---- */

static int eval_integer(struct frame *f, struct aml_code *c, u64 *out)
{
	struct aml_value v;
	int err = term(f, c, &v);

	if (err)
		return err;
	if (v.type != AML_INTEGER)
		return -EINVAL;
	*out = v.integer;
	return 0;
}

static int eval_string(struct frame *f, struct aml_code *c, struct aml_value *out)
{
	const u8 *start = c->at;
	u8 b;

	do {
		if (aml_u8(c, &b))
			return -EINVAL;
	} while (b);
	u32 len = (u32)(c->at - start) - 1;

	if (len > BYTES_MAX)
		return -EINVAL;
	u8 *p = heap_get(f->a, len + 1);

	if (!p)
		return -ENOMEM;
	memcpy(p, start, len);
	*out = (struct aml_value){.type = AML_STRING, .len = len, .bytes = p};
	return 0;
}

static int eval_buffer(struct frame *f, struct aml_code *c, struct aml_value *out)
{
	struct aml_code in;
	u64 size;
	int err = aml_package(c, &in);

	if (!err)
		err = eval_integer(f, &in, &size);
	if (err)
		return err;
	size_t given = (size_t)(in.end - in.at);

	if (size > BYTES_MAX || given > BYTES_MAX)
		return -EINVAL;
	size = max_t(u64, size, given);
	u8 *p = heap_get(f->a, size ? size : 1);

	if (!p)
		return -ENOMEM;
	memcpy(p, in.at, given);
	*out = (struct aml_value){.type = AML_BUFFER, .len = (u32)size, .bytes = p};
	return 0;
}

/* An element: data, or a name, which stays unevaluated (a reference that nobody here follows). */
static int eval_element(struct frame *f, struct aml_code *c, struct aml_value *out)
{
	u16 node;

	if (c->at < c->end && *c->at != OP_ZERO && aml_starts_name(*c->at)) {
		*out = (struct aml_value){.type = AML_NOTHING};
		return aml_name(f->a, c, f->scope, &node);
	}
	return term(f, c, out);
}

static int eval_package(struct frame *f, struct aml_code *c, bool variable, struct aml_value *out)
{
	struct aml_code in;
	u64 count;
	int err = aml_package(c, &in);

	if (!err)
		err = variable ? eval_integer(f, &in, &count) : aml_number(&in, 1, &count);
	if (err)
		return err;
	if (count > ELEMENTS_MAX)
		return -EINVAL;
	struct aml_value *e = heap_get(f->a, (count ? count : 1) * sizeof(*e));

	if (!e)
		return -ENOMEM;
	for (u64 i = 0; i < count && in.at < in.end; i++) {
		err = eval_element(f, &in, &e[i]);
		if (err)
			return err;
	}
	*out = (struct aml_value){.type = AML_PACKAGE, .len = (u32)count, .element = e};
	return 0;
}

/* ---- where values are stored ---- */

static void follow(struct aml_value *v)
{
	if (v->type != AML_REFERENCE)
		return;
	if (v->to.of)
		*v = *v->to.of;
	else
		set_integer(v, *v->to.byte);
}

static int store_to(const struct aml_value *place, const struct aml_value *v)
{
	if (place->to.of) {
		*place->to.of = *v;
		return 0;
	}
	if (v->type != AML_INTEGER)
		return -EINVAL;
	*place->to.byte = (u8)v->integer;
	return 0;
}

static int eval_index(struct frame *f, struct aml_code *c, struct aml_value *out)
{
	struct aml_value v;
	u64 i;
	u8 target;
	int err = term(f, c, &v);

	if (!err)
		err = eval_integer(f, c, &i);
	if (err || aml_u8(c, &target))
		return err ? err : -EINVAL;
	if (target != OP_ZERO)
		return -EOPNOTSUPP;
	if ((v.type != AML_PACKAGE && v.type != AML_BUFFER && v.type != AML_STRING) || i >= v.len)
		return -EINVAL;
	*out = (struct aml_value){.type = AML_REFERENCE};
	if (v.type == AML_PACKAGE)
		out->to.of = &v.element[i];
	else
		out->to.byte = &v.bytes[i];
	return 0;
}

/* Stores to the target that stands at @c: nothing, a local, an argument, an element. */
static int store(struct frame *f, struct aml_code *c, const struct aml_value *v)
{
	struct aml_value place;
	u8 op;

	if (aml_u8(c, &op))
		return -EINVAL;
	if (op == OP_ZERO)
		return 0;
	if (op >= OP_LOCAL0 && op <= OP_LOCAL7) {
		f->local[op - OP_LOCAL0] = *v;
		return 0;
	}
	if (op >= OP_ARG0 && op <= OP_ARG6) {
		f->arg[op - OP_ARG0] = *v;
		return 0;
	}
	if (op != OP_INDEX)
		return -EOPNOTSUPP;
	int err = eval_index(f, c, &place);

	return err ? err : store_to(&place, v);
}

/* ---- operators ---- */

static u64 compute(u8 op, u64 a, u64 b)
{
	switch (op) {
	case OP_ADD:
		return a + b;
	case OP_SUBTRACT:
		return a - b;
	case OP_MULTIPLY:
		return a * b;
	case OP_SHIFT_LEFT:
		return b < 64 ? a << b : 0;
	case OP_SHIFT_RIGHT:
		return b < 64 ? a >> b : 0;
	case OP_AND:
		return a & b;
	case OP_NAND:
		return ~(a & b);
	case OP_OR:
		return a | b;
	case OP_NOR:
		return ~(a | b);
	case OP_XOR:
		return a ^ b;
	case OP_LAND:
		return a && b ? ~0ull : 0;
	case OP_LOR:
		return a || b ? ~0ull : 0;
	case OP_LEQUAL:
		return a == b ? ~0ull : 0;
	case OP_LGREATER:
		return a > b ? ~0ull : 0;
	default: /* OP_LLESS */
		return a < b ? ~0ull : 0;
	}
}

static int eval_binary(struct frame *f, struct aml_code *c, u8 op, bool target,
		       struct aml_value *out)
{
	u64 a, b;
	int err = eval_integer(f, c, &a);

	if (!err)
		err = eval_integer(f, c, &b);
	if (err)
		return err;
	set_integer(out, compute(op, a, b));
	return target ? store(f, c, out) : 0;
}

/* Increment and Decrement read and write the same place. */
static int eval_step(struct frame *f, struct aml_code *c, u64 by, struct aml_value *out)
{
	struct aml_code target = *c;
	u64 v;
	int err = eval_integer(f, c, &v);

	if (err)
		return err;
	set_integer(out, v + by);
	return store(f, &target, out);
}

static int eval_unary(struct frame *f, struct aml_code *c, u8 op, struct aml_value *out)
{
	struct aml_value v;
	int err = term(f, c, &v);

	if (err)
		return err;
	if (op == OP_SIZEOF) {
		if (v.type == AML_INTEGER || v.type == AML_NOTHING)
			return -EINVAL;
		set_integer(out, v.len);
		return 0;
	}
	if (op == OP_DEREF) {
		*out = v; /* term() has followed it */
		return 0;
	}
	if (v.type != AML_INTEGER)
		return -EINVAL;
	set_integer(out, op == OP_LNOT ? (v.integer ? 0 : ~0ull) : ~v.integer);
	return op == OP_NOT ? store(f, c, out) : 0;
}

static int eval_notify(struct frame *f, struct aml_code *c)
{
	u16 node;
	u64 value;
	int err;

	if (c->at >= c->end || !aml_starts_name(*c->at))
		return -EOPNOTSUPP;
	err = aml_name(f->a, c, f->scope, &node);
	if (!err)
		err = eval_integer(f, c, &value);
	if (!err && node == AML_NONE)
		err = -ENOENT;
	if (!err && f->a->notify)
		f->a->notify(f->a->notify_ctx, node, value);
	return err;
}

/* ---- names and calls ---- */

static int call(struct frame *from, struct aml_code *c, u16 node, struct aml_value *out)
{
	struct aml *a = from->a;
	const struct aml_node *m = &a->node[node];
	enum flow flow = FLOW_NEXT;
	/* Frames are large for a kernel stack: on the heap. */
	struct frame *f = heap_get(a, sizeof(*f));
	int err = f ? 0 : -ENOMEM;

	if (a->depth >= AML_DEPTH)
		err = -ELOOP;
	if (!m->body)
		err = -EINVAL;
	if (err)
		return err;
	f->a = a;
	f->scope = node;
	for (unsigned int i = 0; i < m->args && i < ARGS && !err; i++)
		err = term(from, c, &f->arg[i]);
	if (err)
		return err;
	a->depth++;
	err = run_list(f, (struct aml_code){m->body, m->body + m->len}, &flow);
	a->depth--;
	*out = f->result;
	return err;
}

static int eval_name(struct frame *f, struct aml_code *c, struct aml_value *out)
{
	u16 node;
	int err = aml_name(f->a, c, f->scope, &node);

	if (err)
		return err;
	if (node == AML_NONE)
		return -ENOENT;
	const struct aml_node *n = &f->a->node[node];

	if (n->kind == AML_METHOD)
		return call(f, c, node, out);
	if (n->kind != AML_NAME)
		return -EOPNOTSUPP;
	if (!n->body)
		return -EINVAL;
	struct aml_code body = {n->body, n->body + n->len};

	return term(f, &body, out);
}

/* ---- terms ---- */

static int constant(u8 op, struct aml_code *c, struct aml_value *out)
{
	static const u8 width[] = {[OP_BYTE] = 1, [OP_WORD] = 2, [OP_DWORD] = 4, [OP_QWORD] = 8};
	u64 v;
	int err = aml_number(c, width[op], &v);

	if (!err)
		set_integer(out, v);
	return err;
}

static int term_by_op(struct frame *f, struct aml_code *c, u8 op, struct aml_value *out)
{
	int err;

	switch (op) {
	case OP_ZERO:
	case OP_ONE:
		set_integer(out, op);
		return 0;
	case OP_ONES:
		set_integer(out, ~0ull);
		return 0;
	case OP_BYTE:
	case OP_WORD:
	case OP_DWORD:
	case OP_QWORD:
		return constant(op, c, out);
	case OP_STRING:
		return eval_string(f, c, out);
	case OP_BUFFER:
		return eval_buffer(f, c, out);
	case OP_PACKAGE:
	case OP_VAR_PACKAGE:
		return eval_package(f, c, op == OP_VAR_PACKAGE, out);
	case OP_STORE:
		err = term(f, c, out);
		return err ? err : store(f, c, out);
	case OP_ADD:
	case OP_SUBTRACT:
	case OP_MULTIPLY:
	case OP_SHIFT_LEFT:
	case OP_SHIFT_RIGHT:
	case OP_AND:
	case OP_NAND:
	case OP_OR:
	case OP_NOR:
	case OP_XOR:
		return eval_binary(f, c, op, true, out);
	case OP_LAND:
	case OP_LOR:
	case OP_LEQUAL:
	case OP_LGREATER:
	case OP_LLESS:
		return eval_binary(f, c, op, false, out);
	case OP_INCREMENT:
		return eval_step(f, c, 1, out);
	case OP_DECREMENT:
		return eval_step(f, c, ~0ull, out);
	case OP_NOT:
	case OP_LNOT:
	case OP_SIZEOF:
	case OP_DEREF:
		return eval_unary(f, c, op, out);
	case OP_INDEX:
		err = eval_index(f, c, out);
		if (!err)
			follow(out);
		return err;
	case OP_NOTIFY:
		return eval_notify(f, c);
	default:
		return -EOPNOTSUPP;
	}
}

static int term(struct frame *f, struct aml_code *c, struct aml_value *out)
{
	struct aml *a = f->a;
	u8 op;
	int err = step(a);

	*out = (struct aml_value){.type = AML_NOTHING};
	if (err || c->at >= c->end)
		return err ? err : -EINVAL;
	if (a->terms >= TERM_DEPTH)
		return -ELOOP;
	a->terms++;
	if (aml_starts_name(*c->at)) {
		err = eval_name(f, c, out);
	} else {
		op = *c->at++;
		if (op >= OP_LOCAL0 && op <= OP_LOCAL7)
			*out = f->local[op - OP_LOCAL0];
		else if (op >= OP_ARG0 && op <= OP_ARG6)
			*out = f->arg[op - OP_ARG0];
		else
			err = term_by_op(f, c, op, out);
	}
	a->terms--;
	return err;
}

/* ---- statements ---- */

static int run_if(struct frame *f, struct aml_code *c, enum flow *flow)
{
	struct aml_code then, otherwise = {NULL, NULL};
	u64 yes;
	int err = aml_package(c, &then);

	if (!err)
		err = eval_integer(f, &then, &yes);
	if (!err && c->at < c->end && *c->at == OP_ELSE) {
		c->at++;
		err = aml_package(c, &otherwise);
	}
	if (err)
		return err;
	return run_list(f, yes ? then : otherwise, flow);
}

static int run_while(struct frame *f, struct aml_code *c, enum flow *flow)
{
	struct aml_code all;
	u64 yes;
	int err = aml_package(c, &all);

	while (!err) {
		struct aml_code body = all;

		err = eval_integer(f, &body, &yes);
		if (err || !yes)
			return err;
		err = run_list(f, body, flow);
		if (err || *flow == FLOW_RETURN)
			return err;
		if (*flow == FLOW_BREAK) {
			*flow = FLOW_NEXT;
			return 0;
		}
		*flow = FLOW_NEXT;
	}
	return err;
}

static int run_statement(struct frame *f, struct aml_code *c, enum flow *flow)
{
	struct aml_value unused;

	switch (*c->at) {
	case OP_IF:
		c->at++;
		return run_if(f, c, flow);
	case OP_WHILE:
		c->at++;
		return run_while(f, c, flow);
	case OP_NOOP:
		c->at++;
		return 0;
	case OP_BREAK:
		*flow = FLOW_BREAK;
		return 0;
	case OP_CONTINUE:
		*flow = FLOW_CONTINUE;
		return 0;
	case OP_RETURN:
		c->at++;
		*flow = FLOW_RETURN;
		return term(f, c, &f->result);
	default:
		return term(f, c, &unused);
	}
}

static int run_list(struct frame *f, struct aml_code c, enum flow *flow)
{
	struct aml *a = f->a;
	int err = a->terms < TERM_DEPTH ? 0 : -ELOOP;

	a->terms++;
	while (!err && c.at < c.end && *flow == FLOW_NEXT) {
		err = step(a);
		if (!err)
			err = run_statement(f, &c, flow);
	}
	a->terms--;
	return err;
}

int aml_eval(struct aml *a, u16 node, struct aml_value *out)
{
	if (node == AML_NONE || node >= a->nodes)
		return -ENOENT;
	const struct aml_node *n = &a->node[node];

	if (!n->body)
		return -EINVAL;
	a->heap_used = 0;
	a->steps = AML_STEPS;
	a->depth = a->terms = 0;
	struct frame *f = heap_get(a, sizeof(*f));
	struct aml_code body = {n->body, n->body + n->len};

	if (!f)
		return -ENOMEM;
	f->a = a;
	f->scope = n->parent == AML_NONE ? 0 : n->parent;
	*out = (struct aml_value){.type = AML_NOTHING};
	if (n->kind == AML_NAME)
		return term(f, &body, out);
	if (n->kind != AML_METHOD || n->args)
		return -EINVAL;
	return call(f, &body, node, out);
}

/* "PNP0C0C" as a number: three letters of five bits, four digits of four, bytes swapped (19.6.36).
 */
static u32 eisa_number(const char *id)
{
	u32 v = 0;

	for (unsigned int i = 0; i < 3; i++)
		v = v << 5 | ((u32)(id[i] - '@') & 31);
	for (unsigned int i = 3; i < 7; i++)
		v = v << 4 | ((u32)(id[i] <= '9' ? id[i] - '0' : id[i] - 'A' + 10) & 15);
	return swab32(v);
}

bool aml_is_id(const struct aml_value *v, const char *id)
{
	size_t len = strlen(id);

	if (v->type == AML_STRING)
		return v->len == len && !memcmp(v->bytes, id, len);
	return v->type == AML_INTEGER && len == 7 && v->integer == eisa_number(id);
}
