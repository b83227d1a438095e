room := kernel/dmabuf
deps := kernel/boot kernel/file kernel/lock kernel/mm kernel/poll kernel/seq kernel/slab \
	kernel/uaccess kernel/vfs
objs := dmabuf.o
