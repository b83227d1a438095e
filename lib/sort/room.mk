room := lib/sort
deps :=
objs := sort.o
tests := sort_test.o
pure := y
