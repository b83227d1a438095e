room := fs/sys
deps := fs/kernfs kernel/boot kernel/device kernel/frame kernel/lock kernel/ns kernel/seq \
	kernel/task kernel/tty kernel/vfs
objs := tree.o content.o cpu.o
