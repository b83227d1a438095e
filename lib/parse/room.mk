room := lib/parse
deps :=
objs := parse.o
tests := parse_test.o
fuzz := parse_fuzz.o
pure := y
