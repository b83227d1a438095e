room := kernel/watchdog
deps := kernel/boot kernel/panic kernel/printk kernel/procfs kernel/rcu kernel/sched kernel/task \
	kernel/time kernel/wait
objs := lockup.o hung.o
tests := watchdog_test.o
