room := lib/radix
deps :=
objs := radix.o radix_walk.o
tests := radix_test.o
pure := y
