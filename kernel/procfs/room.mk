room := kernel/procfs
deps := kernel/file kernel/rcu kernel/seq kernel/task kernel/vfs lib/parse
objs := procfs.o
