/*
 * Flattened device tree (Devicetree Specification 0.4, chapter 5): reading one that came from
 * outside.  Nothing in it is trusted; nothing outside of it is read.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct fdt {
	const u8 *data;
	u32 structure, structure_end; /* offsets in data */
	u32 strings, strings_end;
};

#define FDT_HEADER_SIZE 40u
#define FDT_DEPTH_MAX 32u

/* Bytes that the tree at @header (FDT_HEADER_SIZE bytes) has in all; 0: it is none. */
u32 fdt_total_size(const void *header);
/* -EINVAL: no tree, or one of a version that cannot be read. */
int fdt_open(struct fdt *out, const void *data, size_t size) __must_check;

enum fdt_kind { FDT_NODE, FDT_NODE_END, FDT_PROPERTY };

struct fdt_item {
	enum fdt_kind kind;
	unsigned int depth; /* of the node, of the one a property belongs to; the root's is 0 */
	const char *name;   /* in the tree; of a node with its unit address */
	const u8 *value;    /* property */
	u32 len;
};
struct fdt_walk {
	const struct fdt *fdt;
	u32 at;
	unsigned int depth; /* nodes that are open */
};
void fdt_walk_begin(struct fdt_walk *w, const struct fdt *fdt);
/* The next item in order; false at the end, or where the tree is broken. */
bool fdt_walk_next(struct fdt_walk *w, struct fdt_item *out);

/* A number of @cells (1 or 2) 32-bit words; false if it is not of that length at least. */
bool fdt_cells(const u8 *value, u32 len, unsigned int cells, u64 *out);
/* Is @text one of the strings of a list? */
bool fdt_has_string(const u8 *value, u32 len, const char *text);

/* A child of /reserved-memory that is a pool for contiguous memory. */
struct fdt_pool {
	const char *name;
	u64 base, size; /* base if fixed */
	u64 align;	/* 0: any */
	u64 from, to;	/* where it may lie; to 0: anywhere */
	bool fixed;
	bool is_default; /* linux,cma-default */
};
/* Those that are "shared-dma-pool" and reusable: at most @max, how many. */
unsigned int fdt_reusable_pools(const struct fdt *fdt, struct fdt_pool *out, unsigned int max);
