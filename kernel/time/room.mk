room := kernel/time
deps := kernel/boot kernel/cred kernel/file kernel/frame kernel/lock kernel/ns kernel/printk \
	kernel/procfs kernel/rcu kernel/sched kernel/seq kernel/signal kernel/slab kernel/task \
	kernel/uaccess kernel/uio kernel/vfs kernel/wait kernel/work lib/parse lib/rbtree
objs := clock.o timer.o cputime.o convert.o syscalls.o adjust.o namespace.o leap.o
tests := time_test.o
