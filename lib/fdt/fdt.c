#include <lib/fdt/fdt.h>

#include <kern/endian.h>
#include <kern/errno.h>
#include <kern/string.h>

#define MAGIC 0xd00dfeedu
#define VERSION_MIN 17u /* has the size of the structure */

#define TOKEN_BEGIN 1u
#define TOKEN_END 2u
#define TOKEN_PROP 3u
#define TOKEN_NOP 4u

static u32 word(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

u32 fdt_total_size(const void *header)
{
	const u8 *h = header;

	return word(h) == MAGIC ? word(h + 4) : 0;
}

static bool block(u32 size, u32 at, u32 len)
{
	return at <= size && len <= size - at;
}

int fdt_open(struct fdt *out, const void *data, size_t size)
{
	const u8 *h = data;

	if (size < FDT_HEADER_SIZE)
		return -EINVAL;
	u32 total = fdt_total_size(data);

	if (total < FDT_HEADER_SIZE || total > size || word(h + 20) < VERSION_MIN ||
	    word(h + 24) > VERSION_MIN)
		return -EINVAL;
	u32 structure = word(h + 8), structure_len = word(h + 36);
	u32 strings = word(h + 12), strings_len = word(h + 32);

	if (structure & 3 || !block(total, structure, structure_len) ||
	    !block(total, strings, strings_len))
		return -EINVAL;
	*out = (struct fdt){data, structure, structure + structure_len, strings,
			    strings + strings_len};
	return 0;
}

void fdt_walk_begin(struct fdt_walk *w, const struct fdt *fdt)
{
	*w = (struct fdt_walk){fdt, fdt->structure, 0};
}

/* The string at @at that ends before @end: its length, or -1. */
static s64 string_at(const struct fdt *f, u32 at, u32 end)
{
	const u8 *nul = at < end ? memchr(f->data + at, 0, end - at) : NULL;

	return nul ? nul - (f->data + at) : -1;
}

static u32 aligned(u32 at)
{
	return (at + 3) & ~3u;
}

static bool node(struct fdt_walk *w, struct fdt_item *out)
{
	const struct fdt *f = w->fdt;
	s64 len = string_at(f, w->at, f->structure_end);

	if (len < 0 || w->depth == FDT_DEPTH_MAX)
		return false;
	*out = (struct fdt_item){FDT_NODE, w->depth++, (const char *)f->data + w->at, NULL, 0};
	w->at = aligned(w->at + (u32)len + 1);
	return true;
}

static bool property(struct fdt_walk *w, struct fdt_item *out)
{
	const struct fdt *f = w->fdt;

	if (!w->depth || !block(f->structure_end, w->at, 8))
		return false;
	u32 len = word(f->data + w->at), name = word(f->data + w->at + 4);

	w->at += 8;
	if (!block(f->structure_end, w->at, len) || name >= f->strings_end - f->strings ||
	    string_at(f, f->strings + name, f->strings_end) < 0)
		return false;
	*out = (struct fdt_item){FDT_PROPERTY, w->depth - 1,
				 (const char *)f->data + f->strings + name, f->data + w->at, len};
	w->at = aligned(w->at + len);
	return true;
}

bool fdt_walk_next(struct fdt_walk *w, struct fdt_item *out)
{
	const struct fdt *f = w->fdt;

	while (w->at <= f->structure_end && f->structure_end - w->at >= 4) {
		u32 token = word(f->data + w->at);

		w->at += 4;
		switch (token) {
		case TOKEN_NOP:
			continue;
		case TOKEN_BEGIN:
			return node(w, out);
		case TOKEN_PROP:
			return property(w, out);
		case TOKEN_END:
			if (!w->depth)
				return false;
			*out = (struct fdt_item){FDT_NODE_END, --w->depth, NULL, NULL, 0};
			return true;
		default:
			return false;
		}
	}
	return false;
}

bool fdt_cells(const u8 *value, u32 len, unsigned int cells, u64 *out)
{
	if (!cells || cells > 2 || len < cells * 4)
		return false;
	*out = cells == 1 ? word(value) : (u64)word(value) << 32 | word(value + 4);
	return true;
}

bool fdt_has_string(const u8 *value, u32 len, const char *text)
{
	size_t want = strlen(text) + 1;

	while (len) {
		const u8 *nul = memchr(value, 0, len);

		if (!nul)
			return false;
		u32 n = (u32)(nul - value) + 1;

		if (n == want && !memcmp(value, text, n))
			return true;
		value += n;
		len -= n;
	}
	return false;
}

/* --- /reserved-memory --- */

struct reading {
	struct fdt_pool pool;
	bool inside;		       /* /reserved-memory */
	u32 address_cells, size_cells; /* of its children */
	bool is_pool, reusable, disabled, no_map;
};

/* Two numbers, an address and a size. */
static bool pair(const struct reading *r, const struct fdt_item *i, u64 *address, u64 *size)
{
	u32 skip = r->address_cells * 4;

	return fdt_cells(i->value, i->len, r->address_cells, address) && i->len >= skip &&
	       fdt_cells(i->value + skip, i->len - skip, r->size_cells, size);
}

static void cells_of(const struct fdt_item *i, u32 *cells)
{
	u64 v;

	if (fdt_cells(i->value, i->len, 1, &v))
		*cells = (u32)v;
}

static void pool_property(struct reading *r, const struct fdt_item *i)
{
	struct fdt_pool *p = &r->pool;
	u64 from, len;

	if (!strcmp(i->name, "compatible"))
		r->is_pool = fdt_has_string(i->value, i->len, "shared-dma-pool");
	else if (!strcmp(i->name, "reusable"))
		r->reusable = true;
	else if (!strcmp(i->name, "no-map"))
		r->no_map = true;
	else if (!strcmp(i->name, "linux,cma-default"))
		p->is_default = true;
	else if (!strcmp(i->name, "status"))
		r->disabled = !fdt_has_string(i->value, i->len, "okay") &&
			      !fdt_has_string(i->value, i->len, "ok");
	else if (!strcmp(i->name, "reg"))
		p->fixed = pair(r, i, &p->base, &p->size);
	else if (!strcmp(i->name, "size") && !p->fixed)
		(void)fdt_cells(i->value, i->len, r->size_cells, &p->size);
	else if (!strcmp(i->name, "alignment"))
		(void)fdt_cells(i->value, i->len, r->size_cells, &p->align);
	else if (!strcmp(i->name, "alloc-ranges") && pair(r, i, &from, &len) && from + len > from) {
		p->from = from;
		p->to = from + len;
	}
}

static void read_property(struct reading *r, const struct fdt_item *i)
{
	if (i->depth == 2 && r->inside) {
		pool_property(r, i);
		return;
	}
	/* A node's own cells are those of its children: the root's are what this one begins with.
	 */
	if (i->depth == 0 || (i->depth == 1 && r->inside)) {
		if (!strcmp(i->name, "#address-cells"))
			cells_of(i, &r->address_cells);
		else if (!strcmp(i->name, "#size-cells"))
			cells_of(i, &r->size_cells);
	}
}

unsigned int fdt_reusable_pools(const struct fdt *fdt, struct fdt_pool *out, unsigned int max)
{
	struct reading r = {.address_cells = 2, .size_cells = 1};
	struct fdt_walk w;
	struct fdt_item i;
	unsigned int n = 0;

	fdt_walk_begin(&w, fdt);
	while (n < max && fdt_walk_next(&w, &i)) {
		if (i.kind == FDT_PROPERTY) {
			read_property(&r, &i);
		} else if (i.kind == FDT_NODE && i.depth == 1) {
			r.inside = !strcmp(i.name, "reserved-memory");
		} else if (i.kind == FDT_NODE && i.depth == 2) {
			r.pool = (struct fdt_pool){.name = i.name};
			r.is_pool = r.reusable = r.disabled = r.no_map = false;
		} else if (i.kind == FDT_NODE_END && i.depth == 2 && r.inside && r.is_pool &&
			   r.reusable && !r.disabled && !r.no_map && r.pool.size) {
			out[n++] = r.pool;
		}
	}
	return n;
}
