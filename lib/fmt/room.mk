room := lib/fmt
deps :=
objs := fmt.o
tests := fmt_test.o
pure := y
