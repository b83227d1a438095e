room := kernel/procfs
deps := kernel/file kernel/poll kernel/rcu kernel/seq kernel/task kernel/vfs kernel/wait \
	lib/parse
objs := procfs.o
