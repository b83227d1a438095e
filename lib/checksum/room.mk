room := lib/checksum
deps :=
objs := crc.o inet.o
tests := checksum_test.o
pure := y
