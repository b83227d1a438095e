room := lib/ringbuf
deps :=
objs := ringbuf.o
tests := ringbuf_test.o
pure := y
