room := lib/cpio
deps :=
objs := cpio.o
tests := cpio_test.o
fuzz := cpio_fuzz.o
pure := y
