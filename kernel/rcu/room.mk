room := kernel/rcu
deps := kernel/lock kernel/panic kernel/printk kernel/procfs kernel/sched kernel/slab \
	kernel/task kernel/time kernel/wait
objs := rcu.o
tests := rcu_test.o
