room := kernel/symbol
deps :=
objs := symbol.o
tests := symbol_test.o
