room := kernel/lock
deps := kernel/panic kernel/printk kernel/procfs kernel/rcu kernel/sched kernel/seq \
	kernel/signal kernel/symbol kernel/task kernel/time kernel/uio kernel/vfs
objs := spin.o mutex.o rwsem.o
objs-$(CONFIG_DEBUG_LOCKS) += check.o stat.o
tests := lock_test.o
