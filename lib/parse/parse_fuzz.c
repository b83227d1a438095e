#include <kern/string.h>
#include <lib/parse/parse.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char text[512], *p, *key, *value;
	const char *s;
	u64 v;
	s64 n;
	int err;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	err = parse_u64(text, 0, &v);
	if (!err && strlen(text) > 70 && text[0] != '0' && text[1] != '0')
		__builtin_trap();
	err |= parse_s64(text, 10, &n);
	s = text;
	err |= parse_size(&s, &v);
	if (s < text || s > text + size)
		__builtin_trap();
	p = text;
	while (parse_word(&p, &key, &value)) {
		if (p > text + size || key < text || strlen(key) > size)
			__builtin_trap();
	}
	memcpy(text, data, size);
	p = text;
	while (parse_option(&p, &key, &value)) {
		if (strlen(key) + (value ? strlen(value) : 0) > size)
			__builtin_trap();
	}
	return err > 0;
}
