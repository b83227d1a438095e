room := kernel/ntty
deps :=
objs := ntty.o output.o
tests := ntty_test.o
fuzz := ntty_fuzz.o
pure := y
cflags := -Wconversion
