#include <kern/errno.h>
#include <kern/string.h>
#include <lib/fdt/fdt.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* All that an item points at lies in the input, and a walk ends. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fdt f;
	struct fdt_walk w;
	struct fdt_item i;
	struct fdt_pool pools[4];

	if (fdt_open(&f, data, size))
		return 0;
	fdt_walk_begin(&w, &f);
	for (size_t n = 0; fdt_walk_next(&w, &i); n++) {
		const u8 *name = (const u8 *)i.name;

		if (n > size || i.depth >= FDT_DEPTH_MAX)
			__builtin_trap();
		if (i.kind != FDT_NODE_END && (name < data || name + strlen(i.name) >= data + size))
			__builtin_trap();
		if (i.kind == FDT_PROPERTY &&
		    (i.value < data || i.len > size || i.value > data + size - i.len))
			__builtin_trap();
	}
	for (unsigned int n = fdt_reusable_pools(&f, pools, 4); n--;)
		(void)strlen(pools[n].name);
	return 0;
}
