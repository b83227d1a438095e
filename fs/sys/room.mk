room := fs/sys
deps := kernel/boot kernel/device kernel/file kernel/frame kernel/lock kernel/ns kernel/procfs \
	kernel/seq kernel/slab kernel/task kernel/tty kernel/uio kernel/vfs
objs := tree.o content.o cpu.o
