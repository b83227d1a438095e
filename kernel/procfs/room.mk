room := kernel/procfs
deps := kernel/rcu kernel/task kernel/vfs
objs := procfs.o
