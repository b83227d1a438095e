room := kernel/timers
deps := kernel/boot kernel/cred kernel/lock kernel/rcu kernel/sched kernel/signal kernel/slab \
	kernel/task kernel/time kernel/uaccess
objs := itimer.o posix.o
