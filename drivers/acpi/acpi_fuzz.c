/* Any bytes as the memory in which the tables are looked for. */
#include <drivers/acpi/acpi.h>

static const u8 *bytes;
static size_t count;

static const void *map(u64 phys, size_t len)
{
	if (phys < 0xe0000 || phys - 0xe0000 > count || len > count - (phys - 0xe0000))
		return NULL;
	return bytes + (phys - 0xe0000);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct acpi_memory mem = {map};
	struct acpi_info info;

	bytes = data;
	count = size;
	return acpi_scan(&mem, 0, &info) ? 0 : 0;
}
