room := net/unix
deps := net/core kernel/cred kernel/file kernel/lock kernel/poll kernel/slab kernel/signal kernel/task kernel/time \
	kernel/uaccess kernel/uio kernel/vfs kernel/wait
objs := unix.o name.o connect.o message.o stream.o datagram.o control.o
