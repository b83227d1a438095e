room := kernel/time
deps := kernel/boot kernel/cred kernel/lock kernel/printk kernel/rcu kernel/sched kernel/signal \
	kernel/task kernel/uaccess kernel/wait kernel/work lib/rbtree
objs := clock.o timer.o cputime.o convert.o syscalls.o adjust.o
tests := time_test.o
