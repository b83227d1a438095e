room := kernel/ntty
deps :=
objs := ntty.o output.o
pure := y
cflags := -Wconversion
