room := fs/sys
deps := kernel/boot kernel/device kernel/file kernel/lock kernel/seq kernel/slab kernel/task kernel/vfs kernel/mm \
	kernel/frame lib/parse
objs := tree.o content.o
