room := net/unix
deps := kernel/boot kernel/bus kernel/cred kernel/file kernel/lock kernel/ns kernel/poll kernel/printk \
	kernel/procfs kernel/rcu kernel/rng kernel/seq kernel/signal kernel/slab kernel/task \
	kernel/time kernel/uaccess kernel/uio kernel/vfs kernel/wait kernel/work lib/hash net/core
objs := unix.o flight.o show.o name.o connect.o message.o stream.o datagram.o control.o oob.o
