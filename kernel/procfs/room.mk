room := kernel/procfs
deps := kernel/file kernel/lock kernel/poll kernel/printk kernel/rcu kernel/seq kernel/task \
	kernel/vfs kernel/wait lib/parse
objs := procfs.o
