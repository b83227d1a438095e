room := kernel/seq
deps := kernel/file kernel/lock kernel/slab kernel/uio kernel/vfs
objs := seq.o
