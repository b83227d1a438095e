room := lib/fdt
deps :=
objs := fdt.o
tests := fdt_test.o
fuzz := fdt_fuzz.o
pure := y
