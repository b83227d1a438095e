room := fs/signalfd
deps := kernel/file kernel/poll kernel/seq kernel/signal kernel/slab kernel/syscall kernel/task \
	kernel/uaccess kernel/uio kernel/vfs
objs := signalfd.o
