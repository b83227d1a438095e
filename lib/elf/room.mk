room := lib/elf
deps :=
objs := elf.o
tests := elf_test.o
fuzz := elf_fuzz.o
pure := y
