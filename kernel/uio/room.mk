room := kernel/uio
deps := kernel/frame kernel/slab kernel/uaccess
objs := uio.o
tests := uio_test.o
