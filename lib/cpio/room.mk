room := lib/cpio
deps := lib/string
objs := cpio.o
tests := cpio_test.o
fuzz := cpio_fuzz.o
pure := y
