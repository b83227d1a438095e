room := fs/kernfs
deps := kernel/boot kernel/file kernel/lock kernel/ns kernel/procfs kernel/seq kernel/slab \
	kernel/uio kernel/vfs
objs := kernfs.o
