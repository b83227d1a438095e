room := kernel/lock
deps := kernel/panic kernel/printk kernel/rcu kernel/sched kernel/signal kernel/symbol \
	kernel/task
objs := spin.o mutex.o rwsem.o
objs-$(CONFIG_DEBUG_LOCKS) += check.o
tests := lock_test.o
