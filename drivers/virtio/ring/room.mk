room := drivers/virtio/ring
deps :=
objs := ring.o
tests := ring_test.o
fuzz := ring_fuzz.o
pure := y
