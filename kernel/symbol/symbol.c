/*
 * The symbol table (tools/gen-symbols.py): 32-bit offsets from the first symbol in ascending
 * order, and for each a name of which frequent words are replaced by one byte >= 0x80. Names
 * have no fixed length, so every 16th is marked and the search walks at most 15 names.
 */
#include <kernel/symbol/symbol.h>

#include <kern/string.h>
#include <lib/fmt/fmt.h>

extern const u32 symtab_count;
extern const u64 symtab_base;
extern const u32 symtab_offsets[];
extern const u32 symtab_markers[];
extern const u8 symtab_names[];
extern const u16 symtab_dict_at[128];
extern const char symtab_dict[];
extern char text_end[], init_start[], init_data_start[]; /* of the linker script */

#define NAMES_PER_MARKER 16u

static void symbol_decode(const u8 *entry, char name[SYMBOL_NAME_MAX])
{
	size_t used = 0;

	for (unsigned int i = 1; i <= entry[0]; i++) {
		const char *word = NULL;
		size_t len = 1;

		if (entry[i] >= 0x80) {
			word = symtab_dict + symtab_dict_at[entry[i] - 0x80];
			len = strlen(word);
		}
		if (used + len >= SYMBOL_NAME_MAX)
			break;
		if (word)
			memcpy(name + used, word, len);
		else
			name[used] = (char)entry[i];
		used += len;
	}
	name[used] = '\0';
}

unsigned int symbol_count(void)
{
	return symtab_count;
}

unsigned long symbol_get(unsigned int i, char name[SYMBOL_NAME_MAX])
{
	const u8 *entry = symtab_names + symtab_markers[i / NAMES_PER_MARKER];

	for (unsigned int skip = i % NAMES_PER_MARKER; skip > 0; skip--)
		entry += entry[0] + 1u;
	symbol_decode(entry, name);
	return symtab_base + symtab_offsets[i];
}

/* Text, and the text of boot time behind it; the table holds both. */
static bool is_text(unsigned long addr)
{
	return (addr >= symtab_base && addr < (unsigned long)text_end) ||
	       (addr >= (unsigned long)init_start && addr < (unsigned long)init_data_start);
}

bool symbol_find(unsigned long addr, char name[SYMBOL_NAME_MAX], unsigned long *offset,
		 unsigned long *size)
{
	unsigned int lo = 0, hi = symtab_count;

	if (hi == 0 || !is_text(addr))
		return false;
	while (hi - lo > 1) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (symtab_base + symtab_offsets[mid] <= addr)
			lo = mid;
		else
			hi = mid;
	}

	unsigned long start = symbol_get(lo, name);
	unsigned long end =
		(unsigned long)(addr < (unsigned long)text_end ? text_end : init_data_start);

	if (lo + 1 < symtab_count)
		end = symtab_base + symtab_offsets[lo + 1];
	*offset = addr - start;
	*size = end - start;
	return true;
}

size_t symbol_format(unsigned long addr, char *buf, size_t size)
{
	char name[SYMBOL_NAME_MAX];
	unsigned long offset, len;

	if (!symbol_find(addr, name, &offset, &len))
		return (size_t)scnprintf(buf, size, "0x%lx", addr);
	return (size_t)scnprintf(buf, size, "%s+0x%lx/0x%lx", name, offset, len);
}

/* %pS of printk and snprintf. */
size_t (*fmt_symbol)(unsigned long addr, char *buf, size_t size) = symbol_format;

unsigned long symbol_address(const char *name)
{
	char have[SYMBOL_NAME_MAX];

	for (unsigned int i = 0; i < symtab_count; i++) {
		unsigned long addr = symbol_get(i, have);

		if (strcmp(have, name) == 0)
			return addr;
	}
	return 0;
}
