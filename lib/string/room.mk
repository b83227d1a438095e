room := lib/string
deps :=
objs := mem.o str.o
tests := string_test.o
pure := y
# The bodies of memset and friends must not be turned into calls to themselves.
cflags := -fno-builtin
