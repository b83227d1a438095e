#include <kern/errno.h>
#include <kern/string.h>
#include <lib/cpio/cpio.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* All that an entry points at lies in the input. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct cpio c;
	struct cpio_entry e;

	cpio_init(&c, data, size);
	while (!cpio_next(&c, &e)) {
		if (e.data_offset > size || e.data_size > size - e.data_offset ||
		    (const u8 *)e.name < data || e.name[e.name_len] || c.pos > size)
			__builtin_trap();
		(void)cpio_checksum_ok(&e);
	}
	return 0;
}
