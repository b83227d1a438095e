room := lib/parse
deps := lib/string
objs := parse.o
tests := parse_test.o
fuzz := parse_fuzz.o
pure := y
