room := lib/bitmap
deps :=
objs := bitmap.o
tests := bitmap_test.o
pure := y
fuzz := bitmap_fuzz.o
