room := lib/fmt
deps := lib/string
objs := fmt.o
tests := fmt_test.o
pure := y
