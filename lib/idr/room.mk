room := lib/idr
deps := lib/radix
objs := idr.o
tests := idr_test.o
pure := y
