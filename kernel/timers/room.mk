room := kernel/timers
deps := kernel/boot kernel/cred kernel/lock kernel/procfs kernel/rcu kernel/sched kernel/seq \
	kernel/signal kernel/slab kernel/task kernel/time kernel/uaccess
objs := itimer.o posix.o
