room := kernel/printk
deps := kernel/boot kernel/cmdline kernel/cred kernel/device kernel/file kernel/lock \
	kernel/panic kernel/poll kernel/procfs kernel/sched kernel/slab kernel/task kernel/time \
	kernel/uaccess kernel/uio kernel/vfs kernel/vmap kernel/wait
objs := printk.o ring.o syslog.o kmsg.o
tests := printk_test.o
