#include <kern/ktest.h>
#include <kernel/symbol/symbol.h>

KTEST(symbol, finds_itself)
{
	char name[SYMBOL_NAME_MAX];
	unsigned long offset, size;

	KTEST_REQUIRE(symbol_find((unsigned long)symbol_find + 1, name, &offset, &size));
	EXPECT_EQ(strcmp(name, "symbol_find"), 0);
	EXPECT_EQ(offset, 1ul);
	EXPECT_EQ(symbol_address("symbol_find"), (unsigned long)symbol_find);
}

KTEST(symbol, refuses_what_is_not_text)
{
	char name[SYMBOL_NAME_MAX];
	unsigned long offset, size;

	EXPECT_EQ(symbol_find(0x1000, name, &offset, &size), false);
	EXPECT_EQ(symbol_find(~0ul, name, &offset, &size), false);
	EXPECT_EQ(symbol_address("no such function"), 0ul);
}

KTEST(symbol, addresses_ascend)
{
	char name[SYMBOL_NAME_MAX];
	unsigned long last = 0;

	KTEST_REQUIRE(symbol_count() > 100);
	for (unsigned int i = 0; i < symbol_count(); i++) {
		unsigned long addr = symbol_get(i, name);

		EXPECT_EQ(addr > last, true);
		EXPECT_EQ(name[0] != '\0', true);
		last = addr;
	}
}
