room := kernel/seq
deps := kernel/file kernel/lock kernel/slab kernel/uio kernel/vfs lib/bitmap
objs := seq.o
