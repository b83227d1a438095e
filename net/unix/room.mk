room := net/unix
deps := kernel/boot kernel/ns kernel/procfs kernel/seq kernel/work kernel/cred kernel/file kernel/lock kernel/poll kernel/printk kernel/rng kernel/signal \
	kernel/slab kernel/task kernel/uaccess kernel/uio kernel/vfs kernel/wait lib/hash net/core
objs := unix.o flight.o show.o name.o connect.o message.o stream.o datagram.o control.o
