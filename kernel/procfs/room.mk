room := kernel/procfs
deps := kernel/lock kernel/seq kernel/task kernel/vfs
objs := procfs.o
