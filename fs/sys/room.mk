room := fs/sys
deps := kernel/boot kernel/device kernel/file kernel/frame kernel/lock kernel/procfs kernel/seq \
	kernel/slab kernel/tty kernel/uio kernel/vfs lib/bitmap
objs := tree.o content.o cpu.o
