#include <lib/bitmap/bitmap.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Whatever parses prints as something that parses to the same bits. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	DECLARE_BITMAP(a, 150);
	DECLARE_BITMAP(b, 150);
	char text[1024];

	if (bitmap_parse_list((const char *)data, size, a, 150))
		return 0;
	int n = bitmap_format_list(text, sizeof(text), a, 150);

	if (bitmap_parse_list(text, (size_t)n, b, 150) || !bitmap_equal(a, b, 150))
		__builtin_trap();
	return 0;
}
