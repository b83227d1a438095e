room := lib/utf8
deps :=
objs := utf8.o
tests := utf8_test.o
pure := y
