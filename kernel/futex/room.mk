room := kernel/futex
deps := kernel/cred kernel/lock kernel/mm kernel/rcu kernel/sched kernel/signal kernel/syscall \
	kernel/task kernel/time kernel/uaccess
objs := futex.o pi.o robust.o
