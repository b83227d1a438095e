/*
 * ACPI's byte code: the names of a machine's tables, and the values behind them.
 *
 * Pure. Of the language there is what devices need that describe themselves: names, devices,
 * methods, integers, strings, buffers, packages, arithmetic, If and While, Store to locals and to
 * elements, Notify. Registers (operation regions, fields), mutexes and names made while a method
 * runs are refused with -EOPNOTSUPP: nothing in a table can make the kernel touch the machine.
 * Tables are input: an evaluation ends after AML_STEPS steps, AML_DEPTH calls, and the memory it
 * was given. Source: ACPI 6.5, chapter 20.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

#define AML_STEPS 20000u
#define AML_DEPTH 8u
#define AML_NONE 0xffffu /* no node; the root is 0 */

enum aml_kind { AML_SCOPE, AML_DEVICE, AML_METHOD, AML_NAME, AML_OTHER };

struct aml_node {
	u32 name; /* four letters, as in the table */
	u16 parent, child, next;
	u8 kind;
	u8 args;	/* of a method */
	const u8 *body; /* method: its code; name: its object, to the end of the table */
	u32 len;
};

enum aml_type { AML_NOTHING, AML_INTEGER, AML_STRING, AML_BUFFER, AML_PACKAGE, AML_REFERENCE };

struct aml_value {
	enum aml_type type;
	u32 len; /* bytes without the terminator, elements */
	union {
		u64 integer;
		u8 *bytes;		   /* buffer, string (terminated) */
		struct aml_value *element; /* package */
		struct {		   /* what Index() gives: an element or a byte */
			struct aml_value *of;
			u8 *byte;
		} to;
	};
};

struct aml {
	struct aml_node *node;
	u32 nodes, nodes_max;
	u8 *heap; /* for one evaluation */
	size_t heap_size, heap_used;
	u32 steps, depth, terms;
	int lost; /* why a part of the table was not read */
	/* Notify(@node, @value) was reached; may be NULL. */
	void (*notify)(void *ctx, u16 node, u64 value);
	void *notify_ctx;
};

/* @nodes: room for @nodes_max; @heap: for values, alive from one aml_eval() to the next. */
void aml_init(struct aml *a, struct aml_node *nodes, u32 nodes_max, void *heap, size_t heap_size);
/*
 * Enters the names of a table (with its header of 36 bytes), which must stay where it is. -EINVAL:
 * some of it makes no sense or is not understood, -ENOMEM: too many names; what was entered stays.
 */
int aml_load(struct aml *a, const u8 *table, u32 len) __must_check;

/* The node of a path ("\\_SB.VGEN", "ADDR": that child of @scope); AML_NONE. */
u16 aml_find(const struct aml *a, u16 scope, const char *path);
/* The device behind @after in table order (AML_NONE: the first); AML_NONE: no more. */
u16 aml_next_device(const struct aml *a, u16 after);
/* "\\_SB.VGEN", cut to @size. */
void aml_path(const struct aml *a, u16 node, char *buf, size_t size);

/*
 * The value of a name or of a method without arguments. -EINVAL: no sense; -EOPNOTSUPP: not
 * understood; -ENOMEM, -ELOOP (too many steps or calls), -ENOENT (a name that is not there).
 */
int aml_eval(struct aml *a, u16 node, struct aml_value *out) __must_check;
/* Is @v the hardware id @id ("PNP0C0C", "QEMUVGID"), as a text or as the number that stands for it?
 */
bool aml_is_id(const struct aml_value *v, const char *id);

/* What a device uses, out of the buffer of its _CRS: the first of each. */
struct aml_resources {
	u64 memory, memory_len; /* len 0: none */
	u32 irq, irq_count;	/* global system interrupt */
	bool irq_edge, irq_low;
};
void aml_read_resources(const u8 *bytes, u32 len, struct aml_resources *out);
