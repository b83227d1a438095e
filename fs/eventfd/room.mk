room := fs/eventfd
deps := kernel/file kernel/poll kernel/seq kernel/slab kernel/syscall kernel/uio kernel/vfs
objs := eventfd.o
