room := kernel/symbol
deps := lib/fmt
objs := symbol.o
tests := symbol_test.o
