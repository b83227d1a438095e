room := fs/debugfs
deps := fs/kernfs kernel/boot kernel/lock kernel/ns kernel/seq kernel/slab kernel/vfs lib/parse
objs := debugfs.o
