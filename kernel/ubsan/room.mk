room := kernel/ubsan
deps :=
objs-$(CONFIG_UBSAN) := ubsan.o
sanitize-ubsan.o := n
tests := ubsan_test.o
