/* Lists of resources: ACPI 6.5, 6.4. */
#include "aml_impl.h"

#include <kern/endian.h>

#define LARGE 0x80u
#define SMALL_END 0x0fu
#define LARGE_MEMORY32_FIXED 0x86u
#define LARGE_DWORD 0x87u
#define LARGE_IRQ 0x89u
#define LARGE_QWORD 0x8au

/* @p: behind the length. */
static void large(u8 tag, const u8 *p, u32 len, struct aml_resources *out)
{
	if (tag == LARGE_MEMORY32_FIXED && len >= 9 && !out->memory_len) {
		out->memory = le32_read(p + 1);
		out->memory_len = le32_read(p + 5);
	} else if (tag == LARGE_QWORD && len >= 43 && !p[0] && !out->memory_len) {
		out->memory = le64_read(p + 11);
		out->memory_len = le64_read(p + 35);
	} else if (tag == LARGE_DWORD && len >= 23 && !p[0] && !out->memory_len) {
		out->memory = le32_read(p + 7);
		out->memory_len = le32_read(p + 19);
	} else if (tag == LARGE_IRQ && len >= 6 && p[1] && !out->irq_count) {
		out->irq = le32_read(p + 2);
		out->irq_count = p[1];
		out->irq_edge = p[0] & 2;
		out->irq_low = p[0] & 4;
	}
}

void aml_read_resources(const u8 *bytes, u32 len, struct aml_resources *out)
{
	*out = (struct aml_resources){0};
	for (u32 at = 0; at < len;) {
		u8 tag = bytes[at];
		u32 head = tag & LARGE ? 3 : 1, size;

		if (len - at < head)
			return;
		size = tag & LARGE ? le16_read(bytes + at + 1) : tag & 7u;
		if (size > len - at - head || (!(tag & LARGE) && tag >> 3 == SMALL_END))
			return;
		if (tag & LARGE)
			large(tag, bytes + at + head, size, out);
		at += head + size;
	}
}
